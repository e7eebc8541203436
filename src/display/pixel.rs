//! A picture into a framebuffer's bytes: any layout of 16, 24 or 32 bits. Pure, so that it is tested
//! without a device.

use embedded_graphics::geometry::OriginDimensions;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};

use crate::display::canvas::Canvas;

/// Where a colour's bits stand in a pixel (`struct fb_bitfield`, Linux `linux/fb.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// Lowest bit.
    pub offset: u32,
    /// How many, 1..=8.
    pub length: u32,
}

impl Bits {
    fn place(self, channel: u8) -> u32 {
        (u32::from(channel) >> (8 - self.length)) << self.offset
    }
}

/// How a framebuffer lays out its pixels; little endian, as every board here is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelLayout {
    /// 2, 3 or 4.
    pub n_bytes: usize,
    /// Red.
    pub red: Bits,
    /// Green.
    pub green: Bits,
    /// Blue.
    pub blue: Bits,
    /// Opacity, where the hardware has one: set to full.
    pub alpha: Option<Bits>,
}

impl PixelLayout {
    /// A layout that [`pack`] can write, or nothing.
    #[must_use]
    pub fn new(bits_per_pixel: u32, rgb: [Bits; 3], alpha: Option<Bits>) -> Option<Self> {
        let n_bytes = match bits_per_pixel {
            16 => 2,
            24 => 3,
            32 => 4,
            _ => return None,
        };
        let fits = |bits: Bits| {
            (1..=8).contains(&bits.length)
                && bits.offset.checked_add(bits.length).is_some_and(|end| end <= bits_per_pixel)
        };
        let [red, green, blue] = rgb;
        let alpha = alpha.filter(|bits| bits.length > 0);
        (rgb.into_iter().chain(alpha).all(fits)).then_some(Self {
            n_bytes,
            red,
            green,
            blue,
            alpha,
        })
    }

    /// The first [`PixelLayout::n_bytes`] bytes are the pixel.
    fn bytes(&self, color: Rgb888) -> [u8; 4] {
        let opaque = self.alpha.map_or(0, |alpha| alpha.place(u8::MAX));
        let word = self.red.place(color.r())
            | self.green.place(color.g())
            | self.blue.place(color.b())
            | opaque;
        word.to_le_bytes()
    }
}

/// Writes the picture into `memory`, whose rows start `stride` bytes apart. Says whether it fits; where
/// it does not, nothing is written.
pub fn pack(canvas: &Canvas, layout: &PixelLayout, stride: usize, memory: &mut [u8]) -> bool {
    let size = canvas.size();
    let row_bytes = size.width as usize * layout.n_bytes;
    let n_rows = size.height as usize;
    let end = n_rows.saturating_sub(1).saturating_mul(stride).saturating_add(row_bytes);
    if row_bytes > stride || end > memory.len() {
        return false;
    }
    if row_bytes == 0 {
        return true;
    }
    for (row, line) in canvas.rows().zip(memory.chunks_mut(stride)) {
        for (&color, bytes) in row.iter().zip(line.chunks_exact_mut(layout.n_bytes)) {
            bytes.copy_from_slice(&layout.bytes(color)[..layout.n_bytes]);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::{Point, Size};
    use proptest::prelude::*;

    use super::*;

    const fn bits(offset: u32, length: u32) -> Bits {
        Bits { offset, length }
    }

    fn rgb565() -> PixelLayout {
        PixelLayout::new(16, [bits(11, 5), bits(5, 6), bits(0, 5)], None).unwrap()
    }

    fn xrgb8888() -> PixelLayout {
        PixelLayout::new(32, [bits(16, 8), bits(8, 8), bits(0, 8)], None).unwrap()
    }

    #[test]
    fn a_color_lands_in_its_bits() {
        let check = |layout: Option<PixelLayout>, color: (u8, u8, u8), bytes: &[u8]| {
            let layout = layout.unwrap();
            let color = Rgb888::new(color.0, color.1, color.2);
            assert_eq!(&layout.bytes(color)[..layout.n_bytes], bytes);
        };
        check(Some(rgb565()), (255, 0, 0), &[0x00, 0xf8]);
        check(Some(rgb565()), (0, 255, 0), &[0xe0, 0x07]);
        check(Some(rgb565()), (0, 0, 255), &[0x1f, 0x00]);
        check(Some(xrgb8888()), (1, 2, 3), &[3, 2, 1, 0]);
        let bgr24 = PixelLayout::new(24, [bits(0, 8), bits(8, 8), bits(16, 8)], None);
        check(bgr24, (1, 2, 3), &[1, 2, 3]);
        let argb = PixelLayout::new(32, [bits(16, 8), bits(8, 8), bits(0, 8)], Some(bits(24, 8)));
        check(argb, (1, 2, 3), &[3, 2, 1, 255]);
        let no_alpha =
            PixelLayout::new(32, [bits(16, 8), bits(8, 8), bits(0, 8)], Some(bits(0, 0)));
        check(no_alpha, (1, 2, 3), &[3, 2, 1, 0]);
    }

    #[test]
    fn impossible_layouts_are_refused() {
        let rgb = [bits(16, 8), bits(8, 8), bits(0, 8)];
        assert_eq!(PixelLayout::new(8, rgb, None), None);
        assert_eq!(PixelLayout::new(16, rgb, None), None);
        assert_eq!(PixelLayout::new(32, [bits(30, 8), rgb[1], rgb[2]], None), None);
        assert_eq!(PixelLayout::new(32, [bits(u32::MAX, 8), rgb[1], rgb[2]], None), None);
        assert_eq!(PixelLayout::new(32, [bits(0, 0), rgb[1], rgb[2]], None), None);
    }

    #[test]
    fn the_padding_of_a_row_is_left_alone() {
        let mut canvas = Canvas::new(Size::new(2, 2), Rgb888::new(255, 255, 255));
        canvas.blend(Point::new(1, 1), Rgb888::new(0, 0, 0), 255);
        let mut memory = [7; 5 + 4];
        assert!(pack(&canvas, &rgb565(), 5, &mut memory));
        assert_eq!(memory, [255, 255, 255, 255, 7, 255, 255, 0, 0]);
    }

    proptest! {
        #[test]
        fn memory_of_any_size_is_safe(
            width in 0_u32..9, height in 0_u32..9, stride in 0_usize..40, length in 0_usize..400,
        ) {
            let canvas = Canvas::new(Size::new(width, height), Rgb888::new(1, 2, 3));
            let mut memory = vec![9; length];
            let fits = pack(&canvas, &xrgb8888(), stride, &mut memory);
            let n_written = memory.iter().filter(|&&byte| byte != 9).count();
            prop_assert_eq!(n_written, if fits { (width * height * 4) as usize } else { 0 });
        }
    }
}
