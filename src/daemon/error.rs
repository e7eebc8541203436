//! Why the daemon does not start, or stopped by itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::console::CertificateError;
use crate::db::DbError;
use crate::error::{Dispose, Disposition};
use crate::intake::spool::SpoolError;
use crate::keeping::KeepingError;
use crate::screening::screener::ScreenError;

/// What stopped it. The service manager starts it again.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A file that the settings name. The service manager does not start it again.
    #[error("the settings cannot be used")]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error("could not prepare the data folder `{path}`; it must be writable")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another daemon works there.
    #[error("another parotidd uses `{path}`; stop it, or set another data_dir")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A listening address.
    #[error("could not listen on {address}; is it taken, or not this machine's?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The key of signed links.
    #[error("could not prepare the key of signed links, `{path}`")]
    Links {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The console's TLS.
    #[error("the console has no TLS")]
    Certificate(#[source] CertificateError),
    /// The settings as text, for the console.
    #[error("could not write the settings as text")]
    Settings(#[source] toml::ser::Error),
    /// No randomness for sessions.
    #[error("the system has no randomness for the console")]
    Random(#[source] std::io::Error),
    /// The database.
    #[error("the database failed")]
    Db(#[from] DbError),
    /// The spool.
    #[error("the spool failed")]
    Spool(#[from] SpoolError),
    /// A restore that did not come to its end.
    #[error("a restore into `{path}` was interrupted; run `parotidd restore` again")]
    RestoreInterrupted {
        /// The data folder.
        path: PathBuf,
    },
    /// What is kept.
    #[error("what is kept cannot be looked after")]
    Keeping(#[from] KeepingError),
    /// The networks.
    #[error("the networks cannot be used")]
    Screener(#[from] ScreenError),
    /// No thread for the worker.
    #[error("could not start the worker's thread")]
    Spawn(#[source] std::io::Error),
    /// No threads for the pixels of compressed images.
    #[error("could not start the threads that decode images")]
    DecodeAhead(#[source] rayon::ThreadPoolBuildError),
    /// A task that runs for ever did not.
    #[error("the {task} task ended by itself")]
    TaskEnded {
        /// Which.
        task: &'static str,
    },
}

impl Dispose for DaemonError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Config(error) => error.disposition(),
            _ => Disposition::Fatal,
        }
    }
}
