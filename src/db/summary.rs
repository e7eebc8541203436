//! What is in the database, for a person: read beside a running daemon, without touching anything.

use std::path::Path;

use rusqlite::{Connection, Row};

use super::deliveries::{self, DeliveryCounts};
use super::jobs::JobState;
use super::orders::{self, WorklistState};
use super::results::{self, StoredResult};
use super::{DbError, alerts, beside, row};
use crate::intake::completeness::CompleteBy;
use crate::screening::report::Decision;
use crate::status::Alerts;

/// Counts, and the newest answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Instances that were answered `Success` and are still kept.
    pub n_instances: u64,
    /// Jobs by state, in [`JobState::ALL`]'s order.
    pub jobs: Vec<(JobState, u64)>,
    /// Jobs by how their series was known to be complete, in [`CompleteBy::ALL`]'s order.
    pub complete_by: Vec<(CompleteBy, u64)>,
    /// Answers by decision, superseded ones too: flagged, not flagged, not assessable.
    pub results: [(Decision, u64); 3],
    /// Deliveries by state.
    pub deliveries: DeliveryCounts,
    /// Alerts, and what people did about them.
    pub alerts: Alerts,
    /// The newest answer.
    pub newest: Option<StoredResult>,
    /// How the worklist's queries go.
    pub worklist: WorklistState,
}

/// Reads the summary of the database at `path`, as it is at one moment.
///
/// # Errors
/// [`DbError::Open`] where there is no such file or it cannot be read; [`DbError::Foreign`],
/// [`DbError::Newer`] or [`DbError::Older`] where it is not one of this program's version.
pub fn read(path: &Path) -> Result<Summary, DbError> {
    let connection = beside::reading(path)?;
    summarize(&connection)
        .map_err(|source| DbError::Run { doing: "read the database's summary", source })
}

fn summarize(connection: &Connection) -> Result<Summary, rusqlite::Error> {
    // One transaction: all counts are of the same moment.
    let moment = connection.unchecked_transaction()?;
    let one = |sql: &str| moment.query_row(sql, [], |row| row::count(row, 0));
    let of = |sql: &str, name: &str| moment.query_row(sql, [name], |row: &Row| row::count(row, 0));
    let jobs = JobState::ALL.into_iter().map(|state| {
        Ok((state, of("SELECT count(*) FROM jobs WHERE state = ?1", state.as_str())?))
    });
    let complete_by = CompleteBy::ALL
        .into_iter()
        .map(|by| Ok((by, of("SELECT count(*) FROM jobs WHERE complete_by = ?1", by.as_str())?)));
    let mut results =
        [Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable].map(|it| (it, 0));
    for (decision, n) in &mut results {
        *n = of("SELECT count(*) FROM results WHERE decision = ?1", decision.as_str())?;
    }
    Ok(Summary {
        n_instances: one("SELECT count(*) FROM instances")?,
        jobs: jobs.collect::<Result<_, rusqlite::Error>>()?,
        complete_by: complete_by.collect::<Result<_, rusqlite::Error>>()?,
        results,
        deliveries: deliveries::counts().run(&moment)?,
        alerts: alerts::now().run(&moment)?,
        newest: results::latest().run(&moment)?,
        worklist: orders::state().run(&moment)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::tests::instance;
    use crate::db::{instances, open};

    #[test]
    fn a_database_is_read_while_it_is_in_use_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        assert!(matches!(read(&path).unwrap_err(), DbError::Open { .. }));
        assert!(!path.exists());
        let opened = open::open(&path).unwrap();
        assert_eq!(read(&path).unwrap().n_instances, 0);
        opened.db.call_blocking(instances::record(instance(1, 1))).unwrap();
        let summary = read(&path).unwrap();
        assert_eq!((summary.n_instances, summary.newest), (1, None));
        assert_eq!(summary.jobs.len(), JobState::ALL.len());
        let crate::db::Opened { db, thread, .. } = opened;
        drop(db);
        thread.join().unwrap();
        assert_eq!(read(&path).unwrap().n_instances, 1);
    }

    #[test]
    fn another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        drop(open::open(&path).unwrap().db);
        for (version, older) in [(0, true), (99, false)] {
            Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(matches!(error, DbError::Older { .. }), older, "{error}");
            assert_eq!(matches!(error, DbError::Newer { .. }), !older, "{error}");
        }
    }
}
