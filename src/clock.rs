//! Time, so that tests can move it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// A reading that never goes back, since an arbitrary start. For durations and time-outs.
    fn monotonic(&self) -> Duration;
    /// Milliseconds since 1970-01-01 UTC. For records that people read; it may jump.
    fn unix_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts now.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "starting a clock is an act worth naming")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_ms(&self) -> i64 {
        #[allow(clippy::disallowed_methods, reason = "this is the clock")]
        let now = SystemTime::now();
        // A clock before 1970 is a clock without a battery: 0 sorts first and is seen as untrusted.
        now.duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed_ms: AtomicU64,
}

impl ManualClock {
    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.elapsed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }

    fn unix_ms(&self) -> i64 {
        const START_2026_MS: i64 = 1_767_225_600_000;
        START_2026_MS + i64::try_from(self.elapsed_ms.load(Ordering::SeqCst)).unwrap_or(i64::MAX)
    }
}

/// Milliseconds since 1970 UTC of a file's time.
#[must_use]
pub fn unix_ms(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, as records and alerts show it.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| format!("unix:{unix_ms}ms"), |timestamp| timestamp.to_string())
}
