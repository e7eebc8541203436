//! What a stick asks for: read with bounds, before anything is done.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::files::{self, StickFile};
use crate::limits::{SETTINGS_BYTES_MAX, STICK_CODE_BYTES_MAX};

/// What was found in the folder of a stick.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// Other settings.
    pub settings: Option<Vec<u8>>,
    /// Certificates, secrets and tokens that they name; in words, why they were not read.
    pub files: Result<Vec<StickFile>, String>,
    /// The code that was read off the display.
    pub code: Option<String>,
    /// There may be another version.
    pub wants_update: bool,
    /// The signed results are asked for.
    pub wants_export: bool,
    /// A backup is asked for.
    pub wants_backup: bool,
    /// A root shell on the consoles is asked for.
    pub wants_service: bool,
    /// The support bundle is asked for.
    pub wants_support: bool,
    /// What was refused, in words.
    pub problems: Vec<String>,
}

impl Asked {
    /// Looks into the folder; `None` where there is none.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        // Not a link: it could lead into the box.
        if !fs::symlink_metadata(folder).ok()?.is_dir() {
            return None;
        }
        let mut asked = Self {
            settings: None,
            files: files::read(&folder.join("files")),
            code: None,
            wants_update: false,
            wants_export: false,
            wants_backup: false,
            wants_service: false,
            wants_support: false,
            problems: Vec::new(),
        };
        asked.settings = asked.file(folder, "parotidd.toml", SETTINGS_BYTES_MAX);
        let code = asked.file(folder, "code.txt", STICK_CODE_BYTES_MAX);
        asked.code = code.and_then(|bytes| asked.code_text(bytes));
        asked.wants_update = asked.is_there(folder, &["update"]);
        // Explorer hides the ending of a file's name, so that nobody sees the second one.
        asked.wants_export = asked.is_there(folder, &["export", "export.txt"]);
        asked.wants_backup = asked.is_there(folder, &["backup", "backup.txt"]);
        asked.wants_service = asked.is_there(folder, &["service", "service.txt"]);
        asked.wants_support = asked.is_there(folder, &["support", "support.txt"]);
        if asked.settings.is_none() && asked.files.as_ref().is_ok_and(|it| !it.is_empty()) {
            let why = "parotidd/files is taken over only beside parotidd/parotidd.toml, which may be the same as before.";
            asked.problems.push(why.to_owned());
        }
        Some(asked)
    }

    /// Whether it asks for nothing at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let wishes = [
            self.wants_update,
            self.wants_export,
            self.wants_backup,
            self.wants_service,
            self.wants_support,
        ];
        self.settings.is_none() && !wishes.contains(&true) && self.problems.is_empty()
    }

    fn file(&mut self, folder: &Path, name: &str, most: u64) -> Option<Vec<u8>> {
        match read_plain(&folder.join(name), most) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.problems.push(format!("parotidd/{name} was not read: {error}."));
                None
            }
        }
    }

    fn code_text(&mut self, bytes: Vec<u8>) -> Option<String> {
        let text = String::from_utf8(bytes).ok();
        if text.is_none() {
            self.problems.push("parotidd/code.txt is no plain text; save it as UTF-8.".to_owned());
        }
        text.map(|it| it.trim_start_matches('\u{feff}').trim().to_owned())
    }

    /// Whether one of these is there, a file or a folder.
    fn is_there(&mut self, folder: &Path, names: &[&str]) -> bool {
        let mut is_there = false;
        for name in names {
            match fs::symlink_metadata(folder.join(name)) {
                Ok(found) if found.is_file() || found.is_dir() => is_there = true,
                Ok(_) => self.problems.push(format!("parotidd/{name} is no plain file or folder.")),
                Err(_) => {}
            }
        }
        is_there
    }
}

/// All of a plain file. Nothing is followed and nothing is waited for, whatever lies there.
pub(super) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_stick_asks_by_names() {
        let stick = tempfile::tempdir().unwrap();
        let folder = stick.path().join("parotidd");
        assert_eq!(Asked::read(&folder), None);
        fs::create_dir(&folder).unwrap();
        assert!(Asked::read(&folder).unwrap().is_nothing());
        fs::write(folder.join("parotidd.toml"), "a").unwrap();
        fs::write(folder.join("code.txt"), "\u{feff} abcd-efgh\r\n").unwrap();
        fs::write(folder.join("export.txt"), "").unwrap();
        fs::write(folder.join("backup.txt"), "").unwrap();
        fs::create_dir(folder.join("support")).unwrap();
        fs::create_dir(folder.join("update")).unwrap();
        fs::write(folder.join("service"), "").unwrap();
        let asked = Asked {
            settings: Some(b"a".to_vec()),
            files: Ok(Vec::new()),
            code: Some("abcd-efgh".to_owned()),
            wants_update: true,
            wants_export: true,
            wants_backup: true,
            wants_service: true,
            wants_support: true,
            problems: Vec::new(),
        };
        assert_eq!(Asked::read(&folder), Some(asked));
    }

    #[test]
    fn what_leads_elsewhere_or_never_ends_is_refused() {
        let stick = tempfile::tempdir().unwrap();
        let folder = stick.path().join("parotidd");
        fs::create_dir(&folder).unwrap();
        let check = |name: &str| {
            let asked = Asked::read(&folder).unwrap();
            assert!(asked.settings.is_none() && !asked.wants_export && !asked.wants_update);
            assert!(asked.problems.len() == 1 && asked.problems[0].contains(name), "{asked:?}");
            let path = folder.join(name);
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        };
        for name in ["parotidd.toml", "export", "update"] {
            symlink("/etc/hostname", folder.join(name)).unwrap();
            check(name);
        }
        fs::create_dir(folder.join("parotidd.toml")).unwrap();
        check("parotidd.toml");
        nix::unistd::mkfifo(&folder.join("parotidd.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        check("parotidd.toml");
        let much = vec![b'#'; usize::try_from(SETTINGS_BYTES_MAX).unwrap() + 1];
        fs::write(folder.join("parotidd.toml"), much).unwrap();
        check("parotidd.toml");
        fs::write(folder.join("code.txt"), [0xff, 0xfe, 0x41]).unwrap();
        check("code.txt");
        fs::create_dir(folder.join("files")).unwrap();
        fs::write(folder.join("files/a.pem"), "").unwrap();
        let asked = Asked::read(&folder).unwrap();
        assert!(asked.problems[0].contains("only beside parotidd/parotidd.toml"), "{asked:?}");
        let link = stick.path().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(Asked::read(&link), None);
    }
}
