//! What the worklist said, and which order each study has.
//!
//! ```text
//!  whole answer --> listed --no longer answered--> not listed --ORDERS_KEPT--> gone
//!                     ^------answered again-----------'
//! ```
//! The worklist may be away for days: what it said last is worked with. And most entries leave it when
//! the examination begins, which is when they are wanted here.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::row;
use super::thread::Operation;
use crate::dicom::series_keys::SeriesKeys;
use crate::dicom::uid::StudyInstanceUid;
use crate::dicom::worklist::ScheduledProcedureStep;
use crate::limits::{ERROR_TEXT_BYTES_MAX, ORDER_CANDIDATES_MAX, ORDERS_KEPT, ORDERS_MAX};
use crate::worklist::matching::{Candidate, OrderMatch, Unmatched, match_order};

/// How the queries go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorklistState {
    /// When the newest query was answered in full, milliseconds since 1970 UTC.
    pub succeeded_unix_ms: Option<i64>,
    /// When one failed, unless one succeeded since.
    pub failed_unix_ms: Option<i64>,
    /// Why it failed. No patient data.
    pub last_error: Option<String>,
    /// Entries that the worklist has.
    pub n_listed: u32,
    /// Studies of the last days that have their order.
    pub n_matched: u32,
    /// Studies that have none, by reason; reasons that no study has are left out.
    pub unmatched: Vec<(Unmatched, u32)>,
}

/// Takes up the answers of one round of queries. Where the round was complete, entries that it did not
/// have are no longer listed. Answers how many are listed.
pub fn replace(
    entries: Vec<ScheduledProcedureStep>,
    is_complete: bool,
    now_unix_ms: i64,
) -> Operation<u32> {
    Operation::new("store the worklist", move |connection| {
        if is_complete {
            connection
                .execute("UPDATE worklist_entries SET is_listed = 0 WHERE is_listed = 1", [])?;
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO worklist_entries (entry_key, study_instance_uid, accession_number,
                 patient_id, entry, is_listed, seen_unix_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)
             ON CONFLICT (entry_key) DO UPDATE SET
                 study_instance_uid = excluded.study_instance_uid,
                 accession_number = excluded.accession_number,
                 patient_id = excluded.patient_id,
                 entry = excluded.entry,
                 is_listed = 1,
                 seen_unix_ms = excluded.seen_unix_ms",
        )?;
        for entry in &entries {
            insert.execute((
                entry_key(entry),
                entry.study.as_ref().map(StudyInstanceUid::as_str),
                entry.accession_number.expose(),
                entry.patient.id.expose(),
                json(entry)?,
                now_unix_ms,
            ))?;
        }
        forget(connection, now_unix_ms)?;
        if is_complete {
            connection.execute(
                "INSERT INTO worklist_state (id, succeeded_unix_ms) VALUES (1, ?1)
                 ON CONFLICT (id) DO UPDATE SET succeeded_unix_ms = excluded.succeeded_unix_ms,
                     failed_unix_ms = NULL, last_error = NULL",
                [now_unix_ms],
            )?;
        }
        n_listed(connection)
    })
}

/// Writes down that a round of queries failed.
pub fn record_failure(error: String, now_unix_ms: i64) -> Operation<()> {
    Operation::new("record a failed worklist query", move |connection| {
        connection.execute(
            "INSERT INTO worklist_state (id, failed_unix_ms, last_error) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET failed_unix_ms = excluded.failed_unix_ms,
                 last_error = excluded.last_error",
            (now_unix_ms, row::bounded(&error, ERROR_TEXT_BYTES_MAX)),
        )?;
        Ok(())
    })
}

/// Whether anything is known of a study's order: then its arrival is no reason to ask.
pub fn knows_study(study: StudyInstanceUid) -> Operation<bool> {
    Operation::new("look up a study's order", move |connection| {
        connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM worklist_entries WHERE study_instance_uid = ?1)
                     OR EXISTS (SELECT 1 FROM study_orders
                                WHERE study_instance_uid = ?1 AND unmatched IS NULL)",
            )?
            .query_row([study.as_str()], |row| row.get(0))
    })
}

