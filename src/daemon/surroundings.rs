//! Looks around every few seconds and says in the status, and once in the log, what has changed; writes how the daemon
//! is where somebody wants to know.

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
use crate::error::Chain;
use crate::heartbeat::Heartbeats;
use crate::limits::SURROUNDINGS_CHECK;
use crate::status::{ClockTrust, DisplayState, Status, StickCode};
use crate::status_writer::StatusWriter;
use crate::system::addresses::address;
use crate::system::board::Board;
use crate::system::health::Health;
use crate::system::state_file::{StateFileError, write};
use crate::system::surroundings::{Surroundings, look};
use crate::system::upkeep::{Told, UpkeepSettings};

/// What looks around, and at what.
pub(super) struct Watcher {
    pub(super) board: Board,
    pub(super) data_dir: PathBuf,
    pub(super) console: ConsoleSettings,
    pub(super) upkeep: UpkeepSettings,
    /// Without one the clock runs by itself.
    pub(super) has_time_source: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) status: Arc<StatusWriter>,
    pub(super) hearts: Heartbeats,
    pub(super) display: watch::Receiver<DisplayState>,
}

impl Watcher {
    /// Runs until told to stop.
    pub(super) async fn run(self, stopping: watch::Receiver<bool>) {
        tokio::select! {
            () = stopped(stopping) => {}
            () = self.look_on() => {}
        }
    }

    async fn look_on(self) {
        let watcher = Arc::new(self);
        let mut faults = Faults::default();
        loop {
            let looker = Arc::clone(&watcher);
            let looked = spawn_blocking(move || looker.look_and_tell());
            if let Ok(errors) = looked.await {
                faults.tell(&errors);
            }
            sleep(SURROUNDINGS_CHECK).await;
        }
    }

    /// One look. Says which files could not be read or written.
    fn look_and_tell(&self) -> Vec<StateFileError> {
        let Self { board, data_dir, console, upkeep, clock, status, hearts, display, .. } = self;
        let (root, unix_ms) = (Path::new("/"), clock.unix_ms());
        let mut seen = look(root, board, data_dir, upkeep, unix_ms, status.is_throttled());
        let mut errors = std::mem::take(&mut seen.unusable);
        if !self.has_time_source && seen.clock == ClockTrust::NotSynchronized {
            seen.clock = ClockTrust::Trusted;
        }
        let code = shown(Path::new(CODES), unix_ms).map(|it| StickCode(it.shown()));
        let pages = console.address_at(address(root).map(IpAddr::V4));
        let is_service = Path::new(SERVICE_MODE).exists();
        let display = *display.borrow();
        status.modify_if(|status| {
            let is_news = take_for_person(status, code, pages);
            let is_news = take_service_mode(status, is_service) || is_news;
            take(status, seen, display) || is_news
        });
        // The folder is made by the service manager; by hand there is none, and nobody who reads it.
        if let Some(path) =
            upkeep.health.as_ref().filter(|it| it.parent().is_some_and(Path::is_dir))
        {
            let health = Health::new(&status.watch().borrow(), &hearts.silent(), unix_ms);
            errors.extend(write(path, &health).err());
        }
        errors
    }
}

/// Files that cannot be used are told of once.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn tell(&mut self, errors: &[StateFileError]) {
        let texts: Vec<_> = errors.iter().map(|error| Chain(error).to_string()).collect();
        for error in texts.iter().filter(|text| !self.0.contains(text)) {
            tracing::warn!(error, "a file of the appliance cannot be used");
        }
        self.0 = texts;
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
fn take(status: &mut Status, seen: Surroundings, display: DisplayState) -> bool {
    let Surroundings { thermal, disk, clock, told, .. } = seen;
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
    let is_news = take_told(status, told) || was_full != is_full(status);
    let is_other_display = std::mem::replace(&mut status.display, display) != display;
    let after = (is_throttled(status), is_low(status), status.clock, status.thermal);
    before != after || is_news || is_other_display
}

