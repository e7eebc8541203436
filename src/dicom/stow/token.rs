//! The word that lets a sender in (RFC 6750).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use crate::error::{Dispose, Disposition};
use crate::limits;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file.
    #[error("could not read it")]
    Read(#[from] io::Error),
    /// Empty, too long, or with characters that no token has (RFC 6750 2.1).
    #[error("it does not hold a bearer token on one line")]
    NotToken,
}

impl Dispose for TokenError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// A bearer token, of which only the digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerToken([u8; 32]);

impl BearerToken {
    /// Reads it from a file of one line.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let mut text = String::new();
        let longest = limits::BEARER_TOKEN_BYTES_MAX as u64 + 2;
        File::open(path)?.take(longest).read_to_string(&mut text)?;
        Self::new(text.trim())
    }

    /// From its text.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let is_token = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/".contains(&c);
        let body = text.trim_end_matches('=');
        let valid = !body.is_empty() && text.len() <= limits::BEARER_TOKEN_BYTES_MAX;
        if valid && body.bytes().all(is_token) {
            Ok(Self(Sha256::digest(text).into()))
        } else {
            Err(TokenError::NotToken)
        }
    }

    /// Whether a request shows it.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = shown.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        // How long it takes to compare digests says nothing of the token.
        scheme.eq_ignore_ascii_case("Bearer") && Self::new(token.trim()).is_ok_and(|it| it == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_and_compared() {
        let token = BearerToken::new("s3cret+/==").unwrap();
        let check = |value: &str, expected: bool| {
            let headers = [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
            assert_eq!(token.is_shown(&headers), expected, "{value}");
        };
        check("Bearer s3cret+/==", true);
        check("bearer  s3cret+/== ", true);
        check("Bearer s3cret+/=", false);
        check("Bearer", false);
        check("Bearer ", false);
        check("Basic s3cret+/==", false);
        assert!(!token.is_shown(&HeaderMap::new()));
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn files_without_a_token_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(matches!(BearerToken::read(&path), Err(TokenError::Read(_))));
        for (text, is_token) in
            [("abc\n", true), ("", false), ("==", false), ("a b", false), ("a\nb", false)]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(BearerToken::read(&path).is_ok(), is_token, "{text:?}");
        }
        std::fs::write(&path, "a".repeat(limits::BEARER_TOKEN_BYTES_MAX + 1)).unwrap();
        assert!(matches!(BearerToken::read(&path), Err(TokenError::NotToken)));
    }
}
