//! The settings `[dicom.tls]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where TLS is spoken, and with which certificates. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// Addresses to listen on, beside those for plain DICOM.
    #[serde(default = "default_listen")]
    pub listen: Vec<SocketAddr>,
    /// Our certificate, and behind it those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key that belongs to it, without a passphrase.
    pub key: PathBuf,
    /// Authorities and devices' own certificates that are trusted, as clients and as servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<PathBuf>,
    /// Certificate revocation lists of those authorities. An authority without a list there revokes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<PathBuf>,
    /// Whether who connects must show a certificate.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
}

/// Whether who connects must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// One that `peers` vouches for.
    #[default]
    Required,
    /// None is asked for: the connection is private, and anyone can make one.
    None,
}

/// Port 2762 is registered for DICOM over TLS (`dicom-tls`, PS3.8 section 9.1.1).
fn default_listen() -> Vec<SocketAddr> {
    vec![SocketAddr::from(([127, 0, 0, 1], 2762))]
}
