//! From received instances to their rows, many in one transaction.
//!
//! ```text
//! association --instance, durable in the spool--> queue --gathered--> rows --> arrivals
//! ```
//!
//! A sender does not wait for the row: a file without one gets it at the next start. It waits when the
//! queue is full, and is told to try again when that lasts, so a database that fails loses nothing.

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::db::instances;
use crate::db::{Db, DbError};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::{InstanceSink, SinkError};
use crate::dicom::uid::{SopClassUid, SopInstanceUid};
use crate::error::{Chain, Dispose, Disposition};
use crate::intake::series::Arrival;
use crate::limits::{
    DB_BATCH_MAX, RECORD_GATHER, RECORD_QUEUE_MAX, RECORD_RETRY_MAX, RETRY_WAIT_MIN, TASK_BEAT,
};
use crate::system::heartbeat::Heart;

/// What waits to be recorded.
#[derive(Debug)]
enum Entry {
    Instance(ReceivedInstance),
    /// Told when everything before it has its row.
    Barrier(oneshot::Sender<()>),
}

/// Takes each instance before its sender hears of success.
#[derive(Debug)]
pub(super) struct Recorder {
    db: Db,
    queue: mpsc::Sender<Entry>,
}

/// Writes the rows.
#[derive(Debug)]
pub(super) struct RowWriter {
    db: Db,
    queue: mpsc::Receiver<Entry>,
    arrivals: mpsc::Sender<Vec<Arrival>>,
    heart: Heart,
}

/// Both ends.
pub(super) fn recorder(
    db: Db,
    arrivals: mpsc::Sender<Vec<Arrival>>,
    heart: Heart,
) -> (Recorder, RowWriter) {
    let (sender, queue) = mpsc::channel(RECORD_QUEUE_MAX);
    (Recorder { db: db.clone(), queue: sender }, RowWriter { db, queue, arrivals, heart })
}

impl Recorder {
    async fn push(&self, entry: Entry) -> Result<(), SinkError> {
        self.queue.send(entry).await.map_err(|error| gone(error.to_string()))
    }
}

fn gone(reason: String) -> SinkError {
    SinkError { disposition: Disposition::Retry, source: reason.into() }
}

impl InstanceSink for Recorder {
    async fn committed(&self, instance: ReceivedInstance) -> Result<(), SinkError> {
        self.push(Entry::Instance(instance)).await
    }

    async fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> Result<Vec<Option<SopClassUid>>, SinkError> {
        let (written, all_written) = oneshot::channel();
        self.push(Entry::Barrier(written)).await?;
        all_written.await.map_err(|error| gone(error.to_string()))?;
        self.db.call(instances::classes(instances)).await.map_err(|error| SinkError {
            disposition: error.disposition(),
            source: Box::new(error),
        })
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
        let mut barriers = Vec::new();
        for entry in entries {
            match entry {
                Entry::Instance(instance) => batch.push(instance),
                Entry::Barrier(written) => barriers.push(written),
            }
        }
        if !batch.is_empty() {
            self.record(&batch).await?;
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
        let arrivals = batch.iter().map(|instance| Arrival {
            series: instance.series.clone(),
            study: instance.study.clone(),
            sop_instance: instance.sop_instance.clone(),
        });
        // Without a series task we are stopping: the next start finds rows without a job.
        let _ = self.arrivals.send(arrivals.collect()).await;
        Ok(())
    }
}
