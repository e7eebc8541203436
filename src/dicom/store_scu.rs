//! Storage SCU: sends Part 10 files to a peer, and asks whether it is there (C-ECHO).
//!
//! Each (SOP class, transfer syntax) pair is proposed once, files are streamed as they lie on disk,
//! and every file has its own outcome. Nothing is transcoded: a peer that does not take a file's
//! transfer syntax does not get it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AbortRQSource, AssociationAC, AssociationRJ, AssociationRQ, Pdu, PresentationContextProposed,
    PresentationContextResultReason, UserVariableItem,
};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use crate::dicom::dimse::{self, Command, DimseError, Response, StoreStatus};
use crate::dicom::part10::{FileMeta, Part10Error};
use crate::dicom::tls::{self, Connector, HandshakeError};
use crate::dicom::uid::AeTitle;
use crate::dicom::upper_layer::{self, PduStream, PduType, Pdv, UpperLayerError};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Most presentation contexts of an association: odd ids up to 255 (PS3.8 9.3.2.2).
const CONTEXTS_MAX: usize = 128;

/// Whom to send to.
#[derive(Debug, Clone)]
pub struct ScuOptions {
    /// Our own name.
    pub calling_ae: AeTitle,
    /// The peer's name.
    pub called_ae: AeTitle,
    /// For the connection, the TLS handshake, each PDU written, and each answer.
    pub timeout: Duration,
    /// TLS to that peer; plain DICOM without.
    pub tls: Option<Connector>,
}

impl ScuOptions {
    /// Plain, with the usual time-out.
    #[must_use]
    pub fn new(calling_ae: AeTitle, called_ae: AeTitle) -> Self {
        Self { calling_ae, called_ae, timeout: limits::PEER_ANSWER, tls: None }
    }
}

/// What became of one file.
#[derive(Debug)]
pub enum SendOutcome {
    /// The peer answered with this status.
    Answered(StoreStatus),
    /// The peer does not take that class in that transfer syntax.
    ContextRejected,
    /// The file could not be read, or is no Part 10 file.
    Unreadable(Part10Error),
}

impl SendOutcome {
    /// Whether the peer has the instance now.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self, Self::Answered(status) if status.is_stored())
    }
}

