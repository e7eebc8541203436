//! Looks around every few seconds and says in the status, and once in the log, what has changed; writes how the daemon
//! is where somebody wants to know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::stopped;
use crate::clock::Clock;
use crate::error::Chain;
use crate::limits::SURROUNDINGS_CHECK;
use crate::status::{ClockTrust, DisplayState, Status};
use crate::status_writer::StatusWriter;
use crate::system::appliance::{ApplianceSettings, Told};
use crate::system::board::Board;
use crate::system::health::Health;
use crate::system::heartbeat::Heartbeats;
use crate::system::state_file::{StateFileError, write};
use crate::system::surroundings::{Surroundings, look};

/// What looks around, and at what.
pub(super) struct Watcher {
    pub(super) board: Board,
    pub(super) data_dir: PathBuf,
    pub(super) appliance: ApplianceSettings,
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
        let Self { board, data_dir, appliance, clock, status, hearts, display } = self;
        let (root, unix_ms) = (Path::new("/"), clock.unix_ms());
        let mut seen = look(root, board, data_dir, appliance, unix_ms, status.is_throttled());
        let mut errors = std::mem::take(&mut seen.unusable);
        let display = *display.borrow();
        status.modify_if(|status| take(status, seen, display));
        if let Some(path) = &appliance.health {
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

/// Takes over what was seen. Says whether it is worth telling: bytes of the disk are not, each of them.
fn take(status: &mut Status, seen: Surroundings, display: DisplayState) -> bool {
    let Surroundings { thermal, disk, clock, told, .. } = seen;
    let is_throttled = |status: &Status| status.thermal.is_some_and(|it| it.throttled);
    let is_low = |status: &Status| status.disk.is_some_and(|disk| disk.is_low);
    let before = (is_throttled(status), is_low(status), status.clock, status.thermal);
    (status.thermal, status.disk, status.clock) = (thermal, disk, clock);
    let celsius = thermal.map(|thermal| thermal.celsius);
    match (before.0, is_throttled(status)) {
        (false, true) => tracing::warn!(celsius, "too hot: the worker is slowed down"),
        (true, false) => tracing::info!(celsius, "cool enough: the worker works as usual"),
        _ => {}
    }
    let free_bytes = disk.map(|disk| disk.free_bytes);
    match (before.1, is_low(status)) {
        (false, true) => tracing::warn!(free_bytes, "the disk is nearly full: make room"),
        (true, false) => tracing::info!(free_bytes, "there is room on the disk again"),
        _ => {}
    }
    if before.2 != clock && clock == ClockTrust::Wrong {
        tracing::warn!("the clock shows a time before this program was made: set it");
    }
    let is_news = take_told(status, told);
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
    use crate::status::{Disk, Thermal, UpdateTrouble, UpdateVerdict};

    fn seen() -> Surroundings {
        Surroundings {
            thermal: Some(Thermal { celsius: 50.0, throttled: false }),
            disk: Some(Disk { free_bytes: 10, is_low: false }),
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
        let disk = |free_bytes, is_low| Some(Disk { free_bytes, is_low });
        assert!(!take(Surroundings { disk: disk(9, false), ..seen() }));
        assert!(take(Surroundings { disk: disk(1, true), ..seen() }));
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
        let disk = Some(Disk { free_bytes: 9, is_low: false });
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
}
