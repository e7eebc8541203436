//! Orthanc, a PACS that others wrote, sends a series and wants it committed, without TLS and with it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use parotidd::dicom::result_objects::FILE_NAMES;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::SETTINGS;
use super::support::*;
use crate::certificates::Certificates;

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Orthanc as a process of its own, its index and images in a folder that goes with it.
struct Orthanc {
    process: Process,
    http: String,
    folder: TempDir,
}

impl Orthanc {
    /// Knows the peer PAROTIDD at this address; `None` where Orthanc is not installed. With `tls` both its own
    /// port and what it sends are TLS.
    fn start(dicom_port: u16, peer: SocketAddr, tls: Option<&Certificates>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let http_port = free_port();
        let mut settings = json!({
            "Name": "peer", "DicomAet": "ORTHANC", "DicomPort": dicom_port, "HttpPort": http_port,
            "StorageDirectory": folder.path(), "IndexDirectory": folder.path(),
            "AuthenticationEnabled": false, "Plugins": [],
            "DicomModalities": {"parotidd": {
                "AET": "PAROTIDD", "Host": peer.ip(), "Port": peer.port(), "UseDicomTls": tls.is_some(),
            }},
        });
        if let Some(certificates) = tls {
            settings["DicomTlsEnabled"] = json!(true);
            settings["DicomTlsPrivateKey"] = json!(certificates.path("server.key"));
            settings["DicomTlsCertificate"] = json!(certificates.path("server.pem"));
            settings["DicomTlsTrustedCertificates"] = json!(certificates.path("ours.pem"));
        }
        let configuration = folder.path().join("orthanc.json");
        fs::write(&configuration, settings.to_string()).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("Orthanc");
        // Where Debian puts it, which is not on the path of every user.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        command.env("PATH", path).arg(&configuration).stdin(Stdio::null());
        let command = command.stdout(log.try_clone().unwrap()).stderr(log);
        let Ok(child) = command.spawn() else {
            eprintln!("skipped: Orthanc is not installed");
            return None;
        };
        let http = format!("http://127.0.0.1:{http_port}");
        let mut orthanc = Self { process: Process::new(child), http, folder };
        wait_for("Orthanc", || {
            assert!(!orthanc.process.has_ended(), "{}", orthanc.log());
            orthanc.log().contains("Orthanc has started").then_some(())
        });
        Some(orthanc)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("{}{path}", self.http)).call().unwrap();
        response.body_mut().read_json().unwrap()
    }

    fn post(&self, path: &str, body: &[u8]) -> Value {
        let sent = ureq::post(format!("{}{path}", self.http)).send(body);
        let mut response = sent.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()));
        response.body_mut().read_json().unwrap()
    }

    /// Its identifier of the series in these files.
    fn import(&self, series: &Series) -> Value {
        let mut parent = Value::Null;
        for file in &series.files {
            parent = self.post("/instances", &fs::read(file).unwrap())["ParentSeries"].take();
        }
        parent
    }
}

#[test]
fn orthanc_stores_and_shows_every_object_of_a_result() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let Some(orthanc) = Orthanc::start(free_port(), nobody, None) else { return };
    let phantoms = Phantoms::get();
    let out = tempfile::tempdir().unwrap();
    let series = phantoms.folder_of(&phantoms.seven);
    let arguments = ["screen", series.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
    let screened = run(&arguments);
    assert_eq!(screened.code, Some(0), "{}", screened.stderr);
    let folder = out.path().join(&phantoms.seven.uid);
    let stored = FILE_NAMES.map(|name| {
        let stored = orthanc.post("/instances", &fs::read(folder.join(name)).unwrap());
        assert_eq!(stored["Status"], "Success", "{name}: {stored}");
        stored
    });
    // One study, a series for each kind; the key images share one.
    assert_eq!(orthanc.get("/studies").as_array().map(Vec::len), Some(1));
    assert_eq!(orthanc.get("/series").as_array().map(Vec::len), Some(5));
    let fetch = |path: String| {
        let mut response = ureq::get(format!("{}{path}", orthanc.http)).call().unwrap();
        response.body_mut().read_to_vec().unwrap()
    };
    let id = |n: usize| stored[n]["ID"].as_str().unwrap().to_owned();
    let picture = fetch(format!("/instances/{}/preview", id(2)));
    assert!(picture.starts_with(b"\x89PNG"));
    let page = fetch(format!("/instances/{}/pdf", id(5)));
    assert!(page.starts_with(b"%PDF-"));
    // Again is nothing new.
    let again = orthanc.post("/instances", &fs::read(folder.join("sr.dcm")).unwrap());
    assert_eq!(again["Status"], "AlreadyStored");
}

