//! The one place that knows every task: channels, start order, stop order.
//!
//! ```text
//!  start: lock, database, spool, ports --> outbox, display --> worker --> worklist, series task --> ready
//!  stop:  listeners drain --> series task --> worker ends its job --> outbox --> display --> database
//! ```
//! Each task owns its state; they share nothing but the database, channels and the status.

mod arrivals;
mod counts;
mod error;
mod recorder;
mod reports;
mod stock;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use embedded_graphics::geometry::Size;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::error::DaemonError;

use self::arrivals::SeriesTask;
use self::recorder::{Heard, Recorder, recorder};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, DisplayBackend, Peer};
use crate::db::{self, Db, DbThread, instances, jobs, results};
use crate::delivery::{Destination, Outbox, Waker};
use crate::dicom::scu::PeerAddress;
use crate::dicom::store_scp::{CallingAeTitles, ScpOptions, StoreScp};
use crate::dicom::stow::{BearerToken, Stow, StowOptions};
use crate::dicom::tls::{Acceptor, Connector, Tls};
use crate::dicom::uid::SopInstanceUid;
use crate::display::backend::Backend;
use crate::display::task as display_task;
use crate::error::Chain;
use crate::intake::series::SeriesAssembler;
use crate::intake::spool::{Leftovers, Spool, SpoolOptions};
use crate::limits::{
    ARRIVALS_QUEUE_MAX, ARTIM, DB_BUSY, DRAIN, HEARTBEAT_RECEIVE, HEARTBEAT_WORKER,
    PREPARE_AT_START, REPORTS_QUEUE_MAX, SCP_EVENTS_MAX,
};
use crate::screening::Screener;
use crate::status::{LastResult, ModelVersions, Status};
use crate::status_writer::StatusWriter;
use crate::system::heartbeat::Heartbeats;
use crate::system::notify;
use crate::worker::{self, Worker};
use crate::worklist::{Arrivals, WorklistTask};

/// A running appliance.
#[derive(Debug)]
pub struct Daemon {
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    stow_addresses: Vec<SocketAddr>,
    status: Arc<StatusWriter>,
    listeners: JoinSet<()>,
    stop_listeners: watch::Sender<bool>,
    series: JoinSet<Result<(), DaemonError>>,
    rest: JoinSet<Result<(), DaemonError>>,
    stop_rest: watch::Sender<bool>,
    worker: oneshot::Receiver<Result<(), DaemonError>>,
    db: Db,
    db_thread: DbThread,
    /// Held until the end: two daemons on one folder would screen and send everything twice.
    _lock: File,
}

/// What all tasks are made from.
struct Parts {
    config: Config,
    screener: Arc<Screener>,
    clock: Arc<dyn Clock>,
    db: Db,
    spool: Arc<Spool>,
    destinations: Arc<[Destination]>,
    status: Arc<StatusWriter>,
    hearts: Heartbeats,
}

