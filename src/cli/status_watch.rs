//! `parotidd status --watch`: the most important of the status, again and again.
//!
//! In a terminal one picture that stays; otherwise the same lines whenever they have changed. Colours repeat what a word
//! says.

use std::io::{self, Write};
use std::os::linux::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use anyhow::{Context, Result};
use console::{Key, Style, Term};

use super::database;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Config;
use crate::db::jobs::JobState;
use crate::db::summary::{self, Summary};
use crate::disk;
use crate::limits::{BOARD_FACT_BYTES_MAX, STATUS_REFRESH};
use crate::screening::report::Decision;
use crate::status::Disk;
use crate::system::upkeep::Told;

/// How a line is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Look,
    Bad,
}

/// One line: what it is about, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: &'static str,
    text: String,
    tone: Tone,
}

/// Runs until `q`, Ctrl-C, or until nobody reads.
///
/// # Errors
/// When there is no database that can be read.
pub(super) fn run(config: &Config) -> Result<()> {
    let path = database(config)?;
    let clock = SystemClock::new();
    let term = Term::stdout();
    let keys = term.is_term().then(|| keys(term.clone()));
    let mut shown = Vec::new();
    loop {
        let pid = daemon(Path::new("/proc/locks"), &config.data_dir.join("lock"));
        let disk = disk::room(&config.data_dir).ok().map(|it| Disk::new(it.free_bytes));
        let mut lines = lines(&summary::read(&path)?, pid, disk, clock.unix_ms());
        // Of a file that cannot be used the daemon's log says why, once.
        lines.extend(told(&config.upkeep.look(clock.unix_ms()).0));
        let is_written = match &keys {
            Some(_) => draw(&term, &lines, &config.data_dir, clock.unix_ms()),
            None if lines != shown => print(&lines),
            None => Ok(()),
        };
        match is_written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.context("could not write to standard output")?,
        }
        shown = lines;
        if is_asked_to_end(keys.as_ref()) {
            return Ok(());
        }
    }
}

/// Keys that are pressed. The thread ends with the program, and after `q`: only while it waits for a key is the terminal
/// not as it was.
fn keys(term: Term) -> Receiver<Key> {
    let (pressed, keys) = channel();
    thread::spawn(move || {
        while let Ok(key) = term.read_key() {
            let is_last = key == Key::Char('q');
            if pressed.send(key).is_err() || is_last {
                return;
            }
        }
    });
    keys
}

/// Waits until the next look.
fn is_asked_to_end(keys: Option<&Receiver<Key>>) -> bool {
    let Some(keys) = keys else {
        thread::sleep(STATUS_REFRESH);
        return false;
    };
    match keys.recv_timeout(STATUS_REFRESH) {
        Ok(key) => key == Key::Char('q'),
        Err(RecvTimeoutError::Timeout) => false,
        Err(RecvTimeoutError::Disconnected) => true,
    }
}

fn draw(term: &Term, lines: &[Line], data_dir: &Path, now_unix_ms: i64) -> io::Result<()> {
    let columns = usize::from(term.size().1);
    let fit = |text: &str| text.chars().take(columns).collect::<String>();
    let head = format!(
        "parotidd {}  {}  {}",
        env!("CARGO_PKG_VERSION"),
        rfc3339(now_unix_ms / 1000 * 1000),
        data_dir.display()
    );
    let mut picture = format!("{}\n\n", Style::new().bold().apply_to(fit(&head)));
    for Line { name, text, tone } in lines {
        let style = match tone {
            Tone::Plain => Style::new(),
            Tone::Good => Style::new().green(),
            Tone::Look => Style::new().yellow().bold(),
            Tone::Bad => Style::new().red().bold(),
        };
        let text =
            style.apply_to(fit(&format!("{name:11} {text}")).chars().skip(12).collect::<String>());
        picture.push_str(&format!("{name:11} {text}\n"));
    }
    picture.push_str("\nq ends\n");
    term.clear_screen()?;
    term.write_str(&picture)?;
    term.flush()
}

fn print(lines: &[Line]) -> io::Result<()> {
    let mut text: String = lines.iter().map(|it| format!("{:11} {}\n", it.name, it.text)).collect();
    text.push('\n');
    io::stdout().write_all(text.as_bytes())
}

/// The process that holds the data folder's lock. To try the lock would take it from a daemon that starts just then.
fn daemon(locks: &Path, lock: &Path) -> Option<u32> {
    let inode = std::fs::metadata(lock).ok()?.st_ino();
    let text = std::fs::read_to_string(locks).ok()?;
    let held = text.lines().take(usize::try_from(BOARD_FACT_BYTES_MAX).ok()?).find(|line| {
        let mut words = line.split_whitespace();
        let is_ours =
            |word: &str| word.rsplit(':').next().and_then(|it| it.parse().ok()) == Some(inode);
        words.nth(1) == Some("FLOCK") && words.nth(3).is_some_and(is_ours)
    })?;
    held.split_whitespace().nth(4)?.parse().ok()
}