/// Finds the order of a series and writes it down for its study. A study that had one keeps it where
/// the worklist now has nothing about it.
pub fn match_study(keys: SeriesKeys, now_unix_ms: i64) -> Operation<OrderMatch> {
    Operation::new("find a study's order", move |connection| {
        let mut found = match_order(&keys, &candidates(connection, &keys)?);
        if found == OrderMatch::Unmatched(Unmatched::NoWorklistEntry)
            && let Some(earlier) = of_study(connection, &keys.study)?
        {
            found = earlier;
        }
        let unmatched = match &found {
            OrderMatch::Matched { .. } => None,
            OrderMatch::Unmatched(reason) => Some(reason.code()),
        };
        connection
            .prepare_cached(
                "INSERT INTO study_orders (study_instance_uid, order_match, unmatched,
                     matched_unix_ms)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (study_instance_uid) DO UPDATE SET
                     order_match = excluded.order_match,
                     unmatched = excluded.unmatched,
                     matched_unix_ms = excluded.matched_unix_ms",
            )?
            .execute((keys.study.as_str(), json(&found)?, unmatched, now_unix_ms))?;
        Ok(found)
    })
}

/// How the queries go, and what they led to.
pub fn state() -> Operation<WorklistState> {
    Operation::new("look up the state of the worklist", |connection| {
        let state = connection
            .prepare_cached(
                "SELECT succeeded_unix_ms, failed_unix_ms, last_error FROM worklist_state",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let (succeeded_unix_ms, failed_unix_ms, last_error) = state.unwrap_or_default();
        let mut unmatched = Vec::new();
        let mut count =
            connection.prepare_cached("SELECT count(*) FROM study_orders WHERE unmatched IS ?1")?;
        let mut of = |reason: Option<Unmatched>| {
            count.query_row([reason.map(Unmatched::code)], |row| row::count(row, 0))
        };
        let n_matched = of(None)?;
        for reason in Unmatched::ALL {
            let n: u32 = of(Some(reason))?;
            if n > 0 {
                unmatched.push((reason, n));
            }
        }
        let n_listed = n_listed(connection)?;
        Ok(WorklistState {
            succeeded_unix_ms,
            failed_unix_ms,
            last_error,
            n_listed,
            n_matched,
            unmatched,
        })
    })
}

fn n_listed(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection
        .prepare_cached("SELECT count(*) FROM worklist_entries WHERE is_listed = 1")?
        .query_row([], |row| row::count(row, 0))
}

/// Entries that share a name with the series, the study's first.
fn candidates(
    connection: &Connection,
    keys: &SeriesKeys,
) -> Result<Vec<Candidate>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT entry, is_listed FROM worklist_entries
             WHERE study_instance_uid = ?1
                OR (accession_number = ?2 AND ?2 <> '')
                OR (patient_id = ?3 AND ?3 <> '')
             ORDER BY study_instance_uid IS ?1 DESC, accession_number = ?2 DESC, is_listed DESC, id
             LIMIT ?4",
        )?
        .query_map(
            (
                keys.study.as_str(),
                keys.accession_number.expose(),
                keys.patient.id.expose(),
                i64::try_from(ORDER_CANDIDATES_MAX).expect("hundreds"),
            ),
            |row| Ok(Candidate { entry: row::json(row, 0)?, is_listed: row.get(1)? }),
        )?
        .collect()
}

/// The order that a study has; `None` where it has none.
fn of_study(
    connection: &Connection,
    study: &StudyInstanceUid,
) -> Result<Option<OrderMatch>, rusqlite::Error> {
    let found = written_down(connection, study)?;
    Ok(found.filter(|it| matches!(it, OrderMatch::Matched { .. })))
}

/// What was found for a study the last time that one was looked for.
pub(super) fn written_down(
    connection: &Connection,
    study: &StudyInstanceUid,
) -> Result<Option<OrderMatch>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT order_match FROM study_orders WHERE study_instance_uid = ?1")?
        .query_row([study.as_str()], |row| row::json(row, 0))
        .optional()
}

/// Deletes what is too old, and the oldest of what is too much.
fn forget(connection: &Connection, now_unix_ms: i64) -> Result<(), rusqlite::Error> {
    let kept_ms = i64::try_from(ORDERS_KEPT.as_millis()).expect("days");
    let before = now_unix_ms.saturating_sub(kept_ms);
    connection.execute("DELETE FROM worklist_entries WHERE seen_unix_ms < ?1", [before])?;
    connection.execute("DELETE FROM study_orders WHERE matched_unix_ms < ?1", [before])?;
    connection.execute(
        "DELETE FROM worklist_entries WHERE id IN (
             SELECT id FROM worklist_entries ORDER BY is_listed DESC, seen_unix_ms DESC, id DESC
             LIMIT -1 OFFSET ?1)",
        [i64::try_from(ORDERS_MAX).expect("thousands")],
    )?;
    Ok(())
}

