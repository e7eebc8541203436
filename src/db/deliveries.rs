//! The outbox's rows: one for each thing to send, kept for good.
//!
//! ```text
//!  results::commit --> waiting --taken--> sent (receipt)
//!                      ^  |  |`--refused for good--> dead (error)
//!                      `--'  `--acknowledged or withdrawn before its time--> cancelled
//!                      not now: next attempt later, for ever
//! ```
//! An escalation is a row like any other with a time before which it is not sent, and a digest is one whose payload grows
//! until then: no timer has to survive a power cut.
//!
//! A row that corrects an earlier one (`follows`) is not due while that one still waits: a ward must
//! not read "withdrawn" before "flagged". Other rows of a destination do not wait for each other, so
//! that one poisoned payload blocks nothing else.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::{ERROR_TEXT_BYTES_MAX, RECEIPT_BYTES_MAX, RETRY_WAIT_MAX};
use crate::screening::report::Decision;
use crate::units::Side;

/// Row number of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// What a delivery is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// One result.
    Result,
    /// Several results, too many to be pushed one by one; it belongs to the first.
    Digest,
    /// A result that the radiologist's report does not agree with.
    Reminder,
}

impl DeliveryKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Digest => "digest",
            Self::Reminder => "reminder",
        }
    }
}

/// One thing to send, as routing makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Name of the destination.
    pub destination: String,
    /// What it is about.
    pub kind: DeliveryKind,
    /// Not sent before this time, milliseconds since 1970 UTC; `None` for at once. Such a row is cancelled when someone
    /// acknowledges the alert first.
    pub not_before_unix_ms: Option<i64>,
    /// The same however often it is sent: the receiver knows it again by this.
    pub idempotency_key: String,
    /// What is sent, byte by byte.
    pub payload: String,
    /// The earlier delivery that this one corrects.
    pub follows: Option<DeliveryId>,
}

/// One thing to send, now.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its row.
    pub id: DeliveryId,
    /// See [`NewDelivery::idempotency_key`].
    pub idempotency_key: String,
    /// What is sent, byte by byte.
    pub payload: String,
    /// Attempts made before.
    pub attempts: u32,
}

/// What a destination was last told about a series (or will be: it may still wait).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Name of the destination.
    pub destination: String,
    /// The delivery that tells it.
    pub delivery: DeliveryId,
    /// That delivery's key.
    pub idempotency_key: String,
    /// The answer it gives.
    pub decision: Decision,
    /// The flagged sides it gives, right first.
    pub sides: Vec<Side>,
}

/// What is next for a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send this.
    Due(Delivery),
    /// Nothing before this time, milliseconds since 1970 UTC.
    At(i64),
    /// Nothing waits.
    Nothing,
}

/// Deliveries by state, for `Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// Not yet received by their destination.
    pub n_waiting: u32,
    /// Refused for good.
    pub n_dead: u32,
    /// Received.
    pub n_sent: u64,
    /// When the oldest waiting one was made, milliseconds since 1970 UTC.
    pub oldest_waiting_unix_ms: Option<i64>,
}

// The payload is about a patient; neither type prints it.
impl std::fmt::Debug for NewDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewDelivery({} to {})", self.idempotency_key, self.destination)
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delivery({}, {} attempts)", self.idempotency_key, self.attempts)
    }
}

/// Writes one delivery of a result; 0 when it was there already. A digest that waits for its time is replaced: it has
/// grown.
pub(super) fn insert(
    connection: &Connection,
    result: ResultId,
    delivery: &NewDelivery,
    now_unix_ms: i64,
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO deliveries (result_id, destination, kind, idempotency_key, payload, follows,
                 state, created_unix_ms, not_before_unix_ms, next_attempt_unix_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8, ?8)
             ON CONFLICT (idempotency_key) DO UPDATE SET payload = excluded.payload
                 WHERE kind = 'digest' AND state = 'waiting' AND attempts = 0
                     AND not_before_unix_ms > ?7
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            result.0,
            &delivery.destination,
            delivery.kind.as_str(),
            &delivery.idempotency_key,
            &delivery.payload,
            delivery.follows.map(|id| id.0),
            now_unix_ms,
            delivery.not_before_unix_ms.unwrap_or(now_unix_ms).max(now_unix_ms),
        ))
}

/// Cancels what a series' results still hold back; what was due stays.
pub(super) fn cancel_held_back(
    connection: &Connection,
    series: &str,
    now_unix_ms: i64,
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'cancelled', finished_unix_ms = ?2
             WHERE state = 'waiting' AND kind = 'result' AND attempts = 0
                 AND not_before_unix_ms > ?2
                 AND result_id IN (SELECT id FROM results WHERE series_instance_uid = ?1)",
        )?
        .execute((series, now_unix_ms))
}

