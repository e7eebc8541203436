//! One job at a time, on a thread of its own: claim, screen, commit the result, wake the outbox.
//!
//! ```text
//!  database --claim--> job --screen--> report --commit with its deliveries--> database, outbox woken
//!                       |
//!                       +-- fails or panics: queued again; at the last attempt not assessable
//! ```

pub mod objects;
pub mod pace;
pub mod series;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rayon::ThreadPool;
use rayon::prelude::*;

use self::pace::Pace;
use self::series::{Analysed, Analysis, SeriesIdentity};
use crate::clock::Clock;
use crate::db::jobs::{self, Job};
use crate::db::results::{self, Committed, JobEnd};
use crate::db::{Db, DbError, orders};
use crate::delivery::routing::{self, About, Rules};
use crate::delivery::{ResultFiles, Waker};
use crate::dicom::attributes::PatientStudy;
use crate::dicom::ct_image::{CtImage, read_images};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::series_keys::SeriesKeys;
use crate::display::key_slice::key_slice;
use crate::display::patient::{PatientShown, Shown};
use crate::error::Chain;
use crate::heartbeat::Heart;
use crate::intake::decode_ahead::DecodeAhead;
use crate::limits::{HOT_REST_MAX, HOT_REST_STEP, WORKER_WAIT};
use crate::phi::Phi;
use crate::reason::Reason;
use crate::screening::report::Warning;
use crate::screening::{Decision, Screener, ScreeningReport};
use crate::status::{KeySlice, LastResult, Outcome, Stage};
use crate::status_writer::StatusWriter;
use crate::system::threads;
use crate::worklist::matching::{OrderMatch, Unmatched};

/// Everything the worker needs.
#[derive(Debug)]
pub struct Worker {
    /// Where jobs come from and results go.
    pub db: Db,
    /// What answers.
    pub screener: Arc<Screener>,
    /// For the timing and the time of a result.
    pub clock: Arc<dyn Clock>,
    /// The folder that instances' paths start from.
    pub spool: PathBuf,
    /// Pixels that are decoded already.
    pub ahead: Arc<DecodeAhead>,
    /// The folder of the results' objects.
    pub results: PathBuf,
    /// Whether somebody looks at series here: outlines are kept for them.
    pub has_viewer: bool,
    /// Whether there is a worklist to find orders in.
    pub has_worklist: bool,
    /// Who is told what.
    pub rules: Arc<Rules>,
    /// Tells the outbox of new deliveries.
    pub outbox: Waker,
    /// What of a patient may be shown.
    pub display: Shown,
    /// How long an analysis takes.
    pub pace: Pace,
    /// Where it says what it does, and hears that the machine is too hot.
    pub status: Arc<StatusWriter>,
    /// What computes then, once it was needed; nothing where it could not be started.
    pub slow: OnceLock<Option<ThreadPool>>,
    /// Shows that it still makes progress.
    pub heart: Heart,
}

impl Worker {
    /// Works until the sender of `wakes` is dropped; each wake says that a job may wait.
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub fn run(self, wakes: &Receiver<()>) -> Result<(), DbError> {
        let outcome = self.work_until_alone(wakes);
        self.heart.finish();
        outcome
    }

    fn work_until_alone(&self, wakes: &Receiver<()>) -> Result<(), DbError> {
        loop {
            self.heart.beat();
            while let Some(job) = self.db.call_blocking(jobs::claim())? {
                self.heart.beat();
                let began = self.clock.monotonic();
                self.work(&job)?;
                if !self.rest(self.clock.monotonic().saturating_sub(began), wakes) {
                    return Ok(());
                }
            }
            self.ahead.forget_old();
            if wakes.recv_timeout(WORKER_WAIT) == Err(RecvTimeoutError::Disconnected) {
                return Ok(());
            }
        }
    }

    /// Rests as long as the last job took where the machine is too hot. Says whether there is still somebody to work for.
    fn rest(&self, worked: Duration, wakes: &Receiver<()>) -> bool {
        let steps = worked.min(HOT_REST_MAX).as_millis() / HOT_REST_STEP.as_millis();
        for _ in 0..steps {
            if !self.status.is_throttled() || wakes.try_recv() == Err(TryRecvError::Disconnected) {
                break;
            }
            self.heart.beat();
            thread::sleep(HOT_REST_STEP);
        }
        wakes.try_recv() != Err(TryRecvError::Disconnected)
    }

