//! Radiologists' reports, as far as they concern the parotid glands of studies that were screened.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::deliveries::{self, NewDelivery};
use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::REVIEWS_READ_MAX;
use crate::phi::Phi;
use crate::report_text::MentionedSide;
use crate::screening::report::Decision;
use crate::units::Side;

/// How far a report has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStatus {
    /// It may change.
    Preliminary,
    /// It is signed.
    Final,
    /// It was signed, and then changed.
    Corrected,
}

impl ReportStatus {
    const ALL: [Self; 3] = [Self::Preliminary, Self::Final, Self::Corrected];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Preliminary => "preliminary",
            Self::Final => "final",
            Self::Corrected => "corrected",
        }
    }
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRadiologyReport {
    /// The same for a message that is sent again.
    pub message_key: String,
    /// Study Instance UID.
    pub study: String,
    /// How far it has come.
    pub status: ReportStatus,
    /// The side on which it mentions a mass; `None` where it mentions none.
    pub mention: Option<MentionedSide>,
    /// The sentences that do.
    pub sentences: Vec<Phi<String>>,
    /// Milliseconds since 1970 UTC.
    pub received_unix_ms: i64,
}

/// The newest answer for one series of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesAnswer {
    /// Its row.
    pub result: ResultId,
    /// Names it, for links and messages.
    pub result_key: String,
    /// Series Instance UID.
    pub series: String,
    /// The answer.
    pub decision: Decision,
    /// The flagged sides.
    pub sides: Vec<Side>,
    /// Whether a person has said what they think of it.
    pub is_judged: bool,
}

/// A study with its newest report and answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedStudy {
    /// Study Instance UID.
    pub study: String,
    /// Accession Number of the images; may be empty.
    pub accession_number: Phi<String>,
    /// How far the report has come.
    pub status: ReportStatus,
    /// The side on which it mentions a mass; `None` where it mentions none.
    pub mention: Option<MentionedSide>,
    /// The sentences that do.
    pub sentences: Vec<Phi<String>>,
    /// When it came, milliseconds since 1970 UTC.
    pub received_unix_ms: i64,
    /// One for each series, in the order of their screening.
    pub answers: Vec<SeriesAnswer>,
}

