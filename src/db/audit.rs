//! What was done about alerts, series and the appliance, and by whom. Rows are only added.

use rusqlite::{Connection, Row, ToSql};

use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::{AUDIT_EVENTS_READ_MAX, AUDIT_PAGE_MAX, ERROR_TEXT_BYTES_MAX};

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
    /// A person logged in.
    LoggedIn,
    /// A person logged out.
    LoggedOut,
    /// A password was wrong.
    LogInFailed,
    /// A name was locked for wrong passwords.
    LockedOut,
    /// An account was made, changed or removed.
    UserChanged,
    /// A person opened a series' images.
    SeriesOpened,
    /// A person had a delivery tried again.
    DeliveryRetried,
    /// A person acknowledged that a destination refused something for good.
    RefusalSeen,
    /// The images of a series were removed.
    ImagesRemoved,
    /// Images came whose others were removed, and were not screened.
    LateImages,
    /// The answers of a series were removed.
    ResultsRemoved,
    /// A backup took the place of what was there.
    Restored,
    /// The database was damaged, and made anew from the received images.
    Rebuilt,
    /// Results with their patients were written to a medium.
    ResultsExported,
    /// Settings were taken over.
    SettingsChanged,
    /// Service mode was started: a root shell on the consoles.
    ServiceMode,
    /// A person asked whether another system is there.
    PeerAsked,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::AlertOpened,
        Self::Delivered,
        Self::Refused,
        Self::Acknowledged,
        Self::Withdrawn,
        Self::FeedbackGiven,
        Self::ReportReceived,
        Self::Exported,
        Self::LoggedIn,
        Self::LoggedOut,
        Self::LogInFailed,
        Self::LockedOut,
        Self::UserChanged,
        Self::SeriesOpened,
        Self::DeliveryRetried,
        Self::RefusalSeen,
        Self::ImagesRemoved,
        Self::LateImages,
        Self::ResultsRemoved,
        Self::Restored,
        Self::Rebuilt,
        Self::ResultsExported,
        Self::SettingsChanged,
        Self::ServiceMode,
        Self::PeerAsked,
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
            Self::LoggedIn => "logged_in",
            Self::LoggedOut => "logged_out",
            Self::LogInFailed => "log_in_failed",
            Self::LockedOut => "locked_out",
            Self::UserChanged => "user_changed",
            Self::SeriesOpened => "series_opened",
            Self::DeliveryRetried => "delivery_retried",
            Self::RefusalSeen => "refusal_seen",
            Self::ImagesRemoved => "images_removed",
            Self::LateImages => "late_images",
            Self::ResultsRemoved => "results_removed",
            Self::Restored => "restored",
            Self::Rebuilt => "rebuilt",
            Self::ResultsExported => "results_exported",
            Self::SettingsChanged => "settings_changed",
            Self::ServiceMode => "service_mode",
            Self::PeerAsked => "peer_asked",
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

const COLUMNS: &str = "e.at_unix_ms, e.event, e.result_id, e.actor, e.detail,
    coalesce(r.series_instance_uid, '')
    FROM audit_events AS e LEFT JOIN results AS r ON r.id = e.result_id";

fn read(row: &Row<'_>) -> Result<AuditEvent, rusqlite::Error> {
    let event = NewAuditEvent {
        at_unix_ms: row.get(0)?,
        kind: row::named(row, 1, &AuditKind::ALL, AuditKind::code)?,
        result: row.get::<_, Option<i64>>(2)?.map(ResultId),
        actor: row.get(3)?,
        detail: row.get(4)?,
    };
    Ok(AuditEvent { event, series: row.get(5)? })
}

/// The events since a time, oldest first; the newest [`AUDIT_EVENTS_READ_MAX`] of them.
pub fn since(unix_ms: i64) -> Operation<Vec<AuditEvent>> {
    Operation::new("read the audit events", move |connection| {
        let mut found = newest(connection, "e.at_unix_ms >= ?1", unix_ms, AUDIT_EVENTS_READ_MAX)?;
        found.reverse();
        Ok(found)
    })
}

/// The newest events, newest first, at most [`AUDIT_PAGE_MAX`] of them.
pub fn page() -> Operation<Vec<AuditEvent>> {
    Operation::new("read the newest audit events", |connection| {
        newest(connection, "?1 = 0", 0_i64, AUDIT_PAGE_MAX)
    })
}

/// The newest events about a series' answers, newest first, at most [`AUDIT_PAGE_MAX`] of them.
pub fn of_series(series: String) -> Operation<Vec<AuditEvent>> {
    Operation::new("read a series' audit events", move |connection| {
        let of = "e.result_id IN (SELECT id FROM results WHERE series_instance_uid = ?1)";
        newest(connection, of, series, AUDIT_PAGE_MAX)
    })
}

fn newest(
    connection: &Connection,
    condition: &str,
    value: impl ToSql,
    n_max: usize,
) -> Result<Vec<AuditEvent>, rusqlite::Error> {
    let most = i64::try_from(n_max).expect("thousands");
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE {condition} ORDER BY e.id DESC LIMIT ?2"))?
        .query_map(rusqlite::params![value, most], read)?
        .collect()
}
