//! The outbox against real HTTP servers and a real database file.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parotidd::clock::Clock;
use parotidd::db::deliveries::{self, Next};
use parotidd::db::jobs::{self, Enqueued, JobState};
use parotidd::db::{self, instances, results};
use parotidd::limits::{HEARTBEAT_OUTBOX, RETRY_WAIT_MAX, TASK_BEAT};

use crate::appliance::{Appliance, all_are, destination, folder_with_db, instance, rules};

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

/// Who feeds the watchdog hears of an attempt that does not end, and of nothing where the outbox waits.
#[tokio::test]
async fn an_attempt_without_end_is_missed() {
    let (_folder, path) = folder_with_db();
    let ward = Ward::open(&[Answer::Hang]);
    let rules = rules(&[destination("ward", &ward.url)]);
    let appliance = Appliance::start_by(&path, rules, Duration::from_secs(3600));
    appliance.clock.advance(2 * HEARTBEAT_OUTBOX);
    tokio::time::sleep(2 * TASK_BEAT).await;
    assert!(appliance.hearts.silent().is_empty(), "it waits for work");
    appliance.screen(1, "flagged").await;
    while ward.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    appliance.clock.advance(2 * HEARTBEAT_OUTBOX);
    appliance.waker.wake();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(appliance.hearts.silent(), ["outbox"]);
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
    let mut nobody = Appliance::start(&path, Vec::new());
    let destinations = vec![destination("ward", &ward.url)];
    nobody.rules = rules(&destinations);
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
