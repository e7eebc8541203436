//! Series as people look back at them: what came, what was made of it, who was told, and who answered.

use rusqlite::{Connection, OptionalExtension, Row};

use super::jobs::JobState;
use super::results::ResultId;
use super::thread::Operation;
use super::{instances, orders, row};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{SeriesInstanceUid, StudyInstanceUid};
use crate::intake::completeness::CompleteBy;
use crate::limits::HISTORY_SERIES_MAX;
use crate::screening::report::ScreeningReport;
use crate::worklist::matching::OrderMatch;

/// A series and what became of it. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesHistory {
    /// Which.
    pub series: SeriesInstanceUid,
    /// Its study.
    pub study: StudyInstanceUid,
    /// Who sent its newest instance.
    pub calling_ae: String,
    /// Instances that are kept.
    pub n_instances: u32,
    /// Their bytes.
    pub bytes: u64,
    /// When the first came.
    pub first_unix_ms: i64,
    /// When the newest came.
    pub last_unix_ms: i64,
    /// One of its files, relative to the spool: whose series it is. Empty where none is kept.
    pub path: String,
    /// Its newest screening.
    pub job: Option<JobHistory>,
    /// Its newest answer.
    pub answer: Option<Answer>,
    /// Its newest alert.
    pub alert: Option<AlertHistory>,
    /// The order of its study.
    pub order: Option<OrderMatch>,
}

/// A screening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHistory {
    /// How far it is.
    pub state: JobState,
    /// When it was queued.
    pub queued_unix_ms: i64,
    /// When it ended.
    pub finished_unix_ms: Option<i64>,
    /// How the series was known to be complete.
    pub complete_by: CompleteBy,
    /// Instances that had not come.
    pub n_missing: u32,
    /// What went wrong last.
    pub error: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its row.
    pub id: ResultId,
    /// What it says.
    pub report: ScreeningReport,
    /// When it was given.
    pub created_unix_ms: i64,
    /// Whether there was another one before.
    pub is_update: bool,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertHistory {
    /// For people.
    pub number: i64,
    /// `open`, `acknowledged` or `withdrawn`.
    pub state: String,
    /// When.
    pub opened_unix_ms: i64,
    /// When somebody acknowledged it, or a later answer took it back.
    pub closed_unix_ms: Option<i64>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// How.
    pub acknowledged_via: Option<String>,
    /// Whether it waited for a digest.
    pub is_held: bool,
}

/// The series of which something came in a span of time, or whose alert is open; newest first, at most
/// [`HISTORY_SERIES_MAX`]. One whose images are gone came when it was answered. The span is milliseconds since 1970 UTC,
/// its end not within.
pub fn between(from_unix_ms: i64, to_unix_ms: i64) -> Operation<Vec<SeriesHistory>> {
    Operation::new("list the series of a day", move |connection| {
        let most = i64::try_from(HISTORY_SERIES_MAX).expect("hundreds");
        let found: Vec<String> = connection
            .prepare_cached(
                "SELECT uid FROM (
                     SELECT series_instance_uid AS uid FROM instances
                         WHERE received_unix_ms >= ?1 AND received_unix_ms < ?2
                     UNION SELECT series_instance_uid FROM alerts
                         WHERE state = 'open' AND opened_unix_ms < ?2
                     UNION SELECT series_instance_uid FROM results AS r
                         WHERE created_unix_ms >= ?1 AND created_unix_ms < ?2 AND NOT EXISTS (
                             SELECT 1 FROM instances AS i
                             WHERE i.series_instance_uid = r.series_instance_uid))
                 ORDER BY
                     (SELECT max(id) FROM instances WHERE series_instance_uid = uid) DESC,
                     (SELECT max(id) FROM results WHERE series_instance_uid = uid) DESC
                 LIMIT ?3",
            )?
            .query_map((from_unix_ms, to_unix_ms, most), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let read = |uid: &String| series(connection, uid).transpose();
        found.iter().filter_map(read).collect()
    })
}

