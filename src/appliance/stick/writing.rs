//! What is written to a stick: under a name that says that it is a part, until it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Hands;
use super::answer::Paragraph;
use crate::appliance::put::replace;
use crate::disk;
use crate::error::{Dispose, Disposition};

/// Ending of what is not whole.
const PART: &str = ".part";
const EXPORT: &str = "results-";
const BACKUP: &str = "backup-";
const SUPPORT: &str = "support-";

/// A stick that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StickError {
    /// It stays as it is mounted.
    #[error(
        "could not make `{stick}` writable, or read-only again; is its switch on, or was it pulled out?"
    )]
    Mount {
        /// Where it is mounted.
        stick: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("could not write `{path}`; is the stick full, or was it pulled out?")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Dispose for StickError {
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// Removes what an earlier visit left half.
pub(super) fn remove_parts(folder: &Path) -> Result<(), StickError> {
    let failed = |source| StickError::Write { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_ours = [EXPORT, BACKUP, SUPPORT].iter().any(|begin| name.starts_with(begin));
        if is_ours && name.ends_with(PART) {
            let removed = match entry.file_type().map_err(failed)?.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
            removed.map_err(failed)?;
        }
    }
    Ok(())
}

/// The signed results.
pub(super) fn export(folder: &Path, now_unix_ms: i64, hands: &dyn Hands) -> Paragraph {
    let name = format!("{EXPORT}{}", stamp(now_unix_ms));
    match whole(folder, &name, |part| hands.export(part)) {
        Ok(said) => Paragraph::written("RESULTS", &name, said),
        Err(why) => Paragraph::not_written("RESULTS WERE NOT WRITTEN", &why),
    }
}

/// A backup.
pub(super) fn backup(folder: &Path, now_unix_ms: i64, hands: &dyn Hands) -> Paragraph {
    let name = format!("{BACKUP}{}", stamp(now_unix_ms));
    match whole(folder, &name, |part| hands.back_up(part)) {
        Ok(said) => Paragraph::written("BACKUP", &name, said),
        Err(why) => Paragraph::not_written("BACKUP WAS NOT WRITTEN", &why),
    }
}

/// The support bundle.
pub(super) fn support(folder: &Path, now_unix_ms: i64, hands: &dyn Hands) -> Paragraph {
    let name = format!("{SUPPORT}{}.tar.gz", stamp(now_unix_ms));
    match whole(folder, &name, |part| hands.support(part)) {
        Ok(said) => Paragraph::written("SUPPORT", &name, said),
        Err(why) => Paragraph::not_written("SUPPORT WAS NOT WRITTEN", &why),
    }
}

/// Last of all.
pub(super) fn answer(folder: &Path, text: &str) -> Result<(), StickError> {
    let path = folder.join("answer.txt");
    replace(&path, text.as_bytes(), 0o644).map_err(|source| StickError::Write { path, source })
}

/// Written as a part and named when it is whole and on the stick.
fn whole(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<String, String> {
    let part = folder.join(format!("{name}{PART}"));
    let written = write(&part).and_then(|said| {
        let named = disk::sync(folder)
            .and_then(|()| fs::rename(&part, folder.join(name)))
            .and_then(|()| File::open(folder)?.sync_all());
        named.map(|()| said).map_err(|error| error.to_string())
    });
    if written.is_err() {
        // A file or a folder, or nothing yet; why it was not written says more.
        let _ = fs::remove_dir_all(&part).or_else(|_| fs::remove_file(&part));
    }
    written
}

/// Without colons, which sticks do not know.
fn stamp(now_unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(now_unix_ms).unwrap_or_default();
    at.strftime("%Y%m%d-%H%M%S").to_string()
}