/// Takes over what programs beside us say. Says whether it is new.
fn take_told(status: &mut Status, told: Told) -> bool {
    let before = Told {
        updating: status.updating.take(),
        update_trouble: status.update_trouble.take(),
        self_test_failing: std::mem::take(&mut status.self_test_failing),
    };
    let version = |told: &Told| told.updating.as_ref().map(|it| it.version.clone());
    if let (Some(version), true) = (version(&told), version(&told) != version(&before)) {
        tracing::info!(version, "an update is installed");
    }
    if let (Some(trouble), true) =
        (&told.update_trouble, told.update_trouble != before.update_trouble)
    {
        tracing::warn!("{}", trouble.sentence(env!("CARGO_PKG_VERSION")));
    }
    if told.self_test_failing != before.self_test_failing {
        match told.self_test_failing.as_slice() {
            [] => tracing::info!("the self-test passes again"),
            failing => tracing::warn!(?failing, "the self-test failed: answers may be wrong"),
        }
    }
    let is_news = told != before;
    (status.updating, status.update_trouble, status.self_test_failing) =
        (told.updating, told.update_trouble, told.self_test_failing);
    is_news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DISK_FREE_BYTES_LOW, DISK_FREE_BYTES_STOP};
    use crate::status::{Disk, SetupCode, Thermal, UpdateTrouble, UpdateVerdict};

    fn seen() -> Surroundings {
        Surroundings {
            thermal: Some(Thermal { celsius: 50.0, throttled: false }),
            disk: Some(Disk::new(10 * DISK_FREE_BYTES_LOW)),
            clock: ClockTrust::Trusted,
            told: Told::default(),
            unusable: Vec::new(),
        }
    }

    #[test]
    fn only_what_matters_is_told() {
        let mut status = Status::default();
        let mut take = |seen| take(&mut status, seen, DisplayState::None);
        assert!(take(seen()));
        assert!(!take(seen()));
        let disk = |free_bytes| Some(Disk::new(free_bytes));
        assert!(!take(Surroundings { disk: disk(9 * DISK_FREE_BYTES_LOW), ..seen() }));
        for free_bytes in [DISK_FREE_BYTES_LOW - 1, DISK_FREE_BYTES_STOP - 1] {
            assert!(take(Surroundings { disk: disk(free_bytes), ..seen() }));
        }
        assert!(take(Surroundings { disk: disk(DISK_FREE_BYTES_STOP), ..seen() }));
        assert!(take(seen()));
        let hot = Some(Thermal { celsius: 91.0, throttled: true });
        assert!(take(Surroundings { thermal: hot, ..seen() }));
        assert!(take(Surroundings { clock: ClockTrust::Wrong, thermal: hot, ..seen() }));
        assert_eq!(status.clock, ClockTrust::Wrong);
    }

    #[test]
    fn bytes_of_the_disk_are_true_without_being_told() {
        let mut status = Status::default();
        assert!(take(&mut status, seen(), DisplayState::None));
        let disk = Some(Disk::new(9 * DISK_FREE_BYTES_LOW));
        assert!(!take(&mut status, Surroundings { disk, ..seen() }, DisplayState::None));
        assert_eq!(status.disk, disk);
    }

    #[test]
    fn what_others_wrote_comes_and_goes() {
        let mut status = Status::default();
        take(&mut status, seen(), DisplayState::None);
        let (version, reason) = ("0.2.0".to_owned(), "signature".to_owned());
        let trouble = UpdateTrouble { version, verdict: UpdateVerdict::Refused, reason };
        let told = Told {
            update_trouble: Some(trouble.clone()),
            self_test_failing: vec!["golden".into()],
            ..Told::default()
        };
        let bad = || Surroundings { told: told.clone(), ..seen() };
        assert!(take(&mut status, bad(), DisplayState::None));
        assert!(!take(&mut status, bad(), DisplayState::None));
        assert_eq!(status.update_trouble, Some(trouble));
        assert!(take(&mut status, bad(), DisplayState::Failing));
        assert!(take(&mut status, seen(), DisplayState::Failing));
        assert!(status.self_test_failing.is_empty() && status.update_trouble.is_none());
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
