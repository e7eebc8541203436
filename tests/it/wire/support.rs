//! A real server, the files to send it, and a peer that says exactly what it is told to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AbortRQSource, AssociationRQ, PDataValue, PDataValueType, Pdu, PresentationContextProposed,
    PresentationContextResultReason, UserVariableItem, read_pdu, write_pdu,
};
use parotidd::clock::ManualClock;
use parotidd::dicom::commitment::{CommitmentOutcome, CommitmentReport, CommitmentRequest};
use parotidd::dicom::dimse::{self, Response, StoreStatus};
use parotidd::dicom::mpps::{StepChange, StepOutcome, StepStatus};
use parotidd::dicom::part10::FileMeta;
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::scu::{self, ScuOptions};
pub(super) use parotidd::dicom::store_scp::CallingAeTitles;
use parotidd::dicom::store_scp::{
    InstanceSink, ListSink, ScpEvent, ScpOptions, SinkError, StoreScp,
};
use parotidd::dicom::tls::Acceptor;
use parotidd::dicom::uid::{AeTitle, SopClassUid, SopInstanceUid};
use parotidd::error::Disposition;
use parotidd::heartbeat::Heartbeats;
use parotidd::intake::spool::{Spool, SpoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const SERIES: &str = "1.2.7";

/// The one storage commitment that is waited for.
pub(super) const ASKED: &str = "2.25.77";

/// Remembers what was recorded; refuses on request.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) instances: Mutex<Vec<ReceivedInstance>>,
    pub(super) unheard: Mutex<Vec<(AeTitle, CommitmentReport)>>,
    pub(super) commitments: Mutex<Vec<CommitmentRequest>>,
    pub(super) reported: Mutex<Vec<(AeTitle, CommitmentOutcome)>>,
    pub(super) steps: Mutex<BTreeMap<SopInstanceUid, StepChange>>,
    refusal: Mutex<Option<Disposition>>,
    /// Whether every file was there when it was recorded.
    pub(super) missed: AtomicBool,
    folder: PathBuf,
}

impl InstanceSink for Records {
    async fn committed(&self, _: u64, instance: ReceivedInstance) -> Result<(), SinkError> {
        if !self.folder.join(&instance.path).is_file() {
            self.missed.store(true, Ordering::SeqCst);
        }
        if let Some(disposition) = *self.refusal.lock().unwrap() {
            return Err(SinkError { disposition, source: "told to".into() });
        }
        self.instances.lock().unwrap().push(instance);
        Ok(())
    }

    async fn settled(&self) -> Result<(), SinkError> {
        Ok(())
    }

    async fn stored(
        &self,
        instances: Vec<SopInstanceUid>,
    ) -> Result<Vec<Option<SopClassUid>>, SinkError> {
        let known = self.instances.lock().unwrap();
        let class = |uid: &SopInstanceUid| {
            known.iter().find(|it| it.sop_instance == *uid).map(|it| it.sop_class.clone())
        };
        Ok(instances.iter().map(class).collect())
    }
}

impl ListSink for Records {
    async fn commitment_requested(
        &self,
        _: AeTitle,
        request: CommitmentRequest,
    ) -> Result<(), SinkError> {
        self.commitments.lock().unwrap().push(request);
        Ok(())
    }

    fn report_unheard(&self, calling_ae: &AeTitle, report: CommitmentReport) {
        self.unheard.lock().unwrap().push((calling_ae.clone(), report));
    }

    fn commitment_reported(&self, calling_ae: &AeTitle, outcome: CommitmentOutcome) -> bool {
        let is_known = outcome.transaction == ASKED;
        if is_known {
            self.reported.lock().unwrap().push((calling_ae.clone(), outcome));
        }
        is_known
    }

    async fn step_created(
        &self,
        _: AeTitle,
        step: SopInstanceUid,
        change: StepChange,
    ) -> Result<StepOutcome, SinkError> {
        let mut steps = self.steps.lock().unwrap();
        if steps.contains_key(&step) {
            return Ok(StepOutcome::Duplicate);
        }
        steps.insert(step, change);
        Ok(StepOutcome::Done)
    }

    async fn step_set(
        &self,
        step: SopInstanceUid,
        change: StepChange,
    ) -> Result<StepOutcome, SinkError> {
        let mut steps = self.steps.lock().unwrap();
        let Some(known) = steps.get_mut(&step) else { return Ok(StepOutcome::Unknown) };
        if known.status.is_some_and(StepStatus::is_final) {
            return Ok(StepOutcome::Final);
        }
        known.status = change.status.or(known.status);
        known.series = change.series.or(known.series.take());
        Ok(StepOutcome::Done)
    }
}