/// Why an association came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScuError {
    /// No TCP connection.
    #[error("could not connect to the peer")]
    Connect(#[source] io::Error),
    /// No TLS, or the peer ended it in place of an answer.
    #[error("could not connect to the peer over TLS")]
    Tls(#[from] HandshakeError),
    /// The peer closed a plain connection in place of an answer.
    #[error("the peer closed the connection without an answer; does it want TLS on this port?")]
    Unanswered,
    /// The peer rejected the association.
    #[error("the peer rejected the association: {}", .0.source)]
    Rejected(AssociationRJ),
    /// The peer aborted it.
    #[error("the peer aborted the association")]
    Aborted,
    /// The conversation broke.
    #[error("the association failed")]
    UpperLayer(#[from] UpperLayerError),
    /// An answer could not be understood.
    #[error("could not read the peer's answer")]
    Answer(#[source] DimseError),
    /// An answer to something else.
    #[error("the peer answered another message")]
    OtherMessage,
    /// The peer accepted the association, but not C-ECHO.
    #[error("the peer does not take Verification")]
    NoVerification,
    /// More kinds of file than an association has contexts.
    #[error("more than {CONTEXTS_MAX} kinds of file at once")]
    TooManyContexts,
    /// A file broke off while it was sent.
    #[error("could not read `{path}` while it was sent")]
    ReadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Dispose for ScuError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Rejected(rejected) => match rejected.result {
                dicom_ul::pdu::AssociationRJResult::Transient => Disposition::Retry,
                dicom_ul::pdu::AssociationRJResult::Permanent => Disposition::Reject,
            },
            Self::TooManyContexts => Disposition::Reject,
            _ => Disposition::Retry,
        }
    }
}

/// Asks the peer whether it is there and knows us.
pub async fn echo(address: impl ToSocketAddrs, options: &ScuOptions) -> Result<(), ScuError> {
    let kinds = [(uids::VERIFICATION.to_owned(), uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned())];
    let mut association = Association::request(address, options, &kinds).await?;
    let echoed = association.echo(1).await;
    association.end(echoed).await
}

/// Sends files over one association; one outcome a file, in their order.
///
/// An error means that the association broke: files before it may have arrived. Sending an instance
/// twice is harmless.
pub async fn send(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
    files: &[PathBuf],
) -> Result<Vec<SendOutcome>, ScuError> {
    let mut fronts = Vec::with_capacity(files.len());
    for path in files {
        fronts.push(read_front(path.clone()).await);
    }
    let kinds: BTreeSet<_> = fronts.iter().flatten().map(|front| kind(&front.0)).collect();
    if kinds.len() > CONTEXTS_MAX {
        return Err(ScuError::TooManyContexts);
    }
    let kinds: Vec<_> = kinds.into_iter().collect();
    if kinds.is_empty() {
        return Ok(fronts
            .into_iter()
            .filter_map(Result::err)
            .map(SendOutcome::Unreadable)
            .collect());
    }
    let mut association = Association::request(address, options, &kinds).await?;
    let sent = association.store_all(files, fronts).await;
    association.end(sent).await
}

/// SOP class and transfer syntax.
type Kind = (String, String);

fn kind(meta: &FileMeta) -> Kind {
    (meta.sop_class.to_string(), meta.transfer_syntax.to_string())
}

async fn read_front(path: PathBuf) -> Result<(FileMeta, u64), Part10Error> {
    let read = move || {
        let file = std::fs::File::open(path).map_err(Part10Error::Read)?;
        FileMeta::read(file)
    };
    let joined = tokio::task::spawn_blocking(read).await;
    joined.unwrap_or_else(|error| Err(Part10Error::Read(io::Error::other(error))))
}

/// A connection, plain or TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connect(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
) -> Result<Box<dyn Stream>, ScuError> {
    let stream = timeout(options.timeout, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(ScuError::Connect)?;
    // Peers write a response in two small writes; with Nagle each would cost 40 ms.
    stream.set_nodelay(true).map_err(ScuError::Connect)?;
    let Some(tls) = &options.tls else { return Ok(Box::new(stream)) };
    let secured = timeout(options.timeout, tls.connect(stream))
        .await
        .unwrap_or(Err(HandshakeError::TimedOut(options.timeout)))?;
    Ok(Box::new(secured))
}

/// No answer to the request. Where one side speaks TLS and the other does not, or does not trust our
/// certificate, this is all that it lets us know.
fn no_answer(options: &ScuOptions, error: UpperLayerError) -> ScuError {
    match error {
        UpperLayerError::Closed if options.tls.is_none() => ScuError::Unanswered,
        UpperLayerError::Stream(error) if tls::library_error(&error).is_some() => {
            HandshakeError::from(error).into()
        }
        UpperLayerError::Stream(error)
            if options.tls.is_none() && error.kind() == io::ErrorKind::ConnectionReset =>
        {
            ScuError::Unanswered
        }
        error => error.into(),
    }
}

struct Association {
    pdus: PduStream<Box<dyn Stream>>,
    timeout: Duration,
    /// Accepted contexts.
    contexts: Vec<(Kind, u8)>,
    peer_pdu_bytes_max: u32,
    body: Vec<u8>,
}

impl Association {
    /// Connects and negotiates. No context accepted is not an error: each file then says so.
    async fn request(
        address: impl ToSocketAddrs,
        options: &ScuOptions,
        kinds: &[Kind],
    ) -> Result<Self, ScuError> {
        let mut pdus = PduStream::new(connect(address, options).await?);
        let proposed = propose(kinds);
        let request = Pdu::AssociationRQ(AssociationRQ {
            protocol_version: 1,
            calling_ae_title: options.calling_ae.to_string(),
            called_ae_title: options.called_ae.to_string(),
            application_context_name: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: proposed.clone(),
            user_variables: upper_layer::our_user_variables(),
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
                body,
            }),
            Pdu::AssociationRJ(rejected) => Err(ScuError::Rejected(rejected)),
            Pdu::AbortRQ { .. } => Err(ScuError::Aborted),
            _ => Err(UpperLayerError::unexpected("no answer to the association request").into()),
        }
    }

    async fn echo(&mut self, message_id: u16) -> Result<(), ScuError> {
        let context = self.contexts.first().map(|(_, id)| *id).ok_or(ScuError::NoVerification)?;
        self.send_command(context, &dimse::echo_request(message_id)).await?;
        self.answer(message_id).await?;
        Ok(())
    }

    async fn store_all(
        &mut self,
        files: &[PathBuf],
        fronts: Vec<Result<(FileMeta, u64), Part10Error>>,
    ) -> Result<Vec<SendOutcome>, ScuError> {
        let mut outcomes = Vec::with_capacity(files.len());
        let mut message_id = 0_u16;
        for (path, front) in files.iter().zip(fronts) {
            message_id = message_id.wrapping_add(1);
            outcomes.push(match front {
                Err(error) => SendOutcome::Unreadable(error),
                Ok((meta, start)) => self.store(message_id, path, &meta, start).await?,
            });
        }
        Ok(outcomes)
    }

    async fn store(
        &mut self,
        message_id: u16,
        path: &Path,
        meta: &FileMeta,
        data_set_start: u64,
    ) -> Result<SendOutcome, ScuError> {
        let kind = kind(meta);
        let Some(context) = self.contexts.iter().find(|(k, _)| *k == kind).map(|(_, id)| *id)
        else {
            return Ok(SendOutcome::ContextRejected);
        };
        let command = dimse::store_request(message_id, &meta.sop_class, &meta.sop_instance);
        self.send_command(context, &command).await?;
        self.send_data_set(context, path, data_set_start).await?;
        Ok(SendOutcome::Answered(self.answer(message_id).await?.status))
    }

    async fn send_command(&mut self, context: u8, command: &[u8]) -> Result<(), ScuError> {
        let pdus = upper_layer::command_pdus(context, command, self.peer_pdu_bytes_max);
        Ok(self.pdus.write_bytes(&pdus, self.timeout).await?)
    }

    /// Streams the file from `start` to its end, one PDU a piece.
    async fn send_data_set(
        &mut self,
        context: u8,
        path: &Path,
        start: u64,
    ) -> Result<(), ScuError> {
        let read = |source| ScuError::ReadFile { path: path.to_owned(), source };
        let mut file = File::open(path).await.map_err(read)?;
        let length = file.metadata().await.map_err(read)?.len();
        file.seek(io::SeekFrom::Start(start)).await.map_err(read)?;
        let mut left = length.saturating_sub(start);
        let piece_bytes_max = upper_layer::piece_bytes_max(self.peer_pdu_bytes_max);
        let mut piece = Vec::with_capacity(piece_bytes_max);
        let mut pdu = Vec::with_capacity(piece_bytes_max + 12);
        loop {
            piece.clear();
            let take = left.min(piece_bytes_max as u64);
            (&mut file).take(take).read_to_end(&mut piece).await.map_err(read)?;
            if (piece.len() as u64) < take {
                return Err(read(io::ErrorKind::UnexpectedEof.into()));
            }
            left -= take;
            pdu.clear();
            let pdv = Pdv { context, is_command: false, is_last: left == 0, data: &piece };
            upper_layer::push_data(&mut pdu, pdv);
            self.pdus.write_bytes(&pdu, self.timeout).await?;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// The response to the message with that id.
    async fn answer(&mut self, message_id: u16) -> Result<Response, ScuError> {
        let mut command = Vec::new();
        loop {
            match self.pdus.read(&mut self.body, self.timeout).await? {
                PduType::Data => {}
                PduType::Abort => return Err(ScuError::Aborted),
                _ => return Err(UpperLayerError::unexpected("no answer to the message").into()),
            }
            for pdv in upper_layer::pdvs(&self.body) {
                let pdv = pdv?;
                if command.len() + pdv.data.len() > limits::COMMAND_BYTES_MAX {
                    return Err(ScuError::Answer(DimseError::TooLong));
                }
                command.extend_from_slice(pdv.data);
                if pdv.is_command && pdv.is_last {
                    return match Command::parse(&command).map_err(ScuError::Answer)? {
                        Command::Response(answer) if answer.message_id == message_id => Ok(answer),
                        _ => Err(ScuError::OtherMessage),
                    };
                }
            }
        }
    }

    /// Releases it where all went well, else aborts it: the peer must not keep half a data set.
    async fn end<V>(mut self, outcome: Result<V, ScuError>) -> Result<V, ScuError> {
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
