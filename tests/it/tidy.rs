//! The house rules that a compiler does not hold: who may use whom, how long things may be, where
//! tags, SQL, networks and `unsafe` may stand.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the ground up. A room may use those before it and itself, never those after it.
const ROOMS: &[&str] = &[
    // 0
    "units",
    "limits",
    "phi",
    "clock",
    "heartbeat",
    "error",
    "disk",
    "reason",
    "secret_file",
    "verdict",
    "status",
    "status_writer",
    // 1
    "report_text",
    "hl7",
    "imaging",
    // 2
    "inference",
    "dicom",
    // 3
    "screening",
    "phantom",
    "dicom::segmentation",
    "dicom::segmentation_reader",
    "worklist::matching",
    "panel::pattern",
    // 4
    "intake",
    "db",
    "evaluation",
    // 5
    "dicom::store_scp",
    "dicom::stow",
    "delivery",
    "system",
    "keeping",
    "panel",
    "worklist",
    "display",
    "review",
    "dicom::result_objects",
    "worker",
    "export",
    "console",
    "appliance",
    "config",
    "appliance::stick",
    "appliance::results",
    "appliance::support",
    "fuzzing",
    // 6
    "daemon",
    "cli",
];

/// Rooms whose numbers are part of an answer.
const ANSWER: &[&str] = &["inference", "screening"];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }

    /// `dicom/store_scp/mod.rs` is in `dicom::store_scp`, `imaging/mask.rs` in `imaging`.
    fn room(&self) -> Option<String> {
        let inside = self.path.strip_prefix(root().join("src")).ok()?.with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        room_of(&parts)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The most particular room that a module path lies in.
fn room_of(parts: &[String]) -> Option<String> {
    let two = parts.iter().take(2).cloned().collect::<Vec<_>>().join("::");
    [two.as_str(), parts.first()?.as_str()]
        .into_iter()
        .find(|name| ROOMS.contains(name))
        .map(str::to_owned)
}

fn sources(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source { text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "there are sources under {folder}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn imports_go_downward() {
    let rank = |room: &str| ROOMS.iter().position(|name| *name == room);
    let mut problems = Vec::new();
    for source in sources("src") {
        let Some(from) = source.room() else {
            if !["src/main.rs", "src/lib.rs"].contains(&source.name().as_str()) {
                problems.push(format!("{}: in no room of the list", source.name()));
            }
            continue;
        };
        for (number, line) in source.text.lines().enumerate() {
            for path in crate_paths(line) {
                let Some(to) = room_of(&path) else {
                    problems.push(format!(
                        "{}:{}: `{}` is in no room",
                        source.name(),
                        number + 1,
                        path.join("::")
                    ));
                    continue;
                };
                // `dicom::store_scp` may use `dicom`; the list's order says the rest.
                if rank(&to) > rank(&from) {
                    problems.push(format!(
                        "{}:{}: {from} uses {to}, which stands above it",
                        source.name(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert_none(&problems);
}

/// Every `crate::a::b` of a line, split.
fn crate_paths(line: &str) -> Vec<Vec<String>> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .unwrap_or(rest.len());
            rest[..end].split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
        })
        .filter(|path: &Vec<String>| !path.is_empty())
        .collect()
}

#[test]
fn files_stay_short() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let problems: Vec<String> = all
        .filter(|source| source.text.lines().count() > FILE_LINES_MAX)
        .map(|source| format!("{}: over {FILE_LINES_MAX} lines", source.name()))
        .collect();
    assert_none(&problems);
}

#[test]
fn functions_stay_short() {
    let mut problems = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if !starts_function(line) || is_declaration(&lines[start..]) {
                continue;
            }
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = format!("{indent}}}");
            let length = lines[start..].iter().position(|line| **line == end).unwrap_or(0) + 1;
            if length > FUNCTION_LINES_MAX {
                problems.push(format!("{}:{}: {length} lines", source.name(), start + 1));
            }
        }
    }
    assert_none(&problems);
}

fn starts_function(line: &str) -> bool {
    let code = line.trim_start();
    let named = [
        "fn ",
        "pub fn ",
        "async fn ",
        "pub async fn ",
        "const fn ",
        "pub const fn ",
        "unsafe fn ",
    ];
    let scoped = code.starts_with("pub(") && code.contains(" fn ");
    // A line that also closes the body is short anyway.
    (scoped || named.iter().any(|start| code.starts_with(start))) && !code.ends_with('}')
}

/// Whether what starts there has no body, as in a trait.
fn is_declaration(lines: &[&str]) -> bool {
    let ends = lines.iter().find(|line| line.ends_with(['{', ';', '}']));
    ends.is_some_and(|line| line.ends_with(';'))
}

#[test]
fn every_file_says_what_it_is_for() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let problems: Vec<String> = all
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}: does not begin with a module comment", source.name()))
        .collect();
    assert_none(&problems);
}

#[test]
fn each_thing_stands_in_its_room_alone() {
    // What, and where it may stand.
    let rules: &[(&str, &[&str])] = &[
        ("tract_onnx", &["src/inference/"]),
        ("rusqlite", &["src/db/"]),
        ("plotters::", &["src/evaluation/plots/"]),
        ("statrs::", &["src/evaluation/statistics/"]),
        ("dicom_dictionary_std", &["src/dicom/"]),
        ("dicom_object", &["src/dicom/"]),
        ("dicom_ul", &["src/dicom/"]),
        ("gpiocdev", &["src/panel/gpio.rs"]),
        ("hl7_parser", &["src/hl7/"]),
        ("use hyper", &["src/dicom/stow/", "src/console/"]),
        ("use axum", &["src/console/", "src/cli/demo.rs"]),
        ("argon2::", &["src/console/access/"]),
        ("utoipa", &["src/console/"]),
        ("prometheus_client", &["src/console/"]),
        ("contour::", &["src/imaging/"]),
        ("lettre::", &["src/delivery/"]),
        ("multer::", &["src/dicom/stow/"]),
        ("lettre", &["src/delivery/email/"]),
        ("use nifti::", &["src/evaluation/labels/"]),
        ("use csv::", &["src/evaluation/", "src/appliance/results/"]),
        ("tar::", &["src/appliance/support/"]),
        ("unsafe {", &["src/display/framebuffer.rs", "src/inference/kernels/"]),
        ("anyhow", &["src/cli/", "src/main.rs"]),
        ("println!", &["src/cli/", "src/main.rs"]),
    ];
    let mut problems = Vec::new();
    for source in sources("src") {
        for (what, rooms) in rules {
            let at = source.text.lines().position(|line| {
                let code = line.split("//").next().unwrap_or_default();
                // Standard error is anyone's in a test.
                code.replace("eprintln!", "").contains(what)
            });
            if let Some(line) = at
                && !rooms.iter().any(|room| source.name().starts_with(room))
            {
                problems.push(format!(
                    "{}:{}: `{what}` belongs in {}",
                    source.name(),
                    line + 1,
                    rooms.join(" or ")
                ));
            }
        }
    }
    assert_none(&problems);
}

/// The machine's own exponentials may differ in the last digit from machine to machine, and an answer must not.
#[test]
fn answers_use_no_mathematics_of_the_machine() {
    const CALLS: &[&str] = &[
        ".exp()",
        ".exp2()",
        ".exp_m1()",
        ".ln()",
        ".ln_1p()",
        ".log2()",
        ".log10()",
        ".powf(",
        ".cbrt()",
        ".hypot(",
        ".sin()",
        ".cos()",
        ".tan()",
        ".sin_cos()",
        ".asin()",
        ".acos()",
        ".atan()",
        ".atan2(",
        ".tanh()",
    ];
    let mut problems = Vec::new();
    let of_answers = |it: &&Source| it.room().is_some_and(|it| ANSWER.contains(&it.as_str()));
    for source in sources("src").iter().filter(of_answers) {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if let Some(call) = CALLS.iter().find(|call| line.contains(**call)) {
                problems.push(format!("{}:{}: `{call}`: use libm's", source.name(), number + 1));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn paths_in_code_are_found() {
    assert_eq!(
        crate_paths("use crate::dicom::uid::AeTitle; // crate::cli"),
        [["dicom", "uid", "AeTitle"]]
    );
    assert_eq!(room_of(&["dicom".into(), "store_scp".into()]).unwrap(), "dicom::store_scp");
    assert_eq!(room_of(&["dicom".into(), "uid".into()]).unwrap(), "dicom");
    assert!(starts_function("    pub(super) async fn serve("));
    assert!(!starts_function("fn short() { body() }"));
}
