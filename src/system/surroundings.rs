//! What the program depends on and cannot change: heat, room on the disk, the clock.

use std::path::Path;

use super::board::Board;
use super::state_file::StateFileError;
use super::thermal;
use super::upkeep::{Told, UpkeepSettings};
use crate::disk;
use crate::limits::CLOCK_UNIX_MS_MIN;
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
    upkeep: &UpkeepSettings,
    unix_ms: i64,
    was_throttled: bool,
) -> Surroundings {
    let (told, unusable) = upkeep.look(unix_ms);
    Surroundings {
        told,
        unusable,
        thermal: thermal::judge(&thermal::read(root, &board.thermal_zones), was_throttled),
        disk: disk::room(data_dir).ok().map(|room| Disk::new(room.free_bytes)),
        clock: clock(root, unix_ms),
    }
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
}
