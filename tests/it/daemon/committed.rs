//! An archive's promise to keep a result's objects as the receipt of their delivery.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use parotidd::db::{self, deliveries};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::SETTINGS;
use super::orthanc::free_port;
use super::support::*;
use crate::peers::python;

/// An archive on pynetdicom.
struct Archive {
    _process: Process,
    folder: TempDir,
}

impl Archive {
    /// `None` where pynetdicom is not installed.
    fn start(port: u16, mode: &str, peer_port: u16) -> Option<Self> {
        let python = python("pynetdicom")?;
        let folder = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/commitment_pacs.py");
        let mut command = Command::new(python);
        command.arg(script).args([port.to_string(), mode.to_owned(), peer_port.to_string()]);
        let file = |name| File::create(folder.path().join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("said")).stderr(file("errors"));
        let process = Process::new(command.spawn().unwrap());
        let archive = Self { _process: process, folder };
        archive.wait_for("ready", 1);
        Some(archive)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has said of one thing, whole lines alone.
    fn said(&self, what: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("said")).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line.get(what).is_some()).collect()
    }

    fn wait_for(&self, what: &str, n: usize) -> Vec<Value> {
        wait_for(what, || {
            let errors = fs::read_to_string(self.path("errors")).unwrap();
            assert!(!errors.contains("Traceback"), "{errors}");
            let said = self.said(what);
            (said.len() >= n).then_some(said)
        })
    }
}

/// A daemon that sends its results to an archive of this kind, and what came of a series.
struct Case {
    site: Site,
    port: u16,
}

impl Case {
    fn new() -> Self {
        let port = free_port();
        let destination = format!(
            "[[destination]]\nname = \"archive\"\nkind = \"pacs\"\nae_title = \"PACS\"\n\
             address = \"127.0.0.1:{port}\"\ncommitment = true\n"
        );
        Self { site: Site::new(&format!("{SETTINGS}{destination}")), port }
    }

    /// The state of the one delivery, its receipt and its error.
    fn delivery(&self, series: &Series) -> (String, String, String) {
        let db = db::open(&self.site.data_dir().join("parotidd.db")).unwrap().db;
        let found = db.call_blocking(deliveries::of_series(series.uid.parse().unwrap())).unwrap();
        let [it] = &found[..] else { panic!("{} deliveries", found.len()) };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (it.state.clone(), text(&it.receipt), text(&it.last_error))
    }
}

/// Delivers a result to an archive of this mode, until the daemon says so.
fn deliver(mode: &str, until: &str) -> Option<(Archive, Case)> {
    if !has_dcmtk("storescu") {
        return None;
    }
    let series = &Phantoms::get().small;
    let case = Case::new();
    let mut daemon = case.site.start();
    let address = daemon.address();
    let archive = Archive::start(case.port, mode, address.port())?;
    store(series, address);
    daemon.wait_for_log(until);
    assert!(daemon.terminate().success());
    Some((archive, case))
}

/// Everything is stored, asked for so many times, and committed in the end.
fn check_committed(archive: &Archive, case: &Case, n_asked: usize) {
    let (state, receipt, _) = case.delivery(&Phantoms::get().small);
    assert_eq!(state, "sent");
    let n_files = receipt.lines().count();
    assert!(n_files >= 4, "{receipt}");
    assert!(receipt.lines().all(|line| line.ends_with(" 0000H committed")), "{receipt}");
    assert_eq!(archive.said("stored").len(), n_files * n_asked);
    let asked = archive.said("asked");
    assert_eq!(asked.len(), n_asked);
    for it in &asked {
        assert_eq!(
            (&it["n"], &it["known"], &it["type"]),
            (&json!(n_files), &json!(true), &json!(1))
        );
    }
    let reported = archive.wait_for("reported", n_asked);
    assert!(reported.iter().all(|it| it["reported"] == 0), "{reported:?}");
}

#[test]
fn a_report_on_the_association_that_asked_is_the_receipt() {
    let Some((archive, case)) = deliver("same", ": delivered destination=archive") else { return };
    check_committed(&archive, &case, 1);
}

#[test]
fn so_is_one_of_an_archive_that_hangs_up_and_calls_back() {
    let Some((archive, case)) = deliver("later", ": delivered destination=archive") else { return };
    check_committed(&archive, &case, 1);
}

#[test]
fn what_nobody_asked_for_is_not_believed() {
    let Some((archive, case)) = deliver("unasked", ": delivered destination=archive") else {
        return;
    };
    check_committed(&archive, &case, 1);
    assert_eq!(archive.said("unasked"), [json!({"unasked": 0x0115})]);
    assert_eq!(archive.said("other"), [json!({"other": 0x0115})]);
    let log = case.site.log();
    assert_eq!(log.matches("a report that this peer was not asked for").count(), 2, "{log}");
}

#[test]
fn what_an_archive_lost_is_sent_once_more() {
    let Some((archive, case)) = deliver("fails_once", ": delivered destination=archive") else {
        return;
    };
    check_committed(&archive, &case, 2);
    let asked = archive.said("asked");
    assert_ne!(asked[0]["asked"], asked[1]["asked"], "each request is a transaction of its own");
    assert!(case.site.log().contains("not committed: 0112H"));
}

#[test]
fn what_it_loses_again_is_a_dead_letter() {
    let Some((archive, case)) = deliver("fails", "given up destination=archive") else { return };
    let (state, receipt, error) = case.delivery(&Phantoms::get().small);
    assert_eq!((state.as_str(), receipt.as_str()), ("dead", ""));
    assert!(error.contains("0000H not committed: 0112H"), "{error}");
    assert_eq!(archive.said("asked").len(), 2);
}

#[test]
fn an_archive_that_never_reports_is_asked_again_later() {
    let Some((archive, case)) = deliver("never", "not delivered destination=archive") else {
        return;
    };
    let (state, _, error) = case.delivery(&Phantoms::get().small);
    assert_eq!(state, "waiting");
    assert!(error.contains("no report on storage commitment yet"), "{error}");
    assert_eq!(archive.said("asked").len(), 1);
}
