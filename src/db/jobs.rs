//! The durable queue of screening runs.
//!
//! ```text
//!              claim             results::commit
//!  (none) --> queued --> running --> done | failed      (both with a result)
//!   enqueue     |  ^-------'  retry, or a crash
//!               `--> superseded   a later set of instances of the same series came first
//! ```
//! A job is one run of one *set* of instances by one set of models, and unique as such. The set is
//! named by its [`fingerprint`]: the sorted SOP Instance UIDs, hashed. Contents are left out on
//! purpose: a SOP Instance UID names its content (PS3.5 section 9), and a scanner that sends again in
//! another transfer syntax has the same pictures. So a series sent twice is one job, while a slice
//! that comes late makes a new set, a new job, and a result that supersedes the earlier one. A job that
//! failed is not run again by a re-send either: its series has the answer "not assessable", which new
//! models or another slice can change.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::thread::Operation;
use super::{instances, lists, retention, row};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{SeriesInstanceUid, StudyInstanceUid};
use crate::intake::completeness::CompleteBy;
use crate::limits::{ERROR_TEXT_BYTES_MAX, JOB_ATTEMPTS_MAX};

/// Row number of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for the worker.
    Queued,
    /// With the worker.
    Running,
    /// Its result is committed.
    Done,
    /// Given up; its result says that the series is not assessable.
    Failed,
    /// Never to be run: a job with more instances of the series took its place.
    Superseded,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Superseded];

    /// The name in its column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
}

/// What became of a series that is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// A new job waits.
    New(JobId),
    /// This set of instances already has a job; nothing to do.
    Known(JobId, JobState),
    /// No instance of the series has a row.
    NoInstances,
    /// Others of the series were removed: what is here is not screened as if it were all of it.
    ImagesGone {
        /// How many others.
        n_gone: usize,
    },
}

/// A job in the worker's hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its row.
    pub id: JobId,
    /// What to screen.
    pub series: SeriesInstanceUid,
    /// Its study.
    pub study: StudyInstanceUid,
    /// The models that the job was made for.
    pub model_key: String,
    /// Which attempt this is, from 1. Counted before the work, so that a job that kills the process
    /// is counted too.
    pub attempt: u32,
    /// Instances that a sender had named and that had not come when the job was made.
    pub n_missing: u32,
    /// Exactly the instances of the job, in the order of their UIDs. Later arrivals are not in it.
    pub instances: Vec<ReceivedInstance>,
}

impl Job {
    /// Whether its attempts are used up: then it is not run again, and its series is not assessable.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.attempt > JOB_ATTEMPTS_MAX
    }
}

/// Jobs by state, for `Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// Queued.
    pub n_queued: u32,
    /// Running.
    pub n_running: u32,
    /// Done or failed: series that have their answer.
    pub n_finished: u64,
}

/// SHA-256 (lower-case hex) of sorted SOP Instance UIDs: names a set of instances.
#[must_use]
pub fn fingerprint<S: AsRef<str>>(sorted: &[S]) -> String {
    let mut hash = Sha256::new();
    for uid in sorted {
        hash.update(uid.as_ref().as_bytes());
        // No UID holds a line end, so no two sets read the same.
        hash.update(b"\n");
    }
    format!("{:x}", hash.finalize())
}

/// Makes a job for all instances that a series has now, unless that set already has one. Jobs of the
/// same series and models that still wait are superseded: they would be screened for nothing.
///
/// `model_key` is any stable text that changes when the answer could: versions and hashes. What senders named
/// and did not send is counted now and stays with the job.
pub fn enqueue(
    series: SeriesInstanceUid,
    model_key: String,
    complete_by: CompleteBy,
    now_unix_ms: i64,
) -> Operation<Enqueued> {
    Operation::new("queue a screening job", move |connection| {
        let Some((names, extent)) = instances::extent(connection, &series)? else {
            return Ok(Enqueued::NoInstances);
        };
        let fingerprint = fingerprint(&names);
        if let Some((id, state)) = find(connection, &series, &model_key, &fingerprint)? {
            // The same set under new row numbers, after retention: still the job's own.
            connection.execute(
                "UPDATE jobs SET instance_id_max = max(instance_id_max, ?2) WHERE id = ?1",
                (id.0, extent.id_max),
            )?;
            return Ok(Enqueued::Known(id, state));
        }
        let n_gone = retention::gone(connection, &series, &names, extent.id_max, now_unix_ms)?;
        if n_gone > 0 {
            return Ok(Enqueued::ImagesGone { n_gone });
        }
        connection.execute(
            "INSERT INTO jobs (series_instance_uid, study_instance_uid, model_key, fingerprint,
                 instance_id_max, n_instances, state, queued_unix_ms, complete_by, n_missing)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9)",
            (
                series.as_str(),
                extent.study.as_str(),
                &model_key,
                &fingerprint,
                extent.id_max,
                extent.n_instances,
                now_unix_ms,
                complete_by.as_str(),
                lists::n_missing(connection, &series)?,
            ),
        )?;
        let id = JobId(connection.last_insert_rowid());
        connection.execute(
            "UPDATE jobs SET state = 'superseded'
             WHERE series_instance_uid = ?1 AND model_key = ?2 AND state = 'queued' AND id <> ?3",
            (series.as_str(), &model_key, id.0),
        )?;
        Ok(Enqueued::New(id))
    })
}

