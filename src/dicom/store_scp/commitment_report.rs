//! The part of an association that hears whether a peer keeps what we sent it (PS3.4 annex J).
//!
//! The peer is the SCP of the service here, though it asked for the association (PS3.7 D.3.3.4).

use tokio::io::{AsyncRead, AsyncWrite};

use super::Sink;
use super::association::{Association, Message, Service};
use crate::dicom::commitment::{self, CommitmentOutcome};
use crate::dicom::dimse::{self, EventReportRequest, ServiceStatus};
use crate::dicom::upper_layer::UpperLayerError;
use crate::error::Chain;

impl<T: AsyncRead + AsyncWrite + Unpin, S: Sink> Association<'_, T, S> {
    /// Takes the data set of a report, unless its command set alone is refused.
    ///
    /// A peer that did not propose its role is heard all the same: that it was asked counts.
    pub(super) async fn begin_event_report(
        &mut self,
        context: u8,
        request: EventReportRequest,
    ) -> Result<(), UpperLayerError> {
        let agreed = self.context(context).map(|it| it.abstract_syntax.as_str());
        let is_ours = agreed == Some(commitment::SOP_CLASS);
        let refusal = if is_ours {
            commitment::refusal(&request)
        } else {
            Some(ServiceStatus::NoSuchSopClass)
        };
        let Some(refusal) = refusal else {
            let service = Service::EventReport(request);
            self.message = Message::Normalized { context, service, bytes: Vec::new() };
            return Ok(());
        };
        tracing::warn!(?refusal, "N-EVENT-REPORT refused by its command set");
        let response = dimse::event_report_response(&request, refusal);
        self.answer(context, request.has_data_set, response).await
    }

    /// Hands a report on to whoever asked, and answers. One that nobody asked this peer for is not believed.
    pub(super) async fn hear_report(
        &mut self,
        context: u8,
        request: &EventReportRequest,
        data_set: &[u8],
    ) -> Result<(), UpperLayerError> {
        let peer = &self.agreement.calling_ae;
        let status = match CommitmentOutcome::parse(data_set, self.syntax(context)?) {
            Ok(outcome) => {
                let transaction = outcome.transaction.clone();
                if self.scp.sink.commitment_reported(peer, outcome) {
                    tracing::info!(%peer, transaction, "storage commitment: the peer has reported");
                    ServiceStatus::Success
                } else {
                    tracing::warn!(
                        %peer, transaction,
                        "storage commitment: a report that this peer was not asked for"
                    );
                    ServiceStatus::InvalidArgument
                }
            }
            Err(error) => {
                tracing::warn!(%peer, error = %Chain(&error), "storage commitment: report refused");
                ServiceStatus::InvalidArgument
            }
        };
        self.respond(context, &dimse::event_report_response(request, status)).await
    }
}
