//! The console over HTTP: who gets in, who sees what, and that what people do there counts everywhere.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use parotidd::appliance::settings::NetworkSettings;
use parotidd::clock::SystemClock;
use parotidd::config::Config;
use parotidd::console::{Protection, user_name};
use parotidd::daemon::Daemon;
use parotidd::dicom::ct_image::read_images;
use parotidd::dicom::ct_pixels::decode_pixels;
use parotidd::inference::Models;
use parotidd::screening::{DecisionPolicy, Screener};
use parotidd::units::Hounsfield;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::SETTINGS;
use super::alerts::lines;
use super::browser::*;
use super::orthanc::free_port;
use super::support::*;
use super::ward::{AwayWard, Ward};
use crate::certificates::Certificates;

/// A site with a console, and its address.
fn site(more: &str) -> (Site, String) {
    let port = free_port();
    let console = format!("[console]\nlisten = [\"127.0.0.1:{port}\"]\n");
    (Site::new(&format!("{SETTINGS}{console}{more}")), format!("http://127.0.0.1:{port}"))
}

fn add_everyone(site: &Site) {
    for (name, role) in [("tess", "technologist"), ("rada", "radiologist"), ("ed", "engineer")] {
        add_user(site, name, role);
    }
}

#[test]
fn nobody_gets_in_without_a_password_and_ten_wrong_ones_lock() {
    let (site, base) = site("");
    let mut daemon = site.start();
    daemon.wait_for_log("the console is up");
    let stranger = Browser::new(&base);
    // There is no account: a code is asked for that only the display shows.
    assert_eq!(stranger.get("/login").0, 303);
    assert!(stranger.get("/set-up").1.contains("Code on the display"));
    let guess = [("code", "AAAA-AAAA"), ("name", "eve"), ("password", PASSWORD)];
    let (status, page) = Browser::new(&base).enter("/set-up", &guess);
    assert_eq!(status, 422);
    assert!(page.contains("not the code"), "{page}");
    assert!(!site.log().contains("eve"), "who tries is no matter for the log");

    add_everyone(&site);
    for path in
        ["/", "/series", "/series/1.2.3", "/outbox", "/audit", "/settings", "/users", "/account"]
    {
        let answer = stranger.fetch(path);
        assert_eq!(answer.status(), 303, "{path}");
        assert_eq!(answer.headers()["location"], "/login", "{path}");
    }
    for path in
        ["/status", "/series", "/series/1.2.3", "/series/1.2.3/slices/0", "/audit", "/events"]
    {
        let (status, body) = stranger.get(&format!("/api/v1{path}"));
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("Please log in"), "{body}");
    }
    let said = |password: &str| {
        let said = [("name", "Tess"), ("password", password)];
        Browser::new(&base).enter("/login", &said)
    };
    assert_eq!(said(PASSWORD).0, 303);
    for _ in 1..10 {
        assert_eq!(said("wrong horse battery").0, 401);
    }
    let (status, page) = said("wrong horse battery");
    assert_eq!(status, 429);
    assert!(page.contains("locked"), "{page}");
    assert_eq!(said(PASSWORD).0, 429, "the right one does not open a lock");
    let config = site.config();
    let config = config.to_str().unwrap();
    assert!(
        run(&["user", "list", "--config", config]).stdout.contains("tess\ttechnologist\tlocked")
    );
    assert_eq!(run(&["user", "unlock", "tess", "--config", config]).code, Some(0));
    assert_eq!(said(PASSWORD).0, 303);
    let events: Vec<_> = lines(&["audit"], &site)
        .iter()
        .map(|it| it["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events.iter().filter(|it| *it == "log_in_failed").count(), 10);
    assert!(events.contains(&"locked_out".to_owned()));
    assert!(daemon.terminate().success());
}

#[test]
fn the_code_on_the_display_makes_the_first_account_and_no_other() {
    let (site, base) = site("");
    let config = Config::load(Some(&site.config())).unwrap();
    let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let daemon = Daemon::start(config, screener, Arc::new(SystemClock::new()), Vec::new())
            .await
            .unwrap();
        let status = daemon.status();
        let shown = status.borrow().setup.clone().expect("there is no account yet");
        assert_eq!(shown.address, base);
        let first = spawn_blocking({
            let base = base.clone();
            move || {
                let said = [("code", shown.code.as_str()), ("name", "Ed"), ("password", PASSWORD)];
                let mut ed = Browser::new(&base);
                assert_eq!(ed.enter("/set-up", &said).0, 303);
                assert_eq!(ed.get("/users").0, 200);
                assert_ne!(Browser::new(&base).enter("/set-up", &said).0, 303);
                assert_eq!(Browser::new(&base).get("/set-up").0, 303);
            }
        });
        first.await.unwrap();
        assert_eq!(status.borrow().setup, None, "the display shows something else now");
        daemon.run_until(std::future::ready(())).await.unwrap();
    });
}

