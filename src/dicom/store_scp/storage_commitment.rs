//! The part of an association that promises to keep instances (PS3.4 annex J).

use std::collections::VecDeque;

use dicom_dictionary_std::uids;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Sink;
use super::association::{Association, Message, Service};
use crate::dicom::commitment::{self, CommitmentReport, CommitmentRequest, Failure};
use crate::dicom::dimse::{self, ActionRequest, Response, ServiceStatus, StoreStatus};
use crate::dicom::uid::SopClassUid;
use crate::dicom::upper_layer::{self, UpperLayerError};
use crate::error::Chain;
use crate::limits;

/// Reports that a peer was sent over its own association.
#[derive(Debug, Default)]
pub(super) struct Reports {
    newest: u16,
    /// By message id, oldest first: not answered yet.
    unheard: VecDeque<(u16, CommitmentReport)>,
}

impl Reports {
    /// Takes note of a report that is sent now; gives its message id.
    fn sent(&mut self, report: CommitmentReport) -> u16 {
        self.newest = self.newest.wrapping_add(1).max(1);
        if self.unheard.len() == limits::REPORTS_UNHEARD_MAX {
            tracing::warn!("a peer answers no report of a storage commitment");
            self.unheard.pop_front();
        }
        self.unheard.push_back((self.newest, report));
        self.newest
    }

    /// Takes note of an answer. A peer that refuses a report where it asked may take it where we ask.
    pub(super) fn heard(&mut self, response: &Response) -> Result<(), UpperLayerError> {
        let at = self.unheard.iter().position(|(id, _)| *id == response.message_id);
        let at = at.ok_or(UpperLayerError::unexpected("response to no report"))?;
        if response.status == StoreStatus::Success {
            self.unheard.remove(at);
        } else {
            tracing::warn!(status = %response.status, "a report of a storage commitment was refused");
        }
        Ok(())
    }

    /// Those that were not taken: they go over an association of our own.
    pub(super) fn unheard(self) -> impl Iterator<Item = CommitmentReport> {
        self.unheard.into_iter().map(|(_, report)| report)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, S: Sink> Association<'_, T, S> {
    /// Takes a request for storage commitment, and answers any other.
    pub(super) async fn begin_action(
        &mut self,
        context: u8,
        request: ActionRequest,
    ) -> Result<(), UpperLayerError> {
        let agreed = self.context(context).map(|it| it.abstract_syntax.as_str());
        let refusal = if agreed != Some(uids::STORAGE_COMMITMENT_PUSH_MODEL)
            || request.sop_class != uids::STORAGE_COMMITMENT_PUSH_MODEL
            || request.sop_instance != commitment::WELL_KNOWN_INSTANCE
        {
            ServiceStatus::NoSuchSopInstance
        } else if request.action_type != commitment::REQUEST_STORAGE_COMMITMENT {
            ServiceStatus::NoSuchAction
        } else if !request.has_data_set {
            ServiceStatus::InvalidArgument
        } else {
            let service = Service::Action(request);
            self.message = Message::Normalized { context, service, bytes: Vec::new() };
            return Ok(());
        };
        tracing::warn!(?refusal, "N-ACTION refused by its command set");
        let response = dimse::action_response(&request, refusal);
        self.answer(context, request.has_data_set, response).await
    }

    /// Answers a request for storage commitment and reports on it at once, on the same association
    /// (PS3.4 J.3.3): what is stored was synced before its own answer. A peer that does not answer the report
    /// there has it over an association of our own.
    pub(super) async fn commit_storage(
        &mut self,
        context: u8,
        request: &ActionRequest,
        data_set: &[u8],
    ) -> Result<(), UpperLayerError> {
        let syntax = self.syntax(context)?.clone();
        let wanted = match CommitmentRequest::parse(data_set, &syntax) {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "storage commitment refused");
                let response = dimse::action_response(request, ServiceStatus::InvalidArgument);
                return self.respond(context, &response).await;
            }
        };
        let found = self.look_for(&wanted).await;
        self.remember(&wanted).await;
        let report = match wanted.report(&found, &syntax) {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "no report of a storage commitment");
                let response = dimse::action_response(request, ServiceStatus::ProcessingFailure);
                return self.respond(context, &response).await;
            }
        };
        self.respond(context, &dimse::action_response(request, ServiceStatus::Success)).await?;
        let command = dimse::event_report_request(
            self.reports.sent(report.clone()),
            uids::STORAGE_COMMITMENT_PUSH_MODEL,
            commitment::WELL_KNOWN_INSTANCE,
            report.event_type,
        );
        let longest = self.agreement.peer_pdu_bytes_max;
        let mut pdus = upper_layer::command_pdus(context, &command, longest);
        pdus.extend(upper_layer::data_set_pdus(context, &report.data_set, longest));
        self.pdus.write_bytes(&pdus, self.scp.options.idle_timeout).await
    }

    /// The request names what belongs together. That is a hint: what is committed does not depend on it.
    async fn remember(&self, wanted: &CommitmentRequest) {
        let calling_ae = self.agreement.calling_ae.clone();
        let recorded = self.scp.sink.commitment_requested(calling_ae, wanted.clone());
        match timeout(limits::RECORD_STALL, recorded).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "storage commitment not recorded");
            }
            Err(_) => tracing::warn!("storage commitment not recorded in time"),
        }
    }

    /// What is stored of each reference.
    async fn look_for(
        &self,
        wanted: &CommitmentRequest,
    ) -> Vec<Result<Option<SopClassUid>, Failure>> {
        let uids = wanted.references.iter().map(|it| it.sop_instance.clone()).collect();
        match timeout(limits::RECORD_STALL, self.scp.sink.stored(uids)).await {
            Ok(Ok(found)) => found.into_iter().map(Ok).collect(),
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "could not look for instances");
                vec![Err(Failure::Processing); wanted.references.len()]
            }
            Err(_) => {
                tracing::warn!("could not look for instances in time");
                vec![Err(Failure::Processing); wanted.references.len()]
            }
        }
    }
}