fn find(
    connection: &Connection,
    series: &SeriesInstanceUid,
    model_key: &str,
    fingerprint: &str,
) -> Result<Option<(JobId, JobState)>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT id, state FROM jobs
             WHERE series_instance_uid = ?1 AND model_key = ?2 AND fingerprint = ?3",
        )?
        .query_row((series.as_str(), model_key, fingerprint), |row| {
            Ok((JobId(row.get(0)?), row::named(row, 1, &JobState::ALL, JobState::as_str)?))
        })
        .optional()
}

/// Takes the oldest waiting job and counts the attempt. A job whose attempts are used up is handed
/// out too ([`Job::is_exhausted`]): it needs its result.
pub fn claim() -> Operation<Option<Job>> {
    Operation::new("claim a screening job", |connection| {
        let claimed = connection
            .prepare_cached(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1
                 WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY id LIMIT 1)
                 RETURNING id, series_instance_uid, study_instance_uid, model_key, attempts,
                           n_missing, instance_id_max",
            )?
            .query_row([], |row| {
                let job = Job {
                    id: JobId(row.get(0)?),
                    series: row::parsed(row, 1)?,
                    study: row::parsed(row, 2)?,
                    model_key: row.get(3)?,
                    attempt: row::count(row, 4)?,
                    n_missing: row::count(row, 5)?,
                    instances: Vec::new(),
                };
                Ok((job, row.get::<_, i64>(6)?))
            })
            .optional()?;
        let Some((mut job, id_max)) = claimed else { return Ok(None) };
        job.instances = instances::of_series(connection, &job.series, id_max)?;
        Ok(Some(job))
    })
}

/// Puts a running job back after a failed attempt, or supersedes it when a later set already waits.
pub fn retry(id: JobId, error: String) -> Operation<()> {
    Operation::new("put a screening job back", move |connection| {
        let error = row::bounded(&error, ERROR_TEXT_BYTES_MAX);
        connection.execute(
            "UPDATE jobs SET error = ?2 WHERE id = ?1 AND state = 'running'",
            (id.0, error),
        )?;
        put_back(connection, Some(id)).map(|_| ())
    })
}

/// Gives the running job its attempt back: it is left because the program was asked to stop, which says
/// nothing about the job. The next start puts it back ([`recover`]).
pub fn give_back_attempt() -> Operation<()> {
    Operation::new("give a screening job its attempt back", |connection| {
        connection.execute(
            "UPDATE jobs SET attempts = max(attempts - 1, 0) WHERE state = 'running'",
            [],
        )?;
        Ok(())
    })
}

/// What the start does with the jobs of the last run: those that were running are what a crash left
/// and wait again; those made for other models (an update came between) are handed to these, with
/// their attempts given back. Answers how many had been running.
pub fn recover(model_key: String) -> Operation<usize> {
    Operation::new("take up the interrupted screening jobs", move |connection| {
        let n_running = put_back(connection, None)?;
        connection.execute(
            "UPDATE OR IGNORE jobs SET model_key = ?1, attempts = 0
             WHERE state = 'queued' AND model_key <> ?1",
            [&model_key],
        )?;
        // What was left out has its twin among the jobs of these models.
        connection.execute(
            "UPDATE jobs SET state = 'superseded' WHERE state = 'queued' AND model_key <> ?1",
            [&model_key],
        )?;
        Ok(n_running)
    })
}

fn put_back(connection: &Connection, only: Option<JobId>) -> Result<usize, rusqlite::Error> {
    connection.execute(
        "UPDATE jobs SET state = CASE WHEN EXISTS (
                 SELECT 1 FROM jobs AS later
                 WHERE later.series_instance_uid = jobs.series_instance_uid
                   AND later.model_key = jobs.model_key AND later.state <> 'superseded'
                   AND later.id > jobs.id)
             THEN 'superseded' ELSE 'queued' END
         WHERE state = 'running' AND (?1 IS NULL OR id = ?1)",
        [only.map(|id| id.0)],
    )
}