/// Orthanc as the archive that a result's objects are sent to, and that promises to keep them: it calls back with
/// its report.
fn archive(tls: Option<&Certificates>) {
    let dicom_port = free_port();
    let mut settings = SETTINGS.to_owned();
    settings += "[[destination]]\nname = \"archive\"\nkind = \"pacs\"\nae_title = \"ORTHANC\"\n";
    settings += &format!("address = \"127.0.0.1:{dicom_port}\"\ntls = {}\n", tls.is_some());
    settings += "commitment = true\n";
    if let Some(certificates) = tls {
        let ours = toml::to_string(&certificates.settings("server", &["ours"])).unwrap();
        settings += &format!("[dicom.tls]\n{ours}");
    }
    let site = Site::new(&settings);
    let mut daemon = site.start();
    let plain = daemon.address();
    let address = if tls.is_some() { daemon.tls_address() } else { plain };
    let Some(orthanc) = Orthanc::start(dicom_port, address, tls) else { return };
    store(&Phantoms::get().small, plain);
    daemon.wait_for_log("the peer has reported peer=ORTHANC");
    daemon.wait_for_log(": delivered destination=archive");
    assert!(daemon.terminate().success());
    let series = orthanc.get("/series");
    let modalities = series.as_array().unwrap().iter().map(|id| {
        let series = orthanc.get(&format!("/series/{}", id.as_str().unwrap()));
        series["MainDicomTags"]["Modality"].as_str().unwrap().to_owned()
    });
    let modalities: Vec<_> = modalities.collect();
    for modality in ["SEG", "SR", "OT", "DOC"] {
        assert!(modalities.iter().any(|it| it == modality), "{modality}: {modalities:?}");
    }
}

#[test]
fn orthanc_is_sent_the_objects_of_a_result() {
    archive(None);
}

#[test]
fn orthanc_is_sent_them_over_tls() {
    archive(Some(&Certificates::make()));
}

/// Sends a series from Orthanc, which then asks for storage commitment on another association and has its
/// report on one of ours.
fn exchange(tls: Option<&Certificates>) {
    let dicom_port = free_port();
    let peer = format!("ae_title = \"ORTHANC\"\naddress = \"127.0.0.1:{dicom_port}\"\n");
    let dicom = "[dicom]\nlisten = [\"127.0.0.1:0\"]\ncalling_ae_titles = [\"ORTHANC\"]\n";
    let mut settings = format!("{dicom}[[dicom.peer]]\n{peer}");
    if let Some(certificates) = tls {
        let ours = toml::to_string(&certificates.settings("server", &["ours"])).unwrap();
        settings += &format!("tls = true\n[dicom.tls]\n{ours}");
    }
    let site = Site::new(&settings);
    let mut daemon = site.start();
    let address = if tls.is_some() { daemon.tls_address() } else { daemon.address() };
    let Some(orthanc) = Orthanc::start(dicom_port, address, tls) else { return };

    let series = &Phantoms::get().small;
    let id = orthanc.import(series);
    orthanc.post("/modalities/parotidd/echo", b"{}");
    let order = json!({"Resources": [id], "Synchronous": true, "StorageCommitment": true});
    let sent = orthanc.post("/modalities/parotidd/store", order.to_string().as_bytes());
    assert_eq!((&sent["InstancesCount"], &sent["FailedInstancesCount"]), (&json!(30), &json!(0)));

    let transaction = sent["StorageCommitmentTransactionUID"].as_str().unwrap_or_else(|| {
        panic!("no storage commitment was asked for: {sent}");
    });
    let report = wait_for("the report on storage commitment", || {
        let report = orthanc.get(&format!("/storage-commitment/{transaction}"));
        (report["Status"] != "Pending").then_some(report)
    });
    assert_eq!(report["Status"], "Success", "{report}");
    assert_eq!(report["Success"].as_array().map(Vec::len), Some(30), "{report}");
    assert_eq!(report["RemoteAET"], "PAROTIDD");
    daemon.wait_for_log("storage commitment reported peer=ORTHANC status=0000H");
    check_spool(&site.data_dir().join("spool").join(&series.uid), series);
    assert!(daemon.terminate().success());
}

/// The spool holds the data sets that Orthanc was given.
fn check_spool(folder: &Path, series: &Series) {
    for file in &series.files {
        let (uid, sent) = data_set(file);
        let (received_uid, received) = data_set(&folder.join(format!("{uid}.dcm")));
        assert_eq!(received_uid, uid);
        assert!(received == sent, "{uid} is not what was sent");
    }
}

#[test]
fn orthanc_sends_a_series_and_has_it_committed() {
    exchange(None);
}

#[test]
fn orthanc_does_so_over_tls_both_ways() {
    exchange(Some(&Certificates::make()));
}