pub(super) struct Server {
    pub(super) address: std::net::SocketAddr,
    pub(super) records: Arc<Records>,
    pub(super) spool: Arc<Spool>,
    pub(super) scp: Arc<StoreScp<Records>>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) hearts: Heartbeats,
    events: mpsc::Receiver<ScpEvent>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
    dir: tempfile::TempDir,
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(edit: impl FnOnce(&mut ScpOptions)) -> Self {
        Self::start_on(None, edit).await
    }

    /// Plain, or with TLS.
    pub(super) async fn start_on(
        tls: Option<Acceptor>,
        edit: impl FnOnce(&mut ScpOptions),
    ) -> Self {
        Self::start_in(tls, edit, |_| {}).await
    }

    /// On a disk that is full.
    pub(super) async fn start_full() -> Self {
        Self::start_in(None, |_| {}, |spool| spool.free_bytes_min = u64::MAX).await
    }

    async fn start_in(
        tls: Option<Acceptor>,
        edit: impl FnOnce(&mut ScpOptions),
        edit_spool: impl FnOnce(&mut SpoolOptions),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = SpoolOptions::of(dir.path(), 2);
        edit_spool(&mut spool);
        let spool = Spool::open(&spool).unwrap().0;
        // Some instances find a prepared file, the others none.
        spool.prepare(Duration::from_secs(60)).unwrap();
        let spool = Arc::new(spool);
        let records = Arc::new(Records { folder: spool.folder().to_owned(), ..Records::default() });
        let clock = Arc::new(ManualClock::default());
        let hearts = Heartbeats::new(Arc::<ManualClock>::clone(&clock));
        let mut options = ScpOptions {
            ae_title: "PAROTIDD".parse().unwrap(),
            calling_ae_titles: CallingAeTitles::Only(["CT1".parse().unwrap()].into()),
            associations_max: 4,
            artim: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(2),
            clock: Arc::<ManualClock>::clone(&clock),
            hearts: hearts.clone(),
        };
        edit(&mut options);
        let (sender, events) = mpsc::channel(64);
        let scp = StoreScp::new(options, spool.clone(), records.clone(), sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(Arc::clone(&scp).serve(listener, tls, async move {
            let _ = stopped.await;
        }));
        let stop = Some(stop);
        Self { address, records, spool, scp, events, clock, hearts, stop, served, dir }
    }

    pub(super) fn instances(&self) -> Vec<ReceivedInstance> {
        self.records.instances.lock().unwrap().clone()
    }

    pub(super) fn refuse(&self, disposition: Option<Disposition>) {
        *self.records.refusal.lock().unwrap() = disposition;
    }

    /// Every file in the spool, relative to it.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        walk(self.spool.folder(), &mut files);
        files.iter().map(|path| path.strip_prefix(self.spool.folder()).unwrap().into()).collect()
    }

    /// Files that wait to be written over, or are being.
    pub(super) fn n_part_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("prepared")).unwrap().count()
    }

    /// Waits until the spool is as empty as it should be after a peer that broke off.
    pub(super) async fn expect_no_files(&self) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !self.files().is_empty() {
            assert!(std::time::Instant::now() < deadline, "left over: {:?}", self.files());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// It still does its work.
    pub(super) async fn expect_alive(&self) {
        timeout(PATIENCE, scu::echo::echo(self.address, &scu("CT1"))).await.unwrap().unwrap();
    }

    pub(super) async fn event(&mut self) -> ScpEvent {
        timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }

    pub(super) async fn stop(mut self) -> Vec<ScpEvent> {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, &mut self.served).await.unwrap().unwrap();
        let mut events = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            events.push(event);
        }
        events
    }
}

pub(super) fn scu(calling: &str) -> ScuOptions {
    ScuOptions {
        timeout: PATIENCE,
        ..ScuOptions::new(calling.parse().unwrap(), "PAROTIDD".parse().unwrap())
    }
}

/// A CT image's data set in Implicit VR, with `n_bytes` of pixel data.
pub(super) fn data_set(sop_instance: &str, n_bytes: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |tag: [u16; 2], value: &[u8], padding: u8| {
        let length = value.len() + value.len() % 2;
        bytes.extend(tag[0].to_le_bytes());
        bytes.extend(tag[1].to_le_bytes());
        bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len() + length - value.len(), padding);
    };
    push([0x0008, 0x0016], uids::CT_IMAGE_STORAGE.as_bytes(), 0);
    push([0x0008, 0x0018], sop_instance.as_bytes(), 0);
    push([0x0008, 0x0060], b"CT", b' ');
    push([0x0010, 0x0010], b"PHANTOM^ONE", b' ');
    push([0x0020, 0x000D], b"1.2.6", 0);
    push([0x0020, 0x000E], SERIES.as_bytes(), 0);
    let pixels: Vec<u8> = (0..n_bytes).map(|n| n.to_le_bytes()[0]).collect();
    push([0x7FE0, 0x0010], &pixels, 0);
    bytes
}

