//! Signed links: who holds one can acknowledge one alert, and nothing else.
//!
//! `BASE/alerts/RESULT/DESTINATION/SIGNATURE`. The signature is HMAC-SHA256 (RFC 2104) with a key that never leaves the
//! appliance, so that a link can be neither guessed nor changed; it says to whom the link was sent.

use std::path::Path;
use std::{fmt, fs, io};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret_file;

const KEY_BYTES: usize = 32;

/// Makes and checks links.
#[derive(Clone)]
pub struct Links {
    base: String,
    key: [u8; KEY_BYTES],
}

// The key is as good as every link.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({})", self.base)
    }
}

impl Links {
    /// Links below `base`, an `http` or `https` URL, with the key in a file, which is made where there is none.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or is no key.
    pub fn open(base: &str, key_file: &Path) -> io::Result<Self> {
        let bytes = match fs::read(key_file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                secret_file::make_key::<KEY_BYTES>(key_file)?.to_vec()
            }
            Err(error) => return Err(error),
        };
        let key = bytes.try_into().map_err(|_| {
            let text = "it is no key of 32 bytes; move it away, and a new one is made (links sent before then \
                        no longer work)";
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), key })
    }

    /// The link of one result for one destination.
    #[must_use]
    pub fn url(&self, result_key: &str, destination: &str) -> String {
        let signature =
            URL_SAFE_NO_PAD.encode(self.mac(result_key, destination).finalize().into_bytes());
        format!("{}/alerts/{result_key}/{destination}/{signature}", self.base)
    }

    /// Whether a link is one of ours; in constant time.
    #[must_use]
    pub fn is_ours(&self, result_key: &str, destination: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.mac(result_key, destination).verify_slice(&signature).is_ok()
    }

    fn mac(&self, result_key: &str, destination: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in ["acknowledge", result_key, destination] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_alert_alone_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("links.key");
        let links = Links::open("http://box:8080/", &key).unwrap();
        let url = links.url("k1", "ward");
        let signature = url.strip_prefix("http://box:8080/alerts/k1/ward/").unwrap();
        let again = Links::open("http://box:8080", &key).unwrap();
        assert!(again.is_ours("k1", "ward", signature));
        for (result, destination, signature) in [
            ("k2", "ward", signature),
            ("k1", "other", signature),
            ("k1", "ward", ""),
            ("k1", "ward", "AAAA"),
        ] {
            assert!(!again.is_ours(result, destination, signature));
        }
        fs::write(&key, "short").unwrap();
        assert!(Links::open("http://box:8080", &key).unwrap_err().to_string().contains("32 bytes"));
        let other = Links::open("http://box:8080", &folder.path().join("other.key")).unwrap();
        assert!(!other.is_ours("k1", "ward", signature));
    }
}
