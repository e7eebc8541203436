//! `parotidd screen`: a reason for every file and series, a report for what can be screened.

use std::fs;
use std::path::{Path, PathBuf};

use parotidd::reason::Reason;
use serde_json::Value;
use tempfile::TempDir;

use super::contract::check_report;
use super::support::*;

/// The reports on standard output, their fields checked.
fn reports(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    let reports: Vec<_> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    reports.iter().for_each(check_report);
    reports
}

fn series_of(report: &Value) -> &str {
    report["series_instance_uid"].as_str().unwrap()
}

/// Runs `screen` on what can't be screened: 65, and no panic; every series that was found has its
/// reason on standard error as well as in its report.
fn screen_in_vain(path: &Path) -> Ended {
    let ended = run(&["screen", path.to_str().unwrap()]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    for report in reports(&ended) {
        assert_eq!(report["decision"], "not_assessable");
        let line = format!("series {}: {}", series_of(&report), report["reason"].as_str().unwrap());
        assert!(ended.stderr.contains(&line), "no {line} in {}", ended.stderr);
    }
    ended
}

/// The code that standard error gives for a file.
fn reason_of(ended: &Ended, path: &Path) -> Option<Reason> {
    let start = format!("{}: ", path.display());
    let rest = ended.stderr.lines().find_map(|line| line.strip_prefix(&start))?;
    let code = rest.split(' ').next().unwrap();
    let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
    Some(*reason.unwrap_or_else(|| panic!("{code} is no reason")))
}

#[test]
fn every_useless_file_has_its_reason() {
    let phantoms = Phantoms::get();
    let slice = fs::read(&phantoms.small.files[0]).unwrap();
    let truth = fs::read(phantoms.folder_of(&phantoms.small).join("truth.dcm")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deeper")).unwrap();
    let noise: Vec<u8> = (0..9000_u32).map(|n| (n * n / 7) as u8).collect();
    let magic = [&[0; 128], &b"DICM"[..], &noise].concat();
    let files: [(&str, &[u8], &[Reason]); 8] = [
        ("empty.dcm", &[], &[Reason::EmptyFile]),
        ("deeper/notes.txt", b"The patient was moved.", &[Reason::NotDicom]),
        ("noise.bin", &noise, &[Reason::NotDicom]),
        ("magic.dcm", &magic, &[Reason::NotDicom, Reason::Truncated, Reason::BadAttribute]),
        ("half.dcm", &slice[..slice.len() / 2], &[Reason::Truncated]),
        ("short.dcm", &slice[..slice.len() - 1], &[Reason::Truncated]),
        ("front.dcm", &slice[..200], &[Reason::NotDicom, Reason::Truncated]),
        ("truth.dcm", &truth, &[Reason::NotCt]),
    ];
    let mut paths = Vec::new();
    for (name, bytes, reasons) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        paths.push((path, reasons));
    }
    // Alone, and beside three slices of a series.
    for n_slices in [0, 3] {
        for file in &phantoms.small.files[..n_slices] {
            fs::copy(file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        let ended = screen_in_vain(folder.path());
        for (path, reasons) in &paths {
            let reason = reason_of(&ended, path);
            assert!(reason.is_some_and(|it| reasons.contains(&it)), "{path:?}: {reason:?}");
        }
        let found = reports(&ended);
        assert_eq!(found.len(), usize::from(n_slices > 0));
        assert!(found.iter().all(|report| report["reason"] == "too_few_slices"), "{found:?}");
    }
}

#[test]
fn other_peoples_files_are_refused_with_reasons() {
    let corpus = Path::new("../shared/data/dicom_corpus");
    if !corpus.is_dir() {
        eprintln!("skipped: {} is not there", corpus.display());
        return;
    }
    let ended = screen_in_vain(corpus);
    let n_named =
        files_below(corpus).iter().filter(|path| reason_of(&ended, path).is_some()).count();
    assert!(n_named > 100, "{n_named}");
    assert!(reports(&ended).len() > 5);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_not_there_is_said() {
    let missing = Path::new("/nowhere/at/all");
    let ended = screen_in_vain(missing);
    assert_eq!(reason_of(&ended, missing), Some(Reason::Unreadable));
    assert_eq!(ended.stdout, "");
    let empty = tempfile::tempdir().unwrap();
    assert!(screen_in_vain(empty.path()).stderr.contains("nothing that could be screened"));
    let unasked = run(&["screen"]);
    assert_eq!((unasked.code, unasked.stdout.as_str()), (Some(2), ""));
    assert!(unasked.stderr.contains("PATH"), "{unasked:?}");
}

#[test]
fn a_series_has_one_report() {
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let folder = phantoms.folder_of(series);
    let out = tempfile::tempdir().unwrap();
    let [path, out_path] = [&*folder, out.path()].map(|path| path.to_str().unwrap());
    let ended = run(&["screen", path, "--out", out_path]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = reports(&ended);
    assert_eq!(found.len(), 1);
    assert_eq!(series_of(&found[0]), series.uid);
    assert_eq!(found[0]["accession_number"], "P8");
    assert_eq!(found[0]["glands"].as_array().unwrap().len(), 2);
    assert_eq!(reason_of(&ended, &folder.join("truth.dcm")), Some(Reason::NotCt));
    check_is_nameless(&ended);
    let written = fs::read(out.path().join(&series.uid).join("report.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), found[0]);

    let text = run(&["screen", path, "--format", "text"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let decision = found[0]["decision"].as_str().unwrap().replace('_', " ").to_uppercase();
    for words in
        [&series.uid, &decision, "right gland: ", "left  gland: ", "not for diagnostic use"]
    {
        assert!(text.stdout.contains(words), "no {words:?} in {}", text.stdout);
    }
    check_is_nameless(&text);
}

/// Neither name nor id of the patient is printed.
fn check_is_nameless(ended: &Ended) {
    for secret in ["PHANTOM^8", "PHANTOM-8"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
}

#[test]
fn two_series_in_one_folder_are_two_reports() {
    let phantoms = Phantoms::get();
    let folder = TempDir::new().unwrap();
    let copies = ["one", "two"].map(|name| phantoms.small.copy(name, &folder.path().join(name)));
    // In one folder, under names that mix them.
    let mixed = folder.path().join("mixed");
    fs::create_dir(&mixed).unwrap();
    for (n, file) in copies.iter().flat_map(|series| &series.files).enumerate() {
        fs::rename(file, mixed.join(format!("{:02}.dcm", n * 7 % 60))).unwrap();
    }
    let ended = run(&["screen", mixed.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = reports(&ended);
    let mut uids = copies.map(|series| series.uid);
    uids.sort();
    assert_eq!(found.iter().map(series_of).collect::<Vec<_>>(), uids);
    for field in ["decision", "reason", "score", "glands", "candidates"] {
        assert_eq!(found[0][field], found[1][field]);
    }
}