fn lines(
    summary: &Summary,
    daemon: Option<u32>,
    disk: Option<Disk>,
    now_unix_ms: i64,
) -> Vec<Line> {
    let line = |name, text: String, tone| Line { name, text, tone };
    let jobs =
        |wanted| summary.jobs.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, n)| *n);
    let (running, queued) = (jobs(JobState::Running), jobs(JobState::Queued));
    let doing = match (running, queued) {
        (0, 0) => "nothing waits".to_owned(),
        (0, n) => format!("{n} series wait"),
        (_, n) => format!("screening; {n} series wait"),
    };
    let mut lines = vec![
        match daemon {
            Some(pid) => line("daemon", format!("runs (process {pid})"), Tone::Good),
            None => line("daemon", "does not run".to_owned(), Tone::Bad),
        },
        line("doing", doing, Tone::Plain),
        newest(summary, now_unix_ms),
    ];
    let [flagged, not_flagged, not_assessable] = summary.results.map(|(_, n)| n);
    let results =
        format!("{flagged} flagged, {not_flagged} not flagged, {not_assessable} not assessable");
    lines.push(line("results", results, Tone::Plain));
    let n_open = summary.alerts.n_open;
    let since = summary.alerts.oldest.as_ref().map(|oldest| oldest.opened_unix_ms);
    let since = since.map_or(String::new(), |at| format!(", the oldest {}", ago(at, now_unix_ms)));
    let tone = if n_open > 0 { Tone::Look } else { Tone::Good };
    lines.push(line("alerts", format!("{n_open} that nobody has acknowledged{since}"), tone));
    let it = &summary.deliveries;
    let tone = match (it.n_dead, it.n_waiting) {
        (1.., _) => Tone::Bad,
        (0, 1..) => Tone::Look,
        _ => Tone::Good,
    };
    let text = format!("{} waiting, {} sent, {} refused", it.n_waiting, it.n_sent, it.n_dead);
    lines.push(line("deliveries", text, tone));
    if let Some(disk) = disk {
        let (says, tone) = match (disk.is_low, disk.is_full()) {
            (_, true) => (": images are refused, make room", Tone::Bad),
            (true, _) => (": make room", Tone::Bad),
            _ => ("", Tone::Plain),
        };
        let free_mib = disk.free_bytes / (1024 * 1024);
        lines.push(line("disk", format!("{free_mib} MiB free{says}"), tone));
    }
    lines
}

/// What updater and self-tests say, where it is worth a line.
fn told(told: &Told) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(updating) = &told.updating {
        let done = updating.percent.map_or(String::new(), |percent| format!(", {percent} %"));
        let text = format!("installing {}{done}", updating.version);
        lines.push(Line { name: "update", text, tone: Tone::Plain });
    }
    if let Some(trouble) = &told.update_trouble {
        let text = trouble.sentence(env!("CARGO_PKG_VERSION"));
        lines.push(Line { name: "update", text, tone: Tone::Look });
    }
    if !told.self_test_failing.is_empty() {
        let text = format!("failed: {}; answers may be wrong", told.self_test_failing.join(", "));
        lines.push(Line { name: "self-test", text, tone: Tone::Bad });
    }
    lines
}

fn newest(summary: &Summary, now_unix_ms: i64) -> Line {
    let Some(newest) = &summary.newest else {
        return Line { name: "newest", text: "none yet".to_owned(), tone: Tone::Plain };
    };
    let sides: String = newest.sides.iter().map(|side| format!(" {side}")).collect();
    let decision = newest.decision.as_str().replace('_', " ");
    let tone = match newest.decision {
        Decision::Flagged => Tone::Look,
        Decision::NotFlagged => Tone::Good,
        Decision::NotAssessable => Tone::Plain,
    };
    let text = format!("{decision}{sides}, {}", ago(newest.created_unix_ms, now_unix_ms));
    Line { name: "newest", text, tone }
}

/// `3 min ago`.
fn ago(then_unix_ms: i64, now_unix_ms: i64) -> String {
    let minutes = now_unix_ms.saturating_sub(then_unix_ms).max(0) / 60_000;
    match minutes {
        0 => "just now".to_owned(),
        1..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::open;
    use crate::status::Updating;

    #[test]
    fn an_empty_box_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        let _opened = open::open(&path).unwrap();
        let summary = summary::read(&path).unwrap();
        let disk = Some(Disk::new(5 << 20));
        let lines = lines(&summary, None, disk, 0);
        let text: Vec<_> =
            lines.iter().map(|it| format!("{} {} {:?}", it.name, it.text, it.tone)).collect();
        assert_eq!(
            text,
            [
                "daemon does not run Bad",
                "doing nothing waits Plain",
                "newest none yet Plain",
                "results 0 flagged, 0 not flagged, 0 not assessable Plain",
                "alerts 0 that nobody has acknowledged Good",
                "deliveries 0 waiting, 0 sent, 0 refused Good",
                "disk 5 MiB free: images are refused, make room Bad",
            ]
        );
    }

    #[test]
    fn updater_and_self_tests_have_lines_where_they_say_something() {
        assert_eq!(super::told(&Told::default()), []);
        let version = "0.2.0".to_owned();
        let updating = Some(Updating { version, step: None, percent: Some(40) });
        let self_test_failing = vec!["golden".to_owned()];
        let lines = super::told(&Told { updating, self_test_failing, update_trouble: None });
        let text: Vec<_> = lines.iter().map(|it| format!("{} {}", it.name, it.text)).collect();
        let wanted =
            ["update installing 0.2.0, 40 %", "self-test failed: golden; answers may be wrong"];
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_daemon_is_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let file = std::fs::File::create(&lock).unwrap();
        let locks = Path::new("/proc/locks");
        assert_eq!(daemon(locks, &lock), None);
        file.lock().unwrap();
        if std::fs::read_to_string(locks).is_ok_and(|text| text.contains("FLOCK")) {
            assert_eq!(daemon(locks, &lock), Some(std::process::id()));
        }
        assert_eq!(daemon(locks, Path::new("/nowhere")), None);
    }

    #[test]
    fn times_are_told_roughly() {
        let check = |minutes: i64, text: &str| assert_eq!(ago(0, minutes * 60_000), text);
        check(-5, "just now");
        check(119, "119 min ago");
        check(120, "2 h ago");
        check(2880, "2 days ago");
    }
}
