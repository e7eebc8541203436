//! Alerts: one row each time that a person should look at a series, until someone says that they do.
//!
//! ```text
//!  flagged --> open --a person, by any way--> acknowledged
//!                `-----a later answer-------> withdrawn
//! ```
//! [`results::commit`](super::results::commit) opens and withdraws them in the transaction of the answer. What was held
//! back for later (escalation) is cancelled when the alert is closed.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::results::ResultId;
use super::thread::Operation;
use super::{deliveries, row};
use crate::limits::{ALERTS_READ_MAX, DIGEST_ALERTS_MAX, PERSON_BYTES_MAX};
use crate::screening::report::{Decision, ScreeningReport};
use crate::status::{Alerts, OpenAlert};
use crate::units::Side;

/// How an alert was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `parotidd acknowledge` on the appliance.
    CommandLine,
    /// The signed link of a message, by a person or by the system that got it.
    Link,
    /// An HL7 message that makes our preliminary result final.
    Hl7,
    /// A radiologist's report that mentions the mass.
    Report,
    /// The appliance's own button.
    Button,
    /// The console, by a person who logged in.
    Console,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CommandLine, Self::Link, Self::Hl7, Self::Report, Self::Button, Self::Console];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CommandLine => "command_line",
            Self::Link => "link",
            Self::Hl7 => "hl7",
            Self::Report => "report",
            Self::Button => "button",
            Self::Console => "console",
        }
    }
}

/// How a new alert goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// By itself.
    Pushed,
    /// In a digest, at this time, milliseconds since 1970 UTC.
    Digest(i64),
}

/// The alert of a series that says what the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was pushed, and nobody has acknowledged it.
    Pushed,
    /// It waits for a digest, or came in one.
    Held,
    /// Somebody acknowledged it.
    Acknowledged,
}

/// An alert that waits for a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The answer that opened it.
    pub result: ResultId,
    /// Names that answer, see [`Unrouted`](super::results::Unrouted).
    pub result_key: String,
    /// The answer.
    pub report: ScreeningReport,
    /// Milliseconds since 1970 UTC.
    pub created_unix_ms: i64,
}

/// The newest alert of a series, when an answer comes.
pub(super) struct Before {
    id: i64,
    result: ResultId,
    is_open: bool,
    is_withdrawn: bool,
    digest_unix_ms: Option<i64>,
    sides: Vec<Side>,
}

/// What an answer does to its series' alert.
pub(super) struct Change {
    /// The alert that says the same.
    pub(super) standing: Option<Standing>,
    /// It withdrew an alert that waits for this digest.
    pub(super) left_digest: Option<i64>,
}

pub(super) fn newest_of(
    connection: &Connection,
    series: &str,
) -> Result<Option<Before>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT a.id, a.result_id, a.state, a.digest_unix_ms, r.sides
             FROM alerts AS a JOIN results AS r ON r.id = a.result_id
             WHERE a.series_instance_uid = ?1 ORDER BY a.id DESC LIMIT 1",
        )?
        .query_row([series], |row| {
            let state: String = row.get(2)?;
            Ok(Before {
                id: row.get(0)?,
                result: ResultId(row.get(1)?),
                is_open: state == "open",
                is_withdrawn: state == "withdrawn",
                digest_unix_ms: row.get(3)?,
                sides: row::sides(row, 4)?,
            })
        })
        .optional()
}

/// Withdraws the alert of a series that a new answer does not bear out.
pub(super) fn follow(
    connection: &Connection,
    series: &str,
    report: &ScreeningReport,
    now_unix_ms: i64,
) -> Result<Change, rusqlite::Error> {
    let nothing = Change { standing: None, left_digest: None };
    let Some(before) = newest_of(connection, series)? else { return Ok(nothing) };
    let is_flagged = report.decision == Decision::Flagged;
    if is_flagged && !before.is_withdrawn && before.sides == report.flagged_sides() {
        let standing = match (before.is_open, before.digest_unix_ms) {
            (false, _) => Standing::Acknowledged,
            (true, Some(_)) => Standing::Held,
            (true, None) => Standing::Pushed,
        };
        return Ok(Change { standing: Some(standing), left_digest: None });
    }
    deliveries::cancel_held_back(connection, series, now_unix_ms)?;
    if !before.is_open {
        return Ok(nothing);
    }
    connection
        .prepare_cached("UPDATE alerts SET state = 'withdrawn', closed_unix_ms = ?2 WHERE id = ?1")?
        .execute((before.id, now_unix_ms))?;
    let event = NewAuditEvent {
        at_unix_ms: now_unix_ms,
        kind: AuditKind::Withdrawn,
        result: Some(before.result),
        actor: "parotidd".into(),
        detail: format!("a later answer is {}", report.decision.as_str()),
    };
    audit::write(connection, &event)?;
    Ok(Change { standing: None, left_digest: before.digest_unix_ms })
}

