//! The secret of a site, and what is made with it: pseudonyms, other UIDs, shifted dates.
//!
//! All are HMAC-SHA256 (RFC 2104) of what they stand for: the same patient has the same pseudonym in every export of
//! a site and another one elsewhere, and nobody can go back, or try names, without the key.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::dicom::deidentify::{Dates, UidMap};
use crate::dicom::uid::{SeriesInstanceUid, StudyInstanceUid};
use crate::dicom::worklist::PatientIdentity;
use crate::error::{Dispose, Disposition};
use crate::limits::{EXPORT_KEY_BYTES, EXPORT_SHIFT_DAYS_MAX};
use crate::secret_file;

/// The key's file in the data folder.
pub const FILE: &str = "export.key";

/// Others' rights to a file.
const OTHERS: u32 = 0o077;

/// The key is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It could not be read.
    #[error("could not read the export key `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be made.
    #[error("could not make the export key `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else lies there.
    #[error(
        "the export key `{path}` has not {EXPORT_KEY_BYTES} bytes; restore it from a backup, or remove it: then \
         patients get other pseudonyms than in earlier exports"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("others than its owner may read the export key `{path}`; `chmod 600` it")]
    Open {
        /// The file.
        path: PathBuf,
    },
}

impl Dispose for KeyError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read { .. } | Self::Write { .. } => Disposition::Retry,
            Self::Damaged { .. } | Self::Open { .. } => Disposition::Reject,
        }
    }
}

/// The secret. It never leaves the data folder.
pub struct ExportKey([u8; EXPORT_KEY_BYTES]);

impl ExportKey {
    /// Reads it from `data_dir`; makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, is damaged, or others may read it.
    pub fn open(data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(FILE);
        match secret_file::make_key(&path) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(KeyError::Write { path, source })
            }
            Ok(key) => Ok(Self(key)),
            Err(_) => read(&path).map(Self),
        }
    }

    /// The map of UIDs, the same for all patients.
    #[must_use]
    pub fn uids(&self) -> UidMap {
        UidMap::new(self.derive(&["uid"]))
    }

    /// What a patient is called: `pat-` and 16 hexadecimal digits. Without a Patient ID nobody can tell whose other
    /// studies are, so each study is a patient.
    #[must_use]
    pub fn patient(&self, patient: &PatientIdentity, study: &StudyInstanceUid) -> String {
        let (id, issuer) = (patient.id.expose().trim(), patient.issuer.expose().trim());
        let digest = match id {
            "" => self.derive(&["study", study.as_str()]),
            id => self.derive(&["patient", id, issuer]),
        };
        format!("pat-{}", hex(&digest[..8]))
    }

    /// What a series of a patient is called: the pseudonym, and 8 hexadecimal digits.
    #[must_use]
    pub fn case(&self, pseudonym: &str, series: &SeriesInstanceUid) -> String {
        format!("{pseudonym}-{}", hex(&self.derive(&["series", series.as_str()])[..4]))
    }

    /// The same days for all dates of a patient, at least one, into the past.
    #[must_use]
    pub fn shifted_dates(&self, pseudonym: &str) -> Dates {
        let [high, low, ..] = self.derive(&["days", pseudonym]);
        let days = u16::from_be_bytes([high, low]) % EXPORT_SHIFT_DAYS_MAX + 1;
        Dates::Shifted { days: -i32::from(days) }
    }

    fn derive(&self, parts: &[&str]) -> [u8; 32] {
        let mut hash =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into_bytes().into()
    }
}

impl fmt::Debug for ExportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportKey")
    }
}

fn read(path: &Path) -> Result<[u8; EXPORT_KEY_BYTES], KeyError> {
    let read_error = |source| KeyError::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(read_error)?;
    if metadata.permissions().mode() & OTHERS != 0 {
        return Err(KeyError::Open { path: path.to_owned() });
    }
    if metadata.len() != EXPORT_KEY_BYTES as u64 {
        return Err(KeyError::Damaged { path: path.to_owned() });
    }
    let bytes = fs::read(path).map_err(read_error)?;
    bytes.try_into().map_err(|_| KeyError::Damaged { path: path.to_owned() })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phi::Phi;

    fn patient(id: &str, issuer: &str) -> PatientIdentity {
        PatientIdentity {
            id: Phi::new(id.into()),
            issuer: Phi::new(issuer.into()),
            ..PatientIdentity::default()
        }
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = ExportKey::open(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ExportKey::open(folder.path()).unwrap().0, first.0);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(ExportKey::open(other.path()).unwrap().0, first.0);
        assert_eq!(format!("{first:?}"), "ExportKey");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(ExportKey::open(folder.path()).unwrap_err(), KeyError::Open { .. }));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; EXPORT_KEY_BYTES - 1]).unwrap();
        assert!(matches!(ExportKey::open(folder.path()).unwrap_err(), KeyError::Damaged { .. }));
        let nowhere = folder.path().join("nowhere");
        assert!(matches!(ExportKey::open(&nowhere).unwrap_err(), KeyError::Write { .. }));
    }

    #[test]
    fn a_patient_is_known_by_number_and_issuer() {
        let [key, elsewhere] = [ExportKey([1; 32]), ExportKey([2; 32])];
        let [first, second] = ["1.2", "1.3"].map(|uid| uid.parse().unwrap());
        let pseudonym = key.patient(&patient("4711", "A"), &first);
        assert_eq!(key.patient(&patient(" 4711", "A"), &second), pseudonym);
        assert_ne!(key.patient(&patient("4711", "B"), &first), pseudonym);
        assert_ne!(key.patient(&patient("4711A", ""), &first), pseudonym);
        assert_ne!(elsewhere.patient(&patient("4711", "A"), &first), pseudonym);
        assert!(pseudonym.len() == 20 && pseudonym.starts_with("pat-"), "{pseudonym}");
        // Nobody in particular.
        let nobody = [&first, &second].map(|study| key.patient(&patient("", "A"), study));
        assert_ne!(nobody[0], nobody[1]);
    }

    #[test]
    fn a_patients_dates_move_together() {
        let key = ExportKey([1; 32]);
        assert_eq!(key.shifted_dates("pat-1"), key.shifted_dates("pat-1"));
        let days = |n: u32| match key.shifted_dates(&format!("pat-{n}")) {
            Dates::Shifted { days } => days,
            Dates::Removed => 0,
        };
        let all: Vec<i32> = (0..500).map(days).collect();
        assert!(all.iter().all(|days| (-3650..=-1).contains(days)));
        assert!(all.iter().any(|days| *days < -3000) && all.iter().any(|days| *days > -600));
    }

    #[test]
    fn cases_of_a_patient_have_names_of_their_own() {
        let key = ExportKey([1; 32]);
        let [first, second] =
            ["1.2.3", "1.2.4"].map(|uid| key.case("pat-0", &uid.parse().unwrap()));
        assert!(first.starts_with("pat-0-") && first.len() == 14);
        assert_ne!(first, second);
    }
}