    /// Computes on all threads, or on half of them where the machine is too hot. The answer is the same.
    fn compute<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if !self.status.is_throttled() {
            return work();
        }
        let half = || {
            let started = threads::half();
            started
                .inspect_err(
                    |error| tracing::warn!(error = %Chain(error), "too hot, and not slower"),
                )
                .ok()
        };
        match self.slow.get_or_init(half) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    fn work(&self, job: &Job) -> Result<(), DbError> {
        let n_slices = u32::try_from(job.instances.len()).unwrap_or(u32::MAX);
        tracing::info!(series = %job.series, n_slices, attempt = job.attempt, "screening");
        if self.display.patient != PatientShown::None {
            let label = self.display.patient.label(&self.patient(job));
            self.status.modify(|status| status.patients.analysed = label);
        }
        let on_stage = |stage: Stage| self.at_stage(stage, n_slices);
        let analysis = Analysis {
            screener: &self.screener,
            clock: &*self.clock,
            on_stage: &on_stage,
            ahead: Some(&self.ahead),
        };
        let (identity, images, unusable) = self.read(job);
        let outcome = if job.is_exhausted() {
            let report = analysis.failed(&identity, Reason::AnalysisFailed);
            let error = "the attempts are used up".to_owned();
            self.commit(job, JobEnd::Failed { error }, Analysed { report, detail: None })
        } else {
            // A slice that makes us panic must not stop the slices of other patients.
            let screen = || self.compute(|| analysis.analyse(&identity, images, &unusable));
            let screened = catch_unwind(AssertUnwindSafe(screen));
            match screened {
                Ok(Ok(analysed)) => self.commit(job, JobEnd::Done, analysed),
                Ok(Err(error)) => self.put_off(job, Chain(&error).to_string()),
                Err(_) => self.put_off(job, "the analysis panicked".to_owned()),
            }
        };
        self.ahead.forget(job.instances.iter().map(|instance| instance.path.as_path()));
        self.status.analysing(None);
        self.status.modify(|status| {
            status.patients.analysed = None;
            status.analysis_ends_unix_ms = None;
        });
        outcome
    }

    fn at_stage(&self, stage: Stage, n_slices: u32) {
        let ends_unix_ms = self.pace.left(stage, n_slices).map(|left| {
            let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
            self.clock.unix_ms().saturating_add(left_ms)
        });
        self.status.modify(|status| status.analysis_ends_unix_ms = ends_unix_ms);
        self.status.analysing(Some((stage, n_slices)));
    }

    /// The picture of the largest mass. What draws must not stop the answer.
    fn key_slice(&self, analysed: &Analysed) -> Option<Arc<KeySlice>> {
        let detail = analysed.detail.as_ref().filter(|_| self.display.key_slice)?;
        let kept = analysed.report.candidates.iter().filter(|candidate| candidate.kept);
        let (_, largest) =
            kept.zip(&detail.outlines).max_by_key(|(candidate, _)| candidate.voxels)?;
        let draw = || key_slice(&detail.volume, &largest.mask, largest.center);
        catch_unwind(AssertUnwindSafe(draw)).ok().map(Arc::new)
    }

    /// The images of a job, the reasons of the files that gave none, and which series it is.
    fn read(&self, job: &Job) -> (SeriesIdentity, Vec<CtImage>, Vec<Reason>) {
        let read: Vec<_> = job
            .instances
            .par_iter()
            .map(|instance| read_images(&self.spool.join(&instance.path)))
            .collect();
        let mut images = Vec::new();
        let mut unusable = Vec::new();
        for (instance, result) in job.instances.iter().zip(read) {
            match result {
                Ok(found) => images.extend(found),
                Err(error) => {
                    tracing::warn!(
                        instance = %instance.sop_instance, error = %Chain(&error), "no image"
                    );
                    unusable.push(error.reason());
                }
            }
        }
        let accession_number = images
            .first()
            .map_or_else(|| Phi::new(String::new()), |i| i.instance.accession_number.clone());
        let (study, series) = (job.study.clone(), job.series.clone());
        (SeriesIdentity { study, series, accession_number }, images, unusable)
    }

