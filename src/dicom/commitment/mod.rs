//! Storage Commitment Push Model (PS3.4 annex J) as values: what is asked, and what is reported. No socket.

mod outcome;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

pub(crate) use self::outcome::refusal;
pub use self::outcome::{CommitmentOutcome, NotCommitted};

use super::attributes::{items, put_u16, sequence, text};
use super::dataset_scan::{ScanError, scan_message};
use super::reference::Reference;
use super::uid::{SopClassUid, SopInstanceUid, TransferSyntaxUid};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Storage Commitment Push Model SOP Class.
pub const SOP_CLASS: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL;
/// The one instance of the class that everyone asks (PS3.4 J.3.5).
pub const WELL_KNOWN_INSTANCE: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE;
/// Action Type ID: request storage commitment.
pub const REQUEST_STORAGE_COMMITMENT: u16 = 1;
/// Event Type ID: all of it is stored.
const SUCCESSFUL: u16 = 1;
/// Event Type ID: some of it is not.
const FAILURES_EXIST: u16 = 2;

/// Why a request or a report can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CommitmentError {
    /// No data set, or a hostile one.
    #[error("could not read the data set")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Missing, or no UID.
    #[error("attribute {0} is missing or impossible")]
    Attribute(&'static str),
    /// More than [`limits::LIST_INSTANCES_MAX`].
    #[error("too many instances in one message")]
    TooMany,
    /// The message could not be encoded.
    #[error("could not encode the message")]
    Encode(#[source] Box<dicom_object::WriteError>),
}

impl Dispose for CommitmentError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

impl From<ScanError> for CommitmentError {
    fn from(error: ScanError) -> Self {
        Self::Read(Box::new(error))
    }
}

/// What an N-ACTION asks (PS3.4 table J.3-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitmentRequest {
    /// Transaction UID (0008,1195).
    pub transaction: String,
    /// The instances.
    pub references: Vec<Reference>,
}

/// Why an instance is not committed: Failure Reason (0008,1197), PS3.3 C.14.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 0110H: we could not look.
    Processing,
    /// 0112H: we do not have it.
    NoSuchObject,
    /// 0119H: we have it as another class.
    ClassInstanceConflict,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Processing, Self::NoSuchObject, Self::ClassInstanceConflict];

    /// The value of Failure Reason.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Processing => 0x0110,
            Self::NoSuchObject => 0x0112,
            Self::ClassInstanceConflict => 0x0119,
        }
    }
}

/// An N-EVENT-REPORT (PS3.4 table J.3-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitmentReport {
    /// Event Type ID (0000,1002).
    pub event_type: u16,
    /// Its data set.
    pub data_set: Vec<u8>,
    /// How that is encoded.
    pub transfer_syntax: TransferSyntaxUid,
}

impl CommitmentRequest {
    /// Reads the data set of an N-ACTION, encoded as negotiated.
    ///
    /// # Errors
    /// When it is none, or names too many instances, or one by something that is no UID.
    pub fn parse(data_set: &[u8], syntax: &TransferSyntaxUid) -> Result<Self, CommitmentError> {
        const WANTED: &[Tag] = &[tags::TRANSACTION_UID, tags::REFERENCED_SOP_SEQUENCE];
        let object = scan_message(data_set, syntax, WANTED)?;
        let transaction = text(&object, tags::TRANSACTION_UID);
        let transaction = transaction.filter(|uid| uid.parse::<SopInstanceUid>().is_ok());
        let wanted = items(&object, tags::REFERENCED_SOP_SEQUENCE);
        if wanted.len() > limits::LIST_INSTANCES_MAX {
            return Err(CommitmentError::TooMany);
        }
        let references: Option<Vec<_>> = wanted.iter().map(Reference::read).collect();
        let references = references.filter(|it| !it.is_empty());
        Ok(Self {
            transaction: transaction.ok_or(CommitmentError::Attribute("TransactionUID"))?,
            references: references.ok_or(CommitmentError::Attribute("ReferencedSOPSequence"))?,
        })
    }

    /// The report for what was found of each reference: its class, or `None` where it is not stored.
    ///
    /// # Errors
    /// When the transfer syntax is not one that commitments are negotiated in.
    pub fn report(
        &self,
        found: &[Result<Option<SopClassUid>, Failure>],
        syntax: &TransferSyntaxUid,
    ) -> Result<CommitmentReport, CommitmentError> {
        let failure =
            |(reference, found): (&Reference, &Result<Option<SopClassUid>, Failure>)| match found {
                Ok(Some(class)) if *class == reference.sop_class => None,
                Ok(Some(_)) => Some(Failure::ClassInstanceConflict),
                Ok(None) => Some(Failure::NoSuchObject),
                Err(failure) => Some(*failure),
            };
        let mut committed = Vec::new();
        let mut failed = Vec::new();
        for pair in self.references.iter().zip(found) {
            let mut item = pair.0.item();
            match failure(pair) {
                None => committed.push(item),
                Some(failure) => {
                    put_u16(&mut item, tags::FAILURE_REASON, &[failure.code()]);
                    failed.push(item);
                }
            }
        }
        let event_type = if failed.is_empty() { SUCCESSFUL } else { FAILURES_EXIST };
        let mut object = self.start();
        for (tag, items) in
            [(tags::FAILED_SOP_SEQUENCE, failed), (tags::REFERENCED_SOP_SEQUENCE, committed)]
        {
            if !items.is_empty() {
                object.put(sequence(tag, items));
            }
        }
        let data_set = encode(&object, syntax)?;
        Ok(CommitmentReport { event_type, data_set, transfer_syntax: syntax.clone() })
    }

    /// The data set of an N-ACTION that asks it (PS3.4 table J.3-1).
    ///
    /// # Errors
    /// When the transfer syntax is not one that commitments are negotiated in.
    pub fn encode(&self, syntax: &TransferSyntaxUid) -> Result<Vec<u8>, CommitmentError> {
        let items = self.references.iter().map(Reference::item).collect();
        let mut object = self.start();
        object.put(sequence(tags::REFERENCED_SOP_SEQUENCE, items));
        encode(&object, syntax)
    }

    /// What both begin with.
    fn start(&self) -> InMemDicomObject {
        let transaction = PrimitiveValue::from(self.transaction.as_str());
        let transaction = DataElement::new(tags::TRANSACTION_UID, VR::UI, transaction);
        InMemDicomObject::from_element_iter([transaction])
    }
}

fn encode(
    object: &InMemDicomObject,
    syntax: &TransferSyntaxUid,
) -> Result<Vec<u8>, CommitmentError> {
    let syntax = TransferSyntaxRegistry.get(syntax.as_str());
    let syntax = syntax.ok_or(CommitmentError::Attribute("TransferSyntaxUID"))?;
    let mut data_set = Vec::new();
    object
        .write_dataset_with_ts(&mut data_set, syntax)
        .map_err(|error| CommitmentError::Encode(Box::new(error)))?;
    Ok(data_set)
}
