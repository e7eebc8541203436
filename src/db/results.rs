//! One row an answer, and the transaction that makes it public.
//!
//! [`commit`] writes the report, the deliveries that follow from it and the end of the job in one
//! transaction: after a power cut there are all three or none, so nothing is announced that is not
//! stored, and nothing stored stays unannounced. The alert of a flagged series is opened there too, or withdrawn.

use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::alerts::{self, Held, Standing, Tier};
use super::deliveries::{self, NewDelivery, Told};
use super::jobs::JobId;
use super::row;
use super::thread::Operation;
use crate::dicom::uid::SeriesInstanceUid;
use crate::limits::ERROR_TEXT_BYTES_MAX;
use crate::screening::report::{Decision, ScreeningReport};
use crate::units::Side;

/// Row number of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResultId(pub i64);

/// How a job ends. Both ends have a result; that of a failed one says `not_assessable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// It was screened, or refused for what it is.
    Done,
    /// Its attempts are used up.
    Failed {
        /// What went wrong last.
        error: String,
    },
}

/// Times that an answer is judged by, milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now_unix_ms: i64,
    /// When the site's day began: the alert budget is for a day.
    pub day_start_unix_ms: i64,
    /// When the next digest goes out.
    pub digest_unix_ms: i64,
}

/// A result as routing sees it: in its transaction, just before its deliveries are written.
#[derive(Debug)]
pub struct Unrouted<'a> {
    /// The same for the same series, instances and models, on every machine; 64 hex digits.
    pub result_key: &'a str,
    /// The answer.
    pub report: &'a ScreeningReport,
    /// Now.
    pub moment: Moment,
    /// What each destination was last told about this series.
    pub told: &'a [Told],
    /// The series' alert, where it says the same.
    pub standing: Option<Standing>,
    /// Alerts that were pushed one by one today.
    pub n_pushed_today: u32,
    /// Alerts that wait for the next digest.
    pub held: &'a [Held],
    /// Whether that digest lists an alert that is withdrawn now.
    pub digest_is_stale: bool,
}

/// What routing makes of a result.
#[derive(Debug, Default)]
pub struct Routed {
    /// What is sent.
    pub deliveries: Vec<NewDelivery>,
    /// Opens an alert.
    pub alert: Option<Tier>,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Stored, with so many deliveries.
    Stored {
        /// The result's row.
        id: ResultId,
        /// Deliveries written with it; wake the outbox when there are any.
        n_deliveries: usize,
    },
    /// The job is not running: it has its result already, or a later one took its place.
    NotRunning,
}

/// A stored answer.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    /// Its row.
    pub id: ResultId,
    /// See [`Unrouted::result_key`].
    pub result_key: String,
    /// Which series.
    pub series: SeriesInstanceUid,
    /// The answer.
    pub decision: Decision,
    /// The flagged sides, right first.
    pub sides: Vec<Side>,
    /// As in the report.
    pub score: f64,
    /// The report's JSON, as it was written.
    pub report: String,
    /// Milliseconds since 1970 UTC.
    pub created_unix_ms: i64,
    /// The answer that this one replaces.
    pub supersedes: Option<ResultId>,
}

