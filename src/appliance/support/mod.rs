//! The support bundle: what the maker needs to see of a box, without patients and without secrets.
//!
//! ```text
//!  version, models, board, os-release ---+
//!  settings --URLs cut to their host-----+--UIDs masked--> FILE.tar.gz
//!  status, self-test --------------------+
//!  systemctl, journalctl, df, .. --------+
//! ```
//! Logs and status hold no patient data by design ([`crate::phi::Phi`]), and secrets stand in files that settings only name.

mod tools;
mod uids;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use tar::{Builder, Header};
use toml::Table;

use self::tools::{TOOLS, ask};
use self::uids::masked;
use super::redact::redacted;
use crate::error::{Dispose, Disposition};
use crate::limits::SUPPORT_FILE_BYTES_MAX;

/// The folder of all files in the bundle.
const FOLDER: &str = "parotidd-support";

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum SupportError {
    /// It cannot be written.
    #[error("could not write `{path}`; name a file that is not there yet, on a disk with room")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings are no text.
    #[error("could not write the settings as TOML")]
    Settings(#[from] toml::ser::Error),
}

impl Dispose for SupportError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Write { .. } => Disposition::Retry,
            Self::Settings(_) => Disposition::Fatal,
        }
    }
}

/// What only the program itself knows.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Version, models, board.
    pub about: String,
    /// The settings in force.
    pub settings: &'a Table,
    /// The status, JSON, or why there is none.
    pub status: String,
    /// Results of self-tests, where there are any.
    pub self_tests: &'a [PathBuf],
    /// Now, milliseconds since 1970 UTC.
    pub now_unix_ms: i64,
}

/// Writes the bundle into a new file that its owner alone can read; says how many files it holds.
///
/// # Errors
/// When it cannot be written; then nothing of it stays.
pub fn write(path: &Path, facts: &Facts<'_>) -> Result<usize, SupportError> {
    let settings = toml::to_string_pretty(&redacted(facts.settings))?;
    let failed = |source| SupportError::Write { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(failed)?;
    let written = write_all(file, facts, settings);
    if written.is_err() {
        // Why it was not written says more.
        let _ = fs::remove_file(path);
    }
    written.map_err(failed)
}

fn write_all(file: File, facts: &Facts<'_>, settings: String) -> io::Result<usize> {
    let mut bundle = Bundle::new(file, facts.now_unix_ms)?;
    bundle.add("about.txt", facts.about.as_bytes())?;
    bundle.add("settings.toml", settings.as_bytes())?;
    bundle.add("status.json", facts.status.as_bytes())?;
    bundle.add_file("os-release.txt", Path::new("/etc/os-release"))?;
    for path in facts.self_tests {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        bundle.add_file(&format!("self-test-{name}"), path)?;
    }
    for (name, words) in TOOLS {
        bundle.add(name, &ask(words))?;
    }
    bundle.finish()
}

struct Bundle {
    archive: Builder<GzEncoder<BufWriter<File>>>,
    salt: [u8; 16],
    seconds: u64,
    n_files: usize,
}

impl Bundle {
    fn new(file: File, now_unix_ms: i64) -> io::Result<Self> {
        let mut salt = [0; 16];
        OsRng.try_fill_bytes(&mut salt).map_err(io::Error::other)?;
        let gzip = GzEncoder::new(BufWriter::new(file), Compression::default());
        let seconds = u64::try_from(now_unix_ms / 1000).unwrap_or(0);
        Ok(Self { archive: Builder::new(gzip), salt, seconds, n_files: 0 })
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let text = masked(&String::from_utf8_lossy(bytes), &self.salt);
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(self.seconds);
        self.n_files += 1;
        self.archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())
    }

    /// A file that there may be.
    fn add_file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let Ok(file) = File::open(path) else { return Ok(()) };
        let mut bytes = Vec::new();
        file.take(SUPPORT_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        self.add(name, &bytes)
    }

    fn finish(self) -> io::Result<usize> {
        let mut file = self.archive.into_inner()?.finish()?;
        file.flush()?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(self.n_files)
    }
}
