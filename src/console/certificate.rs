//! TLS for the console: the site's certificate, or one that the appliance makes for itself.
//!
//! A browser warns of the second kind once. Its fingerprint is in the log, which a support bundle has, so that who clicks
//! through can see that it is this box. RFC 9325: TLS 1.2 and 1.3 with rustls' suites.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::ConsoleTls;
use crate::error::{Dispose, Disposition};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("could not use `{path}` for the console's TLS")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no certificate or key.
    #[error("`{path}` has no certificate or key in PEM")]
    Pem {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together.
    #[error("the console's certificate and key cannot be used")]
    Unfit(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Dispose for CertificateError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// TLS, and how a person knows that it is ours.
#[derive(Clone)]
pub struct ConsoleCertificate {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
}

impl std::fmt::Debug for ConsoleCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConsoleCertificate({})", self.fingerprint)
    }
}

impl ConsoleCertificate {
    /// The site's.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn load(files: &ConsoleTls) -> Result<Self, CertificateError> {
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|source| CertificateError::File { path: path.to_owned(), source })
        };
        let (chain, key) = (read(&files.certificate)?, read(&files.key)?);
        Self::new(&chain, &key, files)
    }

    /// The appliance's own, in `data_dir`, made where there is none; for these names and addresses.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn own(data_dir: &Path, names: Vec<String>) -> Result<Self, CertificateError> {
        let files = ConsoleTls {
            certificate: data_dir.join("console.crt"),
            key: data_dir.join("console.key"),
        };
        if !files.certificate.exists() {
            make(&files, names)?;
        }
        Self::load(&files)
    }

    fn new(chain: &[u8], key: &[u8], files: &ConsoleTls) -> Result<Self, CertificateError> {
        let pem = |path: &Path| CertificateError::Pem { path: path.to_owned() };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| pem(&files.certificate))?;
        let first = chain.first().ok_or_else(|| pem(&files.certificate))?;
        let bytes = Sha256::digest(first);
        let fingerprint: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| pem(&files.key))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| CertificateError::Unfit(Box::new(error)))?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint: fingerprint.join(":"),
        })
    }
}

fn make(files: &ConsoleTls, names: Vec<String>) -> Result<(), CertificateError> {
    let unfit = |error: rcgen::Error| CertificateError::Unfit(Box::new(error));
    let key = KeyPair::generate().map_err(unfit)?;
    let mut params = CertificateParams::new(names).map_err(unfit)?;
    params.distinguished_name.push(DnType::CommonName, "parotidd console");
    let certificate = params.self_signed(&key).map_err(unfit)?;
    // The key first: a certificate without a key would look whole.
    write(&files.key, 0o600, key.serialize_pem().as_bytes())?;
    write(&files.certificate, 0o644, certificate.pem().as_bytes())
}

fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), CertificateError> {
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appliance_keeps_the_certificate_that_it_made() {
        let folder = tempfile::tempdir().unwrap();
        let names = || vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = ConsoleCertificate::own(folder.path(), names()).unwrap();
        let again = ConsoleCertificate::own(folder.path(), names()).unwrap();
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
        fs::write(folder.path().join("console.key"), "no key").unwrap();
        let error = ConsoleCertificate::own(folder.path(), names()).unwrap_err();
        assert!(error.to_string().contains("console.key"), "{error}");
    }
}
