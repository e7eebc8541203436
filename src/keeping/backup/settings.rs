//! `[backup]`: where backups go.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::limits::BACKUPS_KEPT_MAX;

/// Where backups go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupSettings {
    /// The folder; where it is absent a command must name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Backups that are kept there, the newest.
    pub keep: usize,
    /// Whether the folder must be on another disk than the data: where no medium is mounted there, nothing is written.
    pub other_disk: bool,
}

impl Default for BackupSettings {
    /// A week of nights.
    fn default() -> Self {
        Self { folder: None, keep: 7, other_disk: false }
    }
}

impl BackupSettings {
    /// Whether as many can be kept.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        (1..=BACKUPS_KEPT_MAX).contains(&self.keep)
    }

    /// Why there can be no backup in a folder now; `None` where there can.
    #[must_use]
    pub fn why_not(&self, folder: &Path, data_dir: &Path) -> Option<&'static str> {
        let Ok(there) = fs::metadata(folder) else { return Some("it is not there") };
        if !there.is_dir() {
            return Some("it is no folder");
        }
        let is_same = fs::metadata(data_dir).is_ok_and(|here| here.dev() == there.dev());
        (self.other_disk && is_same).then_some("no other disk is mounted there")
    }
}
