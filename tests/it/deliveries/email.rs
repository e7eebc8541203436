//! Mail to a server on *aiosmtpd*, read by Python's *email*.

use std::time::Duration;

use parotidd::db::deliveries::DeliveryRecord;
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::About;
use parotidd::dicom::attributes::PatientStudy;
use parotidd::units::Side;
use serde_json::{Value, json};

use super::{STEP, TIMEOUT, destination, flagged, mass, phi, rules, secret};
use crate::appliance::{Appliance, all_are, folder_with_db, report};
use crate::certificates::Certificates;
use crate::peers::Server;

const PASSWORD: &str = "grüße 1";

/// A mail server and an appliance that sends to it.
struct Post {
    appliance: Appliance,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Post {
    /// `more` settings of the destination; `None` where the library is not installed.
    fn open(server: &Value, more: &str, timeout: Duration) -> Option<Self> {
        Self::open_by(server, more, timeout, AlertSettings::default())
    }

    fn open_by(
        server: &Value,
        more: &str,
        timeout: Duration,
        alerts: AlertSettings,
    ) -> Option<Self> {
        let server = Server::start("aiosmtpd", "mail_server.py", &[server.to_string()])?;
        let (folder, path) = folder_with_db();
        let settings = format!(
            "server = '127.0.0.1:{}'\nfrom = 'CT 1 <ct1@box.example>'\n\
             to = ['Büro <a@hospital.example>', 'b@hospital.example']\n{more}",
            server.port
        );
        let rules = rules(destination("email", &settings), folder.path(), alerts);
        let appliance = Appliance::start_by(&path, rules, timeout);
        Some(Self { appliance, server, _folder: folder })
    }

    /// Waits for `n` rows that are sent.
    async fn sent(&self, n: usize) -> Vec<DeliveryRecord> {
        self.appliance.until(|rows| rows.len() == n && all_are("sent")(rows)).await
    }
}

/// What is the same of each mail that arrives.
fn check(mail: &Value) {
    assert_eq!(mail["defects"], json!([]), "{mail}");
    assert!(mail["longest_line"].as_u64().unwrap() <= 200, "{mail}");
    assert_eq!((&mail["is_ascii"], &mail["type"]), (&json!(true), &json!("text/plain")));
    assert_eq!(mail["mail_from"], "ct1@box.example");
    let headers = &mail["headers"];
    assert_eq!(headers["from"], "CT 1 <ct1@box.example>");
    assert_eq!(headers["to"], "Büro <a@hospital.example>, b@hospital.example");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["mime-version"], "1.0");
    assert_eq!(headers["date"], "Thu, 01 Jan 2026 00:00:00 +0000");
}

fn about() -> About {
    let patient = PatientStudy {
        patient_name: phi("Doe^Jane"),
        patient_id: phi("PID-山7"),
        accession_number: phi("ACC-9"),
        ..PatientStudy::default()
    };
    About { patient, ..About::default() }
}

#[tokio::test]
async fn mail_says_what_was_found_and_nothing_of_the_patient() {
    let plain = json!({"security": "none"});
    let Some(mut post) = Post::open(&plain, "security = 'none'", TIMEOUT) else { return };
    post.appliance.about = about();
    post.appliance.receive(1).await;
    let mut found = flagged(&[mass(Side::Left, 4620)]);
    found.accession_number = "ACC-9".into();
    post.appliance.commit(found).await;
    let rows = post.sent(1).await;
    assert_eq!(rows[0].receipt.as_deref(), Some("250 2.0.0 queued as 4711"));
    let mail = post.server.line();
    check(&mail);
    assert_eq!(mail["rcpt_tos"], json!(["a@hospital.example", "b@hospital.example"]));
    let headers = &mail["headers"];
    assert_eq!(headers["subject"], "parotidd: a CT series was flagged, left side");
    let id = &rows[0].idempotency_key;
    assert_eq!(headers["message-id"], json!(format!("<{id}@box.example>")));
    assert_eq!(headers.get("in-reply-to"), None);
    let body = mail["body"].as_str().unwrap().replace("\r\n", "\n");
    let link = body.lines().find(|line| line.starts_with("https://box.example/alerts/")).unwrap();
    insta::assert_snapshot!(body.replace(link, "LINK").replace(&id[..12], "REFERENCE"));
    let text = mail.to_string();
    for private in ["ACC-9", "PID", "Doe", "1.2.1"] {
        assert!(!text.contains(private), "{private}: {text}");
    }

    // It is withdrawn, as an answer to the first mail.
    post.appliance.screen(2, "not_flagged").await;
    post.sent(2).await;
    let mail = post.server.line();
    assert_eq!(mail["headers"]["subject"], "parotidd: withdrawn: a CT series is not flagged");
    for header in ["in-reply-to", "references"] {
        assert_eq!(mail["headers"][header], headers["message-id"]);
    }
    assert!(mail["body"].as_str().unwrap().contains("This corrects what was said earlier"));
    post.appliance.stop().await;
}

