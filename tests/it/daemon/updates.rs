//! The daemon between those who update it: what the updater wrote is told, and a self-test asks the daemon how it is.

use std::fs;

use serde_json::{Value, json};

use super::support::*;

/// Settings with all files of an appliance, in the site's own folder.
fn site(settings: &str) -> Site {
    let site = Site::new("");
    let folder = site.config().parent().unwrap().to_owned();
    let path = |name: &str| folder.join(name);
    let base = fs::read_to_string(site.config()).unwrap();
    let appliance = format!(
        "[upkeep]\nupdate_state = {:?}\nself_tests = [{:?}]\nhealth = {:?}\n{settings}",
        path("update.json"),
        path("boot.json"),
        path("health.json")
    );
    fs::write(site.config(), base + &appliance).unwrap();
    site
}

fn status(site: &Site) -> (Value, String) {
    let config = site.config();
    let arguments = ["status", "--config", config.to_str().unwrap()];
    let json = run(&[&arguments[..], &["--format", "json"]].concat());
    (serde_json::from_str(&json.stdout).unwrap(), run(&arguments).stdout)
}

#[test]
fn an_update_that_was_undone_is_told_of() {
    let site = site("[dicom]\nlisten = [\"127.0.0.1:0\"]\n");
    let update = site.config().with_file_name("update.json");
    let now = jiff::Timestamp::now().as_millisecond();
    let last = json!({
        "version": "0.2.0", "outcome": "rolled_back", "reason": "self-test failed (golden)", "unix_ms": now,
    });
    let state = |last: &Value, installing: Value| json!({"schema": "parotidd.update/1", "installing": installing, "step": "copying", "percent": 40, "last": last});
    fs::write(&update, state(&last, Value::Null).to_string()).unwrap();
    let mut daemon = site.start();
    let sentence = "update to 0.2.0 was undone: self-test failed (golden); 0.1.0 is running";
    daemon.wait_for_log(sentence);
    let (value, text) = status(&site);
    assert_eq!(value["update"]["trouble"], sentence);
    assert!(text.contains(sentence), "{text}");

    fs::write(&update, state(&last, "0.3.0".into()).to_string()).unwrap();
    daemon.wait_for_log("an update is installed");
    let (value, text) = status(&site);
    assert_eq!(
        (&value["update"]["installing"], &value["update"]["step"]),
        (&json!("0.3.0"), &json!("copying"))
    );
    assert!(text.contains("installing 0.3.0, 40 %"), "{text}");

    fs::write(&update, "not JSON").unwrap();
    let warning = daemon.wait_for_log("a file of the appliance cannot be used");
    assert!(warning.contains("update.json"), "{warning}");
}

#[test]
fn networks_of_an_update_that_are_damaged_give_way() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["localizer.onnx", "localizer.toml", "segmenter.toml", "decision.toml"] {
        fs::copy(format!("models/{file}"), folder.path().join(file)).unwrap();
    }
    let mut segmenter = fs::read("models/segmenter.onnx").unwrap();
    let middle = segmenter.len() / 2;
    segmenter[middle] ^= 1;
    fs::write(folder.path().join("segmenter.onnx"), segmenter).unwrap();
    let own = parotidd::screening::DecisionPolicy::embedded();
    let policy = fs::read_to_string("models/decision.toml").unwrap();
    let newer = policy.replacen(&format!("\"{}\"", own.version), "\"99.0.0\"", 1);
    fs::write(folder.path().join("decision.toml"), newer).unwrap();
    let site =
        site(&format!("models = {:?}\n[dicom]\nlisten = [\"127.0.0.1:0\"]\n", folder.path()));
    let mut daemon = site.start();
    let error = daemon.wait_for_log("the built-in networks are used");
    assert!(error.contains("the segmenter has SHA-256"), "{error}");
    assert_eq!(status(&site).0["models"]["decision"]["version"], own.version, "so it is told");
    let (code, outcomes) = self_test(&site);
    assert_eq!((code, &outcomes["models"]), (Some(1), &json!("failed")), "{outcomes}");
}

/// Outcomes of a self-test's checks, by name.
fn self_test(site: &Site) -> (Option<i32>, Value) {
    let config = site.config();
    let result = site.config().with_file_name("boot.json");
    let arguments = ["self-test", "--service", "--format", "json", "--config"];
    let ended =
        run(&[&arguments[..], &[config.to_str().unwrap(), "--json", result.to_str().unwrap()]]
            .concat());
    let result: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr));
    let checks = result["checks"].as_array().unwrap().iter();
    let outcomes =
        checks.map(|it| (it["name"].as_str().unwrap().to_owned(), it["outcome"].clone()));
    (ended.code, outcomes.collect())
}

#[test]
fn a_self_test_asks_the_daemon_that_runs() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site =
        site(&format!("[dicom]\nlisten = [\"0.0.0.0:{port}\"]\ncalling_ae_titles = [\"CT1\"]\n"));
    let mut daemon = site.start();
    let (code, outcomes) = self_test(&site);
    assert_eq!(code, Some(0), "{outcomes}");
    for check in ["golden", "service", "echo", "live_database", "outbox", "picture"] {
        assert_eq!(outcomes[check], "passed", "{check}: {outcomes}");
    }
    assert_eq!(status(&site).0["self_test_failing"], json!([]));

    daemon.wait_for_log("listening");
    assert_eq!(daemon.terminate().code(), Some(0));
    let health = site.config().with_file_name("health.json");
    fs::remove_file(health).unwrap();
    let (code, outcomes) = self_test(&site);
    assert_eq!(code, Some(1), "{outcomes}");
    for (check, outcome) in
        [("golden", "passed"), ("service", "failed"), ("echo", "failed"), ("outbox", "passed")]
    {
        assert_eq!(outcomes[check], outcome, "{check}: {outcomes}");
    }
    assert_eq!(status(&site).0["self_test_failing"], json!(["echo", "service"]));
    site.start().wait_for_log("the self-test failed");
}
