//! The program as processes: the daemon with peers on its sockets, and the commands beside it.

mod alerts;
mod backup;
mod browser;
mod commitment;
mod committed;
mod complete;
mod compressed;
mod console;
mod contract;
mod export;
mod hl7;
mod kill;
mod leaving;
mod orders;
mod orthanc;
mod pacs;
mod passed;
mod receipts;
mod reports;
mod retention;
mod screen;
mod stow;
mod support;
mod tls;
mod updates;
mod ward;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use parotidd::clock::SystemClock;
use parotidd::config::Config;
use parotidd::daemon::Daemon;
use parotidd::db::{self, deliveries, instances, results};
use parotidd::inference::Models;
use parotidd::screening::{DecisionPolicy, Screener};
use tokio::task::spawn_blocking;

use self::contract::check_alert;
use self::support::*;
use self::ward::{AwayWard, Ward};

/// A port that nobody else has, and a short quiet time; all else as it is by default.
const SETTINGS: &str = "[dicom]\nlisten = [\"127.0.0.1:0\"]\n[series]\nquiet_s = 1\n";

#[test]
fn a_series_over_dicom_becomes_one_alert() {
    if !has_dcmtk("echoscu") || !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    let address = daemon.address();
    let echoed = echo("CT1", address);
    assert_eq!(echoed.code, Some(0), "{}", echoed.stderr);

    store(series, address);
    let received = ward.wait_for_alert(&series.uid);
    check_alert(&received.alert);
    assert_eq!(received.alert["supersedes"], serde_json::Value::Null);
    assert_eq!(received.alert["report"]["accession_number"], "P7");
    let is_picture = || is_png(&site.data_dir().join("display.png")).then_some(());
    wait_for("the picture", is_picture);

    // The same again is the same answer.
    store(series, address);
    daemon.wait_for_log("have a job already");
    let ended = daemon.terminate();
    assert_eq!(ended.code(), Some(0), "{}", site.log());
    assert!(site.log().contains("stopped"));
    assert_eq!(ward.about(&series.uid).len(), 1);
    assert!(is_png(&site.data_dir().join("display.png")), "the last picture stays");
    check_database(&site, series, &received.key);
    check_log(&site, series);
}

fn is_png(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else { return false };
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let picture = reader.next_frame(&mut pixels).unwrap();
    (picture.width, picture.height) == (800, 480)
}

/// One result, one delivery with its receipt, one row an instance.
fn check_database(site: &Site, series: &Series, key: &str) {
    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    assert_eq!(db.call_blocking(results::count()).unwrap(), 1);
    assert_eq!(db.call_blocking(instances::count()).unwrap(), series.files.len() as u64);
    let uid = series.uid.parse().unwrap();
    let deliveries = db.call_blocking(deliveries::of_series(uid)).unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].state, "sent");
    assert_eq!(deliveries[0].idempotency_key, key);
    assert_eq!(deliveries[0].receipt.as_deref(), Some("200\nthanks"));
}

/// The log names the series and nothing of the patient, and is plain text.
fn check_log(site: &Site, series: &Series) {
    let log = site.log();
    assert!(log.contains(&series.uid), "{log}");
    assert!(!log.contains('\x1b'), "colours in a file:\n{log}");
    let file = fs::read(&series.files[0]).unwrap();
    for secret in ["PHANTOM^7", "PHANTOM-7", "P7"] {
        assert!(file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        let is_word = |c: char| c.is_ascii_alphanumeric() || "^-".contains(c);
        let line = log.lines().find(|line| line.split(|c| !is_word(c)).any(|word| word == secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

#[test]
fn an_alert_waits_until_its_receiver_is_there() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let away = AwayWard::new();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&away.url)));
    let mut daemon = site.start();
    store(series, daemon.address());
    daemon.wait_for_log("not delivered");
    let ward = away.open();
    let received = ward.wait_for_alert(&series.uid);
    check_alert(&received.alert);
    daemon.wait_for_log("delivered destination=ward");
    assert!(daemon.terminate().success());
    assert_eq!(ward.about(&series.uid).len(), 1);
}

#[test]
fn a_stop_finishes_the_analysis_and_a_restart_remembers() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    store(series, daemon.address());
    daemon.wait_for_log(" screening ");
    assert!(daemon.terminate().success());
    assert!(site.log().contains(" screened "), "{}", site.log());

    // In this process, to see its status; the alert may have gone out by the first daemon already.
    let config = Config::load(Some(&site.config())).unwrap();
    let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let daemon = Daemon::start(config, screener, clock, Vec::new()).await.unwrap();
        let shown = daemon.status().borrow().last_result.clone().expect("it is in the database");
        let received = spawn_blocking({
            let (ward, series) = (ward.clone(), series.uid.clone());
            move || ward.wait_for_alert(&series)
        });
        let decision = received.await.unwrap().alert["decision"].clone();
        assert_eq!(serde_json::to_value(shown.outcome).unwrap()["decision"], decision);
        daemon.run_until(std::future::ready(())).await.unwrap();
    });
    assert_eq!(ward.distinct_about(&series.uid).len(), 1);
}

