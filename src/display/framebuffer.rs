//! The display on `/dev/fb0`: Linux' framebuffer device, whatever its pixels look like.
//!
//! The structures are those of Linux `linux/fb.h`. This file has the display's only `unsafe` blocks: two
//! ioctls that fill a structure, and one mapping.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use embedded_graphics::geometry::Size;
use embedded_graphics::primitives::Rectangle;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::display::canvas::Canvas;
use crate::display::is_drawable;
use crate::display::pixel::{Bits, PixelLayout, pack};
use crate::error::{Dispose, Disposition};

/// What went wrong with a framebuffer.
#[derive(Debug, thiserror::Error)]
pub enum FramebufferError {
    /// It is not there, or not ours.
    #[error("could not open framebuffer `{path}`")]
    Open {
        /// The device.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not answer as a framebuffer.
    #[error("could not ask framebuffer `{path}` for its layout")]
    Ask {
        /// The device.
        path: PathBuf,
        /// Why.
        source: nix::Error,
    },
    /// Its memory cannot be had.
    #[error("could not map framebuffer `{path}`")]
    Map {
        /// The device.
        path: PathBuf,
        /// Why.
        source: nix::Error,
    },
    /// It has a layout or a size that is not supported.
    #[error("framebuffer `{path}` is {width}x{height} with {bits_per_pixel} bits: not supported")]
    Layout {
        /// The device.
        path: PathBuf,
        /// Visible width, pixels.
        width: u32,
        /// Visible height, pixels.
        height: u32,
        /// Bits a pixel.
        bits_per_pixel: u32,
    },
}

impl Dispose for FramebufferError {
    fn disposition(&self) -> Disposition {
        match self {
            // A panel may come up after us.
            Self::Open { .. } | Self::Ask { .. } | Self::Map { .. } => Disposition::Retry,
            Self::Layout { .. } => Disposition::Reject,
        }
    }
}

/// `struct fb_bitfield`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct FbBitfield {
    offset: u32,
    length: u32,
    msb_right: u32,
}

/// `struct fb_var_screeninfo`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct FbVarScreeninfo {
    xres: u32,
    yres: u32,
    xres_virtual: u32,
    yres_virtual: u32,
    xoffset: u32,
    yoffset: u32,
    bits_per_pixel: u32,
    grayscale: u32,
    red: FbBitfield,
    green: FbBitfield,
    blue: FbBitfield,
    transp: FbBitfield,
    /// From `nonstd` to `reserved`: of no use here.
    rest: [u32; 20],
}

/// `struct fb_fix_screeninfo`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct FbFixScreeninfo {
    id: [u8; 16],
    smem_start: libc_ulong,
    smem_len: u32,
    kind: u32,
    type_aux: u32,
    visual: u32,
    xpanstep: u16,
    ypanstep: u16,
    ywrapstep: u16,
    line_length: u32,
    mmio_start: libc_ulong,
    mmio_len: u32,
    accel: u32,
    capabilities: u16,
    reserved: [u16; 2],
}

#[allow(non_camel_case_types, reason = "C's name")]
type libc_ulong = std::ffi::c_ulong;

const FBIOGET_VSCREENINFO: libc_ulong = 0x4600;
const FBIOGET_FSCREENINFO: libc_ulong = 0x4602;

// The kernel writes whole structures: ours must be as large as its own (64-bit).
const _: () = assert!(size_of::<FbVarScreeninfo>() == 160);
const _: () = assert!(size_of::<FbFixScreeninfo>() == 80);

mod ioctl {
    use super::{FBIOGET_FSCREENINFO, FBIOGET_VSCREENINFO, FbFixScreeninfo, FbVarScreeninfo};

    nix::ioctl_read_bad!(variable_screeninfo, FBIOGET_VSCREENINFO, FbVarScreeninfo);
    nix::ioctl_read_bad!(fixed_screeninfo, FBIOGET_FSCREENINFO, FbFixScreeninfo);
}

/// A mapped framebuffer.
#[derive(Debug)]
pub struct Framebuffer {
    memory: Mapping,
    geometry: Geometry,
}

impl Framebuffer {
    /// Opens and maps a framebuffer device.
    ///
    /// # Errors
    /// See [`FramebufferError`].
    pub fn open(path: &Path) -> Result<Self, FramebufferError> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|source| FramebufferError::Open { path: path.to_owned(), source })?;
        let ask = |source| FramebufferError::Ask { path: path.to_owned(), source };
        let mut variable = FbVarScreeninfo::default();
        // SAFETY: the descriptor is open, and the request fills exactly one `fb_var_screeninfo`, whose
        // size is checked above.
        unsafe { ioctl::variable_screeninfo(device.as_raw_fd(), &raw mut variable) }
            .map_err(ask)?;
        let mut fixed = FbFixScreeninfo::default();
        // SAFETY: as above, for `fb_fix_screeninfo`.
        unsafe { ioctl::fixed_screeninfo(device.as_raw_fd(), &raw mut fixed) }.map_err(ask)?;
        let geometry =
            Geometry::new(&variable, &fixed).ok_or_else(|| FramebufferError::Layout {
                path: path.to_owned(),
                width: variable.xres,
                height: variable.yres,
                bits_per_pixel: variable.bits_per_pixel,
            })?;
        let memory = Mapping::new(&device, geometry.memory_bytes)
            .map_err(|source| FramebufferError::Map { path: path.to_owned(), source })?;
        Ok(Self { memory, geometry })
    }

    /// The panel's size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.geometry.size
    }

    /// Writes `areas` of a picture of [`Framebuffer::size`]. Says whether it fitted.
    pub fn show(&mut self, canvas: &Canvas, areas: &[Rectangle]) -> bool {
        let Geometry { layout, stride, first_byte, .. } = self.geometry;
        let visible = &mut self.memory.bytes()[first_byte..];
        areas.iter().all(|area| pack(canvas, &layout, stride, visible, *area))
    }
}