    fn commit(&self, job: &Job, end: JobEnd, mut analysed: Analysed) -> Result<(), DbError> {
        if job.n_missing > 0 {
            analysed.report.warnings.push(Warning::InstancesMissing);
        }
        let patient = self.patient(job);
        // What draws must not stop the answer either.
        let write = || self.write_objects(&patient, job, &analysed);
        let files = catch_unwind(AssertUnwindSafe(write)).ok().flatten();
        let key_slice = self.key_slice(&analysed);
        let report = analysed.report;
        let n_slices = u32::try_from(job.instances.len()).unwrap_or(u32::MAX);
        self.pace.learn(n_slices, report.timing_ms);
        let now = self.clock.unix_ms();
        let outcome = outcome(&report);
        tracing::info!(
            series = %job.series,
            decision = report.decision.as_str(),
            reason = report.reason.map(tracing::field::display),
            ms = report.timing_ms.total,
            "screened"
        );
        let found = self.has_worklist.then(|| self.order(job)).transpose()?;
        let route = routing::router(Arc::clone(&self.rules), About { patient, found, files });
        let moment = self.rules.policy.moment(now);
        match self.db.call_blocking(results::commit(job.id, end, report, moment, route))? {
            Committed::Stored { n_deliveries, .. } => {
                self.status.modify(|status| {
                    status.last_result = Some(LastResult { finished_unix_ms: now, outcome });
                    status.key_slice = key_slice;
                    status.n_series_screened += 1;
                });
                if n_deliveries > 0 {
                    self.outbox.wake();
                }
            }
            Committed::NotRunning => {
                tracing::warn!(series = %job.series, "job has a result already")
            }
        }
        Ok(())
    }

    /// The objects for destinations that take them; the outlines alone where only a viewer shows them.
    fn write_objects(
        &self,
        patient: &PatientStudy,
        job: &Job,
        analysed: &Analysed,
    ) -> Option<ResultFiles> {
        if objects::are_wanted(&self.rules.destinations) {
            return objects::write(&self.results, patient, job, analysed);
        }
        if self.has_viewer {
            objects::write_outlines(&self.results, patient, job, analysed);
        }
        None
    }

    /// Patient and study, by the first instance that says.
    fn patient(&self, job: &Job) -> PatientStudy {
        let read = |it: &ReceivedInstance| PatientStudy::read(&self.spool.join(&it.path)).ok();
        job.instances.iter().find_map(read).unwrap_or_default()
    }

    /// The order of a series, by what its first instance says. Logs hold no more than how it was found.
    fn order(&self, job: &Job) -> Result<OrderMatch, DbError> {
        let read = |instance: &ReceivedInstance| {
            let path = self.spool.join(&instance.path);
            SeriesKeys::read(&path, job.study.clone(), &instance.calling_ae).ok()
        };
        let found = match job.instances.iter().find_map(read) {
            Some(keys) => self.db.call_blocking(orders::match_study(keys, self.clock.unix_ms()))?,
            None => OrderMatch::Unmatched(Unmatched::UnreadableSeries),
        };
        match &found {
            OrderMatch::Matched { by, .. } => {
                tracing::info!(series = %job.series, ?by, "order found");
            }
            OrderMatch::Unmatched(reason) => {
                tracing::warn!(series = %job.series, reason = reason.code(), "no order");
            }
        }
        Ok(found)
    }

    fn put_off(&self, job: &Job, error: String) -> Result<(), DbError> {
        tracing::error!(series = %job.series, attempt = job.attempt, error, "screening failed");
        self.db.call_blocking(jobs::retry(job.id, error))
    }
}

/// The report as the display shows it.
#[must_use]
pub fn outcome(report: &ScreeningReport) -> Outcome {
    match report.decision {
        Decision::Flagged => Outcome::Flagged {
            sides: report.flagged_sides(),
            volume_cm3: report.largest_kept().map_or_else(Default::default, |c| c.volume_cm3),
        },
        Decision::NotFlagged => Outcome::NotFlagged,
        Decision::NotAssessable => {
            Outcome::NotAssessable { reason: report.reason.unwrap_or(Reason::AnalysisFailed) }
        }
    }
}
