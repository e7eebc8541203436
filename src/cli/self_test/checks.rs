//! What each check found, how long it took, and how it is told.

use std::io::{self, Write};

use anyhow::{Context, Result};

use crate::cli::screen::Format;
use crate::clock::Clock;
use crate::system::self_test_result::{Check, Need, Outcome, SelfTestResult};
use crate::system::state_file::State;

/// What a check that did not fail found.
pub(super) struct Found<T> {
    text: String,
    /// `None` where it was skipped.
    value: Option<T>,
}

impl<T> Found<T> {
    pub(super) fn with(text: String, value: T) -> Self {
        Self { text, value: Some(value) }
    }

    /// There is nothing to check; says why.
    pub(super) fn skipped(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None }
    }
}

impl Found<()> {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::with(text.into(), ())
    }
}

/// The checks so far.
pub(super) struct Tally<'a> {
    clock: &'a dyn Clock,
    format: Format,
    began_unix_ms: i64,
    checks: Vec<Check>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(clock: &'a dyn Clock, format: Format) -> Self {
        Self { clock, format, began_unix_ms: clock.unix_ms(), checks: Vec::new() }
    }

    /// Makes a check; what it found, unless it failed or was skipped.
    pub(super) fn note<T>(
        &mut self,
        name: &str,
        need: Need,
        check: impl FnOnce() -> Result<Found<T>>,
    ) -> Option<T> {
        let began = self.clock.monotonic();
        let found = check();
        let took = self.clock.monotonic().saturating_sub(began);
        let (outcome, text, value) = match found {
            Ok(Found { text, value: Some(value) }) => (Outcome::Passed, text, Some(value)),
            Ok(Found { text, value: None }) => (Outcome::Skipped, text, None),
            Err(error) => (Outcome::Failed, format!("{error:#}"), None),
        };
        let check = Check {
            name: name.to_owned(),
            need,
            outcome,
            ok: outcome != Outcome::Failed,
            text,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        if self.format == Format::Text {
            println(&line(&check));
        }
        self.checks.push(check);
        value
    }

    /// All of it.
    pub(super) fn result(&self) -> SelfTestResult {
        let is_broken = |check: &Check| check.need == Need::Required && !check.ok;
        SelfTestResult {
            schema: SelfTestResult::SCHEMA.to_owned(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            unix_ms: self.began_unix_ms,
            ok: !self.checks.iter().any(is_broken),
            checks: self.checks.clone(),
        }
    }

    /// What was not printed yet.
    pub(super) fn print(&self, result: &SelfTestResult) -> Result<()> {
        if self.format == Format::Text {
            return Ok(());
        }
        let text = serde_json::to_string(result)? + "\n";
        io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
    }
}

fn line(Check { name, need, outcome, text, .. }: &Check) -> String {
    let word = match (outcome, need) {
        (Outcome::Passed, _) => "ok     ",
        (Outcome::Skipped, _) => "skipped",
        (Outcome::Failed, Need::Required) => "failed ",
        (Outcome::Failed, Need::Wanted) => "warning",
    };
    format!("{word} {name}: {text}")
}

#[allow(clippy::print_stdout, reason = "the result of the command, a line as soon as it is known")]
fn println(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use anyhow::bail;

    #[test]
    fn only_a_required_check_that_fails_counts() {
        let clock = ManualClock::default();
        let mut tally = Tally::new(&clock, Format::Json);
        assert_eq!(tally.note("a", Need::Required, || Ok(Found::with("1".into(), 1))), Some(1));
        assert_eq!(tally.note("b", Need::Required, || Ok(Found::<u8>::skipped("none"))), None);
        let fails = || -> Result<Found<()>> { bail!("broken") };
        assert_eq!(tally.note("c", Need::Wanted, fails), None);
        assert!(tally.result().ok);
        assert_eq!(tally.note("d", Need::Required, fails), None);
        let result = tally.result();
        assert!(!result.ok);
        assert_eq!(result.failing(), ["d"]);
        let lines: Vec<_> = result.checks.iter().map(line).collect();
        assert_eq!(
            lines,
            ["ok      a: 1", "skipped b: none", "warning c: broken", "failed  d: broken"]
        );
    }
}
