//! The appliance without scanner and networks, for tests of what leaves it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parotidd::clock::{Clock, ManualClock};
use parotidd::db::deliveries::{self, DeliveryRecord};
use parotidd::db::jobs::{self, Enqueued};
use parotidd::db::results::{self, Committed, JobEnd};
use parotidd::db::{self, Db, instances};
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::{self, About, Rules};
use parotidd::delivery::{Destination, Means, Outbox, Waker, channels};
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::series_hints::SeriesHints;
use parotidd::heartbeat::Heartbeats;
use parotidd::intake::completeness::CompleteBy;
use parotidd::limits::RETRY_WAIT_MAX;
use parotidd::screening::report::ScreeningReport;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A webhook.
pub(crate) fn destination(name: &str, url: &str) -> Destination {
    toml::from_str(&format!("name = '{name}'\nkind = 'webhook'\nurl = '{url}'")).unwrap()
}

/// The appliance without scanner and networks: a database, an outbox, a clock.
pub(crate) struct Appliance {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) rules: Arc<Rules>,
    /// What messages say beside the report.
    pub(crate) about: About,
    /// Which series is received.
    pub(crate) series: &'static str,
    pub(crate) waker: Waker,
    pub(crate) hearts: Heartbeats,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Appliance {
    /// With little patience.
    pub(crate) fn start(path: &Path, destinations: Vec<Destination>) -> Self {
        let rules = rules(&destinations);
        Self::start_by(path, rules, Duration::from_secs(1))
    }

    /// By these rules; an attempt has so long.
    pub(crate) fn start_by(path: &Path, rules: Arc<Rules>, timeout: Duration) -> Self {
        let opened = db::open(path).unwrap();
        assert_eq!(opened.set_aside, None);
        let clock = Arc::new(ManualClock::default());
        let (db, outbox_clock) = (opened.db, Arc::clone(&clock));
        let means = Means {
            calling_ae: &"PAROTIDD".parse().unwrap(),
            results: "/nowhere".into(),
            tls: None,
            commitments: Arc::default(),
        };
        let channels = channels(&rules.destinations, &means).unwrap();
        let hearts = Heartbeats::new(Arc::<ManualClock>::clone(&clock));
        let outbox = Outbox::new(db.clone(), outbox_clock, channels)
            .with_hearts(hearts.clone())
            .with_timeout(timeout);
        let waker = outbox.waker();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            outbox.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self {
            db,
            clock,
            rules,
            about: About::default(),
            series: "1.2.1",
            waker,
            hearts,
            stop: Some(stop),
            running,
        }
    }

    /// Records an instance of the series and takes the series for stable.
    pub(crate) async fn receive(&self, n: u32) -> Enqueued {
        let series = self.series.parse().unwrap();
        self.db.call(instances::record(ReceivedInstance { series, ..instance(n) })).await.unwrap();
        let job = jobs::enqueue(
            self.series.parse().unwrap(),
            "m".into(),
            CompleteBy::Quiet,
            self.clock.unix_ms(),
        );
        self.db.call(job).await.unwrap()
    }

    /// Takes the waiting job to its answer, as the worker would.
    pub(crate) async fn answer(&self, decision: &str) -> Committed {
        self.commit(report(decision)).await
    }

    /// As [`Appliance::answer`], with any report.
    pub(crate) async fn commit(&self, report: ScreeningReport) -> Committed {
        let job = self.db.call(jobs::claim()).await.unwrap().unwrap();
        let now = self.clock.unix_ms();
        let route = routing::router(Arc::clone(&self.rules), self.about.clone());
        let moment = self.rules.policy.moment(now);
        let commit = results::commit(job.id, JobEnd::Done, report, moment, route);
        let committed = self.db.call(commit).await.unwrap();
        self.waker.wake();
        committed
    }

    pub(crate) async fn screen(&self, n: u32, decision: &str) {
        assert!(matches!(self.receive(n).await, Enqueued::New(_)));
        assert!(matches!(self.answer(decision).await, Committed::Stored { .. }));
    }

    pub(crate) async fn rows(&self) -> Vec<DeliveryRecord> {
        self.db.call(deliveries::of_series(self.series.parse().unwrap())).await.unwrap()
    }

    /// Waits until the rows are as told; time passes for the back-off whenever they are not yet.
    pub(crate) async fn until(
        &self,
        what: impl Fn(&[DeliveryRecord]) -> bool,
    ) -> Vec<DeliveryRecord> {
        self.until_by(RETRY_WAIT_MAX, what).await
    }

    /// As [`Appliance::until`], with so much time passing between two looks.
    pub(crate) async fn until_by(
        &self,
        step: Duration,
        what: impl Fn(&[DeliveryRecord]) -> bool,
    ) -> Vec<DeliveryRecord> {
        for _ in 0..2400 {
            let rows = self.rows().await;
            if what(&rows) {
                return rows;
            }
            self.clock.advance(step);
            self.waker.wake();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("in vain: {:?}", self.rows().await);
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap();
    }
}

/// Rules without limits.
pub(crate) fn rules(destinations: &[Destination]) -> Arc<Rules> {
    let policy = AlertSettings::default().policy(None).unwrap();
    Arc::new(Rules { destinations: destinations.into(), policy })
}

/// One of the series `1.2.1`.
pub(crate) fn instance(n: u32) -> ReceivedInstance {
    ReceivedInstance {
        sop_instance: format!("1.2.1.{n}").parse().unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        series: "1.2.1".parse().unwrap(),
        study: "1.2".parse().unwrap(),
        transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
        calling_ae: "CT1".parse().unwrap(),
        path: format!("spool/{n}.dcm").into(),
        bytes: 526_000,
        received_unix_ms: i64::from(n),
        hints: SeriesHints::default(),
    }
}

/// An answer about the left gland.
pub(crate) fn report(decision: &str) -> ScreeningReport {
    let model = serde_json::json!({ "name": "m", "version": "1", "sha256": "0" });
    let gland = |side: &str, decision: &str| {
        serde_json::json!({
            "side": side, "state": "assessed", "reason": null, "center_mm": [0.0, 0.0, 0.0],
            "heatmap_peak": 0.9, "decision": decision, "score": 0.5,
        })
    };
    serde_json::from_value(serde_json::json!({
        "schema": "parotidd.report/1", "software_version": "0.1.0",
        "notice": "not for diagnostic use", "study_instance_uid": "1.2",
        "series_instance_uid": "1.2.1", "accession_number": "",
        "models": {
            "localizer": model, "segmenter": model,
            "decision": { "version": "1", "rule": "size", "gamma": 5.0, "tumor_voxels_min": 500 },
        },
        "decision": decision, "reason": null, "score": 0.5,
        "glands": [gland("right", "not_flagged"), gland("left", decision)], "candidates": [],
        "timing_ms": {
            "load": 0, "resample": 0, "localize": 0, "segment": 0, "decide": 0, "total": 0
        },
    }))
    .unwrap()
}

/// Whether there are rows, all in this state.
pub(crate) fn all_are(state: &str) -> impl Fn(&[DeliveryRecord]) -> bool {
    let state = state.to_owned();
    move |rows| !rows.is_empty() && rows.iter().all(|row| row.state == state)
}

/// A place for a database.
pub(crate) fn folder_with_db() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parotidd.db");
    (folder, path)
}
