//! Signatures of webhooks as *Standard Webhooks* has them (specification 1.0.0, "Signature scheme"), so that receivers
//! check them with a library of their language.
//!
//! HMAC-SHA256 of `id.timestamp.body`, in base64, behind `v1,`. The id stays from attempt to attempt, the time is that of
//! the attempt: a receiver refuses what is old, and knows again what it has.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{DestinationError, secrets};
use crate::error::{Dispose, Disposition};
use crate::limits::SIGNING_SECRETS_MAX;

const PREFIX: &str = "whsec_";
/// What the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why there is nothing to sign with.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignatureError {
    /// A line that is no secret.
    #[error(
        "line {n} is no secret: it is `whsec_` and 24 to 64 random bytes in base64, as \
         `echo whsec_$(openssl rand -base64 32)` writes it"
    )]
    Line {
        /// Which, from 1.
        n: usize,
    },
    /// More than a change of secrets needs.
    #[error(
        "it has more than {SIGNING_SECRETS_MAX} secrets; remove those that no receiver knows any more"
    )]
    TooMany,
}

impl Dispose for SignatureError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// The secrets of one webhook. There are several while it changes from one to the next.
#[derive(Clone)]
pub(super) struct SigningSecrets(Vec<Vec<u8>>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({})", self.0.len())
    }
}

/// What a signed request says of itself.
#[derive(Debug)]
pub(super) struct Signed {
    id: String,
    timestamp: String,
    signature: String,
}

impl Signed {
    pub(super) fn headers(&self) -> [(&str, &str); 3] {
        [
            ("webhook-id", &self.id),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signature),
        ]
    }
}

impl SigningSecrets {
    /// Reads those of a destination, one a line.
    pub(super) fn open(name: &str, path: &Path) -> Result<Self, DestinationError> {
        const WHAT: &str = "the signing secrets";
        let text = secrets::read(name, WHAT, path)?;
        Self::parse(text.expose()).map_err(|error| secrets::problem(name, WHAT, path, error))
    }

    fn parse(text: &str) -> Result<Self, SignatureError> {
        let mut keys = Vec::new();
        for (n, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let key = line.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
            let key = key.filter(|key| KEY_BYTES.contains(&key.len()));
            keys.push(key.ok_or(SignatureError::Line { n })?);
        }
        if keys.len() > SIGNING_SECRETS_MAX { Err(SignatureError::TooMany) } else { Ok(Self(keys)) }
    }

    /// Signs a body with each secret.
    pub(super) fn sign(&self, id: &str, now_unix_ms: i64, body: &[u8]) -> Signed {
        let timestamp = now_unix_ms.div_euclid(1000).to_string();
        let sign = |key: &Vec<u8>| {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        let signatures: Vec<_> = self.0.iter().map(sign).collect();
        Signed { id: id.to_owned(), timestamp, signature: signatures.join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn signatures_are_those_of_other_implementations() {
        let secrets = SigningSecrets::parse(&format!("{SECRET}\n\n{SECRET}\n")).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, body);
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(
            signed.headers(),
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", &format!("{one} {one}")),
            ]
        );
        assert_eq!(format!("{secrets:?}"), "SigningSecrets(2)");
    }

    #[test]
    fn what_is_no_secret_is_said_by_its_line() {
        let secret = |n_bytes| format!("whsec_{}", STANDARD.encode(vec![7; n_bytes]));
        for n_bytes in [24, 64] {
            assert!(SigningSecrets::parse(&secret(n_bytes)).is_ok());
        }
        let check = |text: &str, says: &str| {
            let error = SigningSecrets::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(&format!("{SECRET}\n{}", secret(23)), "line 2");
        check(&secret(65), "line 1");
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "openssl rand");
        check("whsec_%%", "line 1");
        check(&format!("{SECRET}\n").repeat(5), "more than 4");
    }
}
