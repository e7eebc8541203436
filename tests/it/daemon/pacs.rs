//! The objects of a result on their way to a PACS: DCMTK's server, which may be away or take some of them alone.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use parotidd::db::{self, deliveries};

use super::SETTINGS;
use super::orthanc::free_port;
use super::support::*;

/// DCMTK's server on a port, with more options.
fn storescp(folder: &Path, port: u16, options: &[&str]) -> Process {
    let log = File::create(folder.join("storescp.log")).unwrap();
    let mut command = Command::new("storescp");
    // Bytes as they come.
    command.args(["+B", "-aet", "PACS", "-od", folder.to_str().unwrap()]).args(options);
    command.arg(port.to_string()).stdin(Stdio::null());
    let command = command.stdout(log.try_clone().unwrap()).stderr(log);
    Process::new(command.spawn().unwrap())
}

fn archive(port: u16) -> String {
    let address = format!("127.0.0.1:{port}");
    let destination = "[[destination]]\nname = \"archive\"\nkind = \"pacs\"\nae_title = \"PACS\"\n";
    format!("{SETTINGS}{destination}address = \"{address}\"\n")
}

/// The receipt of the one delivery about a series.
fn receipt(site: &Site, series: &Series) -> (String, Option<String>) {
    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    let found = db.call_blocking(deliveries::of_series(series.uid.parse().unwrap())).unwrap();
    let [delivery] = &found[..] else { panic!("{} deliveries", found.len()) };
    (delivery.state.clone(), delivery.receipt.clone())
}

#[test]
fn a_pacs_that_was_away_gets_every_object_as_it_is() {
    if !has_dcmtk("storescp") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let (port, received) = (free_port(), tempfile::tempdir().unwrap());
    let site = Site::new(&archive(port));
    let mut daemon = site.start();
    store(series, daemon.address());
    daemon.wait_for_log("not delivered destination=archive");
    // What waits survives.
    daemon.kill_9();
    let mut pacs = storescp(received.path(), port, &[]);
    let mut daemon = site.start();
    daemon.wait_for_log("delivered destination=archive");
    assert!(daemon.terminate().success());
    assert!(!pacs.has_ended());

    let results = site.data_dir().join("results");
    let folder = fs::read_dir(results).unwrap().next().unwrap().unwrap().path();
    let sent: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(sent.len(), 6, "{sent:?}");
    let files = fs::read_dir(received.path()).unwrap().map(|it| it.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.extension().is_none_or(|it| it != "log")).collect();
    for path in &sent {
        let (uid, expected) = data_set(path);
        let is_it = |it: &&std::path::PathBuf| it.to_str().unwrap().ends_with(&uid);
        let file = files.iter().find(is_it).unwrap_or_else(|| panic!("{uid}: {files:?}"));
        assert!(data_set(file).1 == expected, "{}", path.display());
    }
    let (state, receipt) = receipt(&site, series);
    assert_eq!(state, "sent");
    let receipt = receipt.unwrap();
    assert_eq!(receipt.lines().count(), 6, "{receipt}");
    assert!(receipt.lines().all(|line| line.ends_with(" 0000H")), "{receipt}");
}

#[test]
fn a_pacs_that_takes_nobody_is_asked_again() {
    if !has_dcmtk("storescp") {
        return;
    }
    let phantoms = Phantoms::get();
    let (port, received) = (free_port(), tempfile::tempdir().unwrap());
    let _pacs = storescp(received.path(), port, &["--refuse"]);
    let site = Site::new(&archive(port));
    let mut daemon = site.start();
    store(&phantoms.small, daemon.address());
    let line = daemon.wait_for_log("destination=archive");
    assert!(line.contains("not delivered") && line.contains("rejected the association"), "{line}");
    assert!(daemon.terminate().success());
    assert_eq!(receipt(&site, &phantoms.small).0, "waiting", "a person mends a setting");
}
