//! Where pictures go: a file, a panel, or nowhere.

use std::path::{Path, PathBuf};

use embedded_graphics::geometry::Size;

use crate::display::canvas::Canvas;
use crate::display::framebuffer::{Framebuffer, FramebufferError};
use crate::display::headless::Headless;
use crate::error::{Dispose, Disposition};

/// What went wrong while showing a picture.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The picture file.
    #[error("could not write picture `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The panel.
    #[error("could not show a picture")]
    Framebuffer {
        /// Why.
        #[from]
        source: FramebufferError,
    },
    /// The picture is not of the panel's size.
    #[error("the picture does not fit the panel")]
    Size,
}

impl Dispose for BackendError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Write { .. } => Disposition::Retry,
            Self::Framebuffer { source } => source.disposition(),
            Self::Size => Disposition::Fatal,
        }
    }
}

/// A place for pictures. `Headless` is a real one: tests and machines without a panel use it.
#[derive(Debug)]
pub enum Backend {
    /// A PNG file, always the newest picture.
    Headless(Headless),
    /// `/dev/fb0`.
    Framebuffer(Framebuffer),
    /// No display.
    None,
}

impl Backend {
    /// A picture file.
    #[must_use]
    pub fn headless(path: PathBuf, size: Size) -> Self {
        Self::Headless(Headless::new(path, size))
    }

    /// A framebuffer device; its size is the panel's.
    ///
    /// # Errors
    /// It cannot be opened, or has a layout that is not supported.
    pub fn framebuffer(path: &Path) -> Result<Self, BackendError> {
        Ok(Self::Framebuffer(Framebuffer::open(path)?))
    }

    /// The size a picture must have; `None` without a display.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        match self {
            Self::Headless(headless) => Some(headless.size()),
            Self::Framebuffer(framebuffer) => Some(framebuffer.size()),
            Self::None => None,
        }
    }

    /// Shows a picture of [`Backend::size`].
    ///
    /// # Errors
    /// See [`BackendError`].
    pub fn show(&mut self, canvas: &Canvas) -> Result<(), BackendError> {
        match self {
            Self::Headless(headless) => headless
                .show(canvas)
                .map_err(|source| BackendError::Write { path: headless.path().into(), source }),
            Self::Framebuffer(framebuffer) => {
                framebuffer.show(canvas).then_some(()).ok_or(BackendError::Size)
            }
            Self::None => Ok(()),
        }
    }
}
