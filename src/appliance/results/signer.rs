//! The key of the box: what it signs can be checked with OpenSSL alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use sha2::{Digest, Sha256};

use crate::error::{Dispose, Disposition};
use crate::secret_file::Secret;

/// The key's file in the data folder.
pub const FILE: &str = "signer.key";

/// There is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The key cannot be read.
    #[error("could not read the signing key `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::secret_file::SecretFileError,
    },
    /// The key cannot be written.
    #[error("could not make the signing key `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else lies there.
    #[error(
        "`{path}` is no signing key; restore it from a backup, or remove it: then whoever checks the box's signatures \
         needs its new signer.pem"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
    /// It cannot sign.
    #[error("could not sign")]
    Sign(#[source] rcgen::Error),
}

impl Dispose for SignerError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read { .. } | Self::Write { .. } => Disposition::Retry,
            Self::Damaged { .. } | Self::Sign(_) => Disposition::Reject,
        }
    }
}

/// ECDSA with P-256 and SHA-256. `Debug` does not show the key.
pub struct Signer(KeyPair);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.fingerprint())
    }
}

impl Signer {
    /// Reads the key from `data_dir`; makes it where there is none.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(data_dir: &Path) -> Result<Self, SignerError> {
        let path = data_dir.join(FILE);
        let made = KeyPair::generate().map_err(SignerError::Sign)?;
        match write_new(&path, made.serialize_pem().as_bytes()) {
            Ok(()) => return Ok(Self(made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(SignerError::Write { path, source }),
        }
        let pem = Secret::read(&path)
            .map_err(|source| SignerError::Read { path: path.clone(), source })?;
        let key = KeyPair::from_pem(pem.expose());
        key.map(Self).map_err(|source| SignerError::Damaged { path, source })
    }

    /// Signs; as DER, which OpenSSL reads.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.0.sign(bytes).map_err(SignerError::Sign)
    }

    /// The public key in PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        self.0.public_key_pem()
    }

    /// SHA-256 of the public key in DER: short enough to be compared by eye.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:x}", Sha256::digest(self.0.subject_public_key_info()))
    }
}

/// For the owner of the folder alone, also where root makes it: the daemon's user may need it later.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::metadata(folder)
        .and_then(|it| fchown(&file, Some(it.uid()), Some(it.gid())))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::File::open(folder)?.sync_all());
    if written.is_err() {
        // Half a key would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_box_has_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = Signer::open(folder.path()).unwrap();
        let again = Signer::open(folder.path()).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.public_pem(), again.public_pem());
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = fs::read_to_string(&path).unwrap();
        assert!(!format!("{first:?}").contains(secret.lines().nth(1).unwrap()));
        fs::write(&path, "no key").unwrap();
        let error = Signer::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("signer.key"), "{error}");
        assert!(Signer::open(Path::new("/nowhere")).is_err());
    }
}