impl Daemon {
    /// Opens everything, goes on with what the last run left, and listens.
    ///
    /// # Errors
    /// When something that it cannot do without is missing; each error says what to do.
    pub async fn start(
        config: Config,
        screener: Screener,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DaemonError> {
        let tls = config.dicom.load_tls(clock.unix_ms())?;
        let lock = lock_data_dir(&config.data_dir)?;
        let (parts, db_thread) = open(config, screener, clock).await?;
        // Before the worker: a job that is begun and left for a taken port is an attempt spent.
        let plain = bind(&parts.config.dicom.listen).await?;
        let secure = bind(parts.config.dicom.tls_listen()).await?;
        let stow_bound = bind(&parts.config.stow.listen).await?;
        let stow_options = parts.stow_options()?;
        let (stop_listeners, stopping_listeners) = watch::channel(false);
        let (stop_rest, stopping_rest) = watch::channel(false);
        let mut rest = JoinSet::new();

        let outbox = parts.outbox();
        let waker = outbox.waker();
        let attempts = outbox.attempts();
        parts.spawn_rest(&mut rest, outbox, attempts, &stopping_rest);
        let (wake_worker, wakes) = sync_channel(1);
        let worker = parts.worker(waker);
        let worker = spawn_worker(move || worker.run(&wakes).map_err(DaemonError::Db))?;

        let (arrivals, arrived) = mpsc::channel(ARRIVALS_QUEUE_MAX);
        let (events, happened) = mpsc::channel(SCP_EVENTS_MAX);
        let mut assembler = SeriesAssembler::new(parts.config.waits());
        arrivals::reopen(&parts.db, &mut assembler, parts.clock.monotonic()).await?;
        let orders = parts.spawn_worklist(&mut rest, tls.as_ref(), &stopping_rest)?;
        let series_task = parts.series_task(assembler, wake_worker, orders);
        let mut series = JoinSet::new();
        series.spawn(async move { Ok(series_task.run(arrived, happened).await?) });

        let sink = Arc::new(parts.spawn_recording(
            &mut series,
            &mut rest,
            arrivals,
            tls.as_ref(),
            &stopping_rest,
        )?);
        let scp = StoreScp::new(parts.scp_options(), Arc::clone(&parts.spool), sink, events);
        let stow = Stow::new(stow_options, Arc::clone(&scp));
        let mut listeners = JoinSet::new();
        let stop = || stopped(stopping_listeners.clone());
        let mut serve = |bound, tls: Option<Acceptor>| {
            serve_all(&mut listeners, bound, |it| Arc::clone(&scp).serve(it, tls.clone(), stop()))
        };
        let addresses = serve(plain, None);
        let tls_addresses = serve(secure, tls.as_ref().map(Tls::acceptor));
        let stow_addresses =
            serve_all(&mut listeners, stow_bound, |it| Arc::clone(&stow).serve(it, stop()));
        parts.status.ready();
        Ok(Self {
            addresses,
            tls_addresses,
            stow_addresses,
            status: parts.status,
            listeners,
            stop_listeners,
            series,
            rest,
            stop_rest,
            worker,
            db: parts.db,
            db_thread,
            _lock: lock,
        })
    }

    /// Where it listens for plain DICOM.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for DICOM over TLS.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Where it listens for STOW-RS.
    #[must_use]
    pub fn stow_addresses(&self) -> &[SocketAddr] {
        &self.stow_addresses
    }

    /// What it does.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.watch()
    }

    /// Runs until `shutdown`, then stops in order, within [`DRAIN`] for each step.
    ///
    /// # Errors
    /// When a task failed; everything else was stopped in order first.
    pub async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), DaemonError> {
        let mut outcome = tokio::select! {
            () = shutdown => Ok(()),
            ended = &mut self.worker => flatten("worker", ended.ok()),
            Some(ended) = self.series.join_next() => flatten("rows or series", ended.ok()),
            Some(ended) = self.rest.join_next() => flatten("outbox, worklist or display", ended.ok()),
            Some(_) = self.listeners.join_next() => Err(DaemonError::TaskEnded { task: "listener" }),
        };
        notify::stopping();
        self.status.stopping();
        tracing::info!("stopping");
        self.stop_listeners.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        // The last listener is gone, and with it the last recorder: its rows are written, then the series
        // task ends, and with it the worker's last waker.
        if timeout(DRAIN, drain(&mut self.series)).await.is_err() {
            tracing::warn!("rows or series tasks did not end");
        }
        if outcome.is_ok() {
            match timeout(DRAIN, &mut self.worker).await {
                Ok(ended) => outcome = flatten("worker", ended.ok()),
                Err(_) => self.leave_analysis().await,
            }
        }
        self.stop_rest.send_replace(true);
        if timeout(DRAIN, drain(&mut self.rest)).await.is_err() {
            tracing::warn!("a delivery under way is left for the next start");
            self.rest.shutdown().await;
        }
        tracing::info!("stopped");
        drop(self.db_thread);
        outcome
    }

    /// The job under way is in the database and is claimed again at the next start, as if new.
    async fn leave_analysis(&self) {
        tracing::warn!("the analysis under way is left for the next start");
        match timeout(DB_BUSY, self.db.call(jobs::give_back_attempt())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "it counts as an attempt"),
            Err(_) => tracing::warn!("it counts as an attempt: the database is busy"),
        }
    }
}