/// What the disk image ships: who starts it for the first time must find what to do on the display.
#[test]
fn a_new_box_shows_address_and_code() {
    let shipped = include_str!("../../../image-build/parotidd.toml");
    let site = Site::new("");
    std::fs::write(site.config(), shipped).unwrap();
    let config = Config::load(Some(&site.config())).unwrap();
    assert!(config.dicom.listen.iter().all(|it| it.ip().is_loopback()));
    assert!(config.console.listen.iter().all(|it| it.ip().is_unspecified() && it.port() == 443));
    assert_eq!(config.console.protection(), Protection::Own);
    assert_eq!(config.display.backend, None, "the board's display applies");
    let appliance = config.appliance.unwrap();
    assert_eq!(appliance.hostname.as_deref(), Some("parotidd"));
    assert_eq!(appliance.network, NetworkSettings::default());

    let port = free_port();
    let text = shipped
        .replace("\"/var/lib/parotidd\"", &format!("{:?}", site.data_dir()))
        .replace(":443", &format!(":{port}"))
        .replace(":11112", ":0");
    std::fs::write(site.config(), text).unwrap();
    let config = Config::load(Some(&site.config())).unwrap();
    let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let daemon = Daemon::start(config, screener, Arc::new(SystemClock::new()), Vec::new())
            .await
            .unwrap();
        let shown = daemon.status().borrow().setup.clone().expect("there is no account yet");
        assert!(shown.address.starts_with("https://"), "{}", shown.address);
        assert_eq!(shown.code.len(), "ABCD-EFGH".len());
        daemon.run_until(std::future::ready(())).await.unwrap();
    });
}

#[test]
fn an_engineer_asks_other_systems_whether_they_are_there() {
    let other = Site::new(SETTINGS);
    let mut answering = other.start();
    let peer = |ae: &str, address: &str| {
        format!("[[dicom.peer]]\nae_title = \"{ae}\"\naddress = \"{address}\"\n")
    };
    let away = format!("127.0.0.1:{}", free_port());
    let here = answering.address().to_string();
    let (site, base) = site(&(peer("PAROTIDD", &here) + &peer("CT2", &away)));
    let mut daemon = site.start();
    daemon.wait_for_log("the console is up");
    add_everyone(&site);
    let [tess, ed] = ["tess", "ed"].map(|name| Browser::log_in(&base, name));
    let page = || ed.get("/settings").1;
    assert_eq!(page().matches("not asked yet").count(), 2, "{}", page());
    let ask =
        |who: &Browser, name: &str| who.submit(&format!("/settings/peers/{name}/echo"), &[]).0;
    assert_eq!(ask(&tess, "peer-0"), 403);
    assert_eq!(ask(&ed.with_csrf("guessed"), "peer-0"), 403);
    assert_eq!(ask(&ed, "peer-9"), 404);
    assert_eq!(page().matches("not asked yet").count(), 2, "{}", page());
    assert_eq!((ask(&ed, "peer-0"), ask(&ed, "peer-1")), (303, 303));
    let shown = page();
    assert!(shown.contains("it answers") && shown.contains("could not connect"), "{shown}");
    let asked = lines(&["audit"], &site);
    let asked: Vec<_> = asked.iter().filter(|it| it["event"] == "peer_asked").collect();
    assert_eq!((asked.len(), asked[0]["actor"].as_str()), (2, Some("ed")));
    assert!(daemon.terminate().success() && answering.terminate().success());
}

