//! The end of answers: rows of a series whose images have gone long before.

use rusqlite::Connection;

use crate::db::audit::{self, AuditKind, NewAuditEvent};
use crate::db::row;
use crate::db::thread::Operation;
use crate::dicom::uid::SeriesInstanceUid;
use crate::limits::RETENTION_SERIES_MAX;

// A digest lists other series' alerts, too, and all that is told waits for it.
const CONDITION: &str = "
    NOT EXISTS (SELECT 1 FROM instances AS i WHERE i.series_instance_uid = r.series_instance_uid)
    AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.series_instance_uid = r.series_instance_uid
        AND j.state IN ('queued', 'running'))
    AND NOT EXISTS (SELECT 1 FROM alerts AS a WHERE a.series_instance_uid = r.series_instance_uid
        AND a.state = 'open')
    AND NOT EXISTS (SELECT 1 FROM deliveries AS d JOIN results AS q ON q.id = d.result_id
        WHERE q.series_instance_uid = r.series_instance_uid AND d.state = 'waiting')";

/// Series whose newest answer was given before a time, whose images are gone and of which nothing is under way; the
/// oldest first, at most [`RETENTION_SERIES_MAX`].
pub fn old_results(before_unix_ms: i64) -> Operation<Vec<SeriesInstanceUid>> {
    Operation::new("list the old results", move |connection| {
        let most = i64::try_from(RETENTION_SERIES_MAX).expect("hundreds");
        connection
            .prepare_cached(&format!(
                "SELECT r.series_instance_uid FROM results AS r
                 GROUP BY r.series_instance_uid
                 HAVING max(r.created_unix_ms) < ?1 AND {CONDITION}
                 ORDER BY max(r.created_unix_ms) LIMIT ?2"
            ))?
            .query_map((before_unix_ms, most), |row| row::parsed(row, 0))?
            .collect()
    })
}

/// Whether a destination still waits for the objects of a folder: its name is in the message.
pub fn is_awaited(folder: String) -> Operation<bool> {
    Operation::new("look for deliveries of old results", move |connection| {
        connection
            .prepare_cached(
                "SELECT 1 FROM deliveries WHERE state = 'waiting' AND instr(payload, ?1) > 0",
            )?
            .exists([&folder])
    })
}

/// Removes a series' answers and all that hangs on them, but for the audit trail: its events stay and no longer say
/// about which answer they are. Answers whether it did: not where one was given since `before_unix_ms`.
pub fn remove_results(
    series: SeriesInstanceUid,
    before_unix_ms: i64,
    now_unix_ms: i64,
) -> Operation<bool> {
    Operation::new("remove a series' results", move |connection| {
        let is_old = connection
            .prepare_cached(&format!(
                "SELECT max(r.created_unix_ms) < ?2 AND {CONDITION} FROM results AS r
                 WHERE r.series_instance_uid = ?1 GROUP BY r.series_instance_uid"
            ))?
            .query_map((series.as_str(), before_unix_ms), |row| row.get::<_, bool>(0))?
            .next()
            .transpose()?;
        if is_old != Some(true) {
            return Ok(false);
        }
        for sql in ROWS {
            remove(connection, sql, &series)?;
        }
        let event = NewAuditEvent {
            at_unix_ms: now_unix_ms,
            kind: AuditKind::ResultsRemoved,
            result: None,
            actor: "parotidd".into(),
            detail: format!("series {series}"),
        };
        audit::write(connection, &event)?;
        Ok(true)
    })
}

/// In this order: who names a row goes before it.
const ROWS: [&str; 7] = [
    "UPDATE audit_events SET result_id = NULL WHERE result_id IN ",
    "DELETE FROM feedback WHERE result_id IN ",
    "DELETE FROM alerts WHERE result_id IN ",
    "DELETE FROM deliveries WHERE result_id IN ",
    "DELETE FROM results WHERE id IN ",
    "DELETE FROM jobs WHERE series_instance_uid = ?1",
    "DELETE FROM removed_images WHERE series_instance_uid = ?1",
];

fn remove(
    connection: &Connection,
    sql: &str,
    series: &SeriesInstanceUid,
) -> Result<usize, rusqlite::Error> {
    let of_results = sql.ends_with("IN ");
    let which = "(SELECT id FROM results WHERE series_instance_uid = ?1)";
    let sql = if of_results { format!("{sql}{which}") } else { sql.to_owned() };
    connection.prepare_cached(&sql)?.execute([series.as_str()])
}
