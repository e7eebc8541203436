//! One instance on its way from a connection to the disk and the sink.
//!
//! Written as it arrives, by the connection's own thread: it may wait for the disk, and what waits in
//! memory is one piece.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::timeout;

use super::{Sink, SinkError, StoreScp};
use crate::clock::Clock;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, StudyInstanceUid};
use crate::error::{Chain, Dispose, Disposition};
use crate::intake::spool::{PartFile, Spool, SpoolError};
use crate::limits;

/// Why an instance was not taken.
#[derive(Debug, thiserror::Error)]
pub(in crate::dicom) enum Refusal {
    #[error("could not spool the instance")]
    Spool(#[from] SpoolError),
    #[error("SOP class or instance differ between command and data set")]
    Mismatch,
    #[error("the data set is of another study than was named")]
    OtherStudy,
    #[error("instance not recorded")]
    Record(#[source] SinkError),
    #[error("instance not recorded in time")]
    RecordStall,
}

impl Dispose for Refusal {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Spool(error) => error.disposition(),
            Self::Mismatch | Self::OtherStudy => Disposition::Reject,
            Self::Record(error) => error.disposition(),
            Self::RecordStall => Disposition::Retry,
        }
    }
}

impl Refusal {
    /// How the sender is told.
    pub(in crate::dicom) fn status(&self) -> StoreStatus {
        match self {
            Self::Mismatch | Self::OtherStudy => StoreStatus::DataSetDoesNotMatchSopClass,
            Self::Spool(_) | Self::Record(_) | Self::RecordStall => self.disposition().into(),
        }
    }
}

/// An instance that is arriving. Dropping it drops the file.
#[derive(Debug)]
pub(in crate::dicom) struct Incoming {
    meta: FileMeta,
    calling_ae: AeTitle,
    /// What went wrong is said by [`Self::complete`]; until then the rest is taken off the wire and
    /// forgotten, so that the sender can be told.
    part: Result<PartFile, SpoolError>,
}

impl Incoming {
    pub(in crate::dicom) fn start(spool: &Arc<Spool>, meta: FileMeta, calling_ae: AeTitle) -> Self {
        Self { part: spool.begin(meta.clone()), meta, calling_ae }
    }

    /// What was said of it before it came.
    pub(in crate::dicom) fn meta(&self) -> &FileMeta {
        &self.meta
    }

    /// Appends bytes.
    pub(in crate::dicom) fn write(&mut self, bytes: &[u8]) {
        if let Ok(part) = &mut self.part
            && let Err(error) = part.write(bytes)
        {
            self.part = Err(error);
        }
    }

    /// The data set is complete: returns once it is durable and recorded, or why it is not. Of a
    /// `study`, if one was named.
    pub(in crate::dicom) async fn complete<S: Sink>(
        self,
        scp: &StoreScp<S>,
        association: u64,
        study: Option<&StudyInstanceUid>,
    ) -> Result<ReceivedInstance, Refusal> {
        let instance = self.finish(scp.options.clock.as_ref(), study)?;
        let recorded = scp.sink.committed(association, instance.clone());
        let refusal = match timeout(limits::RECORD_STALL, recorded).await {
            Ok(Ok(())) => return Ok(instance),
            Ok(Err(error)) => Refusal::Record(error),
            Err(_) => Refusal::RecordStall,
        };
        // Refused for good, so it does not stay; one that may be recorded later does.
        if refusal.disposition() == Disposition::Reject
            && let Err(error) = scp.spool.remove(&instance.path)
        {
            tracing::warn!(error = %Chain(&error), "refused instance left in the spool");
        }
        Err(refusal)
    }

    fn finish(
        self,
        clock: &dyn Clock,
        study: Option<&StudyInstanceUid>,
    ) -> Result<ReceivedInstance, Refusal> {
        let Self { meta, calling_ae, part } = self;
        let mut part = part?;
        let identity = part.identify()?;
        if identity.sop_class != meta.sop_class || identity.sop_instance != meta.sop_instance {
            return Err(Refusal::Mismatch);
        }
        if study.is_some_and(|study| *study != identity.study) {
            return Err(Refusal::OtherStudy);
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

/// What an association or a request leaves behind.
#[derive(Debug, Default)]
pub(in crate::dicom) struct Summary {
    pub(super) n_instances: u64,
    pub(super) series: BTreeSet<SeriesInstanceUid>,
}

impl Summary {
    /// An instance of a series was answered with success.
    pub(in crate::dicom) fn add(&mut self, series: SeriesInstanceUid) {
        self.n_instances += 1;
        if self.series.len() < limits::ASSOCIATION_SERIES_MAX {
            self.series.insert(series);
        }
    }
}