#[test]
fn each_role_sees_its_own() {
    let (site, base) = site("");
    let mut daemon = site.start();
    daemon.wait_for_log("the console is up");
    add_everyone(&site);
    let [tess, rada, ed] = ["tess", "rada", "ed"].map(|name| Browser::log_in(&base, name));
    for (path, expected) in [
        ("/series", [200, 200, 403]),
        ("/review", [403, 200, 403]),
        ("/outbox", [403, 403, 200]),
        ("/worklist", [403, 403, 200]),
        ("/storage", [403, 403, 200]),
        ("/models", [200, 200, 200]),
        ("/audit", [403, 403, 200]),
        ("/users", [403, 403, 200]),
        ("/settings", [403, 403, 200]),
        ("/account", [200, 200, 200]),
        ("/api/v1/series", [200, 200, 403]),
        ("/api/v1/deliveries", [403, 403, 200]),
        ("/api/v1/status", [200, 200, 200]),
    ] {
        let found = [&tess, &rada, &ed].map(|it| it.get(path).0);
        assert_eq!(found, expected, "{path}");
    }
    let settings = ed.get("/settings").1;
    assert!(settings.contains("ae_title"), "{settings}");
    assert!(ed.get("/models").1.contains("Model card"));
    assert_eq!(ed.fetch("/nothing").status(), 404);

    // What engineers do about accounts.
    let new = [("name", "Nora"), ("role", "radiologist"), ("password", PASSWORD)];
    assert_eq!(tess.submit("/users", &new).0, 403);
    assert_eq!(ed.with_csrf("guessed").submit("/users", &new).0, 403, "a form of another page");
    assert_eq!(
        ed.submit("/users", &[("name", "nora"), ("role", "radiologist"), ("password", "short")]).0,
        422
    );
    assert_eq!(ed.submit("/users", &new).0, 303);
    assert_eq!(ed.submit("/users", &new).0, 409);
    let nora = Browser::log_in(&base, "nora");
    assert_eq!(nora.get("/series").0, 200);
    assert_eq!(ed.submit("/users/nora/remove", &[]).0, 303);
    assert_eq!(nora.get("/series").0, 303, "who is removed is out");
    assert_eq!(ed.submit("/users/ed/remove", &[]).0, 409);
    let own = [("current", PASSWORD), ("password", "another four words")];
    assert_eq!(tess.submit("/account/password", &own).0, 303);
    assert_eq!(tess.get("/series").0, 303, "the old session has ended");
    assert_eq!(rada.log_out().0, 204);
    assert_eq!(rada.get("/series").0, 303);
    assert_eq!(user_name("Nora").as_deref(), Some("nora"));
    assert!(daemon.terminate().success());
}

#[test]
fn a_finding_is_seen_judged_and_acknowledged() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.seven;
    let away = AwayWard::new();
    let (site, base) = site(&format!(
        "[[destination]]\nname = \"ward\"\nkind = \"webhook\"\nurl = \"{}\"\n\
         [[destination]]\nname = \"on-call\"\nkind = \"webhook\"\nurl = \"{0}\"\nafter_min = 60\n",
        away.url
    ));
    let mut daemon = site.start();
    add_everyone(&site);
    let [tess, rada, ed] = ["tess", "rada", "ed"].map(|name| Browser::log_in(&base, name));
    store(series, daemon.address());
    let one = format!("/api/v1/series/{}", series.uid);
    let detail = wait_for("an answer", || {
        let (status, body) = tess.get(&one);
        let detail: Value = serde_json::from_str(&body).ok()?;
        (status == 200 && detail["series"]["state"] == "flagged").then_some(detail)
    });
    assert_eq!(detail["series"]["sides"], json!(["left"]));
    assert_eq!(detail["series"]["patient"]["accession_number"], "P7");
    assert_eq!(detail["series"]["alert"]["state"], "open");
    let list = tess.json("/api/v1/series");
    assert_eq!(list[0]["series_instance_uid"], series.uid.as_str());
    assert_eq!(tess.json("/api/v1/series?day=2001-01-01")[0]["alert"]["state"], Value::Null);
    check_images(&tess, series, &one);

    // A change has to be meant.
    let seen = format!("{one}/acknowledgement");
    assert_eq!(tess.with_csrf("").post(&seen, &json!({})).0, 403);
    assert_eq!(ed.post(&seen, &json!({})).0, 403);
    assert_eq!(tess.post(&seen, &json!({})).0, 204);
    let detail = tess.json(&one);
    assert_eq!(detail["series"]["alert"]["acknowledged_by"], "tess");
    assert_eq!(detail["series"]["alert"]["acknowledged_via"], "console");
    let judge = format!("{one}/verdicts");
    assert_eq!(tess.post(&judge, &json!({ "left": "accepted" })).0, 403);
    assert_eq!(rada.post(&judge, &json!({ "right": "accepted" })).0, 422);
    assert_eq!(rada.post(&judge, &json!({ "left": "accepted", "note": "seen" })).0, 204);
    let page = rada.get(&format!("/series/{}", series.uid)).1;
    assert!(page.contains("acknowledged by tess") && page.contains("said by rada"), "{page}");
    assert!(page.contains("not for diagnostic use"), "{page}");

    try_again(&ed, away, series);
    check_audit(&ed);
    assert!(daemon.terminate().success());
    for word in ["Phantom", "tess", "rada"] {
        assert!(!site.log().contains(word), "{word} is in the log");
    }
}

