//! How the daemon is, written every few seconds for the self-test that runs beside it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state_file::State;
use crate::limits::HEALTH_AGE_MAX;
use crate::status::{Activity, DisplayState, Status};

/// The daemon's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// [`Health::SCHEMA`].
    pub schema: String,
    /// Version of the daemon.
    pub software_version: String,
    /// When it was written, milliseconds since 1970 UTC.
    pub unix_ms: i64,
    /// What it does.
    pub activity: Activity,
    /// Whether its pictures get up.
    pub display: DisplayState,
    /// Tasks that have been silent for too long.
    pub silent: Vec<String>,
}

impl State for Health {
    const SCHEMA: &'static str = "parotidd.health/1";

    fn schema(&self) -> &str {
        &self.schema
    }
}

impl Health {
    /// Of a status.
    #[must_use]
    pub fn new(status: &Status, silent: &[&str], unix_ms: i64) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            unix_ms,
            activity: status.activity.clone(),
            display: status.display,
            silent: silent.iter().map(|&task| task.to_owned()).collect(),
        }
    }

    /// Whether it is of now: a file that was left behind says nothing.
    #[must_use]
    pub fn is_fresh(&self, now_unix_ms: i64) -> bool {
        let age = Duration::from_millis(now_unix_ms.abs_diff(self.unix_ms));
        age <= HEALTH_AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_says_nothing() {
        let health = Health::new(&Status::default(), &["outbox"], 1_000_000);
        let max_ms = i64::try_from(HEALTH_AGE_MAX.as_millis()).unwrap();
        let check = |age_ms: i64, is_fresh| {
            assert_eq!(health.is_fresh(1_000_000 + age_ms), is_fresh, "{age_ms}");
        };
        check(0, true);
        check(max_ms, true);
        check(max_ms + 1, false);
        check(-max_ms - 1, false);
        assert_eq!(health.silent, ["outbox"]);
    }
}
