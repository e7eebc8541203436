//! One association, from its acceptance to its end: PDVs in, responses out.
//!
//! ```text
//! idle --command PDV--> command --last, C-STORE--> data set --last--> committed, answered --> idle
//!   |                      +------last, other----> answered (after its data set) -----------> idle
//!   +--release, abort, silence, protocol error--> end
//! ```

use dicom_ul::pdu::{AbortRQSource, Pdu};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::incoming::{Incoming, Summary};
use super::negotiation::{Agreement, Context, STORAGE_SOP_CLASSES};
use super::storage_commitment::Reports;
use super::{AssociationEnd, Sink, StoreScp};
use crate::dicom::dimse::{
    self, ActionRequest, ChangeRequest, Command, EventReportRequest, StoreRequest, StoreStatus,
};
use crate::dicom::listener::Stop;
use crate::dicom::part10::FileMeta;
use crate::dicom::upper_layer::{self, PduStream, PduType, Pdv, UpperLayerError};
use crate::error::Chain;
use crate::limits;

/// Where in a message the association stands.
#[derive(Debug)]
pub(super) enum Message {
    Idle,
    /// A command set is arriving in pieces.
    Command {
        context: u8,
        bytes: Vec<u8>,
    },
    /// An instance's data set is arriving.
    Store {
        context: u8,
        request: StoreRequest,
        incoming: Box<Incoming>,
    },
    /// The data set of a normalized service is arriving.
    Normalized {
        context: u8,
        service: Service,
        bytes: Vec<u8>,
    },
    /// A data set that nobody wants; the response is ready.
    Discard {
        context: u8,
        response: Vec<u8>,
    },
}

/// A request of a normalized service whose command set was taken.
#[derive(Debug)]
pub(super) enum Service {
    Action(ActionRequest),
    EventReport(EventReportRequest),
    Create(ChangeRequest),
    Set(ChangeRequest),
}

pub(super) struct Association<'a, T, S> {
    pub(super) pdus: &'a mut PduStream<T>,
    pub(super) scp: &'a StoreScp<S>,
    /// As its events name it.
    pub(super) number: u64,
    pub(super) agreement: Agreement,
    pub(super) message: Message,
    summary: Summary,
    /// Reports that the peer was sent, and those of them that it has not answered.
    pub(super) reports: Reports,
    /// Given back before the peer learns that the association has ended, so that it can come back at
    /// once.
    permit: Option<OwnedSemaphorePermit>,
}

impl<'a, T: AsyncRead + AsyncWrite + Unpin, S: Sink> Association<'a, T, S> {
    pub(super) fn new(
        pdus: &'a mut PduStream<T>,
        scp: &'a StoreScp<S>,
        number: u64,
        agreement: Agreement,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let (message, summary) = (Message::Idle, Summary::default());
        Self {
            pdus,
            scp,
            number,
            agreement,
            message,
            summary,
            reports: Reports::default(),
            permit: Some(permit),
        }
    }

    /// Accepts it and serves it until it ends. On an error the caller aborts, else it lingers.
    pub(super) async fn run(
        &mut self,
        stopping: &mut watch::Receiver<Stop>,
    ) -> Result<AssociationEnd, UpperLayerError> {
        let idle = self.scp.options.idle_timeout;
        let accept = Pdu::AssociationAC(self.agreement.accept.clone());
        self.pdus.write(&accept, idle).await?;
        let mut body = Vec::new();
        loop {
            if matches!(self.message, Message::Idle) {
                let readable = tokio::select! {
                    biased;
                    // A message that has begun is finished first.
                    _ = stopping.wait_for(|stop| *stop != Stop::No) => None,
                    readable = timeout(idle, self.pdus.readable()) => Some(readable),
                };
                let Some(readable) = readable else { return self.stop().await };
                readable.map_err(|_| UpperLayerError::TimedOut(idle))??;
            }
            match self.pdus.read(&mut body, idle).await? {
                PduType::Data => {
                    for pdv in upper_layer::pdvs(&body) {
                        self.take(pdv?).await?;
                    }
                }
                PduType::ReleaseRq if matches!(self.message, Message::Idle) => {
                    self.permit = None;
                    self.pdus.write(&Pdu::ReleaseRP, idle).await?;
                    return Ok(AssociationEnd::Released);
                }
                PduType::Abort => return Ok(AssociationEnd::Aborted),
                _ => return Err(UpperLayerError::unexpected("PDU out of turn")),
            }
        }
    }

