//! One part of a request: an instance as a Part 10 file (PS3.10), taken as it arrives.
//!
//! ```text
//! front: preamble, file meta information --whole--> data set, to the spool --end--> stored
//!        |                                            (what is refused is read to its end)
//!        +--too long, no DICOM file, not taken--> refused
//! ```
//!
//! The front is gathered in memory; the spool's file gets one of our own, and the data set as it came.

use std::io::Cursor;

use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::{Incoming, Refusal, STORAGE_SOP_CLASSES, Sink, StoreScp};
use crate::dicom::transfer_syntax::TransferSyntax;
use crate::dicom::uid::{AeTitle, StudyInstanceUid};
use crate::error::{Chain, Dispose, Disposition};
use crate::limits;

use super::response::{FailureReason, Reference};

/// Why a part was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum PartError {
    #[error("the part is no application/dicom")]
    MediaType,
    #[error("the part is no DICOM file that can be read")]
    Front,
    #[error("SOP class {0} is not taken")]
    SopClass(Reference),
    #[error("the transfer syntax is not taken")]
    TransferSyntax(Reference),
    #[error("instance refused")]
    Refused(Reference, #[source] Refusal),
}

impl Dispose for PartError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Refused(_, refusal) => refusal.disposition(),
            _ => Disposition::Reject,
        }
    }
}

impl PartError {
    /// Which instance, where it could be told, and why.
    pub(super) fn split(self) -> (Option<Reference>, FailureReason) {
        match self {
            Self::MediaType | Self::Front => (None, FailureReason::CannotUnderstand),
            Self::SopClass(reference) => (Some(reference), FailureReason::SopClass),
            Self::TransferSyntax(reference) => (Some(reference), FailureReason::TransferSyntax),
            Self::Refused(reference, refusal) => (Some(reference), (&refusal).into()),
        }
    }
}

/// A part that is arriving. Dropping it drops its file.
#[derive(Debug)]
pub(super) struct Part<'a, S> {
    scp: &'a StoreScp<S>,
    /// Who sends, where the file meta information does not say.
    sender: &'a AeTitle,
    state: State,
}

#[derive(Debug)]
enum State {
    Front {
        bytes: Vec<u8>,
        /// It is looked at again when it has so many bytes: not at each of many small pieces.
        look_at: usize,
    },
    DataSet(Box<Incoming>),
    Refused(PartError),
}

/// It is first looked at with so many bytes.
const FRONT_BYTES: usize = 512;

impl<'a, S: Sink> Part<'a, S> {
    pub(super) fn new(scp: &'a StoreScp<S>, sender: &'a AeTitle) -> Self {
        Self { scp, sender, state: State::Front { bytes: Vec::new(), look_at: FRONT_BYTES } }
    }

    /// One that is refused before it comes.
    pub(super) fn refused(scp: &'a StoreScp<S>, sender: &'a AeTitle, error: PartError) -> Self {
        Self { scp, sender, state: State::Refused(error) }
    }

    /// Takes the next bytes.
    pub(super) fn write(&mut self, piece: &[u8]) {
        match &mut self.state {
            State::Front { bytes, look_at } => {
                bytes.extend_from_slice(piece);
                if bytes.len() >= *look_at {
                    *look_at = bytes.len() * 2;
                    self.look(false);
                }
            }
            State::DataSet(incoming) => incoming.write(piece),
            State::Refused(_) => {}
        }
    }

    /// Goes on to the data set once the front is whole: an element of another group has begun, or
    /// nothing more comes.
    fn look(&mut self, is_end: bool) {
        let State::Front { bytes, .. } = &mut self.state else { return };
        let read = FileMeta::read(Cursor::new(&bytes));
        let whole = read.ok().and_then(|(meta, start)| {
            let data_set = usize::try_from(start).ok().and_then(|start| bytes.get(start..))?;
            (is_end || !data_set.is_empty()).then_some((meta, data_set))
        });
        match whole {
            Some((meta, data_set)) => {
                self.state = begin(self.scp, self.sender, meta, data_set);
            }
            None if is_end || bytes.len() > limits::FILE_META_BYTES_MAX => {
                self.state = State::Refused(PartError::Front);
            }
            None => {}
        }
    }

    /// The part is complete: returns once its instance is durable and recorded, or why it is not.
    pub(super) async fn end(
        mut self,
        number: u64,
        study: Option<&StudyInstanceUid>,
    ) -> Result<ReceivedInstance, PartError> {
        self.look(true);
        let error = match self.state {
            State::DataSet(incoming) => {
                let reference = Reference::of(incoming.meta());
                match incoming.complete(self.scp, number, study).await {
                    Ok(instance) => return Ok(instance),
                    Err(refusal) => PartError::Refused(reference, refusal),
                }
            }
            State::Refused(error) => error,
            State::Front { .. } => PartError::Front,
        };
        tracing::warn!(error = %Chain(&error), "part of a request refused");
        Err(error)
    }
}

/// Goes on to an instance's data set, or not.
fn begin<S: Sink>(
    scp: &StoreScp<S>,
    sender: &AeTitle,
    mut meta: FileMeta,
    data_set: &[u8],
) -> State {
    let reference = Reference::of(&meta);
    if !STORAGE_SOP_CLASSES.contains(&meta.sop_class.as_str()) {
        return State::Refused(PartError::SopClass(reference));
    }
    if TransferSyntax::find(meta.transfer_syntax.as_str()).is_none() {
        return State::Refused(PartError::TransferSyntax(reference));
    }
    let sender = meta.source_ae.get_or_insert_with(|| sender.clone()).clone();
    let mut incoming = Incoming::start(scp.spool(), meta, sender);
    incoming.write(data_set);
    State::DataSet(Box::new(incoming))
}
