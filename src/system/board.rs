//! The hardware as data: `board/<name>/board.toml`, and which of them this machine is.
//!
//! A board is recognised by the device tree's `compatible` strings or by DMI. What a file leaves out
//! (cores, memory) is measured at start; what nobody recognises is the generic board.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::wiring::{self, ButtonLine, Output, States};
use crate::error::{Dispose, Disposition};
use crate::limits::{BOARD_FACT_BYTES_MAX, PICTURE_WIDTH_MIN, THERMAL_ZONES_MAX, is_picture};

/// The board files of this release. The last is the board of last resort.
const BUILT_IN: [&str; 5] = [
    include_str!("../../board/jetson-orin-nano/board.toml"),
    include_str!("../../board/rpi-5/board.toml"),
    include_str!("../../board/rpi-cm4/board.toml"),
    include_str!("../../board/qemu-aarch64/board.toml"),
    include_str!("../../board/generic-x86_64/board.toml"),
];

/// What went wrong with a board file.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// It cannot be read.
    #[error("could not read board file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a board file.
    #[error("could not understand board file `{path}`")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
    /// It says something impossible.
    #[error("board `{name}`: {problem}")]
    Check {
        /// The board.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Dispose for BoardError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// A board's facts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its folder's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Where these facts were tried.
    pub verified: Verified,
    /// How it is recognised; a board without is never recognised, only chosen.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Its display.
    pub display: BoardDisplay,
    /// Processor cores; measured where it is left out.
    pub cores: Option<u32>,
    /// Memory in MiB; measured where it is left out.
    pub memory_mb: Option<u32>,
    /// The thermal zones to watch.
    #[serde(default, rename = "thermal_zone")]
    pub thermal_zones: Vec<ThermalZone>,
    /// The hardware watchdog's `compatible`, for those who look for it.
    pub watchdog: Option<String>,
    /// Lamps and buzzers.
    #[serde(default, rename = "output")]
    pub outputs: Vec<Output>,
    /// The button, where there is one.
    pub button: Option<ButtonLine>,
    /// What outputs do when.
    #[serde(default)]
    pub states: States,
}

/// A thermal zone, and when it is too hot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThermalZone {
    /// Its `type` under `/sys/class/thermal`; its number there changes with the kernel.
    #[serde(rename = "type")]
    pub kind: String,
    /// At this many degrees Celsius the worker is slowed down: below what the chip throttles at by itself.
    pub throttle_c: i16,
    /// At this many it works as before.
    pub resume_c: i16,
}

/// Where a board's facts were tried. Read out of documents alone is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// Nowhere yet.
    None,
    /// In QEMU.
    Qemu,
    /// On the hardware.
    Hardware,
}

/// How a board is recognised: one hit is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Device tree: any of these in the root node's `compatible`.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// DMI: both fields of any of these.
    #[serde(default)]
    pub dmi: Vec<Dmi>,
}

/// What a PC's firmware calls the machine (`/sys/class/dmi/id`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dmi {
    /// The maker.
    pub sys_vendor: String,
    /// The product.
    pub product_name: String,
}

/// A board's display.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardDisplay {
    /// Where pictures go, unless the settings say otherwise.
    pub backend: DisplayBackend,
    /// Framebuffer or graphics card, where not the first; or the picture's file under the data folder.
    pub path: Option<PathBuf>,
    /// Width of a headless picture; a panel knows its own.
    pub width: Option<u32>,
    /// Height of a headless picture; a panel knows its own.
    pub height: Option<u32>,
}

/// Where pictures go.
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