/// One series; `None` where neither images nor an answer are kept.
pub fn of_series(uid: SeriesInstanceUid) -> Operation<Option<SeriesHistory>> {
    Operation::new("look up a series", move |connection| series(connection, uid.as_str()))
}

/// The instances that the newest answer of a series is about; all of them where it has none.
pub fn instances_of(uid: SeriesInstanceUid) -> Operation<Vec<ReceivedInstance>> {
    Operation::new("list a series' instances", move |connection| {
        let id_max: Option<i64> = connection
            .prepare_cached(
                "SELECT j.instance_id_max FROM results AS r JOIN jobs AS j ON j.id = r.job_id
                 WHERE r.series_instance_uid = ?1 ORDER BY r.id DESC LIMIT 1",
            )?
            .query_row([uid.as_str()], |row| row.get(0))
            .optional()?;
        instances::of_series(connection, &uid, id_max.unwrap_or(i64::MAX))
    })
}

fn series(connection: &Connection, uid: &str) -> Result<Option<SeriesHistory>, rusqlite::Error> {
    // Beside `max(id)`, the other columns are those of its row.
    let found = connection
        .prepare_cached(
            "SELECT max(id), series_instance_uid, study_instance_uid, calling_ae_title, path,
                 count(*), sum(bytes), min(received_unix_ms), max(received_unix_ms)
             FROM instances WHERE series_instance_uid = ?1 GROUP BY series_instance_uid",
        )?
        .query_row([uid], |row| {
            Ok(SeriesHistory {
                series: row::parsed(row, 1)?,
                study: row::parsed(row, 2)?,
                calling_ae: row.get(3)?,
                path: row.get(4)?,
                n_instances: row::count(row, 5)?,
                bytes: row::count(row, 6)?,
                first_unix_ms: row.get(7)?,
                last_unix_ms: row.get(8)?,
                job: None,
                answer: None,
                alert: None,
                order: None,
            })
        })
        .optional()?;
    let found = match found {
        Some(found) => Some(found),
        None => without_images(connection, uid)?,
    };
    let Some(mut found) = found else { return Ok(None) };
    found.job = newest_job(connection, uid)?;
    found.answer = newest_answer(connection, uid)?;
    found.alert = newest_alert(connection, uid)?;
    found.order = orders::written_down(connection, &found.study)?;
    Ok(Some(found))
}

/// A series whose images are gone, by its answers.
fn without_images(
    connection: &Connection,
    uid: &str,
) -> Result<Option<SeriesHistory>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT series_instance_uid, study_instance_uid, min(created_unix_ms),
                 max(created_unix_ms)
             FROM results WHERE series_instance_uid = ?1 GROUP BY series_instance_uid",
        )?
        .query_row([uid], |row| {
            Ok(SeriesHistory {
                series: row::parsed(row, 0)?,
                study: row::parsed(row, 1)?,
                calling_ae: String::new(),
                n_instances: 0,
                bytes: 0,
                first_unix_ms: row.get(2)?,
                last_unix_ms: row.get(3)?,
                path: String::new(),
                job: None,
                answer: None,
                alert: None,
                order: None,
            })
        })
        .optional()
}

fn newest_job(connection: &Connection, uid: &str) -> Result<Option<JobHistory>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT state, queued_unix_ms, finished_unix_ms, complete_by, n_missing, error
             FROM jobs WHERE series_instance_uid = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([uid], |row| {
            Ok(JobHistory {
                state: row::named(row, 0, &JobState::ALL, JobState::as_str)?,
                queued_unix_ms: row.get(1)?,
                finished_unix_ms: row.get(2)?,
                complete_by: row::named(row, 3, &CompleteBy::ALL, CompleteBy::as_str)?,
                n_missing: row::count(row, 4)?,
                error: row.get(5)?,
            })
        })
        .optional()
}

