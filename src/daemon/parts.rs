//! What all tasks are made from, and how each of them is made.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::arrivals::SeriesTask;
use super::patient::PatientLabel;
use super::recorder::{Heard, Recorder, Told, recorder};
use super::surroundings::Watcher;
use super::{DaemonError, counts, reports, retention, stock, stopped};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Peer};
use crate::db::Db;
use crate::delivery::routing::Rules;
use crate::delivery::{Commitments, Means, Outbox, Waker, channels};
use crate::dicom::scu::PeerAddress;
use crate::dicom::store_scp::{CallingAeTitles, ScpOptions};
use crate::dicom::stow::{BearerToken, StowOptions};
use crate::dicom::tls::{Connector, Tls};
use crate::display::ambience::Ambience;
use crate::display::panel::Panel;
use crate::display::patient::Shown;
use crate::display::task::{self as display_task, Look};
use crate::heartbeat::Heartbeats;
use crate::hl7::listener::ListenerOptions;
use crate::intake::decode_ahead::DecodeAhead;
use crate::intake::series::SeriesAssembler;
use crate::intake::spool::Spool;
use crate::keeping::Remover;
use crate::limits::{ARTIM, HEARTBEAT_RECEIVE, HEARTBEAT_WORKER, REPORTS_QUEUE_MAX};
use crate::panel::task::PanelTask;
use crate::report_text::ReportReader;
use crate::review::Reviewer;
use crate::screening::Screener;
use crate::status::DisplayState;
use crate::status_writer::StatusWriter;
use crate::system::board::Board;
use crate::system::notify;
use crate::worker::Worker;
use crate::worker::pace::Pace;
use crate::worklist::{Arrivals, WorklistTask};

/// What all tasks are made from.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) board: Board,
    pub(super) screener: Arc<Screener>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) db: Db,
    pub(super) spool: Arc<Spool>,
    pub(super) ahead: Arc<DecodeAhead>,
    pub(super) rules: Arc<Rules>,
    pub(super) status: Arc<StatusWriter>,
    pub(super) hearts: Heartbeats,
    /// Asked for by the outbox, heard of by the recorder.
    pub(super) commitments: Arc<Commitments>,
}

