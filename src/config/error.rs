//! Why settings cannot be used, and what to change.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::appliance::ApplianceSettingsError;
use crate::console::{CertificateError, ConsoleSettingsError};
use crate::delivery::DestinationError;
use crate::delivery::policy::AlertSettingsError;
use crate::dicom::stow::TokenError;
use crate::dicom::tls::TlsFilesError;
use crate::error::{Dispose, Disposition};
use crate::inference::NoInstructions;
use crate::keeping::RetentionError;
use crate::system::board::BoardError;
use crate::worklist::WorklistSettingsError;

/// Settings that cannot be used; the program ends with 64 and is not started again.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("could not read the settings `{path}`")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("could not understand the settings `{path}`")]
    Parse {
        /// What was read.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A number outside its range.
    #[error("`{key}` is {value}; use {range}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        range: &'static str,
    },
    /// The board's file.
    #[error("`board_file` cannot be used")]
    Board(#[from] BoardError),
    /// A list that must not be empty.
    #[error("`{key}` is empty; {hint}")]
    Empty {
        /// The setting.
        key: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// TLS to a peer, and nothing to show it.
    #[error("`{key}` wants TLS, and `dicom.tls` with our certificate is missing; see docs/tls.md")]
    NeedsTls {
        /// The setting.
        key: &'static str,
    },
    /// An address of STOW-RS that others can reach, without a token to keep them out.
    #[error(
        "`stow.listen` has {address}, which is not loopback, and `stow.bearer_token_file` is not set: \
         anyone could store images; set it, or listen on 127.0.0.1 or [::1]"
    )]
    OpenToAnyone {
        /// The address.
        address: SocketAddr,
    },
    /// A path that no address can begin with.
    #[error("`stow.base_path` is {path:?}; use \"/dicom-web\" or the like, or \"\" for none")]
    BasePath {
        /// What it is.
        path: String,
    },
    /// Instructions that the networks cannot run on.
    #[error("`inference.instruction_set` cannot be used")]
    Instructions(#[from] NoInstructions),
    /// The file of `stow.bearer_token_file`.
    #[error("could not take the bearer token from `{path}`")]
    Token {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: TokenError,
    },
    /// The files of `dicom.tls`.
    #[error("`dicom.tls` cannot be used")]
    Tls(#[from] TlsFilesError),
    /// The destinations.
    #[error("the destinations cannot be used")]
    Destination(#[from] DestinationError),
    /// The pages behind links.
    #[error("the console cannot be used")]
    Console(#[from] ConsoleSettingsError),
    /// Its certificate.
    #[error("`console.tls` cannot be used")]
    ConsoleTls(#[from] CertificateError),
    /// When people are alerted.
    #[error("the alerts cannot be used")]
    Alerts(#[from] AlertSettingsError),
    /// The box.
    #[error("the appliance cannot be set up")]
    Appliance(#[from] ApplianceSettingsError),
    /// How long things stay.
    #[error("the settings of what is kept cannot be used")]
    Retention(#[from] RetentionError),
    /// The worklist.
    #[error("the worklist cannot be used")]
    Worklist(#[from] WorklistSettingsError),
}

impl Dispose for ConfigError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}