/// Names a result: SHA-256 (lower-case hex) of what it was computed from.
#[must_use]
pub fn result_key(series: &str, model_key: &str, fingerprint: &str) -> String {
    let mut hash = Sha256::new();
    for part in [series, model_key, fingerprint] {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("{:x}", hash.finalize())
}

/// Stores a running job's answer, what `route` makes of it, and the job's end, together.
///
/// `route` runs on the database thread, inside the transaction: it must be quick and do no I/O.
pub fn commit(
    job: JobId,
    end: JobEnd,
    report: ScreeningReport,
    moment: Moment,
    route: impl FnOnce(&Unrouted<'_>) -> Routed + Send + 'static,
) -> Operation<Committed> {
    Operation::new("commit a screening result", move |connection| {
        let now = moment.now_unix_ms;
        let Some(ended) = end_job(connection, job, &end, now)? else {
            return Ok(Committed::NotRunning);
        };
        let change = alerts::follow(connection, &ended.series, &report, now)?;
        let told = deliveries::told(connection, &ended.series)?;
        let held = alerts::held(connection, moment.digest_unix_ms)?;
        let digest_is_stale = change.left_digest == Some(moment.digest_unix_ms);
        if digest_is_stale && held.is_empty() {
            deliveries::cancel_digest(connection, moment.digest_unix_ms, now)?;
        }
        let id = insert(connection, job, &ended, &report, now)?;
        let routed = route(&Unrouted {
            result_key: &ended.result_key,
            report: &report,
            moment,
            told: &told,
            standing: change.standing,
            n_pushed_today: alerts::n_pushed_since(connection, moment.day_start_unix_ms)?,
            held: &held,
            digest_is_stale,
        });
        if let Some(tier) = routed.alert {
            alerts::open(connection, &ended.series, id, tier, now)?;
        }
        let mut n_deliveries = 0;
        for delivery in &routed.deliveries {
            n_deliveries += deliveries::insert(connection, id, delivery, now)?;
        }
        Ok(Committed::Stored { id, n_deliveries })
    })
}

struct EndedJob {
    series: String,
    study: String,
    result_key: String,
}

fn end_job(
    connection: &Connection,
    job: JobId,
    end: &JobEnd,
    now_unix_ms: i64,
) -> Result<Option<EndedJob>, rusqlite::Error> {
    let (state, error) = match end {
        JobEnd::Done => ("done", None),
        JobEnd::Failed { error } => ("failed", Some(row::bounded(error, ERROR_TEXT_BYTES_MAX))),
    };
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?2, error = coalesce(?3, error), finished_unix_ms = ?4
             WHERE id = ?1 AND state = 'running'
             RETURNING series_instance_uid, study_instance_uid, model_key, fingerprint",
        )?
        .query_row((job.0, state, error, now_unix_ms), |row| {
            let (series, study): (String, String) = (row.get(0)?, row.get(1)?);
            let (model_key, fingerprint): (String, String) = (row.get(2)?, row.get(3)?);
            let result_key = result_key(&series, &model_key, &fingerprint);
            Ok(EndedJob { series, study, result_key })
        })
        .optional()
}

fn insert(
    connection: &Connection,
    job: JobId,
    ended: &EndedJob,
    report: &ScreeningReport,
    created_unix_ms: i64,
) -> Result<ResultId, rusqlite::Error> {
    let json = serde_json::to_string(report)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO results (result_key, job_id, series_instance_uid, study_instance_uid,
                 decision, reason, sides, score, report, created_unix_ms, supersedes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                 (SELECT max(id) FROM results WHERE series_instance_uid = ?3))",
        )?
        .execute((
            &ended.result_key,
            job.0,
            &ended.series,
            &ended.study,
            report.decision.as_str(),
            report.reason.map(|reason| reason.code()),
            row::sides_text(&report.flagged_sides()),
            report.score,
            json,
            created_unix_ms,
        ))?;
    Ok(ResultId(connection.last_insert_rowid()))
}

const COLUMNS: &str = "id, result_key, series_instance_uid, decision, sides, score, report,
    created_unix_ms, supersedes";

fn read(row: &Row<'_>) -> Result<StoredResult, rusqlite::Error> {
    Ok(StoredResult {
        id: ResultId(row.get(0)?),
        result_key: row.get(1)?,
        series: row::parsed(row, 2)?,
        decision: row::decision(row, 3)?,
        sides: row::sides(row, 4)?,
        score: row.get(5)?,
        report: row.get(6)?,
        created_unix_ms: row.get(7)?,
        supersedes: row.get::<_, Option<i64>>(8)?.map(ResultId),
    })
}

/// The answer that stands for a series: the newest.
pub fn latest_of_series(series: SeriesInstanceUid) -> Operation<Option<StoredResult>> {
    Operation::new("look up a series' result", move |connection| {
        connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM results WHERE series_instance_uid = ?1
                 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row([series.as_str()], read)
            .optional()
    })
}

/// The newest answer of all, for the display after a restart.
pub fn latest() -> Operation<Option<StoredResult>> {
    Operation::new("look up the newest result", |connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM results ORDER BY id DESC LIMIT 1"))?
            .query_row([], read)
            .optional()
    })
}

