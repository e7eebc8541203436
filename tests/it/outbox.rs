//! The outbox against real HTTP servers and a real database file.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parotidd::clock::{Clock, ManualClock};
use parotidd::db::deliveries::{self, DeliveryRecord, Next};
use parotidd::db::jobs::{self, Enqueued, JobState};
use parotidd::db::results::{self, Committed, JobEnd};
use parotidd::db::{self, Db, instances};
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::{self, About, Rules};
use parotidd::delivery::{Destination, Means, Outbox, Waker, channels};
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::series_hints::SeriesHints;
use parotidd::intake::completeness::CompleteBy;
use parotidd::limits::RETRY_WAIT_MAX;
use parotidd::screening::report::ScreeningReport;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How the server takes one request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// A status, one more header line (or nothing) and a body.
    Status(u16, &'static str, &'static str),
    /// The request is read and never answered.
    Hang,
    /// The connection is closed before an answer.
    Close,
}

const OK: Answer = Answer::Status(200, "", "thanks");

/// One request, as the server saw it.
#[derive(Debug, Clone)]
struct Request {
    headers: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line = self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.headers))
    }

    fn alert(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server that answers by a script, and with its last line from then on.
struct Ward {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Ward {
    fn open(script: &'static [Answer]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    fn on(listener: TcpListener, script: &'static [Answer]) -> Self {
        let url = format!("http://{}/alert", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                seen.lock().unwrap().push(read_request(&stream));
                match script[n.min(script.len() - 1)] {
                    Answer::Close => drop(stream),
                    Answer::Hang => held.push(stream),
                    Answer::Status(status, header, body) => {
                        let length = body.len();
                        let _ = write!(
                            stream,
                            "HTTP/1.1 {status} x\r\n{header}Content-Length: {length}\r\n\r\n{body}"
                        );
                    }
                }
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads the headers and as much of a body as they announce.
fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut headers).unwrap(), 0, "a whole request");
    }
    let mut request = Request { headers, body: String::new() };
    let mut body = vec![0; request.header("Content-Length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    request.body = String::from_utf8(body).unwrap();
    request
}

fn destination(name: &str, url: &str) -> Destination {
    toml::from_str(&format!("name = '{name}'\nkind = 'webhook'\nurl = '{url}'")).unwrap()
}

/// The appliance without scanner and networks: a database, an outbox, a clock.
struct Appliance {
    db: Db,
    clock: Arc<ManualClock>,
    rules: Arc<Rules>,
    waker: Waker,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Appliance {
    fn start(path: &Path, destinations: Vec<Destination>) -> Self {
        let opened = db::open(path).unwrap();
        assert_eq!(opened.set_aside, None);
        let clock = Arc::new(ManualClock::default());
        let rules = rules(&destinations);
        let (db, outbox_clock) = (opened.db, Arc::clone(&clock));
        let means = Means {
            calling_ae: &"PAROTIDD".parse().unwrap(),
            results: "/nowhere".into(),
            tls: None,
            commitments: Arc::default(),
        };
        let channels = channels(&destinations, &means).unwrap();
        let outbox = Outbox::new(db.clone(), outbox_clock, channels)
            .with_timeout(Duration::from_millis(300));
        let waker = outbox.waker();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            outbox.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self { db, clock, rules, waker, stop: Some(stop), running }
    }

    /// Records an instance of the series and takes the series for stable.
    async fn receive(&self, n: u32) -> Enqueued {
        self.db.call(instances::record(instance(n))).await.unwrap();
        let job = jobs::enqueue(
            "1.2.1".parse().unwrap(),
            "m".into(),
            CompleteBy::Quiet,
            self.clock.unix_ms(),
        );
        self.db.call(job).await.unwrap()
    }

    /// Takes the waiting job to its answer, as the worker would.
    async fn answer(&self, decision: &str) -> Committed {
        let job = self.db.call(jobs::claim()).await.unwrap().unwrap();
        let now = self.clock.unix_ms();
        let route = routing::router(Arc::clone(&self.rules), About::default());
        let moment = self.rules.policy.moment(now);
        let commit = results::commit(job.id, JobEnd::Done, report(decision), moment, route);
        let committed = self.db.call(commit).await.unwrap();
        self.waker.wake();
        committed
    }

    async fn screen(&self, n: u32, decision: &str) {
        assert!(matches!(self.receive(n).await, Enqueued::New(_)));
        assert!(matches!(self.answer(decision).await, Committed::Stored { .. }));
    }

    async fn rows(&self) -> Vec<DeliveryRecord> {
        self.db.call(deliveries::of_series("1.2.1".parse().unwrap())).await.unwrap()
    }

    /// Waits until the rows are as told; time passes for the back-off whenever they are not yet.
    async fn until(&self, what: impl Fn(&[DeliveryRecord]) -> bool) -> Vec<DeliveryRecord> {
        for _ in 0..400 {
            let rows = self.rows().await;
            if what(&rows) {
                return rows;
            }
            self.clock.advance(RETRY_WAIT_MAX);
            self.waker.wake();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("in vain: {:?}", self.rows().await);
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap();
    }
}

fn rules(destinations: &[Destination]) -> Arc<Rules> {
    let policy = AlertSettings::default().policy(None).unwrap();
    Arc::new(Rules { destinations: destinations.into(), policy })
}

fn instance(n: u32) -> ReceivedInstance {
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

fn report(decision: &str) -> ScreeningReport {
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

fn all_are(state: &str) -> impl Fn(&[DeliveryRecord]) -> bool {
    let state = state.to_owned();
    move |rows| !rows.is_empty() && rows.iter().all(|row| row.state == state)
}

fn folder_with_db() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parotidd.db");
    (folder, path)
}

#[tokio::test]
async fn a_series_sent_twice_is_one_result_and_one_alert() {
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(&[OK]);
    let appliance = Appliance::start(&path, vec![destination("ward", &ward.url)]);
    appliance.screen(1, "flagged").await;
    let rows = appliance.until(all_are("sent")).await;
    assert_eq!(rows[0].receipt.as_deref(), Some("200\nthanks"));
    assert!(matches!(appliance.receive(1).await, Enqueued::Known(_, JobState::Done)));
    appliance.db.call(results::count()).await.map(|n| assert_eq!(n, 1)).unwrap();

    let requests = ward.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].headers.starts_with("POST /alert HTTP/1.1\r\n"));
    assert_eq!(requests[0].header("content-type"), "application/json");
    assert_eq!(requests[0].header("user-agent"), concat!("parotidd/", env!("CARGO_PKG_VERSION")));
    let alert = requests[0].alert();
    assert_eq!(alert["id"], requests[0].header("idempotency-key"));
    assert_eq!((&alert["decision"], &alert["sides"][0]), (&"flagged".into(), &"left".into()));
    assert_eq!(alert["supersedes"], serde_json::Value::Null);
    assert_eq!(alert["report"]["series_instance_uid"], "1.2.1");
    appliance.stop().await;
}

#[tokio::test]
async fn a_late_slice_is_news_only_when_the_answer_changes() {
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(&[OK]);
    let appliance = Appliance::start(&path, vec![destination("ward", &ward.url)]);
    appliance.screen(1, "flagged").await;
    appliance.screen(2, "flagged").await;
    appliance.screen(3, "not_flagged").await;
    appliance.until(|rows| rows.len() == 2 && all_are("sent")(rows)).await;
    let alerts: Vec<_> = ward.requests().iter().map(Request::alert).collect();
    assert_eq!(alerts.len(), 2);
    assert_eq!(alerts[1]["decision"], "not_flagged");
    assert_eq!(alerts[1]["supersedes"], alerts[0]["id"]);
    assert_eq!(appliance.db.call(results::count()).await.unwrap(), 3);
    appliance.stop().await;
}

#[tokio::test]
async fn trouble_that_passes_is_retried_with_the_same_key() {
    const SCRIPT: &[Answer] = &[Answer::Status(500, "", ""), Answer::Close, Answer::Hang, OK];
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(SCRIPT);
    let appliance = Appliance::start(&path, vec![destination("ward", &ward.url)]);
    let down = || appliance.db.call(deliveries::destinations_down());
    appliance.screen(1, "flagged").await;
    appliance.until(|rows| rows.iter().any(|row| row.attempts == 1)).await;
    assert_eq!(down().await.unwrap(), ["ward"]);
    let rows = appliance.until(all_are("sent")).await;
    assert!(down().await.unwrap().is_empty());
    assert_eq!(rows[0].attempts, 4);
    let requests = ward.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.header("idempotency-key"), rows[0].idempotency_key);
        assert_eq!(request.body, requests[0].body);
    }
    appliance.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_redirects_are_not_followed() {
    let (_folder, path) = folder_with_db();
    let elsewhere = Ward::open(&[OK]);
    let location = format!("Location: {}\r\n", elsewhere.url);
    let redirect = [Answer::Status(307, location.leak(), "")];
    let moved = Ward::open(Box::leak(Box::new(redirect)));
    let gone = Ward::open(&[Answer::Status(404, "", "no such ward")]);
    let destinations = vec![destination("moved", &moved.url), destination("gone", &gone.url)];
    let appliance = Appliance::start(&path, destinations);
    appliance.screen(1, "flagged").await;
    let rows = appliance.until(all_are("dead")).await;
    let errors: Vec<_> = rows.iter().map(|row| row.last_error.as_deref().unwrap()).collect();
    assert_eq!(
        errors,
        [
            "the destination refused the delivery: status 307",
            "the destination refused the delivery: status 404"
        ]
    );
    // Time passes, and nothing is sent again.
    appliance.clock.advance(RETRY_WAIT_MAX);
    appliance.waker.wake();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let n_requests = [&moved, &gone, &elsewhere].map(|ward| ward.requests().len());
    assert_eq!(n_requests, [1, 1, 0]);
    let counts = appliance.db.call(deliveries::counts()).await.unwrap();
    assert_eq!((counts.n_dead, counts.n_waiting, counts.n_sent), (2, 0, 0));
    appliance.stop().await;
}

#[tokio::test]
async fn a_destination_that_hangs_holds_up_no_other() {
    let (_folder, path) = folder_with_db();
    let (hanging, healthy) = (Ward::open(&[Answer::Hang]), Ward::open(&[OK]));
    let destinations = vec![destination("hangs", &hanging.url), destination("ward", &healthy.url)];
    let appliance = Appliance::start(&path, destinations);
    appliance.screen(1, "flagged").await;
    let rows = appliance.until(|rows| rows[1].state == "sent" && rows[0].attempts >= 1).await;
    assert_eq!(rows[0].state, "waiting");
    assert!(rows[0].last_error.as_deref().unwrap().starts_with("no answer"), "{rows:?}");
    appliance.stop().await;
}

#[tokio::test]
async fn a_destination_may_say_when_to_come_back() {
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(&[Answer::Status(503, "Retry-After: 120\r\n", "")]);
    let appliance = Appliance::start(&path, vec![destination("ward", &ward.url)]);
    appliance.screen(1, "flagged").await;
    while appliance.rows().await[0].attempts == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let now = appliance.clock.unix_ms();
    let next = appliance.db.call(deliveries::next("ward".into(), now)).await.unwrap();
    assert_eq!(next, Next::At(now + 120_000));
    appliance.stop().await;
}

#[tokio::test]
async fn an_attempt_in_flight_at_the_stop_is_recorded() {
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(&[Answer::Hang]);
    let appliance = Appliance::start(&path, vec![destination("ward", &ward.url)]);
    appliance.screen(1, "flagged").await;
    while ward.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let db = appliance.db.clone();
    appliance.stop().await;
    let rows = db.call(deliveries::of_series("1.2.1".parse().unwrap())).await.unwrap();
    assert_eq!((rows[0].attempts, rows[0].state.as_str()), (1, "waiting"));
}

/// What a power cut leaves: the files as they lie there while the database is open.
fn cut_power(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let file = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(file(from), file(to)).unwrap();
    }
}

#[tokio::test]
async fn nothing_committed_is_lost_with_the_power() {
    let (folder, path) = folder_with_db();
    let down = Ward::open(&[Answer::Close]);
    let before = Appliance::start(&path, vec![destination("ward", &down.url)]);
    before.screen(1, "flagged").await;
    before.receive(2).await;
    before.db.call(jobs::claim()).await.unwrap().unwrap();
    before.until(|rows| rows[0].attempts >= 1).await;
    let after_path = folder.path().join("after.db");
    cut_power(&path, &after_path);
    let key = before.rows().await[0].idempotency_key.clone();
    before.stop().await;

    // It moved to another machine meanwhile; the name and the key stay.
    let ward = Ward::open(&[OK]);
    let after = Appliance::start(&after_path, vec![destination("ward", &ward.url)]);
    // The interrupted job comes back, and its answer is no news.
    assert_eq!(after.db.call(jobs::recover("m".into())).await.unwrap(), 1);
    after.answer("flagged").await;
    let rows = after.until(all_are("sent")).await;
    assert_eq!((rows.len(), &rows[0].idempotency_key), (1, &key));
    assert_eq!(after.db.call(instances::count()).await.unwrap(), 2);
    assert_eq!(ward.requests().len(), 1);
    after.stop().await;
}

#[tokio::test]
async fn a_crash_between_answer_and_receipt_sends_the_same_alert_again() {
    let (folder, path) = folder_with_db();
    let ward = Ward::open(&[OK]);
    let nobody = Appliance::start(&path, Vec::new());
    let destinations = vec![destination("ward", &ward.url)];
    let nobody = Appliance { rules: rules(&destinations), ..nobody };
    nobody.screen(1, "flagged").await;
    for n in 1..=2 {
        let copy = folder.path().join(format!("crash-{n}.db"));
        cut_power(&path, &copy);
        let appliance = Appliance::start(&copy, destinations.to_vec());
        appliance.until(all_are("sent")).await;
        appliance.stop().await;
    }
    let keys: Vec<_> =
        ward.requests().iter().map(|it| it.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    nobody.stop().await;
}

/// One sync serves all that wait: prints the rate of one association and of ten together.
#[tokio::test]
async fn associations_share_their_syncs() {
    const N_EACH: u32 = 100;
    let (_folder, path) = folder_with_db();
    let db = db::open(&path).unwrap().db;
    for n_associations in [1, 10] {
        let start = std::time::Instant::now();
        let mut associations = tokio::task::JoinSet::new();
        for association in 0..n_associations {
            let db = db.clone();
            associations.spawn(async move {
                for n in 0..N_EACH {
                    let n = n_associations * 1_000_000 + association * N_EACH + n;
                    db.call(instances::record(instance(n))).await.unwrap();
                }
            });
        }
        associations.join_all().await;
        let rate = f64::from(n_associations * N_EACH) / start.elapsed().as_secs_f64();
        eprintln!("{n_associations} associations: {rate:.0} instances/s");
    }
    assert_eq!(db.call(instances::count()).await.unwrap(), u64::from(11 * N_EACH));
}
