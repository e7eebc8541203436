//! The display on a graphics card (`/dev/dri/card*`): Linux' direct rendering manager, without libdrm.
//!
//! One buffer in plain memory of the card ("dumb"): what changed is written into it and announced, which panels
//! behind SPI and virtual cards need and others do without. What was up before is put back at the end.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use ::drm::Device;
use ::drm::buffer::{Buffer as _, DrmFourcc};
use ::drm::control::dumbbuffer::DumbBuffer;
use ::drm::control::{
    ClipRect, Device as Control, Mode, ModeTypeFlags, ResourceHandles, connector, crtc, framebuffer,
};
use embedded_graphics::geometry::Size;
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;
use crate::display::drm_choice::{ConnectorFacts, ModeFacts, NoConnector, choose};
use crate::display::pixel::{PixelLayout, pack};
use crate::error::{Dispose, Disposition};
use crate::limits::DRM_CARDS_MAX;

/// What went wrong with a graphics card.
#[derive(Debug, thiserror::Error)]
pub enum DrmError {
    /// It is not there, or not ours.
    #[error("could not open graphics card `{path}`; is it there, and is this user in group video?")]
    Open {
        /// The device.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// None is there at all.
    #[error(
        "there is no graphics card with a panel under /dev/dri; load its driver, or use \"framebuffer\""
    )]
    NoCard,
    /// It has no panel that can be used.
    #[error("graphics card `{path}` shows nothing")]
    Connector {
        /// The device.
        path: PathBuf,
        /// Why.
        source: NoConnector,
    },
    /// Another program draws on it.
    #[error(
        "graphics card `{path}` belongs to another program; stop the desktop, boot splash or console \
         that uses it"
    )]
    NotMaster {
        /// The device.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It refused a step.
    #[error("graphics card `{path}` could not {what}")]
    Step {
        /// The device.
        path: PathBuf,
        /// What was asked for.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Dispose for DrmError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Connector { source: NoConnector::Unknown { .. }, .. } => Disposition::Reject,
            // Panels are plugged in and drivers load after us.
            _ => Disposition::Retry,
        }
    }
}

#[derive(Debug)]
struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device for Card {}
impl Control for Card {}

/// A panel of a graphics card that shows our buffer.
#[derive(Debug)]
pub struct Drm {
    card: Card,
    path: PathBuf,
    connector: connector::Handle,
    mode: Mode,
    crtc: crtc::Handle,
    /// What the card showed before.
    before: Option<crtc::Info>,
    /// `None` only while it is dropped.
    buffer: Option<DumbBuffer>,
    framebuffer: framebuffer::Handle,
    layout: PixelLayout,
}

impl Drm {
    /// The first card with a panel, or the one and the connector that are named.
    ///
    /// # Errors
    /// See [`DrmError`].
    pub fn open(device: Option<&Path>, connector: Option<&str>) -> Result<Self, DrmError> {
        if let Some(path) = device {
            return Self::open_card(path, connector);
        }
        let mut last = DrmError::NoCard;
        for n in 0..DRM_CARDS_MAX {
            let path = PathBuf::from(format!("/dev/dri/card{n}"));
            if !path.exists() {
                continue;
            }
            match Self::open_card(&path, connector) {
                Ok(drm) => return Ok(drm),
                // A card that only computes has no connectors; one with a panel says more.
                Err(DrmError::Step { what: LIST, .. }) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn open_card(path: &Path, wanted: Option<&str>) -> Result<Self, DrmError> {
        let open = OpenOptions::new().read(true).write(true).open(path);
        let open = open.map_err(|source| DrmError::Open { path: path.to_owned(), source })?;
        let card = Card(open);
        let at = Steps { path };
        let resources = at.step(LIST, card.resource_handles())?;
        let infos: Vec<connector::Info> = resources
            .connectors()
            .iter()
            // Probed: a panel may have come since the card was looked at last.
            .filter_map(|handle| card.get_connector(*handle, true).ok())
            .collect();
        let facts: Vec<_> = infos.iter().map(facts).collect();
        let (index, mode) = choose(&facts, wanted)
            .map_err(|source| DrmError::Connector { path: path.to_owned(), source })?;
        let (info, mode) = (&infos[index], infos[index].modes()[mode]);
        card.acquire_master_lock()
            .map_err(|source| DrmError::NotMaster { path: path.to_owned(), source })?;
        let crtc = at.step("find a free scan-out engine", scan_out(&card, &resources, info))?;
        let before = card.get_crtc(crtc).ok();
        let (buffer, framebuffer, layout) = at.step("give a buffer", make_buffer(&card, mode))?;
        let connector = info.handle();
        let drm = Self {
            card,
            path: path.to_owned(),
            connector,
            mode,
            crtc,
            before,
            buffer: Some(buffer),
            framebuffer,
            layout,
        };
        let set = drm.card.set_crtc(crtc, Some(framebuffer), (0, 0), &[connector], Some(mode));
        at.step("show our buffer", set)?;
        Ok(drm)
    }

    /// The panel's size.
    #[must_use]
    pub fn size(&self) -> Size {
        let (width, height) = self.mode.size();
        Size::new(width.into(), height.into())
    }

    /// Whether the panel is still plugged in. Asks for what the kernel knows: a probe would take the
    /// bus from others.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let info = self.card.get_connector(self.connector, false);
        info.is_ok_and(|info| info.state() == connector::State::Connected)
    }

    /// Writes `areas` of a picture of [`Drm::size`].
    ///
    /// # Errors
    /// When the card does not give its memory.
    pub fn show(&mut self, canvas: &Canvas, areas: &[Rectangle]) -> Result<bool, DrmError> {
        let at = Steps { path: &self.path };
        let Some(buffer) = &mut self.buffer else { return Ok(false) };
        let stride = buffer.pitch() as usize;
        let mut memory = at.step("map its buffer", self.card.map_dumb_buffer(buffer))?;
        let fits = areas.iter().all(|area| pack(canvas, &self.layout, stride, &mut memory, *area));
        drop(memory);
        let clips: Vec<_> = areas.iter().map(clip).collect();
        // Cards that scan the buffer out by themselves do not know the call: nothing is left to do.
        let _ = self.card.dirty_framebuffer(self.framebuffer, &clips);
        Ok(fits)
    }
}

impl Drop for Drm {
    fn drop(&mut self) {
        // What cannot be put back is left to whoever draws next.
        if let Some(before) = &self.before {
            let (mode, position) = (before.mode(), before.position());
            let connectors: &[_] = if mode.is_some() { &[self.connector] } else { &[] };
            let shown = before.framebuffer();
            let _ = self.card.set_crtc(self.crtc, shown, position, connectors, mode);
        }
        let _ = self.card.destroy_framebuffer(self.framebuffer);
        if let Some(buffer) = self.buffer.take() {
            let _ = self.card.destroy_dumb_buffer(buffer);
        }
        let _ = self.card.release_master_lock();
    }
}

const LIST: &str = "list its connectors";

struct Steps<'a> {
    path: &'a Path,
}

impl Steps<'_> {
    fn step<T>(&self, what: &'static str, result: std::io::Result<T>) -> Result<T, DrmError> {
        let path = self.path.to_owned();
        result.map_err(|source| DrmError::Step { path, what, source })
    }
}

