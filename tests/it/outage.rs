//! A day in which everything that is told fails, each in its own way: nothing lost, nothing doubled, receipts for all.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parotidd::clock::{Clock, ManualClock};
use parotidd::db::deliveries::{DeliveryCounts, DeliveryRecord};
use parotidd::db::{self, Db, DbError, alerts, deliveries};
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::Rules;
use parotidd::delivery::{Destination, Means, Outbox, Waker, channels};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::made_results::answer;

const N_RESULTS: u32 = 200;
const STEP: Duration = Duration::from_secs(5 * 60);
const STEPS_A_DAY: u32 = 24 * 12;
/// The result that one system will never take.
const POISONED: u32 = 13;

/// What came, by its key: how often, and the first content. The same key has the same content, always.
#[derive(Debug, Default, Clone)]
pub(crate) struct Inbox(Arc<Mutex<BTreeMap<String, (u32, String)>>>);

impl Inbox {
    pub(crate) fn take(&self, key: &str, content: &str) {
        let mut all = self.0.lock().unwrap();
        let entry = all.entry(key.to_owned()).or_insert((0, content.to_owned()));
        entry.0 += 1;
        assert_eq!(entry.1, content, "one key, one content");
    }

    pub(crate) fn n_distinct(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn n_all(&self) -> u32 {
        self.0.lock().unwrap().values().map(|(n, _)| n).sum()
    }
}

/// The simulated hour, for all peers.
#[derive(Debug, Clone, Default)]
struct Hour(Arc<AtomicI64>);

impl Hour {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a peer does with a message: the answer's bytes, or nothing but the end of the connection. Says also whether it has
/// kept what came.
type Behaviour = fn(hour: i64, n: u32, message: &str) -> (bool, Option<String>);

fn http(status: u16, header: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status} x\r\n{header}Content-Length: 0\r\n\r\n"))
}

/// Broken until noon, then forgetful: each fifth answer is lost on its way.
fn failing(hour: i64, n: u32, _: &str) -> (bool, Option<String>) {
    match (hour < 12, n % 5) {
        (true, 0) => (false, http(500, "")),
        (true, 1) => (false, http(503, "Retry-After: 60\r\n")),
        (true, 2) => (false, http(429, "")),
        (true, _) | (false, 4) => (hour >= 12, None),
        (false, _) => (true, http(204, "")),
    }
}

/// Takes everything, once it is there.
fn healthy(_: i64, _: u32, _: &str) -> (bool, Option<String>) {
    (true, http(200, ""))
}

/// An interface engine whose own receiver is away, that is then reconfigured, and never takes one message.
fn engine(hour: i64, n: u32, message: &str) -> (bool, Option<String>) {
    let ack = |code: &str, about: &str| {
        Some(format!(
            "\u{b}MSH|^~\\&|E|E|P|P|20260101||ACK^R01^ACK|{n}|P|2.5.1\rMSA|{code}|{about}\r\u{1c}\r"
        ))
    };
    let id = message.split('|').nth(9).unwrap_or_default();
    if message.contains(&format!("1.2.{POISONED}.1")) && hour >= 14 {
        return (false, ack("AR", id));
    }
    match (hour, n % 3) {
        (..10, _) => (false, ack("AE", id)),
        (10..14, 0) => (false, Some("HTTP/1.1 400 Bad Request\r\n\r\n".into())),
        (10..14, 1) => (false, ack("AA", "somebody-else")),
        (10..14, _) => (false, None),
        _ => (true, ack("AA", id)),
    }
}

/// Serves a behaviour for ever. HTTP messages are known by their `Idempotency-Key`, HL7 messages by their MSH-10.
fn serve(listener: TcpListener, hour: Hour, inbox: Inbox, behaviour: Behaviour) {
    std::thread::spawn(move || {
        for (n, stream) in (0..).zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let Some((key, content)) = read_message(&stream) else { continue };
            let (is_kept, answer) = behaviour(hour.now(), n, &content);
            if is_kept {
                inbox.take(&key, &content);
            }
            if let Some(answer) = answer {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
}

pub(crate) fn read_message(stream: &TcpStream) -> Option<(String, String)> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream);
    if reader.fill_buf().ok()?.first() == Some(&0xb) {
        let mut message = Vec::new();
        reader.read_until(0x1c, &mut message).ok()?;
        let message = String::from_utf8(message).unwrap();
        let key = message.split('|').nth(9)?.to_owned();
        return Some((key, message));
    }
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((key, String::from_utf8(body).unwrap()))
}

/// DCMTK's server: refuses for a while, is away, then takes everything.
struct Pacs {
    port: u16,
    folder: tempfile::TempDir,
    running: Option<(&'static str, Child)>,
}

impl Pacs {
    fn follow(&mut self, hour: i64) {
        let wanted = match hour {
            ..6 => Some("--refuse"),
            6..16 => None,
            _ => Some("+xa"),
        };
        if self.running.as_ref().map(|it| it.0) == wanted {
            return;
        }
        if let Some((_, mut child)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(option) = wanted {
            let mut command = Command::new("storescp");
            command.args(["+B", option, "-aet", "PACS", "-od"]).arg(self.folder.path());
            command.arg(self.port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
            self.running = Some((option, command.spawn().unwrap()));
        }
    }
}

impl Drop for Pacs {
    fn drop(&mut self) {
        if let Some((_, mut child)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn rows(db: &Db) -> Vec<DeliveryRecord> {
    let mut all = Vec::new();
    for n in 0..N_RESULTS {
        let series = format!("1.2.{n}.1").parse().unwrap();
        all.extend(db.call(deliveries::of_series(series)).await.unwrap());
    }
    all
}

/// Memory of this process, MiB.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Settings of the five destinations.
fn destinations(gone: SocketAddr, http: u16, engines: [u16; 2], pacs: u16) -> Vec<Destination> {
    let [engine, second] = engines;
    let text = format!(
        "[[d]]\nname='gone'\nkind='webhook'\nurl='http://{gone}/'\n\
         [[d]]\nname='failing'\nkind='webhook'\nurl='http://127.0.0.1:{http}/'\n\
         [[d]]\nname='engine'\nkind='hl7'\naddress='127.0.0.1:{engine}'\n\
         [[d]]\nname='archive'\nkind='pacs'\naddress='127.0.0.1:{pacs}'\nae_title='PACS'\n\
         [[d]]\nname='second'\nkind='hl7'\naddress='127.0.0.1:{second}'\n"
    );
    let mut table: BTreeMap<String, Vec<Destination>> = toml::from_str(&text).unwrap();
    table.remove("d").unwrap()
}

/// Keeps everything; for most of the day the line is cut amid its answers.
fn cut(hour: i64, n: u32, message: &str) -> (bool, Option<String>) {
    let id = message.split('|').nth(9).unwrap_or_default();
    let ack = format!("\u{b}MSH|^~\\&|E|E|P|P|20260101||ACK|{n}|P|2.5.1\rMSA|AA|{id}\r\u{1c}\r");
    (true, Some(if hour < 20 { ack[..ack.len() / 2].to_owned() } else { ack }))
}

/// The appliance and its peers.
struct World {
    folder: tempfile::TempDir,
    hour: Hour,
    clock: Arc<ManualClock>,
    inboxes: [Inbox; 4],
    gone: Option<TcpSocket>,
    pacs: Pacs,
    db: Db,
    rules: Arc<Rules>,
    waker: Waker,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), DbError>>,
}

impl World {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (hour, clock) = (Hour::default(), Arc::new(ManualClock::default()));
        let inboxes: [Inbox; 4] = Default::default();
        let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|it| it.local_addr().unwrap().port());
        let [failing_at, engine_at, second_at, spare] = listeners;
        drop(spare);
        let gone = TcpSocket::new_v4().unwrap();
        gone.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let pacs = Pacs { port: ports[3], folder: tempfile::tempdir().unwrap(), running: None };
        let destinations =
            destinations(gone.local_addr().unwrap(), ports[0], [ports[1], ports[2]], ports[3]);
        serve(failing_at, hour.clone(), inboxes[1].clone(), failing);
        serve(engine_at, hour.clone(), inboxes[2].clone(), engine);
        serve(second_at, hour.clone(), inboxes[3].clone(), cut);
        let db = db::open(&folder.path().join("parotidd.db")).unwrap().db;
        let calling_ae = &"PAROTIDD".parse().unwrap();
        let (results, commitments) = (folder.path().to_owned(), Arc::default());
        let means = Means { calling_ae, results, tls: None, commitments };
        let ways = channels(&destinations, &means).unwrap();
        let policy = AlertSettings::default().policy(None).unwrap();
        let rules = Arc::new(Rules { destinations: destinations.into(), policy });
        let outbox_clock: Arc<dyn Clock> = clock.clone();
        let outbox = Outbox::new(db.clone(), outbox_clock, ways)
            .with_timeout(Duration::from_secs(2))
            .with_rest(Duration::from_millis(1));
        let waker = outbox.waker();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move { outbox.run(async { drop(stopped.await) }).await });
        let gone = Some(gone);
        Self { folder, hour, clock, inboxes, gone, pacs, db, rules, waker, stop, running }
    }

    /// Five minutes.
    async fn step(&mut self, step: u32) -> DeliveryCounts {
        let now = i64::from(step / 12);
        self.hour.0.store(now, Ordering::SeqCst);
        self.pacs.follow(now);
        if now >= 18
            && let Some(socket) = self.gone.take()
        {
            let listener = socket.listen(64).unwrap().into_std().unwrap();
            listener.set_nonblocking(false).unwrap();
            serve(listener, self.hour.clone(), self.inboxes[0].clone(), healthy);
        }
        if step < N_RESULTS {
            let (unix_ms, folder) = (self.clock.unix_ms(), self.folder.path());
            let made = answer(&self.db, unix_ms, &self.rules, folder, step).await;
            assert_eq!(made, 5);
        }
        self.clock.advance(STEP);
        self.waker.wake();
        // The day is over, and peers need their time.
        let pause = if step < STEPS_A_DAY { 30 } else { 200 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.db.call(deliveries::counts()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_offline_loses_nothing_and_doubles_nothing() {
    if Command::new("storescp").arg("--version").output().is_err() {
        eprintln!("skipped: DCMTK's storescp is not installed");
        return;
    }
    let mut world = World::make();
    for step in 0..2 * STEPS_A_DAY {
        let counts = world.step(step).await;
        if step % 48 == 0 {
            eprintln!("hour {}: {counts:?}, {} MiB", step / 12, resident_mib());
        }
        if step > STEPS_A_DAY && counts.n_waiting == 0 {
            break;
        }
    }

    let all = rows(&world.db).await;
    assert_eq!(all.len(), 5 * 200);
    let (sent, other): (Vec<_>, Vec<_>) = all.iter().partition(|row| row.state == "sent");
    assert!(sent.iter().all(|row| row.receipt.as_ref().is_some_and(|it| !it.is_empty())));
    let other: Vec<_> =
        other.iter().map(|row| (row.destination.as_str(), row.state.as_str())).collect();
    assert_eq!(other, [("engine", "dead")], "the one that was refused for good");
    assert_eq!(world.inboxes.each_ref().map(Inbox::n_distinct), [200, 200, 199, 200]);
    assert_eq!(fs::read_dir(world.pacs.folder.path()).unwrap().count(), 200);
    assert_eq!(world.db.call(alerts::now()).await.unwrap().n_open, 200);
    let times: Vec<_> = world.inboxes.iter().map(Inbox::n_all).collect();
    let n_attempts: u32 = all.iter().map(|row| row.attempts).sum();
    eprintln!("received {times:?} times, {n_attempts} attempts, {} MiB", resident_mib());
    world.stop.send(()).unwrap();
    world.running.await.unwrap().unwrap();
}