    /// What it leaves behind.
    pub(super) fn end(self) -> (Summary, Reports) {
        (self.summary, self.reports)
    }

    async fn stop(&mut self) -> Result<AssociationEnd, UpperLayerError> {
        let abort = Pdu::AbortRQ { source: AbortRQSource::ServiceUser };
        self.pdus.write(&abort, limits::LINGER).await?;
        Ok(AssociationEnd::Stopped)
    }

    async fn take(&mut self, pdv: Pdv<'_>) -> Result<(), UpperLayerError> {
        match (std::mem::replace(&mut self.message, Message::Idle), pdv.is_command) {
            (Message::Idle, true) => self.take_command(Vec::new(), pdv).await,
            (Message::Command { context, bytes }, true) if context == pdv.context => {
                self.take_command(bytes, pdv).await
            }
            (Message::Store { context, request, mut incoming }, false)
                if context == pdv.context =>
            {
                incoming.write(pdv.data);
                if pdv.is_last {
                    let status = self.complete(*incoming).await;
                    return self.respond(context, &dimse::store_response(&request, status)).await;
                }
                self.message = Message::Store { context, request, incoming };
                Ok(())
            }
            (Message::Normalized { context, service, mut bytes }, false)
                if context == pdv.context =>
            {
                if bytes.len() + pdv.data.len() > limits::MESSAGE_BYTES_MAX {
                    return Err(UpperLayerError::invalid("data set of a message too long"));
                }
                bytes.extend_from_slice(pdv.data);
                if pdv.is_last {
                    return self.perform(context, service, &bytes).await;
                }
                self.message = Message::Normalized { context, service, bytes };
                Ok(())
            }
            (Message::Discard { context, response }, false) if context == pdv.context => {
                if pdv.is_last {
                    return self.respond(context, &response).await;
                }
                self.message = Message::Discard { context, response };
                Ok(())
            }
            _ => Err(UpperLayerError::unexpected("PDV out of turn")),
        }
    }

    async fn take_command(
        &mut self,
        mut bytes: Vec<u8>,
        pdv: Pdv<'_>,
    ) -> Result<(), UpperLayerError> {
        if !self.agreement.contexts.iter().any(|context| context.id == pdv.context) {
            return Err(UpperLayerError::invalid("presentation context was not accepted"));
        }
        if bytes.len() + pdv.data.len() > limits::COMMAND_BYTES_MAX {
            return Err(UpperLayerError::invalid("command set too long"));
        }
        bytes.extend_from_slice(pdv.data);
        if !pdv.is_last {
            self.message = Message::Command { context: pdv.context, bytes };
            return Ok(());
        }
        let command = Command::parse(&bytes).map_err(|error| {
            tracing::warn!(error = %Chain(&error), "command set refused");
            UpperLayerError::invalid("malformed command set")
        })?;
        self.dispatch(pdv.context, command).await
    }

