//! What the service manager is told (`sd_notify(3)`): ready, status line, stopping, watchdog.
//!
//! Without `NOTIFY_SOCKET`, that is outside of systemd, everything here does nothing.

use std::future::Future;
use std::time::Duration;

use systemd::daemon;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, warn};

use crate::heartbeat::Heartbeats;

/// Longest status line that is sent, in characters: `systemctl status` shows one line.
const STATUS_CHARS_MAX: usize = 200;

/// Start-up is over: associations are accepted.
pub fn ready() {
    send(&[(daemon::STATE_READY, "1")]);
}

/// One line for `systemctl status`. Holds no patient data.
pub fn status(line: &str) {
    send(&[(daemon::STATE_STATUS, &one_line(line))]);
}

/// The end has begun; what is under way is finished first.
pub fn stopping() {
    send(&[(daemon::STATE_STOPPING, "1")]);
}

/// Still alive.
pub fn watchdog() {
    send(&[(daemon::STATE_WATCHDOG, "1")]);
}

/// How often to feed the watchdog: half of what the service manager waits (`WATCHDOG_USEC`), as
/// `sd_watchdog_enabled(3)` advises. `None` where it does not wait for us.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    match daemon::watchdog_enabled() {
        Ok(timeout_us) => half(timeout_us),
        Err(error) => {
            warn!(%error, "the watchdog's setting cannot be read; it is not fed");
            None
        }
    }
}

fn half(timeout_us: u64) -> Option<Duration> {
    (timeout_us > 1).then(|| Duration::from_micros(timeout_us / 2))
}

/// Feeds the watchdog while all hearts beat, until `shutdown` completes. Where one is silent it waits:
/// the service manager then starts the program again.
pub async fn feed_watchdog(hearts: Heartbeats, shutdown: impl Future<Output = ()> + Send) {
    let Some(period) = watchdog_interval() else {
        debug!("no watchdog");
        return shutdown.await;
    };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            _ = ticks.tick() => {}
        }
        match hearts.silent().as_slice() {
            [] => watchdog(),
            tasks => error!(?tasks, "silent for too long; the watchdog is not fed"),
        }
    }
}

fn send(state: &[(&str, &str)]) {
    match daemon::notify(state.iter()) {
        Ok(was_sent) => debug!(?state, was_sent, "notify"),
        Err(error) => warn!(%error, ?state, "the service manager was not told"),
    }
}

/// A line break would begin another field of the message, and a NUL end it.
fn one_line(line: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    line.chars().take(STATUS_CHARS_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_stays_one_field() {
        let check = |line: &str, sent: &str| assert_eq!(one_line(line), sent);
        check("ready", "ready");
        check("a\nREADY=1\0b", "a READY=1 b");
        assert_eq!(one_line(&"x".repeat(1000)).len(), STATUS_CHARS_MAX);
    }

    #[test]
    fn the_watchdog_is_fed_twice_as_often_as_needed() {
        let check = |timeout_us, period| assert_eq!(half(timeout_us), period);
        check(0, None);
        check(1, None);
        check(60_000_000, Some(Duration::from_secs(30)));
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            ready();
            status("a\0b");
            stopping();
            assert_eq!(watchdog_interval(), None);
        }
    }
}
