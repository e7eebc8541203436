//! Orders of a worklist on the alerts of the daemon.

use dicom_dictionary_std::tags;
use dicom_object::open_file;
use serde_json::Value;

use super::SETTINGS;
use super::contract::check_alert;
use super::support::*;
use super::ward::Ward;
use crate::ris::{Entry, Ris};

fn text(series: &Series, tag: dicom_core::Tag) -> String {
    let object = open_file(&series.files[0]).unwrap();
    let text = object.element(tag).unwrap().to_str().unwrap().into_owned();
    text.trim_end_matches(['\0', ' ']).to_owned()
}

/// An order of today, for the patient of a series.
fn order(series: &Series, study: &str, accession: &str, procedure_id: &str) -> Entry {
    let today = jiff::Timestamp::now().to_string();
    Entry {
        study: study.to_owned(),
        accession: accession.to_owned(),
        patient_id: text(series, tags::PATIENT_ID),
        procedure_id: procedure_id.to_owned(),
        date: today[..10].replace('-', ""),
    }
}

fn status(site: &Site) -> Value {
    let ended = run(&["status", "--format", "json", "--config", site.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The same pictures from a scanner that sends no accession number.
fn without_accession(series: &Series, folder: &std::path::Path) -> Series {
    let copy = series.copy("without accession", folder);
    for file in &copy.files {
        let mut object = open_file(file).unwrap();
        object.take_element(tags::ACCESSION_NUMBER).unwrap();
        object.write_to_file(file).unwrap();
    }
    copy
}

#[test]
fn an_alert_has_the_order_even_when_the_worklist_is_away() {
    let phantoms = Phantoms::get();
    let folder = tempfile::tempdir().unwrap();
    let series = without_accession(&phantoms.small, folder.path());
    let study = text(&series, tags::STUDY_INSTANCE_UID);
    let entry = order(&series, &study, "ORDERED-8", "PROC-8");
    if !has_dcmtk("storescu") {
        return;
    }
    let Some(ris) = Ris::start(&[entry]) else { return };
    let ward = Ward::open();
    let settings = format!("{SETTINGS}{}{}", ris.settings(), Ward::destination(&ward.url));
    let site = Site::new(&settings);
    let mut daemon = site.start();
    daemon.wait_for_log("worklist read n_entries=1");
    drop(ris);
    store(&series, daemon.address());
    let received = ward.wait_for_alert(&series.uid);
    check_alert(&received.alert);
    assert_eq!(
        received.alert["order"],
        serde_json::json!({
            "accession_number": "ORDERED-8",
            "requested_procedure_id": "PROC-8",
            "requested_procedure_description": "CT Hals",
            "referring_physician": "Smith^Jane=山田^太郎",
            "matched_by": "study_instance_uid",
        })
    );
    assert_eq!(received.alert["report"]["accession_number"], "ORDERED-8");
    let worklist = status(&site)["worklist"].clone();
    assert_eq!((&worklist["entries"], &worklist["studies_matched"]), (&1.into(), &1.into()));
    assert!(daemon.terminate().success());
    let log = site.log();
    for secret in ["ORDERED-8", "PROC-8", "CT Hals", "Smith", "Patient^Ordered", "19500401"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    // The report itself is what images and models gave.
    let database = parotidd::db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    let stored = database.call_blocking(parotidd::db::results::latest()).unwrap().unwrap();
    assert!(!stored.report.contains("ORDERED-8"));
}

#[test]
fn two_orders_that_fit_are_none_and_are_shown() {
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    if !has_dcmtk("storescu") {
        return;
    }
    let Some(ris) = Ris::start(&[]) else { return };
    let ward = Ward::open();
    // Time for the query that the study's arrival asks for.
    let settings = SETTINGS.replace("quiet_s = 1\n", "quiet_s = 12\nsettle_s = 12\n");
    let settings = format!("{settings}{}{}", ris.settings(), Ward::destination(&ward.url));
    let site = Site::new(&settings);
    let mut daemon = site.start();
    daemon.wait_for_log("worklist read n_entries=0");
    let accession = text(series, tags::ACCESSION_NUMBER);
    for n in 1..=2 {
        ris.add(&order(series, &format!("1.2.3.{n}"), &accession, &format!("PROC-{n}")));
    }
    store(series, daemon.address());
    daemon.wait_for_log("worklist read n_entries=2");
    let received = ward.wait_for_alert(&series.uid);
    check_alert(&received.alert);
    assert_eq!(received.alert["order_unmatched"]["reason"], "ambiguous_worklist_entries");
    assert_eq!(received.alert.get("order"), None);
    assert_eq!(received.alert["report"]["accession_number"], accession.as_str());
    let worklist = status(&site)["worklist"].clone();
    assert_eq!(worklist["studies_unmatched"]["ambiguous_worklist_entries"], 1);
    let text = run(&["status", "--config", site.config().to_str().unwrap()]).stdout;
    assert!(text.contains("without: 1 ambiguous worklist entries"), "{text}");
    assert!(daemon.terminate().success());
}
