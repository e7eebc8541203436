//! The `[worklist]` table of the settings, checked.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dicom::uid::AeTitle;
use crate::error::{Dispose, Disposition};
use crate::limits::WORKLIST_STATIONS_MAX;

/// A `[worklist]` that cannot be used; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorklistSettingsError {
    /// The address is none.
    #[error("`worklist.address` is {0:?}; name host and port, for example \"ris.example:104\"")]
    Address(String),
    /// A query too often, or hardly ever.
    #[error("`worklist.every_s` is {0}; use 10 to 3600")]
    Every(u64),
    /// Too many stations.
    #[error("`worklist.station_ae_titles` has {0} names; {WORKLIST_STATIONS_MAX} is the most")]
    Stations(usize),
}

impl Dispose for WorklistSettingsError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

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
}

impl FromStr for PeerAddress {
    type Err = WorklistSettingsError;

    fn from_str(text: &str) -> Result<Self, WorklistSettingsError> {
        let is_good = text.rsplit_once(':').is_some_and(|(host, port)| {
            // An IPv6 address stands in brackets.
            let plain = !host.is_empty() && !host.contains([' ', '/']);
            let bracketed = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
            plain && bracketed && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        let bad = || WorklistSettingsError::Address(text.to_owned());
        is_good.then(|| Self(text.to_owned())).ok_or_else(bad)
    }
}

impl TryFrom<String> for PeerAddress {
    type Error = WorklistSettingsError;

    fn try_from(text: String) -> Result<Self, WorklistSettingsError> {
        text.parse()
    }
}

impl From<PeerAddress> for String {
    fn from(address: PeerAddress) -> Self {
        address.0
    }
}

/// Where the orders are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorklistSettings {
    /// The RIS, or the broker before it.
    pub address: PeerAddress,
    /// Its AE title.
    pub called_ae_title: AeTitle,
    /// The scanners whose orders are asked for; all of CT where it is empty.
    #[serde(default)]
    pub station_ae_titles: Vec<AeTitle>,
    /// Seconds between two queries.
    #[serde(default = "every_s")]
    pub every_s: u64,
}

fn every_s() -> u64 {
    300
}

impl WorklistSettings {
    /// Checks what no single value can know.
    ///
    /// # Errors
    /// [`WorklistSettingsError::Every`] or [`WorklistSettingsError::Stations`].
    pub fn check(&self) -> Result<(), WorklistSettingsError> {
        if !(10..=3600).contains(&self.every_s) {
            return Err(WorklistSettingsError::Every(self.every_s));
        }
        if self.station_ae_titles.len() > WORKLIST_STATIONS_MAX {
            return Err(WorklistSettingsError::Stations(self.station_ae_titles.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_host_and_port() {
        for good in ["ris:104", "10.0.0.1:11112", "[::1]:104", "ris.example.org:1"] {
            assert_eq!(good.parse::<PeerAddress>().unwrap().as_str(), good);
        }
        for bad in ["ris", ":104", "ris:", "ris:0", "ris:99999", "::1:104", "http://ris:1", "a b:1"]
        {
            let error = bad.parse::<PeerAddress>().unwrap_err();
            assert!(error.to_string().contains("host and port"), "{error}");
        }
    }
}
