//! `parotidd support-bundle`: what the maker needs to see of an appliance.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use toml::Table;

use super::networks;
use super::status;
use crate::appliance::support::{self, Facts};
use crate::clock::{Clock as _, SystemClock, rfc3339};
use crate::config::Config;

/// Write one file for the maker: versions, settings, logs, units, disk; no patients, no secrets
///
/// Settings are the effective ones: secrets stand in files of their own, which are not read, and of URLs only the host is shown.
/// UIDs are replaced by words that are the same within the bundle. The journal is this service's of the last seven days.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct SupportBundleArgs {
    /// File to write; not there yet
    #[arg(long, value_name = "FILE.tar.gz")]
    out: PathBuf,
    /// Settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad or the file cannot be written.
pub fn run(args: &SupportBundleArgs) -> Result<()> {
    let config = networks::load(args.config.as_deref())?;
    let done = bundle(&config, &args.out)?;
    writeln!(io::stdout().lock(), "{done}").context("could not write to standard output")
}

/// Writes it; says in a sentence what it is. What cannot be known is said in it: a broken box is what it is for.
pub(super) fn bundle(config: &Config, out: &Path) -> Result<String> {
    let now_unix_ms = SystemClock::new().unix_ms();
    let settings = Table::try_from(config).context("could not write the settings as TOML")?;
    let status = status::json(config.clone()).unwrap_or_else(|error| format!("{error:#}\n"));
    let facts = Facts {
        about: about(config, now_unix_ms),
        settings: &settings,
        status,
        self_tests: &config.upkeep.self_tests,
        now_unix_ms,
    };
    let n_files = support::write(out, &facts)?;
    Ok(format!("{n_files} files, without patients and secrets"))
}

fn about(config: &Config, now_unix_ms: i64) -> String {
    let board = config.board().map_or_else(|error| error.to_string(), |board| board.name);
    let models = match networks::in_use(&mut config.clone()) {
        Err(error) => format!("models {error:#}\n"),
        Ok(screener) => {
            let models = screener.identities();
            let mut text = String::new();
            for it in [&models.localizer, &models.segmenter] {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{} {} sha256 {}", it.name, it.version, it.sha256);
            }
            let _ = writeln!(text, "decision {}", models.decision.version);
            text
        }
    };
    format!(
        "parotidd {}\nat {}\nboard {board}\narchitecture {}\n{models}",
        env!("CARGO_PKG_VERSION"),
        rfc3339(now_unix_ms),
        std::env::consts::ARCH
    )
}
