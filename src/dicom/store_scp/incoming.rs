//! One instance on its way from an association to the disk.
//!
//! ```text
//! association (async) --pieces, a bounded queue--> a blocking thread: write, read UIDs, commit
//! ```
//!
//! The queue's bound is what keeps memory small: a peer that sends faster than the disk takes waits.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::AeTitle;
use crate::error::{Dispose, Disposition};
use crate::intake::spool::{Spool, SpoolError};
use crate::limits;

/// Why an instance was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("could not spool the instance")]
    Spool(#[from] SpoolError),
    #[error("SOP class or instance differ between command and data set")]
    Mismatch,
    #[error("the association ended before the data set did")]
    CutOff,
    #[error("the disk took longer than {:?}", limits::SPOOL_STALL)]
    Stalled,
    #[error("the spooling thread failed")]
    Thread(#[source] tokio::task::JoinError),
}

impl Dispose for Refusal {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Spool(error) => error.disposition(),
            Self::Mismatch | Self::CutOff => Disposition::Reject,
            Self::Stalled => Disposition::Retry,
            Self::Thread(_) => Disposition::Fatal,
        }
    }
}

impl Refusal {
    /// How the sender is told.
    pub(super) fn status(&self) -> StoreStatus {
        match self {
            Self::Mismatch => StoreStatus::DataSetDoesNotMatchSopClass,
            _ => self.disposition().into(),
        }
    }
}

enum Piece {
    Bytes(Vec<u8>),
    /// The data set is complete. Without it the file is dropped.
    End,
}

/// An instance that is arriving. Dropping it drops the file.
#[derive(Debug)]
pub(super) struct Incoming {
    /// `None` once the disk has stalled.
    pieces: Option<mpsc::Sender<Piece>>,
    outcome: JoinHandle<Result<ReceivedInstance, Refusal>>,
}

impl Incoming {
    pub(super) fn start(
        spool: Arc<Spool>,
        clock: Arc<dyn Clock>,
        meta: FileMeta,
        calling_ae: AeTitle,
    ) -> Self {
        let (pieces, queue) = mpsc::channel(limits::INSTANCE_PIECES_MAX);
        let outcome = tokio::task::spawn_blocking(move || {
            receive(&spool, clock.as_ref(), &meta, calling_ae, queue)
        });
        Self { pieces: Some(pieces), outcome }
    }

    /// Appends bytes. What goes wrong is said by [`Self::finish`]; until then the rest is taken off
    /// the wire and forgotten, so that the sender can be told.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.push(Piece::Bytes(bytes.to_vec())).await;
    }

    /// The data set is complete: returns once it is durable, or why it is not.
    pub(super) async fn finish(mut self) -> Result<ReceivedInstance, Refusal> {
        self.push(Piece::End).await;
        if self.pieces.is_none() {
            return Err(Refusal::Stalled);
        }
        let outcome = timeout(limits::SPOOL_STALL, self.outcome).await;
        outcome.map_err(|_| Refusal::Stalled)?.map_err(Refusal::Thread)?
    }

    async fn push(&mut self, piece: Piece) {
        let Some(pieces) = &self.pieces else { return };
        // A thread that has given up does not listen any more; its outcome says why.
        if timeout(limits::SPOOL_STALL, pieces.send(piece)).await.is_err() {
            self.pieces = None;
        }
    }
}

/// The blocking side: from the first piece to a durable file.
fn receive(
    spool: &Arc<Spool>,
    clock: &dyn Clock,
    meta: &FileMeta,
    calling_ae: AeTitle,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<ReceivedInstance, Refusal> {
    let mut part = spool.begin(meta.clone())?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => part.write(&bytes)?,
            Some(Piece::End) => break,
            None => return Err(Refusal::CutOff),
        }
    }
    let identity = part.identify()?;
    if identity.sop_class != meta.sop_class || identity.sop_instance != meta.sop_instance {
        return Err(Refusal::Mismatch);
    }
    let bytes = part.bytes();
    let path = part.commit(&identity.series)?;
    Ok(ReceivedInstance {
        sop_instance: identity.sop_instance,
        sop_class: identity.sop_class,
        series: identity.series,
        study: identity.study,
        transfer_syntax: meta.transfer_syntax.clone(),
        calling_ae,
        path,
        bytes,
        received_unix_ms: clock.unix_ms(),
        hints: identity.hints,
    })
}
