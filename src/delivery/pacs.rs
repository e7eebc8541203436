//! C-STORE of a result's objects to a PACS. Blocking, on a thread of its own.
//!
//! What the PACS does not take (no such SOP class, say) is named in the receipt and is no failure of what it does: many
//! archives know pictures and no segmentations. A delivery is refused where nothing of it was taken.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use super::{Attempt, SendError, Sender};
use crate::db::deliveries::Delivery;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::scu::store::{SendOutcome, send as store};
use crate::dicom::scu::{PeerAddress, ScuOptions};
use crate::dicom::tls::Connector;
use crate::dicom::uid::AeTitle;

/// Version of the payload.
const SCHEMA: &str = "parotidd.objects/1";

/// The objects of one result, durable on the disk: what such a delivery holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFiles {
    schema: String,
    /// Their folder, relative to that of all results.
    folder: PathBuf,
    /// Their names in it.
    files: Vec<String>,
}

impl ResultFiles {
    /// These files in a folder, relative to that of all results.
    #[must_use]
    pub fn new(folder: PathBuf, files: Vec<String>) -> Self {
        Self { schema: SCHEMA.to_owned(), folder, files }
    }
}

/// What a PACS needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacsSettings {
    /// Where it is.
    pub address: PeerAddress,
    /// Its name.
    pub ae_title: AeTitle,
    /// Whether it is spoken to over TLS, with the certificate of `dicom.tls`.
    #[serde(default)]
    pub tls: bool,
}

/// The way to one PACS.
#[derive(Debug)]
pub(super) struct Pacs {
    address: PeerAddress,
    options: ScuOptions,
    /// The folder of all results.
    results: PathBuf,
}

impl Pacs {
    pub(super) fn new(
        settings: &PacsSettings,
        calling_ae: AeTitle,
        results: PathBuf,
        tls: Option<Connector>,
    ) -> Self {
        let options = ScuOptions { tls, ..ScuOptions::new(calling_ae, settings.ae_title.clone()) };
        Self { address: settings.address.clone(), options, results }
    }
}

impl Sender for Pacs {
    /// Sends the objects of one delivery. The receipt names each file with its status.
    fn send(&self, delivery: &Delivery, _: Attempt) -> Result<String, SendError> {
        let ResultFiles { folder, files, .. } = serde_json::from_str(&delivery.payload)
            .map_err(|error| SendError::Payload(Box::new(error)))?;
        let folder = self.results.join(folder);
        let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(SendError::Spawn)?;
        let outcomes = runtime.block_on(store(self.address.as_str(), &self.options, &paths))?;
        judge(&files, &outcomes)
    }
}

/// The receipt, or why there is none.
fn judge(files: &[String], outcomes: &[SendOutcome]) -> Result<String, SendError> {
    let lines: Vec<_> =
        files.iter().zip(outcomes).map(|(file, it)| format!("{file} {}", word(it))).collect();
    if outcomes.iter().any(is_for_now) {
        return Err(SendError::NotNow { answer: lines.join(", "), retry_after: None });
    }
    if outcomes.iter().any(SendOutcome::is_stored) {
        Ok(lines.join("\n"))
    } else {
        Err(SendError::Refused(lines.join(", ")))
    }
}

fn word(outcome: &SendOutcome) -> String {
    match outcome {
        SendOutcome::Answered(status) => format!("{:04X}H", status.code()),
        SendOutcome::ContextRejected => "not taken: SOP class".to_owned(),
        SendOutcome::Unreadable(_) => "not there".to_owned(),
    }
}

/// Out of resources (A7xxH, PS3.4 table B.2-1) passes; every other failure stays.
fn is_for_now(outcome: &SendOutcome) -> bool {
    let SendOutcome::Answered(status) = outcome else { return false };
    matches!(status, StoreStatus::OutOfResources) || (0xA700..=0xA7FF).contains(&status.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_enough_unless_more_would_be_later() {
        let files = ["seg.dcm", "sr.dcm"].map(str::to_owned);
        let answered = |code: u16| SendOutcome::Answered(StoreStatus::from_code(code));
        let check = |outcomes: [SendOutcome; 2]| judge(&files, &outcomes);
        assert_eq!(check([answered(0), answered(0xB000)]).unwrap(), "seg.dcm 0000H\nsr.dcm B000H");
        let some = check([SendOutcome::ContextRejected, answered(0)]).unwrap();
        assert_eq!(some, "seg.dcm not taken: SOP class\nsr.dcm 0000H");
        let full = check([answered(0), answered(0xA701)]);
        assert!(matches!(full, Err(SendError::NotNow { .. })), "{full:?}");
        let none = check([SendOutcome::ContextRejected, answered(0xC000)]);
        assert!(matches!(none, Err(SendError::Refused(_))), "{none:?}");
    }
}
