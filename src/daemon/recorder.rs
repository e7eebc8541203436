//! From received instances and senders' lists to their rows, and from there to the series task.
//!
//! ```text
//! association --instance, durable in the spool--> queue --gathered--> rows, many in one transaction --+
//!      +--------list of instances------------------------------------> rows ----------------------+--> series task
//! ```
//!
//! A sender does not wait for the row: a file without one gets it at the next start. It waits when the
//! queue is full, and is told to try again when that lasts, so a database that fails loses nothing.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::patient::PatientLabel;
use super::reports::Unheard;
use crate::clock::Clock;
use crate::db::{Db, DbError, instances, lists};
use crate::delivery::Commitments;
use crate::dicom::commitment::{CommitmentOutcome, CommitmentReport, CommitmentRequest};
use crate::dicom::mpps::{StepChange, StepOutcome};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::{InstanceSink, ListSink, SinkError};
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, SopClassUid, SopInstanceUid};
use crate::error::{Chain, Dispose, Disposition};
use crate::heartbeat::Heart;
use crate::intake::decode_ahead::DecodeAhead;
use crate::intake::series::Arrival;
use crate::limits::{
    DB_BATCH_MAX, RECORD_GATHER, RECORD_QUEUE_MAX, RECORD_RETRY_MAX, RETRY_WAIT_MIN, TASK_BEAT,
};

/// What the series task hears, once it is in the database.
#[derive(Debug)]
pub(super) enum Heard {
    /// Instances, in the order in which they arrived.
    Instances(Vec<Arrival>),
    /// There is a new list of these series.
    Lists(Vec<SeriesInstanceUid>),
}

/// What waits to be recorded.
#[derive(Debug)]
enum Entry {
    /// One that this association brought.
    Instance(u64, Box<ReceivedInstance>),
    /// Told when everything before it has its row.
    Barrier(oneshot::Sender<()>),
}

/// Who hears of what arrives, beside the database.
#[derive(Debug)]
pub(super) struct Told {
    /// The series task.
    pub(super) series: mpsc::Sender<Heard>,
    /// Who reports on storage commitment.
    pub(super) unheard: mpsc::Sender<Unheard>,
    /// Who waits for such a report.
    pub(super) commitments: Arc<Commitments>,
}

/// Takes each instance and each list before its sender hears of success.
#[derive(Debug)]
pub(super) struct Recorder {
    db: Db,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Entry>,
    told: Told,
}

/// Writes the instances' rows.
#[derive(Debug)]
pub(super) struct RowWriter {
    db: Db,
    queue: mpsc::Receiver<Entry>,
    heard: mpsc::Sender<Heard>,
    ahead: Arc<DecodeAhead>,
    label: PatientLabel,
    heart: Heart,
}

/// Both ends.
pub(super) fn recorder(
    db: Db,
    clock: Arc<dyn Clock>,
    told: Told,
    (ahead, label): (Arc<DecodeAhead>, PatientLabel),
    heart: Heart,
) -> (Recorder, RowWriter) {
    let (sender, queue) = mpsc::channel(RECORD_QUEUE_MAX);
    let heard = told.series.clone();
    let recorder = Recorder { db: db.clone(), clock, queue: sender, told };
    (recorder, RowWriter { db, queue, heard, ahead, label, heart })
}

impl Recorder {
    async fn push(&self, entry: Entry) -> Result<(), SinkError> {
        self.queue.send(entry).await.map_err(|error| gone(error.to_string()))
    }

    async fn tell_of_lists(&self, series: Vec<SeriesInstanceUid>) -> Result<(), SinkError> {
        if series.is_empty() {
            return Ok(());
        }
        self.told.series.send(Heard::Lists(series)).await.map_err(|error| gone(error.to_string()))
    }
}

fn gone(reason: String) -> SinkError {
    SinkError { disposition: Disposition::Retry, source: reason.into() }
}

fn failed(error: DbError) -> SinkError {
    SinkError { disposition: error.disposition(), source: Box::new(error) }
}

impl InstanceSink for Recorder {
    async fn committed(
        &self,
        association: u64,
        instance: ReceivedInstance,
    ) -> Result<(), SinkError> {
        self.push(Entry::Instance(association, Box::new(instance))).await
    }

    async fn settled(&self) -> Result<(), SinkError> {
        let (written, all_written) = oneshot::channel();
        self.push(Entry::Barrier(written)).await?;
        all_written.await.map_err(|error| gone(error.to_string()))
    }

