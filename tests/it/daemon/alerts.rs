//! An alert from its opening until somebody says, by one way or the other, that it was seen.

use std::fs;

use parotidd::db::{self, deliveries};
use serde_json::{Value, json};

use super::SETTINGS;
use super::orthanc::free_port;
use super::support::*;
use super::ward::Ward;

/// Two destinations: one that is told at once, and one an hour later.
fn settings(ward: &Ward, port: u16) -> String {
    let destination = |name: &str, more: &str| {
        let url = &ward.url;
        format!("[[destination]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{url}\"\n{more}\n")
    };
    let console = format!("[console]\nlisten = [\"127.0.0.1:{port}\"]\n");
    let (first, second) = (destination("ward", ""), destination("on-call", "after_min = 60"));
    format!("{SETTINGS}{console}{first}{second}")
}

/// Status and body of an answer.
fn answered(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent()
}

/// What a command prints, one JSON value a line.
pub(super) fn lines(command: &[&str], site: &Site) -> Vec<Value> {
    let config = site.config();
    let mut all = command.to_vec();
    all.extend(["--format", "json", "--config", config.to_str().unwrap()]);
    let ended = run(&all);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(site: &Site) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = lines(&["audit"], site);
    events.iter().map(|it| (text(&it["event"]), text(&it["actor"]))).collect()
}

#[test]
fn a_link_in_an_alert_acknowledges_it_and_nothing_escalates() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let ward = Ward::open();
    let site = Site::new(&settings(&ward, free_port()));
    let mut daemon = site.start();
    store(series, daemon.address());
    let received = ward.wait_for_alert(&series.uid);
    let link = received.alert["acknowledge_url"].as_str().unwrap().to_owned();
    let open = lines(&["alerts"], &site);
    assert_eq!((open.len(), &open[0]["state"]), (1, &"open".into()));

    // Whoever looks changes nothing, and whoever guesses sees nothing.
    let (status, page) = answered(agent().get(&link).call());
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("flagged: left") && page.contains("not for diagnostic use"), "{page}");
    for name in ["Phantom", "PHANTOM", "P7"] {
        assert!(!page.contains(name), "{page}");
    }
    let guessed = format!("{}AAAA", &link[..link.len() - 4]);
    assert_eq!(answered(agent().get(&guessed).call()).0, 404);
    let (status, _) = answered(agent().post(&guessed).send_form([("by", "Eve")]));
    assert_eq!(status, 404);
    assert_eq!(answered(agent().post(&link).send_form([("by", " ")])).0, 422);
    let wrong_side = [("by", "Dr A"), ("right", "accepted")];
    assert_eq!(answered(agent().post(&link).send_form(wrong_side)).0, 422);
    assert_eq!(lines(&["alerts"], &site).len(), 1);

    let said = [("by", "Dr <A>"), ("left", "accepted"), ("note", "seen")];
    let (status, page) = answered(agent().post(&link).send_form(said));
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("acknowledged by Dr &lt;A&gt; (ward)"), "{page}");
    // A system that says it again hears who was first.
    let again = json!({ "by": "RIS" }).to_string();
    let posted = agent().post(&link).header("Content-Type", "application/json").send(&again);
    let (status, answer) = answered(posted);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["acknowledged_by"]), (200, &"Dr <A> (ward)".into()));

    assert!(lines(&["alerts"], &site).is_empty());
    let named = |event: &str, actor: &str| (event.to_owned(), actor.to_owned());
    assert_eq!(
        events(&site),
        [
            named("alert_opened", "parotidd"),
            named("delivered", "ward"),
            named("feedback_given", "Dr <A>"),
            named("acknowledged", "Dr <A> (ward)")
        ]
    );
    assert!(daemon.terminate().success());
    let db = db::open(&site.data_dir().join("parotidd.db")).unwrap().db;
    let found = db.call_blocking(deliveries::of_series(series.uid.parse().unwrap())).unwrap();
    let states: Vec<_> =
        found.iter().map(|it| (it.destination.as_str(), it.state.as_str())).collect();
    assert_eq!(states, [("ward", "sent"), ("on-call", "cancelled")]);
    let key = fs::metadata(site.data_dir().join("links.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
}

#[test]
fn an_alert_is_acknowledged_and_judged_on_the_command_line() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let ward = Ward::open();
    let site = Site::new(&settings(&ward, free_port()));
    let config = site.config();
    let config = config.to_str().unwrap();
    let mut daemon = site.start();
    store(series, daemon.address());
    ward.wait_for_alert(&series.uid);
    let none = run(&["acknowledge", "99", "--by", "Dr B", "--config", config]);
    assert_eq!(none.code, Some(65), "{}", none.stderr);
    let seen = lines(&["acknowledge", "--by", "Dr B"], &site);
    assert_eq!(
        (&seen[0]["acknowledged_by"], &seen[0]["state"]),
        (&"Dr B".into(), &"acknowledged".into())
    );
    let judge = |side: &str, verdict: &str| {
        let all = ["feedback", &series.uid, "--by", "Dr B", "--config", config];
        run(&[&all[..], &["--side", side, "--verdict", verdict]].concat()).code
    };
    assert_eq!(judge("left", "rejected"), Some(0));
    assert_eq!(judge("right", "rejected"), Some(65));
    assert_eq!(judge("right", "confirmed-negative"), Some(0));
    let status = lines(&["status"], &site);
    assert_eq!(status[0]["alerts"]["open"], 0);
    assert!(daemon.terminate().success());
}
