//! What senders said belongs together: procedure steps and requests for storage commitment.
//!
//! ```text
//!  N-CREATE --> IN PROGRESS --N-SET--> COMPLETED | DISCONTINUED     from then on a list of each of its series
//!  N-ACTION --> COMPLETED                                           a list of the series that its instances are of
//! ```
//! Rows outlive a restart. The oldest lists make room ([`limits::SENDER_LISTS_MAX`]).

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::row;
use super::thread::Operation;
use crate::dicom::ct_image::CT_SOP_CLASSES;
use crate::dicom::mpps::{PerformedSeries, StepChange, StepOutcome, StepStatus};
use crate::dicom::reference::Reference;
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, SopInstanceUid};
use crate::intake::completeness::KnownSeries;
use crate::limits;

/// Writes a new procedure step.
pub fn create_step(
    step: SopInstanceUid,
    calling_ae: AeTitle,
    change: StepChange,
    now_unix_ms: i64,
) -> Operation<StepOutcome> {
    Operation::new("record a procedure step", move |connection| {
        let status = change.status.unwrap_or(StepStatus::InProgress);
        let list = NewList { source: "procedure_step", uid: step.as_str(), status, calling_ae };
        let Some(id) = insert(connection, &list, now_unix_ms)? else {
            return Ok(StepOutcome::Duplicate);
        };
        name_all(connection, id, &of_step(&change.series.unwrap_or_default()), now_unix_ms)?;
        Ok(StepOutcome::Done)
    })
}

/// Changes a procedure step that is in progress. Answers, too, which series it now is a list of.
pub fn set_step(
    step: SopInstanceUid,
    change: StepChange,
    now_unix_ms: i64,
) -> Operation<(StepOutcome, Vec<SeriesInstanceUid>)> {
    Operation::new("change a procedure step", move |connection| {
        let found = connection
            .prepare_cached(
                "SELECT id, status FROM sender_lists WHERE source = 'procedure_step' AND uid = ?1",
            )?
            .query_row([step.as_str()], |row| {
                let status = row::named(row, 1, &StepStatus::ALL, StepStatus::as_str)?;
                Ok((row.get::<_, i64>(0)?, status))
            })
            .optional()?;
        let Some((id, was)) = found else { return Ok((StepOutcome::Unknown, Vec::new())) };
        if was.is_final() {
            return Ok((StepOutcome::Final, Vec::new()));
        }
        let status = change.status.unwrap_or(was);
        connection
            .prepare_cached(
                "UPDATE sender_lists SET status = ?2, changed_unix_ms = ?3 WHERE id = ?1",
            )?
            .execute((id, status.as_str(), now_unix_ms))?;
        if let Some(series) = &change.series {
            connection
                .prepare_cached("DELETE FROM listed_instances WHERE list_id = ?1")?
                .execute([id])?;
            name_all(connection, id, &of_step(series), now_unix_ms)?;
        }
        let series = if status.is_final() { series_named(connection, id)? } else { Vec::new() };
        Ok((StepOutcome::Done, series))
    })
}

/// Writes a request for storage commitment; the same again changes nothing. Answers of which series with
/// instances it is a list.
pub fn record_commitment(
    transaction: String,
    calling_ae: AeTitle,
    references: Vec<Reference>,
    now_unix_ms: i64,
) -> Operation<Vec<SeriesInstanceUid>> {
    Operation::new("record a storage commitment", move |connection| {
        let status = StepStatus::Completed;
        let list = NewList { source: "commitment", uid: &transaction, status, calling_ae };
        let Some(id) = insert(connection, &list, now_unix_ms)? else { return Ok(Vec::new()) };
        let named: Vec<_> = references.iter().map(|it| (None, it)).collect();
        name_all(connection, id, &named, now_unix_ms)?;
        connection
            .prepare_cached(
                "SELECT DISTINCT i.series_instance_uid FROM listed_instances AS l
                 JOIN instances AS i ON i.sop_instance_uid = l.sop_instance_uid
                 WHERE l.list_id = ?1",
            )?
            .query_map([id], |row| row::parsed(row, 0))?
            .collect()
    })
}

