//! An association that we ask for: negotiation, whole messages both ways, and its end.

use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AbortRQSource, AssociationAC, AssociationRQ, Pdu, PresentationContextProposed,
    PresentationContextResultReason, UserVariableItem,
};
use tokio::net::ToSocketAddrs;

use super::connection::{Stream, connect, no_answer};
use super::{ScuError, ScuOptions};
use crate::dicom::dimse::{Command, DimseError, Response};
use crate::dicom::upper_layer::{self, PduStream, PduType, Pdv, UpperLayerError};
use crate::limits;

/// Most presentation contexts of an association: odd ids up to 255 (PS3.8 9.3.2.2).
pub(super) const CONTEXTS_MAX: usize = 128;

/// SOP class and transfer syntax.
pub(super) type Kind = (String, String);

/// A whole command set or data set that arrived.
pub(super) struct Received {
    pub(super) is_command: bool,
    pub(super) context: u8,
    /// At most as many bytes as were wanted.
    pub(super) bytes: Vec<u8>,
    /// Whether there were more.
    pub(super) is_cut: bool,
}

pub(super) struct Association {
    pdus: PduStream<Box<dyn Stream>>,
    pub(super) timeout: Duration,
    /// Accepted contexts.
    contexts: Vec<(Kind, u8)>,
    pub(super) peer_pdu_bytes_max: u32,
    /// The newest P-DATA-TF.
    body: Vec<u8>,
    /// Where its next PDV begins.
    at: usize,
}

impl Association {
    /// Connects and negotiates. No context accepted is not an error: see [`Association::context`].
    pub(super) async fn request(
        address: impl ToSocketAddrs,
        options: &ScuOptions,
        kinds: &[Kind],
    ) -> Result<Self, ScuError> {
        Self::request_as(address, options, kinds, Vec::new()).await
    }

    /// As [`Association::request`], with roles or other user information beside what we always say.
    pub(super) async fn request_as(
        address: impl ToSocketAddrs,
        options: &ScuOptions,
        kinds: &[Kind],
        more: Vec<UserVariableItem>,
    ) -> Result<Self, ScuError> {
        let mut pdus = PduStream::new(connect(address, options).await?);
        let proposed = propose(kinds);
        let mut user_variables = upper_layer::our_user_variables();
        user_variables.extend(more);
        let request = Pdu::AssociationRQ(AssociationRQ {
            protocol_version: 1,
            calling_ae_title: options.calling_ae.to_string(),
            called_ae_title: options.called_ae.to_string(),
            application_context_name: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: proposed.clone(),
            user_variables,
        });
        let mut body = Vec::new();
        let answered = match pdus.write(&request, options.timeout).await {
            Ok(()) => pdus.read(&mut body, options.timeout).await,
            Err(error) => Err(error),
        };
        let pdu_type = answered.map_err(|error| no_answer(options, error))?;
        match upper_layer::decode(pdu_type, &body)? {
            Pdu::AssociationAC(accept) => Ok(Self {
                pdus,
                timeout: options.timeout,
                contexts: accepted(&proposed, &accept),
                peer_pdu_bytes_max: maximum_length(&accept),
                at: body.len(),
                body,
            }),
            Pdu::AssociationRJ(rejected) => Err(ScuError::Rejected(rejected)),
            Pdu::AbortRQ { .. } => Err(ScuError::Aborted),
            _ => Err(UpperLayerError::unexpected("no answer to the association request").into()),
        }
    }

    /// The context that was accepted for a kind of message.
    pub(super) fn context(&self, kind: &Kind) -> Option<u8> {
        self.contexts.iter().find(|(known, _)| known == kind).map(|(_, id)| *id)
    }

    pub(super) async fn send_command(
        &mut self,
        context: u8,
        command: &[u8],
    ) -> Result<(), ScuError> {
        let pdus = upper_layer::command_pdus(context, command, self.peer_pdu_bytes_max);
        self.send_pdus(&pdus).await
    }

    /// Sends a whole, short data set.
    pub(super) async fn send_data_set(
        &mut self,
        context: u8,
        data_set: &[u8],
    ) -> Result<(), ScuError> {
        let pdus = upper_layer::data_set_pdus(context, data_set, self.peer_pdu_bytes_max);
        self.send_pdus(&pdus).await
    }

    pub(super) async fn send_pdus(&mut self, pdus: &[u8]) -> Result<(), ScuError> {
        Ok(self.pdus.write_bytes(pdus, self.timeout).await?)
    }

