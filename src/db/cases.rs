//! Series with their newest answer, read beside a running daemon: for who takes them elsewhere.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row};

use super::results::ResultId;
use super::{DbError, beside, feedback, instances, radiology, row};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{SeriesInstanceUid, StudyInstanceUid};
use crate::intake::completeness::CompleteBy;
use crate::limits::EXPORT_CASES_MAX;
use crate::screening::report::{Decision, ScreeningReport};
use crate::units::Side;
use crate::verdict::{Review, Verdict};

/// A series, its newest answer, and what it was about.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCase {
    /// Which series.
    pub series: SeriesInstanceUid,
    /// Its study.
    pub study: StudyInstanceUid,
    /// The answer.
    pub report: ScreeningReport,
    /// When it was given, milliseconds since 1970 UTC.
    pub created_unix_ms: i64,
    /// How the series was known to be complete.
    pub complete_by: CompleteBy,
    /// Instances that the answer is about. Retention may have removed some since.
    pub n_instances: usize,
    /// Those that are still kept; paths are relative to the spool.
    pub instances: Vec<ReceivedInstance>,
    /// What people said about the answer.
    pub review: Review,
}

/// A database that is only read.
#[derive(Debug)]
pub struct CaseReader {
    connection: Connection,
}

impl CaseReader {
    /// Opens the database at `path`; changes nothing.
    ///
    /// # Errors
    /// As those of [`super::summary::read`].
    pub fn open(path: &Path) -> Result<Self, DbError> {
        Ok(Self { connection: beside::reading(path)? })
    }

    /// The newest answer of each series, the oldest first, at most [`EXPORT_CASES_MAX`] of them: those given since
    /// `since_unix_ms`, of these `series`; an empty list is all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(
        &self,
        since_unix_ms: Option<i64>,
        series: &[SeriesInstanceUid],
    ) -> Result<Vec<ResultId>, DbError> {
        let is_wanted = |name: &String| {
            series.is_empty() || series.iter().any(|wanted| wanted.as_str() == name)
        };
        let read = || -> Result<Vec<ResultId>, rusqlite::Error> {
            let mut statement = self.connection.prepare(
                "SELECT id, series_instance_uid FROM results
                 WHERE created_unix_ms >= ?1
                     AND id IN (SELECT max(id) FROM results GROUP BY series_instance_uid)
                 ORDER BY id",
            )?;
            let mut found = Vec::new();
            let mut rows = statement.query([since_unix_ms.unwrap_or(i64::MIN)])?;
            while let Some(row) = rows.next()? {
                if found.len() < EXPORT_CASES_MAX && is_wanted(&row.get(1)?) {
                    found.push(ResultId(row.get(0)?));
                }
            }
            Ok(found)
        };
        read().map_err(|source| DbError::Run { doing: "list the results", source })
    }

    /// One of them; `None` where it has gone since.
    ///
    /// # Errors
    /// When the database cannot be read, or holds what this program did not write.
    pub fn read(&self, id: ResultId) -> Result<Option<StoredCase>, DbError> {
        let read = || -> Result<Option<StoredCase>, rusqlite::Error> {
            // One transaction: answer and instances are of the same moment.
            let moment = self.connection.unchecked_transaction()?;
            let found = moment
                .prepare_cached(
                    "SELECT r.series_instance_uid, r.study_instance_uid, r.report, j.complete_by,
                         j.n_instances, r.created_unix_ms, j.instance_id_max
                     FROM results AS r JOIN jobs AS j ON j.id = r.job_id WHERE r.id = ?1",
                )?
                .query_row([id.0], |row| Ok((case(row)?, row.get::<_, i64>(6)?)))
                .optional()?;
            let Some((mut case, id_max)) = found else { return Ok(None) };
            case.instances = instances::of_series(&moment, &case.series, id_max)?;
            case.review = review(&moment, &case)?;
            Ok(Some(case))
        };
        read().map_err(|source| DbError::Run { doing: "read a result", source })
    }
}

/// What people said. Where nobody did and nothing is flagged, a signed report without a mass says that there is none.
fn review(moment: &Connection, case: &StoredCase) -> Result<Review, rusqlite::Error> {
    let said = feedback::of_series(case.series.to_string()).run(moment)?;
    let mut verdicts: Vec<_> = said.iter().map(|it| (it.side, it.verdict)).collect();
    if verdicts.is_empty()
        && case.report.decision == Decision::NotFlagged
        && radiology::is_signed_without_mass(moment, case.study.as_str())?
    {
        verdicts = Side::BOTH.map(|side| (side, Verdict::ConfirmedNegative)).into();
    }
    Ok(Review { verdicts })
}

fn case(row: &Row<'_>) -> Result<StoredCase, rusqlite::Error> {
    let report: String = row.get(2)?;
    let report = serde_json::from_str(&report)
        .map_err(|error| row::conversion(2, rusqlite::types::Type::Text, error))?;
    Ok(StoredCase {
        series: row::parsed(row, 0)?,
        study: row::parsed(row, 1)?,
        report,
        complete_by: row::named(row, 3, &CompleteBy::ALL, CompleteBy::as_str)?,
        n_instances: row::count(row, 4)?,
        created_unix_ms: row.get(5)?,
        instances: Vec::new(),
        review: Review::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::tests::instance;
    use crate::db::results::tests::{at, report};
    use crate::db::results::{JobEnd, Routed, commit};
    use crate::db::{Db, jobs, open};

    /// Records instance `n` of a series, screens what there is of it at `unix_ms`.
    fn screen(db: &Db, series: u32, n: u32, decision: Decision, unix_ms: i64) {
        db.call_blocking(instances::record(instance(series, n))).unwrap();
        let uid = format!("1.2.{series}").parse().unwrap();
        let queued = jobs::enqueue(uid, "m".into(), CompleteBy::Count, 0);
        db.call_blocking(queued).unwrap();
        let job = db.call_blocking(jobs::claim()).unwrap().unwrap();
        let end =
            commit(job.id, JobEnd::Done, report(decision), at(unix_ms), |_| Routed::default());
        db.call_blocking(end).unwrap();
    }

    #[test]
    fn each_series_has_its_newest_answer_with_the_instances_it_is_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        assert!(matches!(CaseReader::open(&path).unwrap_err(), DbError::Open { .. }));
        let opened = open::open(&path).unwrap();
        let db = &opened.db;
        screen(db, 1, 1, Decision::NotFlagged, 10);
        screen(db, 2, 1, Decision::Flagged, 20);
        screen(db, 1, 2, Decision::Flagged, 30);
        // Not screened yet.
        db.call_blocking(instances::record(instance(2, 2))).unwrap();
        let reader = CaseReader::open(&path).unwrap();
        let list = |since, series: &[&str]| {
            let series: Vec<_> = series.iter().map(|uid| uid.parse().unwrap()).collect();
            let found = reader.list(since, &series).unwrap();
            found.into_iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(list(None, &[]), [2, 3]);
        assert_eq!(list(Some(25), &[]), [3]);
        assert_eq!(list(None, &["1.2.2", "1.2.9"]), [2]);
        let case = |id| reader.read(ResultId(id)).unwrap().unwrap();
        assert_eq!((case(3).n_instances, case(3).instances.len()), (2, 2));
        assert_eq!((case(2).n_instances, case(2).instances.len()), (1, 1));
        assert_eq!(case(3).report.decision, Decision::Flagged);
        assert_eq!((case(2).complete_by, case(2).created_unix_ms), (CompleteBy::Count, 20));
        assert_eq!(reader.read(ResultId(9)).unwrap(), None);
    }
}
