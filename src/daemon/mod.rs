//! The one place that knows every task: channels, start order, stop order.
//!
//! ```text
//!  start: lock, database, spool, ports --> outbox, display, panel --> worker --> worklist, series task --> ready
//!  stop:  listeners drain --> series task --> worker ends its job --> outbox --> display, panel --> database
//! ```
//! Each task owns its state; they share nothing but the database, channels and the status.

mod arrivals;
mod console;
mod counts;
mod error;
mod listening;
mod opening;
mod parts;
mod patient;
mod recorder;
mod reports;
mod retention;
mod stock;
mod surroundings;

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::error::DaemonError;
pub use self::opening::lock_data_dir;

use self::listening::{Services, bind};
use self::opening::open;
use crate::clock::Clock;
use crate::config::{Config, Service};
use crate::db::{Db, DbThread, jobs};
use crate::delivery::Commitments;
use crate::dicom::store_scp::StoreScp;
use crate::dicom::stow::Stow;
use crate::dicom::tls::Tls;
use crate::error::Chain;
use crate::intake::series::SeriesAssembler;
use crate::limits::{ARRIVALS_QUEUE_MAX, DB_BUSY, DRAIN, SCP_EVENTS_MAX};
use crate::screening::Screener;
use crate::status::Status;
use crate::status_writer::StatusWriter;
use crate::system::notify;
use crate::system::passed_sockets::ListeningSocket;

/// A running appliance.
#[derive(Debug)]
pub struct Daemon {
    listening: Vec<(Service, SocketAddr)>,
    status: Arc<StatusWriter>,
    listeners: JoinSet<()>,
    stop_listeners: watch::Sender<bool>,
    series: JoinSet<Result<(), DaemonError>>,
    rest: JoinSet<Result<(), DaemonError>>,
    stop_rest: watch::Sender<bool>,
    worker: oneshot::Receiver<Result<(), DaemonError>>,
    commitments: Arc<Commitments>,
    db: Db,
    db_thread: DbThread,
    /// Held until the end: two daemons on one folder would screen and send everything twice.
    _lock: File,
}

impl Daemon {
    /// Opens everything, goes on with what the last run left, and listens; on `passed` sockets where they are the
    /// settings'.
    ///
    /// # Errors
    /// When something that it cannot do without is missing; each error says what to do.
    pub async fn start(
        config: Config,
        screener: Screener,
        clock: Arc<dyn Clock>,
        passed: Vec<ListeningSocket>,
    ) -> Result<Self, DaemonError> {
        let tls = config.dicom.load_tls(clock.unix_ms())?;
        let token = config.stow.load_token()?;
        let lock = lock_data_dir(&config.data_dir)?;
        let (parts, db_thread) = open(config, screener, clock).await?;
        // Before the worker: a job that is begun and left for a taken port is an attempt spent.
        let bound = bind(&parts.config, passed)?;
        let (stop_listeners, stopping_listeners) = watch::channel(false);
        let (stop_rest, stopping_rest) = watch::channel(false);
        let mut rest = JoinSet::new();

        let outbox = parts.outbox(tls.as_ref())?;
        let outbox_waker = outbox.waker();
        let attempts = outbox.attempts();
        parts.spawn_rest(&mut rest, outbox, attempts, &stopping_rest);
        let reviewer = parts.reviewer(outbox_waker.clone());
        let (wake_worker, wakes) = sync_channel(1);
        let worker = parts.worker(outbox_waker.clone());
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
        let stow = Stow::new(parts.stow_options(token), Arc::clone(&scp));
        let console = parts.console(outbox_waker, tls.as_ref()).await?;
        let services = Services {
            scp,
            tls: tls.as_ref().map(Tls::acceptor),
            stow,
            reviewer,
            report_options: parts.report_options(),
            console,
        };
        let (listeners, listening) = bound.serve(&services, &stopping_listeners);
        parts.status.ready();
        Ok(Self {
            listening,
            status: parts.status,
            listeners,
            stop_listeners,
            series,
            rest,
            stop_rest,
            worker,
            commitments: parts.commitments,
            db: parts.db,
            db_thread,
            _lock: lock,
        })
    }

    /// What it listens for, and where.
    #[must_use]
    pub fn listening(&self) -> &[(Service, SocketAddr)] {
        &self.listening
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
            Some(ended) = self.rest.join_next() => flatten("outbox, worklist, display or panel", ended.ok()),
            Some(_) = self.listeners.join_next() => Err(DaemonError::TaskEnded { task: "listener" }),
        };
        notify::stopping();
        self.status.stopping();
        tracing::info!("stopping");
        self.stop_listeners.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        // Nobody reports any more.
        self.commitments.close();
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
