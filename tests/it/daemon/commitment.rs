//! Storage commitment for scanners that hang up before they have their report.

use serde_json::json;

use super::support::*;
use crate::peers::pynetdicom;

#[test]
fn a_scanner_that_hung_up_has_its_report_over_an_association_of_our_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own_port = listener.local_addr().unwrap().port();
    drop(listener);
    let peer = format!("[[dicom.peer]]\nae_title = \"CT1\"\naddress = \"127.0.0.1:{own_port}\"\n");
    let site = Site::new(&format!("[dicom]\nlisten = [\"127.0.0.1:0\"]\n{peer}"));
    let mut daemon = site.start();
    let series = &Phantoms::get().small;
    let port = daemon.address().port().to_string();
    let files = series.files[..2].iter().map(|path| path.to_str().unwrap().to_owned());
    let arguments = [port, "--later".to_owned(), own_port.to_string()];
    let arguments: Vec<_> = arguments.into_iter().chain(files).collect();
    let Some(heard) = pynetdicom("storage_commitment.py", &arguments) else { return };
    assert_eq!((&heard["action"], &heard["event_type"]), (&json!(0), &json!(2)));
    assert_eq!(heard["committed"].as_array().map(Vec::len), Some(2));
    assert_eq!(heard["failed"], json!([["2.25.404", 0x0112]]));
    assert_eq!(heard["still_open"], false);
    daemon.wait_for_log("storage commitment reported peer=CT1 status=0000H");
    assert!(daemon.terminate().success());
}
