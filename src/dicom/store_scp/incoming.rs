//! One instance on its way from an association to the disk.
//!
//! Written as it arrives, by the association's own thread: it may wait for the disk, and what waits in
//! memory is one PDU.

use std::sync::Arc;

use crate::clock::Clock;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::AeTitle;
use crate::error::{Dispose, Disposition};
use crate::intake::spool::{PartFile, Spool, SpoolError};

/// Why an instance was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("could not spool the instance")]
    Spool(#[from] SpoolError),
    #[error("SOP class or instance differ between command and data set")]
    Mismatch,
}

impl Dispose for Refusal {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Spool(error) => error.disposition(),
            Self::Mismatch => Disposition::Reject,
        }
    }
}

impl Refusal {
    /// How the sender is told.
    pub(super) fn status(&self) -> StoreStatus {
        match self {
            Self::Mismatch => StoreStatus::DataSetDoesNotMatchSopClass,
            Self::Spool(_) => self.disposition().into(),
        }
    }
}

/// An instance that is arriving. Dropping it drops the file.
#[derive(Debug)]
pub(super) struct Incoming {
    meta: FileMeta,
    calling_ae: AeTitle,
    /// What went wrong is said by [`Self::finish`]; until then the rest is taken off the wire and
    /// forgotten, so that the sender can be told.
    part: Result<PartFile, SpoolError>,
}

impl Incoming {
    pub(super) fn start(spool: &Arc<Spool>, meta: FileMeta, calling_ae: AeTitle) -> Self {
        Self { part: spool.begin(meta.clone()), meta, calling_ae }
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if let Ok(part) = &mut self.part
            && let Err(error) = part.write(bytes)
        {
            self.part = Err(error);
        }
    }

    /// The data set is complete: returns once it is durable, or why it is not.
    pub(super) fn finish(self, clock: &dyn Clock) -> Result<ReceivedInstance, Refusal> {
        let Self { meta, calling_ae, part } = self;
        let mut part = part?;
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
            transfer_syntax: meta.transfer_syntax,
            calling_ae,
            path,
            bytes,
            received_unix_ms: clock.unix_ms(),
            hints: identity.hints,
        })
    }
}
