//! `parotidd check-config`: reads settings and the files they name, and prints what they mean.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Check settings without starting anything, and print all of them with their defaults
///
/// Opens the certificates, keys and the token they name, too: run it as the service's user. Ends with 64 when they
/// cannot be used, and says what to change. The output may hold secrets in URLs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CheckConfigArgs {
    /// Settings (TOML)
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the settings cannot be used.
pub fn run(args: &CheckConfigArgs) -> Result<()> {
    let config = Config::load(Some(&args.file))?;
    config.dicom.load_tls(SystemClock::new().unix_ms())?;
    config.stow.load_token()?;
    let text = toml::to_string_pretty(&config).context("could not write the settings as TOML")?;
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}
