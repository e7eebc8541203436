//! The answer on a stick, in plain words: what was asked, what was done, what to do. Pure.

use std::fmt::Write as _;

use crate::appliance::redact::Change;
use crate::clock::rfc3339;
use crate::limits::STICK_CHANGES_SHOWN_MAX;

/// Where the code goes.
const CODE: &str = "Read the code off the box's display within the hour, write it into a file code.txt beside it, in the \
                    folder parotidd of this stick, and plug the stick in again.";

/// About one thing that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paragraph {
    what: &'static str,
    lines: Vec<String>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Answer {
    now_unix_ms: i64,
    paragraphs: Vec<Paragraph>,
}

impl Answer {
    pub(super) fn new(now_unix_ms: i64) -> Self {
        Self { now_unix_ms, paragraphs: Vec::new() }
    }

    pub(super) fn add(&mut self, paragraph: Paragraph) {
        self.paragraphs.push(paragraph);
    }

    /// Lines end as on Windows, whose older editors show no other ends.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "Answer of parotidd {} at {}\n",
            env!("CARGO_PKG_VERSION"),
            rfc3339(self.now_unix_ms)
        );
        for Paragraph { what, lines } in &self.paragraphs {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{what}");
            for line in lines {
                let _ = writeln!(text, "  {}", line.replace('\n', "\n  "));
            }
        }
        text.push_str("\nThe stick can be pulled out once this file is here; with an update, once the box has started again.\n");
        text.replace('\n', "\r\n")
    }
}

impl Paragraph {
    pub(super) fn new(what: &'static str, lines: Vec<String>) -> Self {
        Self { what, lines }
    }

    fn lines(what: &'static str, lines: &[&str]) -> Self {
        Self::new(what, lines.iter().map(|&it| it.to_owned()).collect())
    }

    pub(super) fn refused(why: &str) -> Self {
        Self::lines("REFUSED", &[why])
    }

    pub(super) fn nothing_asked() -> Self {
        Self::lines(
            "NOTHING WAS ASKED",
            &[
                "In the folder parotidd of this stick the box looks for:",
                "parotidd.toml   settings to take over",
                "files           certificates and secrets that those settings name",
                "code.txt        the code that the display shows, for all but update and support",
                "update          a folder with another version",
                "export          an empty file: the signed results are written",
                "backup          an empty file: a copy of all that cannot be made again is written",
                "service         an empty file: a root shell on the box's screen for an hour",
                "support         an empty file: a file for the maker is written, without patients",
            ],
        )
    }

    pub(super) fn needs_code(what: &str) -> Self {
        Self::new(
            "A CODE IS NEEDED",
            vec![format!("{what} written only for who stands before the box."), CODE.to_owned()],
        )
    }

    pub(super) fn service_waits() -> Self {
        Self::new(
            "SERVICE MODE WAITS FOR A CODE",
            vec![
                "A root shell is only for who stands before the box.".to_owned(),
                CODE.to_owned(),
                "A box whose settings cannot be used shows no code: bring it good ones first."
                    .to_owned(),
            ],
        )
    }

    pub(super) fn service_started(problem: Option<String>) -> Self {
        let mut lines = vec![
            "A root shell is on the screen and on the serial console in a moment, for an hour; a restart ends it."
                .to_owned(),
        ];
        lines.extend(problem);
        Self::new("SERVICE MODE", lines)
    }

    pub(super) fn settings_same() -> Self {
        Self::lines("SETTINGS", &["Those on the stick are in force already. Nothing was done."])
    }

    pub(super) fn settings_refused(why: &str) -> Self {
        let lines =
            [why, "Nothing was changed. Correct parotidd.toml and plug the stick in again."];
        Self::lines("SETTINGS WERE NOT TAKEN OVER", &lines)
    }

    pub(super) fn settings_wait(changes: &[Change]) -> Self {
        let mut lines = vec!["They are good, and would change:".to_owned()];
        lines.extend(change_lines(changes));
        lines.push(CODE.to_owned());
        Self::new("SETTINGS WAIT FOR A CODE", lines)
    }

    pub(super) fn settings_taken(changes: &[Change], problem: Option<String>) -> Self {
        let mut lines = vec!["The box works by them in a moment. Changed:".to_owned()];
        lines.extend(change_lines(changes));
        lines.push("Those before are kept in the box as parotidd.toml.before.".to_owned());
        lines.extend(problem);
        Self::new("SETTINGS WERE TAKEN OVER", lines)
    }

    pub(super) fn update_asked() -> Self {
        let line = "The box looks at it now, and installs it if it is signed and newer. The display says so.";
        Self::lines("UPDATE", &[line])
    }

    pub(super) fn update_refused() -> Self {
        let line = "The settings do not allow updates from a stick (appliance.update.stick).";
        Self::lines("UPDATE WAS REFUSED", &[line])
    }

    pub(super) fn written(what: &'static str, name: &str, said: String) -> Self {
        Self::new(what, vec![format!("Written: parotidd/{name}"), said])
    }

    pub(super) fn not_written(what: &'static str, why: &str) -> Self {
        Self::lines(what, &[why, "Nothing of it is on the stick."])
    }
}

fn change_lines(changes: &[Change]) -> Vec<String> {
    let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "not set".to_owned());
    let shown = changes.iter().take(STICK_CHANGES_SHOWN_MAX);
    let mut lines: Vec<_> = shown
        .map(|it| match (value(&it.from), value(&it.to)) {
            // Only a part differs that is not shown.
            (from, to) if from == to => format!("  {}: another one", it.key),
            (from, to) => format!("  {}: {from} -> {to}", it.key),
        })
        .collect();
    if let Some(n_more @ 1..) = changes.len().checked_sub(STICK_CHANGES_SHOWN_MAX) {
        lines.push(format!("  and {n_more} more"));
    }
    lines
}
