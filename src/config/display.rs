//! The display's section.

use std::path::{Path, PathBuf};

use embedded_graphics::geometry::Size;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::display::ambience::Night;
use crate::display::panel::{Rotation, Target};
use crate::display::patient::PatientShown;
use crate::display::strings::Language;
use crate::limits::{PICTURE_HEIGHT_MIN, PICTURE_SIDE_MAX, PICTURE_WIDTH_MIN};

/// Where the status picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisplayBackend {
    /// A graphics card's panel.
    Drm,
    /// A Linux framebuffer device.
    Framebuffer,
    /// A PNG file, the newest picture.
    Headless,
    /// Nowhere.
    None,
}

/// The display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DisplayConfig {
    /// Which kind.
    pub backend: DisplayBackend,
    /// Headless: the picture's file, under `data_dir`.
    pub path: PathBuf,
    /// Headless: width, pixels.
    pub width: u32,
    /// Headless: height, pixels.
    pub height: u32,
    /// The framebuffer or the graphics card; `/dev/fb0` or the first card with a panel where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<PathBuf>,
    /// The graphics card's connector; the first with a panel where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// For panels that are mounted otherwise.
    pub rotate: Rotation,
    /// Of the words.
    pub language: Language,
    /// What says whose images arrive.
    pub patient: PatientShown,
    /// Whether a picture of a mass is shown.
    pub key_slice: bool,
    /// When it is dark; never where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub night: Option<Night>,
}

impl Default for DisplayConfig {
    fn default() -> Self {
        Self {
            backend: DisplayBackend::Headless,
            path: PathBuf::from("display.png"),
            width: 800,
            height: 480,
            device: None,
            connector: None,
            rotate: Rotation::default(),
            language: Language::default(),
            patient: PatientShown::default(),
            key_slice: true,
            night: None,
        }
    }
}

impl DisplayConfig {
    /// Refuses pictures that cannot be drawn or read.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let is_upright = self.height > self.width;
        let sides = [("display.width", self.width), ("display.height", self.height)];
        for ((key, side), is_short) in sides.into_iter().zip([is_upright, !is_upright]) {
            let least = if is_short { PICTURE_HEIGHT_MIN } else { PICTURE_WIDTH_MIN };
            if !(least..=PICTURE_SIDE_MAX).contains(&side) {
                let range = "320 to 2048, the shorter side 240 to 2048";
                return Err(ConfigError::OutOfRange { key, value: side.into(), range });
            }
        }
        Ok(())
    }

    /// Where pictures go; a picture file is under `data_dir`.
    #[must_use]
    pub fn target(&self, data_dir: &Path) -> Target {
        match self.backend {
            DisplayBackend::None => Target::None,
            DisplayBackend::Headless => Target::Headless {
                path: data_dir.join(&self.path),
                size: Size::new(self.width, self.height),
            },
            DisplayBackend::Framebuffer => Target::Framebuffer {
                device: self.device.clone().unwrap_or_else(|| PathBuf::from("/dev/fb0")),
            },
            DisplayBackend::Drm => {
                Target::Drm { device: self.device.clone(), connector: self.connector.clone() }
            }
        }
    }
}
