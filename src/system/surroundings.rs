//! What the program depends on and cannot change: heat, room on the disk, the clock.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::appliance::{ApplianceSettings, Told};
use super::board::Board;
use super::state_file::StateFileError;
use super::thermal;
use crate::limits::{CLOCK_UNIX_MS_MIN, DISK_FREE_BYTES_LOW};
use crate::status::{ClockTrust, Disk, Thermal};

/// A look around.
#[derive(Debug)]
pub struct Surroundings {
    /// `None` where no zone of the board answers.
    pub thermal: Option<Thermal>,
    /// `None` where the disk does not say.
    pub disk: Option<Disk>,
    /// Whether the time can be believed.
    pub clock: ClockTrust,
    /// What programs beside us wrote.
    pub told: Told,
    /// Files of theirs that cannot be used.
    pub unusable: Vec<StateFileError>,
}

/// Looks around. `root` is `/`, or a folder that stands for it.
#[must_use]
pub fn look(
    root: &Path,
    board: &Board,
    data_dir: &Path,
    appliance: &ApplianceSettings,
    unix_ms: i64,
    was_throttled: bool,
) -> Surroundings {
    let (told, unusable) = appliance.look(unix_ms);
    Surroundings {
        told,
        unusable,
        thermal: thermal::judge(&thermal::read(root, &board.thermal_zones), was_throttled),
        disk: disk(data_dir).ok(),
        clock: clock(root, unix_ms),
    }
}

/// Room where a folder is.
///
/// # Errors
/// When there is no such folder.
pub fn disk(folder: &Path) -> io::Result<Disk> {
    let (free_bytes, _) = disk_bytes(folder)?;
    Ok(Disk { free_bytes, is_low: free_bytes < DISK_FREE_BYTES_LOW })
}

/// Bytes of the disk where a folder is: those that we may still fill, and all.
///
/// # Errors
/// When there is no such folder.
pub fn disk_bytes(folder: &Path) -> io::Result<(u64, u64)> {
    let disk = statvfs(folder)?;
    let block = disk.fragment_size();
    #[allow(clippy::useless_conversion, reason = "block counts are 32 bits wide on some machines")]
    let bytes = |blocks: u64| blocks.saturating_mul(block.into());
    Ok((bytes(disk.blocks_available()), bytes(disk.blocks())))
}

/// Whether a time can be believed. Only systemd's time service leaves a sign where a service without rights over the clock
/// can see it; of others nothing is known, and nothing is said.
#[must_use]
pub fn clock(root: &Path, unix_ms: i64) -> ClockTrust {
    let service = root.join("run/systemd/timesync");
    if unix_ms < CLOCK_UNIX_MS_MIN {
        ClockTrust::Wrong
    } else if service.is_dir() && !service.join("synchronized").exists() {
        ClockTrust::NotSynchronized
    } else {
        ClockTrust::Trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_clock_is_believed_until_something_speaks_against_it() {
        let root = tempfile::tempdir().unwrap();
        let now = CLOCK_UNIX_MS_MIN + 1;
        assert_eq!(clock(root.path(), 0), ClockTrust::Wrong);
        assert_eq!(clock(root.path(), now), ClockTrust::Trusted);
        let service = root.path().join("run/systemd/timesync");
        fs::create_dir_all(&service).unwrap();
        assert_eq!(clock(root.path(), now), ClockTrust::NotSynchronized);
        fs::write(service.join("synchronized"), "").unwrap();
        assert_eq!(clock(root.path(), now), ClockTrust::Trusted);
    }

    #[test]
    fn a_disk_says_how_much_room_there_is() {
        let here = disk(Path::new("/")).unwrap();
        assert_eq!(here.is_low, here.free_bytes < DISK_FREE_BYTES_LOW);
        assert!(disk(Path::new("/nowhere")).is_err());
    }
}
