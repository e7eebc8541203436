//! Files that settings off a stick name: certificates, secrets, tokens. They live in a folder `files` beside the settings.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::asked::read_plain;
use crate::appliance::put::replace;
use crate::appliance::redact::Change;
use crate::limits::{STICK_FILE_BYTES_MAX, STICK_FILE_NAME_BYTES_MAX, STICK_FILES_MAX};

/// What stands for the content, which may be a secret.
const CONTENT: &str = "a file";

/// A file off a stick.
#[derive(Debug, PartialEq, Eq)]
pub struct StickFile {
    name: String,
    bytes: Vec<u8>,
}

/// Where the files of these settings are.
#[must_use]
pub fn folder_of(settings: &Path) -> PathBuf {
    settings.with_file_name("files")
}

/// Where they are until they are taken.
pub(super) fn staged_of(settings: &Path) -> PathBuf {
    settings.with_file_name("files.new")
}

/// All files of a stick's folder, with bounds. Names that no setting can mean are left out.
///
/// # Errors
/// In words, when one cannot be read or there are too many.
pub(super) fn read(folder: &Path) -> Result<Vec<StickFile>, String> {
    if !fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir()) {
        return Ok(Vec::new());
    }
    let unread = |what: &str, error: io::Error| format!("parotidd/{what} was not read: {error}.");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unread("files", error))? {
        let name = entry.map_err(|error| unread("files", error))?.file_name();
        let Some(name) = name.to_str().filter(|it| is_plain(it)) else { continue };
        if files.len() == STICK_FILES_MAX {
            return Err(format!("parotidd/files has more than {STICK_FILES_MAX} files."));
        }
        let bytes = read_plain(&folder.join(name), STICK_FILE_BYTES_MAX)
            .map_err(|error| unread(&format!("files/{name}"), error))?;
        files.push(StickFile { name: name.to_owned(), bytes });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Letters, digits and `-_.`, and not what computers put beside people's files (`._a`).
fn is_plain(name: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    (1..=STICK_FILE_NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(is_plain)
}

/// Names of the files in `folder` that these settings mean.
pub(super) fn named(settings: &Table, folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut note = |text: &str| {
        let path = Path::new(text);
        let name = path.file_name().and_then(|it| it.to_str()).filter(|it| is_plain(it));
        if path.parent() == Some(folder) {
            names.extend(name.map(str::to_owned));
        }
        None
    };
    let mut settings = Value::Table(settings.clone());
    each_text(&mut settings, &mut note);
    names
}

/// Gives every text to `see`, which may put another one in its place.
fn each_text(value: &mut Value, see: &mut impl FnMut(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(other) = see(text) {
                *text = other;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| each_text(it, see)),
        Value::Table(table) => table.iter_mut().for_each(|(_, it)| each_text(it, see)),
        _ => {}
    }
}

/// Sums of all files in the folder, as lines: when one changes, the daemon starts anew. Empty where there is no folder.
#[must_use]
pub fn sums(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else { return String::new() };
    let mut lines: Vec<_> = entries
        .flatten()
        .map(|entry| {
            // Whatever else lies there must not keep the box from its network: the name alone counts.
            let bytes = read_plain(&entry.path(), STICK_FILE_BYTES_MAX).unwrap_or_default();
            format!("{:x} {}\n", Sha256::digest(bytes), entry.file_name().display())
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// Files off a stick, written into a folder beside that of the files in force until they are taken.
#[derive(Debug)]
pub(super) struct Staged {
    folder: PathBuf,
    staged: PathBuf,
    names: Vec<String>,
}

impl Staged {
    /// Those that `settings`, to be at `path`, name.
    ///
    /// # Errors
    /// When one cannot be written; nothing stays.
    pub(super) fn new(path: &Path, settings: &Table, files: &[StickFile]) -> io::Result<Self> {
        let folder = folder_of(path);
        let wanted = named(settings, &folder);
        let staged = staged_of(path);
        // What a power cut left.
        remove_all(&staged)?;
        let brought = files.iter().filter(|it| wanted.contains(&it.name));
        let mut new = Self { folder, staged, names: Vec::new() };
        for StickFile { name, bytes } in brought {
            make_folder(&new.staged, path)?;
            let file = new.staged.join(name);
            replace(&file, bytes, 0o640)?;
            own_like(&file, path)?;
            new.names.push(name.clone());
        }
        Ok(new)
    }

    /// The same settings, naming those files where they are for now.
    pub(super) fn redirected(&self, settings: &Table) -> Table {
        let mut settings = settings.clone();
        let mut redirect = |text: &str| {
            let name = Path::new(text).strip_prefix(&self.folder).ok()?.to_str()?;
            let is_ours = self.names.iter().any(|it| it == name);
            is_ours.then(|| self.staged.join(name).display().to_string())
        };
        settings.iter_mut().for_each(|(_, value)| each_text(value, &mut redirect));
        settings
    }

    /// Those that are another one than in force.
    pub(super) fn changes(&self) -> Vec<Change> {
        let content = |folder: &Path, name: &str| fs::read(folder.join(name)).ok();
        let changed = self.names.iter().filter_map(|name| {
            let before = content(&self.folder, name);
            let text = || CONTENT.to_owned();
            (before != content(&self.staged, name)).then(|| Change {
                key: format!("files/{name}"),
                from: before.map(|_| text()),
                to: Some(text()),
            })
        });
        changed.collect()
    }

    /// Puts them in force, each whole; `settings` says whose they are to be.
    ///
    /// # Errors
    /// When one cannot be put there; those before it are.
    pub(super) fn take(&self, settings: &Path) -> io::Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        make_folder(&self.folder, settings)?;
        for name in &self.names {
            fs::rename(self.staged.join(name), self.folder.join(name))?;
        }
        File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What stays is removed the next time.
        let _ = remove_all(&self.staged);
    }
}

/// Removes files in force that nobody names any more.
pub(super) fn remove_others(folder: &Path, keep: &BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let is_kept = entry.file_name().to_str().is_some_and(|it| keep.contains(it));
        if !is_kept && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_folder(folder: &Path, like: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    own_like(folder, like)
}

/// Whoever may read the settings may read this: the daemon, by its group.
pub(super) fn own_like(path: &Path, settings: &Path) -> io::Result<()> {
    let folder = settings.parent().unwrap_or(Path::new("."));
    let like = fs::metadata(settings).or_else(|_| fs::metadata(folder))?;
    chown(path, Some(like.uid()), Some(like.gid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_read_with_bounds() {
        let stick = tempfile::tempdir().unwrap();
        let folder = stick.path().join("files");
        assert_eq!(read(&folder), Ok(Vec::new()));
        fs::create_dir(&folder).unwrap();
        for name in ["b.pem", "a.pem", "._a.pem", "a b.pem", &"n".repeat(65)] {
            fs::write(folder.join(name), name).unwrap();
        }
        let names: Vec<_> = read(&folder).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["a.pem", "b.pem"]);

        let check = |says: &str| {
            let error = read(&folder).unwrap_err();
            assert!(error.contains(says), "{error}");
            fs::remove_file(folder.join("c.pem")).unwrap();
        };
        symlink("/etc/hostname", folder.join("c.pem")).unwrap();
        check("files/c.pem");
        let much = usize::try_from(STICK_FILE_BYTES_MAX).unwrap() + 1;
        fs::write(folder.join("c.pem"), vec![0; much]).unwrap();
        check("larger than");
        for n in 0..STICK_FILES_MAX {
            fs::write(folder.join(format!("n{n}")), "").unwrap();
        }
        fs::write(folder.join("c.pem"), "").unwrap();
        check("more than 32");
        let link = stick.path().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(read(&link), Ok(Vec::new()), "it could lead into the box");
    }

    #[test]
    fn settings_name_files_of_their_own_folder_alone() {
        let settings: Table = toml::from_str(
            "a = '/etc/p/files/a'\nb = { c = ['/etc/p/files/b', '/etc/p/files/d/e'] }\n\
             f = '/etc/p/files/../g'\nh = '/etc/h'\ni = 'files/i'\nj = '/etc/p/files/.j'",
        )
        .unwrap();
        let names = named(&settings, Path::new("/etc/p/files"));
        assert_eq!(names, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }
}