#[tokio::test]
async fn over_starttls_with_a_password_mail_may_name_the_patient() {
    let certificates = Certificates::make();
    let folder = tempfile::tempdir().unwrap();
    let password = secret(folder.path(), "password", PASSWORD);
    for security in ["starttls", "tls"] {
        let server = json!({
            "security": security, "password": PASSWORD,
            "certificate": certificates.path("server.pem"), "key": certificates.path("server.key"),
        });
        let settings = format!(
            "security = '{security}'\nauthorities = {:?}\npatient_data = true\nusername = 'parotidd'\n\
             password_file = {password:?}",
            certificates.path("ours.pem")
        );
        let Some(mut post) = Post::open(&server, &settings, TIMEOUT) else { return };
        post.appliance.about = about();
        post.appliance.receive(1).await;
        let mut found = report("flagged");
        found.accession_number = "ACC-9".into();
        post.appliance.commit(found).await;
        post.sent(1).await;
        let mail = post.server.line();
        check(&mail);
        assert_eq!((&mail["is_encrypted"], &mail["user"]), (&json!(true), &json!("parotidd")));
        let body = mail["body"].as_str().unwrap();
        for line in ["Accession number: ACC-9", "Patient ID:       PID-山7"] {
            assert!(body.contains(line), "{body}");
        }
        assert!(!body.contains("Doe"), "{body}");
        post.appliance.stop().await;
    }
}

/// The error after one attempt, where the row waits for another.
async fn put_off(server: &Value, more: &str, timeout: Duration) -> Option<String> {
    let post = Post::open(server, more, timeout)?;
    post.appliance.screen(1, "flagged").await;
    let rows = post.appliance.until(|rows| rows.iter().any(|row| row.attempts > 0)).await;
    assert_eq!(rows[0].state, "waiting", "{rows:?}");
    post.appliance.stop().await;
    rows[0].last_error.clone()
}

#[tokio::test]
async fn a_wrong_password_or_certificate_loses_no_alert() {
    let certificates = Certificates::make();
    let folder = tempfile::tempdir().unwrap();
    let password = secret(folder.path(), "password", "wrong");
    let login = format!("username = 'parotidd'\npassword_file = {password:?}\n");
    let authorities = |name: &str| format!("authorities = {:?}\n", certificates.path(name));
    let server = |certificate: &str| {
        json!({
            "security": "starttls", "password": PASSWORD,
            "certificate": certificates.path(&format!("{certificate}.pem")),
            "key": certificates.path(&format!("{certificate}.key")),
        })
    };
    let check = async |server: Value, settings: String, says: &str| {
        let Some(error) = put_off(&server, &settings, TIMEOUT).await else { return };
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("wrong"), "{error}");
    };
    check(server("server"), login.clone() + &authorities("ours.pem"), "535 5.7.8").await;
    check(server("server"), authorities("ours.pem"), "530").await;
    check(server("server"), login.clone() + &authorities("theirs.pem"), "UnknownIssuer").await;
    check(server("server"), login.clone(), "UnknownIssuer").await;
    check(server("other-host"), authorities("ours.pem"), "not valid for name").await;
    check(json!({"security": "none"}), login, "STARTTLS").await;
}

#[tokio::test]
async fn silence_and_closed_lines_are_no_answer() {
    let short = Duration::from_millis(600);
    for (manners, timeout) in [("silent", short), ("close", TIMEOUT), ("close-in-data", TIMEOUT)] {
        let server = json!({"security": "none", "manners": manners});
        let Some(error) = put_off(&server, "security = 'none'", timeout).await else { return };
        assert!(error.starts_with("no answer from the destination"), "{manners}: {error}");
    }
}