/// How many answers were given, superseded ones too.
pub fn count() -> Operation<u64> {
    Operation::new("count the results", |connection| {
        connection.query_row("SELECT count(*) FROM results", [], |row| row::count(row, 0))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::db::deliveries::DeliveryKind;
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;
    use crate::db::{instances, jobs};
    use crate::intake::completeness::CompleteBy;
    use crate::reason::Reason;
    use crate::screening::report::{
        DecisionIdentity, ModelIdentity, Models, NOT_FOR_DIAGNOSTIC_USE, SCHEMA, Timing,
    };
    use crate::units::VoxelCount;

    /// A report without glands: enough for rows.
    pub(in crate::db) fn report(decision: Decision) -> ScreeningReport {
        let model = ModelIdentity { name: "m".into(), version: "1".into(), sha256: "0".repeat(64) };
        let rule = DecisionIdentity {
            version: "1".into(),
            rule: "size".into(),
            gamma: 5.0,
            tumor_voxels_min: VoxelCount(500),
        };
        let not_assessable = decision == Decision::NotAssessable;
        ScreeningReport {
            schema: SCHEMA.into(),
            software_version: "0.1.0".into(),
            notice: NOT_FOR_DIAGNOSTIC_USE.into(),
            study_instance_uid: "1.2".into(),
            series_instance_uid: "1.2.1".into(),
            accession_number: String::new(),
            models: Models { localizer: model.clone(), segmenter: model, decision: rule },
            decision,
            reason: not_assessable.then_some(Reason::AnalysisFailed),
            warnings: Vec::new(),
            score: 0.5,
            glands: Vec::new(),
            candidates: Vec::new(),
            timing_ms: Timing::default(),
        }
    }

    pub(in crate::db) fn to_ward(unrouted: &Unrouted<'_>) -> Routed {
        let delivery = NewDelivery {
            destination: "ward".into(),
            kind: DeliveryKind::Result,
            not_before_unix_ms: None,
            idempotency_key: unrouted.result_key.to_owned(),
            payload: "{}".into(),
            follows: unrouted.told.first().map(|told| told.delivery),
        };
        Routed { deliveries: vec![delivery], alert: None }
    }

    /// A moment without budget or digest.
    pub(in crate::db) fn at(now_unix_ms: i64) -> Moment {
        Moment { now_unix_ms, day_start_unix_ms: 0, digest_unix_ms: i64::MAX }
    }

    /// Records instance `n` of series 1, queues it and claims the job.
    fn running(connection: &Connection, n: u32) -> JobId {
        instances::record(instance(1, n)).run(connection).unwrap();
        jobs::enqueue("1.2.1".parse().unwrap(), "m".into(), CompleteBy::Quiet, 0)
            .run(connection)
            .unwrap();
        jobs::claim().run(connection).unwrap().unwrap().id
    }

    #[test]
    fn a_result_is_stored_once_with_its_deliveries_and_ends_its_job() {
        let connection = in_memory();
        let job = running(&connection, 1);
        let commit_it = || {
            commit(job, JobEnd::Done, report(Decision::Flagged), at(5), to_ward)
                .run(&connection)
                .unwrap()
        };
        assert_eq!(commit_it(), Committed::Stored { id: ResultId(1), n_deliveries: 1 });
        assert_eq!(commit_it(), Committed::NotRunning);
        assert_eq!(count().run(&connection).unwrap(), 1);
        assert_eq!(jobs::counts().run(&connection).unwrap().n_finished, 1);
        let stored = latest().run(&connection).unwrap().unwrap();
        assert_eq!(serde_json::from_str::<ScreeningReport>(&stored.report).unwrap().score, 0.5);
        assert_eq!((stored.decision, stored.supersedes), (Decision::Flagged, None));
    }

    #[test]
    fn a_later_result_supersedes_and_routing_knows_what_was_told() {
        let connection = in_memory();
        for n in 1..=2 {
            let job = running(&connection, n);
            commit(job, JobEnd::Done, report(Decision::Flagged), at(5), to_ward)
                .run(&connection)
                .unwrap();
        }
        let stored = latest_of_series("1.2.1".parse().unwrap()).run(&connection).unwrap().unwrap();
        assert_eq!((stored.id, stored.supersedes), (ResultId(2), Some(ResultId(1))));
        let job = running(&connection, 3);
        let seen = |unrouted: &Unrouted<'_>| {
            assert_eq!(unrouted.told.len(), 1);
            assert_eq!(unrouted.told[0].decision, Decision::Flagged);
            assert_eq!(unrouted.told[0].delivery.0, 2);
            Routed::default()
        };
        let failed = JobEnd::Failed { error: "x".into() };
        commit(job, failed, report(Decision::NotAssessable), at(6), seen).run(&connection).unwrap();
    }

    #[test]
    fn a_reason_must_stand_beside_not_assessable() {
        let connection = in_memory();
        let job = running(&connection, 1);
        let unexplained = ScreeningReport { reason: None, ..report(Decision::NotAssessable) };
        commit(job, JobEnd::Done, unexplained, at(5), to_ward).run(&connection).unwrap_err();
    }
}