/// Names a procedure step: the same when it is answered again, whatever else changed.
fn entry_key(entry: &ScheduledProcedureStep) -> String {
    let mut hash = Sha256::new();
    for part in [
        entry.study.as_ref().map_or("", StudyInstanceUid::as_str),
        entry.accession_number.expose(),
        entry.patient.id.expose(),
        entry.patient.issuer.expose(),
        entry.requested_procedure_id.expose(),
        entry.step_id.expose(),
    ] {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("{:x}", hash.finalize())
}

fn json(value: &impl serde::Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::open::in_memory;
    use crate::dicom::worklist::PatientIdentity;
    use crate::phi::Phi;
    use crate::worklist::matching::MatchedBy;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn entry(n: u32) -> ScheduledProcedureStep {
        ScheduledProcedureStep {
            study: format!("1.2.{n}").parse().ok(),
            accession_number: Phi::new(format!("A{n}")),
            patient: PatientIdentity { id: Phi::new("1".into()), ..PatientIdentity::default() },
            requested_procedure_description: Phi::new("CT neck".into()),
            ..ScheduledProcedureStep::default()
        }
    }

    fn keys(n: u32) -> SeriesKeys {
        SeriesKeys {
            study: format!("1.2.{n}").parse().unwrap(),
            accession_number: Phi::default(),
            patient: PatientIdentity::default(),
            modality: "CT".into(),
            stations: Vec::new(),
            study_time: None,
        }
    }

    fn matched(connection: &Connection, n: u32) -> Result<MatchedBy, Unmatched> {
        match match_study(keys(n), 0).run(connection).unwrap() {
            OrderMatch::Matched { by, .. } => Ok(by),
            OrderMatch::Unmatched(reason) => Err(reason),
        }
    }

    #[test]
    fn an_entry_outlives_its_place_on_the_worklist_for_some_days() {
        let connection = in_memory();
        let listed = |entries: Vec<_>, is_complete, at| {
            replace(entries, is_complete, at).run(&connection).unwrap()
        };
        assert_eq!(listed(vec![entry(1), entry(2)], true, 0), 2);
        assert_eq!(listed(vec![entry(2), entry(3)], true, DAY_MS), 2);
        assert_eq!(matched(&connection, 1), Ok(MatchedBy::StudyInstanceUid));
        // An answer that broke off says nothing about what it lacks.
        assert_eq!(listed(vec![entry(4)], false, DAY_MS), 3);
        assert_eq!(listed(vec![entry(1)], true, 2 * DAY_MS), 1);
        assert_eq!(listed(vec![entry(5)], true, 9 * DAY_MS), 1);
        assert_eq!(matched(&connection, 3), Err(Unmatched::NoWorklistEntry));
        assert!(knows_study("1.2.5".parse().unwrap()).run(&connection).unwrap());
        assert!(!knows_study("1.2.3".parse().unwrap()).run(&connection).unwrap());
    }

    #[test]
    fn a_study_keeps_its_order_and_the_worklist_s_word_is_counted() {
        let connection = in_memory();
        replace(vec![entry(1)], true, 5).run(&connection).unwrap();
        assert_eq!(matched(&connection, 1), Ok(MatchedBy::StudyInstanceUid));
        connection.execute("DELETE FROM worklist_entries", []).unwrap();
        assert_eq!(matched(&connection, 1), Ok(MatchedBy::StudyInstanceUid));
        assert_eq!(matched(&connection, 2), Err(Unmatched::NoWorklistEntry));
        record_failure("no answer".into(), 7).run(&connection).unwrap();
        let found = state().run(&connection).unwrap();
        assert_eq!(found.unmatched, [(Unmatched::NoWorklistEntry, 1)]);
        assert_eq!((found.n_matched, found.n_listed), (1, 0));
        assert_eq!((found.succeeded_unix_ms, found.failed_unix_ms), (Some(5), Some(7)));
        assert_eq!(found.last_error.as_deref(), Some("no answer"));
        replace(Vec::new(), true, 8).run(&connection).unwrap();
        let found = state().run(&connection).unwrap();
        assert_eq!((found.succeeded_unix_ms, found.last_error), (Some(8), None));
    }

    #[test]
    fn the_table_has_an_end() {
        let connection = in_memory();
        let n = u32::try_from(ORDERS_MAX).unwrap();
        replace((0..n).map(entry).collect(), true, 1).run(&connection).unwrap();
        replace((n..n + 10).map(entry).collect(), false, 2).run(&connection).unwrap();
        let kept = state().run(&connection).unwrap().n_listed;
        assert_eq!(kept, n);
        assert_eq!(matched(&connection, n + 9), Ok(MatchedBy::StudyInstanceUid));
    }
}
