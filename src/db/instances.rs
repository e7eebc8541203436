//! One row an instance: what was answered `Success`, where it lies, who sent it.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row};

use super::row;
use super::thread::Operation;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::series_hints::SeriesHints;
use crate::dicom::uid::{SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};

/// Whether an instance was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Its first row.
    New,
    /// The same SOP Instance UID came again; the row now describes the newer file.
    Again,
}

/// A series with instances that no job has seen: its end may have been missed by a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSeries {
    /// Which.
    pub series: SeriesInstanceUid,
    /// The study that its newest instance names.
    pub study: StudyInstanceUid,
    /// Instances on disk, all of them.
    pub n_instances: u32,
    /// When the newest came, milliseconds since 1970 UTC.
    pub last_received_unix_ms: i64,
}

/// Writes an instance's row. A re-send is not an error: the row then follows the newer file.
///
/// The path must be UTF-8; the data folder's name comes from the settings and is.
pub fn record(instance: ReceivedInstance) -> Operation<Recorded> {
    Operation::new("record a received instance", move |connection| write(connection, &instance))
}

/// Writes many rows at once. Answers how many were new.
pub fn record_all(instances: Vec<ReceivedInstance>) -> Operation<usize> {
    Operation::new("record received instances", move |connection| {
        let mut n_new = 0;
        for instance in &instances {
            if write(connection, instance)? == Recorded::New {
                n_new += 1;
            }
        }
        Ok(n_new)
    })
}

fn write(connection: &Connection, it: &ReceivedInstance) -> Result<Recorded, rusqlite::Error> {
    let path = it.path.to_str().ok_or_else(|| {
        rusqlite::Error::ToSqlConversionFailure("the path of an instance is not UTF-8".into())
    })?;
    let known = connection
        .prepare_cached("SELECT series_instance_uid FROM instances WHERE sop_instance_uid = ?1")?
        .query_row([it.sop_instance.as_str()], |row| row.get::<_, String>(0))
        .optional()?;
    if known.as_deref().is_some_and(|series| series != it.series.as_str()) {
        // A sender that gives one UID to two objects. The row follows the file, and counts as new in
        // its new series.
        connection
            .prepare_cached("DELETE FROM instances WHERE sop_instance_uid = ?1")?
            .execute([it.sop_instance.as_str()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO instances (sop_instance_uid, sop_class_uid, series_instance_uid,
                 study_instance_uid, transfer_syntax_uid, calling_ae_title, path, bytes,
                 received_unix_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (sop_instance_uid) DO UPDATE SET
                 sop_class_uid = excluded.sop_class_uid,
                 study_instance_uid = excluded.study_instance_uid,
                 transfer_syntax_uid = excluded.transfer_syntax_uid,
                 calling_ae_title = excluded.calling_ae_title,
                 path = excluded.path,
                 bytes = excluded.bytes,
                 received_unix_ms = excluded.received_unix_ms",
        )?
        .execute((
            it.sop_instance.as_str(),
            it.sop_class.as_str(),
            it.series.as_str(),
            it.study.as_str(),
            it.transfer_syntax.as_str(),
            it.calling_ae.as_str(),
            path,
            i64::try_from(it.bytes).unwrap_or(i64::MAX),
            it.received_unix_ms,
        ))?;
    Ok(if known.is_some() { Recorded::Again } else { Recorded::New })
}

const COLUMNS: &str = "sop_instance_uid, sop_class_uid, series_instance_uid, study_instance_uid,
    transfer_syntax_uid, calling_ae_title, path, bytes, received_unix_ms";

fn read(row: &Row<'_>) -> Result<ReceivedInstance, rusqlite::Error> {
    Ok(ReceivedInstance {
        sop_instance: row::parsed(row, 0)?,
        sop_class: row::parsed(row, 1)?,
        series: row::parsed(row, 2)?,
        study: row::parsed(row, 3)?,
        transfer_syntax: row::parsed(row, 4)?,
        calling_ae: row::parsed(row, 5)?,
        path: PathBuf::from(row.get::<_, String>(6)?),
        bytes: row::count(row, 7)?,
        received_unix_ms: row.get(8)?,
        hints: SeriesHints::default(),
    })
}

/// One instance, by its name.
pub fn find(sop_instance: SopInstanceUid) -> Operation<Option<ReceivedInstance>> {
    Operation::new("look up an instance", move |connection| {
        connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM instances WHERE sop_instance_uid = ?1"
            ))?
            .query_row([sop_instance.as_str()], read)
            .optional()
    })
}

/// The SOP class of each instance that has a row.
pub fn classes(instances: Vec<SopInstanceUid>) -> Operation<Vec<Option<SopClassUid>>> {
    Operation::new("look up instances", move |connection| {
        let mut query = connection
            .prepare_cached("SELECT sop_class_uid FROM instances WHERE sop_instance_uid = ?1")?;
        let class = |uid: &SopInstanceUid| {
            query.query_row([uid.as_str()], |found| row::parsed(found, 0)).optional()
        };
        instances.iter().map(class).collect()
    })
}

/// Those of the instances that have no row.
pub fn without_row(instances: Vec<SopInstanceUid>) -> Operation<Vec<SopInstanceUid>> {
    Operation::new("look for instances without a row", move |connection| {
        let mut query =
            connection.prepare_cached("SELECT 1 FROM instances WHERE sop_instance_uid = ?1")?;
        let mut without = Vec::new();
        for uid in instances {
            if !query.exists([uid.as_str()])? {
                without.push(uid);
            }
        }
        Ok(without)
    })
}

/// The instances of a series with an id up to `id_max`, in the order of their UIDs.
pub(super) fn of_series(
    connection: &Connection,
    series: &SeriesInstanceUid,
    id_max: i64,
) -> Result<Vec<ReceivedInstance>, rusqlite::Error> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM instances WHERE series_instance_uid = ?1 AND id <= ?2
             ORDER BY sop_instance_uid"
        ))?
        .query_map((series.as_str(), id_max), read)?
        .collect()
}