/// The same as a Part 10 file of another program.
pub(super) fn write_file(folder: &Path, sop_instance: &str, n_bytes: u32) -> PathBuf {
    let meta = FileMeta {
        sop_class: uids::CT_IMAGE_STORAGE.parse().unwrap(),
        sop_instance: sop_instance.parse().unwrap(),
        transfer_syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN.parse().unwrap(),
        source_ae: None,
    };
    let path = folder.join(format!("{sop_instance}.dcm"));
    std::fs::write(&path, [meta.encode(), data_set(sop_instance, n_bytes)].concat()).unwrap();
    path
}

/// A peer that says exactly what it is told to, byte for byte.
pub(super) struct RawPeer(pub(super) TcpStream);

pub(super) const CT: u8 = 1;
pub(super) const VERIFICATION: u8 = 3;

pub(super) fn request(calling: &str, called: &str) -> AssociationRQ {
    let context = |id, class: &str| PresentationContextProposed {
        id,
        abstract_syntax: class.to_owned(),
        transfer_syntaxes: vec![uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned()],
    };
    AssociationRQ {
        protocol_version: 1,
        calling_ae_title: calling.to_owned(),
        called_ae_title: called.to_owned(),
        application_context_name: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: vec![
            context(CT, uids::CT_IMAGE_STORAGE),
            context(VERIFICATION, uids::VERIFICATION),
            context(5, uids::MR_IMAGE_STORAGE),
        ],
        user_variables: vec![UserVariableItem::MaxLength(16_384)],
    }
}

pub(super) fn store_command(message_id: u16, sop_instance: &str) -> Vec<u8> {
    // The encoder takes only real UIDs, so the raw peer puts a stand-in's bytes in its place.
    let stand_in = format!("1.{}", "2".repeat(sop_instance.len() - 2));
    let class = uids::CT_IMAGE_STORAGE.parse().unwrap();
    let mut command = dimse::store_request(message_id, &class, &stand_in.parse().unwrap());
    let at = command.windows(stand_in.len()).rposition(|w| w == stand_in.as_bytes()).unwrap();
    command[at..at + stand_in.len()].copy_from_slice(sop_instance.as_bytes());
    command
}

pub(super) fn pdv(
    context: u8,
    value_type: PDataValueType,
    is_last: bool,
    data: &[u8],
) -> PDataValue {
    PDataValue { presentation_context_id: context, value_type, is_last, data: data.to_vec() }
}

impl RawPeer {
    pub(super) async fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    pub(super) async fn associated(server: &Server) -> Self {
        let mut peer = Self::connect(server).await;
        peer.send(&request("CT1", "PAROTIDD").into()).await;
        let Pdu::AssociationAC(accept) = peer.receive().await else { panic!("not accepted") };
        let reasons: Vec<_> =
            accept.presentation_contexts.into_iter().map(|context| context.reason).collect();
        use PresentationContextResultReason::{AbstractSyntaxNotSupported, Acceptance};
        assert_eq!(reasons, [Acceptance, Acceptance, AbstractSyntaxNotSupported]);
        peer
    }

    pub(super) async fn send(&mut self, pdu: &Pdu) {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        self.0.write_all(&bytes).await.unwrap();
    }

    pub(super) async fn send_pdvs(&mut self, data: Vec<PDataValue>) {
        self.send(&Pdu::PData { data }).await;
    }

    pub(super) async fn send_command(&mut self, context: u8, command: &[u8]) {
        self.send_pdvs(vec![pdv(context, PDataValueType::Command, true, command)]).await;
    }

    pub(super) async fn send_data(&mut self, context: u8, is_last: bool, data: &[u8]) {
        self.send_pdvs(vec![pdv(context, PDataValueType::Data, is_last, data)]).await;
    }

    pub(super) async fn receive(&mut self) -> Pdu {
        let mut bytes = vec![0; 6];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.unwrap().unwrap();
        let length = u32::from_be_bytes(bytes[2..6].try_into().unwrap());
        bytes.resize(6 + length as usize, 0);
        timeout(PATIENCE, self.0.read_exact(&mut bytes[6..])).await.unwrap().unwrap();
        read_pdu(&bytes[..], 65_536, false).unwrap().unwrap()
    }

    pub(super) async fn expect_response(
        &mut self,
        field: u16,
        message_id: u16,
        status: StoreStatus,
    ) {
        let Pdu::PData { data } = self.receive().await else { panic!("no response") };
        let command = dimse::Command::parse(&data[0].data).unwrap();
        assert_eq!(command, dimse::Command::Response(Response { field, message_id, status }));
    }

    pub(super) async fn expect_abort(&mut self) {
        assert!(matches!(
            self.receive().await,
            Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(_) }
        ));
        self.expect_close().await;
    }

    pub(super) async fn expect_close(&mut self) {
        let read = timeout(PATIENCE, self.0.read(&mut [0; 64])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}
