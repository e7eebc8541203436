//! The one place that removes what was received and answered. It blocks: for a thread that may wait.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::plan::{Plan, plan, results_before};
use super::settings::RetentionSettings;
use super::{InUse, KeepingError};
use crate::clock::{Clock, unix_ms};
use crate::db::Db;
use crate::db::retention::{self, KeptSeries, Removal};
use crate::dicom::uid::SeriesInstanceUid;
use crate::disk;
use crate::error::Chain;
use crate::intake::spool::Spool;
use crate::limits::{RETENTION_NAMED_MAX, RETENTION_SERIES_MAX};

/// Removes what may go.
#[derive(Debug)]
pub struct Remover {
    /// What is known of it.
    pub db: Db,
    /// The images.
    pub spool: Arc<Spool>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// Where all of it is.
    pub data_dir: PathBuf,
    /// The folder of the results' objects.
    pub results: PathBuf,
    /// How long it stays.
    pub settings: RetentionSettings,
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Series whose images went.
    pub n_series: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// Series whose results went.
    pub n_results: usize,
}

impl Remover {
    /// Whether the disk has less room than is to be free.
    ///
    /// # Errors
    /// [`KeepingError::Room`].
    pub fn is_short(&self) -> Result<bool, KeepingError> {
        Ok(plan(Vec::new(), &self.settings, Some(self.room()?), 0).short_bytes > 0)
    }

    /// What would go now.
    ///
    /// # Errors
    /// When the database cannot be read, or the disk does not say how much room it has.
    pub fn plan(&self) -> Result<Plan, KeepingError> {
        let kept = self.db.call_blocking(retention::kept())?;
        Ok(plan(kept, &self.settings, Some(self.room()?), self.clock.unix_ms()))
    }

    /// Removes what may go, at most [`RETENTION_SERIES_MAX`] series; `None` while somebody reads images.
    ///
    /// # Errors
    /// When the database or the spool fails. What went before is gone.
    pub fn remove(&self) -> Result<Option<Removed>, KeepingError> {
        let Some(_alone) = InUse::remove(&self.data_dir)? else { return Ok(None) };
        let plan = self.plan()?;
        let mut removed = Removed::default();
        for leaving in plan.leaving.iter().take(RETENTION_SERIES_MAX) {
            if self.remove_images(&leaving.series, leaving.why.to_string())? {
                removed.n_series += 1;
                removed.bytes += leaving.bytes;
            }
        }
        if plan.short_bytes > 0 {
            let held: Vec<_> = plan.held.iter().take(RETENTION_NAMED_MAX).map(held_by).collect();
            tracing::warn!(
                short_bytes = plan.short_bytes,
                ?held,
                "no more images may go: make room"
            );
        }
        removed.n_results = self.remove_results()?;
        Ok(Some(removed))
    }

    fn remove_images(&self, series: &SeriesInstanceUid, why: String) -> Result<bool, KeepingError> {
        let now = self.clock.unix_ms();
        let removal = retention::remove_images(series.clone(), why, now);
        let Removal::Removed(files) = self.db.call_blocking(removal)? else { return Ok(false) };
        let n_files = self.spool.remove_unneeded(&files)?;
        self.spool.remove_empty_folder(series);
        self.db.call_blocking(retention::cleared(series.clone()))?;
        tracing::info!(%series, n_files, "images removed");
        Ok(true)
    }

    fn remove_results(&self) -> Result<usize, KeepingError> {
        let now = self.clock.unix_ms();
        let Some(before) = results_before(&self.settings, now) else { return Ok(0) };
        let mut n_removed = 0;
        for series in self.db.call_blocking(retention::old_results(before))? {
            if self.db.call_blocking(retention::remove_results(series.clone(), before, now))? {
                tracing::info!(%series, "results removed");
                n_removed += 1;
            }
        }
        self.remove_objects(before)?;
        Ok(n_removed)
    }

    /// Removes the objects of results that were given before a time, but for those that a destination still waits for.
    fn remove_objects(&self, before_unix_ms: i64) -> Result<(), KeepingError> {
        let problem = |source| KeepingError::Objects { path: self.results.clone(), source };
        if !self.results.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.results).map_err(problem)? {
            let entry = entry.map_err(problem)?;
            let modified = entry.metadata().and_then(|about| about.modified()).map_err(problem)?;
            let is_old = unix_ms(modified) < before_unix_ms;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_old && !self.db.call_blocking(retention::is_awaited(name))? {
                fs::remove_dir_all(entry.path()).map_err(problem)?;
            }
        }
        Ok(())
    }

    fn room(&self) -> Result<disk::Room, KeepingError> {
        let path = &self.data_dir;
        disk::room(path).map_err(|source| KeepingError::Room { path: path.clone(), source })
    }

    /// Removes the files that interrupted removals left. Before the spool's files are looked at for rows that they
    /// lack.
    ///
    /// # Errors
    /// When the database fails. A file that stays gets a row again, and goes when its time comes.
    pub fn finish_interrupted(db: &Db, spool: &Spool) -> Result<(), KeepingError> {
        for left in db.call_blocking(retention::interrupted())? {
            let is_gone = |name: &str| left.names.contains(name);
            match spool.remove_left_over(&left.series, left.removed_unix_ms, is_gone) {
                Ok(n_files) => {
                    tracing::info!(series = %left.series, n_files, "an interrupted removal was finished");
                    db.call_blocking(retention::cleared(left.series))?;
                }
                Err(error) => {
                    tracing::warn!(series = %left.series, error = %Chain(&error), "a removal was not finished");
                }
            }
        }
        Ok(())
    }
}

/// A series, and what holds it, for people.
#[must_use]
pub fn held_by(series: &KeptSeries) -> String {
    let holds: Vec<_> = series.holds.iter().map(|hold| hold.code()).collect();
    format!("{}: {}", series.series, holds.join(", "))
}