    async fn dispatch(&mut self, context: u8, command: Command) -> Result<(), UpperLayerError> {
        match command {
            Command::Echo { message_id, has_data_set } => {
                self.answer(context, has_data_set, dimse::echo_response(message_id)).await
            }
            Command::Store(request) => self.begin_store(context, request).await,
            Command::Unsupported { field, message_id, has_data_set } => {
                tracing::warn!(field, "operation not supported");
                let response = dimse::unrecognized_response(field, message_id);
                self.answer(context, has_data_set, response).await
            }
            Command::Action(request) => self.begin_action(context, request).await,
            Command::EventReport(request) => self.begin_event_report(context, request).await,
            Command::Create(request) => self.begin_create(context, request).await,
            Command::Set(request) => self.begin_set(context, request).await,
            // Nothing of ours runs long enough to be cancelled.
            Command::Cancel => Ok(()),
            Command::Response(response) if response.is_of_event_report() => {
                self.reports.heard(&response)
            }
            Command::Response(_) => Err(UpperLayerError::unexpected("response to no request")),
        }
    }

    async fn perform(
        &mut self,
        context: u8,
        service: Service,
        data_set: &[u8],
    ) -> Result<(), UpperLayerError> {
        match service {
            Service::Action(request) => self.commit_storage(context, &request, data_set).await,
            Service::EventReport(request) => self.hear_report(context, &request, data_set).await,
            Service::Create(request) => self.create_step(context, &request, data_set).await,
            Service::Set(request) => self.set_step(context, &request, data_set).await,
        }
    }

    /// Answers now, or once the data set that belongs to the request has gone by.
    pub(super) async fn answer(
        &mut self,
        context: u8,
        has_data_set: bool,
        response: Vec<u8>,
    ) -> Result<(), UpperLayerError> {
        if has_data_set {
            self.message = Message::Discard { context, response };
            return Ok(());
        }
        self.respond(context, &response).await
    }

    async fn begin_store(
        &mut self,
        context: u8,
        request: StoreRequest,
    ) -> Result<(), UpperLayerError> {
        match self.check_store(context, &request) {
            Ok(meta) => {
                let calling_ae = self.agreement.calling_ae.clone();
                let incoming = Incoming::start(&self.scp.spool, meta, calling_ae);
                self.message = Message::Store { context, request, incoming: Box::new(incoming) };
                Ok(())
            }
            Err(status) => {
                tracing::warn!(%status, "C-STORE refused by its command set");
                let response = dimse::store_response(&request, status);
                self.answer(context, request.has_data_set, response).await
            }
        }
    }

    /// What the command set alone can be refused for.
    fn check_store(&self, context: u8, request: &StoreRequest) -> Result<FileMeta, StoreStatus> {
        let context = self.context(context).ok_or(StoreStatus::SopClassNotSupported)?;
        let is_storage = STORAGE_SOP_CLASSES.contains(&context.abstract_syntax.as_str());
        if !is_storage || request.sop_class != context.abstract_syntax {
            return Err(StoreStatus::SopClassNotSupported);
        }
        if !request.has_data_set {
            return Err(StoreStatus::MistypedArgument);
        }
        Ok(FileMeta {
            sop_class: request.sop_class.parse().map_err(|_| StoreStatus::SopClassNotSupported)?,
            sop_instance: request
                .sop_instance
                .parse()
                .map_err(|_| StoreStatus::InvalidSopInstance)?,
            transfer_syntax: context.transfer_syntax.clone(),
            source_ae: Some(self.agreement.calling_ae.clone()),
        })
    }

    pub(super) fn context(&self, id: u8) -> Option<&Context> {
        self.agreement.contexts.iter().find(|context| context.id == id)
    }

    /// From the last piece to the status.
    async fn complete(&mut self, incoming: Incoming) -> StoreStatus {
        match incoming.complete(self.scp, self.number, None).await {
            Ok(instance) => {
                self.summary.add(instance.series);
                StoreStatus::Success
            }
            Err(refusal) => {
                tracing::warn!(error = %Chain(&refusal), "instance refused");
                refusal.status()
            }
        }
    }

    pub(super) async fn respond(
        &mut self,
        context: u8,
        command: &[u8],
    ) -> Result<(), UpperLayerError> {
        let pdus = upper_layer::command_pdus(context, command, self.agreement.peer_pdu_bytes_max);
        self.pdus.write_bytes(&pdus, self.scp.options.idle_timeout).await
    }
}
