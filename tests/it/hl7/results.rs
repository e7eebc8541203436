//! Results as HL7 messages, as hl7apy reads them in its strictest way.

use std::fs;
use std::sync::Arc;

use parotidd::db::deliveries::{DeliveryId, Told};
use parotidd::db::results::{Moment, Unrouted};
use parotidd::delivery::Destination;
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::{About, Rules, route};
use parotidd::dicom::attributes::PatientStudy;
use parotidd::phi::Phi;
use parotidd::screening::report::{Decision, ScreeningReport};
use parotidd::worklist::matching::{MatchedBy, Order, OrderMatch};
use serde_json::{Value, json};

use crate::peers::run;

fn phi(text: &str) -> Phi<String> {
    Phi::new(text.to_owned())
}

/// A report with this decision for the series and the same for both glands.
fn report(decision: &str) -> ScreeningReport {
    let is_bad = decision == "not_assessable";
    let model = json!({"name": "m", "version": "1", "sha256": "0"});
    let gland = |side: &str| {
        let state = if is_bad { "not_assessable" } else { "assessed" };
        let reason = is_bad.then_some("gland_not_found");
        json!({"side": side, "state": state, "reason": reason, "center_mm": null, "heatmap_peak": 0.9,
               "decision": decision, "score": 0.9})
    };
    let candidate = |side: &str| {
        json!({"side": side, "voxels": 4620, "volume_cm3": 4.62, "longest_diameter_mm": 24.1,
               "center_mm": [0.0, 0.0, 0.0], "mean_hu": 52.0, "score": 0.97, "kept": decision == "flagged"})
    };
    serde_json::from_value(json!({
        "schema": "parotidd.report/1", "software_version": "0.1.0", "notice": "not for diagnostic use",
        "study_instance_uid": "1.2", "series_instance_uid": "1.2.1", "accession_number": "A1",
        "models": {"localizer": model, "segmenter": model,
                   "decision": {"version": "1", "rule": "svm", "gamma": 5.0, "tumor_voxels_min": 500}},
        "decision": decision, "reason": is_bad.then_some("no_gland_assessed"),
        "warnings": ["lossy_compression"], "score": 0.97, "glands": [gland("right"), gland("left")],
        "candidates": [candidate("right"), candidate("left")],
        "timing_ms": {"load": 0, "resample": 0, "localize": 0, "segment": 0, "decide": 0, "total": 0},
    }))
    .unwrap()
}

fn someone(name: &str) -> PatientStudy {
    PatientStudy {
        patient_name: phi(name),
        patient_id: phi("T-1"),
        birth_date: phi("19500401"),
        sex: phi("F"),
        study_date: phi("20251231"),
        study_time: phi("230501"),
        referring_physician: phi("Smith^Jane^^Dr."),
        ..PatientStudy::default()
    }
}

/// The message about a result.
fn message(report: &ScreeningReport, about: &About, told: &[Told]) -> String {
    let text =
        "name = 'ris'\nkind = 'hl7'\naddress = 'ris:2575'\nreceiving_application = 'RIS^1.2^ISO'";
    let ris: Destination = toml::from_str(text).unwrap();
    assert_eq!(toml::from_str::<Destination>(&toml::to_string(&ris).unwrap()).unwrap(), ris);
    let policy = AlertSettings::default().policy(None).unwrap();
    let rules = Rules { destinations: Arc::new([ris]), policy };
    let now_unix_ms = 1_767_225_600_000;
    let moment =
        Moment { now_unix_ms, day_start_unix_ms: now_unix_ms, digest_unix_ms: now_unix_ms };
    let result = Unrouted {
        result_key: "k",
        report,
        moment,
        told,
        standing: None,
        n_pushed_today: 0,
        held: &[],
        digest_is_stale: false,
    };
    let mut deliveries = route(&rules, about, &result).deliveries;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0).payload
}

#[test]
fn hl7apy_finds_every_result_valid() {
    let about = |name: &str| About { patient: someone(name), ..About::default() };
    let told = Told {
        destination: "ris".into(),
        delivery: DeliveryId(7),
        idempotency_key: "f".repeat(64),
        decision: Decision::Flagged,
        sides: Vec::new(),
    };
    let order = Order {
        accession_number: phi("A9"),
        requested_procedure_id: phi("R9"),
        referring_physician: phi("Meier^Jörg"),
        ..Order::default()
    };
    let found = Some(OrderMatch::Matched { order, by: MatchedBy::StudyInstanceUid });
    let messages = [
        message(&report("flagged"), &about("Testperson^Two"), &[]),
        message(&report("not_flagged"), &about("Testperson^Two"), &[]),
        message(&report("not_assessable"), &about("Testperson^Two"), &[]),
        message(&report("not_flagged"), &about("Testperson^Two"), &[told]),
        message(
            &report("flagged"),
            &About { found, ..about("Yamada^Tarou=山田^太郎=やまだ^たろう") },
            &[],
        ),
        message(&report("flagged"), &about("Ünal & ~Söhne|\\^Änne"), &[]),
        message(&report("flagged"), &about(""), &[]),
        message(&report("flagged"), &About::default(), &[]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["validate".to_owned()];
    for (n, message) in messages.iter().enumerate() {
        let path = folder.path().join(n.to_string());
        fs::write(&path, message).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let Some(judged) = run("hl7apy", "mllp.py", &arguments) else { return };
    for (message, judged) in messages.iter().zip(judged.as_array().unwrap()) {
        assert_eq!(judged["valid"], true, "{judged}: {message}");
        let sent: Vec<_> = message.split_terminator('\r').map(Value::from).collect();
        assert_eq!(judged["segments"], json!(sent));
    }
    assert!(
        messages[5].contains("|Ünal \\T\\ \\R\\Söhne\\F\\\\E\\^Änne^^^^^L|"),
        "{}",
        messages[5]
    );
    assert!(!messages[7].contains("PID|"), "{}", messages[7]);
}
