//! Storage SCP: takes CT instances from scanners and PACS, promises to keep them, hears of procedure steps, and
//! answers C-ECHO.
//!
//! ```text
//! listener --> connection --(TLS, then) A-ASSOCIATE-RQ within ARTIM--> association, with one of n permits
//!                 |                                                        |
//!                 +-- evicted while silent, if too many                    +--> spool --> sink --> Success
//! ```
//!
//! Each connection has a thread of its own ([`listener`]). `Success` is answered only after the file is durable and the sink has
//! taken the instance. A permit is taken only by a complete and acceptable request, so silent connections
//! never lock a scanner out.

mod association;
mod commitment_report;
mod incoming;
mod negotiation;
mod procedure_step;
mod request;
mod sink;
mod storage_commitment;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dicom_ul::pdu::Pdu;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use self::association::Association;
pub(in crate::dicom) use self::incoming::{Incoming, Refusal, Summary};
use self::negotiation::{Agreement, negotiate};
pub use self::negotiation::{CallingAeTitles, Rejection, SERVICE_SOP_CLASSES, STORAGE_SOP_CLASSES};
use self::request::AssociateRequest;
pub use self::sink::{InstanceSink, ListSink, Sink, SinkError};
use crate::clock::Clock;
use crate::dicom::listener::{self, Serve, Stop};
use crate::dicom::tls::{Acceptor, HandshakeError};
use crate::dicom::uid::{AeTitle, SeriesInstanceUid};
use crate::dicom::upper_layer::{PduStream, PduType, UpperLayerError};
use crate::error::Chain;
use crate::heartbeat::{Heart, Heartbeats};
use crate::intake::spool::Spool;
use crate::limits;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ScpOptions {
    /// Our own name; associations that call another are rejected.
    pub ae_title: AeTitle,
    /// Who may connect.
    pub calling_ae_titles: CallingAeTitles,
    /// Associations at once, at most [`limits::ASSOCIATIONS_MAX`].
    pub associations_max: usize,
    /// Time from the connection to a complete request, TLS handshake included.
    pub artim: Duration,
    /// Silence within an association, and the most that one PDU may take.
    pub idle_timeout: Duration,
    /// For the time of reception.
    pub clock: Arc<dyn Clock>,
    /// Each loop that accepts connections has a heart among them, [`limits::HEARTBEAT_RECEIVE`].
    pub hearts: Heartbeats,
}

/// How an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociationEnd {
    /// The peer released it: it has sent what it wanted to.
    Released,
    /// The peer aborted it.
    Aborted,
    /// It broke, timed out, or the peer broke the protocol.
    Failed,
    /// We are stopping.
    Stopped,
}

/// What happens, for status, logs and the series assembler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScpEvent {
    /// An association was accepted.
    Opened {
        /// Its number, unique within the process.
        association: u64,
        /// Who asked.
        calling_ae: AeTitle,
        /// From where.
        peer: SocketAddr,
    },
    /// An association was rejected.
    Rejected {
        /// From where.
        peer: SocketAddr,
        /// Why.
        rejection: Rejection,
    },
    /// An accepted association ended.
    Closed {
        /// Its number.
        association: u64,
        /// How.
        end: AssociationEnd,
        /// Instances answered with success.
        n_instances: u64,
        /// Their series, the first [`limits::ASSOCIATION_SERIES_MAX`] of them.
        series: Vec<SeriesInstanceUid>,
    },
}

/// The service on one kind of port.
struct Listening<S> {
    scp: Arc<StoreScp<S>>,
    tls: Option<Acceptor>,
}

impl<S: Sink> Serve for Listening<S> {
    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        evicted: oneshot::Receiver<()>,
        stopping: watch::Receiver<Stop>,
    ) {
        self.scp.connection(stream, peer, self.tls.as_ref(), evicted, stopping).await;
    }
}