fn facts(info: &connector::Info) -> ConnectorFacts {
    let mode = |mode: &Mode| {
        let (width, height) = mode.size();
        ModeFacts {
            size: Size::new(width.into(), height.into()),
            refresh_hz: mode.vrefresh(),
            is_preferred: mode.mode_type().contains(ModeTypeFlags::PREFERRED),
        }
    };
    ConnectorFacts {
        name: format!("{}-{}", info.interface().as_str(), info.interface_id()),
        is_connected: info.state() == connector::State::Connected,
        modes: info.modes().iter().map(mode).collect(),
    }
}

/// The engine that feeds the connector now, else the first that can.
fn scan_out(
    card: &Card,
    resources: &ResourceHandles,
    info: &connector::Info,
) -> std::io::Result<crtc::Handle> {
    let encoder = |handle| card.get_encoder(handle).ok();
    let current = info.current_encoder().and_then(encoder).and_then(|encoder| encoder.crtc());
    let possible = info
        .encoders()
        .iter()
        .filter_map(|handle| encoder(*handle))
        .find_map(|it| resources.filter_crtcs(it.possible_crtcs()).first().copied());
    current.or(possible).ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// 32 bits a pixel, or 16 where the card has no more.
fn make_buffer(
    card: &Card,
    mode: Mode,
) -> std::io::Result<(DumbBuffer, framebuffer::Handle, PixelLayout)> {
    let (width, height) = mode.size();
    let make = |format, depth, bits, layout| {
        let buffer = card.create_dumb_buffer((width.into(), height.into()), format, bits)?;
        match card.add_framebuffer(&buffer, depth, bits) {
            Ok(framebuffer) => Ok((buffer, framebuffer, layout)),
            Err(error) => {
                // Freed with the card otherwise.
                let _ = card.destroy_dumb_buffer(buffer);
                Err(error)
            }
        }
    };
    make(DrmFourcc::Xrgb8888, 24, 32, PixelLayout::XRGB8888)
        .or_else(|_| make(DrmFourcc::Rgb565, 16, 16, PixelLayout::RGB565))
}

fn clip(area: &Rectangle) -> ClipRect {
    let number = |value: i32| u16::try_from(value).unwrap_or(u16::MAX);
    let (start, end) = (area.top_left, area.top_left + area.size);
    ClipRect::new(number(start.x), number(start.y), number(end.x), number(end.y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_graphics_card_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Drm::open(Some(file.path()), None).unwrap_err();
        assert!(matches!(error, DrmError::Step { what: LIST, .. }), "{error}");
        let missing = Drm::open(Some(Path::new("/nowhere/card0")), None);
        assert!(matches!(missing, Err(DrmError::Open { .. })));
    }

    /// Blackens a real panel, where `PAROTIDD_TEST_DRM` names its card.
    #[test]
    fn a_real_card_takes_a_picture() {
        let Some(path) = std::env::var_os("PAROTIDD_TEST_DRM") else {
            eprintln!("skipped: PAROTIDD_TEST_DRM is not set");
            return;
        };
        let mut drm = Drm::open(Some(Path::new(&path)), None).unwrap();
        let black = embedded_graphics::pixelcolor::Rgb888::new(0, 0, 0);
        let canvas = Canvas::new(drm.size(), black);
        let whole = Rectangle::new(Default::default(), drm.size());
        assert!(drm.is_there() && drm.show(&canvas, &[whole]).unwrap());
    }
}
