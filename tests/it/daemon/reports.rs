//! Radiologists' reports over MLLP beside what was flagged.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::SETTINGS;
use super::alerts::lines;
use super::orthanc::free_port;
use super::support::*;
use super::ward::Ward;

/// A final report about an accession number, as a RIS sends it.
fn report(control_id: &str, accession: &str, findings: &str) -> String {
    [
        &format!("MSH|^~\\&|RIS|CLINIC|PAROTIDD|CLINIC|20260101120000||ORU^R01^ORU_R01|{control_id}|P|2.5.1"),
        "PID|1||X1^^^CLINIC^MR||Invented^Name",
        "PV1|1|O",
        &format!("ORC|RE|{accession}"),
        &format!(
            "OBR|1|{accession}||CTNECK^CT neck^L|||20260101100000|||||||||||{accession}||||||CT|F|||||||&Reader&Anna"
        ),
        &format!("OBX|1|TX|CTNECK^CT neck^L||FINDINGS: {findings}||||||F"),
    ]
    .join("\r")
        + "\r"
}

/// Sends a message and answers with the code of its acknowledgement.
fn send(port: u16, message: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(format!("\u{b}{message}\u{1c}\r").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte[0] != 0x1c {
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).unwrap();
    let msa = answer.split('\r').find(|it| it.starts_with("MSA|")).unwrap().to_owned();
    msa.split('|').nth(1).unwrap().to_owned()
}

fn lists(site: &Site) -> Vec<(String, Value)> {
    let lines = lines(&["review"], site);
    lines.iter().map(|it| (it["list"].as_str().unwrap().to_owned(), it["sides"].clone())).collect()
}

#[test]
fn a_report_without_the_mass_is_reviewed_and_one_with_it_acknowledges() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let ward = Ward::open();
    let port = free_port();
    let url = &ward.url;
    let destination = |name: &str, role: &str| {
        format!(
            "[[destination]]\nname = \"{name}\"\nrole = \"{role}\"\nkind = \"webhook\"\nurl = \"{url}\"\n"
        )
    };
    let to = destination("ward", "technologist") + &destination("reading", "Radiologist");
    let site = Site::new(&format!("{SETTINGS}[reports]\nlisten = [\"127.0.0.1:{port}\"]\n{to}"));
    let mut daemon = site.start();
    store(series, daemon.address());
    ward.wait_for_alert(&series.uid);

    // Another patient's report is taken, and is nothing to us.
    assert_eq!(send(port, &report("1", "NOT-OURS", "A left parotid mass.")), "AA");
    assert!(lists(&site).is_empty());
    assert_eq!(send(port, "MSH|^~\\&|RIS|C|P|C|20260101||ADT^A01|2|P|2.5.1\r"), "AR");

    let silent = "Normal. No parotid mass.";
    assert_eq!(send(port, &report("3", "P7", silent)), "AA");
    let left = serde_json::json!(["left"]);
    assert_eq!(lists(&site), [("flagged_not_in_report".to_owned(), left.clone())]);
    let is_reminder = |it: &super::ward::Received| it.alert["schema"] == "parotidd.reminder/1";
    let reminders = || ward.received().into_iter().filter(is_reminder).collect::<Vec<_>>();
    let reminder = wait_for("the reminder", || reminders().pop());
    assert_eq!(reminder.alert["reason"], "flagged_not_in_report");
    assert_eq!(
        (&reminder.alert["sides"], &reminder.alert["accession_number"]),
        (&left, &"P7".into())
    );

    // The same message again, and an addendum that still says nothing: no second reminder.
    assert_eq!(send(port, &report("3", "P7", silent)), "AA");
    assert_eq!(send(port, &report("4", "P7", silent)), "AA");
    assert_eq!(lines(&["alerts"], &site).len(), 1);

    // An addendum on the wrong side, and at last on the right one.
    assert_eq!(send(port, &report("5", "P7", "A 2 cm mass in the right parotid gland.")), "AA");
    let both: Vec<_> = lists(&site).into_iter().map(|it| it.0).collect();
    assert_eq!(both, ["flagged_not_in_report", "in_report_not_flagged"]);
    assert_eq!(lines(&["alerts"], &site).len(), 1, "the alert is about the other side");
    assert_eq!(send(port, &report("6", "P7", "A 2 cm mass in the left parotid gland.")), "AA");
    assert!(lists(&site).is_empty());
    let alerts = lines(&["alerts", "--all"], &site);
    assert_eq!(alerts[0]["acknowledged_via"], "report");
    assert!(alerts[0]["acknowledged_by"].as_str().unwrap().contains("Reader"), "{alerts:?}");
    assert!(daemon.terminate().success());
    assert_eq!(reminders().len(), 1, "one reminder about one answer");
    let log = site.log();
    for phi in ["Invented", "2 cm mass", "P7"] {
        assert!(!log.contains(phi), "{phi} stands in the log");
    }
}
