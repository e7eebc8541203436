//! A daemon that is sent images over DICOMweb.

use std::fs;
use std::process::Command;

use super::SETTINGS;
use super::contract::check_alert;
use super::support::*;
use super::ward::Ward;

/// One request with all files of a series.
fn body_of(series: &Series) -> Vec<u8> {
    let parts = series.files.iter().flat_map(|file| {
        let head = b"--frontier\r\nContent-Type: application/dicom\r\n\r\n".to_vec();
        [head, fs::read(file).unwrap(), b"\r\n".to_vec()]
    });
    parts.chain([b"--frontier--\r\n".to_vec()]).collect::<Vec<_>>().concat()
}

#[test]
fn a_series_over_dicomweb_becomes_one_alert() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let folder = tempfile::tempdir().unwrap();
    let (token, body) = (folder.path().join("token"), folder.path().join("body"));
    fs::write(&token, "t0ken\n").unwrap();
    fs::write(&body, body_of(series)).unwrap();
    let ward = Ward::open();
    let stow = format!("[stow]\nlisten = [\"127.0.0.1:0\"]\nbearer_token_file = {token:?}\n");
    let site = Site::new(&format!("{SETTINGS}{stow}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    let line = daemon.wait_for_log("STOW-RS is up");
    let address = line.rsplit_once("address=").unwrap().1.trim().to_owned();
    let post = |token: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "120", "-o", "/dev/null", "-w", "%{http_code}"]);
        curl.args([
            "-H",
            "Content-Type: multipart/related; type=\"application/dicom\"; boundary=frontier",
        ]);
        curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        curl.args(["--data-binary", &format!("@{}", body.display())]);
        curl.arg(format!("http://{address}/dicom-web/studies"));
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };
    assert_eq!(post("other"), "401");
    assert_eq!(post("t0ken"), "200");
    for file in &series.files {
        let (uid, sent) = data_set(file);
        let kept = site.data_dir().join("spool").join(&series.uid).join(format!("{uid}.dcm"));
        assert!(data_set(&kept).1 == sent, "{uid} is not kept as sent");
    }
    // The end of the request is the end of the sender.
    let line = daemon.wait_for_log("series is stable");
    assert!(line.contains("is_released=true"), "{line}");
    check_alert(&ward.wait_for_alert(&series.uid).alert);
    assert!(daemon.terminate().success(), "{}", site.log());
    assert!(!site.log().contains("t0ken"));
    assert_eq!(ward.about(&series.uid).len(), 1);
}

#[test]
fn a_token_that_cannot_be_read_is_named() {
    let stow = "[stow]\nlisten = [\"127.0.0.1:0\"]\nbearer_token_file = \"/nowhere/token\"\n";
    let site = Site::new(&format!("{SETTINGS}{stow}"));
    for command in [&["run", "--config"][..], &["check-config"]] {
        let ended = run(&[command, &[site.config().to_str().unwrap()]].concat());
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert!(
            ended.stderr.contains("could not take the bearer token from `/nowhere/token`"),
            "{ended:?}"
        );
    }
    assert!(!site.data_dir().exists(), "nothing is made with bad settings");
}