/// Cancels a digest that has nothing to list any more.
pub(super) fn cancel_digest(
    connection: &Connection,
    digest_unix_ms: i64,
    now_unix_ms: i64,
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'cancelled', finished_unix_ms = ?2
             WHERE state = 'waiting' AND kind = 'digest' AND attempts = 0
                 AND not_before_unix_ms = ?1 AND ?1 > ?2",
        )?
        .execute((digest_unix_ms, now_unix_ms))
}

/// The newest delivery of a series for each destination. A dead or cancelled one told nobody anything.
pub(super) fn told(connection: &Connection, series: &str) -> Result<Vec<Told>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT d.destination, max(d.id), d.idempotency_key, r.decision, r.sides
             FROM deliveries AS d JOIN results AS r ON r.id = d.result_id
             WHERE r.series_instance_uid = ?1 AND d.kind = 'result'
                 AND d.state IN ('waiting', 'sent')
             GROUP BY d.destination",
        )?
        .query_map([series], |row| {
            Ok(Told {
                destination: row.get(0)?,
                delivery: DeliveryId(row.get(1)?),
                idempotency_key: row.get(2)?,
                decision: row::decision(row, 3)?,
                sides: row::sides(row, 4)?,
            })
        })?
        .collect()
}

/// The delivery that is due for a destination, longest due first, or when the next one will be.
pub fn next(destination: String, now_unix_ms: i64) -> Operation<Next> {
    Operation::new("look for the next delivery", move |connection| {
        let wait_max_ms = i64::try_from(RETRY_WAIT_MAX.as_millis()).expect("minutes");
        let first = connection
            .prepare_cached(
                "SELECT id, idempotency_key, payload, attempts, next_attempt_unix_ms,
                     not_before_unix_ms, created_unix_ms
                 FROM deliveries AS d
                 WHERE destination = ?1 AND state = 'waiting' AND NOT EXISTS (
                     SELECT 1 FROM deliveries AS f WHERE f.id = d.follows AND f.state = 'waiting')
                 ORDER BY next_attempt_unix_ms, id LIMIT 1",
            )?
            .query_row([&destination], |row| {
                Ok((
                    read(row)?,
                    row.get::<_, i64>(4)?,
                    row.get::<_, i64>(5)?,
                    row.get::<_, i64>(6)?,
                ))
            })
            .optional()?;
        Ok(match first {
            None => Next::Nothing,
            Some((delivery, at, ..)) if at <= now_unix_ms => Next::Due(delivery),
            // No wait after an attempt is longer than the limit, and no row is made in the future: such a one is from
            // before the clock was set back, and would wait for hours or years.
            Some((delivery, at, not_before, created))
                if at > now_unix_ms + wait_max_ms
                    && (not_before <= now_unix_ms || created > now_unix_ms + wait_max_ms) =>
            {
                Next::Due(delivery)
            }
            Some((_, at, ..)) => Next::At(at),
        })
    })
}

fn read(row: &Row<'_>) -> Result<Delivery, rusqlite::Error> {
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        idempotency_key: row.get(1)?,
        payload: row.get(2)?,
        attempts: row::count(row, 3)?,
    })
}

/// How an attempt at a delivery went. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The destination has it.
    Sent {
        /// What it answered; kept to [`RECEIPT_BYTES_MAX`].
        receipt: String,
        /// When.
        at_unix_ms: i64,
    },
    /// Not now: it is tried again.
    PutOff {
        /// Why; kept to [`ERROR_TEXT_BYTES_MAX`].
        error: String,
        /// When it is tried again.
        next_unix_ms: i64,
    },
    /// The destination refused it for good.
    Refused {
        /// Why; kept to [`ERROR_TEXT_BYTES_MAX`].
        error: String,
        /// When.
        at_unix_ms: i64,
    },
}

/// Writes down how an attempt went. Answers whether the row was still waiting; a row that is sent or
/// dead does not change any more.
pub fn record_attempt(id: DeliveryId, attempted: Attempted) -> Operation<bool> {
    Operation::new("record a delivery attempt", move |connection| {
        let (state, receipt, error, finished, next) = match &attempted {
            Attempted::Sent { receipt, at_unix_ms } => (
                "sent",
                Some(row::bounded(receipt, RECEIPT_BYTES_MAX)),
                None,
                Some(at_unix_ms),
                None,
            ),
            Attempted::PutOff { error, next_unix_ms } => {
                ("waiting", None, Some(error), None, Some(next_unix_ms))
            }
            Attempted::Refused { error, at_unix_ms } => {
                ("dead", None, Some(error), Some(at_unix_ms), None)
            }
        };
        let error = error.map(|error| row::bounded(error, ERROR_TEXT_BYTES_MAX));
        let n = connection
            .prepare_cached(
                "UPDATE deliveries SET state = ?2, attempts = attempts + 1, receipt = ?3,
                     last_error = coalesce(?4, last_error), finished_unix_ms = ?5,
                     next_attempt_unix_ms = coalesce(?6, next_attempt_unix_ms)
                 WHERE id = ?1 AND state = 'waiting'",
            )?
            .execute((id.0, state, receipt, error, finished, next))?;
        if n == 1 && !matches!(attempted, Attempted::PutOff { .. }) {
            audit_end(connection, id)?;
        }
        Ok(n == 1)
    })
}

