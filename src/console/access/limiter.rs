//! How often one machine may try to log in.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::limits::{LOGIN_MACHINES_MAX, LOGINS_PER_MINUTE_MAX};

/// Log-ins by address. The lock-out is for one name; this is for one machine that tries many.
pub(in crate::console) struct Limiter(DefaultKeyedRateLimiter<IpAddr>);

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limiter({} machines)", self.0.len())
    }
}

impl Limiter {
    /// Nobody has tried yet.
    pub(in crate::console) fn new() -> Self {
        const LIMIT: NonZeroU32 = NonZeroU32::new(LOGINS_PER_MINUTE_MAX).expect("some");
        Self(RateLimiter::keyed(Quota::per_minute(LIMIT)))
    }

    /// Whether one more is fine.
    pub(in crate::console) fn may_try(&self, address: IpAddr) -> bool {
        if self.0.len() >= LOGIN_MACHINES_MAX {
            self.0.retain_recent();
        }
        self.0.len() < LOGIN_MACHINES_MAX && self.0.check_key(&address).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_does_not_keep_the_others_out() {
        let limiter = Limiter::new();
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for _ in 0..LOGINS_PER_MINUTE_MAX {
            assert!(limiter.may_try(a));
        }
        assert!(!limiter.may_try(a));
        assert!(limiter.may_try(b));
    }
}