impl Parts {
    fn scp_options(&self) -> ScpOptions {
        let dicom = &self.config.dicom;
        let anyone = dicom.calling_ae_titles.iter().any(|title| title.as_str() == "*");
        ScpOptions {
            ae_title: dicom.ae_title.clone(),
            calling_ae_titles: if anyone {
                CallingAeTitles::Any
            } else {
                CallingAeTitles::Only(dicom.calling_ae_titles.iter().cloned().collect())
            },
            associations_max: dicom.associations_max,
            artim: ARTIM,
            idle_timeout: std::time::Duration::from_secs(dicom.idle_timeout_s),
            clock: Arc::clone(&self.clock),
        }
    }

    fn stow_options(&self) -> Result<StowOptions, DaemonError> {
        let stow = &self.config.stow;
        let token = stow.bearer_token_file.as_deref().map(|path| {
            BearerToken::read(path)
                .map_err(|source| DaemonError::Token { path: path.to_owned(), source })
        });
        Ok(StowOptions {
            base_path: stow.base_path.clone(),
            token: token.transpose()?,
            requests_max: stow.requests_max,
            head_timeout: ARTIM,
            idle_timeout: std::time::Duration::from_secs(self.config.dicom.idle_timeout_s),
        })
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.db.clone(), Arc::clone(&self.clock), Arc::clone(&self.destinations))
    }

    fn worker(&self, outbox: Waker) -> Worker {
        Worker {
            db: self.db.clone(),
            screener: Arc::clone(&self.screener),
            clock: Arc::clone(&self.clock),
            spool: self.spool.folder().to_owned(),
            has_worklist: self.config.worklist.is_some(),
            destinations: Arc::clone(&self.destinations),
            outbox,
            status: Arc::clone(&self.status),
            heart: self.hearts.register("worker", HEARTBEAT_WORKER),
        }
    }

    fn series_task(
        &self,
        assembler: SeriesAssembler,
        worker: SyncSender<()>,
        orders: Option<Arrivals>,
    ) -> SeriesTask {
        SeriesTask {
            db: self.db.clone(),
            clock: Arc::clone(&self.clock),
            assembler,
            model_key: self.screener.key(),
            worker,
            status: Arc::clone(&self.status),
            heart: self.hearts.register("series", HEARTBEAT_RECEIVE),
            orders,
        }
    }

    /// The worklist's task, where there is one, and the way to tell it of studies.
    fn spawn_worklist(
        &self,
        tasks: &mut JoinSet<Result<(), DaemonError>>,
        tls: Option<&Tls>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Option<Arrivals>, DaemonError> {
        let Some(settings) = self.config.worklist.clone() else { return Ok(None) };
        let task = WorklistTask {
            tls: connector(tls, settings.tls, &settings.address)?,
            settings,
            calling_ae: self.config.dicom.ae_title.clone(),
            db: self.db.clone(),
            clock: Arc::clone(&self.clock),
            status: Arc::clone(&self.status),
            heart: self.hearts.register("worklist", HEARTBEAT_RECEIVE),
        };
        let (arrivals, arrived) = Arrivals::channel();
        let stop = stopped(stopping.clone());
        tasks.spawn(async move { Ok(task.run(arrived, stop).await?) });
        Ok(Some(arrivals))
    }

    /// What writes rows, makes files ahead, and reports on storage commitment.
    fn spawn_recording(
        &self,
        series: &mut JoinSet<Result<(), DaemonError>>,
        rest: &mut JoinSet<Result<(), DaemonError>>,
        heard: mpsc::Sender<Heard>,
        tls: Option<&Tls>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Recorder, DaemonError> {
        let heart = self.hearts.register("rows", HEARTBEAT_RECEIVE);
        let (unheard, to_report) = mpsc::channel(REPORTS_QUEUE_MAX);
        let clock = Arc::clone(&self.clock);
        let (sink, rows) = recorder(self.db.clone(), clock, heard, unheard, heart);
        series.spawn(async move { Ok(rows.run().await?) });
        let peer = |peer: &Peer| {
            let tls = connector(tls, peer.tls, &peer.address)?;
            Ok((peer.ae_title.clone(), (peer.address.clone(), tls)))
        };
        let peers = self.config.dicom.peers.iter().map(peer).collect::<Result<_, DaemonError>>()?;
        let own = self.config.dicom.ae_title.clone();
        let reporting = reports::run(own, peers, to_report, stopping.clone());
        let stock = stock::keep(Arc::clone(&self.spool), stopping.clone());
        rest.spawn(async move {
            tokio::join!(reporting, stock);
            Ok(())
        });
        Ok(sink)
    }

    /// Outbox, display, counts and watchdog.
    fn spawn_rest(
        &self,
        tasks: &mut JoinSet<Result<(), DaemonError>>,
        outbox: Outbox,
        attempts: watch::Receiver<u64>,
        stopping: &watch::Receiver<bool>,
    ) {
        let stop = stopped(stopping.clone());
        tasks.spawn(async move { Ok(outbox.run(stop).await?) });
        let stop = stopped(stopping.clone());
        let display = display_task::run(
            display_backend(&self.config),
            Arc::clone(&self.clock),
            self.status.watch(),
            stop,
        );
        tasks.spawn(async move {
            display.await;
            Ok(())
        });
        let counts = counts::run(
            self.db.clone(),
            Arc::clone(&self.status),
            attempts,
            self.hearts.register("counts", HEARTBEAT_RECEIVE),
            stopping.clone(),
        );
        tasks.spawn(async move { Ok(counts.await?) });
        let feeding = notify::feed_watchdog(self.hearts.clone(), stopped(stopping.clone()));
        tasks.spawn(async move {
            feeding.await;
            Ok(())
        });
    }
}

/// Makes the data folder and locks it.
fn lock_data_dir(data_dir: &Path) -> Result<File, DaemonError> {
    let problem = |source| DaemonError::DataDir { path: data_dir.to_owned(), source };
    fs::create_dir_all(data_dir).map_err(problem)?;
    let lock = File::create(data_dir.join("lock")).map_err(problem)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(DaemonError::InUse { path: data_dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(problem(source)),
    }
}

/// Database and spool, made to agree; jobs that the last run left are queued again.
async fn open(
    config: Config,
    screener: Screener,
    clock: Arc<dyn Clock>,
) -> Result<(Parts, DbThread), DaemonError> {
    let db_path = config.database();
    let spool_options = SpoolOptions::of(&config.data_dir, config.spool.prepared_files);
    let opening = move || -> Result<_, DaemonError> {
        screener.warm_up()?;
        let opened = db::open(&db_path)?;
        let (spool, left) = Spool::open(&spool_options)?;
        if left != Leftovers::default() {
            let (n_restored, n_removed) = (left.restored.len(), left.removed.len());
            tracing::warn!(n_restored, n_removed, "instances that were not finished");
        }
        if let Err(error) = spool.prepare(PREPARE_AT_START) {
            tracing::warn!(error = %Chain(&error), "no files made ahead");
        }
        Ok((screener, opened, spool))
    };
    let (screener, opened, spool) = tokio::task::spawn_blocking(opening)
        .await
        .map_err(|_| DaemonError::TaskEnded { task: "opening" })??;
    record_the_rest(&opened.db, &spool, &config).await?;
    let n_jobs = opened.db.call(jobs::recover(screener.key())).await?;
    if n_jobs > 0 {
        tracing::info!(n_jobs, "jobs go on");
    }
    let identities = screener.identities();
    let (status, _) = StatusWriter::new(Status {
        models: Some(ModelVersions {
            localizer: identities.localizer.version,
            segmenter: identities.segmenter.version,
        }),
        last_result: last_result(&opened.db).await?,
        ..Status::default()
    });
    let parts = Parts {
        destinations: config.destinations.clone().into(),
        config,
        screener: Arc::new(screener),
        hearts: Heartbeats::new(Arc::clone(&clock)),
        clock,
        db: opened.db,
        spool: Arc::new(spool),
        status: Arc::new(status),
    };
    Ok((parts, opened.thread))
}

/// The newest answer, which a restart must not take off the display.
async fn last_result(db: &Db) -> Result<Option<LastResult>, DaemonError> {
    let Some(stored) = db.call(results::latest()).await? else { return Ok(None) };
    // Stored by an earlier version, perhaps; the display can do without.
    let report = serde_json::from_str(&stored.report).ok();
    Ok(report.map(|report| LastResult {
        finished_unix_ms: stored.created_unix_ms,
        outcome: worker::outcome(&report),
    }))
}

/// Writes a row for every instance of the spool that has none: the power went before it was written, or
/// the database was damaged and a new one is empty.
async fn record_the_rest(db: &Db, spool: &Spool, config: &Config) -> Result<(), DaemonError> {
    let named = spool.recover()?.into_iter().filter_map(|path| {
        let name = path.file_stem()?.to_str()?.parse::<SopInstanceUid>().ok()?;
        Some((name, path))
    });
    let mut paths: BTreeMap<_, _> = named.collect();
    let without = instances::without_row(paths.keys().cloned().collect());
    let mut found = Vec::new();
    for name in db.call(without).await? {
        let Some(path) = paths.remove(&name) else { continue };
        match spool.read_back(&path, &config.dicom.ae_title) {
            Ok(instance) => found.push(instance),
            Err(error) => tracing::warn!(%error, "an instance of the spool cannot be read"),
        }
    }
    if !found.is_empty() {
        let n = db.call(instances::record_all(found)).await?;
        tracing::warn!(n, "instances were recorded from the spool");
    }
    Ok(())
}

async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, DaemonError> {
    let mut listeners = Vec::new();
    for &address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| DaemonError::Listen { address, source })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// TLS to a peer that wants it.
fn connector(
    tls: Option<&Tls>,
    is_wanted: bool,
    address: &PeerAddress,
) -> Result<Option<Connector>, DaemonError> {
    let tls = tls.filter(|_| is_wanted);
    let connector = tls.map(|tls| tls.connector(address.host())).transpose();
    Ok(connector.map_err(ConfigError::from)?)
}

/// Serves each of these; says where they are.
fn serve_all<F: Future<Output = ()> + Send + 'static>(
    tasks: &mut JoinSet<()>,
    bound: Vec<TcpListener>,
    serve: impl Fn(TcpListener) -> F,
) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for listener in bound {
        addresses.extend(listener.local_addr());
        tasks.spawn(serve(listener));
    }
    addresses
}

