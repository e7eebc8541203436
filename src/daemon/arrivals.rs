//! From arrivals to jobs: the task that waits until a series is stable.
//!
//!   recorder --arrivals--> assembler --stable--> job, worker woken

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::db::instances;
use crate::db::jobs::{self, Enqueued};
use crate::db::{Db, DbError};
use crate::dicom::store_scp::ScpEvent;
use crate::error::{Chain, Dispose, Disposition};
use crate::intake::series::{Arrival, SeriesAssembler, StableSeries};
use crate::limits::TASK_BEAT;
use crate::status_writer::StatusWriter;
use crate::system::heartbeat::Heart;

/// The only task that changes the series table.
#[derive(Debug)]
pub(super) struct SeriesTask {
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) assembler: SeriesAssembler,
    pub(super) model_key: String,
    pub(super) worker: SyncSender<()>,
    pub(super) status: Arc<StatusWriter>,
    pub(super) heart: Heart,
}

impl SeriesTask {
    /// Runs until nobody can send arrivals any more.
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub(super) async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Vec<Arrival>>,
        mut events: mpsc::Receiver<ScpEvent>,
    ) -> Result<(), DbError> {
        loop {
            self.heart.beat();
            let now = self.clock.monotonic();
            let deadline = self.assembler.next_deadline();
            let wait = deadline.map_or(TASK_BEAT, |at| at.saturating_sub(now)).min(TASK_BEAT);
            tokio::select! {
                // What an association brought is heard of before its end.
                biased;
                arrival = arrivals.recv() => match arrival {
                    Some(arrivals) => self.arrived(arrivals),
                    None => break,
                },
                Some(event) = events.recv() => self.heard(&event),
                () = sleep_until(Instant::now() + wait) => {}
            }
            for stable in self.assembler.take_stable(self.clock.monotonic()) {
                self.enqueue(stable).await?;
            }
            self.show();
        }
        self.heart.finish();
        Ok(())
    }

    fn arrived(&mut self, arrivals: Vec<Arrival>) {
        let n = arrivals.len() as u64;
        for arrival in arrivals {
            self.assembler.arrive(arrival, self.clock.monotonic());
        }
        self.status.modify(|status| status.n_instances_received += n);
    }

    fn heard(&mut self, event: &ScpEvent) {
        match event {
            ScpEvent::Opened { .. } => self.status.modify(|status| status.n_associations += 1),
            ScpEvent::Closed { series, .. } => {
                self.status.modify(|status| {
                    status.n_associations = status.n_associations.saturating_sub(1);
                });
                for uid in series {
                    self.assembler.association_released(uid);
                }
            }
            ScpEvent::Rejected { .. } => {}
        }
    }

    /// Makes a job of a stable series. A database that is in the way keeps the series open.
    async fn enqueue(&mut self, stable: StableSeries) -> Result<(), DbError> {
        let StableSeries { series, study, n_instances, is_released } = stable;
        tracing::info!(%series, n_instances, is_released, "series is stable");
        let now = self.clock.unix_ms();
        let operation = jobs::enqueue(series.clone(), self.model_key.clone(), now);
        match self.db.call(operation).await {
            Ok(Enqueued::New(_)) => {
                self.status.modify(|status| status.n_jobs_waiting += 1);
                // A full queue of one means that the worker will look anyway.
                let _ = self.worker.try_send(());
                Ok(())
            }
            Ok(Enqueued::Known(_, state)) => {
                tracing::info!(%series, state = state.as_str(), "these instances have a job already");
                Ok(())
            }
            Ok(Enqueued::NoInstances) => Ok(()),
            Err(error) if error.disposition() == Disposition::Retry => {
                tracing::warn!(%series, error = %Chain(&error), "could not queue a job yet");
                self.assembler.reopen(series, study, self.clock.monotonic());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn show(&self) {
        let n = u32::try_from(self.assembler.n_instances()).unwrap_or(u32::MAX);
        self.status.arriving(n);
    }
}

/// Gives the assembler back what no job includes: received before the last end, never screened.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn reopen(
    db: &Db,
    assembler: &mut SeriesAssembler,
    now: Duration,
) -> Result<usize, DbError> {
    let open = db.call(instances::open_series()).await?;
    let n = open.len();
    for series in open {
        tracing::info!(series = %series.series, n_instances = series.n_instances, "series goes on");
        assembler.reopen(series.series, series.study, now);
    }
    Ok(n)
}
