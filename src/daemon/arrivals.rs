//! From arrivals to jobs: the task that waits until a series is stable.
//!
//!   recorder --arrivals, lists--> assembler --stable--> job, worker woken

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::recorder::Heard;
use crate::clock::Clock;
use crate::db::jobs::{self, Enqueued};
use crate::db::{Db, DbError, instances, lists};
use crate::dicom::store_scp::{AssociationEnd, ScpEvent};
use crate::dicom::uid::SeriesInstanceUid;
use crate::error::{Chain, Dispose, Disposition};
use crate::heartbeat::Heart;
use crate::intake::series::{Arrival, SeriesAssembler, StableSeries};
use crate::limits::{ARRIVALS_QUEUE_MAX, TASK_BEAT};
use crate::status_writer::StatusWriter;
use crate::worklist::Arrivals;

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
    /// Where there is a worklist.
    pub(super) orders: Option<Arrivals>,
}

impl SeriesTask {
    /// Runs until nobody can send arrivals any more.
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub(super) async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Heard>,
        mut events: mpsc::Receiver<ScpEvent>,
    ) -> Result<(), DbError> {
        loop {
            self.heart.beat();
            let now = self.clock.monotonic();
            let deadline = self.assembler.next_deadline();
            let wait = deadline.map_or(TASK_BEAT, |at| at.saturating_sub(now)).min(TASK_BEAT);
            let event = tokio::select! {
                heard = arrivals.recv() => match heard {
                    Some(heard) => {
                        self.heard(heard).await?;
                        None
                    }
                    None => break,
                },
                Some(event) = events.recv() => Some(event),
                () = sleep_until(Instant::now() + wait) => None,
            };
            // What an association brought is here before its end is heard of.
            for _ in 0..ARRIVALS_QUEUE_MAX {
                let Ok(heard) = arrivals.try_recv() else { break };
                self.heard(heard).await?;
            }
            if let Some(event) = event {
                self.happened(&event);
            }
            for stable in self.assembler.take_stable(self.clock.monotonic()) {
                self.enqueue(stable).await?;
            }
            self.show();
        }
        self.heart.finish();
        Ok(())
    }

    async fn arrived(&mut self, arrival: Arrival) -> Result<(), DbError> {
        if let Some(orders) = &mut self.orders {
            orders.arrived(&arrival.study);
        }
        let series = arrival.series.clone();
        let was_open = self.assembler.is_open(&series);
        self.assembler.arrive(arrival, self.clock.monotonic());
        if was_open { Ok(()) } else { self.inform(&series).await }
    }

    async fn heard(&mut self, heard: Heard) -> Result<(), DbError> {
        match heard {
            Heard::Instances(arrivals) => {
                let n = arrivals.len() as u64;
                for arrival in arrivals {
                    self.arrived(arrival).await?;
                }
                self.status.modify(|status| status.n_instances_received += n);
                Ok(())
            }
            Heard::Lists(series) => {
                for uid in series {
                    if self.assembler.is_open(&uid) {
                        self.inform(&uid).await?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Tells the assembler what the database knows of an open series.
    async fn inform(&mut self, series: &SeriesInstanceUid) -> Result<(), DbError> {
        match self.db.call(lists::known(series.clone())).await {
            Ok(known) => {
                self.assembler.inform(series, known);
                Ok(())
            }
            Err(error) if error.disposition() == Disposition::Retry => {
                tracing::warn!(%series, error = %Chain(&error), "lists not read, silence will tell");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn happened(&mut self, event: &ScpEvent) {
        match event {
            ScpEvent::Opened { .. } => self.status.modify(|status| status.n_associations += 1),
            ScpEvent::Closed { association, end, .. } => {
                self.status.modify(|status| {
                    status.n_associations = status.n_associations.saturating_sub(1);
                });
                self.assembler.association_ended(*association, *end == AssociationEnd::Released);
            }
            ScpEvent::Rejected { .. } => {}
        }
    }

    /// Makes a job of a stable series. A database that is in the way keeps the series open.
    async fn enqueue(&mut self, stable: StableSeries) -> Result<(), DbError> {
        let StableSeries { series, study, n_instances, is_released, complete_by } = stable;
        let by = complete_by.as_str();
        tracing::info!(%series, n_instances, is_released, by, "series is stable");
        let now = self.clock.unix_ms();
        let operation = jobs::enqueue(series.clone(), self.model_key.clone(), complete_by, now);
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
            Ok(Enqueued::ImagesGone { n_gone }) => {
                let reason = "the others were removed; send all of the series again";
                tracing::warn!(%series, n_instances, n_gone, reason, "not screened");
                Ok(())
            }
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
        let expected = self.assembler.n_expected().and_then(|n| u32::try_from(n).ok());
        self.status.expect(expected);
        if n == 0 {
            self.status.forget_patient();
        }
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
        let known = db.call(lists::known(series.series.clone())).await?;
        assembler.reopen(series.series.clone(), series.study, now);
        assembler.inform(&series.series, known);
    }
    Ok(n)
}