/// Studies that were received or screened here: by the first Study Instance UID that is known, or else by the first of the
/// accession numbers that any has, in the images or in the order. One order may have several studies.
pub fn studies(uids: Vec<String>, accession_numbers: Vec<String>) -> Operation<Vec<String>> {
    Operation::new("look for the study of a report", move |connection| {
        for study in uids {
            let is_known = connection
                .prepare_cached(
                    "SELECT 1 FROM instances WHERE study_instance_uid = ?1
                     UNION SELECT 1 FROM results WHERE study_instance_uid = ?1",
                )?
                .exists([&study])?;
            if is_known {
                return Ok(vec![study]);
            }
        }
        for number in accession_numbers.iter().filter(|it| !it.is_empty()) {
            let found: Vec<String> = connection
                .prepare_cached(
                    "SELECT study_instance_uid FROM results
                         WHERE json_extract(report, '$.accession_number') = ?1
                     UNION SELECT study_instance_uid FROM study_orders
                         WHERE json_extract(order_match, '$.matched.order.accession_number') = ?1",
                )?
                .query_map([number], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    })
}

/// Keeps a report, with the reminders that `remind` makes of it and the study's answers. Answers whether it is new, and how
/// many reminders were written.
///
/// `remind` runs on the database thread, inside the transaction: it must be quick and do no I/O.
pub fn record(
    report: NewRadiologyReport,
    remind: impl FnOnce(&ReportedStudy) -> Vec<(ResultId, NewDelivery)> + Send + 'static,
) -> Operation<Option<usize>> {
    Operation::new("keep a radiologist's report", move |connection| {
        if !insert(connection, &report)? {
            return Ok(None);
        }
        let Some(study) = of_study(connection, &report.study)? else { return Ok(Some(0)) };
        let event = NewAuditEvent {
            at_unix_ms: report.received_unix_ms,
            kind: AuditKind::ReportReceived,
            result: study.answers.last().map(|it| it.result),
            actor: "radiologist's report".into(),
            detail: format!("{}, mentions a mass: {}", report.status.code(), word(report.mention)),
        };
        audit::write(connection, &event)?;
        let mut n_reminders = 0;
        for (result, delivery) in remind(&study) {
            n_reminders +=
                deliveries::insert(connection, result, &delivery, report.received_unix_ms)?;
        }
        Ok(Some(n_reminders))
    })
}

fn insert(connection: &Connection, report: &NewRadiologyReport) -> Result<bool, rusqlite::Error> {
    let sentences: Vec<_> = report.sentences.iter().map(Phi::expose).collect();
    let sentences = serde_json::to_string(&sentences)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let n = connection
        .prepare_cached(
            "INSERT INTO radiology_reports (message_key, study_instance_uid, status, mention,
                 sentences, received_unix_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            &report.message_key,
            &report.study,
            report.status.code(),
            word(report.mention),
            sentences,
            report.received_unix_ms,
        ))?;
    Ok(n == 1)
}

const NEWEST: &str = "SELECT study_instance_uid, status, mention, sentences, received_unix_ms
    FROM radiology_reports WHERE id IN (
        SELECT max(id) FROM radiology_reports GROUP BY study_instance_uid)";

/// Studies whose newest report is signed, newest first, at most [`REVIEWS_READ_MAX`].
pub fn signed() -> Operation<Vec<ReportedStudy>> {
    Operation::new("list the studies with a report", |connection| {
        let most = i64::try_from(REVIEWS_READ_MAX).expect("thousands");
        let mut studies: Vec<ReportedStudy> = connection
            .prepare_cached(&format!(
                "{NEWEST} AND status <> 'preliminary' ORDER BY id DESC LIMIT ?1"
            ))?
            .query_map([most], read)?
            .collect::<Result<_, _>>()?;
        for study in &mut studies {
            fill(connection, study)?;
        }
        Ok(studies)
    })
}

/// Whether the newest report of a study is signed and mentions no mass.
pub(super) fn is_signed_without_mass(
    connection: &Connection,
    study: &str,
) -> Result<bool, rusqlite::Error> {
    let newest = connection
        .prepare_cached(&format!("{NEWEST} AND study_instance_uid = ?1"))?
        .query_row([study], read)
        .optional()?;
    Ok(newest.is_some_and(|it| it.status != ReportStatus::Preliminary && it.mention.is_none()))
}

fn of_study(
    connection: &Connection,
    study: &str,
) -> Result<Option<ReportedStudy>, rusqlite::Error> {
    let found = connection
        .prepare_cached(&format!("{NEWEST} AND study_instance_uid = ?1"))?
        .query_row([study], read)
        .optional()?;
    let Some(mut found) = found else { return Ok(None) };
    fill(connection, &mut found)?;
    Ok(Some(found))
}

fn read(row: &Row<'_>) -> Result<ReportedStudy, rusqlite::Error> {
    let mention = row::named(row, 2, &MENTIONS, word)?;
    let sentences: Vec<String> = row::json(row, 3)?;
    Ok(ReportedStudy {
        study: row.get(0)?,
        accession_number: Phi::default(),
        status: row::named(row, 1, &ReportStatus::ALL, ReportStatus::code)?,
        mention,
        sentences: sentences.into_iter().map(Phi::new).collect(),
        received_unix_ms: row.get(4)?,
        answers: Vec::new(),
    })
}

/// The newest answers of its series.
fn fill(connection: &Connection, study: &mut ReportedStudy) -> Result<(), rusqlite::Error> {
    let mut answers = connection.prepare_cached(
        "SELECT r.id, r.result_key, r.series_instance_uid, r.decision, r.sides,
             EXISTS (SELECT 1 FROM feedback AS f WHERE f.result_id = r.id),
             json_extract(r.report, '$.accession_number')
         FROM results AS r WHERE r.id IN (
             SELECT max(id) FROM results WHERE study_instance_uid = ?1
             GROUP BY series_instance_uid) ORDER BY r.id",
    )?;
    let answers = answers.query_map([&study.study], |row| {
        let answer = SeriesAnswer {
            result: ResultId(row.get(0)?),
            result_key: row.get(1)?,
            series: row.get(2)?,
            decision: row::decision(row, 3)?,
            sides: row::sides(row, 4)?,
            is_judged: row.get(5)?,
        };
        Ok((answer, row.get::<_, Option<String>>(6)?.unwrap_or_default()))
    })?;
    for answer in answers {
        let (answer, number) = answer?;
        if !number.is_empty() {
            study.accession_number = Phi::new(number);
        }
        study.answers.push(answer);
    }
    Ok(())
}

const MENTIONS: [Option<MentionedSide>; 5] = [
    None,
    Some(MentionedSide::Right),
    Some(MentionedSide::Left),
    Some(MentionedSide::Both),
    Some(MentionedSide::Unspecified),
];

/// The column's word.
fn word(mention: Option<MentionedSide>) -> &'static str {
    match mention {
        None => "none",
        Some(MentionedSide::Right) => "right",
        Some(MentionedSide::Left) => "left",
        Some(MentionedSide::Both) => "both",
        Some(MentionedSide::Unspecified) => "unspecified",
    }
}
