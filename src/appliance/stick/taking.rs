//! Settings off a stick: checked as the daemon would, compared, put in the place of those in force.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use toml::Table;

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
}

impl Proposal {
    /// Checks them, and the files that they name on this box.
    ///
    /// # Errors
    /// When they cannot be used; nothing of them stays.
    pub fn read(settings: &Path, bytes: &[u8], now_unix_ms: i64) -> Result<Self, TakeError> {
        let candidate = beside(settings, "new");
        let write = |source| TakeError::Write { path: candidate.clone(), source };
        replace(&candidate, bytes, 0o640).map_err(write)?;
        let mut proposal =
            Self { settings: settings.to_owned(), candidate, effective: Table::new() };
        let config = Config::load(Some(&proposal.candidate))?;
        config.check_files(now_unix_ms)?;
        proposal.effective = Table::try_from(&config).unwrap_or_default();
        Ok(proposal)
    }

    /// What will be different.
    #[must_use]
    pub fn changes(&self, current: &Current) -> Vec<Change> {
        match current {
            Current::Usable { effective, .. } => changes(effective, &self.effective),
            Current::Unusable => changes(&Table::new(), &self.effective),
        }
    }

    /// Puts them in force; those before stay beside them, as `parotidd.toml.before`.
    ///
    /// # Errors
    /// When a file cannot be written; then those before are in force.
    pub fn take(self) -> Result<(), TakeError> {
        let before = beside(&self.settings, "before");
        let write = |path: &Path| {
            let path = path.to_owned();
            move |source| TakeError::Write { path, source }
        };
        if let Ok(bytes) = fs::read(&self.settings) {
            replace(&before, &bytes, 0o640).map_err(write(&before))?;
            self.own(&before).map_err(write(&before))?;
        }
        self.own(&self.candidate).map_err(write(&self.candidate))?;
        let folder = self.settings.parent().unwrap_or(Path::new("."));
        fs::rename(&self.candidate, &self.settings)
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(write(&self.settings))
    }

    /// Whoever may read the settings may read the new ones: the daemon, by its group.
    fn own(&self, path: &Path) -> io::Result<()> {
        let folder = self.settings.parent().unwrap_or(Path::new("."));
        let like = fs::metadata(&self.settings).or_else(|_| fs::metadata(folder))?;
        chown(path, Some(like.uid()), Some(like.gid()))
    }
}

impl Drop for Proposal {
    fn drop(&mut self) {
        // It is gone where it was taken.
        let _ = fs::remove_file(&self.candidate);
    }
}

impl TakeError {
    /// For who wrote them: by their name on the stick.
    #[must_use]
    pub fn in_words(&self) -> String {
        let text = Chain(self).to_string();
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
