//! Settings off a stick, with the files that they name: checked as the daemon would, compared, put in the place of those in
//! force.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Table;

use super::files::{Staged, StickFile, folder_of, named, own_like, remove_others, staged_of};
use crate::appliance::put::replace;
use crate::appliance::redact::{Change, changes};
use crate::config::{Config, ConfigError};
use crate::error::{Chain, Dispose, Disposition};

/// The settings in force.
#[derive(Debug)]
pub enum Current {
    /// The box works by them.
    Usable {
        /// All of them, with defaults.
        effective: Table,
        /// Whether updates on a stick are taken.
        update_by_stick: bool,
    },
    /// It does not: they cannot be read, or what they name cannot be used. No display shows a code then, so whoever stands
    /// before the box may mend it.
    Unusable,
}

impl Current {
    /// Of a configuration that was read, or of one that could not be.
    #[must_use]
    pub fn of(config: Option<&Config>, now_unix_ms: i64) -> Self {
        let usable = config.filter(|it| it.check_files(now_unix_ms).is_ok());
        let found = usable.and_then(|config| Some((config, Table::try_from(config).ok()?)));
        found.map_or(Self::Unusable, |(config, effective)| {
            let update_by_stick = config.appliance.as_ref().is_none_or(|it| it.update.stick);
            Self::Usable { effective, update_by_stick }
        })
    }
}

/// Why settings off a stick are not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// They are not good.
    #[error("the settings on the stick cannot be used")]
    Settings(#[from] ConfigError),
    /// They cannot be kept.
    #[error("could not write `{path}`; the box's own storage is in the way, not the stick")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Dispose for TakeError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Settings(source) => source.disposition(),
            Self::Write { .. } => Disposition::Retry,
        }
    }
}

/// Settings off a stick that could be in force; in a file beside those until they are taken.
#[derive(Debug)]
pub struct Proposal {
    settings: PathBuf,
    candidate: PathBuf,
    effective: Table,
    files: Option<Staged>,
}

impl Proposal {
    /// Checks them, and the files that they name: those that came with them, or are on this box.
    ///
    /// # Errors
    /// When they cannot be used; nothing of them stays.
    pub fn read(
        settings: &Path,
        bytes: &[u8],
        files: &[StickFile],
        now_unix_ms: i64,
    ) -> Result<Self, TakeError> {
        let candidate = beside(settings, "new");
        let write = |source| TakeError::Write { path: candidate.clone(), source };
        replace(&candidate, bytes, 0o640).map_err(write)?;
        let mut proposal =
            Self { settings: settings.to_owned(), candidate, effective: Table::new(), files: None };
        let config = Config::load(Some(&proposal.candidate))?;
        proposal.effective = Table::try_from(&config).unwrap_or_default();
        let staged = Staged::new(settings, &proposal.effective, files)
            .map_err(|source| TakeError::Write { path: folder_of(settings), source })?;
        let redirected = staged.redirected(&proposal.effective);
        proposal.files = Some(staged);
        let parse = |source| ConfigError::Parse {
            path: proposal.candidate.clone(),
            source: Box::new(source),
        };
        Config::deserialize(redirected).map_err(parse)?.check_files(now_unix_ms)?;
        Ok(proposal)
    }

    /// What will be different.
    #[must_use]
    pub fn changes(&self, current: &Current) -> Vec<Change> {
        let none = Table::new();
        let before = match current {
            Current::Usable { effective, .. } => effective,
            Current::Unusable => &none,
        };
        let mut all = changes(before, &self.effective);
        all.extend(self.files.iter().flat_map(Staged::changes));
        all
    }

    /// Puts them in force, the files first; the settings before stay beside them, as `parotidd.toml.before`. Files that
    /// neither name are removed.
    ///
    /// # Errors
    /// When a file cannot be written; then the settings before are in force.
    pub fn take(self, current: &Current) -> Result<(), TakeError> {
        let before = beside(&self.settings, "before");
        let write = |path: &Path| {
            let path = path.to_owned();
            move |source| TakeError::Write { path, source }
        };
        let files = folder_of(&self.settings);
        if let Ok(bytes) = fs::read(&self.settings) {
            replace(&before, &bytes, 0o640).map_err(write(&before))?;
            own_like(&before, &self.settings).map_err(write(&before))?;
        }
        own_like(&self.candidate, &self.settings).map_err(write(&self.candidate))?;
        if let Some(staged) = &self.files {
            staged.take(&self.settings).map_err(write(&files))?;
        }
        let folder = self.settings.parent().unwrap_or(Path::new("."));
        fs::rename(&self.candidate, &self.settings)
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(write(&self.settings))?;
        let mut keep = named(&self.effective, &files);
        if let Current::Usable { effective, .. } = current {
            keep.extend(named(effective, &files));
        }
        // The new ones are in force; what stays is removed the next time.
        let _ = remove_others(&files, &keep);
        Ok(())
    }
}

impl Drop for Proposal {
    fn drop(&mut self) {
        // It is gone where it was taken.
        let _ = fs::remove_file(&self.candidate);
    }
}

impl TakeError {
    /// For who wrote them, to be at `settings`: by their names on the stick.
    #[must_use]
    pub fn in_words(&self, settings: &Path) -> String {
        let text = Chain(self).to_string();
        let staged = staged_of(settings).display().to_string();
        let text = text.replace(&format!("{staged}/"), "parotidd/files/");
        match self {
            Self::Settings(ConfigError::Parse { path, .. } | ConfigError::Read { path, .. }) => {
                text.replace(&path.display().to_string(), "parotidd/parotidd.toml")
            }
            _ => text,
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
