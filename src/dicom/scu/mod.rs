//! Service class users: what we ask of a peer. One association a question, one file a service.
//!
//! ```text
//!  store | commitment | echo | find | report --> Association: request, negotiate, messages, release or abort --> PduStream
//! ```

mod address;
mod association;
pub mod commitment;
mod connection;
pub mod echo;
pub mod find;
pub mod report;
pub mod store;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use dicom_ul::pdu::{AssociationRJ, AssociationRJResult};

use crate::dicom::commitment::CommitmentError;
use crate::dicom::dimse::DimseError;
use crate::dicom::tls::{Connector, HandshakeError};
use crate::dicom::uid::AeTitle;
use crate::dicom::upper_layer::UpperLayerError;
use crate::error::{Dispose, Disposition};
use crate::limits;

pub use self::address::{NoAddress, PeerAddress};
use self::association::CONTEXTS_MAX;
use self::find::FindFailure;

/// Whom to speak with.
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
    /// The peer accepted the association, but not the service.
    #[error("the peer does not take {0}")]
    NoService(&'static str),
    /// More kinds of file than an association has contexts.
    #[error("more than {CONTEXTS_MAX} kinds of file at once")]
    TooManyContexts,
    /// A request for storage commitment could not be written.
    #[error("could not ask for storage commitment")]
    Commitment(#[source] CommitmentError),
    /// A file broke off while it was sent.
    #[error("could not read `{path}` while it was sent")]
    ReadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A query was answered with a failure.
    #[error("the peer could not answer the query")]
    Find(#[source] FindFailure),
    /// A query did not end within [`limits::FIND_TIME_MAX`], or [`limits::FIND_DROPPED_MAX`] answers
    /// after it was cancelled.
    #[error("the peer does not end its answer to the query")]
    FindEndless,
}

impl Dispose for ScuError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Rejected(rejected) => match rejected.result {
                AssociationRJResult::Transient => Disposition::Retry,
                AssociationRJResult::Permanent => Disposition::Reject,
            },
            Self::TooManyContexts | Self::Commitment(_) => Disposition::Reject,
            Self::Find(failure) => failure.disposition(),
            _ => Disposition::Retry,
        }
    }
}
