//! What the system's own tools say, within bounds of time and size.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use crate::limits::{SUPPORT_FILE_BYTES_MAX, SUPPORT_TOOL_TIME};

/// Names in the bundle, and what is run for them. The journal is that of our units alone: those of others are not ours
/// to give away.
pub(super) const TOOLS: [(&str, &[&str]); 8] = [
    ("failed-units.txt", &["systemctl", "--no-pager", "--plain", "--failed"]),
    (
        "units.txt",
        &[
            "systemctl",
            "--no-pager",
            "--plain",
            "--all",
            "list-units",
            "parotidd*",
            "systemd-networkd.service",
            "systemd-timesyncd.service",
        ],
    ),
    (
        "journal.txt",
        &[
            "journalctl",
            "--no-pager",
            "--utc",
            "--output=short-iso-precise",
            "--since=-7days",
            "--lines=20000",
            "--unit=parotidd*",
        ],
    ),
    (
        "kernel.txt",
        &[
            "journalctl",
            "--no-pager",
            "--utc",
            "--boot",
            "--dmesg",
            "--priority=warning",
            "--lines=2000",
        ],
    ),
    ("disk.txt", &["df", "--print-type", "--human-readable"]),
    ("memory.txt", &["cat", "/proc/meminfo", "/proc/loadavg", "/proc/uptime"]),
    ("network.txt", &["ip", "-brief", "address"]),
    ("time.txt", &["timedatectl", "timesync-status"]),
];

/// What one says, or why it says nothing.
pub(super) fn ask(words: &[&str]) -> Vec<u8> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return format!("could not run {}: {error}\n", words[0]).into_bytes(),
    };
    let (said, hears) = channel();
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|out| out.take(SUPPORT_FILE_BYTES_MAX).read_to_end(&mut bytes));
        // Nobody hears it where it took too long.
        let _ = said.send((read.is_some_and(|it| it.is_ok()), bytes));
    });
    let heard = hears.recv_timeout(SUPPORT_TOOL_TIME);
    // Gone already, unless it says too much or says nothing for too long; its end of the pipe closes.
    let _ = child.kill();
    let _ = child.wait();
    let _ = reader.join();
    match heard {
        Ok((true, bytes)) => bytes,
        _ => format!("{} did not answer in time\n", words[0]).into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_heard_within_bounds() {
        assert_eq!(ask(&["echo", "here"]), b"here\n");
        assert!(String::from_utf8(ask(&["/nowhere/tool"])).unwrap().starts_with("could not run"));
        let much = ask(&["yes"]);
        assert_eq!(much.len() as u64, SUPPORT_FILE_BYTES_MAX);
    }
}
