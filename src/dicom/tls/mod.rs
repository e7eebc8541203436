//! TLS around an association (PS3.15 B.12, "BCP 195 RFC 8996, 9325" profile): versions 1.2 and 1.3, the
//! cipher suites of RFC 9325, certificates on both sides.
//!
//! `peers` holds whom we trust, whether they call us or we call them: certificate authorities, and devices'
//! own certificates, which are then trusted as they stand (a device's certificate is mostly self-signed and
//! names no host). Certificates are judged by the machine's clock.

mod files;
mod handshake;
mod settings;
mod verifier;

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ServerConfig};
use tokio_rustls::rustls;
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use self::files::TlsFilesError;
use self::files::{Identity, Peers};
pub(crate) use self::handshake::library_error;
pub use self::handshake::{Acceptor, Connector, HandshakeError};
pub use self::settings::{ClientAuthentication, TlsSettings};
use self::verifier::PeerVerifier;

/// Certificates and key, loaded: what every TLS connection is made from, to us or from us.
#[derive(Debug, Clone)]
pub struct Tls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    cautions: Vec<String>,
}

impl Tls {
    /// Loads the files; `unix_ms` is now, for what is said about dates.
    ///
    /// # Errors
    /// When a file cannot be used; each error says which and what to do.
    pub fn load(settings: &TlsSettings, unix_ms: i64) -> Result<Self, TlsFilesError> {
        let mut cautions = Vec::new();
        let identity = Identity::load(settings, unix_ms, &mut cautions)?;
        let peers = Peers::load(settings, unix_ms, &mut cautions)?;
        // All its suites are among those that RFC 9325 (4.2, 4.3) recommends or allows: ECDHE with AES-GCM or
        // ChaCha20-Poly1305.
        let provider = Arc::new(ring::default_provider());
        Ok(Self {
            server: Arc::new(server_config(settings, &identity, &peers, &provider)?),
            client: Arc::new(client_config(settings, &identity, &peers, &provider)?),
            cautions,
        })
    }

    /// What a person should look at although it can be used: dates, and who may read the key.
    #[must_use]
    pub fn cautions(&self) -> &[String] {
        &self.cautions
    }

    /// For connections to us.
    #[must_use]
    pub fn acceptor(&self) -> Acceptor {
        Acceptor::new(TlsAcceptor::from(Arc::clone(&self.server)))
    }

    /// For connections to `host`, a name or an address: the peer's certificate must be for it, or be in
    /// `peers` itself.
    ///
    /// # Errors
    /// When that is neither a host name nor an address.
    pub fn connector(&self, host: &str) -> Result<Connector, TlsFilesError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsFilesError::HostName { host: host.to_owned() })?;
        Ok(Connector::new(TlsConnector::from(Arc::clone(&self.client)), name))
    }
}

fn server_config(
    settings: &TlsSettings,
    identity: &Identity,
    peers: &Peers,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsFilesError> {
    let versions = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsFilesError::Provider { source })?;
    let builder = match settings.client_authentication {
        ClientAuthentication::None => versions.with_no_client_auth(),
        ClientAuthentication::Required => {
            let verifier = PeerVerifier::<dyn ClientCertVerifier>::new(peers, provider)
                .map_err(|source| TlsFilesError::verifier(settings, source))?;
            versions.with_client_cert_verifier(Arc::new(verifier))
        }
    };
    let (chain, key) = identity.parts();
    builder.with_single_cert(chain, key).map_err(|source| TlsFilesError::key(settings, source))
}

fn client_config(
    settings: &TlsSettings,
    identity: &Identity,
    peers: &Peers,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, TlsFilesError> {
    let verifier = PeerVerifier::<dyn ServerCertVerifier>::new(peers, provider)
        .map_err(|source| TlsFilesError::verifier(settings, source))?;
    let (chain, key) = identity.parts();
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsFilesError::Provider { source })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)
        .map_err(|source| TlsFilesError::key(settings, source))
}