/// Opens the alert of an answer that was just written.
pub(super) fn open(
    connection: &Connection,
    series: &str,
    result: ResultId,
    tier: Tier,
    now_unix_ms: i64,
) -> Result<(), rusqlite::Error> {
    let (digest, detail) = match tier {
        Tier::Pushed => (None, "pushed"),
        Tier::Digest(at) => (Some(at), "held for the digest"),
    };
    connection
        .prepare_cached(
            "INSERT INTO alerts (series_instance_uid, result_id, state, digest_unix_ms,
                 opened_unix_ms) VALUES (?1, ?2, 'open', ?3, ?4)",
        )?
        .execute((series, result.0, digest, now_unix_ms))?;
    let event = NewAuditEvent {
        at_unix_ms: now_unix_ms,
        kind: AuditKind::AlertOpened,
        result: Some(result),
        actor: "parotidd".into(),
        detail: detail.into(),
    };
    audit::write(connection, &event)
}

/// How many were pushed one by one since a time.
pub(super) fn n_pushed_since(
    connection: &Connection,
    unix_ms: i64,
) -> Result<u32, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM alerts WHERE digest_unix_ms IS NULL AND opened_unix_ms >= ?1",
        )?
        .query_row([unix_ms], |row| row::count(row, 0))
}

/// The alerts that wait for one digest, oldest first, at most [`DIGEST_ALERTS_MAX`].
pub(super) fn held(connection: &Connection, digest: i64) -> Result<Vec<Held>, rusqlite::Error> {
    let most = i64::try_from(DIGEST_ALERTS_MAX).expect("hundreds");
    connection
        .prepare_cached(
            "SELECT r.id, r.result_key, r.report, r.created_unix_ms
             FROM alerts AS a JOIN results AS r ON r.id = a.result_id
             WHERE a.digest_unix_ms = ?1 AND a.state <> 'withdrawn' ORDER BY a.id LIMIT ?2",
        )?
        .query_map((digest, most), |row| {
            Ok(Held {
                result: ResultId(row.get(0)?),
                result_key: row.get(1)?,
                report: row::json(row, 2)?,
                created_unix_ms: row.get(3)?,
            })
        })?
        .collect()
}

/// An alert, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its number on this appliance.
    pub number: i64,
    /// The answer that opened it.
    pub result: ResultId,
    /// Names that answer, for links and messages.
    pub result_key: String,
    /// Series Instance UID.
    pub series: String,
    /// That answer.
    pub report: ScreeningReport,
    /// `open`, `acknowledged` or `withdrawn`.
    pub state: String,
    /// Milliseconds since 1970 UTC.
    pub opened_unix_ms: i64,
    /// Milliseconds since 1970 UTC.
    pub closed_unix_ms: Option<i64>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// How, see [`Channel`].
    pub acknowledged_via: Option<String>,
}

const COLUMNS: &str = "a.id, a.result_id, r.result_key, a.series_instance_uid, r.report, a.state,
    a.opened_unix_ms, a.closed_unix_ms, a.acknowledged_by, a.acknowledged_via
    FROM alerts AS a JOIN results AS r ON r.id = a.result_id";

fn read(row: &Row<'_>) -> Result<Alert, rusqlite::Error> {
    Ok(Alert {
        number: row.get(0)?,
        result: ResultId(row.get(1)?),
        result_key: row.get(2)?,
        series: row.get(3)?,
        report: row::json(row, 4)?,
        state: row.get(5)?,
        opened_unix_ms: row.get(6)?,
        closed_unix_ms: row.get(7)?,
        acknowledged_by: row.get(8)?,
        acknowledged_via: row.get(9)?,
    })
}

/// The newest alerts, newest first, at most [`ALERTS_READ_MAX`]; only those that nobody acknowledged, or all.
pub fn list(only_open: bool) -> Operation<Vec<Alert>> {
    Operation::new("list the alerts", move |connection| {
        let most = i64::try_from(ALERTS_READ_MAX).expect("thousands");
        connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE a.state = 'open' OR NOT ?1 ORDER BY a.id DESC LIMIT ?2"
            ))?
            .query_map((only_open, most), read)?
            .collect()
    })
}