/// What the two structures say, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    size: Size,
    layout: PixelLayout,
    /// Bytes from one row to the next.
    stride: usize,
    /// Where the visible part begins; the rest is for panning.
    first_byte: usize,
    memory_bytes: NonZeroUsize,
}

impl Geometry {
    fn new(variable: &FbVarScreeninfo, fixed: &FbFixScreeninfo) -> Option<Self> {
        let bits = |field: FbBitfield| Bits { offset: field.offset, length: field.length };
        let rgb = [bits(variable.red), bits(variable.green), bits(variable.blue)];
        let layout = PixelLayout::new(variable.bits_per_pixel, rgb, Some(bits(variable.transp)))?;
        let size = Size::new(variable.xres, variable.yres);
        if !is_drawable(size) {
            return None;
        }
        let stride = usize::try_from(fixed.line_length).ok()?;
        let (x, y) =
            (usize::try_from(variable.xoffset).ok()?, usize::try_from(variable.yoffset).ok()?);
        let first_byte = y.checked_mul(stride)?.checked_add(x.checked_mul(layout.n_bytes)?)?;
        let memory_bytes = NonZeroUsize::new(usize::try_from(fixed.smem_len).ok()?)?;
        let row_bytes = size.width as usize * layout.n_bytes;
        let end = first_byte
            .checked_add((size.height as usize - 1).checked_mul(stride)?)?
            .checked_add(row_bytes)?;
        (row_bytes <= stride && end <= memory_bytes.get()).then_some(Self {
            size,
            layout,
            stride,
            first_byte,
            memory_bytes,
        })
    }
}

/// Device memory, shared with the panel.
#[derive(Debug)]
struct Mapping {
    start: NonNull<c_void>,
    n_bytes: NonZeroUsize,
}

// SAFETY: the mapping belongs to this value alone and is reached through `&mut self`; nothing of it is
// tied to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(device: &File, n_bytes: NonZeroUsize) -> nix::Result<Self> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours.
        let start = unsafe { mmap(None, n_bytes, access, MapFlags::MAP_SHARED, device, 0) }?;
        Ok(Self { start, n_bytes })
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `start` maps `n_bytes` readable and writable bytes until drop; `&mut self` makes this
        // the only slice. The panel only reads, so nobody changes the bytes under us.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.cast::<u8>().as_ptr(), self.n_bytes.get())
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped, and no slice of it is left.
        // An error would leak the mapping, which the end of the process takes back.
        let _ = unsafe { munmap(self.start, self.n_bytes.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> (FbVarScreeninfo, FbFixScreeninfo) {
        let bits = |offset, length| FbBitfield { offset, length, msb_right: 0 };
        let variable = FbVarScreeninfo {
            xres: 480,
            yres: 320,
            yoffset: 320,
            bits_per_pixel: 16,
            red: bits(11, 5),
            green: bits(5, 6),
            blue: bits(0, 5),
            ..FbVarScreeninfo::default()
        };
        let fixed = FbFixScreeninfo {
            smem_len: 1024 * 640,
            line_length: 1024,
            ..FbFixScreeninfo::default()
        };
        (variable, fixed)
    }

    #[test]
    fn the_visible_part_is_found() {
        let (variable, fixed) = panel();
        let geometry = Geometry::new(&variable, &fixed).unwrap();
        assert_eq!((geometry.size, geometry.stride), (Size::new(480, 320), 1024));
        assert_eq!(geometry.first_byte, 320 * 1024);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let check = |change: fn(&mut FbVarScreeninfo, &mut FbFixScreeninfo)| {
            let (mut variable, mut fixed) = panel();
            change(&mut variable, &mut fixed);
            assert_eq!(Geometry::new(&variable, &fixed), None);
        };
        check(|_, fixed| fixed.smem_len = 1024 * 639);
        check(|_, fixed| fixed.line_length = 959);
        check(|variable, _| variable.yoffset = u32::MAX);
        check(|variable, _| variable.xres = 8);
        check(|variable, _| variable.yres = 100_000);
        check(|variable, _| variable.bits_per_pixel = 8);
    }

    #[test]
    fn a_file_that_is_no_framebuffer_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Framebuffer::open(file.path()), Err(FramebufferError::Ask { .. })));
        let missing = Framebuffer::open(Path::new("/nowhere/fb0"));
        assert!(matches!(missing, Err(FramebufferError::Open { .. })));
    }

    /// Blackens a real panel, where `PAROTIDD_TEST_FRAMEBUFFER` names one.
    #[test]
    fn a_real_framebuffer_takes_a_picture() {
        let Some(path) = std::env::var_os("PAROTIDD_TEST_FRAMEBUFFER") else {
            eprintln!("skipped: PAROTIDD_TEST_FRAMEBUFFER is not set");
            return;
        };
        let mut framebuffer = Framebuffer::open(Path::new(&path)).unwrap();
        let black = embedded_graphics::pixelcolor::Rgb888::new(0, 0, 0);
        let whole = Rectangle::new(Default::default(), framebuffer.size());
        assert!(framebuffer.show(&Canvas::new(framebuffer.size(), black), &[whole]));
    }
}
