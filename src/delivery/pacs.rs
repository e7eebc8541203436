//! C-STORE of a result's objects to a PACS. Blocking, on a thread of its own.
//!
//! What the PACS does not take (no such SOP class, say) is named in the receipt and is no failure of what it does: many
//! archives know pictures and no segmentations. A delivery is refused where nothing of it was taken.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use super::SendError;
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

/// How this appliance speaks with every PACS.
#[derive(Debug, Clone)]
pub struct PacsSender {
    /// Our own name.
    pub calling_ae: AeTitle,
    /// The folder of all results.
    pub results: PathBuf,
    /// TLS to the destinations that want it, by their names.
    pub tls: BTreeMap<String, Connector>,
}

/// Why a PACS did not take the objects.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// The row does not say which objects.
    #[error("the delivery does not name its objects")]
    Payload(#[source] serde_json::Error),
    /// No object was taken, and none will be.
    #[error("the PACS took none of the objects: {0}")]
    NoneTaken(String),
    /// It could not take some of them now.
    #[error("the PACS could not take all of the objects now: {0}")]
    NotNow(String),
}

impl PacsSender {
    /// Sends the objects of one delivery. The receipt names each file with its status.
    ///
    /// # Errors
    /// [`SendError::Association`] where there was none, or it broke; [`SendError::Pacs`] for its answers.
    pub(super) fn send(
        &self,
        name: &str,
        (address, called_ae): (&PeerAddress, &AeTitle),
        delivery: &Delivery,
    ) -> Result<String, SendError> {
        let ResultFiles { folder, files, .. } =
            serde_json::from_str(&delivery.payload).map_err(PacsError::Payload)?;
        let folder = self.results.join(folder);
        let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
        let options = ScuOptions {
            tls: self.tls.get(name).cloned(),
            ..ScuOptions::new(self.calling_ae.clone(), called_ae.clone())
        };
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(SendError::Spawn)?;
        let outcomes = runtime.block_on(store(address.as_str(), &options, &paths))?;
        Ok(judge(&files, &outcomes)?)
    }
}

/// The receipt, or why there is none.
fn judge(files: &[String], outcomes: &[SendOutcome]) -> Result<String, PacsError> {
    let lines: Vec<_> =
        files.iter().zip(outcomes).map(|(file, it)| format!("{file} {}", word(it))).collect();
    let text = lines.join("\n");
    if outcomes.iter().any(is_for_now) {
        return Err(PacsError::NotNow(lines.join(", ")));
    }
    if outcomes.iter().any(SendOutcome::is_stored) {
        Ok(text)
    } else {
        Err(PacsError::NoneTaken(lines.join(", ")))
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
        assert!(matches!(full, Err(PacsError::NotNow(_))), "{full:?}");
        let none = check([SendOutcome::ContextRejected, answered(0xC000)]);
        assert!(matches!(none, Err(PacsError::NoneTaken(_))), "{none:?}");
    }
}