#[tokio::test]
async fn trouble_that_passes_is_retried_with_the_same_mail() {
    let server = json!({
        "security": "none", "mail": ["451 4.3.0 later"], "data": ["451 4.7.1 greylisted", null],
    });
    let Some(post) = Post::open(&server, "security = 'none'", TIMEOUT) else { return };
    post.appliance.screen(1, "flagged").await;
    let rows = post.sent(1).await;
    assert_eq!(rows[0].attempts, 3);
    let mails = [post.server.line(), post.server.line()];
    assert_eq!(mails[0]["reply"], "451 4.7.1 greylisted");
    assert_eq!(mails[0]["sha256"], mails[1]["sha256"]);
    post.appliance.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up() {
    let check = async |mut server: Value, says: &str| {
        server["security"] = json!("none");
        let Some(post) = Post::open(&server, "security = 'none'", TIMEOUT) else { return };
        post.appliance.screen(1, "flagged").await;
        let rows = post.appliance.until(all_are("dead")).await;
        let error = rows[0].last_error.as_deref().unwrap();
        assert_eq!(error, format!("the destination refused the delivery: {says}"));
        post.appliance.stop().await;
    };
    let nobody = "550 5.1.1 no such user";
    let rcpt = json!({"a@hospital.example": nobody, "b@hospital.example": nobody});
    check(json!({"rcpt": rcpt}), nobody).await;
    check(json!({"mail": ["550 5.7.1 not from you"]}), "550 5.7.1 not from you").await;
    // Of what may quote the mail only codes are kept.
    let quote = "554 5.7.1 \"a CT series was flagged\" is spam";
    check(json!({"data": [quote]}), "554 5.7.1").await;
}

#[tokio::test]
async fn one_recipient_that_is_gone_holds_up_no_other() {
    let rcpt = json!({"a@hospital.example": "550 5.1.1 gone"});
    let server = json!({"security": "none", "rcpt": rcpt});
    let Some(post) = Post::open(&server, "security = 'none'", TIMEOUT) else { return };
    post.appliance.screen(1, "flagged").await;
    let rows = post.sent(1).await;
    assert_eq!(post.server.line()["rcpt_tos"], json!(["b@hospital.example"]));
    let receipt = rows[0].receipt.as_deref().unwrap();
    assert!(receipt.contains("not taken: a@hospital.example"), "{receipt}");
    assert!(receipt.contains("550 5.1.1 gone"), "{receipt}");
    post.appliance.stop().await;

    let later = json!({"a@hospital.example": "550 gone", "b@hospital.example": "452 4.2.2 full"});
    let server = json!({"security": "none", "rcpt": later});
    let error = put_off(&server, "security = 'none'", TIMEOUT).await.unwrap();
    assert!(error.contains("452 4.2.2 full"), "{error}");
}

#[tokio::test]
async fn beyond_the_budget_comes_one_mail_with_all() {
    let alerts = AlertSettings {
        per_day_max: Some(1),
        time_zone: Some("UTC".into()),
        ..AlertSettings::default()
    };
    let server = json!({"security": "none"});
    let Some(mut post) = Post::open_by(&server, "security = 'none'", TIMEOUT, alerts) else {
        return;
    };
    post.appliance.screen(1, "flagged").await;
    post.appliance.until_by(STEP, all_are("sent")).await;
    let last = post.server.line();
    let body = last["body"].as_str().unwrap();
    assert!(body.contains("comes in one message at 2026-01-01T17:00:00Z."), "{body}");
    post.appliance.series = "1.2.2";
    post.appliance.receive(2).await;
    let mut other = flagged(&[mass(Side::Right, 4620), mass(Side::Left, 900)]);
    other.series_instance_uid = "1.2.2".into();
    post.appliance.commit(other).await;
    post.appliance.clock.advance(Duration::from_secs(24 * 60 * 60));
    post.appliance.waker.wake();
    let rows = post.appliance.until_by(STEP, all_are("sent")).await;
    let digest = post.server.line();
    assert_eq!(digest["headers"]["subject"], "parotidd: 1 CT series was flagged, digest");
    let id = &rows[0].idempotency_key;
    assert_eq!(digest["headers"]["message-id"], json!(format!("<{id}@box.example>")));
    let body = digest["body"].as_str().unwrap();
    assert!(body.contains("possible masses in the right and left"), "{body}");
    assert!(body.contains("https://box.example/alerts/"), "{body}");
    post.appliance.stop().await;
}
