//! A series has its result as soon as it is known to be complete, by whatever that is known. Where silence must not
//! be what tells, it would take ten minutes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::open_file;
use parotidd::db::{self, results};
use serde_json::{Value, json};

use super::support::*;
use super::ward::Ward;
use crate::peers::pynetdicom;

/// Settings with these waits, seconds.
fn site(ward: &Ward, quiet_s: u32, settle_s: u32) -> Site {
    let series = format!("[series]\nquiet_s = {quiet_s}\nsettle_s = {settle_s}\n");
    let dicom = "[dicom]\nlisten = [\"127.0.0.1:0\"]\n";
    Site::new(&format!("{dicom}{series}{}", Ward::destination(&ward.url)))
}

/// What a scanner says when it has made these files, as two messages; `None` without pynetdicom.
fn tell(address: std::net::SocketAddr, series: &Series, status: &str) -> Option<()> {
    let image = |path: &PathBuf| json!([uids::CT_IMAGE_STORAGE, data_set(path).0]);
    let images: Vec<Value> = series.files.iter().map(image).collect();
    // A dose report is never sent to us, and holds nothing up.
    let dose = json!([[uids::X_RAY_RADIATION_DOSE_SR_STORAGE, "2.25.99.1"]]);
    let all: BTreeMap<&str, Value> =
        [(series.uid.as_str(), Value::from(images)), ("2.25.99", dose)].into();
    let set = json!({"set": "made", "status": status, "series": all});
    let arguments = [
        address.port().to_string(),
        "PAROTIDD".to_owned(),
        "explicit".to_owned(),
        json!({"create": null}).to_string(),
        set.to_string(),
    ];
    let heard = pynetdicom("procedure_step.py", &arguments)?;
    assert_eq!((heard[0]["status"].as_u64(), heard[1]["status"].as_u64()), (Some(0), Some(0)));
    Some(())
}

fn has_peers() -> bool {
    has_dcmtk("storescu")
}

fn part(series: &Series, files: std::ops::Range<usize>) -> Series {
    Series { uid: series.uid.clone(), files: series.files[files].to_vec() }
}

