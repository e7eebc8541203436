//! The part of an association that hears what a scanner has made (PS3.4 annex F).

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::association::{Association, Message, Service};
use super::{Sink, SinkError};
use crate::dicom::dimse::{self, ChangeRequest, ServiceStatus};
use crate::dicom::mpps::{self, StepChange, StepError, StepOutcome};
use crate::dicom::uid::{SopInstanceUid, TransferSyntaxUid, derived_uid};
use crate::dicom::upper_layer::UpperLayerError;
use crate::error::Chain;
use crate::limits;

impl<T: AsyncRead + AsyncWrite + Unpin, S: Sink> Association<'_, T, S> {
    /// Takes the data set of an N-CREATE, unless its command set alone is refused.
    pub(super) async fn begin_create(
        &mut self,
        context: u8,
        request: ChangeRequest,
    ) -> Result<(), UpperLayerError> {
        let is_named = !request.sop_instance.is_empty();
        let refusal = self.refusal(context, &request, is_named).or_else(|| {
            // All of its attributes are missing then.
            (!request.has_data_set).then_some(ServiceStatus::MissingAttribute)
        });
        let Some(refusal) = refusal else {
            let service = Service::Create(request);
            self.message = Message::Normalized { context, service, bytes: Vec::new() };
            return Ok(());
        };
        tracing::warn!(?refusal, "N-CREATE refused by its command set");
        let response = dimse::create_response(&request, None, refusal);
        self.answer(context, request.has_data_set, response).await
    }

    /// Takes the data set of an N-SET, unless its command set alone is refused.
    pub(super) async fn begin_set(
        &mut self,
        context: u8,
        request: ChangeRequest,
    ) -> Result<(), UpperLayerError> {
        let refusal = self.refusal(context, &request, true).or_else(|| {
            // Its Modification List is mandatory (PS3.7 table 10.1-5).
            (!request.has_data_set).then_some(ServiceStatus::MistypedArgument)
        });
        let Some(refusal) = refusal else {
            let service = Service::Set(request);
            self.message = Message::Normalized { context, service, bytes: Vec::new() };
            return Ok(());
        };
        tracing::warn!(?refusal, "N-SET refused by its command set");
        let response = dimse::set_response(&request, refusal);
        self.answer(context, request.has_data_set, response).await
    }

    fn refusal(
        &self,
        context: u8,
        request: &ChangeRequest,
        is_named: bool,
    ) -> Option<ServiceStatus> {
        let agreed = self.context(context).map(|it| it.abstract_syntax.as_str());
        if agreed != Some(mpps::SOP_CLASS) || request.sop_class != mpps::SOP_CLASS {
            Some(ServiceStatus::NoSuchSopClass)
        } else if is_named && request.sop_instance.parse::<SopInstanceUid>().is_err() {
            Some(ServiceStatus::InvalidSopInstance)
        } else {
            None
        }
    }

    /// Begins a step, and answers once it is durable.
    pub(super) async fn create_step(
        &mut self,
        context: u8,
        request: &ChangeRequest,
        data_set: &[u8],
    ) -> Result<(), UpperLayerError> {
        let change = StepChange::of_create(data_set, self.syntax(context)?);
        // One that has no name gets it here (PS3.7 10.1.5.1.4).
        let named = request.sop_instance.parse::<SopInstanceUid>();
        let step = named.or_else(|_| self.new_uid(request).parse());
        let (change, step) = match (change, step) {
            (Ok(change), Ok(step)) => (change, step),
            (Err(error), _) => {
                let response = dimse::create_response(request, None, refused(&error));
                return self.respond(context, &response).await;
            }
            (_, Err(_)) => {
                let status = ServiceStatus::ProcessingFailure;
                return self.respond(context, &dimse::create_response(request, None, status)).await;
            }
        };
        let calling_ae = self.agreement.calling_ae.clone();
        let recorded = self.scp.sink.step_created(calling_ae, step.clone(), change);
        let status = status(timeout(limits::RECORD_STALL, recorded).await.ok());
        self.respond(context, &dimse::create_response(request, Some(&step), status)).await
    }

    /// Changes a step, and answers once that is durable.
    pub(super) async fn set_step(
        &mut self,
        context: u8,
        request: &ChangeRequest,
        data_set: &[u8],
    ) -> Result<(), UpperLayerError> {
        let change = StepChange::of_set(data_set, self.syntax(context)?);
        let status = match (change, request.sop_instance.parse()) {
            (Ok(change), Ok(step)) => {
                let recorded = self.scp.sink.step_set(step, change);
                status(timeout(limits::RECORD_STALL, recorded).await.ok())
            }
            (Err(error), _) => refused(&error),
            (_, Err(_)) => ServiceStatus::InvalidSopInstance,
        };
        self.respond(context, &dimse::set_response(request, status)).await
    }

    /// How the messages of an accepted presentation context are encoded.
    pub(super) fn syntax(&self, context: u8) -> Result<&TransferSyntaxUid, UpperLayerError> {
        let context = self.context(context).map(|it| &it.transfer_syntax);
        context.ok_or(UpperLayerError::invalid("presentation context was not accepted"))
    }

    /// A UID that nothing had before: no other association has this number at this time.
    fn new_uid(&self, request: &ChangeRequest) -> String {
        let clock = &self.scp.options.clock;
        derived_uid(&[
            "performed procedure step",
            self.agreement.calling_ae.as_str(),
            &clock.unix_ms().to_string(),
            &clock.monotonic().as_nanos().to_string(),
            &self.number.to_string(),
            &request.message_id.to_string(),
        ])
    }
}

fn refused(error: &StepError) -> ServiceStatus {
    tracing::warn!(error = %Chain(error), "procedure step refused");
    match error {
        StepError::Read(_) => ServiceStatus::ProcessingFailure,
        StepError::Missing(_) => ServiceStatus::MissingAttribute,
        StepError::Empty(_) => ServiceStatus::MissingAttributeValue,
        StepError::Invalid(_) => ServiceStatus::InvalidAttributeValue,
        StepError::TooMany => ServiceStatus::ResourceLimitation,
    }
}

/// `None` where it took too long.
fn status(recorded: Option<Result<StepOutcome, SinkError>>) -> ServiceStatus {
    match recorded {
        Some(Ok(StepOutcome::Done)) => ServiceStatus::Success,
        Some(Ok(StepOutcome::Duplicate)) => ServiceStatus::DuplicateSopInstance,
        Some(Ok(StepOutcome::Unknown)) => ServiceStatus::NoSuchSopInstance,
        Some(Ok(StepOutcome::Final)) => ServiceStatus::NoLongerUpdatable,
        Some(Err(error)) => {
            tracing::warn!(error = %Chain(&error), "procedure step not recorded");
            ServiceStatus::ProcessingFailure
        }
        None => {
            tracing::warn!("procedure step not recorded in time");
            ServiceStatus::ProcessingFailure
        }
    }
}
