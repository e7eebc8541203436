//! A result on its way to a system that speaks HL7: hl7apy's server, which first has no time for it.

use parotidd::db::{self, deliveries};
use serde_json::Value;

use super::SETTINGS;
use super::support::*;
use crate::hl7::Engine;

#[test]
fn a_ris_is_sent_every_result_until_it_takes_it() {
    let Some(mut ris) = Engine::start(&["AE", "AA"]) else { return };
    let destination =
        "[[destination]]\nname = \"ris\"\nkind = \"hl7\"\nreceiving_application = \"RIS\"\n";
    let address = format!("address = \"{}\"\n", ris.address);
    let site = Site::new(&format!("{SETTINGS}{destination}{address}"));
    let mut daemon = site.start();
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    store(series, daemon.address());
    daemon.wait_for_log("not delivered destination=ris");
    daemon.wait_for_log("attempts=2");
    assert!(daemon.terminate().success());

    let (first, second) = (ris.line(), ris.line());
    assert_eq!(first["valid"], true, "{first}");
    assert_eq!(first, second, "the same message, MSH-10 too");
    let segments: Vec<_> =
        first["segments"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let starts: Vec<_> = segments.iter().map(|it| &it[..3]).take(6).collect();
    assert_eq!(starts, ["MSH", "PID", "PV1", "ORC", "OBR", "NTE"]);
    assert!(segments[3].contains(&series.uid), "{}", segments[3]);

    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    let found = db.call_blocking(deliveries::of_series(series.uid.parse().unwrap())).unwrap();
    let [delivery] = &found[..] else { panic!("{} deliveries", found.len()) };
    assert_eq!(
        (delivery.state.as_str(), delivery.receipt.as_deref()),
        ("sent", Some("AA\nby hl7apy"))
    );
    // The patient is in the message, and nowhere in the log.
    let id = segments[1].split('|').nth(3).unwrap();
    assert!(!id.is_empty() && !site.log().contains(id), "{}", site.log());
}
