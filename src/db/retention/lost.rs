//! Rows whose images are not here: after a restore, whose backup has no images.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;

use super::noted;
use crate::db::row;
use crate::db::thread::Operation;
use crate::dicom::uid::SeriesInstanceUid;

/// What lost its images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LostImages {
    /// Series that have their answer.
    pub n_answered: usize,
    /// Series that have none: they must be sent again.
    pub unanswered: Vec<SeriesInstanceUid>,
}

/// Takes out the rows of images that are not among those `here`, by SOP Instance UID, and the jobs that wanted them.
/// What is gone is noted as if it had been removed: a part of it that comes again is not screened alone.
pub fn lose_images(here: HashSet<String>, now_unix_ms: i64) -> Operation<LostImages> {
    Operation::new("take out the rows of images that are not here", move |connection| {
        let mut lost: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut statement = connection
            .prepare_cached("SELECT series_instance_uid, sop_instance_uid FROM instances")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            if !here.contains(&name) {
                lost.entry(row.get(0)?).or_default().push(name);
            }
        }
        let mut found = LostImages::default();
        for (series, names) in lost {
            take_out(connection, &series, &names, now_unix_ms)?;
            if is_answered(connection, &series)? {
                found.n_answered += 1;
            } else {
                let parse = |row: &rusqlite::Row<'_>| row::parsed(row, 0);
                found.unanswered.push(connection.query_row("SELECT ?1", [&series], parse)?);
            }
        }
        Ok(found)
    })
}

fn take_out(
    connection: &Connection,
    series: &str,
    lost: &[String],
    now_unix_ms: i64,
) -> Result<(), rusqlite::Error> {
    let mut names = noted(connection, series)?.map(|note| note.names).unwrap_or_default();
    let mut delete =
        connection.prepare_cached("DELETE FROM instances WHERE sop_instance_uid = ?1")?;
    for name in lost {
        names.add(name);
        delete.execute([name])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO removed_images (series_instance_uid, names, removed_unix_ms, is_clearing)
             VALUES (?1, ?2, ?3, 0)
             ON CONFLICT (series_instance_uid) DO UPDATE SET names = excluded.names",
        )?
        .execute((series, names.as_bytes(), now_unix_ms))?;
    // Not superseded: the same images sent again are to have a job of their own.
    connection
        .prepare_cached(
            "DELETE FROM jobs WHERE series_instance_uid = ?1
                 AND id NOT IN (SELECT job_id FROM results)",
        )?
        .execute([series])?;
    Ok(())
}

fn is_answered(connection: &Connection, series: &str) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT 1 FROM results WHERE series_instance_uid = ?1")?
        .exists([series])
}
