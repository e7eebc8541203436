//! Files into a backup: linked where that is safe and possible, else copied; each with its checksum.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{Manifest, ManifestFile};
use super::{BackupError, failed};
use crate::clock::unix_ms;
use crate::disk;
use crate::limits::BACKUP_FILES_MAX;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Fills the folder of a backup.
pub(super) struct Copier<'a> {
    part: &'a Path,
    earlier: Option<&'a Path>,
    /// What the earlier backup has.
    known: HashMap<String, ManifestFile>,
    files: Vec<ManifestFile>,
}

impl<'a> Copier<'a> {
    /// Into `part`; what has not changed since an `earlier` backup is shared with it.
    pub(super) fn new(part: &'a Path, earlier: Option<&'a Path>) -> Self {
        // One that cannot be read is none to share with.
        let known = earlier.and_then(|path| Manifest::read(path).ok());
        let known = known.map(Manifest::by_path).unwrap_or_default();
        Self { part, earlier, known, files: Vec::new() }
    }

    /// Makes a folder, for us alone.
    pub(super) fn make(&self, folder: &Path) -> Result<(), BackupError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed("create", folder))
    }

    /// Copies a file that may change.
    pub(super) fn copy(&mut self, from: &Path, inside: &Path) -> Result<(), BackupError> {
        let to = self.part.join(inside);
        self.make(to.parent().unwrap_or(self.part))?;
        copy(from, &to)?;
        self.note(from, inside)
    }

    /// Links a file that is never changed (an object that is written again gets the same bytes), to the earlier backup's or to itself; copies it where neither can be.
    pub(super) fn link(&mut self, from: &Path, inside: &Path) -> Result<(), BackupError> {
        let to = self.part.join(inside);
        self.make(to.parent().unwrap_or(self.part))?;
        let (bytes, modified_unix_ms) = about(from)?;
        let known = self.known.get(&name(inside));
        let known = known
            .filter(|it| it.bytes == bytes && it.modified_unix_ms == modified_unix_ms)
            .cloned();
        if let (Some(known), Some(earlier)) = (known, self.earlier)
            && fs::hard_link(earlier.join(inside), &to).is_ok()
        {
            self.files.push(known);
            return Ok(());
        }
        if fs::hard_link(from, &to).is_err() {
            copy(from, &to)?;
        }
        self.note(from, inside)
    }

    /// A file that somebody else has put there.
    pub(super) fn take_in(&mut self, inside: &Path) -> Result<(), BackupError> {
        self.note(&self.part.join(inside), inside)
    }

    fn note(&mut self, from: &Path, inside: &Path) -> Result<(), BackupError> {
        let (_, modified_unix_ms) = about(from)?;
        let (bytes, sha256) = digest(&self.part.join(inside))?;
        self.files.push(ManifestFile { path: name(inside), bytes, modified_unix_ms, sha256 });
        Ok(())
    }

    /// The list of what was copied. None of it is durable before [`sync_all`].
    pub(super) fn finish(self, made_at: String) -> Manifest {
        Manifest::new(made_at, self.files)
    }
}

fn name(inside: &Path) -> String {
    inside.to_string_lossy().into_owned()
}

fn about(path: &Path) -> Result<(u64, i64), BackupError> {
    let about = fs::metadata(path).map_err(failed("look at", path))?;
    let modified = about.modified().map_err(failed("look at", path))?;
    Ok((about.len(), unix_ms(modified)))
}

/// A copy that only we can read.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(failed("read", from))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut file = made.map_err(failed("create", to))?;
    io::copy(&mut source, &mut file).map_err(failed("write", to)).map(drop)
}

/// Length and SHA-256 (lower-case hex) of a file.
pub(super) fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(failed("read", path))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut chunk).map_err(failed("read", path))?;
        if n == 0 {
            return Ok((bytes, format!("{:x}", hash.finalize())));
        }
        hash.update(&chunk[..n]);
        bytes += n as u64;
    }
}

/// Makes all durable that was written into a folder and those in it.
pub(super) fn sync_all(folder: &Path) -> Result<(), BackupError> {
    disk::sync(folder).map_err(failed("sync", folder))
}

/// Makes a folder durable.
pub(super) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed("sync", path))
}

/// The regular files of a folder, and of those in it down to so many levels.
pub(super) fn walk(folder: &Path, levels: usize) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, level)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
            let entry = entry.map_err(failed("list", &folder))?;
            let kind = entry.file_type().map_err(failed("look at", &folder))?;
            if kind.is_dir() && level < levels {
                folders.push((entry.path(), level + 1));
            } else if kind.is_file() {
                found.push(entry.path());
            }
            if found.len() > BACKUP_FILES_MAX {
                return Err(BackupError::TooMany { path: folder, max: BACKUP_FILES_MAX });
            }
        }
    }
    found.sort();
    Ok(found)
}
