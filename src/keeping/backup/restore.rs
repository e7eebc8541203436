//! From a backup to a data folder that a daemon can start on.
//!
//! ```text
//!  backup --checked--> restore.part (database brought to the spool that is here)
//!  data folder: database aside first, then all else but the images --> replaced-<time>/
//!  restore.part: all else, the database last --> data folder
//! ```
//! While neither database is in its place a daemon does not start ([`is_interrupted`]): an empty one would screen and
//! send everything once more. Restoring again goes on from any of these.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, Copier};
use super::manifest::Manifest;
use super::{BackupError, DATA, DATABASE, failed, list, manifest};
use crate::clock::{Clock, rfc3339};
use crate::db::retention::{LostImages, lose_images};
use crate::db::{self, Db, DbError, audit, snapshot};
use crate::dicom::uid::SeriesInstanceUid;
use crate::intake::spool::{Spool, SpoolOptions};

/// Where a restore is prepared.
const PART: &str = "restore.part";
/// What the folder of what was there before begins with.
const REPLACED: &str = "replaced-";
/// What is not replaced: the images, which no backup has, and locks that are held.
const KEPT: [&str; 5] = ["spool", "prepared", "lock", "in-use.lock", PART];

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub backup: PathBuf,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// What made it.
    pub software_version: String,
    /// Its files that are in the data folder now.
    pub n_files: usize,
    /// Where what was there before is; `None` where there was nothing.
    pub replaced: Option<PathBuf>,
    /// Series that were screened and whose images are not here.
    pub n_answered: usize,
    /// Series that have no answer and whose images are not here: they must be sent again.
    pub unanswered: Vec<SeriesInstanceUid>,
}

/// Whether a restore into a data folder was interrupted, and must be done again before anything starts there.
#[must_use]
pub fn is_interrupted(data_dir: &Path) -> bool {
    data_dir.join(PART).exists() && !data_dir.join(DATABASE).exists()
}

/// Restores a backup, or the newest of a folder, into a data folder whose lock the caller holds. `by` goes into the
/// audit trail.
///
/// # Errors
/// When the backup is damaged or of a later version, and nothing was changed; or when the data folder cannot be written.
pub fn restore(
    folder: &Path,
    data_dir: &Path,
    by: &str,
    clock: &dyn Clock,
) -> Result<Restored, BackupError> {
    let backup = choose(folder)?;
    let manifest = Manifest::read(&backup)?;
    check(&backup, &manifest)?;
    let part = data_dir.join(PART);
    remove_if_there(&part)?;
    let n_files = stage(&backup, &manifest, &part)?;
    let lost = settle(&part, data_dir, &manifest, by, clock)?;
    let replaced = set_aside(data_dir, clock)?;
    put_in_place(&part, data_dir)?;
    let mut unanswered = lost.unanswered;
    unanswered.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(Restored {
        backup,
        made_at: manifest.made_at,
        software_version: manifest.software_version,
        n_files,
        replaced,
        n_answered: lost.n_answered,
        unanswered,
    })
}

fn choose(folder: &Path) -> Result<PathBuf, BackupError> {
    if folder.join(manifest::FILE).is_file() {
        return Ok(folder.to_owned());
    }
    list(folder)?.pop().ok_or_else(|| BackupError::NoBackup { path: folder.to_owned() })
}

/// Every file is as it was written, and the database can be used.
fn check(backup: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    for file in &manifest.files {
        let is_inside = Path::new(&file.path)
            .components()
            .all(|it| matches!(it, std::path::Component::Normal(_)));
        let found = is_inside.then(|| files::digest(&backup.join(&file.path)).ok()).flatten();
        if found.as_ref() != Some(&(file.bytes, file.sha256.clone())) {
            return Err(BackupError::Damaged { path: file.path.clone() });
        }
    }
    Ok(snapshot::check(&backup.join(DATA).join(DATABASE))?)
}

/// Copies what goes into the data folder. Not linked: the backup is to outlive what happens here.
fn stage(backup: &Path, manifest: &Manifest, part: &Path) -> Result<usize, BackupError> {
    let mut copier = Copier::new(part, None);
    copier.make(part)?;
    let mut n_files = 0;
    for file in &manifest.files {
        if let Ok(inside) = Path::new(&file.path).strip_prefix(DATA) {
            copier.copy(&backup.join(&file.path), inside)?;
            n_files += 1;
        }
    }
    files::sync_all(part)?;
    Ok(n_files)
}

/// Brings the staged database to this program's version and to the images that are here.
fn settle(
    part: &Path,
    data_dir: &Path,
    manifest: &Manifest,
    by: &str,
    clock: &dyn Clock,
) -> Result<LostImages, BackupError> {
    let spool = SpoolOptions::of(data_dir, 0).folder;
    let here: HashSet<String> = if spool.is_dir() {
        let paths = Spool::finished(&spool).map_err(crate::keeping::KeepingError::from)?;
        let names = paths.iter().filter_map(|path| path.file_stem()?.to_str().map(str::to_owned));
        names.collect()
    } else {
        HashSet::new()
    };
    let opened = db::open(&part.join(DATABASE))?;
    let now = clock.unix_ms();
    let settled = |db: &Db| -> Result<LostImages, DbError> {
        let lost = db.call_blocking(lose_images(here, now))?;
        let event = audit::NewAuditEvent {
            at_unix_ms: now,
            kind: audit::AuditKind::Restored,
            result: None,
            actor: by.to_owned(),
            detail: format!("the backup of {}", manifest.made_at),
        };
        db.call_blocking(audit::record(event))?;
        Ok(lost)
    };
    let lost = settled(&opened.db);
    drop(opened.db);
    opened.thread.join()?;
    Ok(lost?)
}

/// Moves what is there out of the way, the database first.
fn set_aside(data_dir: &Path, clock: &dyn Clock) -> Result<Option<PathBuf>, BackupError> {
    let mut there = Vec::new();
    for entry in fs::read_dir(data_dir).map_err(failed("list", data_dir))? {
        let name = entry.map_err(failed("list", data_dir))?.file_name();
        let text = name.to_string_lossy();
        if !KEPT.iter().any(|kept| *kept == text) && !text.starts_with(REPLACED) {
            there.push(name);
        }
    }
    if there.is_empty() {
        return Ok(None);
    }
    there.sort_by_key(|name| name != DATABASE);
    let now = rfc3339(clock.unix_ms() / 1000 * 1000).replace(['-', ':'], "");
    let aside = data_dir.join(format!("{REPLACED}{now}"));
    fs::create_dir_all(&aside).map_err(failed("create", &aside))?;
    for name in there {
        let from = data_dir.join(&name);
        fs::rename(&from, aside.join(&name)).map_err(failed("move away", &from))?;
    }
    files::sync(&aside)?;
    files::sync(data_dir)?;
    Ok(Some(aside))
}

/// Gives everything its place, the database last.
fn put_in_place(part: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let mut staged = Vec::new();
    for entry in fs::read_dir(part).map_err(failed("list", part))? {
        staged.push(entry.map_err(failed("list", part))?.file_name());
    }
    staged.sort_by_key(|name| name == DATABASE);
    for name in staged {
        if name == DATABASE {
            files::sync(data_dir)?;
        }
        let from = part.join(&name);
        fs::rename(&from, data_dir.join(&name)).map_err(failed("move", &from))?;
    }
    remove_if_there(part)?;
    files::sync(data_dir)
}

fn remove_if_there(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", folder)(error))
        }
        _ => Ok(()),
    }
}