/// The escalation is off; what could not be delivered is tried when a person says so.
fn try_again(ed: &Browser, away: AwayWard, series: &Series) {
    let states = || -> Vec<(String, String)> {
        let all = ed.json("/api/v1/deliveries");
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        all.as_array()
            .unwrap()
            .iter()
            .map(|it| (text(&it["destination"]), text(&it["state"])))
            .collect()
    };
    assert!(states().contains(&("on-call".to_owned(), "cancelled".to_owned())));
    let failing = || ed.json("/api/v1/destinations")[0]["state"] == "down";
    wait_for("a vain attempt", || failing().then_some(()));
    let ward = away.open();
    let waiting = ed.json("/api/v1/deliveries?state=waiting");
    let id = waiting[0]["id"].as_i64().unwrap();
    assert_eq!(ed.post(&format!("/api/v1/deliveries/{id}/retry"), &json!({})).0, 204);
    ward.wait_for_alert(&series.uid);
    wait_for("its receipt", || {
        states().contains(&("ward".to_owned(), "sent".to_owned())).then_some(())
    });
    assert_eq!(ed.post(&format!("/api/v1/deliveries/{id}/retry"), &json!({})).0, 409);
}

/// The viewer's data are the images' own, slice by slice, and the outline is where the mass is.
fn check_images(tess: &Browser, series: &Series, one: &str) {
    let volume = tess.json(&format!("{one}/volume"));
    assert_eq!(volume["shape"], json!([60, 192, 192]));
    assert_eq!(volume["edges"], json!(["R", "L", "A", "P"]));
    let findings = volume["findings"].as_array().unwrap();
    let center = &findings[0]["center"];
    assert_eq!(findings[0]["side"], "left");
    // The patient's left is on the right of the picture.
    assert!(center[2].as_f64().unwrap() > 96.0, "{center}");
    let outlines = volume["outlines"].as_array().unwrap();
    let masses: Vec<_> = outlines.iter().filter(|it| it["kind"] == "mass").collect();
    assert_eq!(masses.len(), findings.len());
    let first = volume["first_slice"].as_u64().unwrap();
    let lines = &masses[0]["slices"][first.to_string()];
    let points = lines[0].as_array().unwrap();
    let near = |it: &Value| {
        let [x, y] = [0, 1].map(|axis| it[axis].as_f64().unwrap());
        (x - center[2].as_f64().unwrap()).hypot(y - center[1].as_f64().unwrap()) < 40.0
    };
    assert!(points.len() > 4 && points.iter().all(near), "{points:?}");

    let images: Vec<_> = series.files.iter().map(|it| read_images(it).unwrap().remove(0)).collect();
    let mut places: Vec<_> = images.iter().map(|it| (it.plane.unwrap().position[2], it)).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    for n in [0, 31, 59] {
        let mut answer = tess.fetch(&format!("{one}/slices/{n}"));
        assert_eq!(answer.status(), 200);
        let mut bytes = Vec::new();
        std::io::copy(&mut answer.body_mut().as_reader(), &mut bytes).unwrap();
        let mut bytes = bytes.as_slice();
        let mut plain = Vec::new();
        // The client may have undone the compression already.
        if bytes.starts_with(&[0x1f, 0x8b]) {
            std::io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
            bytes = &plain;
        }
        let mut expected = vec![Hounsfield::AIR; 192 * 192];
        decode_pixels(places[n].1, &mut expected).unwrap();
        assert_eq!(unpack(bytes, 192), expected, "slice {n}");
    }
    assert_eq!(tess.get(&format!("{one}/slices/60")).0, 404);
}

