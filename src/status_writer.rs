//! The one way to change [`Status`]: several tasks report what they do, the activity follows.
//!
//!   stopping > fault > analysing > receiving > ready > starting

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::status::{Activity, Stage, Status};

/// Shared by all tasks; each change is seen by all watchers.
#[derive(Debug)]
pub struct StatusWriter {
    sender: watch::Sender<Status>,
    doing: Mutex<Doing>,
}

/// What the tasks are at.
#[derive(Debug, Default)]
struct Doing {
    ready: bool,
    stopping: bool,
    fault: Option<String>,
    n_arriving: u32,
    analysing: Option<(Stage, u32)>,
}

impl StatusWriter {
    /// Starting, and the first watcher.
    #[must_use]
    pub fn new(status: Status) -> (Self, watch::Receiver<Status>) {
        let (sender, receiver) = watch::channel(status);
        (Self { sender, doing: Mutex::default() }, receiver)
    }

    /// Another watcher.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.sender.subscribe()
    }

    /// Everything is up.
    pub fn ready(&self) {
        self.update(|doing| doing.ready = true);
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.update(|doing| doing.stopping = true);
    }

    /// Something is broken; `message` says what to do.
    pub fn fault(&self, message: String) {
        self.update(|doing| doing.fault = Some(message));
    }

    /// So many instances belong to series that are not stable yet.
    pub fn arriving(&self, n_instances: u32) {
        self.update(|doing| doing.n_arriving = n_instances);
    }

    /// So many instances the series that arrive will have, as far as it is known.
    pub fn expect(&self, n_instances: Option<u32>) {
        self.sender.send_if_modified(|status| {
            std::mem::replace(&mut status.n_instances_expected, n_instances) != n_instances
        });
    }

    /// Nobody's images arrive any more.
    pub fn forget_patient(&self) {
        self.sender.send_if_modified(|status| status.patients.arriving.take().is_some());
    }

    /// The worker is at a step, or has nothing to do.
    pub fn analysing(&self, at: Option<(Stage, u32)>) {
        self.update(|doing| doing.analysing = at);
    }

    /// Changes anything but the activity.
    pub fn modify(&self, change: impl FnOnce(&mut Status)) {
        self.sender.send_modify(change);
    }

    /// As [`StatusWriter::modify`]; nobody is told where `change` says that nothing is new.
    pub fn modify_if(&self, change: impl FnOnce(&mut Status) -> bool) {
        self.sender.send_if_modified(change);
    }

    /// Whether the machine is too hot to work as usual.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.sender.borrow().thermal.is_some_and(|thermal| thermal.throttled)
    }

    fn update(&self, change: impl FnOnce(&mut Doing)) {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut doing);
        let activity = doing.activity();
        self.sender.send_if_modified(|status| {
            let changed = status.activity != activity;
            status.activity = activity;
            changed
        });
    }
}

impl Doing {
    fn activity(&self) -> Activity {
        match (self.stopping, &self.fault, self.analysing, self.n_arriving, self.ready) {
            (true, ..) => Activity::Stopping,
            (_, Some(message), ..) => Activity::Fault { message: message.clone() },
            (_, _, Some((stage, n_slices)), ..) => Activity::Analysing { stage, n_slices },
            (_, _, _, n_instances @ 1.., _) => Activity::Receiving { n_instances },
            (.., true) => Activity::Ready,
            _ => Activity::Starting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_important_thing_shows() {
        let (writer, status) = StatusWriter::new(Status::default());
        let check = |expected: Activity| assert_eq!(status.borrow().activity, expected);
        check(Activity::Starting);
        writer.ready();
        check(Activity::Ready);
        writer.arriving(3);
        check(Activity::Receiving { n_instances: 3 });
        writer.analysing(Some((Stage::Loading, 90)));
        check(Activity::Analysing { stage: Stage::Loading, n_slices: 90 });
        writer.analysing(None);
        check(Activity::Receiving { n_instances: 3 });
        writer.arriving(0);
        check(Activity::Ready);
        writer.fault("no disk".into());
        check(Activity::Fault { message: "no disk".into() });
        writer.stopping();
        check(Activity::Stopping);
    }
}