impl Parts {
    pub(super) fn scp_options(&self) -> ScpOptions {
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
            hearts: self.hearts.clone(),
        }
    }

    pub(super) fn stow_options(&self, token: Option<BearerToken>) -> StowOptions {
        let stow = &self.config.stow;
        StowOptions {
            base_path: stow.base_path.clone(),
            token,
            requests_max: stow.requests_max,
            head_timeout: ARTIM,
            idle_timeout: std::time::Duration::from_secs(self.config.dicom.idle_timeout_s),
        }
    }

    pub(super) fn outbox(&self, tls: Option<&Tls>) -> Result<Outbox, DaemonError> {
        let means = Means {
            calling_ae: &self.config.dicom.ae_title,
            results: self.config.results(),
            tls,
            commitments: Arc::clone(&self.commitments),
        };
        let channels = channels(&self.rules.destinations, &means).map_err(ConfigError::from)?;
        let outbox = Outbox::new(self.db.clone(), Arc::clone(&self.clock), channels);
        Ok(outbox.with_hearts(self.hearts.clone()))
    }

    /// What takes radiologists' reports.
    pub(super) fn reviewer(&self, outbox: Waker) -> Arc<Reviewer> {
        Arc::new(Reviewer {
            db: self.db.clone(),
            clock: Arc::clone(&self.clock),
            reader: Arc::new(ReportReader::english()),
            rules: Arc::clone(&self.rules),
            outbox,
        })
    }

    pub(super) fn report_options(&self) -> ListenerOptions {
        let reports = &self.config.reports;
        ListenerOptions {
            connections_max: reports.connections_max,
            idle_timeout: std::time::Duration::from_secs(reports.idle_timeout_s),
            clock: Arc::clone(&self.clock),
        }
    }

    pub(super) fn worker(&self, outbox: Waker) -> Worker {
        Worker {
            db: self.db.clone(),
            screener: Arc::clone(&self.screener),
            clock: Arc::clone(&self.clock),
            spool: self.spool.folder().to_owned(),
            ahead: Arc::clone(&self.ahead),
            results: self.config.results(),
            has_viewer: !self.config.console.listen.is_empty(),
            has_worklist: self.config.worklist.is_some(),
            rules: Arc::clone(&self.rules),
            outbox,
            display: Shown {
                patient: self.config.display.patient,
                key_slice: self.config.display.key_slice,
            },
            pace: Pace::default(),
            status: Arc::clone(&self.status),
            slow: OnceLock::new(),
            heart: self.hearts.register("worker", HEARTBEAT_WORKER),
        }
    }

    pub(super) fn series_task(
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
    pub(super) fn spawn_worklist(
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
    pub(super) fn spawn_recording(
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
        let ahead = Arc::clone(&self.ahead);
        let told = Told { series: heard, unheard, commitments: Arc::clone(&self.commitments) };
        let label = PatientLabel::new(
            self.config.display.patient,
            self.spool.folder(),
            Arc::clone(&self.status),
        );
        let (sink, rows) = recorder(self.db.clone(), clock, told, (ahead, label), heart);
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

    /// Outbox, display, counts, panel and watchdog.
    pub(super) fn spawn_rest(
        &self,
        tasks: &mut JoinSet<Result<(), DaemonError>>,
        outbox: Outbox,
        attempts: watch::Receiver<u64>,
        stopping: &watch::Receiver<bool>,
    ) {
        let stop = stopped(stopping.clone());
        tasks.spawn(async move { Ok(outbox.run(stop).await?) });
        let stop = stopped(stopping.clone());
        let display = &self.config.display;
        let panel =
            Panel::new(display.target(&self.board.display, &self.config.data_dir), display.rotate);
        let zone = self.rules.policy.zone.clone();
        let look = Look {
            language: display.language,
            ambience: Ambience { night: display.night.clone(), zone },
        };
        let (state, shows) = watch::channel(DisplayState::None);
        let clock = Arc::clone(&self.clock);
        let display = display_task::run(panel, look, clock, self.status.watch(), state, stop);
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
        self.spawn_watchers(tasks, shows, stopping);
        let feeding = notify::feed_watchdog(self.hearts.clone(), stopped(stopping.clone()));
        tasks.spawn(async move {
            feeding.await;
            Ok(())
        });
    }

    /// Lamps and button, and what the machine depends on.
    fn spawn_watchers(
        &self,
        tasks: &mut JoinSet<Result<(), DaemonError>>,
        display: watch::Receiver<DisplayState>,
        stopping: &watch::Receiver<bool>,
    ) {
        let panel = PanelTask {
            board: self.board.clone(),
            db: self.db.clone(),
            clock: Arc::clone(&self.clock),
            status: Arc::clone(&self.status),
            heart: self.hearts.register("panel", HEARTBEAT_RECEIVE),
        };
        let stop = stopped(stopping.clone());
        tasks.spawn(async move {
            panel.run(stop).await;
            Ok(())
        });
        let watcher = Watcher {
            board: self.board.clone(),
            data_dir: self.config.data_dir.clone(),
            console: self.config.console.clone(),
            upkeep: self.config.upkeep.clone(),
            has_time_source: self.config.has_time_source(),
            clock: Arc::clone(&self.clock),
            status: Arc::clone(&self.status),
            hearts: self.hearts.clone(),
            display,
        };
        let looking = watcher.run(stopping.clone());
        let remover = Remover {
            db: self.db.clone(),
            spool: Arc::clone(&self.spool),
            clock: Arc::clone(&self.clock),
            data_dir: self.config.data_dir.clone(),
            results: self.config.results(),
            settings: self.config.retention.clone(),
        };
        let removing = retention::run(remover, Arc::clone(&self.clock), stopping.clone());
        tasks.spawn(async move {
            tokio::join!(looking, removing);
            Ok(())
        });
    }
}

/// TLS to a peer that wants it.
pub(super) fn connector(
    tls: Option<&Tls>,
    is_wanted: bool,
    address: &PeerAddress,
) -> Result<Option<Connector>, DaemonError> {
    let tls = tls.filter(|_| is_wanted);
    let connector = tls.map(|tls| tls.connector(address.host())).transpose();
    Ok(connector.map_err(ConfigError::from)?)
}