/// What `slices.js` does.
fn unpack(bytes: &[u8], n_columns: usize) -> Vec<Hounsfield> {
    let n = bytes.len() / 2;
    let mut out: Vec<Hounsfield> = Vec::with_capacity(n);
    for at in 0..n {
        let before = match (at % n_columns, at) {
            (0, 0) => 0,
            (0, _) => out[at - n_columns].0,
            _ => out[at - 1].0,
        };
        out.push(Hounsfield(i16::from_le_bytes([bytes[at], bytes[n + at]]).wrapping_add(before)));
    }
    out
}

fn check_audit(ed: &Browser) {
    let audit = ed.json("/api/v1/audit");
    let has = |event: &str, actor: &str| {
        let mut all = audit.as_array().unwrap().iter();
        assert!(all.any(|it| it["event"] == event && it["actor"] == actor), "{event} by {actor}");
    };
    has("logged_in", "tess");
    has("series_opened", "tess");
    has("acknowledged", "tess");
    has("feedback_given", "rada");
    has("delivery_retried", "ed");
    has("user_changed", "command line");
    assert!(ed.get("/audit").1.contains("images opened"));
}

#[test]
fn counts_health_and_changes_are_there_for_programs() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let ward = Ward::open();
    let (site, base) = site(&Ward::destination(&ward.url));
    let mut daemon = site.start();
    add_everyone(&site);
    let stranger = Browser::new(&base);
    assert_eq!(stranger.get("/healthz"), (200, "ready".to_owned()));
    let ed = Browser::log_in(&base, "ed");
    let mut events = BufReader::new(ed.fetch("/api/v1/events").into_body().into_reader());
    let mut next = || {
        let mut line = String::new();
        while !line.starts_with("data:") {
            line.clear();
            assert!(events.read_line(&mut line).unwrap() > 0, "the events have ended");
        }
        line
    };
    assert_eq!(next().trim(), "data: ready");
    store(&phantoms.small, daemon.address());
    while next().trim() != "data: analysing" {}
    ward.wait_for_alert(&phantoms.small.uid);
    let metrics = wait_for("a count", || {
        let (status, metrics) = stranger.get("/metrics");
        assert_eq!(status, 200);
        metrics.contains("parotidd_series_screened_total 1").then_some(metrics)
    });
    assert!(metrics.contains("parotidd_up 1") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.contains("parotidd_deliveries_refused{destination=\"ward\"} 0"), "{metrics}");
    let described = ed.json("/api/v1/openapi.json");
    assert_eq!(described["info"]["title"], "parotidd");
    assert!(daemon.terminate().success());
}

#[test]
fn over_tls_the_cookie_is_bound_and_browsers_are_told_to_stay() {
    let certificates = Certificates::make();
    let [certificate, key] = ["server.pem", "server.key"].map(|name| certificates.path(name));
    let (site, base) =
        site(&format!("[console.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"));
    let base = base.replace("http:", "https:");
    let mut daemon = site.start();
    daemon.wait_for_log("the console is up");
    add_everyone(&site);
    let ed = Browser::log_in(&base, "ed");
    let answer = ed.fetch("/outbox");
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert!(header("strict-transport-security").starts_with("max-age="));
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    // Plain HTTP on the same port is no console.
    let plain = ureq::get(base.replace("https:", "http:")).call();
    assert!(plain.is_err());
    assert!(daemon.terminate().success());
}
