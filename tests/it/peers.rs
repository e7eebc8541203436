//! Programs on other people's libraries: `tests/peers`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

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

/// A script of `tests/peers`.
fn command(library: &str, script: &str, arguments: &[String]) -> Option<Command> {
    let mut command = Command::new(python(library)?);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    command.arg(folder.join(script)).args(arguments);
    Some(command)
}

/// Runs a script of `tests/peers`; `None` where its library is not installed.
pub(crate) fn pynetdicom(script: &str, arguments: &[String]) -> Option<Value> {
    run("pynetdicom", script, arguments)
}

/// Runs a script of `tests/peers` on a library to its end; `None` where that is not installed.
pub(crate) fn run(library: &str, script: &str, arguments: &[String]) -> Option<Value> {
    let output = command(library, script, arguments)?.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A server that ends with the test. Its first line is its port.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    lines: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a script of `tests/peers` on a library; `None` where that is not installed.
    pub(crate) fn start(library: &str, script: &str, arguments: &[String]) -> Option<Self> {
        let mut command = command(library, script, arguments)?;
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let (heard, lines) = channel();
        // A server whose pipe is full says nothing more.
        std::thread::spawn(move || {
            said.lines().map_while(Result::ok).try_for_each(|line| heard.send(line))
        });
        let mut server = Self { process, port: 0, lines };
        server.port = u16::try_from(server.line().as_u64().unwrap()).unwrap();
        Some(server)
    }

    /// The next thing it says.
    pub(crate) fn line(&self) -> Value {
        let line = self.lines.recv().expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}