/// By what each series was known to be complete, the first first.
fn known_by(daemon: &Daemon<'_>) -> Vec<String> {
    let log = daemon.log();
    let stable = log.lines().filter(|line| line.contains("series is stable"));
    stable
        .map(|line| line.split("by=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
        .collect()
}

/// Waits until so many series were screened.
fn wait_for_screened(daemon: &Daemon<'_>, n: usize) {
    wait_for("the results", || (daemon.log().matches(" screened ").count() == n).then_some(()));
}

#[test]
fn a_scanner_that_says_what_it_has_made_is_not_waited_for() {
    if !has_peers() {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 600, 600);
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = site.start();
    let address = daemon.address();
    // Before the images; they are not there when the daemon is killed, the list is.
    let before = phantoms.small.copy("before", &folder.path().join("before"));
    if tell(address, &before, "COMPLETED").is_none() {
        return;
    }
    daemon.kill_9();
    let mut daemon = site.start();
    let address = daemon.address();
    store(&before, address);
    ward.wait_for_alert(&before.uid);
    // Between them, and after them.
    let between = phantoms.small.copy("between", &folder.path().join("between"));
    store(&part(&between, 0..10), address);
    tell(address, &between, "DISCONTINUED").unwrap();
    store(&part(&between, 10..30), address);
    ward.wait_for_alert(&between.uid);
    let after = phantoms.small.copy("after", &folder.path().join("after"));
    store(&after, address);
    tell(address, &after, "COMPLETED").unwrap();
    let received = ward.wait_for_alert(&after.uid);
    assert_eq!(received.alert["report"]["warnings"], json!([]));
    assert_eq!(known_by(&daemon), ["procedure_step"; 3]);
    assert!(daemon.terminate().success());
    let status = run(&["status", "--config", site.config().to_str().unwrap(), "--format", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["complete_by"]["procedure_step"], 3, "{status}");
}

#[test]
fn images_that_say_how_many_there_are_are_counted() {
    if !has_peers() {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 600, 600);
    let folder = tempfile::tempdir().unwrap();
    let series = phantoms.small.copy("counted", folder.path());
    for file in &series.files {
        let mut object = open_file(file).unwrap();
        let n = PrimitiveValue::from(series.files.len().to_string());
        object.put(DataElement::new(tags::NUMBER_OF_SERIES_RELATED_INSTANCES, VR::IS, n));
        object.write_to_file(file).unwrap();
    }
    let mut daemon = site.start();
    store(&series, daemon.address());
    ward.wait_for_alert(&series.uid);
    assert_eq!(known_by(&daemon), ["count"]);
    assert!(daemon.terminate().success());
}

#[test]
fn even_slices_whose_sender_has_gone_settle_and_are_guessed_at_once_at_most() {
    if !has_peers() {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 5, 1);
    let folder = tempfile::tempdir().unwrap();
    let whole = phantoms.small.copy("even", folder.path());
    let mut daemon = site.start();
    let address = daemon.address();
    store(&part(&whole, 0..20), address);
    ward.wait_for_alert(&whole.uid);
    assert_eq!(known_by(&daemon), ["geometry"]);
    // It was wrong, so silence decides about the rest, however even.
    store(&part(&whole, 20..25), address);
    store(&part(&whole, 25..30), address);
    wait_for_screened(&daemon, 2);
    assert_eq!(known_by(&daemon), ["geometry", "quiet"]);
    let log = site.log();
    assert!(log.contains("n_instances=10"), "{log}");
    assert!(daemon.terminate().success());
    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    assert_eq!(db.call_blocking(results::count()).unwrap(), 2);
    let latest = db.call_blocking(results::latest()).unwrap().unwrap();
    assert!(latest.supersedes.is_some());
}

#[test]
fn geometry_needs_no_silence_at_all() {
    if !has_peers() {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 600, 1);
    let mut daemon = site.start();
    store(&phantoms.small, daemon.address());
    ward.wait_for_alert(&phantoms.small.uid);
    assert_eq!(known_by(&daemon), ["geometry"]);
    assert!(daemon.terminate().success());
}

#[test]
fn a_request_for_commitment_is_the_senders_list() {
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 600, 1);
    let mut daemon = site.start();
    let port = daemon.address().port().to_string();
    let files = phantoms.small.files.iter().map(|path| path.to_str().unwrap().to_owned());
    let arguments: Vec<_> = [port, "--only-sent".to_owned()].into_iter().chain(files).collect();
    if pynetdicom("storage_commitment.py", &arguments).is_none() {
        return;
    }
    ward.wait_for_alert(&phantoms.small.uid);
    assert_eq!(known_by(&daemon), ["commitment"]);
    assert!(daemon.terminate().success());
}

#[test]
fn what_was_named_and_does_not_come_is_waited_for_and_told() {
    if !has_peers() {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let site = site(&ward, 4, 1);
    let folder = tempfile::tempdir().unwrap();
    let series = phantoms.small.copy("missing", folder.path());
    let mut daemon = site.start();
    let address = daemon.address();
    if tell(address, &series, "COMPLETED").is_none() {
        return;
    }
    // Even without the last one.
    store(&part(&series, 0..29), address);
    let received = ward.wait_for_alert(&series.uid);
    assert_eq!(received.alert["report"]["warnings"], json!(["instances_missing"]));
    assert_eq!(known_by(&daemon), ["quiet"]);
    // It comes after all: one new answer, at once, without the warning.
    store(&part(&series, 29..30), address);
    wait_for_screened(&daemon, 2);
    assert_eq!(known_by(&daemon), ["quiet", "procedure_step"]);
    assert!(daemon.terminate().success());
    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    let latest = db.call_blocking(results::latest()).unwrap().unwrap();
    assert!(latest.supersedes.is_some());
    let report: Value = serde_json::from_str(&latest.report).unwrap();
    assert_eq!(report["warnings"], json!([]));
}
