//! Storage commitments that were asked for, and what was reported on them. In memory: after a restart the
//! objects are sent and asked for again, which is nothing new to a PACS.
//!
//! ```text
//!  attempt --asked--> [key, transaction, PACS, what was sent] <--heard-- association, ours or the PACS's
//!     `---------wait, at most its time-out, or take at a later attempt------------'
//! ```

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::receipt::{Judged, Sent};
use crate::dicom::commitment::CommitmentOutcome;
use crate::dicom::uid::AeTitle;
use crate::limits::{COMMITMENT_KEPT, COMMITMENTS_MAX};

/// What was asked for, shared by those who ask and those who hear.
#[derive(Debug, Default)]
pub struct Commitments {
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    /// Oldest first.
    asked: VecDeque<Asked>,
    is_closed: bool,
}

/// One transaction.
#[derive(Debug)]
struct Asked {
    /// The delivery's idempotency key.
    key: String,
    transaction: String,
    peer: AeTitle,
    at: Instant,
    sent: Sent,
    outcome: Option<CommitmentOutcome>,
    /// It is remembered after its end: a PACS may report twice.
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its report would count.
    Open,
    /// Its report was given to the delivery.
    Used,
    /// That of another transaction was.
    Over,
}

/// What was reported on a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) judged: Judged,
    /// Whether the PACS had failed to commit the same objects before.
    pub(super) has_failed_before: bool,
}

impl Asked {
    fn judged(&self) -> Option<Judged> {
        self.outcome.as_ref().map(|outcome| self.sent.judge(outcome))
    }
}

impl Table {
    /// The best that was reported on a delivery and not used yet. The others are over: what comes after it is about
    /// objects that are sent again.
    fn take(&mut self, key: &str) -> Option<Reported> {
        let of_key = || self.asked.iter().filter(|it| it.key == key);
        let open = || of_key().filter(|it| it.state == State::Open);
        let is_good = |it: &&Asked| matches!(it.judged(), Some(Judged::Committed(_)));
        let best = open().find(is_good).or_else(|| open().find(|it| it.outcome.is_some()))?;
        let (judged, transaction) = (best.judged()?, best.transaction.clone());
        let has_failed =
            |it: &Asked| it.state == State::Used && matches!(it.judged(), Some(Judged::Failed(_)));
        let has_failed_before = of_key().any(has_failed);
        for it in self.asked.iter_mut().filter(|it| it.key == key && it.state == State::Open) {
            it.state = if it.transaction == transaction { State::Used } else { State::Over };
        }
        Some(Reported { judged, has_failed_before })
    }
}

impl Commitments {
    /// A transaction is asked for, now.
    pub(super) fn asked(&self, key: &str, transaction: &str, peer: &AeTitle, sent: Sent) {
        self.asked_at(Instant::now(), key, transaction, peer, sent);
    }

    fn asked_at(&self, now: Instant, key: &str, transaction: &str, peer: &AeTitle, sent: Sent) {
        let mut table = self.lock();
        let is_old = |it: &Asked| now.saturating_duration_since(it.at) > COMMITMENT_KEPT;
        while table.asked.len() >= COMMITMENTS_MAX || table.asked.front().is_some_and(is_old) {
            table.asked.pop_front();
        }
        table.asked.push_back(Asked {
            key: key.to_owned(),
            transaction: transaction.to_owned(),
            peer: peer.clone(),
            at: now,
            sent,
            outcome: None,
            state: State::Open,
        });
    }

    /// A PACS reports. `false` where it was not asked for that, or too long ago.
    pub fn heard(&self, peer: &AeTitle, outcome: CommitmentOutcome) -> bool {
        let mut table = self.lock();
        let is_it = |it: &&mut Asked| {
            it.transaction == outcome.transaction
                && it.peer == *peer
                && it.at.elapsed() <= COMMITMENT_KEPT
        };
        let Some(asked) = table.asked.iter_mut().find(is_it) else { return false };
        // The first report counts: what was promised is not taken back by a second.
        asked.outcome.get_or_insert(outcome);
        self.changed.notify_all();
        true
    }

