//! What a mail says: subject and plain text. Pure.
//!
//! Without patient data unless the settings want it: mail lies on servers and telephones that the hospital does not
//! keep. The link, where there is one, leads to the rest.

use crate::clock::rfc3339;
use crate::delivery::case::Case;
use crate::delivery::digest::{Digest, DigestEntry};
use crate::delivery::reminder::Reminder;
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

/// About an answer that the radiologist's report does not agree with.
pub(super) fn of_reminder(
    reminder: &Reminder<'_>,
    id: &str,
    acknowledge_url: Option<&str>,
    patient_data: bool,
) -> Text {
    let (subject, what) = if reminder.is_about_flagged() {
        ("a flagged CT series, and no mass in its report", "was flagged, and its report names no")
    } else {
        (
            "a mass in a report, and the CT series not flagged",
            "was not flagged, and its report names a",
        )
    };
    let mut lines = vec![
        format!("A CT series {what} mass in"),
        "a parotid gland. Reports are read by rules, which may be wrong.".to_owned(),
        String::new(),
    ];
    if patient_data {
        lines.extend(row("Accession number", reminder.accession_number));
    }
    lines.extend(row("Side", &words::sides(reminder.sides)));
    lines.extend(row("Reference", reference(id)));
    lines.push("`parotidd review` lists all of them.".to_owned());
    if let Some(url) = acknowledge_url {
        lines.extend(["", "To say what you think of it, open", url].map(str::to_owned));
    }
    lines.extend(foot(None));
    Text { subject: format!("parotidd: {subject}"), body: text(&lines) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Side;

    #[test]
    fn a_reminder_says_what_does_not_agree() {
        let reminder = |list| Reminder {
            result_key: "k",
            now_unix_ms: 0,
            list,
            sides: &[Side::Right, Side::Left],
            study: "1.2",
            series: "1.2.1",
            accession_number: "A1\r\n",
        };
        let flagged = reminder("flagged_not_in_report");
        let mail = of_reminder(&flagged, "0123456789abcdef", Some("https://box/a"), true);
        assert_eq!(mail.subject, "parotidd: a flagged CT series, and no mass in its report");
        for part in
            ["Accession number: A1\n", "right and left", "0123456789ab\n", "https://box/a\n"]
        {
            assert!(mail.body.contains(part), "{part}: {}", mail.body);
        }
        let mail = of_reminder(&reminder("in_report_not_flagged"), "id", None, false);
        assert!(
            mail.body.contains("was not flagged, and its report names a mass"),
            "{}",
            mail.body
        );
        assert!(!mail.body.contains("A1") && !mail.body.contains("open"), "{}", mail.body);
    }
}
