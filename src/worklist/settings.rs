//! The `[worklist]` table of the settings, checked.

use serde::{Deserialize, Serialize};

use crate::dicom::scu::PeerAddress;
use crate::dicom::uid::AeTitle;
use crate::error::{Dispose, Disposition};
use crate::limits::WORKLIST_STATIONS_MAX;

/// A `[worklist]` that cannot be used; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorklistSettingsError {
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

/// Where the orders are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorklistSettings {
    /// The RIS, or the broker before it.
    pub address: PeerAddress,
    /// Its AE title.
    pub called_ae_title: AeTitle,
    /// Whether it is spoken to over TLS, with the certificate of `dicom.tls`.
    #[serde(default)]
    pub tls: bool,
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
