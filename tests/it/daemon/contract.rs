//! What the outside relies on: the fields of reports and alerts, and their types.

use serde_json::Value;

/// Asserts that the fields of a JSON object have these types; fields beyond them may come.
fn check_fields(what: &str, object: &Value, fields: &[(&str, &[&str])]) {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    for (name, kinds) in fields {
        let value = object.get(name);
        let value = value.unwrap_or_else(|| panic!("{what} has no {name}: {object:?}"));
        assert!(kinds.contains(&kind(value)), "{what}.{name} is {value}");
    }
}

const STRING: &[&str] = &["string"];
const NUMBER: &[&str] = &["number"];
const ARRAY: &[&str] = &["array"];
const OBJECT: &[&str] = &["object"];
const BOOL: &[&str] = &["bool"];
const MAYBE_STRING: &[&str] = &["string", "null"];
const MAYBE_NUMBER: &[&str] = &["number", "null"];
const MAYBE_ARRAY: &[&str] = &["array", "null"];

/// A report's fields, as the outside relies on them.
pub(super) fn check_report(report: &Value) {
    check_fields(
        "report",
        report,
        &[
            ("schema", STRING),
            ("software_version", STRING),
            ("study_instance_uid", STRING),
            ("series_instance_uid", STRING),
            ("accession_number", STRING),
            ("models", OBJECT),
            ("decision", STRING),
            ("reason", MAYBE_STRING),
            ("score", NUMBER),
            ("glands", ARRAY),
            ("warnings", ARRAY),
            ("candidates", ARRAY),
            ("timing_ms", OBJECT),
        ],
    );
    assert_eq!(report["schema"], "parotidd.report/1");
    let is_not_assessable = report["decision"] == "not_assessable";
    assert_eq!(report["reason"].is_string(), is_not_assessable);
    assert!(
        ["flagged", "not_flagged", "not_assessable"]
            .contains(&report["decision"].as_str().unwrap())
    );
    assert!((0.0..=1.0).contains(&report["score"].as_f64().unwrap()));
    for name in ["localizer", "segmenter"] {
        let model = &report["models"][name];
        check_fields(name, model, &[("name", STRING), ("version", STRING), ("sha256", STRING)]);
        assert_eq!(model["sha256"].as_str().unwrap().len(), 64);
    }
    let decision = &report["models"]["decision"];
    check_fields(
        "decision",
        decision,
        &[("version", STRING), ("gamma", NUMBER), ("tumor_voxels_min", NUMBER)],
    );
    let steps = ["load", "resample", "localize", "segment", "decide", "total"];
    check_fields("timing_ms", &report["timing_ms"], &steps.map(|step| (step, NUMBER)));
    report["glands"].as_array().unwrap().iter().for_each(check_gland);
    report["candidates"].as_array().unwrap().iter().for_each(check_candidate);
}

fn check_side_and_center(object: &Value) {
    assert!(object["side"] == "right" || object["side"] == "left", "{object}");
    if let Some(center) = object["center_mm"].as_array() {
        assert!(center.len() == 3 && center.iter().all(Value::is_f64), "{object}");
    }
}

fn check_gland(gland: &Value) {
    check_fields(
        "gland",
        gland,
        &[
            ("side", STRING),
            ("state", STRING),
            ("reason", MAYBE_STRING),
            ("center_mm", MAYBE_ARRAY),
            ("heatmap_peak", NUMBER),
            ("decision", STRING),
            ("score", NUMBER),
        ],
    );
    check_side_and_center(gland);
}

fn check_candidate(candidate: &Value) {
    check_fields(
        "candidate",
        candidate,
        &[
            ("side", STRING),
            ("voxels", NUMBER),
            ("volume_cm3", NUMBER),
            ("longest_diameter_mm", NUMBER),
            ("center_mm", ARRAY),
            ("mean_hu", NUMBER),
            ("score", NUMBER),
            ("kept", BOOL),
        ],
    );
    check_side_and_center(candidate);
}

/// An alert's fields and the report in it.
pub(super) fn check_alert(alert: &Value) {
    check_fields(
        "alert",
        alert,
        &[
            ("schema", STRING),
            ("id", STRING),
            ("created", STRING),
            ("notice", STRING),
            ("decision", STRING),
            ("reason", MAYBE_STRING),
            ("sides", ARRAY),
            ("volume_cm3", MAYBE_NUMBER),
            ("longest_diameter_mm", MAYBE_NUMBER),
            ("supersedes", MAYBE_STRING),
            ("report", OBJECT),
        ],
    );
    assert_eq!(alert["schema"], "parotidd.alert/1");
    assert_eq!(alert["decision"], alert["report"]["decision"]);
    check_report(&alert["report"]);
}
