//! The outbox as people look at it: what waits and since when, what was refused and why, and having it tried again.

use rusqlite::{OptionalExtension, Row};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::deliveries::DeliveryId;
use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::DELIVERIES_READ_MAX;

/// A delivery and how it goes. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// Its row.
    pub id: DeliveryId,
    /// Series Instance UID of the answer that it is about.
    pub series: String,
    /// Name of the destination.
    pub destination: String,
    /// `result`, `digest` or `reminder`.
    pub kind: String,
    /// `waiting`, `sent`, `dead` or `cancelled`.
    pub state: String,
    /// Attempts made.
    pub attempts: u32,
    /// When it was made.
    pub created_unix_ms: i64,
    /// When it is tried next, or was to be.
    pub next_attempt_unix_ms: i64,
    /// When it came to its end.
    pub finished_unix_ms: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What the destination answered.
    pub receipt: Option<String>,
}

/// How one destination does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationCounts {
    /// Its name.
    pub destination: String,
    /// Not yet received.
    pub n_waiting: u32,
    /// Of these, tried in vain already.
    pub n_failing: u32,
    /// Refused for good.
    pub n_dead: u32,
    /// Received.
    pub n_sent: u64,
    /// When it took something last.
    pub last_sent_unix_ms: Option<i64>,
}

const COLUMNS: &str = "d.id, r.series_instance_uid, d.destination, d.kind, d.state, d.attempts,
    d.created_unix_ms, d.next_attempt_unix_ms, d.finished_unix_ms, d.last_error, d.receipt
    FROM deliveries AS d JOIN results AS r ON r.id = d.result_id";

fn read(row: &Row<'_>) -> Result<DeliveryView, rusqlite::Error> {
    Ok(DeliveryView {
        id: DeliveryId(row.get(0)?),
        series: row.get(1)?,
        destination: row.get(2)?,
        kind: row.get(3)?,
        state: row.get(4)?,
        attempts: row::count(row, 5)?,
        created_unix_ms: row.get(6)?,
        next_attempt_unix_ms: row.get(7)?,
        finished_unix_ms: row.get(8)?,
        last_error: row.get(9)?,
        receipt: row.get(10)?,
    })
}

/// The newest deliveries in a state, or in any, newest first, at most [`DELIVERIES_READ_MAX`].
pub fn list(state: Option<&'static str>) -> Operation<Vec<DeliveryView>> {
    Operation::new("list the deliveries", move |connection| {
        let most = i64::try_from(DELIVERIES_READ_MAX).expect("hundreds");
        connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE ?1 IS NULL OR d.state = ?1 ORDER BY d.id DESC LIMIT ?2"
            ))?
            .query_map((state, most), read)?
            .collect()
    })
}

/// All deliveries that came from a series' answers, oldest first.
pub fn of_series(series: String) -> Operation<Vec<DeliveryView>> {
    Operation::new("list a series' deliveries", move |connection| {
        connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE r.series_instance_uid = ?1 ORDER BY d.id"
            ))?
            .query_map([&series], read)?
            .collect()
    })
}

/// How each destination does that ever was sent anything, by name.
pub fn destinations() -> Operation<Vec<DestinationCounts>> {
    Operation::new("count the deliveries of each destination", |connection| {
        connection
            .prepare_cached(
                "SELECT destination,
                     count(*) FILTER (WHERE state = 'waiting'),
                     count(*) FILTER (WHERE state = 'waiting' AND attempts > 0),
                     count(*) FILTER (WHERE state = 'dead'),
                     count(*) FILTER (WHERE state = 'sent'),
                     max(finished_unix_ms) FILTER (WHERE state = 'sent')
                 FROM deliveries GROUP BY destination ORDER BY destination",
            )?
            .query_map([], |row| {
                Ok(DestinationCounts {
                    destination: row.get(0)?,
                    n_waiting: row::count(row, 1)?,
                    n_failing: row::count(row, 2)?,
                    n_dead: row::count(row, 3)?,
                    n_sent: row::count(row, 4)?,
                    last_sent_unix_ms: row.get(5)?,
                })
            })?
            .collect()
    })
}

