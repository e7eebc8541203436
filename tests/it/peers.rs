//! Programs on other people's libraries: `tests/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that has a library; `None`, with a word, where that is not installed.
pub(crate) fn python(library: &str) -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers-venv/bin/python");
    let import = format!("import {library}");
    let found = Command::new(&python).args(["-c", &import]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {library} is not installed (`make peers` does that)");
        return None;
    }
    Some(python)
}

/// Runs a script of `tests/peers`; `None` where its library is not installed.
pub(crate) fn pynetdicom(script: &str, arguments: &[String]) -> Option<serde_json::Value> {
    run("pynetdicom", script, arguments)
}

/// Runs a script of `tests/peers` on a library; `None` where that is not installed.
pub(crate) fn run(library: &str, script: &str, arguments: &[String]) -> Option<serde_json::Value> {
    let python = python(library)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
