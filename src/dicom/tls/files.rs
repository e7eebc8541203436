//! The PEM files: what is in them, and what is wrong with them in words that a person can act on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::VerifierBuilderError;
use rustls::{InconsistentKeys, RootCertStore};
use tokio_rustls::rustls;

use super::settings::{ClientAuthentication, TlsSettings};
use super::verifier::Facts;
use crate::clock::rfc3339;
use crate::error::{Dispose, Disposition};
use crate::limits;
use crate::secret_file::caution_of_mode;

/// TLS files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// The file cannot be read.
    #[error(
        "could not read `{path}` (dicom.tls.{setting}); the user that runs parotidd must be able to"
    )]
    Read {
        /// Which.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Longer than any such file.
    #[error("`{path}` (dicom.tls.{setting}) is larger than 1 MiB; is it the right file?")]
    TooLarge {
        /// Which.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// No PEM of that kind in it.
    #[error("`{path}` (dicom.tls.{setting}) holds no {wanted} in PEM (`-----BEGIN ...`); {hint}")]
    Nothing {
        /// Which.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// PEM that is broken.
    #[error("`{path}` (dicom.tls.{setting}) is damaged; copy it again")]
    Pem {
        /// Which.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// How.
        source: pem::Error,
    },
    /// PEM around something else.
    #[error("certificate {n} of `{path}` (dicom.tls.{setting}) is no X.509 certificate")]
    Certificate {
        /// Which.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Its place in it, from 1.
        n: usize,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The two do not belong together.
    #[error(
        "the key `{key}` does not belong to the first certificate of `{certificate}`; name the key that it \
         was made for, and put our own certificate before those of its authorities"
    )]
    KeyMismatch {
        /// `dicom.tls.key`.
        key: PathBuf,
        /// `dicom.tls.certificate`.
        certificate: PathBuf,
    },
    /// A kind of key that is not supported, or a certificate that cannot be shown.
    #[error(
        "`{key}` and `{certificate}` cannot be used; RSA of 2048 bits or more, ECDSA P-256 or P-384 and \
         Ed25519 can"
    )]
    Key {
        /// `dicom.tls.key`.
        key: PathBuf,
        /// `dicom.tls.certificate`.
        certificate: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// Clients must show a certificate, and none is trusted.
    #[error(
        "dicom.tls.peers is missing: name a file with the certificates that may connect, or set \
         client_authentication = \"none\""
    )]
    NoPeers,
    /// The verifier cannot be made from peers and revocation lists.
    #[error("a list of `{}` (dicom.tls.revoked) cannot be used; take a newer one", .revoked.display())]
    Verifier {
        /// `dicom.tls.revoked`.
        revoked: PathBuf,
        /// Why not.
        source: VerifierBuilderError,
    },
    /// No host.
    #[error("`{host}` is neither a host name nor an address")]
    HostName {
        /// What was given.
        host: String,
    },
    /// Ours: the cryptography lacks a version of TLS.
    #[error("the TLS library cannot be used")]
    Provider {
        /// Why not.
        source: rustls::Error,
    },
}

impl TlsFilesError {
    /// What rustls says of our key and chain.
    pub(super) fn key(settings: &TlsSettings, source: rustls::Error) -> Self {
        let (key, certificate) = (settings.key.clone(), settings.certificate.clone());
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Self::KeyMismatch { key, certificate }
            }
            source => Self::Key { key, certificate, source },
        }
    }

    /// What rustls says of the revocation lists; there are authorities whenever it is asked.
    pub(super) fn verifier(settings: &TlsSettings, source: VerifierBuilderError) -> Self {
        Self::Verifier { revoked: settings.revoked.clone().unwrap_or_default(), source }
    }
}

impl Dispose for TlsFilesError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Provider { .. } => Disposition::Fatal,
            _ => Disposition::Reject,
        }
    }
}

/// Our certificate with its chain, and its key.
#[derive(Debug)]
pub(super) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(super) fn load(
        settings: &TlsSettings,
        unix_ms: i64,
        cautions: &mut Vec<String>,
    ) -> Result<Self, TlsFilesError> {
        let chain = PemFile::read("certificate", &settings.certificate)?;
        let chain =
            chain.certificates(unix_ms, cautions)?.into_iter().map(|(der, _)| der).collect();
        let key = PemFile::read("key", &settings.key)?.key()?;
        cautions.extend(caution_of_mode("the key", &settings.key));
        Ok(Self { chain, key })
    }

    pub(super) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
}

