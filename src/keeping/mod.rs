//! Data that lives for years: how long it stays, and what makes room.
//!
//! ```text
//!  database --series, what holds them--+
//!  disk -------room--------------------+--> plan (pure) --> remover: rows, files, note --> audit trail
//!  settings ---------------------------+
//! ```
//! And copies of it: [`backup`].

pub mod backup;
mod in_use;
pub mod plan;
mod remover;
mod settings;

use std::path::PathBuf;

pub use self::in_use::InUse;
pub use self::remover::{Removed, Remover, held_by};
pub use self::settings::{RetentionError, RetentionSettings};

use crate::db::DbError;
use crate::error::{Dispose, Disposition};
use crate::intake::spool::SpoolError;

/// What can go wrong with what is kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepingError {
    /// The database.
    #[error("could not find out what is kept")]
    Db(#[from] DbError),
    /// The spool.
    #[error("could not remove received images")]
    Spool(#[from] SpoolError),
    /// Objects of results.
    #[error("could not remove old results from `{path}`")]
    Objects {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The disk does not say how much room it has.
    #[error("could not find out how much room there is at `{path}`")]
    Room {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file that says that images and results are being read.
    #[error("could not open `{path}`, which says that images are in use; it must be writable")]
    InUse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Dispose for KeepingError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Db(error) => error.disposition(),
            Self::Spool(error) => error.disposition(),
            Self::Objects { .. } | Self::Room { .. } | Self::InUse { .. } => Disposition::Retry,
        }
    }
}
