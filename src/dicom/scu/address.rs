//! Where a peer is.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address; name host and port, for example \"ris.example:104\"")]
pub struct NoAddress(String);

/// Host and port of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerAddress(String);

impl PeerAddress {
    /// `host:port`, to connect to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(self.0.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl FromStr for PeerAddress {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let is_good = text.rsplit_once(':').is_some_and(|(host, port)| {
            // An IPv6 address stands in brackets.
            let plain = !host.is_empty() && !host.contains([' ', '/']);
            let bracketed = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
            plain && bracketed && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        let bad = || NoAddress(text.to_owned());
        is_good.then(|| Self(text.to_owned())).ok_or_else(bad)
    }
}

impl TryFrom<String> for PeerAddress {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<PeerAddress> for String {
    fn from(address: PeerAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_host_and_port() {
        for good in ["ris:104", "10.0.0.1:11112", "[::1]:104", "ris.example.org:1"] {
            assert_eq!(good.parse::<PeerAddress>().unwrap().as_str(), good);
            assert!(
                ["ris", "10.0.0.1", "::1", "ris.example.org"]
                    .contains(&good.parse::<PeerAddress>().unwrap().host())
            );
        }
        for bad in ["ris", ":104", "ris:", "ris:0", "ris:99999", "::1:104", "http://ris:1", "a b:1"]
        {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert!(error.to_string().contains("host and port"), "{error}");
        }
    }
}