    async fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> Result<Vec<Option<SopClassUid>>, SinkError> {
        self.settled().await?;
        self.db.call(instances::classes(instances)).await.map_err(failed)
    }
}

impl ListSink for Recorder {
    async fn commitment_requested(
        &self,
        calling_ae: AeTitle,
        request: CommitmentRequest,
    ) -> Result<(), SinkError> {
        // Of the instances that came before it every row is there: it says which series they are of.
        self.settled().await?;
        let CommitmentRequest { transaction, references } = request;
        let now = self.clock.unix_ms();
        let operation = lists::record_commitment(transaction, calling_ae, references, now);
        let series = self.db.call(operation).await.map_err(failed)?;
        self.tell_of_lists(series).await
    }

    fn report_unheard(&self, calling_ae: &AeTitle, report: CommitmentReport) {
        if self.told.unheard.try_send((calling_ae.clone(), report)).is_err() {
            tracing::warn!(peer = %calling_ae, "too many storage commitments to report; one is left out");
        }
    }

    fn commitment_reported(&self, calling_ae: &AeTitle, outcome: CommitmentOutcome) -> bool {
        self.told.commitments.heard(calling_ae, outcome)
    }

    async fn step_created(
        &self,
        calling_ae: AeTitle,
        step: SopInstanceUid,
        change: StepChange,
    ) -> Result<StepOutcome, SinkError> {
        let operation = lists::create_step(step, calling_ae, change, self.clock.unix_ms());
        self.db.call(operation).await.map_err(failed)
    }

    async fn step_set(
        &self,
        step: SopInstanceUid,
        change: StepChange,
    ) -> Result<StepOutcome, SinkError> {
        let (uid, status) = (step.clone(), change.status.map(tracing::field::debug));
        let operation = lists::set_step(step, change, self.clock.unix_ms());
        let (outcome, series) = self.db.call(operation).await.map_err(failed)?;
        tracing::info!(step = %uid, status, ?outcome, "procedure step set");
        self.tell_of_lists(series).await?;
        Ok(outcome)
    }
}

impl RowWriter {
    /// Runs until no recorder is left and every row is written.
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub(super) async fn run(mut self) -> Result<(), DbError> {
        let mut entries = Vec::with_capacity(DB_BATCH_MAX);
        loop {
            self.heart.beat();
            let n = tokio::select! {
                n = self.queue.recv_many(&mut entries, DB_BATCH_MAX) => n,
                () = sleep(TASK_BEAT) => continue,
            };
            if n == 0 {
                break;
            }
            if !entries.iter().any(|entry| matches!(entry, Entry::Barrier(_))) {
                sleep(RECORD_GATHER).await;
                while entries.len() < DB_BATCH_MAX
                    && let Ok(entry) = self.queue.try_recv()
                {
                    entries.push(entry);
                }
            }
            self.write(entries.drain(..)).await?;
        }
        self.heart.finish();
        Ok(())
    }

    async fn write(&self, entries: impl Iterator<Item = Entry>) -> Result<(), DbError> {
        let mut batch = Vec::new();
        let mut arrivals = Vec::new();
        let mut barriers = Vec::new();
        for entry in entries {
            match entry {
                Entry::Instance(association, instance) => {
                    arrivals.push(Arrival {
                        series: instance.series.clone(),
                        study: instance.study.clone(),
                        sop_instance: instance.sop_instance.clone(),
                        hints: instance.hints.clone(),
                        association,
                    });
                    batch.push(*instance);
                }
                Entry::Barrier(written) => barriers.push(written),
            }
        }
        if !batch.is_empty() {
            self.record(&batch).await?;
            batch.iter().for_each(|instance| self.ahead.offer(instance));
            self.label.offer(&batch);
            // Without a series task we are stopping: the next start finds rows without a job.
            let _ = self.heard.send(Heard::Instances(arrivals)).await;
        }
        for written in barriers {
            // Whoever asked may have gone.
            let _ = written.send(());
        }
        Ok(())
    }

    /// Tries until the rows are written. What arrives meanwhile waits in the queue.
    async fn record(&self, batch: &[ReceivedInstance]) -> Result<(), DbError> {
        let mut wait = RETRY_WAIT_MIN;
        while let Err(error) = self.db.call(instances::record_all(batch.to_vec())).await {
            if error.disposition() != Disposition::Retry {
                return Err(error);
            }
            tracing::warn!(n = batch.len(), error = %Chain(&error), "instances not recorded yet");
            self.heart.beat();
            sleep(wait).await;
            wait = (wait * 2).min(RECORD_RETRY_MAX);
        }
        Ok(())
    }
}
