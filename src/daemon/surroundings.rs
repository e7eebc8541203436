//! Looks around every few seconds and says in the status, and once in the log, what has changed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::stopped;
use crate::appliance::stick::SERVICE_MODE;
use crate::appliance::stick::code::{CODES, shown};
use crate::clock::Clock;
use crate::console::ConsoleSettings;
use crate::limits::SURROUNDINGS_CHECK;
use crate::status::{ClockTrust, Status, StickCode};
use crate::status_writer::StatusWriter;
use crate::system::addresses::address;
use crate::system::board::Board;
use crate::system::surroundings::{Surroundings, look};

/// Runs until told to stop.
pub(super) async fn run(
    board: Board,
    data_dir: PathBuf,
    console: ConsoleSettings,
    clock: Arc<dyn Clock>,
    status: Arc<StatusWriter>,
    stopping: watch::Receiver<bool>,
) {
    let board = Arc::new(board);
    let looking = async {
        loop {
            let (board, data_dir) = (Arc::clone(&board), data_dir.clone());
            let (unix_ms, was_throttled) = (clock.unix_ms(), status.is_throttled());
            let looked = spawn_blocking(move || {
                let code = shown(Path::new(CODES), unix_ms).map(|it| StickCode(it.shown()));
                let seen = look(Path::new("/"), &board, &data_dir, unix_ms, was_throttled);
                let is_service = Path::new(SERVICE_MODE).exists();
                (seen, code, is_service, address(Path::new("/")))
            });
            if let Ok((seen, code, is_service, ip)) = looked.await {
                let pages = console.address_at(ip.map(IpAddr::V4));
                status.modify_if(|status| {
                    let is_news = take_for_person(status, code, pages);
                    let is_news = take_service_mode(status, is_service) || is_news;
                    take(status, seen) || is_news
                });
            }
            sleep(SURROUNDINGS_CHECK).await;
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = looking => {}
    }
}

/// Takes over what somebody who stands before the display needs; says whether it is new.
fn take_for_person(status: &mut Status, code: Option<StickCode>, pages: Option<String>) -> bool {
    let mut is_news = status.stick_code != code;
    status.stick_code = code;
    if let (Some(setup), Some(pages)) = (&mut status.setup, pages) {
        // The network may have brought another address since.
        is_news |= setup.address != pages;
        setup.address = pages;
    }
    is_news
}

/// Takes over whether somebody has a shell; says whether it is new.
fn take_service_mode(status: &mut Status, is_service: bool) -> bool {
    let was_service = std::mem::replace(&mut status.service_mode, is_service);
    match (was_service, is_service) {
        (false, true) => tracing::warn!("service mode: there is a root shell on the consoles"),
        (true, false) => tracing::info!("service mode is over"),
        _ => {}
    }
    was_service != is_service
}

/// Takes over what was seen. Says whether it is worth telling: bytes of the disk are not, each of them.
fn take(status: &mut Status, seen: Surroundings) -> bool {
    let Surroundings { thermal, disk, clock } = seen;
    let is_throttled = |status: &Status| status.thermal.is_some_and(|it| it.throttled);
    let is_low = |status: &Status| status.disk.is_some_and(|disk| disk.is_low);
    let is_full = |status: &Status| status.disk.is_some_and(|disk| disk.is_full());
    let was_full = is_full(status);
    let before = (is_throttled(status), is_low(status), status.clock, status.thermal);
    (status.thermal, status.disk, status.clock) = (thermal, disk, clock);
    let celsius = thermal.map(|thermal| thermal.celsius);
    match (before.0, is_throttled(status)) {
        (false, true) => tracing::warn!(celsius, "too hot: the worker is slowed down"),
        (true, false) => tracing::info!(celsius, "cool enough: the worker works as usual"),
        _ => {}
    }
    let free_bytes = disk.map(|disk| disk.free_bytes);
    match (was_full, is_full(status)) {
        (false, true) => {
            tracing::warn!(free_bytes, "the disk is full: images are refused until there is room")
        }
        (true, false) => tracing::info!(free_bytes, "there is room for images again"),
        _ => {}
    }
    match (before.1, is_low(status)) {
        (false, true) => tracing::warn!(free_bytes, "the disk is nearly full: make room"),
        (true, false) => tracing::info!(free_bytes, "there is room on the disk again"),
        _ => {}
    }
    if before.2 != clock && clock == ClockTrust::Wrong {
        tracing::warn!("the clock shows a time before this program was made: set it");
    }
    let is_news = was_full != is_full(status);
    is_news || before != (is_throttled(status), is_low(status), status.clock, status.thermal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DISK_FREE_BYTES_LOW, DISK_FREE_BYTES_STOP};
    use crate::status::{Disk, SetupCode, Thermal};

    #[test]
    fn only_what_matters_is_told() {
        let mut status = Status::default();
        let mut seen = Surroundings {
            thermal: Some(Thermal { celsius: 50.0, throttled: false }),
            disk: Some(Disk::new(10 * DISK_FREE_BYTES_LOW)),
            clock: ClockTrust::Trusted,
        };
        assert!(take(&mut status, seen.clone()));
        assert!(!take(&mut status, seen.clone()));
        seen.disk = Some(Disk::new(9 * DISK_FREE_BYTES_LOW));
        assert!(!take(&mut status, seen.clone()));
        assert_eq!(status.disk, seen.disk, "it is true all the same");
        for free_bytes in [DISK_FREE_BYTES_LOW - 1, DISK_FREE_BYTES_STOP - 1] {
            seen.disk = Some(Disk::new(free_bytes));
            assert!(take(&mut status, seen.clone()));
        }
        seen.disk = Some(Disk::new(DISK_FREE_BYTES_STOP));
        assert!(take(&mut status, seen.clone()));
        seen.thermal = Some(Thermal { celsius: 91.0, throttled: true });
        assert!(take(&mut status, seen.clone()));
        seen.clock = ClockTrust::Wrong;
        assert!(take(&mut status, seen));
    }

    #[test]
    fn service_mode_is_told_once() {
        let mut status = Status::default();
        assert!(!take_service_mode(&mut status, false));
        assert!(take_service_mode(&mut status, true) && status.service_mode);
        assert!(!take_service_mode(&mut status, true));
        assert!(take_service_mode(&mut status, false) && !status.service_mode);
    }

    #[test]
    fn the_display_follows_code_and_address() {
        let mut status = Status::default();
        let code = || Some(StickCode("A".into()));
        assert!(take_for_person(&mut status, code(), Some("http://10.0.0.7".into())));
        assert!(!take_for_person(&mut status, code(), None));
        let (address, code) = ("https://box".into(), "B".into());
        status.setup = Some(SetupCode { address, code });
        assert!(take_for_person(&mut status, None, Some("http://10.0.0.7".into())));
        assert_eq!(
            (status.stick_code, status.setup.unwrap().address.as_str()),
            (None, "http://10.0.0.7")
        );
    }
}
