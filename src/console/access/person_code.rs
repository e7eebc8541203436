//! A code that stands on the display, for who stands before it: typed elsewhere, it shows that a person was there.

use std::fmt;
use std::io;

use rand::TryRngCore;
use rand::rngs::OsRng;

/// Without what looks alike: no 0 O, 1 I L, 2 Z, 5 S, 8 B.
const ALPHABET: &[u8] = b"ACDEFGHJKMNPQRTUVWXY34679";
/// Characters of a code: 25^8 is 2^37, and a few may be tried.
const CHARACTERS: usize = 8;

/// A code. `Debug` does not show it: whoever reads a log does not stand before the display.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonCode(String);

impl fmt::Debug for PersonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonCode")
    }
}

impl PersonCode {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make() -> io::Result<Self> {
        let mut code = String::new();
        while code.len() < CHARACTERS {
            let mut byte = [0];
            OsRng.try_fill_bytes(&mut byte).map_err(io::Error::other)?;
            // Those beyond a whole number of alphabets would favour its beginning.
            let n = usize::from(byte[0]);
            if n < 256 / ALPHABET.len() * ALPHABET.len() {
                code.push(char::from(ALPHABET[n % ALPHABET.len()]));
            }
        }
        Ok(Self(code))
    }

    /// One that [`PersonCode::shown`] has written; `None` where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let code = plain(text);
        let is_code = code.len() == CHARACTERS && code.bytes().all(|it| ALPHABET.contains(&it));
        is_code.then_some(Self(code))
    }

    /// For the display, as `ABCD-EFGH`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}-{}", &self.0[..4], &self.0[4..])
    }

    /// Whether this was typed; case, spaces and hyphens do not matter.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        plain(typed) == self.0
    }
}

fn plain(typed: &str) -> String {
    let kept = typed.chars().filter(|it| !it.is_whitespace() && *it != '-');
    kept.map(|it| it.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_read_and_typed() {
        let code = PersonCode::make().unwrap();
        let shown = code.shown();
        assert_eq!(shown.len(), CHARACTERS + 1);
        assert_eq!(PersonCode::read(&shown), Some(code.clone()));
        assert!(code.is(&shown.to_lowercase().replace('-', " ")));
        assert!(!code.is("") && !code.is(&shown[..8]));
        assert_eq!(format!("{code:?}"), "PersonCode");
        for text in ["", "ABCD", "ABCD-EFG0", "ÄBCD-EFGH"] {
            assert_eq!(PersonCode::read(text), None, "{text}");
        }
    }
}