/// Has a delivery tried again now: one that waits for its next attempt, or one that was refused for good, whose
/// destination may have been mended since. The same bytes go under the same key. Answers whether there was such a one; one
/// that is held back for its time, was received or cancelled is left alone.
pub fn retry(id: DeliveryId, by: String, now_unix_ms: i64) -> Operation<bool> {
    Operation::new("have a delivery tried again", move |connection| {
        let found: Option<(i64, String)> = connection
            .prepare_cached(
                "UPDATE deliveries SET state = 'waiting', finished_unix_ms = NULL,
                     next_attempt_unix_ms = ?2
                 WHERE id = ?1 AND (state = 'dead'
                     OR state = 'waiting' AND not_before_unix_ms <= ?2)
                 RETURNING result_id, destination",
            )?
            .query_row((id.0, now_unix_ms), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((result, destination)) = found else { return Ok(false) };
        let event = NewAuditEvent {
            at_unix_ms: now_unix_ms,
            kind: AuditKind::DeliveryRetried,
            result: Some(ResultId(result)),
            actor: by,
            detail: format!("to {destination}"),
        };
        audit::write(connection, &event)?;
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::deliveries::{Attempted, Next, destinations_refusing, next, record_attempt};
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;
    use crate::db::results::tests::{at, report, to_ward};
    use crate::db::results::{JobEnd, commit};
    use crate::db::{instances, jobs};
    use crate::intake::completeness::CompleteBy;
    use crate::screening::report::Decision;

    #[test]
    fn what_was_refused_is_tried_again_when_a_person_says_so() {
        let connection = in_memory();
        instances::record(instance(1, 1)).run(&connection).unwrap();
        let series = "1.2.1".parse().unwrap();
        jobs::enqueue(series, "m".into(), CompleteBy::Quiet, 0).run(&connection).unwrap();
        let job = jobs::claim().run(&connection).unwrap().unwrap().id;
        let answer = report(Decision::Flagged);
        commit(job, JobEnd::Done, answer, at(0), to_ward).run(&connection).unwrap();
        let id = list(None).run(&connection).unwrap()[0].id;
        let run = |attempted| record_attempt(id, attempted).run(&connection).unwrap();
        let retry = |now| retry(id, "ada".into(), now).run(&connection).unwrap();
        let is_due =
            |now| matches!(next("ward".into(), now).run(&connection).unwrap(), Next::Due(_));
        assert!(run(Attempted::PutOff { error: "away".into(), next_unix_ms: 9_000 }));
        assert!(!is_due(10));
        assert!(retry(10));
        assert!(is_due(10));
        assert!(run(Attempted::Refused { error: "404".into(), at_unix_ms: 20 }));
        let counts = || destinations().run(&connection).unwrap().remove(0);
        assert_eq!((counts().n_dead, counts().n_waiting), (1, 0));
        let refusing = || destinations_refusing().run(&connection).unwrap();
        assert_eq!(refusing(), ["ward"]);
        assert_eq!(
            list(Some("dead")).run(&connection).unwrap()[0].last_error.as_deref(),
            Some("404")
        );
        assert!(retry(30));
        assert!(is_due(30));
        assert_eq!((counts().n_dead, counts().n_failing), (0, 1));
        assert!(refusing().is_empty());
        assert!(run(Attempted::Sent { receipt: "ok".into(), at_unix_ms: 40 }));
        assert!(!retry(50));
        let events = audit::since(0).run(&connection).unwrap();
        let retried = events.iter().filter(|it| it.event.kind == AuditKind::DeliveryRetried);
        assert_eq!(retried.count(), 2);
        assert_eq!(of_series("1.2.1".into()).run(&connection).unwrap()[0].state, "sent");
    }
}
