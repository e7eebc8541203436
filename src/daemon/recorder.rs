//! Records what was received before its sender hears of success, and tells the series task.
//!
//!   store_scp --instance, list--> rows in the database --> series task

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::db::{Db, DbError, instances, lists};
use crate::dicom::commitment::CommitmentRequest;
use crate::dicom::mpps::{StepChange, StepOutcome};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::{InstanceSink, ListSink, SinkError};
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, SopClassUid, SopInstanceUid};
use crate::error::{Dispose, Disposition};
use crate::intake::series::Arrival;

/// What the series task hears, once it is in the database.
#[derive(Debug)]
pub(super) enum Heard {
    /// An instance.
    Instance(Arrival),
    /// There is a new list of these series.
    Lists(Vec<SeriesInstanceUid>),
}

/// Records each instance and each list.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) db: Db,
    pub(super) clock: std::sync::Arc<dyn Clock>,
    pub(super) heard: mpsc::Sender<Heard>,
}

impl Recorder {
    // After a crash before this the rows alone open the series again, at the next start.
    async fn tell(&self, heard: Heard) -> Result<(), SinkError> {
        self.heard
            .send(heard)
            .await
            .map_err(|error| SinkError { disposition: Disposition::Retry, source: Box::new(error) })
    }

    async fn tell_of_lists(&self, series: Vec<SeriesInstanceUid>) -> Result<(), SinkError> {
        if series.is_empty() { Ok(()) } else { self.tell(Heard::Lists(series)).await }
    }
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
        let arrival = Arrival {
            series: instance.series.clone(),
            study: instance.study.clone(),
            sop_instance: instance.sop_instance.clone(),
            hints: instance.hints.clone(),
            association,
        };
        self.db.call(instances::record(instance)).await.map_err(failed)?;
        self.tell(Heard::Instance(arrival)).await
    }

    async fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> Result<Vec<Option<SopClassUid>>, SinkError> {
        self.db.call(instances::classes(instances)).await.map_err(failed)
    }
}

impl ListSink for Recorder {
    async fn commitment_requested(
        &self,
        calling_ae: AeTitle,
        request: CommitmentRequest,
    ) -> Result<(), SinkError> {
        let CommitmentRequest { transaction, references } = request;
        let now = self.clock.unix_ms();
        let operation = lists::record_commitment(transaction, calling_ae, references, now);
        let series = self.db.call(operation).await.map_err(failed)?;
        self.tell_of_lists(series).await
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