#[test]
fn a_lost_database_is_filled_again_and_the_receiver_knows_the_alert() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    store(series, daemon.address());
    let first = ward.wait_for_alert(&series.uid);
    assert!(daemon.terminate().success());
    let database = site.data_dir().join("parotidd.db");
    fs::write(&database, "no database").unwrap();
    // The log alone would bring everything back.
    let log = site.data_dir().join("parotidd.db-wal");
    assert!(fs::remove_file(&log).is_ok() || !log.exists());

    // Nor had the disk learned the names of the last three.
    let folder = site.data_dir().join("spool").join(&series.uid);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    for (n, file) in files[..3].iter().enumerate() {
        fs::rename(file, site.data_dir().join(format!("prepared/late-{n}.part"))).unwrap();
    }

    let mut daemon = site.start();
    daemon.wait_for_log("n_restored=3 n_removed=0");
    daemon.wait_for_log("recorded from the spool n=30");
    daemon.wait_for_log("delivered destination=ward");
    assert!(daemon.terminate().success());
    let keys: Vec<_> = ward.about(&series.uid).into_iter().map(|it| it.key).collect();
    assert_eq!(keys, [first.key.clone(), first.key]);
    assert!(site.data_dir().join("parotidd.db.corrupt-1").exists());
}

#[test]
fn who_may_not_connect_is_rejected() {
    if !has_dcmtk("echoscu") {
        return;
    }
    let settings = "[dicom]\nlisten = [\"127.0.0.1:0\"]\ncalling_ae_titles = [\"CT1\"]\n";
    let site = Site::new(settings);
    let mut daemon = site.start();
    let address = daemon.address();
    assert_eq!(echo("CT1", address).code, Some(0));
    let rejected = echo("OTHER", address);
    assert_ne!(rejected.code, Some(0));
    let text = rejected.stdout + &rejected.stderr;
    assert!(text.contains("Calling AE Title Not Recognized"), "{text}");
    assert!(daemon.terminate().success());
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let site = Site::new(SETTINGS);
    let daemon = site.start();
    let second = run(&["run", "--config", site.config().to_str().unwrap()]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("another parotidd uses"), "{second:?}");
    assert!(daemon.terminate().success());

    // A folder that cannot be one.
    let config = fs::read_to_string(site.config()).unwrap();
    let file = site.config().join("data");
    let at = config.replace(site.data_dir().to_str().unwrap(), file.to_str().unwrap());
    fs::write(site.config(), at).unwrap();
    let ended = run(&["run", "--config", site.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("could not prepare the data folder"), "{ended:?}");
}

#[test]
fn a_taken_port_is_named_and_costs_no_attempt_at_a_job() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    store(series, daemon.address());
    daemon.wait_for_log("series is stable");
    daemon.wait_for_log(" screening ");
    daemon.kill_9();

    let settings = fs::read_to_string(site.config()).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(site.config(), settings.replace("127.0.0.1:0", &address)).unwrap();
    for _ in 0..3 {
        let ended = run(&["run", "--config", site.config().to_str().unwrap()]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let says = format!("could not listen on {address}");
        assert!(ended.stderr.contains(&says), "{ended:?}");
    }
    fs::write(site.config(), settings).unwrap();
    let daemon = site.start();
    let received = ward.wait_for_alert(&series.uid);
    assert_ne!(received.alert["reason"], "analysis_failed", "{}", site.log());
    assert!(daemon.terminate().success());
}

#[test]
fn bad_settings_end_with_64_and_say_what_to_change() {
    let check = |settings: &str, says: &str| {
        let site = Site::new(settings);
        let config = site.config();
        for command in [&["run", "--config"][..], &["check-config"]] {
            let ended = run(&[command, &[config.to_str().unwrap()]].concat());
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{ended:?}");
            assert!(ended.stderr.contains(says), "{ended:?}");
        }
        assert!(!site.data_dir().exists(), "nothing is made with bad settings");
    };
    check("surprise = 1", "surprise");
    check("[dicom]\nlisten = [\"scanner\"]", "socket address");
    check("[dicom]\nassociations_max = 0", "use 1 to 64");
    check("[series]\nquiet_s = 0", "use 1 to 3600");
    check("[stow]\nlisten = [\"0.0.0.0:8042\"]", "`stow.bearer_token_file` is not set");
    check("[[destination]]\nname = \"ward\"\nkind = \"webhook\"", "missing field `url`");
    check("[dicom\n", "line 3");
    let missing = run(&["check-config", "/nowhere/parotidd.toml"]);
    assert_eq!(missing.code, Some(64), "{missing:?}");
    assert!(missing.stderr.contains("/nowhere/parotidd.toml"), "{missing:?}");
}

#[test]
fn check_config_prints_every_setting() {
    let site = Site::new(&Ward::destination("http://127.0.0.1:9/alert"));
    let printed = run(&["check-config", site.config().to_str().unwrap()]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let settings: toml::Table = printed.stdout.parse().unwrap();
    let check = |table: &str, keys: &[&str]| {
        for key in keys {
            assert!(settings[table].get(key).is_some(), "{table}.{key}: {settings}");
        }
    };
    assert_eq!(settings["data_dir"].as_str(), site.data_dir().to_str());
    let dicom = ["ae_title", "listen", "calling_ae_titles", "associations_max", "idle_timeout_s"];
    check("dicom", &dicom);
    check("series", &["quiet_s", "settle_s"]);
    check("stow", &["listen", "base_path", "requests_max"]);
    // What is left out there is the board's.
    check("display", &["rotate"]);
    assert_eq!(settings["destination"][0]["name"].as_str(), Some("ward"));
    assert_eq!(settings["destination"][0]["on"].as_array().unwrap().len(), 3);
    // What was printed is settings again, the same ones.
    fs::write(site.config(), &printed.stdout).unwrap();
    let again = run(&["check-config", site.config().to_str().unwrap()]);
    assert_eq!(again.stdout, printed.stdout);
}
