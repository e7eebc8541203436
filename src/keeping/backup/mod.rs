//! Copies of everything that cannot be made again, and the way back.
//!
//! ```text
//!  database --VACUUM INTO--+
//!  results, keys --link----+--> <folder>/parotidd-<time>.part --synced--> parotidd-<time>
//!  settings --copy---------+      data/  settings/  manifest.json
//! ```
//! Received images are not in it: the archive has them, and they are most of what is kept. The database goes first: the
//! objects of every result in it were durable before it was.

mod files;
pub mod manifest;
pub mod restore;
mod settings;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize as _;

pub use self::manifest::Manifest;
pub use self::restore::{Restored, restore};
pub use self::settings::BackupSettings;

use self::files::Copier;
use super::{InUse, KeepingError};
use crate::clock::{Clock, rfc3339};
use crate::db::{DbError, snapshot};
use crate::error::{Dispose, Disposition};
use crate::limits::BACKUP_SETTINGS_MAX;

/// What the name of each backup begins with.
const NAME: &str = "parotidd-";
/// Ending of one that is not finished.
const PART: &str = ".part";
/// Folder of what goes back into the data folder.
const DATA: &str = "data";
/// Folder of the settings and of the files that they name.
const SETTINGS: &str = "settings";
/// The database, in the data folder.
const DATABASE: &str = "parotidd.db";
/// The folder of the results' objects, there.
const RESULTS: &str = "results";
/// Endings of the keys and certificates that lie there.
const KEYS: [&str; 3] = ["key", "crt", "pem"];

/// What can go wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error("the database cannot be copied, or its copy cannot be used")]
    Db(#[from] DbError),
    /// The lock.
    #[error("what is copied could not be kept from being removed")]
    Keeping(#[from] KeepingError),
    /// A file or folder.
    #[error("could not {doing} `{path}`")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No backup.
    #[error("`{path}` is no backup, and there is none in it; name a folder parotidd-<time>")]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
    /// A list that this program does not know.
    #[error("`{path}` cannot be read; is the backup of a later version, or damaged?")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A file that is not as it was written.
    #[error("`{path}` of the backup is missing or not as it was written; use an earlier backup")]
    Damaged {
        /// Relative to the backup.
        path: String,
    },
    /// More files than there can be.
    #[error("there are more than {max} files below `{path}`; move away what is not parotidd's")]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The limit.
        max: usize,
    },
}

impl Dispose for BackupError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Db(error) => error.disposition(),
            Self::Keeping(error) => error.disposition(),
            Self::File { .. } => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

fn failed<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> BackupError + use<'a> {
    move |source| BackupError::File { doing, path: path.to_owned(), source }
}

/// What is backed up.
#[derive(Debug)]
pub struct Sources {
    /// Database, results and keys.
    pub data_dir: PathBuf,
    /// The settings' file, and the files that it names.
    pub settings: Vec<PathBuf>,
}

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its folder.
    pub path: PathBuf,
    /// Its files.
    pub n_files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Earlier ones that were removed, as there are enough newer ones.
    pub n_removed: usize,
}

impl Sources {
    /// Writes a backup into `folder`, and removes all but the newest `n_kept`. Beside a running daemon.
    ///
    /// # Errors
    /// When something cannot be read or written. Then there is no new backup, and all earlier ones are left.
    pub fn back_up(
        &self,
        folder: &Path,
        n_kept: usize,
        clock: &dyn Clock,
    ) -> Result<Written, BackupError> {
        let _reading = InUse::read(&self.data_dir)?;
        remove_parts(folder)?;
        let now = rfc3339(clock.unix_ms() / 1000 * 1000);
        let name = format!("{NAME}{}", now.replace(['-', ':'], ""));
        let path = folder.join(&name);
        let part = folder.join(format!("{name}{PART}"));
        let earlier = list(folder)?.pop();
        let mut copier = Copier::new(&part, earlier.as_deref());
        copier.make(&part)?;
        self.copy_data(&mut copier, &part)?;
        for file in self.settings.iter().take(BACKUP_SETTINGS_MAX) {
            let inside = file.strip_prefix("/").unwrap_or(file);
            copier.copy(file, &Path::new(SETTINGS).join(inside))?;
        }
        let manifest = copier.finish(now);
        write_manifest(&part, &manifest)?;
        files::sync_all(&part)?;
        fs::rename(&part, &path).map_err(failed("rename", &part))?;
        files::sync(folder)?;
        let n_removed = remove_old(folder, n_kept)?;
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        Ok(Written { path, n_files: manifest.files.len(), bytes, n_removed })
    }

    fn copy_data(&self, copier: &mut Copier, part: &Path) -> Result<(), BackupError> {
        let data = Path::new(DATA);
        copier.make(&part.join(data))?;
        let copy = part.join(data).join(DATABASE);
        snapshot::write(&self.data_dir.join(DATABASE), &copy)?;
        copier.take_in(&data.join(DATABASE))?;
        for file in files::walk(&self.data_dir, 0)? {
            let is_key = file.extension().is_some_and(|it| KEYS.iter().any(|key| *key == it));
            if is_key && let Some(name) = file.file_name() {
                copier.copy(&file, &data.join(name))?;
            }
        }
        let results = self.data_dir.join(RESULTS);
        if results.is_dir() {
            for file in files::walk(&results, 1)? {
                let inside = file.strip_prefix(&self.data_dir).unwrap_or(&file);
                copier.link(&file, &data.join(inside))?;
            }
        }
        Ok(())
    }
}

fn write_manifest(part: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let path = part.join(manifest::FILE);
    let mut text = Vec::new();
    let mut json = serde_json::Serializer::pretty(&mut text);
    manifest
        .serialize(&mut json)
        .map_err(|source| BackupError::Manifest { path: path.clone(), source })?;
    fs::write(&path, text).map_err(failed("write", &path))
}

/// The backups of a folder, the oldest first.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("list", folder))?.path();
        if is_backup(file_name(&path)) && path.join(manifest::FILE).is_file() {
            found.push(path);
        }
    }
    // Their names are times.
    found.sort();
    Ok(found)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether a name is one that we give: others' folders beside ours are left alone.
fn is_backup(name: &str) -> bool {
    let is_time = |time: &str| {
        time.len() == "20260101T000000Z".len()
            && time.bytes().enumerate().all(|(n, c)| match n {
                8 => c == b'T',
                15 => c == b'Z',
                _ => c.is_ascii_digit(),
            })
    };
    name.strip_prefix(NAME).is_some_and(is_time)
}

fn remove_old(folder: &Path, n_kept: usize) -> Result<usize, BackupError> {
    let all = list(folder)?;
    let old = &all[..all.len().saturating_sub(n_kept.max(1))];
    for path in old {
        // Without its list it is none any more, whenever the power goes.
        fs::remove_file(path.join(manifest::FILE)).map_err(failed("remove", path))?;
        fs::remove_dir_all(path).map_err(failed("remove", path))?;
    }
    Ok(old.len())
}

/// Removes what an interrupted backup, or an interrupted removal of one, left.
fn remove_parts(folder: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let path = entry.map_err(failed("list", folder))?.path();
        let name = file_name(&path);
        let is_part = name.strip_suffix(PART).is_some_and(is_backup);
        if is_part || is_backup(name) && !path.join(manifest::FILE).is_file() {
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
