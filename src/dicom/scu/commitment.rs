//! Storage Commitment SCU (PS3.4 annex J): asks a peer to promise that it keeps what it was sent.
//!
//! ```text
//!  N-ACTION --> response --> N-EVENT-REPORT, soon, or later over an association of the peer's own
//! ```

use dicom_dictionary_std::uids;
use tokio::net::ToSocketAddrs;
use tokio::time::timeout;

use super::association::Association;
use super::{ScuError, ScuOptions};
use crate::dicom::commitment::{
    self, CommitmentOutcome, CommitmentRequest, REQUEST_STORAGE_COMMITMENT, SOP_CLASS,
    WELL_KNOWN_INSTANCE,
};
use crate::dicom::dimse::{self, Command, EventReportRequest, ServiceStatus, StoreStatus};
use crate::dicom::uid::TransferSyntaxUid;
use crate::dicom::upper_layer::UpperLayerError;
use crate::error::Chain;
use crate::limits;

const MESSAGE_ID: u16 = 1;

/// Asks, and waits for [`limits::COMMITMENT_REPORT`] whether the report comes on the same association. Every report
/// that comes is given to `hear`, which says whether it was asked for. The status is the peer's answer to the question
/// alone.
///
/// # Errors
/// When the question did not arrive, or was not answered: see [`ScuError`]. Once it is answered with success there
/// is no error any more: a peer that hangs up then may report later.
pub async fn ask(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
    request: &CommitmentRequest,
    hear: impl FnMut(CommitmentOutcome) -> bool,
) -> Result<StoreStatus, ScuError> {
    // Every peer takes it (PS3.5 10.1).
    let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN;
    let kinds = [(SOP_CLASS.to_owned(), syntax.to_owned())];
    let syntax: TransferSyntaxUid = syntax.parse().expect("a constant UID");
    let data_set = request.encode(&syntax).map_err(ScuError::Commitment)?;
    let association = Association::request(address, options, &kinds).await?;
    let Some(context) = association.context(&kinds[0]) else {
        return association.end(Err(ScuError::NoService("Storage Commitment"))).await;
    };
    let transaction = &request.transaction;
    let mut question =
        Question { association, context, syntax, transaction, hear, n_others: 0, is_heard: false };
    let status = match question.ask(&data_set).await {
        Ok(status) if status == StoreStatus::Success => status,
        answered => return question.association.end(answered).await,
    };
    let waited = match timeout(limits::COMMITMENT_REPORT, question.report()).await {
        Ok(heard) => heard,
        // It comes later.
        Err(_) => Ok(()),
    };
    if let Err(error) = question.association.end(waited).await {
        tracing::debug!(error = %Chain(&error), "storage commitment: the association that asked broke");
    }
    Ok(status)
}

struct Question<'a, F> {
    association: Association,
    context: u8,
    syntax: TransferSyntaxUid,
    transaction: &'a str,
    hear: F,
    /// Messages that were about something else.
    n_others: usize,
    is_heard: bool,
}

impl<F: FnMut(CommitmentOutcome) -> bool> Question<'_, F> {
    /// The peer's answer. Its report may come before.
    async fn ask(&mut self, data_set: &[u8]) -> Result<StoreStatus, ScuError> {
        let command = dimse::action_request(
            MESSAGE_ID,
            SOP_CLASS,
            WELL_KNOWN_INSTANCE,
            REQUEST_STORAGE_COMMITMENT,
        );
        self.association.send_command(self.context, &command).await?;
        self.association.send_data_set(self.context, data_set).await?;
        loop {
            match self.association.command().await? {
                (_, Command::Response(answer))
                    if answer.message_id == MESSAGE_ID && answer.is_of_action() =>
                {
                    return Ok(answer.status);
                }
                (context, Command::EventReport(request)) => self.take(context, &request).await?,
                _ => return Err(ScuError::OtherMessage),
            }
        }
    }

    /// Until the report on what was asked is heard. The caller sets a limit.
    async fn report(&mut self) -> Result<(), ScuError> {
        while !self.is_heard {
            match self.association.command().await? {
                (context, Command::EventReport(request)) => self.take(context, &request).await?,
                _ => return Err(ScuError::OtherMessage),
            }
        }
        Ok(())
    }

    /// Takes a report and answers it.
    async fn take(&mut self, context: u8, request: &EventReportRequest) -> Result<(), ScuError> {
        let data_set = if request.has_data_set {
            let received = self.association.receive(limits::MESSAGE_BYTES_MAX).await?;
            if received.is_command || received.context != context || received.is_cut {
                return Err(UpperLayerError::unexpected("no data set of a report").into());
            }
            received.bytes
        } else {
            Vec::new()
        };
        let status = commitment::refusal(request).unwrap_or_else(|| self.hear(&data_set));
        let response = dimse::event_report_response(request, status);
        self.association.send_command(context, &response).await?;
        if !self.is_heard {
            self.n_others += 1;
        }
        if self.n_others > limits::COMMITMENT_OTHERS_MAX {
            return Err(ScuError::OtherMessage);
        }
        Ok(())
    }

    fn hear(&mut self, data_set: &[u8]) -> ServiceStatus {
        match CommitmentOutcome::parse(data_set, &self.syntax) {
            Ok(outcome) => {
                let is_ours = outcome.transaction == self.transaction;
                if (self.hear)(outcome) {
                    self.is_heard |= is_ours;
                    return ServiceStatus::Success;
                }
                tracing::warn!("storage commitment: a report that the peer was not asked for");
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "storage commitment: report refused");
            }
        }
        ServiceStatus::InvalidArgument
    }
}
