//! A place for pictures that may come and go, how it is mounted, and what it shows now.

use std::path::PathBuf;

use embedded_graphics::geometry::Size;
use serde::{Deserialize, Serialize};

use crate::display::backend::{Backend, BackendError};
use crate::display::canvas::Canvas;
use crate::display::changes::changes;

/// Which place it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A picture file.
    Headless {
        /// The file.
        path: PathBuf,
        /// Size of the pictures as a panel would have it, before they are turned.
        size: Size,
    },
    /// Linux' framebuffer device.
    Framebuffer {
        /// Such as `/dev/fb0`.
        device: PathBuf,
    },
    /// A graphics card.
    Drm {
        /// Such as `/dev/dri/card0`; the first with a panel where it is `None`.
        device: Option<PathBuf>,
        /// Such as `HDMI-A-1`; the first with a panel where it is `None`.
        connector: Option<String>,
    },
    /// Nowhere.
    None,
}

/// By how much pictures are turned for a panel that is mounted otherwise: clockwise, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
#[allow(missing_docs, reason = "the names are the angles")]
pub enum Rotation {
    #[default]
    None,
    Clockwise90,
    Clockwise180,
    Clockwise270,
}

impl TryFrom<u16> for Rotation {
    type Error = String;

    fn try_from(degrees: u16) -> Result<Self, String> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Clockwise90),
            180 => Ok(Self::Clockwise180),
            270 => Ok(Self::Clockwise270),
            other => Err(format!("{other} is no such angle; use 0, 90, 180 or 270")),
        }
    }
}

impl From<Rotation> for u16 {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::None => 0,
            Rotation::Clockwise90 => 90,
            Rotation::Clockwise180 => 180,
            Rotation::Clockwise270 => 270,
        }
    }
}

impl Rotation {
    /// The size of what is drawn for a panel of `size`.
    #[must_use]
    pub fn drawn(self, size: Size) -> Size {
        match self {
            Self::None | Self::Clockwise180 => size,
            Self::Clockwise90 | Self::Clockwise270 => Size::new(size.height, size.width),
        }
    }
}

/// A panel that is opened when it is there, left when it goes, and sent only what changed where it is ours alone.
#[derive(Debug)]
pub struct Panel {
    target: Target,
    rotation: Rotation,
    backend: Option<Backend>,
    /// As the panel has it.
    shown: Option<Canvas>,
}

impl Panel {
    /// Opened with the first picture.
    #[must_use]
    pub fn new(target: Target, rotation: Rotation) -> Self {
        Self { target, rotation, backend: None, shown: None }
    }

    /// Whether nothing is ever shown.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.target == Target::None
    }

    /// Whether what was shown last is still up: not where the panel was unplugged.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shown.is_some() && self.backend.as_ref().is_some_and(Backend::is_there)
    }

    /// Shows what `draw` makes of the size.
    ///
    /// # Errors
    /// When the panel cannot be opened or written. It is closed then, and opened again with the next picture.
    pub fn show(&mut self, draw: impl FnOnce(Size) -> Canvas) -> Result<(), BackendError> {
        let shown = self.try_show(draw);
        if shown.is_err() {
            self.close();
        }
        shown
    }

    /// Shows what was shown last once more where others write over it, as messages of the start and of the kernel do.
    ///
    /// # Errors
    /// See [`Panel::show`].
    pub fn refresh(&mut self) -> Result<(), BackendError> {
        let (Some(backend), Some(canvas)) = (&mut self.backend, &self.shown) else { return Ok(()) };
        let refreshed =
            if backend.is_shared() { backend.show(canvas, &changes(None, canvas)) } else { Ok(()) };
        if refreshed.is_err() {
            self.close();
        }
        refreshed
    }

    fn try_show(&mut self, draw: impl FnOnce(Size) -> Canvas) -> Result<(), BackendError> {
        if self.backend.as_ref().is_some_and(|backend| !backend.is_there()) {
            self.close();
        }
        if self.backend.is_none() {
            self.backend = Some(Backend::open(&self.target)?);
        }
        let Some(backend) = &mut self.backend else { return Ok(()) };
        let Some(size) = backend.size() else { return Ok(()) };
        let canvas = draw(self.rotation.drawn(size)).rotated(self.rotation);
        let before = self.shown.as_ref().filter(|_| !backend.is_shared());
        let areas = changes(before, &canvas);
        if !areas.is_empty() {
            backend.show(&canvas, &areas)?;
        }
        self.shown = Some(canvas);
        Ok(())
    }

    fn close(&mut self) {
        self.backend = None;
        self.shown = None;
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::OriginDimensions;
    use embedded_graphics::pixelcolor::Rgb888;

    use super::*;

    #[test]
    fn angles_are_read_as_they_are_written() {
        for degrees in [0_u16, 90, 180, 270] {
            assert_eq!(u16::from(Rotation::try_from(degrees).unwrap()), degrees);
        }
        assert!(Rotation::try_from(45).unwrap_err().contains("0, 90, 180 or 270"));
    }

    #[test]
    fn a_turned_picture_has_the_panels_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.png");
        let target = Target::Headless { path: path.clone(), size: Size::new(320, 240) };
        let mut panel = Panel::new(target, Rotation::Clockwise90);
        let mut drawn = Size::zero();
        panel
            .show(|size| {
                drawn = size;
                Canvas::new(size, Rgb888::new(1, 2, 3))
            })
            .unwrap();
        assert_eq!(drawn, Size::new(240, 320));
        assert_eq!(panel.shown.as_ref().unwrap().size(), Size::new(320, 240));
        assert!(panel.is_up());
    }

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.png");
        let target = Target::Headless { path: path.clone(), size: Size::new(320, 240) };
        let mut panel = Panel::new(target, Rotation::None);
        let draw = |size| Canvas::new(size, Rgb888::new(1, 2, 3));
        panel.show(draw).unwrap();
        std::fs::remove_file(&path).unwrap();
        panel.show(draw).unwrap();
        panel.refresh().unwrap();
        assert!(!path.exists());
        panel.show(|size| Canvas::new(size, Rgb888::new(9, 9, 9))).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_panel_that_is_not_there_is_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("later");
        let target = Target::Headless { path: inside.join("d.png"), size: Size::new(320, 240) };
        let mut panel = Panel::new(target, Rotation::None);
        let draw = |size| Canvas::new(size, Rgb888::new(1, 2, 3));
        assert!(panel.show(draw).is_err() && !panel.is_up());
        std::fs::create_dir(&inside).unwrap();
        assert!(panel.show(draw).is_ok() && panel.is_up());
    }
}