    /// What was reported on a delivery and not used yet, whichever of its transactions it was.
    pub(super) fn take(&self, key: &str) -> Option<Reported> {
        self.lock().take(key)
    }

    /// As [`Commitments::take`], and waits for it.
    pub(super) fn wait(&self, key: &str, time: Duration) -> Option<Reported> {
        let deadline = Instant::now() + time;
        let mut table = self.lock();
        loop {
            if let Some(found) = table.take(key) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if table.is_closed || left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(table, left);
            table = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody reports any more: whoever waits goes on.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::receipt::tests::{report, sent};
    use super::*;
    use crate::dicom::commitment::Failure;

    fn pacs() -> AeTitle {
        "PACS".parse().unwrap()
    }

    fn taken(commitments: &Commitments, key: &str) -> Option<(bool, bool)> {
        let Reported { judged, has_failed_before } = commitments.take(key)?;
        Some((matches!(judged, Judged::Committed(_)), has_failed_before))
    }

    #[test]
    fn only_who_was_asked_is_believed() {
        let commitments = Commitments::default();
        commitments.asked("key", "2.25.1", &pacs(), sent());
        assert!(!commitments.heard(&"OTHER".parse().unwrap(), report("2.25.1", [None, None])));
        assert!(!commitments.heard(&pacs(), report("2.25.2", [None, None])));
        assert_eq!(taken(&commitments, "key"), None);
        assert!(commitments.heard(&pacs(), report("2.25.1", [None, None])));
        // The same again, which the PACS did not hear us answer, changes nothing.
        assert!(commitments.heard(&pacs(), report("2.25.1", [Some(Failure::Processing), None])));
        assert_eq!(taken(&commitments, "other"), None);
        assert_eq!(taken(&commitments, "key"), Some((true, false)));
        assert!(commitments.heard(&pacs(), report("2.25.1", [None, None])));
        assert_eq!(taken(&commitments, "key"), None);
    }

    #[test]
    fn a_failure_is_remembered_and_a_late_success_is_as_good() {
        let commitments = Commitments::default();
        let failed = || [Some(Failure::NoSuchObject), None];
        for transaction in ["2.25.1", "2.25.2"] {
            commitments.asked("key", transaction, &pacs(), sent());
        }
        assert!(commitments.heard(&pacs(), report("2.25.1", failed())));
        assert_eq!(taken(&commitments, "key"), Some((false, false)));
        // About what was sent before that.
        assert!(commitments.heard(&pacs(), report("2.25.2", failed())));
        assert_eq!(taken(&commitments, "key"), None);
        for transaction in ["2.25.3", "2.25.4"] {
            commitments.asked("key", transaction, &pacs(), sent());
        }
        assert!(commitments.heard(&pacs(), report("2.25.3", failed())));
        assert!(commitments.heard(&pacs(), report("2.25.4", [None, None])));
        assert_eq!(taken(&commitments, "key"), Some((true, true)));
    }

    #[test]
    fn what_is_asked_is_forgotten_in_the_end() {
        let commitments = Commitments::default();
        let now = Instant::now();
        for n in 0..=COMMITMENTS_MAX {
            commitments.asked_at(now, "key", &format!("2.25.{n}"), &pacs(), sent());
        }
        assert!(!commitments.heard(&pacs(), report("2.25.0", [None, None])));
        assert!(commitments.heard(&pacs(), report("2.25.1", [None, None])));
        let later = now + COMMITMENT_KEPT + Duration::from_secs(1);
        commitments.asked_at(later, "key", "2.25.9999", &pacs(), sent());
        assert_eq!(commitments.lock().asked.len(), 1);
    }

    #[test]
    fn who_waits_has_the_report_or_goes_on() {
        let commitments = Commitments::default();
        commitments.asked("key", "2.25.1", &pacs(), sent());
        assert_eq!(commitments.wait("key", Duration::from_millis(1)), None);
        let long = Duration::from_secs(600);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| commitments.wait("key", long));
            assert!(commitments.heard(&pacs(), report("2.25.1", [None, None])));
            assert!(waiting.join().unwrap().is_some());
            let waiting = scope.spawn(|| commitments.wait("key", long));
            commitments.close();
            assert_eq!(waiting.join().unwrap(), None);
        });
    }
}
