//! The files by which the parts of an appliance that is updated and tested by itself tell each other how they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::self_test_result::SelfTestResult;
use super::state_file::{StateFileError, read};
use super::update_state::UpdateState;
use crate::status::{UpdateTrouble, Updating};

/// `[upkeep]` of the settings. A file that nobody has written says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpkeepSettings {
    /// What the updater writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_state: Option<PathBuf>,
    /// What self-tests write.
    pub self_tests: Vec<PathBuf>,
    /// Networks that an update brought: used while they are newer than the built-in ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// What the daemon writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<PathBuf>,
}

/// What the files say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// The version that is being installed.
    pub updating: Option<Updating>,
    /// An update that did not go well.
    pub update_trouble: Option<UpdateTrouble>,
    /// Names of required checks that the newest self-tests failed.
    pub self_test_failing: Vec<String>,
}

impl Default for UpkeepSettings {
    /// Where the units of an appliance write.
    fn default() -> Self {
        let at = |path: &str| PathBuf::from(path);
        Self {
            update_state: Some(at("/run/parotidd-update/state.json")),
            self_tests: vec![
                at("/run/parotidd-self-test/boot.json"),
                at("/run/parotidd-self-test/golden.json"),
            ],
            models: Some(at("/var/lib/parotidd-models/current")),
            health: Some(at("/run/parotidd/health.json")),
        }
    }
}

impl UpkeepSettings {
    /// Reads what others wrote. Files that cannot be used are errors beside what the others say.
    #[must_use]
    pub fn look(&self, now_unix_ms: i64) -> (Told, Vec<StateFileError>) {
        let (mut told, mut errors) = (Told::default(), Vec::new());
        match self.update() {
            Ok(Some(state)) => {
                (told.updating, told.update_trouble) =
                    (state.updating(), state.trouble(now_unix_ms));
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
        for path in &self.self_tests {
            match read::<SelfTestResult>(path) {
                Ok(result) => {
                    let failing = result.map_or_else(Vec::new, |result| result.failing());
                    told.self_test_failing.extend(failing);
                }
                Err(error) => errors.push(error),
            }
        }
        told.self_test_failing.sort();
        told.self_test_failing.dedup();
        (told, errors)
    }

    /// What the updater wrote, where there is one.
    ///
    /// # Errors
    /// When its file cannot be used.
    pub fn update(&self) -> Result<Option<UpdateState>, StateFileError> {
        self.update_state.as_deref().map_or(Ok(None), read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::self_test_result::{Check, Need, Outcome};
    use crate::system::state_file::{State, write};
    use std::fs;

    fn result(checks: &[(&str, Need, Outcome)]) -> SelfTestResult {
        let check = |&(name, need, outcome): &(&str, Need, Outcome)| Check {
            name: name.into(),
            need,
            outcome,
            ok: outcome != Outcome::Failed,
            text: String::new(),
            ms: 1,
        };
        SelfTestResult {
            schema: SelfTestResult::SCHEMA.into(),
            software_version: "0.1.0".into(),
            unix_ms: 1,
            ok: false,
            checks: checks.iter().map(check).collect(),
        }
    }

    #[test]
    fn what_failed_in_any_self_test_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let settings = UpkeepSettings {
            update_state: Some(path("update.json")),
            self_tests: vec![path("boot.json"), path("night.json")],
            models: None,
            health: None,
        };
        assert_eq!(settings.look(0).0, Told::default());
        let boot = [
            ("golden", Need::Required, Outcome::Failed),
            ("echo", Need::Required, Outcome::Skipped),
            ("picture", Need::Wanted, Outcome::Failed),
        ];
        write(&path("boot.json"), &result(&boot)).unwrap();
        write(&path("night.json"), &result(&boot[..1])).unwrap();
        fs::write(path("update.json"), "?").unwrap();
        let (told, errors) = settings.look(0);
        assert_eq!(told.self_test_failing, ["golden"]);
        assert_eq!(errors.len(), 1, "the others are read all the same");
    }
}