/// Whom we trust.
#[derive(Debug)]
pub(super) struct Peers {
    /// All certificates of the file: who shows one of them is trusted.
    pub(super) pinned: Vec<CertificateDer<'static>>,
    /// Those of them that may sign others. A device's certificate never vouches for another device.
    pub(super) authorities: RootCertStore,
    /// Revocation lists.
    pub(super) revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl Peers {
    pub(super) fn load(
        settings: &TlsSettings,
        unix_ms: i64,
        cautions: &mut Vec<String>,
    ) -> Result<Self, TlsFilesError> {
        let mut peers =
            Self { pinned: Vec::new(), authorities: RootCertStore::empty(), revoked: Vec::new() };
        match &settings.peers {
            None if settings.client_authentication == ClientAuthentication::Required => {
                return Err(TlsFilesError::NoPeers);
            }
            None => {}
            Some(path) => {
                let file = PemFile::read("peers", path)?;
                for (n, (der, facts)) in (1..).zip(file.certificates(unix_ms, cautions)?) {
                    if facts.is_authority {
                        let added = peers.authorities.add(der.clone());
                        added.map_err(|error| file.certificate_error(n, error.into()))?;
                    }
                    peers.pinned.push(der);
                }
            }
        }
        if let Some(path) = &settings.revoked {
            peers.revoked = PemFile::read("revoked", path)?.revocation_lists()?;
        }
        Ok(peers)
    }
}

struct PemFile<'a> {
    setting: &'static str,
    path: &'a Path,
    bytes: Vec<u8>,
}

impl<'a> PemFile<'a> {
    fn read(setting: &'static str, path: &'a Path) -> Result<Self, TlsFilesError> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(limits::TLS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|source| TlsFilesError::Read { setting, path: path.to_owned(), source })?;
        if bytes.len() as u64 > limits::TLS_FILE_BYTES_MAX {
            return Err(TlsFilesError::TooLarge { setting, path: path.to_owned() });
        }
        Ok(Self { setting, path, bytes })
    }

    fn sections<T: PemObject>(&self, wanted: &'static str) -> Result<Vec<T>, TlsFilesError> {
        let found: Vec<T> =
            T::pem_slice_iter(&self.bytes).collect::<Result<_, _>>().map_err(|e| self.pem(e))?;
        if found.is_empty() {
            let hint = "`openssl x509 -inform DER` converts a binary file";
            return Err(self.nothing(wanted, hint));
        }
        Ok(found)
    }

    /// What is known of them beside; a word for each whose date is not today's.
    fn certificates(
        &self,
        unix_ms: i64,
        cautions: &mut Vec<String>,
    ) -> Result<Vec<(CertificateDer<'static>, Facts)>, TlsFilesError> {
        let mut found = Vec::new();
        for (n, der) in (1..).zip(self.sections::<CertificateDer<'_>>("certificate")?) {
            let facts = Facts::of(&der).map_err(|error| self.certificate_error(n, error.into()))?;
            cautions.extend(self.caution_of_dates(n, &facts, unix_ms / 1000));
            found.push((der, facts));
        }
        Ok(found)
    }

    fn caution_of_dates(&self, n: usize, facts: &Facts, now_s: i64) -> Option<String> {
        let soon = i64::try_from(limits::CERTIFICATE_EXPIRES_SOON.as_secs()).unwrap_or(i64::MAX);
        let at = |unix_s: i64| rfc3339(unix_s.saturating_mul(1000));
        let says = if now_s < facts.not_before_s {
            format!(
                "is not valid before {}; this machine's clock says {}",
                at(facts.not_before_s),
                at(now_s)
            )
        } else if now_s > facts.not_after_s {
            format!("expired at {}; this machine's clock says {}", at(facts.not_after_s), at(now_s))
        } else if now_s.saturating_add(soon) > facts.not_after_s {
            format!("expires at {}", at(facts.not_after_s))
        } else {
            return None;
        };
        let Self { setting, path, .. } = self;
        Some(format!("certificate {n} of `{}` (dicom.tls.{setting}) {says}", path.display()))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
        match PrivateKeyDer::from_pem_slice(&self.bytes) {
            Err(pem::Error::NoItemsFound) if self.is_encrypted() => Err(self.nothing(
                "private key without a passphrase",
                "nobody is there to type it at a start: `openssl pkey -in OLD -out NEW` takes it off",
            )),
            Err(pem::Error::NoItemsFound) => Err(self.nothing(
                "private key",
                "`openssl pkey -inform DER` converts a binary file",
            )),
            key => key.map_err(|error| self.pem(error)),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.bytes.windows(9).any(|window| window == b"ENCRYPTED")
    }

    fn revocation_lists(
        &self,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsFilesError> {
        self.sections("certificate revocation list")
    }

    fn pem(&self, source: pem::Error) -> TlsFilesError {
        TlsFilesError::Pem { setting: self.setting, path: self.path.to_owned(), source }
    }

    fn nothing(&self, wanted: &'static str, hint: &'static str) -> TlsFilesError {
        let (setting, path) = (self.setting, self.path.to_owned());
        TlsFilesError::Nothing { setting, path, wanted, hint }
    }

    fn certificate_error(
        &self,
        n: usize,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> TlsFilesError {
        let (setting, path) = (self.setting, self.path.to_owned());
        TlsFilesError::Certificate { setting, path, n, source }
    }
}
