//! A compressed series is decoded while it comes, and gets the answer of its uncompressed self.

use std::process::Command;

use serde_json::Value;

use super::SETTINGS;
use super::support::*;
use super::ward::Ward;

/// The same series, compressed by DCMTK's program.
fn compressed(series: &Series, program: &str, folder: &std::path::Path) -> Series {
    for file in &series.files {
        let to = folder.join(file.file_name().unwrap());
        let status = Command::new(program).arg("+un").arg(file).arg(to).status().unwrap();
        assert!(status.success(), "{program} {}", file.display());
    }
    Series::open(folder)
}

#[test]
fn slices_are_decoded_before_the_last_one_is_there() {
    if !has_dcmtk("storescu") || !has_dcmtk("dcmcjpls") {
        return;
    }
    let phantoms = Phantoms::get();
    let folder = tempfile::tempdir().unwrap();
    let series = compressed(&phantoms.small, "dcmcjpls", folder.path());
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    // Quiet time alone tells that it is complete, so there is time enough for every slice.
    let (is_well, stored) = Sending::start_with(&series, daemon.address(), &["-xt"]).end();
    assert!(is_well);
    assert_eq!(stored.len(), 30);
    let received = ward.wait_for_alert(&series.uid);
    daemon.wait_for_log("slices were decoded ahead n=30");
    assert!(daemon.terminate().success());

    let plain = phantoms.folder_of(&phantoms.small);
    let screened = run(&["screen", plain.to_str().unwrap(), "--format", "json"]);
    let plain: Value = serde_json::from_str(&screened.stdout).unwrap();
    let report = &received.alert["report"];
    for key in ["decision", "reason", "score", "glands", "candidates", "series_instance_uid"] {
        assert_eq!(report[key], plain[key], "{key}: {screened:?}");
    }
}
