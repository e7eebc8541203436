//! The tables of an export: which results there are and whose, and what was done about them.

use csv::Writer;

use crate::clock::rfc3339;
use crate::db::audit::AuditEvent;
use crate::db::cases::StoredCase;
use crate::dicom::attributes::PatientStudy;
use crate::units::Side;
use crate::verdict::Verdict;

const INDEX: [&str; 15] = [
    "folder",
    "patient_name",
    "patient_id",
    "birth_date",
    "study_date",
    "accession_number",
    "study_instance_uid",
    "series_instance_uid",
    "decision",
    "reason",
    "sides",
    "score",
    "verdict_right",
    "verdict_left",
    "answered_at",
];

/// One result of the index.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Where its files are.
    pub(super) folder: String,
    /// The answer.
    pub(super) case: &'a StoredCase,
    /// Whose it is; empty where its images are no longer kept.
    pub(super) patient: &'a PatientStudy,
}

/// The table of all results. It names patients.
#[derive(Debug)]
pub(super) struct Index(Writer<Vec<u8>>);

impl Index {
    pub(super) fn new() -> Result<Self, csv::Error> {
        let mut writer = Writer::from_writer(Vec::new());
        writer.write_record(INDEX)?;
        Ok(Self(writer))
    }

    pub(super) fn add(&mut self, row: &Row<'_>) -> Result<(), csv::Error> {
        let Row { folder, case, patient } = row;
        let report = &case.report;
        let sides: Vec<_> = report.flagged_sides().iter().map(|side| side.as_str()).collect();
        let verdict = |side| case.review.of(side).map_or("", Verdict::as_str).to_owned();
        let accession = patient.accession_number.expose();
        let fields = [
            folder.clone(),
            // Written for those who look after these patients: the one place where it is meant to be read.
            patient.patient_name.expose().clone(),
            patient.patient_id.expose().clone(),
            patient.birth_date.expose().clone(),
            patient.study_date.expose().clone(),
            accession.clone(),
            case.study.to_string(),
            case.series.to_string(),
            report.decision.as_str().to_owned(),
            report.reason.map_or(String::new(), |reason| reason.code().to_owned()),
            sides.join(" "),
            format!("{:.3}", report.score),
            verdict(Side::Right),
            verdict(Side::Left),
            rfc3339(case.created_unix_ms),
        ];
        self.0.write_record(fields.map(plain))
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, csv::Error> {
        finish(self.0)
    }
}

/// The audit trail as a table.
pub(super) fn audit(events: &[AuditEvent]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(["at", "event", "actor", "detail", "series_instance_uid"])?;
    for AuditEvent { event, series } in events {
        let fields = [
            rfc3339(event.at_unix_ms),
            event.kind.code().to_owned(),
            event.actor.clone(),
            event.detail.clone(),
            series.clone(),
        ];
        writer.write_record(fields.map(plain))?;
    }
    finish(writer)
}

fn finish(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// What a spreadsheet would take for a formula is text: a name comes from anywhere.
fn plain(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula() {
        assert_eq!(plain("=HYPERLINK(\"http://x\")".into()), "'=HYPERLINK(\"http://x\")");
        assert_eq!(plain("DOE^JANE".into()), "DOE^JANE");
    }
}
