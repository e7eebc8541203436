//! `kill -9` while results are delivered: each arrives at each destination, and never twice as new.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use parotidd::clock::{Clock, SystemClock};
use parotidd::config::Config;
use parotidd::db;
use parotidd::delivery::routing::Rules;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SETTINGS;
use super::orthanc::free_port;
use super::support::*;
use crate::made_results::answer;
use crate::outage::{Inbox, read_message};

/// Results that are added before each kill.
const RESULTS_A_KILL: u32 = 2;
/// How long a receiver thinks after it has kept what came: the time between the delivery and its receipt.
const THINKS: Duration = Duration::from_millis(60);

/// Keeps what comes, thinks, and says yes by HTTP or HL7, to whoever still listens.
fn receiver(inbox: Inbox) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some((key, content)) = read_message(&stream) else { continue };
            inbox.take(&key, &content);
            sleep(THINKS);
            let ack = "\u{b}MSH|^~\\&|E|E|P|P|20260101||ACK|1|P|2.5.1\rMSA|AA|";
            let answer = match content.starts_with('\u{b}') {
                true => format!("{ack}{key}\r\u{1c}\r"),
                false => "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// DCMTK's server on a port.
fn archive(folder: &Path, port: u16) -> Process {
    let mut command = Command::new("storescp");
    command.args(["+B", "-aet", "PACS", "-od"]).arg(folder).arg(port.to_string());
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::new(command.spawn().unwrap())
}

/// Every object arrived, as it was sent.
fn check_objects(sent: &Path, received: &Path, total: u32) {
    let objects = fs::read_dir(received).unwrap().map(|it| data_set(&it.unwrap().path()));
    let objects: Vec<_> = objects.collect();
    assert_eq!(objects.len(), total as usize);
    for n in 0..total {
        let sent = data_set(&sent.join(format!("{n}.dcm")));
        assert!(objects.contains(&sent), "object {n} as it was sent");
    }
}

#[test]
fn killed_between_commit_and_receipt_each_result_arrives_once_as_new() {
    if !has_dcmtk("storescp") {
        return;
    }
    let n_kills = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 100 } else { 4 };
    let total = n_kills * RESULTS_A_KILL;
    let inboxes: [Inbox; 2] = Default::default();
    let [webhook, engine] = inboxes.each_ref().map(|it| receiver(it.clone()));
    let (port, received) = (free_port(), tempfile::tempdir().unwrap());
    let _pacs = archive(received.path(), port);
    let site = Site::new(&format!(
        "{SETTINGS}[[destination]]\nname='ward'\nkind='webhook'\nurl='http://{webhook}/'\n\
         [[destination]]\nname='engine'\nkind='hl7'\naddress='{engine}'\n\
         [[destination]]\nname='archive'\nkind='pacs'\naddress='127.0.0.1:{port}'\nae_title='PACS'\n"
    ));
    let config = Config::load(Some(&site.config())).unwrap();
    let policy = config.alerts.policy(None).unwrap();
    let rules = Arc::new(Rules { destinations: config.destinations.clone().into(), policy });
    fs::create_dir_all(config.results()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut n_left = Vec::new();
    for kill in 0..n_kills {
        let opened = db::open(&config.database()).unwrap();
        for n in kill * RESULTS_A_KILL..(kill + 1) * RESULTS_A_KILL {
            let now = SystemClock::new().unix_ms();
            let made = runtime.block_on(answer(&opened.db, now, &rules, &config.results(), n));
            assert_eq!(made, 3);
        }
        drop(opened.db);
        opened.thread.join().unwrap();
        let mut daemon = site.spawn();
        daemon.wait_for_log("delivered");
        sleep(Duration::from_millis(random.random_range(0..250)));
        daemon.kill_9();
        n_left.push(site.summary().deliveries.n_waiting);
    }
    let daemon = site.start();
    wait_for("all receipts", || {
        let status = site.summary().deliveries;
        (status.n_waiting == 0 && status.n_sent == u64::from(3 * total)).then_some(())
    });
    assert!(daemon.terminate().success());
    for inbox in &inboxes {
        assert_eq!(inbox.n_distinct(), total as usize);
    }
    check_objects(&config.results(), received.path(), total);
    let again: Vec<_> = inboxes.iter().map(|it| it.n_all() - total).collect();
    let n_amid = n_left.iter().filter(|n| **n > 0).count();
    eprintln!("{n_kills} kills, {n_amid} amid deliveries; {total} results, sent again: {again:?}");
}
