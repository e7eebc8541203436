//! `parotidd backup` and `parotidd restore`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::{database, person};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::lock_data_dir;
use crate::keeping::backup::{Restored, Sources, restore as restore_backup};

/// Copy database, results, keys and settings into a new folder
///
/// Beside a running daemon, which goes on receiving. The folder is parotidd-<time>; it has its name once all of it is on the
/// disk, and the newest of them stay, as many as [backup] says. Received images are not copied: the archive has them.
/// The copy holds results about patients, keys and secrets as they are: an encrypted medium is for the site to provide.
///
/// Where the folder is not there, or no medium is mounted where [backup] wants another disk, it says so and ends with 0.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct BackupArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder to write to, which must be there; that of [backup] where it is left out
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Put a backup in the place of the data that is there
///
/// The daemon must be stopped. The backup is checked whole before anything is changed; what was there before stays in
/// data_dir/replaced-<time>, and received images stay where they are. Settings are not touched: those of the backup are in
/// its folder settings/. Messages that were sent after the backup are sent again, under the same keys.
///
/// Prints what was restored, and the series that have to be sent again to get an answer.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RestoreArgs {
    /// The backup, parotidd-<time>, or a folder of them: then the newest
    folder: PathBuf,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs `parotidd backup`.
///
/// # Errors
/// When the settings are bad, or something cannot be read or written.
pub fn back_up(args: &BackupArgs) -> Result<()> {
    let config = Config::load(Some(&args.config))?;
    let folder = args.out.as_ref().or(config.backup.folder.as_ref());
    let folder = folder.context("name a folder with `--out`, or set `backup.folder`")?;
    if let Some(why) = config.backup.why_not(folder, &config.data_dir) {
        eprintln!("no backup to `{}`: {why}", folder.display());
        return Ok(());
    }
    let written =
        sources(&config, &args.config)?.back_up(folder, config.backup.keep, &SystemClock::new())?;
    let text = format!(
        "{}: {} files, {} bytes; {} earlier ones removed\n",
        written.path.display(),
        written.n_files,
        written.bytes,
        written.n_removed
    );
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// What a box with these settings, which lie at `path`, cannot make again.
pub(super) fn sources(config: &Config, path: &Path) -> Result<Sources> {
    database(config)?;
    let mut settings = vec![path.canonicalize().context("could not find the settings' file")?];
    settings.extend(config.named_files());
    Ok(Sources { data_dir: config.data_dir.clone(), settings })
}

/// Runs `parotidd restore`.
///
/// # Errors
/// When a daemon works there, the backup cannot be used, or the data folder cannot be written.
pub fn restore(args: &RestoreArgs) -> Result<()> {
    let config = Config::load(Some(&args.config))?;
    let _lock = lock_data_dir(&config.data_dir)?;
    let restored = restore_backup(&args.folder, &config.data_dir, &person(), &SystemClock::new())?;
    let text = said(&restored);
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

fn said(restored: &Restored) -> String {
    let Restored { backup, made_at, software_version, n_files, .. } = restored;
    let mut out = format!(
        "restored {} of {made_at}, by parotidd {software_version}: {n_files} files\n",
        backup.display()
    );
    // Writing to a String cannot fail.
    if let Some(replaced) = &restored.replaced {
        let _ = writeln!(out, "what was there before: {}", replaced.display());
    }
    let _ = writeln!(out, "{} series have their answer, and no images here", restored.n_answered);
    for series in &restored.unanswered {
        let _ = writeln!(out, "send again, it has no answer: {series}");
    }
    out
}
