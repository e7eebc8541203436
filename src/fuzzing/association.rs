//! A peer that sends any bytes on a connection, and then nothing more.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::memory_folder;
use crate::clock::{Clock, ManualClock};
use crate::dicom::commitment::{CommitmentOutcome, CommitmentReport, CommitmentRequest};
use crate::dicom::mpps::{StepChange, StepOutcome};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::{
    CallingAeTitles, InstanceSink, ListSink, ScpOptions, SinkError, StoreScp,
};
use crate::dicom::uid::{AeTitle, SopClassUid, SopInstanceUid};
use crate::heartbeat::Heartbeats;
use crate::intake::spool::{Spool, SpoolOptions};

/// What the called AE title of the seeds is.
const AE_TITLE: &str = "ANY-SCP";
/// What the connection holds of either direction.
const PIPE_BYTES: usize = 64 * 1024;
/// No input needs it: its peer has hung up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes everything, keeps nothing.
#[derive(Debug)]
struct Forgetful {
    spool: Arc<Spool>,
    n_taken: AtomicU64,
}

impl InstanceSink for Forgetful {
    async fn committed(&self, _: u64, instance: ReceivedInstance) -> Result<(), SinkError> {
        let path = self.spool.folder().join(&instance.path);
        let bytes = path.metadata().expect("an instance has its name when it is recorded").len();
        assert_eq!(bytes, instance.bytes, "the file is as long as what was received");
        self.n_taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn settled(&self) -> Result<(), SinkError> {
        Ok(())
    }

    async fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> Result<Vec<Option<SopClassUid>>, SinkError> {
        Ok(vec![None; instances.len()])
    }
}

impl ListSink for Forgetful {
    async fn commitment_requested(
        &self,
        _: AeTitle,
        _: CommitmentRequest,
    ) -> Result<(), SinkError> {
        Ok(())
    }

    fn report_unheard(&self, _: &AeTitle, _: CommitmentReport) {}

    fn commitment_reported(&self, _: &AeTitle, _: CommitmentOutcome) -> bool {
        false
    }

    async fn step_created(
        &self,
        _: AeTitle,
        _: SopInstanceUid,
        _: StepChange,
    ) -> Result<StepOutcome, SinkError> {
        Ok(StepOutcome::Done)
    }

    async fn step_set(&self, _: SopInstanceUid, _: StepChange) -> Result<StepOutcome, SinkError> {
        Ok(StepOutcome::Done)
    }
}

/// All that a peer sends on one connection, from the association request to its hanging up.
///
/// Afterwards no unfinished file is left.
pub fn association(bytes: &[u8]) {
    let folder = memory_folder();
    let files = SpoolOptions::of(&folder, 0);
    let (spool, _) = Spool::open(&files).expect("a spool in memory opens");
    let spool = Arc::new(spool);
    let sink = Arc::new(Forgetful { spool: Arc::clone(&spool), n_taken: AtomicU64::new(0) });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let options = ScpOptions {
        ae_title: AE_TITLE.parse().expect("a constant AE title"),
        calling_ae_titles: CallingAeTitles::Any,
        associations_max: 1,
        artim: PATIENCE,
        idle_timeout: PATIENCE,
        clock: Arc::clone(&clock),
        hearts: Heartbeats::new(clock),
    };
    let (events, _) = mpsc::channel(1);
    let scp = StoreScp::new(options, spool, Arc::clone(&sink), events);
    converse(&scp, bytes);
    let unfinished = fs::read_dir(&files.prepared).expect("the spool has its folders").count();
    assert_eq!(unfinished, 0, "a part of an instance stays behind");
    if sink.n_taken.load(Ordering::Relaxed) > 0 {
        fs::remove_dir_all(&files.folder).expect("the spool has its folders");
    }
}

fn converse(scp: &StoreScp<Forgetful>, bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let (ours, theirs) = duplex(PIPE_BYTES);
    let (mut answers, mut requests) = tokio::io::split(theirs);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 104));
    let send = async {
        // A server that has heard enough hangs up.
        let _ = requests.write_all(bytes).await;
        let _ = requests.shutdown().await;
    };
    let listen = async {
        let _ = answers.read_to_end(&mut Vec::new()).await;
    };
    runtime.block_on(async { tokio::join!(scp.converse_on(ours, peer), send, listen) });
}
