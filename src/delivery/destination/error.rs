//! Why a destination cannot be used, and what to change.

use std::path::PathBuf;

use crate::dicom::tls::TlsFilesError;
use crate::limits::DESTINATIONS_MAX;

/// A `[[destination]]` that cannot be used; the text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The name is a key in the database and a word in the log.
    #[error(
        "destination name {0:?}: use 1 to 64 letters, digits, `-`, `_` or `.`, for example \"ward\""
    )]
    Name(String),
    /// Two destinations have one name.
    #[error(
        "two destinations are named {0:?}; the name says which receipts belong to which, so give \
             each its own"
    )]
    NameTwice(String),
    /// More destinations than can be served.
    #[error("{0} destinations are configured; {DESTINATIONS_MAX} is the most")]
    TooMany(usize),
    /// No such kind.
    #[error(
        "destination {name:?}: there is no kind {kind:?}; use \"webhook\", \"pacs\", \"hl7\", \"fhir\" or \
         \"email\""
    )]
    Kind {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
    },
    /// A setting that its kind needs, does not have, or cannot understand.
    #[error("destination {name:?} of kind {kind:?}: {why}")]
    Settings {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
        /// What is wrong with it.
        why: String,
    },
    /// A decision that does not exist.
    #[error(
        "destination {name:?}: `on` has {decision:?}; use \"flagged\", \"not_assessable\" or \
         \"not_flagged\""
    )]
    On {
        /// The destination.
        name: String,
        /// What stands there.
        decision: String,
    },
    /// A limit by order, and no orders.
    #[error(
        "destination {0:?} is limited by order, and there is no `[worklist]` to know orders from; add \
         it, or remove `referring_physicians`, `requested_procedures` and `stations`"
    )]
    NoWorklist(String),
    /// Nothing would ever be sent.
    #[error(
        "destination {0:?}: `on` is empty, so nothing would be sent; leave it out for the usual \
             decisions, or remove the destination"
    )]
    OnNothing(String),
    /// A limit for people on what systems get.
    #[error(
        "destination {name:?}: `{key}` is for destinations that push an alert to people (webhook, email); \
         a system of kind {kind:?} gets every result in `on`"
    )]
    NotForSystems {
        /// The destination.
        name: String,
        /// The setting.
        key: &'static str,
        /// The kind.
        kind: &'static str,
    },
    /// A number outside its range.
    #[error("destination {name:?}: `{key}` must be {range}")]
    OutOfRange {
        /// The destination.
        name: String,
        /// The setting.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A file with a secret.
    #[error("destination {name:?}: could not take {what} from `{path}`")]
    Secret {
        /// The destination.
        name: String,
        /// What is wanted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The name of its host does not go with TLS.
    #[error("destination {name:?}: TLS cannot be used")]
    Tls {
        /// The destination.
        name: String,
        /// Why not.
        source: Box<TlsFilesError>,
    },
    /// The way to it could not be set up.
    #[error("destination {name:?} cannot be set up")]
    Setup {
        /// The destination.
        name: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
