//! Where what arrives is recorded, before its sender hears of success.

use crate::dicom::commitment::{CommitmentOutcome, CommitmentReport, CommitmentRequest};
use crate::dicom::mpps::{StepChange, StepOutcome};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{AeTitle, SopClassUid, SopInstanceUid};
use crate::error::{Dispose, Disposition};

/// Records instances.
pub trait InstanceSink: Send + Sync + 'static {
    /// Takes an instance that is durable in the spool: with `Ok` the sink promises to record it, now or
    /// after a restart, from the file. An instance that is known already is no error.
    ///
    /// `association` is the number of the association that brought it, as in its events.
    fn committed(
        &self,
        association: u64,
        instance: ReceivedInstance,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Returns once all that was taken before is recorded, or is known not to be.
    fn settled(&self) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// The SOP class of each of these that is recorded, so that its sender may forget it.
    fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> impl Future<Output = Result<Vec<Option<SopClassUid>>, SinkError>> + Send;
}

/// Records what senders say belongs together. All of it is durable when a future returns `Ok`.
pub trait ListSink: Send + Sync + 'static {
    /// A sender wants to be sure of these instances.
    fn commitment_requested(
        &self,
        calling_ae: AeTitle,
        request: CommitmentRequest,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// A report that a peer did not answer over its own association. May be lost: a sender that hears nothing
    /// asks again.
    fn report_unheard(&self, calling_ae: &AeTitle, report: CommitmentReport);

    /// A peer reports on a commitment. Whether it was asked for it: else it is told that it makes no sense.
    fn commitment_reported(&self, calling_ae: &AeTitle, outcome: CommitmentOutcome) -> bool;

    /// A performed procedure step begins.
    fn step_created(
        &self,
        calling_ae: AeTitle,
        step: SopInstanceUid,
        change: StepChange,
    ) -> impl Future<Output = Result<StepOutcome, SinkError>> + Send;

    /// A performed procedure step goes on, or ends.
    fn step_set(
        &self,
        step: SopInstanceUid,
        change: StepChange,
    ) -> impl Future<Output = Result<StepOutcome, SinkError>> + Send;
}

/// All that the service needs of whoever records.
pub trait Sink: InstanceSink + ListSink {}

impl<T: InstanceSink + ListSink> Sink for T {}

/// The sink did not record something, or could not look for it. `Reject` removes an instance, anything else
/// leaves it in the spool.
#[derive(Debug, thiserror::Error)]
#[error("could not record what was received")]
pub struct SinkError {
    /// What to answer.
    pub disposition: Disposition,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Dispose for SinkError {
    fn disposition(&self) -> Disposition {
        self.disposition
    }
}