impl Board {
    /// The boards of this release; the last is the generic one.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        let parse = |text| Self::parse(text, Path::new("built in"));
        BUILT_IN.map(|text| parse(text).expect("every built-in board is read by a test")).into()
    }

    /// What a machine that nobody recognises is.
    #[must_use]
    pub fn generic() -> Self {
        let board = Self::built_in().pop().expect("there are built-in boards");
        if cfg!(target_arch = "x86_64") {
            return board;
        }
        Self { name: "generic".to_owned(), title: "Unknown board".to_owned(), ..board }
    }

    /// Reads `<folder>/<name>/board.toml`.
    ///
    /// # Errors
    /// See [`BoardError`].
    pub fn load(folder: &Path, name: &str) -> Result<Self, BoardError> {
        let board = Self::read(&folder.join(name).join("board.toml"))?;
        board.check(board.name == name, "its name is not its folder's")?;
        Ok(board)
    }

    /// Reads one board file.
    ///
    /// # Errors
    /// See [`BoardError`].
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let read = |source| BoardError::Read { path: path.to_owned(), source };
        let bytes = read_fact(path).map_err(read)?;
        Self::parse(&String::from_utf8_lossy(&bytes), path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, BoardError> {
        let board: Self = toml::from_str(text)
            .map_err(|source| BoardError::Parse { path: path.to_owned(), source })?;
        let BoardDisplay { width, height, .. } = board.display;
        let is_drawable = match (width, height) {
            (Some(width), Some(height)) => is_picture(width, height),
            // With a side that suits it.
            (Some(side), None) | (None, Some(side)) => {
                is_picture(side, side.max(PICTURE_WIDTH_MIN))
            }
            (None, None) => true,
        };
        board.check(is_drawable, "the display is too small or too large")?;
        board.check(board.cores != Some(0), "it has no cores")?;
        board.check(board.memory_mb != Some(0), "it has no memory")?;
        let zones = &board.thermal_zones;
        board.check(zones.len() <= THERMAL_ZONES_MAX, "it has more than 64 thermal zones")?;
        board.check(
            zones.iter().all(|zone| (20..=120).contains(&zone.throttle_c) && zone.resume_c < zone.throttle_c),
            "a thermal zone throttles outside of 20 to 120 degrees, or resumes no cooler than it throttles",
        )?;
        let problem = wiring::problem(&board.outputs, board.button.as_ref(), &board.states);
        board.check(problem.is_none(), problem.unwrap_or_default())?;
        Ok(board)
    }

    fn check(&self, is_fine: bool, problem: &'static str) -> Result<(), BoardError> {
        is_fine.then_some(()).ok_or_else(|| BoardError::Check { name: self.name.clone(), problem })
    }

    /// The board this machine is, or [`Board::generic`]. `root` is `/`, or a folder that stands for it.
    ///
    /// The device tree's strings go from the exact to the general, and are tried in that order.
    #[must_use]
    pub fn recognise(boards: &[Self], root: &Path) -> Self {
        let compatible = compatible_strings(root);
        let by_tree = compatible
            .iter()
            .find_map(|string| boards.iter().find(|b| b.matches.compatible.contains(string)));
        let by_dmi = || {
            let dmi = dmi(root)?;
            boards.iter().find(|board| board.matches.dmi.contains(&dmi))
        };
        by_tree.or_else(by_dmi).cloned().unwrap_or_else(Self::generic)
    }
}

/// Where the root node's `compatible` may be read; a service that sees only processes in `/proc` has the
/// first alone.
const COMPATIBLE: [&str; 2] =
    ["sys/firmware/devicetree/base/compatible", "proc/device-tree/compatible"];

/// The root node's `compatible` strings; empty on a machine without a device tree.
fn compatible_strings(root: &Path) -> Vec<String> {
    let bytes = COMPATIBLE.iter().find_map(|path| read_fact(&root.join(path)).ok());
    bytes
        .unwrap_or_default()
        .split(|&byte| byte == 0)
        .filter(|string| !string.is_empty())
        .map(|string| String::from_utf8_lossy(string).into_owned())
        .collect()
}