/// How many instances there are, and the largest id among them.
pub(super) struct Extent {
    pub(super) n_instances: u32,
    pub(super) id_max: i64,
    pub(super) study: StudyInstanceUid,
}

/// The names of a series' instances, sorted, and their extent; `None` for a series without any.
pub(super) fn extent(
    connection: &Connection,
    series: &SeriesInstanceUid,
) -> Result<Option<(Vec<String>, Extent)>, rusqlite::Error> {
    let mut names = Vec::new();
    let mut newest: Option<(i64, StudyInstanceUid)> = None;
    let mut statement = connection.prepare_cached(
        "SELECT sop_instance_uid, id, study_instance_uid FROM instances
         WHERE series_instance_uid = ?1 ORDER BY sop_instance_uid",
    )?;
    let mut rows = statement.query([series.as_str()])?;
    while let Some(row) = rows.next()? {
        names.push(row.get(0)?);
        let id = row.get(1)?;
        if newest.as_ref().is_none_or(|(newest, _)| id > *newest) {
            newest = Some((id, row::parsed(row, 2)?));
        }
    }
    let n_instances = u32::try_from(names.len()).unwrap_or(u32::MAX);
    Ok(newest.map(|(id_max, study)| (names, Extent { n_instances, id_max, study })))
}

/// Every series with instances that no job includes, oldest first. At start each of them is given to
/// the series assembler again. A job of other models counts too: an update of the models does not
/// screen all that the spool still holds once more.
pub fn open_series() -> Operation<Vec<OpenSeries>> {
    Operation::new("list the series that wait for a job", |connection| {
        connection
            .prepare_cached(
                "SELECT series_instance_uid, study_instance_uid, count(*), max(received_unix_ms),
                        max(id) AS id_max
                 FROM instances AS i GROUP BY series_instance_uid
                 HAVING id_max > (SELECT coalesce(max(instance_id_max), 0) FROM jobs AS j
                     WHERE j.series_instance_uid = i.series_instance_uid)
                 AND id_max > (SELECT coalesce(max(late_id_max), 0) FROM removed_images AS m
                     WHERE m.series_instance_uid = i.series_instance_uid)
                 ORDER BY id_max",
            )?
            .query_map([], |row| {
                Ok(OpenSeries {
                    series: row::parsed(row, 0)?,
                    study: row::parsed(row, 1)?,
                    n_instances: row::count(row, 2)?,
                    last_received_unix_ms: row.get(3)?,
                })
            })?
            .collect()
    })
}

/// How many instances have a row.
pub fn count() -> Operation<u64> {
    Operation::new("count the instances", |connection| {
        connection.query_row("SELECT count(*) FROM instances", [], |row| row::count(row, 0))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::db::open::in_memory;

    /// Instance `n` of series `1.2.<series>`.
    pub(in crate::db) fn instance(series: u32, n: u32) -> ReceivedInstance {
        ReceivedInstance {
            sop_instance: format!("1.2.{series}.{n}").parse().unwrap(),
            sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            series: format!("1.2.{series}").parse().unwrap(),
            study: "1.2".parse().unwrap(),
            transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
            calling_ae: "CT1".parse().unwrap(),
            path: PathBuf::from(format!("spool/{series}/{n}.dcm")),
            bytes: 526_000,
            received_unix_ms: i64::from(n),
            hints: SeriesHints::default(),
        }
    }

    #[test]
    fn a_row_holds_all_of_an_instance_and_a_resend_updates_it() {
        let connection = in_memory();
        let mut it = instance(7, 1);
        assert_eq!(record(it.clone()).run(&connection).unwrap(), Recorded::New);
        assert_eq!(find(it.sop_instance.clone()).run(&connection).unwrap(), Some(it.clone()));
        it.calling_ae = "CT2".parse().unwrap();
        it.bytes = 1;
        assert_eq!(record(it.clone()).run(&connection).unwrap(), Recorded::Again);
        assert_eq!(find(it.sop_instance.clone()).run(&connection).unwrap(), Some(it));
        assert_eq!(count().run(&connection).unwrap(), 1);
        let names = [instance(7, 1), instance(7, 2)].map(|it| it.sop_instance);
        let without = without_row(names.to_vec()).run(&connection).unwrap();
        assert_eq!(without, names[1..]);
    }

    #[test]
    fn an_instance_that_moves_to_another_series_opens_that_series() {
        let connection = in_memory();
        let open = || open_series().run(&connection).unwrap();
        let moved = ReceivedInstance { series: "1.2.8".parse().unwrap(), ..instance(7, 1) };
        record_all(vec![instance(7, 1), instance(7, 2)]).run(&connection).unwrap();
        record(moved).run(&connection).unwrap();
        let series: Vec<_> = open().iter().map(|it| it.series.to_string()).collect();
        assert_eq!(series, ["1.2.7", "1.2.8"]);
        assert_eq!(open()[0].n_instances, 1);
    }
}
