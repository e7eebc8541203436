//! What can go wrong with received files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dicom::header::HeaderError;
use crate::dicom::part10::Part10Error;
use crate::error::{Dispose, Disposition};
use crate::limits;

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A folder could not be made.
    #[error("could not create the folder `{path}`")]
    CreateFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder could not be listed.
    #[error("could not list the folder `{path}`")]
    List {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be made, written, synced, renamed or removed.
    #[error("could not write `{path}`")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder could not be synced, so nothing in it counts as received.
    #[error("could not sync the folders of the spool")]
    SyncFolder(#[source] Arc<io::Error>),
    /// The disk is all but full.
    #[error("{free_bytes} bytes are left on the disk, which is too little for images; make room")]
    NoRoom {
        /// How many.
        free_bytes: u64,
    },
    /// More than [`limits::INSTANCE_BYTES_MAX`].
    #[error("instance of more than {} bytes", limits::INSTANCE_BYTES_MAX)]
    TooLarge,
    /// The file's front is broken.
    #[error("could not read the front of `{path}`")]
    Front {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Part10Error,
    },
    /// The data set's UIDs can't be had.
    #[error("could not read the header of `{path}`")]
    Header {
        /// Which.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
}

impl Dispose for SpoolError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Header { source, .. } => source.disposition(),
            Self::Front { source, .. } => source.disposition(),
            _ => Disposition::Retry,
        }
    }
}
