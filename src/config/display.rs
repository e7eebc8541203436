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
use crate::system::board::{BoardDisplay, DisplayBackend};

/// A picture where neither settings nor board say more.
const HEADLESS_FILE: &str = "display.png";
const HEADLESS_WIDTH: u32 = 800;
const HEADLESS_HEIGHT: u32 = 480;

/// The display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DisplayConfig {
    /// Where the status picture goes; the board's display where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<DisplayBackend>,
    /// Headless: the picture's file, under `data_dir`; the board's, or `display.png`, where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Headless: width, pixels; the board's, or 800, where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Headless: height, pixels; the board's, or 480, where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
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
            backend: None,
            path: None,
            width: None,
            height: None,
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
        let width = self.width.unwrap_or(HEADLESS_WIDTH);
        let height = self.height.unwrap_or(HEADLESS_HEIGHT);
        let is_upright = height > width;
        let sides = [("display.width", width), ("display.height", height)];
        for ((key, side), is_short) in sides.into_iter().zip([is_upright, !is_upright]) {
            let least = if is_short { PICTURE_HEIGHT_MIN } else { PICTURE_WIDTH_MIN };
            if !(least..=PICTURE_SIDE_MAX).contains(&side) {
                let range = "320 to 2048, the shorter side 240 to 2048";
                return Err(ConfigError::OutOfRange { key, value: side.into(), range });
            }
        }
        Ok(())
    }

    /// What these settings and the board's file give together.
    #[must_use]
    pub fn backend(&self, board: &BoardDisplay) -> DisplayBackend {
        self.backend.unwrap_or(board.backend)
    }

    /// Size of a headless picture.
    #[must_use]
    pub fn headless_size(&self, board: &BoardDisplay) -> Size {
        // Both from one of them: half of each could be a picture that nobody can read.
        let (width, height) = match (self.width, self.height) {
            (None, None) => (board.width, board.height),
            ours => ours,
        };
        Size::new(width.unwrap_or(HEADLESS_WIDTH), height.unwrap_or(HEADLESS_HEIGHT))
    }

    /// Where pictures go; a picture file is under `data_dir`.
    #[must_use]
    pub fn target(&self, board: &BoardDisplay, data_dir: &Path) -> Target {
        let backend = self.backend(board);
        // A board's path is of its own backend.
        let path = board.path.clone().filter(|_| backend == board.backend);
        match backend {
            DisplayBackend::None => Target::None,
            DisplayBackend::Headless => Target::Headless {
                path: data_dir.join(
                    self.path.clone().or(path).unwrap_or_else(|| PathBuf::from(HEADLESS_FILE)),
                ),
                size: self.headless_size(board),
            },
            DisplayBackend::Framebuffer => Target::Framebuffer {
                device: self.device.clone().or(path).unwrap_or_else(|| PathBuf::from("/dev/fb0")),
            },
            DisplayBackend::Drm => Target::Drm {
                device: self.device.clone().or(path),
                connector: self.connector.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::board::Board;

    fn target(settings: &str, board: &str) -> Target {
        let settings: DisplayConfig = toml::from_str(settings).unwrap();
        let boards = Board::built_in();
        let board = boards.iter().find(|it| it.name == board).unwrap();
        settings.target(&board.display, Path::new("/data"))
    }

    #[test]
    fn the_boards_display_applies_until_the_settings_name_another() {
        let headless = |path: &str, width, height| Target::Headless {
            path: path.into(),
            size: Size::new(width, height),
        };
        let framebuffer = |device: &str| Target::Framebuffer { device: device.into() };
        let first_card = Target::Drm { device: None, connector: None };
        let check = |settings: &str, board: &str, expected: &Target| {
            assert_eq!(&target(settings, board), expected, "{settings} {board}");
        };
        check("", "rpi-cm4", &framebuffer("/dev/fb0"));
        check("language = 'de'", "qemu-aarch64", &first_card);
        check("", "generic-x86_64", &headless("/data/display.png", 800, 480));
        check("width = 1024", "generic-x86_64", &headless("/data/display.png", 1024, 480));
        check("backend = 'none'", "rpi-cm4", &Target::None);
        check("backend = 'drm'", "rpi-cm4", &first_card);
        check("backend = 'headless'", "rpi-cm4", &headless("/data/display.png", 800, 480));
        check("backend = 'framebuffer'", "generic-x86_64", &framebuffer("/dev/fb0"));
        check("device = '/dev/fb1'", "rpi-cm4", &framebuffer("/dev/fb1"));
    }
}
