//! `parotidd evaluate` as its user meets it: phantoms in, the report out, the same figures again from
//! the outcomes alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn parotidd(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_parotidd")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn figures(folder: &str) -> serde_json::Value {
    let text = fs::read_to_string(Path::new(folder).join("figures.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn phantoms_become_a_report_and_outcomes_that_give_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let [cohort, report, again] =
        ["cohort", "report", "again"].map(|name| path(folder.path(), name));
    // Seeds 8 to 11: two with a mass, one on each side, two without.
    parotidd(&[
        "phantom",
        "--cohort",
        "4",
        "--seed",
        "8",
        "--matrix",
        "160",
        "--spacing",
        "3",
        "--out",
        &cohort,
    ]);
    let output = parotidd(&["evaluate", &cohort, "--name", "tiny", "--out", &report]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("NOT FOR DIAGNOSTIC USE") && text.contains("tiny: "), "{text}");
    let found = figures(&report);
    let cohort_figures = &found["cohorts"][0];
    assert_eq!(cohort_figures["kind"], "phantom");
    assert_eq!(cohort_figures["counts"]["n_cases"], 4);
    assert_eq!(cohort_figures["counts"]["n_masses"], 2);
    let versions = found["versions"].to_string();
    assert!(versions.contains("parotidd-localizer") && versions.contains("gamma"), "{versions}");

    let outcomes = path(Path::new(&report), "outcomes.jsonl");
    assert_eq!(fs::read_to_string(&outcomes).unwrap().lines().count(), 4);
    parotidd(&["evaluate", &outcomes, "--name", "tiny", "--out", &again]);
    let report_text =
        |folder: &str| fs::read_to_string(Path::new(folder).join("figures.md")).unwrap();
    assert_eq!(report_text(&again), report_text(&report));
}

#[test]
fn what_has_no_gland_is_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let [cohort, report] = ["cohort", "report"].map(|name| path(folder.path(), name));
    parotidd(&[
        "phantom",
        "--body",
        "water_phantom",
        "--cohort",
        "2",
        "--seed",
        "1",
        "--matrix",
        "64",
        "--spacing",
        "5",
        "--out",
        &cohort,
    ]);
    parotidd(&["evaluate", &cohort, "--out", &report]);
    let found = figures(&report);
    assert_eq!(found["cohorts"][0]["kind"], "no_gland");
    assert_eq!(found["cohorts"][0]["counts"]["n_glands"], 0);
    assert_eq!(found["cohorts"][0]["no_gland"]["none_found"]["n"], 2);
}

#[test]
fn a_policy_of_another_kind_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let policy = path(folder.path(), "policy.toml");
    fs::write(&policy, "version = \"1\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_parotidd"))
        .args(["evaluate", ".", "--policy", &policy])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("policy.toml"));
}

#[test]
fn a_side_without_an_outline_is_neither_taught_nor_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [cohort, tensors] = ["cohort", "tensors"].map(|name| path(folder.path(), name));
    let small = ["--matrix", "96", "--spacing", "4", "--out", &cohort];
    parotidd(&[&["phantom", "--cohort", "2", "--seed", "10"], &small[..]].concat());
    let table = "case,unmasked\nphantom-10,left\nphantom-11,\n";
    fs::write(Path::new(&cohort).join("cohort.csv"), table).unwrap();
    parotidd(&["prepare", &cohort, "--out", &tensors, "--variants", "0"]);
    let index = fs::read_to_string(Path::new(&tensors).join("segmenter/index.csv")).unwrap();
    let has = |stem: &str| index.lines().any(|line| line.starts_with(stem));
    assert!(has("phantom-10-right-0") && has("phantom-11-left-0"), "{index}");
    assert!(!has("phantom-10-left"), "{index}");
    let evaluated = parotidd(&["evaluate", &cohort]);
    let said = String::from_utf8(evaluated.stderr).unwrap();
    assert!(
        said.contains("left out: phantom-10: it may have a mass that nobody outlined"),
        "{said}"
    );
    assert!(!said.contains("phantom-11"), "{said}");
}
