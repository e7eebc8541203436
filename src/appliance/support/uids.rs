//! UIDs in text, made unrecognizable. Pure.
//!
//! A UID of a study is no name, but whoever has the study can find the patient by it. In a bundle each is another word,
//! the same in all of its files, so that what belongs together still shows.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use sha2::{Digest, Sha256};

/// Numbers with dots between; which of them are UIDs is judged one by one.
static DOTTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9]+(?:\.[0-9]+){2,}").expect("a constant expression"));

/// What DICOM itself has named: kinds of objects, transfer syntaxes.
const STANDARD: &str = "1.2.840.10008.";
/// Parts of the shortest UID that names something of a patient; an address of a network has four.
const PARTS_MIN: usize = 6;
/// Digits of a part that no version or address has.
const DIGITS_LONG: usize = 8;

/// The same text without UIDs. `salt` is the bundle's own.
#[must_use]
pub(super) fn masked(text: &str, salt: &[u8]) -> String {
    DOTTED
        .replace_all(text, |found: &Captures<'_>| {
            let dotted = &found[0];
            if is_uid(dotted) { word(dotted, salt) } else { dotted.to_owned() }
        })
        .into_owned()
}

fn is_uid(dotted: &str) -> bool {
    let is_long = dotted.split('.').any(|part| part.len() >= DIGITS_LONG);
    (is_long || dotted.split('.').count() >= PARTS_MIN) && !dotted.starts_with(STANDARD)
}

fn word(uid: &str, salt: &[u8]) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(uid).finalize();
    format!("uid-{}", &format!("{digest:x}")[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_other_words_and_the_rest_stays() {
        let text = "series=2.25.329800735698586629295641978511506172918: 1.3.6.1.4.1.5962.1 at 10.0.0.7:104, \
                    parotidd 0.1.0, 1.2.840.10008.1.2.4.90, results/1.2.276.0.7230010.3.1.4";
        let masked_text = masked(text, b"a");
        for gone in ["32980073", "5962", "7230010"] {
            assert!(!masked_text.contains(gone), "{masked_text}");
        }
        for kept in ["10.0.0.7:104", "0.1.0", "1.2.840.10008.1.2.4.90", "results/uid-"] {
            assert!(masked_text.contains(kept), "{masked_text}");
        }
        let one = |salt: &[u8]| masked("1.3.6.1.4.1.5962.1", salt);
        assert_eq!(one(b"a"), one(b"a"));
        assert_ne!(one(b"a"), one(b"b"));
    }
}
