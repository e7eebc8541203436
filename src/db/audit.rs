//! What was done about alerts, and by whom. Rows are only added.

use rusqlite::Connection;

use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::{AUDIT_EVENTS_READ_MAX, ERROR_TEXT_BYTES_MAX};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditKind {
    /// An alert was opened, and pushed or held for a digest.
    AlertOpened,
    /// A destination took a delivery.
    Delivered,
    /// A destination refused a delivery for good.
    Refused,
    /// A person acknowledged an alert.
    Acknowledged,
    /// A later answer took an alert back.
    Withdrawn,
    /// A person said what they think of a finding.
    FeedbackGiven,
    /// A radiologist's report came.
    ReportReceived,
    /// De-identified cases were written.
    Exported,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AlertOpened,
        Self::Delivered,
        Self::Refused,
        Self::Acknowledged,
        Self::Withdrawn,
        Self::FeedbackGiven,
        Self::ReportReceived,
        Self::Exported,
    ];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AlertOpened => "alert_opened",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Acknowledged => "acknowledged",
            Self::Withdrawn => "withdrawn",
            Self::FeedbackGiven => "feedback_given",
            Self::ReportReceived => "report_received",
            Self::Exported => "exported",
        }
    }
}

/// One event as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEvent {
    /// When, milliseconds since 1970 UTC.
    pub at_unix_ms: i64,
    /// What.
    pub kind: AuditKind,
    /// About which answer.
    pub result: Option<ResultId>,
    /// A destination, a person, or `parotidd`.
    pub actor: String,
    /// More about it, without patient data.
    pub detail: String,
}

/// One event as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The event.
    pub event: NewAuditEvent,
    /// Series Instance UID of the answer; empty where it is about none.
    pub series: String,
}

/// Writes an event inside the transaction of what it is about.
pub(super) fn write(connection: &Connection, event: &NewAuditEvent) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO audit_events (at_unix_ms, event, result_id, actor, detail)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            event.at_unix_ms,
            event.kind.code(),
            event.result.map(|it| it.0),
            row::bounded(&event.actor, ERROR_TEXT_BYTES_MAX),
            row::bounded(&event.detail, ERROR_TEXT_BYTES_MAX),
        ))?;
    Ok(())
}

/// Writes an event that is about nothing else in the database.
pub fn record(event: NewAuditEvent) -> Operation<()> {
    Operation::new("write an audit event", move |connection| write(connection, &event))
}

/// The events since a time, oldest first; the newest [`AUDIT_EVENTS_READ_MAX`] of them.
pub fn since(unix_ms: i64) -> Operation<Vec<AuditEvent>> {
    Operation::new("read the audit events", move |connection| {
        let most = i64::try_from(AUDIT_EVENTS_READ_MAX).expect("thousands");
        connection
            .prepare_cached(
                "SELECT at_unix_ms, event, result_id, actor, detail, series FROM (
                     SELECT e.id, e.at_unix_ms, e.event, e.result_id, e.actor, e.detail,
                         coalesce(r.series_instance_uid, '') AS series
                     FROM audit_events AS e LEFT JOIN results AS r ON r.id = e.result_id
                     WHERE e.at_unix_ms >= ?1 ORDER BY e.id DESC LIMIT ?2)
                 ORDER BY id",
            )?
            .query_map((unix_ms, most), |row| {
                let event = NewAuditEvent {
                    at_unix_ms: row.get(0)?,
                    kind: row::named(row, 1, &AuditKind::ALL, AuditKind::code)?,
                    result: row.get::<_, Option<i64>>(2)?.map(ResultId),
                    actor: row.get(3)?,
                    detail: row.get(4)?,
                };
                Ok(AuditEvent { event, series: row.get(5)? })
            })?
            .collect()
    })
}
