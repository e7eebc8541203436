//! Whether every long task is still alive: the watchdog is fed only while all of them are.
//!
//! ```text
//!  task --beat()--> Heart --+
//!  task --beat()--> Heart --+--> Heartbeats::silent() --nobody--> watchdog fed
//!  dropped without finish() +                         --some----> not fed; systemd starts us again
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// All hearts of the program. Clones are the same set.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    clock: Arc<dyn Clock>,
    tasks: Arc<Mutex<Vec<Task>>>,
}

#[derive(Debug)]
struct Task {
    name: &'static str,
    limit: Duration,
    pulse: Arc<Pulse>,
}

/// Milliseconds of the monotonic clock at the last beat, or one of two ends.
#[derive(Debug)]
struct Pulse(AtomicU64);

const FINISHED: u64 = u64::MAX;
const LOST: u64 = u64::MAX - 1;

/// One task's heart. A task that ends as planned says [`Heart::finish`]; a heart that is merely dropped
/// belongs to a task that died, and counts as silent from then on.
#[derive(Debug)]
pub struct Heart {
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
}

impl Heartbeats {
    /// No task yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tasks: Arc::default() }
    }

    /// A heart for a task that promises to beat at least once in `limit`. It has beaten now.
    #[must_use]
    pub fn register(&self, name: &'static str, limit: Duration) -> Heart {
        let pulse = Arc::new(Pulse(AtomicU64::new(0)));
        let heart = Heart { clock: Arc::clone(&self.clock), pulse: Arc::clone(&pulse) };
        heart.beat();
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.pulse.is(FINISHED));
        tasks.push(Task { name, limit, pulse });
        heart
    }

    /// Names of the tasks that are silent for longer than they promised, in order of registration.
    #[must_use]
    pub fn silent(&self) -> Vec<&'static str> {
        let now = self.clock.monotonic();
        self.tasks().iter().filter(|task| task.is_silent(now)).map(|task| task.name).collect()
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Task>> {
        // The list is whole at every moment: a panic elsewhere does not spoil it.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    fn is_silent(&self, now: Duration) -> bool {
        match self.pulse.0.load(Ordering::Relaxed) {
            FINISHED => false,
            LOST => true,
            beat_ms => now.saturating_sub(Duration::from_millis(beat_ms)) > self.limit,
        }
    }
}

impl Pulse {
    fn is(&self, end: u64) -> bool {
        self.0.load(Ordering::Relaxed) == end
    }
}

impl Heart {
    /// Still here. Cheap enough for every turn of a loop.
    pub fn beat(&self) {
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(LOST - 1);
        self.pulse.0.store(now_ms, Ordering::Relaxed);
    }

    /// The task has ended as planned and need not beat any more.
    pub fn finish(self) {
        self.pulse.0.store(FINISHED, Ordering::Relaxed);
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        if !self.pulse.is(FINISHED) {
            self.pulse.0.store(LOST, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const LIMIT: Duration = Duration::from_secs(30);

    fn world() -> (Arc<ManualClock>, Heartbeats) {
        let clock = Arc::new(ManualClock::default());
        (Arc::clone(&clock), Heartbeats::new(clock))
    }

    #[test]
    fn nobody_is_silent_in_an_empty_program() {
        assert!(world().1.silent().is_empty());
    }

    #[test]
    fn a_task_is_silent_after_its_own_limit() {
        let (clock, hearts) = world();
        let receive = hearts.register("receive", LIMIT);
        let worker = hearts.register("worker", 10 * LIMIT);
        let check = |wait: Duration, silent: &[&str]| {
            clock.advance(wait);
            assert_eq!(hearts.silent(), silent);
        };
        check(LIMIT, &[]);
        check(Duration::from_millis(1), &["receive"]);
        receive.beat();
        check(Duration::ZERO, &[]);
        check(8 * LIMIT, &["receive"]);
        check(2 * LIMIT, &["receive", "worker"]);
        worker.beat();
        check(Duration::ZERO, &["receive"]);
    }

    #[test]
    fn a_task_that_finished_is_not_missed_but_one_that_died_is() {
        let (clock, hearts) = world();
        hearts.register("finished", LIMIT).finish();
        clock.advance(2 * LIMIT);
        assert!(hearts.silent().is_empty());
        let heart = hearts.register("died", LIMIT);
        let panicked = std::thread::spawn(move || {
            heart.beat();
            panic!("on purpose");
        })
        .join();
        assert!(panicked.is_err());
        assert_eq!(hearts.silent(), ["died"]);
    }
}
