//! Watches what the machine is short of: room on the disk, and the right time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::stopped;
use crate::clock::Clock;
use crate::limits::{CLOCK_UNIX_MS_MIN, DISK_LOOK, DISK_LOW_BYTES};
use crate::status::{ClockTrust, Disk};
use crate::status_writer::StatusWriter;

/// systemd's time service has this folder while it runs, and the file in it once a time server has answered. The
/// kernel's own answer (adjtimex) is kept from us by `ProtectClock=`.
const TIME_SERVICE: &str = "/run/systemd/timesync";

/// Looks every [`DISK_LOOK`] until told to stop.
pub(super) async fn watch(
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    status: Arc<StatusWriter>,
    stopping: watch::Receiver<bool>,
) {
    let looking = async {
        loop {
            let (folder, now_unix_ms) = (data_dir.clone(), clock.unix_ms());
            let look = move || (disk(&folder), clock_trust(Path::new(TIME_SERVICE), now_unix_ms));
            if let Ok((disk, trust)) = spawn_blocking(look).await {
                status.modify(|status| (status.disk, status.clock) = (disk, trust));
            }
            sleep(DISK_LOOK).await;
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = looking => {}
    }
}

/// What the file system leaves to a user without privileges.
fn disk(folder: &Path) -> Option<Disk> {
    let room = statvfs(folder).ok()?;
    let free_bytes = room.blocks_available().saturating_mul(room.fragment_size());
    Some(Disk { free_bytes, is_low: free_bytes < DISK_LOW_BYTES })
}

/// Another time service than systemd's cannot be asked: it is believed.
fn clock_trust(time_service: &Path, now_unix_ms: i64) -> ClockTrust {
    if now_unix_ms < CLOCK_UNIX_MS_MIN {
        ClockTrust::Wrong
    } else if time_service.is_dir() && !time_service.join("synchronized").exists() {
        ClockTrust::NotSynchronized
    } else {
        ClockTrust::Trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_says_what_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let room = disk(folder.path()).unwrap();
        assert_eq!(room.is_low, room.free_bytes < DISK_LOW_BYTES);
        assert_eq!(disk(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_clock_is_trusted_until_something_speaks_against_it() {
        let folder = tempfile::tempdir().unwrap();
        let service = folder.path().join("timesync");
        let check = |now, trust| assert_eq!(clock_trust(&service, now), trust);
        check(CLOCK_UNIX_MS_MIN, ClockTrust::Trusted);
        check(0, ClockTrust::Wrong);
        std::fs::create_dir(&service).unwrap();
        check(CLOCK_UNIX_MS_MIN, ClockTrust::NotSynchronized);
        std::fs::write(service.join("synchronized"), "").unwrap();
        check(CLOCK_UNIX_MS_MIN, ClockTrust::Trusted);
    }
}
