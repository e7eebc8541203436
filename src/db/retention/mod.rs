//! What is kept, why it must be, and its end.
//!
//! ```text
//!  images:  rows go and a note of their names stays, one transaction --> files --> note: cleared
//!  results: files --> rows, one transaction; the audit trail stays
//! ```
//! A power cut between rows and files leaves files without rows, and the note says that they are not new. After it
//! the note says of a slice that comes late that the others are gone ([`gone`]).

mod lost;
mod names;
mod results;

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row};

pub use self::lost::{LostImages, lose_images};
pub use self::names::GoneNames;
pub use self::results::{is_awaited, old_results, remove_results};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::dicom::uid::SeriesInstanceUid;
use crate::intake::spool::Unneeded;

/// Why the images of a series must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It has no answer yet, or some of its images are in none.
    NotScreened,
    /// It is being screened, or waits for it.
    JobOpen,
    /// A destination has not had what it is to have.
    DeliveryWaiting,
    /// A destination refused something for good, and nobody has acknowledged that.
    RefusalUnseen,
    /// Nobody has acknowledged its alert.
    AlertOpen,
}

impl Hold {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NotScreened,
        Self::JobOpen,
        Self::DeliveryWaiting,
        Self::RefusalUnseen,
        Self::AlertOpen,
    ];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotScreened => "not_screened",
            Self::JobOpen => "job_open",
            Self::DeliveryWaiting => "delivery_waiting",
            Self::RefusalUnseen => "refusal_unseen",
            Self::AlertOpen => "alert_open",
        }
    }
}

/// A series of which images are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSeries {
    /// Which.
    pub series: SeriesInstanceUid,
    /// Its images.
    pub n_instances: u32,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest came, milliseconds since 1970 UTC.
    pub newest_unix_ms: i64,
    /// Why they must stay; empty where they need not.
    pub holds: Vec<Hold>,
}

/// What became of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The rows are gone; the files are to go, then [`cleared`].
    Removed(Vec<Unneeded>),
    /// Something came in between.
    Held(Vec<Hold>),
    /// Nothing of it is kept.
    Nothing,
}

/// A removal that was interrupted between rows and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Of which series.
    pub series: SeriesInstanceUid,
    /// When it began, milliseconds since 1970 UTC.
    pub removed_unix_ms: i64,
    /// What is gone.
    pub names: GoneNames,
}

// The columns after the counts are `Hold::ALL`, in its order. Of a slice that came late nothing more is expected.
const KEPT: &str = "
    SELECT i.series_instance_uid, count(*), sum(i.bytes), max(i.received_unix_ms),
        NOT EXISTS (SELECT 1 FROM results AS r WHERE r.series_instance_uid = i.series_instance_uid)
        OR max(i.id) > max(
            coalesce((SELECT max(j.instance_id_max) FROM jobs AS j
                WHERE j.series_instance_uid = i.series_instance_uid), 0),
            coalesce((SELECT m.late_id_max FROM removed_images AS m
                WHERE m.series_instance_uid = i.series_instance_uid), 0)),
        EXISTS (SELECT 1 FROM jobs AS j WHERE j.series_instance_uid = i.series_instance_uid
            AND j.state IN ('queued', 'running')),
        EXISTS (SELECT 1 FROM deliveries AS d JOIN results AS r ON r.id = d.result_id
            WHERE r.series_instance_uid = i.series_instance_uid AND d.state = 'waiting'),
        EXISTS (SELECT 1 FROM deliveries AS d JOIN results AS r ON r.id = d.result_id
            WHERE r.series_instance_uid = i.series_instance_uid AND d.state = 'dead'
                AND NOT EXISTS (SELECT 1 FROM audit_events AS e
                    WHERE e.result_id = d.result_id AND e.event = 'refusal_seen'
                        AND e.at_unix_ms >= d.finished_unix_ms)),
        EXISTS (SELECT 1 FROM alerts AS a
            WHERE a.series_instance_uid = i.series_instance_uid AND a.state = 'open')
    FROM instances AS i";

