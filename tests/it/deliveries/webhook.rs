//! Signed webhooks against the library *standardwebhooks*.

use parotidd::clock::{Clock, SystemClock};
use parotidd::delivery::policy::AlertSettings;
use serde_json::{Value, json};

use super::{STEP, TIMEOUT, destination, rules, secret};
use crate::appliance::{Appliance, all_are, folder_with_db};
use crate::certificates::Certificates;
use crate::peers::Server;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What a receiver that knows `known` heard in `n_attempts`, where the last one went through.
async fn heard(known: &str, secrets: &str, statuses: &[&str]) -> Option<Vec<Value>> {
    let mut arguments = vec![known.to_owned()];
    arguments.extend(statuses.iter().map(|status| (*status).to_owned()));
    let server = Server::start("standardwebhooks", "webhook.py", &arguments)?;
    let (folder, path) = folder_with_db();
    let secret_file = secret(folder.path(), "secret", secrets);
    let token = secret(folder.path(), "token", "s3cret+/==\n");
    let ward = destination(
        "webhook",
        &format!(
            "url = 'http://127.0.0.1:{}/alert'\nsecret_file = {secret_file:?}\nbearer_token_file = {token:?}",
            server.port
        ),
    );
    let rules = rules(ward, folder.path(), AlertSettings::default());
    let appliance = Appliance::start_by(&path, rules, TIMEOUT);
    // Receivers hold the time of a message against their own clocks.
    let ahead_ms = SystemClock::new().unix_ms() - appliance.clock.unix_ms();
    appliance.clock.advance(std::time::Duration::from_millis(ahead_ms.try_into().unwrap()));
    appliance.screen(1, "flagged").await;
    appliance.until_by(STEP, all_are("sent")).await;
    let requests = (0..=statuses.len()).map(|_| server.line()).collect();
    appliance.stop().await;
    Some(requests)
}

#[tokio::test]
async fn a_library_of_others_verifies_the_signature() {
    let Some(requests) = heard(OLD, OLD, &[]).await else { return };
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request["verified"]["schema"], "parotidd.alert/1", "{request}");
    assert_eq!(request["verified"]["id"], request["headers"]["webhook-id"]);
    assert_eq!(request["headers"]["idempotency-key"], request["headers"]["webhook-id"]);
    assert_eq!(request["headers"]["authorization"], "Bearer s3cret+/==");
}

#[tokio::test]
async fn while_secrets_change_either_verifies_and_no_other() {
    let both = format!("{NEW}\n{OLD}\n");
    for known in [OLD, NEW] {
        let Some(requests) = heard(known, &both, &[]).await else { return };
        assert_eq!(requests[0]["verified"]["decision"], "flagged", "{requests:?}");
    }
    let requests = heard(OLD, NEW, &[]).await.unwrap();
    assert_eq!(requests[0]["refused"], "No matching signature found", "{requests:?}");
}

#[tokio::test]
async fn a_retry_has_the_same_id_and_a_signature_of_its_own_time() {
    // Wrong credentials are mended, and then it goes.
    let Some(requests) = heard(OLD, OLD, &["500", "401", "403"]).await else { return };
    assert_eq!(requests.len(), 4);
    let header = |n: usize, name: &str| requests[n]["headers"][name].clone();
    for n in 1..4 {
        assert_eq!(header(n, "webhook-id"), header(0, "webhook-id"));
        assert_eq!(requests[n]["body"], requests[0]["body"]);
        assert_ne!(requests[n]["verified"], json!(null), "{:?}", requests[n]);
    }
    let time = |n| header(n, "webhook-timestamp").as_str().unwrap().parse::<i64>().unwrap();
    assert!(time(3) > time(0), "{} {}", time(3), time(0));
    assert_ne!(header(3, "webhook-signature"), header(0, "webhook-signature"));
}

#[tokio::test]
async fn a_hospital_s_own_authority_is_trusted_where_the_settings_name_it() {
    let certificates = Certificates::make();
    let files = ["server.pem", "server.key"].map(|name| certificates.path(name));
    let mut arguments = vec![OLD.to_owned()];
    arguments.extend(files.map(|path| path.display().to_string()));
    for (authorities, is_trusted) in [("ours.pem", true), ("theirs.pem", false)] {
        let Some(server) = Server::start("standardwebhooks", "webhook.py", &arguments) else {
            return;
        };
        let (folder, path) = folder_with_db();
        let authorities = certificates.path(authorities);
        let url = format!("https://localhost:{}/", server.port);
        let ward = destination("webhook", &format!("url = '{url}'\nauthorities = {authorities:?}"));
        let rules = rules(ward, folder.path(), AlertSettings::default());
        let appliance = Appliance::start_by(&path, rules, TIMEOUT);
        appliance.screen(1, "flagged").await;
        let rows = appliance.until(|rows| all_are("sent")(rows) || rows[0].attempts > 0).await;
        let error = rows[0].last_error.as_deref().unwrap_or_default();
        assert_eq!(
            (rows[0].state == "sent", error.contains("UnknownIssuer")),
            (is_trusted, !is_trusted)
        );
        appliance.stop().await;
    }
}