fn display_backend(config: &Config) -> Backend {
    let display = &config.display;
    match display.backend {
        DisplayBackend::None => Backend::None,
        DisplayBackend::Headless => Backend::headless(
            config.data_dir.join(&display.path),
            Size::new(display.width, display.height),
        ),
        DisplayBackend::Framebuffer => Backend::framebuffer(&display.device).unwrap_or_else(|error| {
            // Alerts matter more than the picture of them.
            tracing::error!(error = %Chain(&error), "the display cannot be used; going on without");
            Backend::None
        }),
    }
}

/// Inference has a thread of its own: asynchronous tasks never wait for it.
fn spawn_worker(
    run: impl FnOnce() -> Result<(), DaemonError> + Send + 'static,
) -> Result<oneshot::Receiver<Result<(), DaemonError>>, DaemonError> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("worker".into())
        .spawn(move || {
            // Nobody waits for it any more when the program ends first.
            let _ = ended.send(run());
        })
        .map_err(DaemonError::Spawn)?;
    Ok(end)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone has no more to say than stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn drain(tasks: &mut JoinSet<Result<(), DaemonError>>) {
    while tasks.join_next().await.is_some() {}
}

fn flatten(task: &'static str, ended: Option<Result<(), DaemonError>>) -> Result<(), DaemonError> {
    ended.unwrap_or(Err(DaemonError::TaskEnded { task }))
}