fn read(row: &Row<'_>) -> Result<KeptSeries, rusqlite::Error> {
    let mut holds = Vec::new();
    for (column, hold) in (4..).zip(Hold::ALL) {
        if row.get(column)? {
            holds.push(hold);
        }
    }
    Ok(KeptSeries {
        series: row::parsed(row, 0)?,
        n_instances: row::count(row, 1)?,
        bytes: row::count(row, 2)?,
        newest_unix_ms: row.get(3)?,
        holds,
    })
}

/// Every series of which images are kept.
pub fn kept() -> Operation<Vec<KeptSeries>> {
    Operation::new("list what is kept", |connection| {
        connection
            .prepare_cached(&format!("{KEPT} GROUP BY i.series_instance_uid"))?
            .query_map([], read)?
            .collect()
    })
}

/// Removes the rows of a series' images and notes what is gone, unless something holds them now. `why` goes into the
/// audit trail.
pub fn remove_images(
    series: SeriesInstanceUid,
    why: String,
    now_unix_ms: i64,
) -> Operation<Removal> {
    Operation::new("remove a series' images", move |connection| {
        let kept = connection
            .prepare_cached(&format!(
                "{KEPT} WHERE i.series_instance_uid = ?1 GROUP BY i.series_instance_uid"
            ))?
            .query_row([series.as_str()], read)
            .optional()?;
        let Some(kept) = kept else { return Ok(Removal::Nothing) };
        if !kept.holds.is_empty() {
            return Ok(Removal::Held(kept.holds));
        }
        let removed = take_rows(connection, &series, now_unix_ms)?;
        let event = NewAuditEvent {
            at_unix_ms: now_unix_ms,
            kind: AuditKind::ImagesRemoved,
            result: newest_result(connection, &series)?,
            actor: "parotidd".into(),
            detail: format!("{} images, {} bytes: {why}", kept.n_instances, kept.bytes),
        };
        audit::write(connection, &event)?;
        Ok(Removal::Removed(removed))
    })
}

fn newest_result(
    connection: &Connection,
    series: &SeriesInstanceUid,
) -> Result<Option<ResultId>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT max(id) FROM results WHERE series_instance_uid = ?1")?
        .query_row([series.as_str()], |row| Ok(row.get::<_, Option<i64>>(0)?.map(ResultId)))
}

/// Takes out the rows of a series' images, and notes their names beside those that went before.
fn take_rows(
    connection: &Connection,
    series: &SeriesInstanceUid,
    now_unix_ms: i64,
) -> Result<Vec<Unneeded>, rusqlite::Error> {
    let mut names = noted(connection, series.as_str())?.map(|note| note.names).unwrap_or_default();
    let mut removed = Vec::new();
    let mut statement = connection.prepare_cached(
        "DELETE FROM instances WHERE series_instance_uid = ?1
         RETURNING sop_instance_uid, path, received_unix_ms",
    )?;
    let mut rows = statement.query([series.as_str()])?;
    while let Some(row) = rows.next()? {
        names.add(&row.get::<_, String>(0)?);
        let path = PathBuf::from(row.get::<_, String>(1)?);
        removed.push(Unneeded { path, received_unix_ms: row.get(2)? });
    }
    connection
        .prepare_cached(
            "INSERT INTO removed_images (series_instance_uid, names, removed_unix_ms, is_clearing)
             VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (series_instance_uid) DO UPDATE SET names = excluded.names,
                 removed_unix_ms = excluded.removed_unix_ms, is_clearing = 1",
        )?
        .execute((series.as_str(), names.as_bytes(), now_unix_ms))?;
    Ok(removed)
}

