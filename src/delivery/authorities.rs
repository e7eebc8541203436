//! Certificates of a site's own authorities, for servers whose certificates no public authority signed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};

use super::{DestinationError, secrets};
use crate::error::{Dispose, Disposition};
use crate::limits::TLS_FILE_BYTES_MAX;

/// Why there are no authorities.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthoritiesError {
    /// The file.
    #[error("could not read it; the user that runs parotidd must be able to")]
    Read(#[from] io::Error),
    /// Longer than any such file.
    #[error("it is larger than 1 MiB; is it the right file?")]
    TooLarge,
    /// PEM that is broken.
    #[error("it is damaged; copy it again")]
    Pem(#[from] pem::Error),
    /// PEM around something else.
    #[error("its certificate {n} cannot be used")]
    Certificate {
        /// Its place in the file, from 1.
        n: usize,
        /// Why not.
        source: tokio_rustls::rustls::Error,
    },
    /// No PEM in it.
    #[error(
        "it holds no certificate in PEM (`-----BEGIN ...`); `openssl x509 -inform DER` converts a binary file"
    )]
    Nothing,
}

impl Dispose for AuthoritiesError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// Reads those of a destination; each can be trusted.
pub(super) fn read(
    name: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, DestinationError> {
    read_pem(path)
        .map_err(|error| secrets::problem(name, "certificates of authorities", path, error))
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(AuthoritiesError::TooLarge);
    }
    let found: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>()?;
    for (n, certificate) in (1..).zip(&found) {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|source| AuthoritiesError::Certificate { n, source })?;
    }
    if found.is_empty() { Err(AuthoritiesError::Nothing) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Chain;

    #[test]
    fn what_is_no_authority_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let check = |text: Option<&str>, says: &str| {
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            let error = read("ward", &path).unwrap_err();
            let error = Chain(&error).to_string();
            assert!(error.contains("\"ward\"") && error.contains(says), "{error}");
        };
        check(None, "could not read");
        check(Some("no PEM"), "openssl");
        check(Some("-----BEGIN CERTIFICATE-----\nAAAA\n"), "damaged");
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(Some(other), "certificate 1");
        let key = rcgen::KeyPair::generate().unwrap();
        let ours = rcgen::CertificateParams::new(["a".into()]).unwrap().self_signed(&key).unwrap();
        fs::write(&path, ours.pem().repeat(2)).unwrap();
        assert_eq!(read("ward", &path).unwrap().len(), 2);
    }
}