fn dmi(root: &Path) -> Option<Dmi> {
    let field = |name| {
        let bytes = read_fact(&root.join("sys/class/dmi/id").join(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    Some(Dmi { sys_vendor: field("sys_vendor")?, product_name: field("product_name")? })
}

fn read_fact(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(BOARD_FACT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(facts: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in facts {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        root
    }

    #[test]
    fn machines_are_recognised() {
        let check = |facts: &[(&str, &[u8])], name: &str| {
            let root = machine(facts);
            let generic = Board::generic().name;
            let name = if name == "generic" { &generic } else { name };
            assert_eq!(Board::recognise(&Board::built_in(), root.path()).name, name);
        };
        let tree = "proc/device-tree/compatible";
        check(&[(tree, b"nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")], "jetson-orin-nano");
        check(&[(tree, b"raspberrypi,4-compute-module\0brcm,bcm2711\0")], "rpi-cm4");
        check(&[(tree, b"raspberrypi,5-model-b\0brcm,bcm2712\0")], "rpi-5");
        check(&[(tree, b"linux,dummy-virt\0")], "qemu-aarch64");
        let tree_in_sys = "sys/firmware/devicetree/base/compatible";
        check(&[(tree_in_sys, b"linux,dummy-virt\0")], "qemu-aarch64");
        check(&[(tree, b"acme,toaster\0")], "generic");
        check(&[(tree, &[0xff; 100_000])], "generic");
        let vendor = "sys/class/dmi/id/sys_vendor";
        let product = "sys/class/dmi/id/product_name";
        check(&[(vendor, b"QEMU\n"), (product, b"QEMU Virtual Machine\n")], "qemu-aarch64");
        check(&[(vendor, b"QEMU\n"), (product, b"Standard PC\n")], "generic");
        check(&[(vendor, b"QEMU\n")], "generic");
        check(&[], "generic");
    }

    #[test]
    fn every_folder_is_built_in_and_named_after_its_board() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("board");
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut built_in = Board::built_in();
        built_in.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(names.iter().eq(built_in.iter().map(|board| &board.name)), "{names:?}");
        for board in built_in {
            assert_eq!(Board::load(&folder, &board.name).unwrap(), board);
        }
    }

    #[test]
    fn bad_wiring_is_refused() {
        let good = BUILT_IN[1];
        let check = |from: &str, to: &str, says: &str| {
            assert!(good.contains(from), "{from}");
            let error = Board::parse(&good.replacen(from, to, 1), Path::new("x")).unwrap_err();
            let text = crate::error::Chain(&error).to_string();
            assert!(text.contains(says), "{text}");
        };
        check("line = 17", "line = 27", "used twice");
        check("line = 17", "line = 24", "used twice");
        check("line = 17", "line = ''", "empty");
        check("name = \"lamp_green\"", "name = \"lamp_red\"", "same name");
        check("name = \"lamp_green\"", "name = \"lamp_blue\"", "there is not");
        check("stopped = {}", "stopped = { lamp_green = \"slow_flash\" }", "nothing can flash");
        check("ready = {", "redy = {", "redy");
        check("\"slow_flash\"", "\"disco\"", "disco");
        check("resume_c = 70", "resume_c = 78", "thermal zone");
        check("throttle_c = 78", "throttle_c = 780", "thermal zone");
    }

    #[test]
    fn a_panel_may_stand_upright() {
        let good = BUILT_IN[4];
        let upright = good.replace("width = 800", "width = 240");
        let upright = upright.replace("height = 480", "height = 320");
        let display = Board::parse(&upright, Path::new("x")).unwrap().display;
        assert_eq!((display.width, display.height), (Some(240), Some(320)));
    }

    #[test]
    fn bad_files_are_refused() {
        let good = BUILT_IN[3];
        let check_in = |good: &str, from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            assert!(Board::parse(&good.replace(from, to), Path::new("x")).is_err(), "{to}");
        };
        check_in(BUILT_IN[4], "width = 800", "width = 100");
        check_in(BUILT_IN[4], "height = 480", "height = 100000");
        let check = |from: &str, to: &str| check_in(good, from, to);
        check("cores = 2", "cores = 0");
        check("memory_mb = 1024", "memory_mb = 0");
        check("verified = \"qemu\"", "verified = \"surely\"");
        check("title", "titel");
        check("backend = \"drm\"", "backend = \"paper\"");
        assert!(matches!(Board::load(Path::new("/nowhere"), "x"), Err(BoardError::Read { .. })));
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        fs::write(folder.path().join("other/board.toml"), good).unwrap();
        assert!(matches!(Board::load(folder.path(), "other"), Err(BoardError::Check { .. })));
    }
}