/// Jobs by state.
pub fn counts() -> Operation<JobCounts> {
    Operation::new("count the screening jobs", |connection| {
        connection.query_row(
            "SELECT count(*) FILTER (WHERE state = 'queued'),
                    count(*) FILTER (WHERE state = 'running'),
                    count(*) FILTER (WHERE state IN ('done', 'failed')) FROM jobs",
            [],
            |row| {
                Ok(JobCounts {
                    n_queued: row::count(row, 0)?,
                    n_running: row::count(row, 1)?,
                    n_finished: row::count(row, 2)?,
                })
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;

    fn record(connection: &Connection, series: u32, n: u32) {
        instances::record(instance(series, n)).run(connection).unwrap();
    }

    fn enqueue_series(connection: &Connection, series: u32) -> Enqueued {
        let uid = format!("1.2.{series}").parse().unwrap();
        enqueue(uid, "m1".into(), CompleteBy::Quiet, 0).run(connection).unwrap()
    }

    fn claimed(connection: &Connection) -> Option<(JobId, u32, usize)> {
        let job = claim().run(connection).unwrap();
        job.map(|job| (job.id, job.attempt, job.instances.len()))
    }

    #[test]
    fn a_resend_makes_no_second_job() {
        let connection = in_memory();
        assert_eq!(enqueue_series(&connection, 1), Enqueued::NoInstances);
        record(&connection, 1, 1);
        assert_eq!(enqueue_series(&connection, 1), Enqueued::New(JobId(1)));
        record(&connection, 1, 1);
        assert_eq!(enqueue_series(&connection, 1), Enqueued::Known(JobId(1), JobState::Queued));
        assert_eq!(claimed(&connection), Some((JobId(1), 1, 1)));
        assert_eq!(enqueue_series(&connection, 1), Enqueued::Known(JobId(1), JobState::Running));
    }

    #[test]
    fn a_late_slice_supersedes_what_still_waits() {
        let connection = in_memory();
        record(&connection, 1, 1);
        enqueue_series(&connection, 1);
        record(&connection, 1, 2);
        assert_eq!(enqueue_series(&connection, 1), Enqueued::New(JobId(2)));
        assert_eq!(claimed(&connection), Some((JobId(2), 1, 2)));
        assert_eq!(claimed(&connection), None);
    }

    #[test]
    fn a_job_holds_the_instances_that_it_was_made_for() {
        let connection = in_memory();
        record(&connection, 1, 1);
        enqueue_series(&connection, 1);
        record(&connection, 1, 2);
        assert_eq!(claimed(&connection), Some((JobId(1), 1, 1)));
        let open = instances::open_series().run(&connection).unwrap();
        assert_eq!(open.len(), 1);
        enqueue_series(&connection, 1);
        assert_eq!(instances::open_series().run(&connection).unwrap(), []);
        // The interrupted first job has a successor and is not run again.
        assert_eq!(recover("m1".into()).run(&connection).unwrap(), 1);
        assert_eq!(claimed(&connection), Some((JobId(2), 1, 2)));
    }

    #[test]
    fn jobs_are_claimed_oldest_first_and_come_back_after_a_crash() {
        let connection = in_memory();
        for series in 1..=2 {
            record(&connection, series, 1);
            enqueue_series(&connection, series);
        }
        assert_eq!(claimed(&connection), Some((JobId(1), 1, 1)));
        assert_eq!(recover("m1".into()).run(&connection).unwrap(), 1);
        assert_eq!(claimed(&connection), Some((JobId(1), 2, 1)));
        retry(JobId(1), "out of memory".into()).run(&connection).unwrap();
        let job = claim().run(&connection).unwrap().unwrap();
        assert_eq!((job.attempt, job.is_exhausted()), (JOB_ATTEMPTS_MAX + 1, true));
        assert_eq!(claimed(&connection), Some((JobId(2), 1, 1)));
        let counts = counts().run(&connection).unwrap();
        assert_eq!(counts, JobCounts { n_queued: 0, n_running: 2, n_finished: 0 });
    }

    #[test]
    fn orderly_stops_cost_no_attempt() {
        let connection = in_memory();
        record(&connection, 1, 1);
        enqueue_series(&connection, 1);
        for _ in 0..=JOB_ATTEMPTS_MAX {
            assert_eq!(claimed(&connection), Some((JobId(1), 1, 1)));
            give_back_attempt().run(&connection).unwrap();
            recover("m1".into()).run(&connection).unwrap();
        }
    }

    #[test]
    fn an_update_of_the_models_takes_over_what_waits_and_no_more() {
        let connection = in_memory();
        for series in 1..=2 {
            record(&connection, series, 1);
            enqueue_series(&connection, series);
        }
        let job = claim().run(&connection).unwrap().unwrap();
        assert_eq!(recover("m2".into()).run(&connection).unwrap(), 1);
        assert_eq!(instances::open_series().run(&connection).unwrap(), []);
        for id in [job.id, JobId(2)] {
            let job = claim().run(&connection).unwrap().unwrap();
            assert_eq!((job.id, job.model_key.as_str(), job.attempt), (id, "m2", 1));
        }
        assert_eq!(claimed(&connection), None);
    }

    #[test]
    fn fingerprints_tell_sets_apart() {
        assert_eq!(fingerprint(&["1.2", "1.3"]), fingerprint(&["1.2", "1.3"]));
        assert_ne!(fingerprint(&["1.2", "1.3"]), fingerprint(&["1.21", ".3"]));
        assert_ne!(fingerprint(&["1.2"]), fingerprint(&["1.2", "1.3"]));
        assert_eq!(fingerprint(&["1.2"]).len(), 64);
    }
}
