//! What an update of the appliance is at, as the updater writes it: it has the rights for that, the daemon only reads.

use serde::{Deserialize, Serialize};

use super::state_file::State;
use crate::limits::{UPDATE_REASON_CHARS_MAX, UPDATE_TROUBLE_SHOWN, VERSION_CHARS_MAX};
use crate::status::{UpdateStep, UpdateTrouble, UpdateVerdict, Updating};

/// The updater's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateState {
    /// [`UpdateState::SCHEMA`].
    pub schema: String,
    /// The version that is being installed.
    #[serde(default)]
    pub installing: Option<String>,
    /// What is done with it.
    #[serde(default)]
    pub step: Option<UpdateStep>,
    /// How much of the step is done.
    #[serde(default)]
    pub percent: Option<u8>,
    /// How the newest update ended.
    #[serde(default)]
    pub last: Option<LastUpdate>,
}

/// An update that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUpdate {
    /// To which version.
    pub version: String,
    /// How.
    pub outcome: UpdateOutcome,
    /// Why, for a person; empty where it went well.
    #[serde(default)]
    pub reason: String,
    /// When, milliseconds since 1970 UTC.
    pub unix_ms: i64,
}

/// How an update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOutcome {
    /// It runs.
    Installed,
    /// It was installed, did not stand its test, and the version before runs again.
    RolledBack,
    /// It was not installed.
    Refused,
}

impl std::fmt::Display for UpdateOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Installed => "installed",
            Self::RolledBack => "undone",
            Self::Refused => "refused",
        })
    }
}

impl State for UpdateState {
    const SCHEMA: &'static str = "parotidd.update/1";

    fn schema(&self) -> &str {
        &self.schema
    }
}

impl UpdateState {
    /// What is under way.
    #[must_use]
    pub fn updating(&self) -> Option<Updating> {
        let version = one_line(self.installing.as_ref()?, VERSION_CHARS_MAX);
        Some(Updating { version, step: self.step, percent: self.percent.map(|it| it.min(100)) })
    }

    /// What a person should know of the newest update, for [`UPDATE_TROUBLE_SHOWN`] or until the next. A clock that
    /// was set back leaves it up.
    #[must_use]
    pub fn trouble(&self, now_unix_ms: i64) -> Option<UpdateTrouble> {
        let last = self.last.as_ref()?;
        let verdict = match last.outcome {
            UpdateOutcome::Installed => return None,
            UpdateOutcome::RolledBack => UpdateVerdict::RolledBack,
            UpdateOutcome::Refused => UpdateVerdict::Refused,
        };
        let age_ms = now_unix_ms.saturating_sub(last.unix_ms);
        let is_old =
            u128::try_from(age_ms).is_ok_and(|age| age >= UPDATE_TROUBLE_SHOWN.as_millis());
        (!is_old).then(|| UpdateTrouble {
            version: one_line(&last.version, VERSION_CHARS_MAX),
            verdict,
            reason: one_line(&last.reason, UPDATE_REASON_CHARS_MAX),
        })
    }
}

/// Another program's text, fit for a page and a log.
fn one_line(text: &str, chars_max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    if clean.chars().count() <= chars_max {
        return clean.to_owned();
    }
    let cut: String = clean.chars().take(chars_max - 1).collect();
    cut.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> UpdateState {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_under_way_is_read() {
        let state = parse(
            r#"{"schema":"parotidd.update/1","installing":"0.2.0","step":"copying","percent":140,"last":null}"#,
        );
        let step = Some(UpdateStep::Copying);
        let updating = Updating { version: "0.2.0".into(), step, percent: Some(100) };
        assert_eq!(state.updating(), Some(updating));
        assert_eq!(state.trouble(0), None);
        assert_eq!(parse(r#"{"schema":"parotidd.update/1"}"#).updating(), None);
    }

    #[test]
    fn trouble_is_told_for_a_week() {
        let week_ms = i64::try_from(UPDATE_TROUBLE_SHOWN.as_millis()).unwrap();
        let state = |outcome: &str| {
            parse(&format!(
                r#"{{"schema":"parotidd.update/1","last":{{"version":"0.2.0","outcome":"{outcome}",
                   "reason":"self-test\nfailed","unix_ms":1000}}}}"#
            ))
        };
        let told = |outcome: &str, now_unix_ms: i64| {
            state(outcome).trouble(now_unix_ms).map(|trouble| trouble.sentence("0.1.0"))
        };
        let undone = "update to 0.2.0 was undone: self-test failed; 0.1.0 is running";
        assert_eq!(told("rolled_back", 1000).as_deref(), Some(undone));
        assert_eq!(told("rolled_back", 0).as_deref(), Some(undone), "a clock that was set back");
        assert_eq!(told("rolled_back", 1000 + week_ms - 1).as_deref(), Some(undone));
        assert_eq!(told("rolled_back", 1000 + week_ms), None);
        assert_eq!(told("installed", 1000), None);
        let refused = "update to 0.2.0 was refused: self-test failed; 0.1.0 is running";
        assert_eq!(told("refused", 1000).as_deref(), Some(refused));
    }

    #[test]
    fn long_texts_are_cut_where_it_shows() {
        assert_eq!(one_line(" a\nb\0 ", 9), "a b");
        assert_eq!(one_line("0123456789", 10), "0123456789");
        assert_eq!(one_line("0123456 890", 9), "0123456…");
    }
}