/// The audit event of a delivery that has just come to its end.
fn audit_end(connection: &Connection, id: DeliveryId) -> Result<(), rusqlite::Error> {
    let event = connection
        .prepare_cached(
            "SELECT destination, kind, state, attempts, finished_unix_ms, result_id, last_error
             FROM deliveries WHERE id = ?1",
        )?
        .query_row([id.0], |row| {
            let (kind, state): (String, String) = (row.get(1)?, row.get(2)?);
            let (attempts, error): (u32, Option<String>) = (row::count(row, 3)?, row.get(6)?);
            let is_sent = state == "sent";
            let why = error.filter(|_| !is_sent).map(|it| format!(": {it}")).unwrap_or_default();
            Ok(NewAuditEvent {
                at_unix_ms: row.get(4)?,
                kind: if is_sent { AuditKind::Delivered } else { AuditKind::Refused },
                result: Some(ResultId(row.get(5)?)),
                actor: row.get(0)?,
                detail: format!("{kind}, attempt {attempts}{why}"),
            })
        })?;
    audit::write(connection, &event)
}

/// Deliveries by state.
pub fn counts() -> Operation<DeliveryCounts> {
    Operation::new("count the deliveries", |connection| {
        connection.query_row(
            "SELECT count(*) FILTER (WHERE state = 'waiting'),
                    count(*) FILTER (WHERE state = 'dead'),
                    count(*) FILTER (WHERE state = 'sent'),
                    min(created_unix_ms) FILTER (WHERE state = 'waiting') FROM deliveries",
            [],
            |row| {
                Ok(DeliveryCounts {
                    n_waiting: row::count(row, 0)?,
                    n_dead: row::count(row, 1)?,
                    n_sent: row::count(row, 2)?,
                    oldest_waiting_unix_ms: row.get(3)?,
                })
            },
        )
    })
}

/// Names of the destinations that something waits for: one that the settings no longer have would
/// wait for ever unseen.
pub fn destinations_waiting() -> Operation<Vec<String>> {
    Operation::new("list the destinations with waiting deliveries", |connection| {
        connection
            .prepare_cached(
                "SELECT DISTINCT destination FROM deliveries WHERE state = 'waiting' ORDER BY 1",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// Names of the destinations that did not take something they were sent, and have not yet since.
pub fn destinations_down() -> Operation<Vec<String>> {
    Operation::new("list the destinations that cannot be reached", |connection| {
        connection
            .prepare_cached(
                "SELECT DISTINCT destination FROM deliveries
                 WHERE state = 'waiting' AND attempts > 0 ORDER BY 1",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// Names of the destinations that refused something for good.
pub fn destinations_refusing() -> Operation<Vec<String>> {
    Operation::new("list the destinations with dead letters", |connection| {
        connection
            .prepare_cached(
                "SELECT DISTINCT destination FROM deliveries WHERE state = 'dead' ORDER BY 1",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// A delivery's whole state, for people and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its row.
    pub id: DeliveryId,
    /// Name of the destination.
    pub destination: String,
    /// See [`NewDelivery::idempotency_key`].
    pub idempotency_key: String,
    /// `waiting`, `sent` or `dead`.
    pub state: String,
    /// Attempts made.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What the destination answered.
    pub receipt: Option<String>,
}

/// All deliveries that came from a series' results, oldest first.
pub fn of_series(series: crate::dicom::uid::SeriesInstanceUid) -> Operation<Vec<DeliveryRecord>> {
    Operation::new("list a series' deliveries", move |connection| {
        connection
            .prepare_cached(
                "SELECT d.id, destination, idempotency_key, state, attempts, last_error, receipt
                 FROM deliveries AS d JOIN results AS r ON r.id = d.result_id
                 WHERE r.series_instance_uid = ?1 ORDER BY d.id",
            )?
            .query_map([series.as_str()], |row| {
                Ok(DeliveryRecord {
                    id: DeliveryId(row.get(0)?),
                    destination: row.get(1)?,
                    idempotency_key: row.get(2)?,
                    state: row.get(3)?,
                    attempts: row::count(row, 4)?,
                    last_error: row.get(5)?,
                    receipt: row.get(6)?,
                })
            })?
            .collect()
    })
}