fn newest_answer(connection: &Connection, uid: &str) -> Result<Option<Answer>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT id, report, created_unix_ms, supersedes IS NOT NULL FROM results
             WHERE series_instance_uid = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([uid], |row| {
            Ok(Answer {
                id: ResultId(row.get(0)?),
                report: row::json(row, 1)?,
                created_unix_ms: row.get(2)?,
                is_update: row.get(3)?,
            })
        })
        .optional()
}

fn newest_alert(
    connection: &Connection,
    uid: &str,
) -> Result<Option<AlertHistory>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT id, state, opened_unix_ms, closed_unix_ms, acknowledged_by, acknowledged_via,
                 digest_unix_ms IS NOT NULL
             FROM alerts WHERE series_instance_uid = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([uid], |row: &Row<'_>| {
            Ok(AlertHistory {
                number: row.get(0)?,
                state: row.get(1)?,
                opened_unix_ms: row.get(2)?,
                closed_unix_ms: row.get(3)?,
                acknowledged_by: row.get(4)?,
                acknowledged_via: row.get(5)?,
                is_held: row.get(6)?,
            })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::alerts::{AlertName, Tier, acknowledge};
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;
    use crate::db::results::tests::{at, report};
    use crate::db::results::{JobEnd, Routed, Unrouted, commit};
    use crate::db::retention::{self, Removal};
    use crate::db::{alerts, instances, jobs};
    use crate::screening::report::Decision;

    #[test]
    fn a_series_is_seen_from_its_first_image_to_its_acknowledgement() {
        let connection = in_memory();
        let receive = |series, n| {
            instances::record(instance(series, n)).run(&connection).unwrap();
        };
        let day = |from, to| between(from, to).run(&connection).unwrap();
        let came = instance(1, 1).received_unix_ms;
        receive(1, 1);
        receive(1, 2);
        receive(2, 1);
        assert_eq!(day(0, came), []);
        let seen = day(came, came + 1);
        assert_eq!(seen.iter().map(|it| it.n_instances).collect::<Vec<_>>(), [1, 2]);
        assert!(seen[1].job.is_none() && seen[1].answer.is_none());
        let uid: SeriesInstanceUid = "1.2.1".parse().unwrap();
        let queued = jobs::enqueue(uid.clone(), "m".into(), CompleteBy::Count, came);
        queued.run(&connection).unwrap();
        let job = jobs::claim().run(&connection).unwrap().unwrap().id;
        let routed = |_: &Unrouted<'_>| Routed { alert: Some(Tier::Pushed), ..Routed::default() };
        let end = commit(job, JobEnd::Done, report(Decision::Flagged), at(came + 5), routed);
        end.run(&connection).unwrap();
        let one = || of_series(uid.clone()).run(&connection).unwrap().unwrap();
        assert_eq!(one().job.unwrap().state, JobState::Done);
        assert_eq!(one().answer.unwrap().report.decision, Decision::Flagged);
        assert_eq!(one().alert.unwrap().state, "open");
        // An open alert is on the page of each later day, until somebody acknowledges it.
        assert_eq!(day(came + 86_400_000, came + 2 * 86_400_000).len(), 1);
        let by = alerts::Acknowledgement {
            by: "A".into(),
            via: alerts::Channel::Console,
            at_unix_ms: came + 9,
        };
        acknowledge(AlertName::Series(uid.to_string()), by).run(&connection).unwrap();
        assert_eq!(day(came + 86_400_000, came + 2 * 86_400_000).len(), 0);
        assert_eq!(one().alert.unwrap().acknowledged_by.as_deref(), Some("A"));
        assert_eq!(of_series("9.9".parse().unwrap()).run(&connection).unwrap(), None);
        // Without its images it is known by its answer.
        let gone = retention::remove_images(uid.clone(), "test".into(), came + 10);
        assert!(
            matches!(gone.run(&connection).unwrap(), Removal::Removed(files) if files.len() == 2)
        );
        assert_eq!((one().n_instances, one().answer.is_some()), (0, true));
        let seen = day(came, came + 6);
        assert_eq!(seen.iter().map(|it| it.n_instances).collect::<Vec<_>>(), [1, 0]);
    }
}
