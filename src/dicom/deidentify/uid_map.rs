//! Other UIDs for those that name a patient's objects: the same for the same, and nobody can go back.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::dicom::uid::uid_of_digest;

/// Roots of UIDs that are public, and so name no object of a patient: DICOM's own (SOP classes, transfer syntaxes,
/// well-known frames of reference and context groups; PS3.6 annex A) and HL7's code systems.
const PUBLIC_ROOTS: [&str; 2] = ["1.2.840.10008.", "2.16.840.1.113883.6."];

/// Maps UIDs by HMAC-SHA256 (RFC 2104) to `2.25.` and 128 bits of it (PS3.5 annex B.2).
#[derive(Clone)]
pub struct UidMap {
    key: [u8; 32],
}

impl UidMap {
    /// A map; whoever has the key can tell whether a UID became another.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The UID in the place of `uid`, without padding. A public one stays. What is no UID becomes one.
    ///
    /// # Panics
    /// Never: an HMAC takes a key of any length.
    #[must_use]
    pub fn map(&self, uid: &str) -> String {
        let uid = uid.trim_matches(['\0', ' ']);
        let is_uid = uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if uid.is_empty() || is_uid && PUBLIC_ROOTS.iter().any(|root| uid.starts_with(root)) {
            return uid.to_owned();
        }
        let mut hash =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        hash.update(uid.as_bytes());
        uid_of_digest(hash.finalize().into_bytes().into())
    }
}

impl fmt::Debug for UidMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UidMap")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::uid::SopInstanceUid;

    #[test]
    fn the_same_uid_becomes_the_same_and_another_key_another() {
        let map = UidMap::new([7; 32]);
        let new = map.map("1.2.3");
        assert_eq!(map.map("1.2.3\0"), new);
        assert_ne!(map.map("1.2.4"), new);
        assert_ne!(UidMap::new([8; 32]).map("1.2.3"), new);
        assert!(new.starts_with("2.25.") && new.parse::<SopInstanceUid>().is_ok());
        assert!(map.map("DOE^JANE").parse::<SopInstanceUid>().is_ok());
        assert!(!format!("{map:?}").contains('7'));
    }

    #[test]
    fn public_uids_stay() {
        let map = UidMap::new([7; 32]);
        for uid in ["1.2.840.10008.5.1.4.1.1.2", "2.16.840.1.113883.6.96", ""] {
            assert_eq!(map.map(uid), uid);
        }
        assert_ne!(map.map("1.2.840.10008.DOE"), "1.2.840.10008.DOE");
    }
}
