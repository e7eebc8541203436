//! What a backup holds, file by file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::{BackupError, failed};

/// Its name.
pub const FILE: &str = "manifest.json";
/// Version of it.
const SCHEMA: &str = "parotidd.backup/1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this list.
    pub schema: String,
    /// When the backup was begun, RFC 3339.
    pub made_at: String,
    /// What made it.
    pub software_version: String,
    /// Every file but this list.
    pub files: Vec<ManifestFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Relative to the backup.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When its source was changed last, milliseconds since 1970 UTC.
    pub modified_unix_ms: i64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    pub(super) fn new(made_at: String, files: Vec<ManifestFile>) -> Self {
        let software_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { schema: SCHEMA.to_owned(), made_at, software_version, files }
    }

    /// Reads that of a backup.
    ///
    /// # Errors
    /// [`BackupError::File`] or [`BackupError::Manifest`].
    pub fn read(backup: &Path) -> Result<Self, BackupError> {
        let path = backup.join(FILE);
        let text = fs::read(&path).map_err(failed("read", &path))?;
        let manifest = |source| BackupError::Manifest { path: path.clone(), source };
        let read: Self = serde_json::from_slice(&text).map_err(manifest)?;
        if read.schema == SCHEMA {
            return Ok(read);
        }
        let says = format!("its schema is `{}`, this program knows `{SCHEMA}`", read.schema);
        Err(manifest(serde_json::Error::custom(says)))
    }

    pub(super) fn by_path(self) -> HashMap<String, ManifestFile> {
        self.files.into_iter().map(|file| (file.path.clone(), file)).collect()
    }
}
