//! What a self-test found, as a file: who updates the appliance reads it, and the daemon says so when it failed.

use serde::{Deserialize, Serialize};

use super::state_file::State;

/// One self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTestResult {
    /// [`SelfTestResult::SCHEMA`].
    pub schema: String,
    /// Version of the program that was tested.
    pub software_version: String,
    /// When it began, milliseconds since 1970 UTC.
    pub unix_ms: i64,
    /// Whether no required check failed.
    pub ok: bool,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its stable name.
    pub name: String,
    /// Whether the appliance may do without.
    pub need: Need,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it did not fail; what was skipped did not.
    pub ok: bool,
    /// What was found, for a person.
    pub text: String,
    /// How long it took.
    pub ms: u64,
}

/// Whether an appliance that fails a check may work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It may not: an update that fails it is undone.
    Required,
    /// It may; a person should look.
    Wanted,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Well.
    Passed,
    /// There is nothing to check here; the text says why.
    Skipped,
    /// Not well.
    Failed,
}

impl State for SelfTestResult {
    const SCHEMA: &'static str = "parotidd.self_test/1";

    fn schema(&self) -> &str {
        &self.schema
    }
}

impl SelfTestResult {
    /// Names of the required checks that failed.
    #[must_use]
    pub fn failing(&self) -> Vec<String> {
        let is_failing = |check: &&Check| check.need == Need::Required && !check.ok;
        self.checks.iter().filter(is_failing).map(|check| check.name.clone()).collect()
    }
}
