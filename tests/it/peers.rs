//! Programs on other people's DICOM libraries: `tests/peers`.

use std::path::Path;
use std::process::Command;

/// Runs a script of `tests/peers`; `None` where its library is not installed.
pub(crate) fn pynetdicom(script: &str, arguments: &[String]) -> Option<serde_json::Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers-venv/bin/python");
    if !python.exists() {
        eprintln!("skipped: pynetdicom and the like are not installed (`make peers` does that)");
        return None;
    }
    let script = root.join("tests/peers").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