    /// The response to the message with that id.
    pub(super) async fn answer(&mut self, message_id: u16) -> Result<Response, ScuError> {
        match self.command().await? {
            (_, Command::Response(answer)) if answer.message_id == message_id => Ok(answer),
            _ => Err(ScuError::OtherMessage),
        }
    }

    /// The next command, and its context.
    pub(super) async fn command(&mut self) -> Result<(u8, Command), ScuError> {
        let received = self.receive(limits::COMMAND_BYTES_MAX).await?;
        if !received.is_command {
            return Err(UpperLayerError::unexpected("a data set where a command was due").into());
        }
        if received.is_cut {
            return Err(ScuError::Answer(DimseError::TooLong));
        }
        let command = Command::parse(&received.bytes).map_err(ScuError::Answer)?;
        Ok((received.context, command))
    }

    /// The next whole command set or data set, of which at most `bytes_max` bytes are kept.
    pub(super) async fn receive(&mut self, bytes_max: usize) -> Result<Received, ScuError> {
        let mut whole: Option<Received> = None;
        loop {
            let Pdv { context, is_command, is_last, data } = self.pdv().await?;
            let whole = whole.get_or_insert_with(|| Received {
                is_command,
                context,
                bytes: Vec::new(),
                is_cut: false,
            });
            if (whole.is_command, whole.context) != (is_command, context) {
                return Err(UpperLayerError::unexpected("a message within another").into());
            }
            let room = bytes_max - whole.bytes.len();
            whole.bytes.extend_from_slice(&data[..data.len().min(room)]);
            whole.is_cut |= data.len() > room;
            if is_last {
                let bytes = std::mem::take(&mut whole.bytes);
                return Ok(Received { bytes, ..*whole });
            }
        }
    }

    /// The next PDV; several may have come in one PDU.
    async fn pdv(&mut self) -> Result<Pdv<'_>, ScuError> {
        while self.at >= self.body.len() {
            match self.pdus.read(&mut self.body, self.timeout).await? {
                PduType::Data => self.at = 0,
                PduType::Abort => return Err(ScuError::Aborted),
                _ => return Err(UpperLayerError::unexpected("no answer to the message").into()),
            }
        }
        let start = self.at;
        let pdv = upper_layer::pdvs(&self.body[start..]).next();
        let pdv = pdv.unwrap_or(Err(UpperLayerError::invalid("malformed PDV")))?;
        self.at = start + upper_layer::PDV_HEAD_BYTES + pdv.data.len();
        Ok(pdv)
    }

    /// Releases it where all went well, else aborts it: the peer must not keep half a message.
    pub(super) async fn end<V>(mut self, outcome: Result<V, ScuError>) -> Result<V, ScuError> {
        if outcome.is_ok() {
            self.pdus.write(&Pdu::ReleaseRQ, self.timeout).await?;
            // All is answered by now: a peer that does not answer the release has lost nothing.
            let _ = self.pdus.read(&mut self.body, self.timeout).await;
        } else {
            let abort = Pdu::AbortRQ { source: AbortRQSource::ServiceUser };
            // The first error is the one to tell.
            let _ = self.pdus.write(&abort, limits::LINGER).await;
        }
        outcome
    }
}

fn propose(kinds: &[Kind]) -> Vec<PresentationContextProposed> {
    let ids = (1..=u8::MAX).step_by(2);
    let contexts = ids.zip(kinds).map(|(id, (class, syntax))| PresentationContextProposed {
        id,
        abstract_syntax: class.clone(),
        transfer_syntaxes: vec![syntax.clone()],
    });
    contexts.collect()
}

fn accepted(proposed: &[PresentationContextProposed], accept: &AssociationAC) -> Vec<(Kind, u8)> {
    let results = accept.presentation_contexts.iter();
    let accepted = results
        .filter(|result| result.reason == PresentationContextResultReason::Acceptance)
        .filter_map(|result| proposed.iter().find(|context| context.id == result.id));
    let kind = |context: &PresentationContextProposed| {
        ((context.abstract_syntax.clone(), context.transfer_syntaxes[0].clone()), context.id)
    };
    accepted.map(kind).collect()
}

fn maximum_length(accept: &AssociationAC) -> u32 {
    let stated = accept.user_variables.iter().find_map(|item| match item {
        UserVariableItem::MaxLength(length) => Some(*length),
        _ => None,
    });
    stated.unwrap_or(0)
}
