//! Sends the reports on storage commitment that were not heard over the association that asked.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::stopped;
use crate::delivery::retry;
use crate::dicom::commitment::CommitmentReport;
use crate::dicom::scu::report::report;
use crate::dicom::scu::{PeerAddress, ScuOptions};
use crate::dicom::tls::Connector;
use crate::dicom::uid::AeTitle;
use crate::error::{Chain, Dispose, Disposition};
use crate::limits::REPORT_ATTEMPTS_MAX;

/// Where peers are, and whether they want TLS.
pub(super) type Peers = BTreeMap<AeTitle, (PeerAddress, Option<Connector>)>;
/// A report, and who waits for it.
pub(super) type Unheard = (AeTitle, CommitmentReport);

/// Runs until told to stop. Reports are kept in memory alone: a peer that hears nothing asks again.
pub(super) async fn run(
    own: AeTitle,
    peers: Peers,
    mut queue: mpsc::Receiver<Unheard>,
    stopping: watch::Receiver<bool>,
) {
    let sending = async {
        while let Some((peer, unheard)) = queue.recv().await {
            match peers.get(&peer) {
                Some((address, tls)) => {
                    let options = ScuOptions::new(own.clone(), peer);
                    tell(address, &ScuOptions { tls: tls.clone(), ..options }, &unheard).await;
                }
                None => tracing::warn!(
                    %peer,
                    "storage commitment not reported: the association ended, and `dicom.peer` has no \
                     address for this AE title"
                ),
            }
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = sending => {}
    }
}

async fn tell(address: &PeerAddress, options: &ScuOptions, unheard: &CommitmentReport) {
    let peer = &options.called_ae;
    for attempt in 1..=REPORT_ATTEMPTS_MAX {
        match report(address.as_str(), options, unheard).await {
            Ok(status) => {
                tracing::info!(%peer, %status, "storage commitment reported");
                return;
            }
            Err(error) if error.disposition() == Disposition::Retry => {
                tracing::warn!(%peer, attempt, error = %Chain(&error), "storage commitment not reported");
                sleep(retry::wait(attempt, peer.as_str(), None)).await;
            }
            Err(error) => {
                tracing::warn!(%peer, error = %Chain(&error), "storage commitment not taken");
                return;
            }
        }
    }
    tracing::warn!(%peer, "storage commitment given up; the peer may ask again");
}