/// What is known of a series.
pub fn known(series: SeriesInstanceUid) -> Operation<KnownSeries> {
    Operation::new("look up what is known of a series", move |connection| {
        let uids = |sql: &str| -> Result<BTreeSet<SopInstanceUid>, rusqlite::Error> {
            let mut query = connection.prepare_cached(sql)?;
            query.query_map([series.as_str()], |row| row::parsed(row, 0))?.collect()
        };
        let asked = |sql: &str| -> Result<bool, rusqlite::Error> {
            connection.prepare_cached(sql)?.query_row([series.as_str()], |row| row.get(0))
        };
        Ok(KnownSeries {
            instances: uids(
                "SELECT sop_instance_uid FROM instances WHERE series_instance_uid = ?1",
            )?,
            procedure_step: uids(OF_STEPS)?,
            commitment: uids(OF_COMMITMENTS)?,
            has_new: asked(
                "SELECT coalesce((SELECT max(id) FROM instances WHERE series_instance_uid = ?1), 0)
                     > coalesce((SELECT max(instance_id_max) FROM jobs
                         WHERE series_instance_uid = ?1), 0)",
            )?,
            was_thought_complete: asked(
                "SELECT EXISTS (SELECT 1 FROM jobs WHERE series_instance_uid = ?1
                     AND complete_by NOT IN ('quiet', 'crowded'))",
            )?,
        })
    })
}

const OF_STEPS: &str = "SELECT DISTINCT l.sop_instance_uid FROM listed_instances AS l
    JOIN sender_lists AS s ON s.id = l.list_id
    WHERE l.series_instance_uid = ?1 AND s.source = 'procedure_step' AND s.status <> 'IN PROGRESS'";

/// Of every request that names an instance of the series: what has not come in another one.
const OF_COMMITMENTS: &str = "SELECT DISTINCT l.sop_instance_uid FROM listed_instances AS l
    LEFT JOIN instances AS i ON i.sop_instance_uid = l.sop_instance_uid
    WHERE coalesce(i.series_instance_uid, ?1) = ?1 AND l.list_id IN (
        SELECT n.list_id FROM instances AS h
        JOIN listed_instances AS n ON n.sop_instance_uid = h.sop_instance_uid
        JOIN sender_lists AS s ON s.id = n.list_id
        WHERE h.series_instance_uid = ?1 AND s.source = 'commitment')";

/// How many instances of a series were named and have no row.
pub(super) fn n_missing(
    connection: &Connection,
    series: &SeriesInstanceUid,
) -> Result<u32, rusqlite::Error> {
    connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM ({OF_STEPS} UNION {OF_COMMITMENTS}) AS named
             WHERE NOT EXISTS (SELECT 1 FROM instances AS i
                 WHERE i.sop_instance_uid = named.sop_instance_uid)"
        ))?
        .query_row([series.as_str()], |row| row::count(row, 0))
}

struct NewList<'a> {
    source: &'static str,
    uid: &'a str,
    status: StepStatus,
    calling_ae: AeTitle,
}

/// `None` where there is one of that name.
fn insert(
    connection: &Connection,
    list: &NewList<'_>,
    now_unix_ms: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    let n = connection
        .prepare_cached(
            "INSERT INTO sender_lists (source, uid, status, calling_ae_title, n_instances,
                 created_unix_ms, changed_unix_ms)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute((
            list.source,
            list.uid,
            list.status.as_str(),
            list.calling_ae.as_str(),
            now_unix_ms,
        ))?;
    Ok((n == 1).then(|| connection.last_insert_rowid()))
}

type Named<'a> = (Option<&'a SeriesInstanceUid>, &'a Reference);

fn of_step(series: &[PerformedSeries]) -> Vec<Named<'_>> {
    let mut named = Vec::new();
    for PerformedSeries { series, images } in series {
        named.extend(images.iter().map(|image| (Some(series), image)));
    }
    named
}

