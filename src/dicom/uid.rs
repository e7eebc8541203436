//! Names of DICOM things, checked at the door.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A text that is no UID or no AE title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not digits and dots, a component that is empty or starts with 0, or over 64 characters
    /// (DICOM PS3.5 section 9.1).
    #[error("not a DICOM UID ({0} characters)")]
    Uid(usize),
    /// Empty, over 16 characters, or with a backslash or control character (PS3.5 table 6.2-1).
    #[error("not a DICOM AE title")]
    AeTitle,
}

fn check_uid(text: &str) -> Result<String, NameError> {
    const LENGTH_MAX: usize = 64;
    // Padding is a NUL on the wire; many senders pad with a space instead.
    let uid = text.trim_end_matches(['\0', ' ']);
    let component = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let valid = uid.len() <= LENGTH_MAX && uid.split('.').all(component);
    if valid { Ok(uid.to_owned()) } else { Err(NameError::Uid(uid.len())) }
}

macro_rules! uid_type {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        ///
        /// Safe as a file name: only digits and dots, no component empty, at most 64 characters.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The UID's text, without padding.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check_uid(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(uid: $name) -> Self {
                uid.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

uid_type! {
    /// Study Instance UID (0020,000D).
    StudyInstanceUid
}
uid_type! {
    /// Series Instance UID (0020,000E).
    SeriesInstanceUid
}
uid_type! {
    /// SOP Instance UID (0008,0018): one object.
    SopInstanceUid
}
uid_type! {
    /// SOP Class UID (0008,0016): a kind of object.
    SopClassUid
}
uid_type! {
    /// Transfer Syntax UID (0002,0010): how the bytes are encoded.
    TransferSyntaxUid
}
uid_type! {
    /// Frame of Reference UID (0020,0052).
    FrameOfReferenceUid
}

/// Name of a DICOM node: 1 to 16 printable characters, spaces around it stripped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(String);

impl AeTitle {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AeTitle {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        const LENGTH_MAX: usize = 16;
        let title = text.trim_matches([' ', '\0']);
        let printable = title.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
        let valid = !title.is_empty() && title.len() <= LENGTH_MAX && printable;
        if valid { Ok(Self(title.to_owned())) } else { Err(NameError::AeTitle) }
    }
}

impl TryFrom<String> for AeTitle {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> Self {
        title.0
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same UID for the same parts, always: `2.25.` and a 128-bit number from their SHA-256
/// (PS3.5 annex B.2 with the bits of an RFC 9562 version 8 UUID).
#[must_use]
pub fn derived_uid(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    uid_of_digest(hash.finalize().into())
}

/// A UID from a digest of 256 bits, as [`derived_uid`] makes it.
pub(crate) fn uid_of_digest(digest: [u8; 32]) -> String {
    let mut bytes: [u8; 16] = std::array::from_fn(|at| digest[at]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

/// A UID that nothing had before: `2.25.` and a random number (PS3.5 annex B.2 with the bits of an RFC 9562 version 4
/// UUID). Nobody can guess it.
#[must_use]
pub fn random_uid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_checked() {
        let check = |text: &str, valid: bool| {
            assert_eq!(text.parse::<SopInstanceUid>().is_ok(), valid, "{text:?}");
        };
        check("1.2.840.10008.1.2", true);
        check("1.2.840.0\0", true);
        check("2.25.1 ", true);
        check("", false);
        check("1..2", false);
        check("1.02", false);
        check("../../etc/passwd", false);
        check("1.2/3", false);
        check(&"1.".repeat(40), false);
        check(&format!("1.{}", "2".repeat(62)), true);
        check(&format!("1.{}", "2".repeat(63)), false);
    }

    #[test]
    fn ae_titles_are_checked() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(text.parse::<AeTitle>().ok().as_ref().map(AeTitle::as_str), expected);
        };
        check("CT1             ", Some("CT1"));
        check(" CT 1", Some("CT 1"));
        check("", None);
        check("SEVENTEEN_LETTERS", None);
        check("A\\B", None);
    }

    #[test]
    fn random_uids_are_uids_and_never_the_same() {
        assert!(random_uid().parse::<SopInstanceUid>().is_ok());
        assert_ne!(random_uid(), random_uid());
    }

    #[test]
    fn derived_uids_are_stable_and_distinct() {
        assert_eq!(derived_uid(&["a", "bc"]), derived_uid(&["a", "bc"]));
        assert_ne!(derived_uid(&["a", "bc"]), derived_uid(&["ab", "c"]));
        assert!(derived_uid(&["x"]).parse::<SopInstanceUid>().is_ok());
    }
}