/// All of them, in one look: counts, the oldest and the newest that is open, and whether the newest result's is
/// acknowledged.
pub fn now() -> Operation<Alerts> {
    Operation::new("look up the alerts", |connection| {
        let (n_open, newest) = connection
            .prepare_cached("SELECT count(*), max(id) FROM alerts WHERE state = 'open'")?
            .query_row([], |row| Ok((row::count(row, 0)?, row.get(1)?)))?;
        let oldest = connection
            .prepare_cached(
                "SELECT a.opened_unix_ms, r.sides
                 FROM alerts AS a JOIN results AS r ON r.id = a.result_id
                 WHERE a.state = 'open' ORDER BY a.opened_unix_ms, a.id LIMIT 1",
            )?
            .query_row([], |row| {
                Ok(OpenAlert { opened_unix_ms: row.get(0)?, sides: row::sides(row, 1)? })
            })
            .optional()?;
        // A series that was sent again has a newer answer and the alert that it had.
        let newest_result: Option<(String, i64)> = connection
            .prepare_cached(
                "SELECT series_instance_uid, created_unix_ms FROM results ORDER BY id DESC LIMIT 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let mut acknowledged_result_unix_ms = None;
        if let Some((series, created_unix_ms)) = newest_result {
            let alert = newest_of(connection, &series)?;
            acknowledged_result_unix_ms =
                alert.filter(|it| !it.is_open && !it.is_withdrawn).map(|_| created_unix_ms);
        }
        Ok(Alerts { n_open, oldest, newest, acknowledged_result_unix_ms })
    })
}

/// What an alert is named by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertName {
    /// Key of an answer of its series, or of a delivery about one.
    Key(String),
    /// Its number.
    Number(i64),
    /// Its series.
    Series(String),
    /// Its study: all that are open in it.
    Study(String),
    /// The one that was opened last and is still open.
    Newest,
    /// All that are open, up to and with this number.
    OpenUpTo(i64),
}

/// Who acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// A person, or the role of the destination whose link was used.
    pub by: String,
    /// How.
    pub via: Channel,
    /// Milliseconds since 1970 UTC.
    pub at_unix_ms: i64,
}

/// The newest alert of each series that a name fits.
pub fn find(name: AlertName) -> Operation<Vec<Alert>> {
    Operation::new("look up an alert", move |connection| named(connection, &name))
}

fn named(connection: &Connection, name: &AlertName) -> Result<Vec<Alert>, rusqlite::Error> {
    let number: String;
    let (condition, text) = match name {
        AlertName::Key(key) => (
            "a.id IN (SELECT max(b.id) FROM alerts AS b WHERE b.series_instance_uid IN (
                 SELECT series_instance_uid FROM results WHERE result_key = ?1
                 UNION SELECT q.series_instance_uid FROM deliveries AS d
                     JOIN results AS q ON q.id = d.result_id WHERE d.idempotency_key = ?1))",
            key.as_str(),
        ),
        AlertName::Number(n) => {
            number = n.to_string();
            ("a.id = CAST(?1 AS INTEGER)", number.as_str())
        }
        AlertName::Series(series) => {
            ("a.id IN (SELECT max(id) FROM alerts WHERE series_instance_uid = ?1)", series.as_str())
        }
        AlertName::Study(study) => {
            ("r.study_instance_uid = ?1 AND a.state = 'open'", study.as_str())
        }
        AlertName::OpenUpTo(n) => {
            number = n.to_string();
            ("a.state = 'open' AND a.id <= CAST(?1 AS INTEGER)", number.as_str())
        }
        AlertName::Newest => {
            ("?1 = '' AND a.id IN (SELECT max(id) FROM alerts WHERE state = 'open')", "")
        }
    };
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE {condition} ORDER BY a.id DESC"))?
        .query_map([text], read)?
        .collect()
}

/// Acknowledges what a name fits, as far as it is open. Answers with the alerts as they are after it; none where the name
/// fits none. The first who acknowledges stays.
pub fn acknowledge(name: AlertName, by: Acknowledgement) -> Operation<Vec<Alert>> {
    Operation::new("acknowledge an alert", move |connection| {
        let found = named(connection, &name)?;
        for alert in found.iter().filter(|alert| alert.state == "open") {
            close(connection, alert, &by)?;
        }
        // By their results: once closed, a study or the newest names others.
        let now = found.into_iter().map(|alert| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} WHERE a.result_id = ?1"))?
                .query_row([alert.result.0], read)
        });
        now.collect()
    })
}

fn close(
    connection: &Connection,
    alert: &Alert,
    by: &Acknowledgement,
) -> Result<(), rusqlite::Error> {
    let person = row::bounded(&by.by, PERSON_BYTES_MAX);
    connection
        .prepare_cached(
            "UPDATE alerts SET state = 'acknowledged', closed_unix_ms = ?2, acknowledged_by = ?3,
                 acknowledged_via = ?4 WHERE result_id = ?1 AND state = 'open'",
        )?
        .execute((alert.result.0, by.at_unix_ms, person, by.via.code()))?;
    deliveries::cancel_held_back(connection, &alert.series, by.at_unix_ms)?;
    let event = NewAuditEvent {
        at_unix_ms: by.at_unix_ms,
        kind: AuditKind::Acknowledged,
        result: Some(alert.result),
        actor: person.into(),
        detail: format!("by {}", by.via.code()),
    };
    audit::write(connection, &event)
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
