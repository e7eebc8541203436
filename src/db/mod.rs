//! Durable rows in SQLite: instances, senders' lists, jobs, results, deliveries, orders. Only this room writes SQL.
//!
//! ```text
//!  receiver, worker, outbox --Operation--> bounded queue --> database thread (owns the connection)
//!                           <--answer----  one transaction for all that waits, synced, then answers
//! ```
//!
//! Who only reads, beside a running daemon, has a connection of its own ([`summary`], [`cases`]).
//!
//! An [`Operation`] is made by the file of its table family ([`instances`], [`lists`], [`jobs`],
//! [`results`], [`deliveries`], [`orders`], [`users`]) and run with [`Db::call`] or [`Db::call_blocking`]:
//! `db.call(instances::record(instance)).await?`. An answer means that the change is on disk.

pub mod alerts;
pub mod audit;
pub mod beside;
pub mod cases;
pub mod deliveries;
pub mod examine;
pub mod feedback;
pub mod history;
pub mod instances;
pub mod jobs;
pub mod lists;
#[cfg(test)]
mod machine_tests;
pub mod open;
pub mod orders;
pub mod outbox;
pub mod radiology;
pub mod results;
pub mod retention;
mod row;
pub mod snapshot;
pub mod stock;
pub mod summary;
mod thread;
pub mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

pub use open::{Opened, open};
pub use thread::{Db, DbThread, Operation};

use crate::error::{Dispose, Disposition};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file could not be opened, created or set up.
    #[error("could not open the database `{path}`")]
    Open {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The damaged file could not be moved out of the way.
    #[error("the database `{path}` is damaged and could not be set aside")]
    SetAside {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is damaged; the next start sets it aside.
    #[error(
        "the database `{path}` is damaged: {found}; one in use is set aside by `systemctl restart parotidd`"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// The first thing that is wrong.
        found: String,
    },
    /// The file is an SQLite database of another program.
    #[error("`{path}` is not a database of parotidd; move it away or choose another data_dir")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of this program.
    #[error(
        "`{path}` has schema version {found}, this program knows up to {known}; install the newer \
         program again, or restore the backup made before the update"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version known here.
        known: i64,
    },
    /// The file was written by an earlier version, and is only to be read.
    #[error(
        "`{path}` has schema version {found}, this program reads {known}; `parotidd run` brings it there"
    )]
    Older {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The schema version of this program.
        known: i64,
    },
    /// The tables could not be brought to this program's version.
    #[error("could not bring the database to schema version {version}")]
    Migrate {
        /// The version that was being reached.
        version: i64,
        /// Why.
        source: rusqlite::Error,
    },
    /// The database thread could not be started.
    #[error("could not start the database thread")]
    Spawn(#[source] std::io::Error),
    /// An operation failed; nothing of it is kept.
    #[error("could not {doing}")]
    Run {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The transaction could not be written; nothing of it is kept.
    #[error("could not {doing}: the transaction was not written")]
    Commit {
        /// What was being done.
        doing: &'static str,
        /// Why. Shared, as all operations of one transaction fail together.
        source: Arc<rusqlite::Error>,
    },
    /// The database thread has ended, by request or by a bug.
    #[error("could not {doing}: the database thread has ended")]
    Gone {
        /// What was being done.
        doing: &'static str,
    },
}

impl Dispose for DbError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Open { source, .. } | Self::Migrate { source, .. } | Self::Run { source, .. } => {
                sqlite_disposition(source)
            }
            Self::Commit { source, .. } => sqlite_disposition(source),
            Self::SetAside { .. }
            | Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Spawn(_)
            | Self::Gone { .. } => Disposition::Fatal,
        }
    }
}

/// A full disk, a busy lock and a failing read or write may pass; all else is damage or our bug.
fn sqlite_disposition(error: &rusqlite::Error) -> Disposition {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen,
        ) => Disposition::Retry,
        _ => Disposition::Fatal,
    }
}

/// A sibling of the database file: `<path><suffix>`.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