/// Names the instances of a list, those of a kind that is received: what never comes must not be waited for.
fn name_all(
    connection: &Connection,
    id: i64,
    named: &[Named<'_>],
    now_unix_ms: i64,
) -> Result<(), rusqlite::Error> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO listed_instances (list_id, sop_instance_uid, series_instance_uid)
         VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    let mut n_instances = 0;
    for (series, reference) in named {
        if CT_SOP_CLASSES.contains(&reference.sop_class.as_str()) {
            let series = series.map(SeriesInstanceUid::as_str);
            n_instances += insert.execute((id, reference.sop_instance.as_str(), series))?;
        }
    }
    connection
        .prepare_cached(
            "UPDATE sender_lists SET n_instances = ?2, changed_unix_ms = ?3 WHERE id = ?1",
        )?
        .execute((id, i64::try_from(n_instances).unwrap_or(i64::MAX), now_unix_ms))?;
    make_room(connection)
}

/// Forgets the oldest lists beyond the limits.
fn make_room(connection: &Connection) -> Result<(), rusqlite::Error> {
    let limit = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM sender_lists WHERE id IN (SELECT id FROM (
                 SELECT id, row_number() OVER newest AS n, sum(n_instances) OVER newest AS total
                 FROM sender_lists WINDOW newest AS (ORDER BY id DESC))
             WHERE n > ?1 OR total > ?2)",
        )?
        .execute((limit(limits::SENDER_LISTS_MAX), limit(limits::LISTED_INSTANCES_MAX)))?;
    Ok(())
}

