//! The code that the display shows for a stick: it says that who brought the stick stands before the box.
//!
//! It waits in a file under `/run`, which the daemon reads and shows; another one is made after some wrong ones and when it
//! is old. It is good once.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::appliance::put::replace;
use crate::console::PersonCode;
use crate::limits::{SETUP_FAILURES_MAX, STICK_CODE_BYTES_MAX, STICK_CODE_LIFE};

/// Where the code waits, on a box.
pub const CODES: &str = "/run/parotidd-stick";
const FILE: &str = "code.toml";

/// The waiting code.
#[derive(Debug)]
pub struct Codes {
    folder: PathBuf,
    settings: PathBuf,
}

/// What became of a code that was on a stick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It is the one; it is not good any more.
    Right,
    /// It is not.
    Wrong,
    /// There was none; the display shows one now.
    Missing,
}

#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    code: String,
    until_unix_ms: i64,
    n_failed: u32,
}

impl Codes {
    /// Kept in `folder`. Who may read the settings may read the code: the daemon.
    #[must_use]
    pub fn new(folder: &Path, settings: &Path) -> Self {
        Self { folder: folder.to_owned(), settings: settings.to_owned() }
    }

    /// Judges what was typed. Unless it was right, a code waits afterwards.
    ///
    /// # Errors
    /// When there is no randomness, or the code cannot be kept.
    pub fn judge(&self, typed: Option<&str>, now_unix_ms: i64) -> io::Result<Judged> {
        let waiting = read(&self.folder).filter(|it| is_good(it, now_unix_ms));
        let code = waiting.as_ref().and_then(|it| PersonCode::read(&it.code));
        let (Some(mut waiting), Some(code)) = (waiting, code) else {
            self.show(now_unix_ms)?;
            return Ok(if typed.is_some() { Judged::Wrong } else { Judged::Missing });
        };
        let Some(typed) = typed else { return Ok(Judged::Missing) };
        if code.is(typed) {
            fs::remove_file(self.folder.join(FILE))?;
            return Ok(Judged::Right);
        }
        waiting.n_failed += 1;
        if waiting.n_failed < SETUP_FAILURES_MAX {
            self.write(&waiting)?;
        } else {
            self.show(now_unix_ms)?;
        }
        Ok(Judged::Wrong)
    }

    fn show(&self, now_unix_ms: i64) -> io::Result<()> {
        let life_ms = i64::try_from(STICK_CODE_LIFE.as_millis()).expect("an hour");
        let code = PersonCode::make()?.shown();
        self.write(&Waiting { code, until_unix_ms: now_unix_ms + life_ms, n_failed: 0 })
    }

    fn write(&self, waiting: &Waiting) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.folder)?;
        let path = self.folder.join(FILE);
        let text = toml::to_string(waiting).map_err(io::Error::other)?;
        replace(&path, text.as_bytes(), 0o640)?;
        // Those who may read the settings; where we are not root, they are us.
        let group = fs::metadata(&self.settings).map(|it| it.gid());
        match group.and_then(|group| chown(&path, None, Some(group))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The code that the display is to show; `None` where none waits.
#[must_use]
pub fn shown(folder: &Path, now_unix_ms: i64) -> Option<PersonCode> {
    let waiting = read(folder).filter(|it| is_good(it, now_unix_ms))?;
    PersonCode::read(&waiting.code)
}

fn is_good(waiting: &Waiting, now_unix_ms: i64) -> bool {
    now_unix_ms < waiting.until_unix_ms
}

fn read(folder: &Path) -> Option<Waiting> {
    let mut text = String::new();
    let file = File::open(folder.join(FILE)).ok()?;
    file.take(STICK_CODE_BYTES_MAX).read_to_string(&mut text).ok()?;
    toml::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let (run, settings) = (folder.path().join("run"), folder.path().join("parotidd.toml"));
        fs::write(&settings, "").unwrap();
        let codes = Codes::new(&run, &settings);
        let at = |now| shown(&run, now).map(|code| code.shown());
        assert_eq!(at(0), None);
        assert_eq!(codes.judge(None, 0).unwrap(), Judged::Missing);
        let first = at(0).unwrap();
        assert_eq!(codes.judge(None, 1).unwrap(), Judged::Missing);
        assert_eq!(at(1).as_ref(), Some(&first), "the display does not change meanwhile");
        assert_eq!(codes.judge(Some("AAAA-AAAA"), 2).unwrap(), Judged::Wrong);
        assert_eq!(codes.judge(Some(&first.to_lowercase()), 3).unwrap(), Judged::Right);
        assert_eq!(at(3), None);
        assert_eq!(codes.judge(Some(&first), 4).unwrap(), Judged::Wrong, "it was good once");
        let second = at(4).unwrap();
        let late = 5 + i64::try_from(STICK_CODE_LIFE.as_millis()).unwrap();
        assert_eq!(at(late), None);
        assert_eq!(codes.judge(Some(&second), late).unwrap(), Judged::Wrong);
        let third = at(late).unwrap();
        for _ in 0..SETUP_FAILURES_MAX {
            assert_eq!(codes.judge(Some("AAAA-AAAA"), late).unwrap(), Judged::Wrong);
        }
        assert_ne!(at(late).unwrap(), third);
        let mode = fs::metadata(run.join(FILE)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o640);
    }
}
