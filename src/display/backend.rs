//! Where pictures go: a file, a panel, or nowhere.

use std::path::PathBuf;

use embedded_graphics::geometry::Size;
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;
use crate::display::drm::{Drm, DrmError};
use crate::display::framebuffer::{Framebuffer, FramebufferError};
use crate::display::headless::Headless;
use crate::display::panel::Target;
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
    /// The framebuffer.
    #[error("the framebuffer cannot be used")]
    Framebuffer {
        /// Why.
        #[from]
        source: FramebufferError,
    },
    /// The graphics card.
    #[error("the graphics card cannot be used")]
    Drm {
        /// Why.
        #[from]
        source: DrmError,
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
            Self::Drm { source } => source.disposition(),
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
    /// `/dev/dri/card0`.
    Drm(Drm),
    /// No display.
    None,
}

impl Backend {
    /// Opens what is named; a panel's size is its own.
    ///
    /// # Errors
    /// It cannot be opened, or has a layout that is not supported.
    pub fn open(target: &Target) -> Result<Self, BackendError> {
        Ok(match target {
            Target::Headless { path, size } => Self::Headless(Headless::new(path.clone(), *size)),
            Target::Framebuffer { device } => Self::Framebuffer(Framebuffer::open(device)?),
            Target::Drm { device, connector } => {
                Self::Drm(Drm::open(device.as_deref(), connector.as_deref())?)
            }
            Target::None => Self::None,
        })
    }

    /// The size a picture must have; `None` without a display.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        match self {
            Self::Headless(headless) => Some(headless.size()),
            Self::Framebuffer(framebuffer) => Some(framebuffer.size()),
            Self::Drm(drm) => Some(drm.size()),
            Self::None => None,
        }
    }

    /// Whether it can still show pictures.
    #[must_use]
    pub fn is_there(&self) -> bool {
        match self {
            Self::Drm(drm) => drm.is_there(),
            Self::Headless(_) | Self::Framebuffer(_) | Self::None => true,
        }
    }

    /// Whether others write over the picture: Linux' own console on the framebuffer.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Framebuffer(_))
    }

    /// Shows a picture of [`Backend::size`], of which only `areas` changed.
    ///
    /// # Errors
    /// See [`BackendError`].
    pub fn show(&mut self, canvas: &Canvas, areas: &[Rectangle]) -> Result<(), BackendError> {
        let fits = match self {
            Self::Headless(headless) => {
                let path = headless.path().to_owned();
                return headless
                    .show(canvas)
                    .map_err(|source| BackendError::Write { path, source });
            }
            Self::Framebuffer(framebuffer) => framebuffer.show(canvas, areas),
            Self::Drm(drm) => drm.show(canvas, areas)?,
            Self::None => true,
        };
        fits.then_some(()).ok_or(BackendError::Size)
    }
}