/// The service; shared by all its listeners.
#[derive(Debug)]
pub struct StoreScp<S> {
    options: ScpOptions,
    spool: Arc<Spool>,
    sink: Arc<S>,
    events: mpsc::Sender<ScpEvent>,
    permits: Arc<Semaphore>,
    n_associations: AtomicU64,
}

impl<S: Sink> StoreScp<S> {
    /// A service that writes to `spool` and records to `sink`. Whoever is not interested in events
    /// drops their receiver.
    #[must_use]
    pub fn new(
        options: ScpOptions,
        spool: Arc<Spool>,
        sink: Arc<S>,
        events: mpsc::Sender<ScpEvent>,
    ) -> Arc<Self> {
        let n_permits = options.associations_max.min(limits::ASSOCIATIONS_MAX);
        let permits = Arc::new(Semaphore::new(n_permits));
        Arc::new(Self { options, spool, sink, events, permits, n_associations: AtomicU64::new(0) })
    }

    /// Accepts until `shutdown` is ready, plain connections or those of `tls`. Then idle associations are
    /// aborted at once, and those in the middle of a message get [`limits::DRAIN`] to finish it.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<Acceptor>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let heart = self.heart();
        listener::serve(Arc::new(Listening { scp: self, tls }), listener, heart, shutdown).await;
    }

    /// For a loop that accepts connections with images.
    pub(in crate::dicom) fn heart(&self) -> Heart {
        self.options.hearts.register("receive", limits::HEARTBEAT_RECEIVE)
    }

    /// Where this service and others beside it keep what they receive.
    pub(in crate::dicom) fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// An exchange in which instances may come has begun: its number, which no other has.
    pub(in crate::dicom) async fn opened(&self, calling_ae: AeTitle, peer: SocketAddr) -> u64 {
        let association = self.n_associations.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(association, %peer, %calling_ae, "association opened");
        self.tell(ScpEvent::Opened { association, calling_ae, peer }).await;
        association
    }

    /// That exchange has ended.
    pub(in crate::dicom) async fn closed(
        &self,
        association: u64,
        end: AssociationEnd,
        summary: Summary,
    ) {
        let Summary { n_instances, series } = summary;
        // Whoever hears of the end has heard of what it brought.
        if n_instances > 0 {
            let settled = timeout(limits::RECORD_STALL, self.sink.settled()).await;
            if !matches!(settled, Ok(Ok(()))) {
                tracing::warn!(
                    association,
                    "instances not recorded at the end of their association"
                );
            }
        }
        let series = series.into_iter().collect();
        tracing::debug!(association, ?end, n_instances, "association closed");
        self.tell(ScpEvent::Closed { association, end, n_instances, series }).await;
    }

    async fn tell(&self, event: ScpEvent) {
        // A receiver that is gone does not want to know; one that is stuck must not hold us for ever.
        let _ = self.events.send_timeout(event, limits::RECORD_STALL).await;
    }

    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<&Acceptor>,
        mut evicted: oneshot::Receiver<()>,
        stopping: watch::Receiver<Stop>,
    ) {
        let deadline = Instant::now() + self.options.artim;
        let Some(acceptor) = tls else {
            return self.converse(stream, peer, deadline, evicted, stopping).await;
        };
        let secured = tokio::select! {
            biased;
            secured = self.secure(acceptor, stream, peer, deadline) => secured,
            // Too many silent connections, or the end of the service.
            _ = &mut evicted => return,
        };
        if let Some(stream) = secured {
            // Boxed: the state of TLS would make this future, and that of plain connections, large.
            self.converse(Box::new(stream), peer, deadline, evicted, stopping).await;
        }
    }

    /// The TLS handshake. A peer that fails in it takes no permit, and is told why as far as it listens.
    async fn secure(
        &self,
        acceptor: &Acceptor,
        stream: TcpStream,
        peer: SocketAddr,
        deadline: Instant,
    ) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<S>> {
        let (error, stream) = match timeout_at(deadline, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err((error, stream))) => (error, Some(stream)),
            Err(_) => (HandshakeError::TimedOut(self.options.artim), None),
        };
        tracing::warn!(%peer, error = %Chain(&error), "no association");
        if let Some(stream) = stream {
            let mut pdus = PduStream::new(stream);
            if matches!(error, HandshakeError::PlainDicom) {
                pdus.abort(&UpperLayerError::unexpected("this port is for TLS")).await;
            } else {
                pdus.linger().await;
            }
        }
        None
    }

    /// Serves a connection that is no socket, for the fuzz targets.
    #[cfg(fuzzing)]
    pub(crate) async fn converse_on<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
        peer: SocketAddr,
    ) {
        let (_evict, evicted) = oneshot::channel();
        let (_stop, stopping) = watch::channel(Stop::No);
        self.converse(stream, peer, Instant::now() + self.options.artim, evicted, stopping).await;
    }

    /// From the request to the end.
    async fn converse<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
        peer: SocketAddr,
        deadline: Instant,
        evicted: oneshot::Receiver<()>,
        stopping: watch::Receiver<Stop>,
    ) {
        let mut pdus = PduStream::new(stream);
        let request = tokio::select! {
            biased;
            request = timeout_at(deadline, self.read_request(&mut pdus)) => {
                request.unwrap_or(Err(UpperLayerError::TimedOut(self.options.artim)))
            }
            // Too many silent connections, or the end of the service.
            _ = evicted => return,
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%peer, error = %Chain(&error), "no association");
                return pdus.abort(&error).await;
            }
        };
        match self.admit(&request) {
            Ok((agreement, permit)) => {
                self.associate(&mut pdus, peer, agreement, permit, stopping).await;
            }
            Err(rejection) => {
                tracing::warn!(%peer, %rejection, "association rejected");
                let rejected = Pdu::AssociationRJ(rejection.pdu());
                if pdus.write(&rejected, self.options.artim).await.is_ok() {
                    pdus.linger().await;
                }
                self.tell(ScpEvent::Rejected { peer, rejection }).await;
            }
        }
    }

    /// The whole request; the caller holds it to ARTIM, from the connection on (PS3.8 9.1.5).
    async fn read_request<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        pdus: &mut PduStream<T>,
    ) -> Result<AssociateRequest, UpperLayerError> {
        let mut body = Vec::new();
        match pdus.read(&mut body, self.options.artim).await? {
            PduType::AssociateRq => AssociateRequest::parse(&body).map_err(|error| {
                tracing::warn!(error = %Chain(&error), "association request refused");
                UpperLayerError::invalid("malformed association request")
            }),
            PduType::Abort => Err(UpperLayerError::Closed),
            _ => Err(UpperLayerError::unexpected("no association request")),
        }
    }

    fn admit(
        &self,
        request: &AssociateRequest,
    ) -> Result<(Agreement, OwnedSemaphorePermit), Rejection> {
        let agreement =
            negotiate(request, &self.options.ae_title, &self.options.calling_ae_titles)?;
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Rejection::TooMany)?;
        Ok((agreement, permit))
    }

    async fn associate<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        pdus: &mut PduStream<T>,
        peer: SocketAddr,
        agreement: Agreement,
        permit: OwnedSemaphorePermit,
        mut stopping: watch::Receiver<Stop>,
    ) {
        let calling_ae = agreement.calling_ae.clone();
        let association = self.opened(calling_ae.clone(), peer).await;
        let mut served = Association::new(pdus, self, association, agreement, permit);
        let outcome = served.run(&mut stopping).await;
        // This drops the permit and an instance that is not complete.
        let (summary, reports) = served.end();
        let end = match &outcome {
            Ok(end) => *end,
            Err(error) => {
                tracing::warn!(association, %peer, error = %Chain(error), "association failed");
                AssociationEnd::Failed
            }
        };
        self.closed(association, end, summary).await;
        for report in reports.unheard() {
            self.sink.report_unheard(&calling_ae, report);
        }
        match outcome {
            Ok(_) => pdus.linger().await,
            Err(error) => pdus.abort(&error).await,
        }
    }
}
