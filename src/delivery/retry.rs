//! When a delivery is tried again, and when never. Pure.
//!
//! Exponential back-off with full jitter, without an end: a clinic may be offline for a week, and the
//! alert is still wanted after it. The jitter comes from the delivery's key, so the same history gives
//! the same times, while many deliveries that failed together come back apart.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::Disposition;
use crate::limits::{RETRY_WAIT_MAX, RETRY_WAIT_MIN};

/// What an HTTP status asks for: `Ok` where the destination has the delivery, else whether to try
/// again ([`Disposition::Retry`]) or to give up ([`Disposition::Reject`]).
///
/// # Errors
/// The disposition of every status but 2xx (RFC 9110 section 15). Redirects are not followed: an alert
/// goes where the settings say, and nowhere else.
pub fn judge_status(status: u16) -> Result<(), Disposition> {
    match status {
        200..=299 => Ok(()),
        // Wrong or missing credentials are mended by a person, and then everything must go.
        401 | 403 | 407 => Err(Disposition::Retry),
        // Request time-out, too early, too many requests; the server's own trouble.
        408 | 425 | 429 | 500..=599 => Err(Disposition::Retry),
        _ => Err(Disposition::Reject),
    }
}

/// How long to wait after a failed attempt. `attempts` counts it, so it is 1 after the first.
///
/// Always within [`RETRY_WAIT_MIN`] and [`RETRY_WAIT_MAX`]; at least what the destination asked for
/// (`retry_after`) inside these.
#[must_use]
pub fn wait(attempts: u32, key: &str, retry_after: Option<Duration>) -> Duration {
    // 2^20 times the shortest wait is beyond the longest, and cannot overflow.
    let ceiling = RETRY_WAIT_MIN.saturating_mul(1 << attempts.min(20)).min(RETRY_WAIT_MAX);
    let jittered = RETRY_WAIT_MIN + (ceiling - RETRY_WAIT_MIN).mul_f64(fraction(attempts, key));
    jittered.max(retry_after.unwrap_or_default()).clamp(RETRY_WAIT_MIN, RETRY_WAIT_MAX)
}

/// 0..1, the same for the same arguments.
fn fraction(attempts: u32, key: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update(attempts.to_be_bytes());
    hash.update(key.as_bytes());
    let digest = hash.finalize();
    let bits = u32::from_be_bytes(digest[..4].try_into().expect("a SHA-256 has 32 bytes"));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date. What is neither is ignored.
#[must_use]
pub fn retry_after(header: &str, now_unix_ms: i64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header).ok()?;
    let wait_ms = date.as_millisecond().saturating_sub(now_unix_ms);
    Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statuses_are_judged() {
        let check = |statuses: &[u16], expected: Result<(), Disposition>| {
            for status in statuses {
                assert_eq!(judge_status(*status), expected, "{status}");
            }
        };
        check(&[200, 201, 202, 204, 299], Ok(()));
        check(&[408, 425, 429, 500, 502, 503, 504, 599], Err(Disposition::Retry));
        check(&[401, 403, 407], Err(Disposition::Retry));
        check(&[400, 404, 410, 413, 422], Err(Disposition::Reject));
        check(&[301, 302, 307, 308, 304, 101, 600], Err(Disposition::Reject));
    }

    #[test]
    fn waits_grow_to_the_limit() {
        let mean = |attempts: u32| {
            let waits = (0..200).map(|n| wait(attempts, &n.to_string(), None).as_secs_f64());
            waits.sum::<f64>() / 200.0
        };
        let means: Vec<_> = (1..=10).map(mean).collect();
        assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
        // Full jitter: half of the ceiling of 900 s on average.
        assert!((400.0..500.0).contains(&means[9]), "{means:?}");
        assert_ne!(wait(5, "a", None), wait(5, "b", None));
    }

    #[test]
    fn retry_after_is_read() {
        let check = |header: &str, expected: Option<u64>| {
            let now_unix_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(header, now_unix_ms), expected, "{header}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("-5", None);
        check("soon", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn waits_stay_within_their_limits(
            attempts: u32,
            key: String,
            asked in prop::option::of(any::<u64>().prop_map(Duration::from_secs)),
        ) {
            let waited = wait(attempts, &key, asked);
            prop_assert!((RETRY_WAIT_MIN..=RETRY_WAIT_MAX).contains(&waited));
            prop_assert!(asked.is_none_or(|asked| waited >= asked.min(RETRY_WAIT_MAX)));
            prop_assert_eq!(waited, wait(attempts, &key, asked));
        }
    }
}