fn series_named(
    connection: &Connection,
    id: i64,
) -> Result<Vec<SeriesInstanceUid>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT DISTINCT series_instance_uid FROM listed_instances WHERE list_id = ?1",
        )?
        .query_map([id], |row| row::parsed(row, 0))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances;
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;

    const CT: &str = CT_SOP_CLASSES[0];
    const DOSE_REPORT: &str = "1.2.840.10008.5.1.4.1.1.88.67";

    fn reference(class: &str, uid: &str) -> Reference {
        Reference { sop_class: class.parse().unwrap(), sop_instance: uid.parse().unwrap() }
    }

    fn change(status: StepStatus, series: &[(&str, &[&str])]) -> StepChange {
        let one = |(series, images): &(&str, &[&str])| PerformedSeries {
            series: series.parse().unwrap(),
            images: images.iter().map(|uid| reference(CT, uid)).collect(),
        };
        StepChange { status: Some(status), series: Some(series.iter().map(one).collect()) }
    }

    fn create(connection: &Connection, uid: &str) -> StepOutcome {
        let begun = change(StepStatus::InProgress, &[]);
        create_step(uid.parse().unwrap(), "CT1".parse().unwrap(), begun, 1).run(connection).unwrap()
    }

    fn set(connection: &Connection, uid: &str, change: StepChange) -> (StepOutcome, Vec<String>) {
        let (outcome, series) = set_step(uid.parse().unwrap(), change, 2).run(connection).unwrap();
        (outcome, series.iter().map(ToString::to_string).collect())
    }

    fn known_of(connection: &Connection, series: &str) -> [Vec<String>; 3] {
        let it = known(series.parse().unwrap()).run(connection).unwrap();
        [it.instances, it.procedure_step, it.commitment]
            .map(|set| set.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_step_is_a_list_once_it_has_ended_and_then_stays() {
        let connection = in_memory();
        let series = "1.2.1".parse().unwrap();
        assert_eq!(create(&connection, "9.1"), StepOutcome::Done);
        assert_eq!(create(&connection, "9.1"), StepOutcome::Duplicate);
        let part = change(StepStatus::InProgress, &[("1.2.1", &["1.2.1.1"])]);
        assert_eq!(set(&connection, "9.1", part), (StepOutcome::Done, vec![]));
        assert_eq!(known_of(&connection, "1.2.1")[1], [] as [&str; 0]);
        assert_eq!(n_missing(&connection, &series).unwrap(), 0);
        let all = change(
            StepStatus::Discontinued,
            &[("1.2.1", &["1.2.1.1", "1.2.1.2"]), ("1.2.2", &["1.2.2.1"]), ("1.2.3", &[])],
        );
        let named = vec!["1.2.1".to_owned(), "1.2.2".to_owned()];
        assert_eq!(set(&connection, "9.1", all.clone()), (StepOutcome::Done, named));
        assert_eq!(set(&connection, "9.1", all.clone()), (StepOutcome::Final, vec![]));
        assert_eq!(set(&connection, "9.2", all), (StepOutcome::Unknown, vec![]));
        assert_eq!(known_of(&connection, "1.2.1")[1], ["1.2.1.1", "1.2.1.2"]);
        instances::record(instance(1, 1)).run(&connection).unwrap();
        assert_eq!(n_missing(&connection, &series).unwrap(), 1);
    }

    #[test]
    fn what_we_never_receive_is_not_waited_for() {
        let connection = in_memory();
        create(&connection, "9.1");
        let mut end = change(StepStatus::Completed, &[("1.2.1", &["1.2.1.1"]), ("1.2.5", &[])]);
        let dose = reference(DOSE_REPORT, "1.2.5.1");
        end.series.as_mut().unwrap()[1].images.push(dose.clone());
        assert_eq!(set(&connection, "9.1", end).1, ["1.2.1"]);
        instances::record(instance(1, 1)).run(&connection).unwrap();
        let request = vec![reference(CT, "1.2.1.1"), dose];
        let series = record_commitment("2.25.1".into(), "CT1".parse().unwrap(), request, 1)
            .run(&connection)
            .unwrap();
        assert_eq!(series, ["1.2.1".parse().unwrap()]);
        assert_eq!(n_missing(&connection, &"1.2.1".parse().unwrap()).unwrap(), 0);
    }

    #[test]
    fn a_commitment_is_a_list_of_the_series_that_its_instances_are_of() {
        let connection = in_memory();
        instances::record(instance(1, 1)).run(&connection).unwrap();
        let request = ["1.2.1.1", "1.2.1.2", "1.2.2.1"].map(|uid| reference(CT, uid)).to_vec();
        let commit = || {
            record_commitment("2.25.1".into(), "CT1".parse().unwrap(), request.clone(), 1)
                .run(&connection)
                .unwrap()
        };
        assert_eq!(commit(), ["1.2.1".parse().unwrap()]);
        assert_eq!(commit(), [], "the same again");
        // Nobody knows yet of which series the others are.
        assert_eq!(known_of(&connection, "1.2.1")[2], ["1.2.1.1", "1.2.1.2", "1.2.2.1"]);
        assert_eq!(known_of(&connection, "1.2.2")[2], [] as [&str; 0]);
        instances::record(instance(2, 1)).run(&connection).unwrap();
        assert_eq!(known_of(&connection, "1.2.1")[2], ["1.2.1.1", "1.2.1.2"]);
        assert_eq!(known_of(&connection, "1.2.2")[2], ["1.2.1.2", "1.2.2.1"]);
        assert_eq!(n_missing(&connection, &"1.2.1".parse().unwrap()).unwrap(), 1);
    }

    #[test]
    fn the_oldest_lists_make_room() {
        let connection = in_memory();
        let n_lists = limits::SENDER_LISTS_MAX + 1;
        let list = |uid: String| {
            let calling_ae = "CT1".parse().unwrap();
            let new = NewList {
                source: "commitment",
                uid: &uid,
                status: StepStatus::Completed,
                calling_ae,
            };
            insert(&connection, &new, 1).unwrap().unwrap()
        };
        let count = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        let first = list("2.25.0".into());
        let named = reference(CT, "1.2.1.1");
        name_all(&connection, first, &[(None, &named)], 1).unwrap();
        assert_eq!(count("SELECT count(*) FROM listed_instances"), 1);
        for n in 1..n_lists {
            list(format!("2.25.{n}"));
        }
        make_room(&connection).unwrap();
        assert_eq!(count("SELECT count(*) FROM sender_lists"), i64::try_from(n_lists).unwrap() - 1);
        assert_eq!(count("SELECT count(*) FROM listed_instances"), 0, "they go with their list");
        let large = i64::try_from(limits::LISTED_INSTANCES_MAX).unwrap();
        connection.execute("UPDATE sender_lists SET n_instances = ?1", [large]).unwrap();
        make_room(&connection).unwrap();
        assert_eq!(count("SELECT count(*) FROM sender_lists"), 1);
    }
}
