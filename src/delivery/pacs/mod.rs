//! C-STORE of a result's objects to a PACS, and its promise to keep them where that is wanted. Blocking, on a thread of
//! its own.
//!
//! What the PACS does not take (no such SOP class, say) is named in the receipt and is no failure of what it does: many
//! archives know pictures and no segmentations. A delivery is refused where nothing of it was taken.
//!
//! ```text
//!  C-STORE of each --> N-ACTION --> report, on any association, within the attempt --> receipt
//!                                     `-- later: the next attempt finds it, and sends nothing again
//! ```

mod commitments;
mod receipt;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

pub use self::commitments::Commitments;

use self::commitments::Reported;
use self::receipt::{Judged, Sent};
use super::{Attempt, SendError, Sender};
use crate::db::deliveries::Delivery;
use crate::dicom::commitment::CommitmentRequest;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::part10::FileMeta;
use crate::dicom::reference::Reference;
use crate::dicom::scu::commitment::ask;
use crate::dicom::scu::store::send as store;
use crate::dicom::scu::{PeerAddress, ScuError, ScuOptions};
use crate::dicom::tls::Connector;
use crate::dicom::uid::{AeTitle, random_uid};
use crate::limits::COMMITMENT_AGAIN;

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
    /// Whether its promise to keep the objects (storage commitment) is the receipt, and not its taking them.
    #[serde(default)]
    pub commitment: bool,
}

/// The way to one PACS.
#[derive(Debug)]
pub(super) struct Pacs {
    address: PeerAddress,
    options: ScuOptions,
    /// The folder of all results.
    results: PathBuf,
    /// Where its promise is wanted.
    commitments: Option<Arc<Commitments>>,
}

impl Pacs {
    pub(super) fn new(
        settings: &PacsSettings,
        calling_ae: AeTitle,
        results: PathBuf,
        tls: Option<Connector>,
        commitments: &Arc<Commitments>,
    ) -> Self {
        let options = ScuOptions { tls, ..ScuOptions::new(calling_ae, settings.ae_title.clone()) };
        let commitments = settings.commitment.then(|| Arc::clone(commitments));
        Self { address: settings.address.clone(), options, results, commitments }
    }

    /// Sends the objects of one delivery.
    fn store(&self, runtime: &Runtime, delivery: &Delivery) -> Result<Sent, SendError> {
        let ResultFiles { folder, files, .. } = serde_json::from_str(&delivery.payload)
            .map_err(|error| SendError::Payload(Box::new(error)))?;
        let folder = self.results.join(folder);
        let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
        let outcomes = runtime.block_on(store(self.address.as_str(), &self.options, &paths))?;
        let references = paths.iter().map(|path| reference(path)).collect();
        Sent::new(&files, references, &outcomes)
    }

    /// Asks for a commitment of what was stored.
    fn ask(
        &self,
        runtime: &Runtime,
        commitments: &Commitments,
        key: &str,
        sent: Sent,
    ) -> Result<(), SendError> {
        let request = CommitmentRequest { transaction: random_uid(), references: sent.stored() };
        let peer = &self.options.called_ae;
        // Before the question: the report may come over another association before the answer does.
        commitments.asked(key, &request.transaction, peer, sent);
        let hear = |outcome| commitments.heard(peer, outcome);
        let asked = ask(self.address.as_str(), &self.options, &request, hear);
        let status = runtime.block_on(asked).map_err(|error| match error {
            ScuError::NoService(_) => not_now(
                "it does not take storage commitment; set `commitment = false` where it never will",
            ),
            error => error.into(),
        })?;
        match status {
            StoreStatus::Success => Ok(()),
            // Processing failure passes, as a lack of resources does.
            status if status.is_transient() || status.code() == 0x0110 => {
                Err(not_now(&format!("storage commitment {status}")))
            }
            status => Err(SendError::Refused(format!("storage commitment {status}"))),
        }
    }
}

fn not_now(answer: &str) -> SendError {
    SendError::NotNow { answer: answer.to_owned(), retry_after: None }
}