/// The files of a removal are gone too.
pub fn cleared(series: SeriesInstanceUid) -> Operation<()> {
    Operation::new("note that a series' files are gone", move |connection| {
        connection
            .prepare_cached(
                "UPDATE removed_images SET is_clearing = 0 WHERE series_instance_uid = ?1",
            )?
            .execute([series.as_str()])?;
        Ok(())
    })
}

/// The removals that a power cut interrupted.
pub fn interrupted() -> Operation<Vec<Interrupted>> {
    Operation::new("list the interrupted removals", |connection| {
        connection
            .prepare_cached(
                "SELECT series_instance_uid, removed_unix_ms, names FROM removed_images
                 WHERE is_clearing = 1",
            )?
            .query_map([], |row| {
                Ok(Interrupted {
                    series: row::parsed(row, 0)?,
                    removed_unix_ms: row.get(1)?,
                    names: GoneNames::from_bytes(row.get(2)?),
                })
            })?
            .collect()
    })
}

struct Note {
    names: GoneNames,
    is_clearing: bool,
}

fn noted(connection: &Connection, series: &str) -> Result<Option<Note>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT names, is_clearing FROM removed_images WHERE series_instance_uid = ?1",
        )?
        .query_row([series], |row| {
            Ok(Note { names: GoneNames::from_bytes(row.get(0)?), is_clearing: row.get(1)? })
        })
        .optional()
}

/// How many images of a series are gone that are not among `names`, those that are here. Where some are, those that
/// are here are not screened, and the trail says so; where none is, the series is whole again and the note goes.
pub(super) fn gone(
    connection: &Connection,
    series: &SeriesInstanceUid,
    names: &[String],
    id_max: i64,
    now_unix_ms: i64,
) -> Result<usize, rusqlite::Error> {
    let Some(note) = noted(connection, series.as_str())? else { return Ok(0) };
    let n_gone = note.names.n_not_among(names);
    if n_gone == 0 {
        if !note.is_clearing {
            connection
                .prepare_cached("DELETE FROM removed_images WHERE series_instance_uid = ?1")?
                .execute([series.as_str()])?;
        }
        return Ok(0);
    }
    connection
        .prepare_cached(
            "UPDATE removed_images SET late_id_max = ?2 WHERE series_instance_uid = ?1",
        )?
        .execute((series.as_str(), id_max))?;
    let event = NewAuditEvent {
        at_unix_ms: now_unix_ms,
        kind: AuditKind::LateImages,
        result: newest_result(connection, series)?,
        actor: "parotidd".into(),
        detail: format!(
            "{} images not screened: {n_gone} others of the series were removed; send all of it again",
            names.len()
        ),
    };
    audit::write(connection, &event)?;
    Ok(n_gone)
}

/// A person acknowledges what was refused for good: of a series, or of all. Answers how many answers that was about.
pub fn see_refusals(
    series: Option<SeriesInstanceUid>,
    by: String,
    now_unix_ms: i64,
) -> Operation<usize> {
    Operation::new("acknowledge refused deliveries", move |connection| {
        let results: Vec<i64> = connection
            .prepare_cached(
                "SELECT DISTINCT d.result_id FROM deliveries AS d
                     JOIN results AS r ON r.id = d.result_id
                 WHERE d.state = 'dead' AND (?1 IS NULL OR r.series_instance_uid = ?1)
                     AND NOT EXISTS (SELECT 1 FROM audit_events AS e
                         WHERE e.result_id = d.result_id AND e.event = 'refusal_seen'
                             AND e.at_unix_ms >= d.finished_unix_ms)",
            )?
            .query_map([series.as_ref().map(SeriesInstanceUid::as_str)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for result in &results {
            let event = NewAuditEvent {
                at_unix_ms: now_unix_ms,
                kind: AuditKind::RefusalSeen,
                result: Some(ResultId(*result)),
                actor: by.clone(),
                detail: String::new(),
            };
            audit::write(connection, &event)?;
        }
        Ok(results.len())
    })
}

#[cfg(test)]
mod tests;
