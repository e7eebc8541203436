//! What a mail says: subject and plain text. Pure.
//!
//! Without patient data unless the settings want it: mail lies on servers and telephones that the hospital does not
//! keep. The link, where there is one, leads to the rest.

use crate::clock::rfc3339;
use crate::delivery::case::Case;
use crate::delivery::digest::{Digest, DigestEntry};
use crate::delivery::words;
use crate::screening::report::{Decision, NOT_FOR_DIAGNOSTIC_USE, ScreeningReport};
use crate::units::rounded;

/// Digits of a message's id that stand in its text.
const REFERENCE_DIGITS: usize = 12;

/// A mail without its head.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) subject: String,
    pub(super) body: String,
}

/// About one result; `patient_data` says whether the patient can be known from it.
pub(super) fn of_case(case: &Case<'_>, patient_data: bool) -> Text {
    let report = case.report;
    let mut lines = vec![words::answer(report)];
    if case.supersedes.is_some() {
        lines.push("This corrects what was said earlier about the same series.".to_owned());
    }
    if case.unacknowledged_min > 0 {
        let minutes = case.unacknowledged_min;
        lines.push(format!("Nobody has acknowledged this alert for {minutes} minutes."));
    }
    lines.push(String::new());
    if patient_data {
        lines.extend(row("Accession number", case.accession_number()));
        lines.extend(row("Patient ID", case.patient.patient_id.expose()));
    }
    lines.extend(row("Side", &words::sides(&report.flagged_sides())));
    lines.extend(words::largest(report).and_then(|size| row("Largest mass", &size)));
    lines.extend(row("Score", &score(report)));
    lines.extend(row("Time", &rfc3339(case.created_unix_ms)));
    lines.extend(row("Reference", reference(case.id)));
    lines.extend(report.warnings.iter().map(|warning| warning.sentence().to_owned()));
    if let Some(url) = case.acknowledge_url {
        lines.extend(["", "To say that it was seen, open", url].map(str::to_owned));
    }
    if let Some(at) = case.digest_follows {
        lines.push(String::new());
        lines.push("This is the last alert of today that comes by itself.".to_owned());
        lines.push(format!("What else is flagged comes in one message at {at}."));
    }
    lines.extend(foot(Some(report)));
    Text { subject: subject(case), body: text(&lines) }
}

/// Several alerts in one mail.
pub(super) fn of_digest(digest: &Digest<'_>) -> Text {
    let n_alerts = digest.entries.len();
    let series = if n_alerts == 1 { "CT series was" } else { "CT series were" };
    let mut lines = vec![
        format!("{n_alerts} {series} flagged after the {} alerts of today", digest.per_day_max),
        "that come one by one.".to_owned(),
    ];
    for entry in &digest.entries {
        lines.extend(entry_lines(entry));
    }
    lines.push(String::new());
    lines.extend(row("Reference", reference(digest.id)));
    lines.extend(foot(digest.entries.last().map(|entry| entry.report)));
    let subject = format!("parotidd: {n_alerts} {series} flagged, digest");
    Text { subject, body: text(&lines) }
}

fn entry_lines(entry: &DigestEntry<'_>) -> Vec<String> {
    let mut lines = vec![String::new(), words::answer(entry.report)];
    lines.extend(words::largest(entry.report).and_then(|size| row("Largest mass", &size)));
    lines.extend(row("Score", &score(entry.report)));
    lines.extend(row("Time", &rfc3339(entry.created_unix_ms)));
    lines.extend(entry.acknowledge_url.as_deref().and_then(|url| row("Seen?", url)));
    lines
}

fn subject(case: &Case<'_>) -> String {
    let sides = words::sides(&case.report.flagged_sides());
    let what = match (case.report.decision, case.supersedes) {
        (Decision::Flagged, None) => format!("a CT series was flagged, {sides} side"),
        (Decision::Flagged, Some(_)) => format!("corrected: a CT series is flagged, {sides} side"),
        (Decision::NotFlagged, None) => "a CT series was not flagged".to_owned(),
        (Decision::NotFlagged, Some(_)) => "withdrawn: a CT series is not flagged".to_owned(),
        (Decision::NotAssessable, None) => "a CT series could not be assessed".to_owned(),
        (Decision::NotAssessable, Some(_)) => {
            "withdrawn: a CT series could not be assessed".to_owned()
        }
    };
    match case.unacknowledged_min {
        0 => format!("parotidd: {what}"),
        minutes => format!("parotidd: not acknowledged for {minutes} min: {what}"),
    }
}

fn score(report: &ScreeningReport) -> String {
    format!("{:.2}", rounded(report.score, 2))
}

fn reference(id: &str) -> &str {
    id.get(..REFERENCE_DIGITS).unwrap_or(id)
}

/// One line of a table; none where there is no value. Values of images may hold anything.
fn row(name: &str, value: &str) -> Option<String> {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let value = value.trim();
    (!value.is_empty()).then(|| format!("{:<18}{value}", format!("{name}:")))
}

fn foot(report: Option<&ScreeningReport>) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("Result of a computer program, {NOT_FOR_DIAGNOSTIC_USE}."),
        "The images are to be read as always.".to_owned(),
    ];
    lines.extend(report.map(words::versions));
    lines
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}