/// The instance of a file that was sent.
fn reference(path: &Path) -> Option<Reference> {
    let (FileMeta { sop_class, sop_instance, .. }, _) =
        FileMeta::read(File::open(path).ok()?).ok()?;
    Some(Reference { sop_class, sop_instance })
}

impl Sender for Pacs {
    /// Sends the objects of one delivery. The receipt names each file with its status, and whether it is committed.
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        let start = Instant::now();
        let key = &delivery.idempotency_key;
        if let Some(reported) = self.commitments.as_ref().and_then(|it| it.take(key)) {
            // On what an earlier attempt sent.
            return conclude(reported);
        }
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(SendError::Spawn)?;
        let sent = self.store(&runtime, delivery)?;
        let Some(commitments) = &self.commitments else { return Ok(sent.receipt()) };
        self.ask(&runtime, commitments, key, sent)?;
        let left = attempt.timeout.saturating_sub(start.elapsed());
        match commitments.wait(key, left) {
            Some(reported) => conclude(reported),
            None => Err(SendError::NotNow {
                answer: "no report on storage commitment yet".to_owned(),
                retry_after: Some(COMMITMENT_AGAIN),
            }),
        }
    }
}

/// The receipt, or why there is none. What the PACS lost is sent once more.
fn conclude(reported: Reported) -> Result<String, SendError> {
    match reported.judged {
        Judged::Committed(receipt) => Ok(receipt),
        Judged::Later(answer) => Err(not_now(&answer)),
        Judged::Failed(answer) if reported.has_failed_before => Err(SendError::Refused(answer)),
        Judged::Failed(answer) => Err(not_now(&answer)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::receipt::tests::{report, sent};
    use super::*;
    use crate::db::deliveries::DeliveryId;
    use crate::dicom::commitment::Failure;
    use crate::error::{Dispose, Disposition};

    /// What comes of a delivery on which there is such a report from before; nobody listens for more.
    fn send(commitments: &Arc<Commitments>) -> Result<String, SendError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = PacsSettings {
            address: listener.local_addr().unwrap().to_string().parse().unwrap(),
            ae_title: "PACS".parse().unwrap(),
            tls: false,
            commitment: true,
        };
        drop(listener);
        let calling_ae = "PAROTIDD".parse().unwrap();
        let pacs = Pacs::new(&settings, calling_ae, PathBuf::new(), None, commitments);
        let delivery = Delivery {
            id: DeliveryId(1),
            idempotency_key: "key".into(),
            payload: serde_json::to_string(&ResultFiles::new("a".into(), vec![])).unwrap(),
            attempts: 1,
        };
        let attempt = Attempt { timeout: Duration::from_millis(10), now_unix_ms: 0 };
        pacs.send(&delivery, attempt)
    }

    fn asked(commitments: &Commitments, transaction: &str, failure: Option<Failure>) {
        let peer = "PACS".parse().unwrap();
        commitments.asked("key", transaction, &peer, sent());
        assert!(commitments.heard(&peer, report(transaction, [failure, None])));
    }

    #[test]
    fn a_late_report_is_the_receipt_and_nothing_is_sent() {
        let commitments = Arc::default();
        asked(&commitments, "2.25.1", None);
        let receipt = send(&commitments).unwrap();
        assert_eq!(receipt, "seg.dcm 0000H committed\nsr.dcm 0000H committed");
    }

    #[test]
    fn what_was_lost_is_sent_once_more_and_what_is_in_the_way_again_and_again() {
        let commitments = Arc::default();
        let check = |transaction: &str, failure, expected: Disposition| {
            asked(&commitments, transaction, Some(failure));
            let error = send(&commitments).unwrap_err();
            assert_eq!(error.disposition(), expected, "{error}");
            assert!(error.to_string().contains("sr.dcm 0000H committed"), "{error}");
        };
        check("2.25.1", Failure::Processing, Disposition::Retry);
        check("2.25.2", Failure::Processing, Disposition::Retry);
        check("2.25.3", Failure::NoSuchObject, Disposition::Retry);
        check("2.25.4", Failure::Processing, Disposition::Retry);
        check("2.25.5", Failure::ClassInstanceConflict, Disposition::Reject);
    }
}
