//! `parotidd retention`: what goes, and why.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;

use super::database;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::daemon::lock_data_dir;
use crate::db::{beside, open, retention};
use crate::disk;
use crate::intake::spool::{Spool, SpoolOptions};
use crate::keeping::plan::{Plan, plan, results_before};
use crate::keeping::{Remover, held_by};

/// Remove images and results that were kept as long as [retention] says
///
/// The daemon does this by itself every hour, and sooner when the disk is short of room; without --dry-run this command is
/// for a box whose daemon is stopped. Images go when their series is screened, every destination has its message and nobody's
/// acknowledgement is awaited; whatever else the room is needed for, those that are not stay. The audit trail stays.
///
/// Prints a line for each series that goes, with the reason, and for each that would and is held, with what holds it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RetentionArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only say what would go; the daemon may be running
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, the database cannot be read, or, without `--dry-run`, the daemon is running.
pub fn run(args: &RetentionArgs) -> Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let path = database(&config)?;
    let clock = SystemClock::new();
    // Taken first: what is printed is what goes.
    let lock = (!args.dry_run).then(|| lock_data_dir(&config.data_dir)).transpose()?;
    let now = clock.unix_ms();
    let room = disk::room(&config.data_dir).context("could not find out how much room there is")?;
    let kept = beside::run(&path, retention::kept())?;
    let planned = plan(kept, &config.retention, Some(room), now);
    let n_results = match results_before(&config.retention, now) {
        Some(before) => beside::run(&path, retention::old_results(before))?.len(),
        None => 0,
    };
    let text = lines(&planned, n_results);
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")?;
    if lock.is_none() {
        return Ok(());
    }
    let opened = open(&path)?;
    let (spool, _) = Spool::open(&SpoolOptions::of(&config.data_dir, 0))?;
    let remover = Remover {
        db: opened.db,
        spool: Arc::new(spool),
        clock: Arc::new(clock),
        results: config.results(),
        data_dir: config.data_dir,
        settings: config.retention,
    };
    remover
        .remove()?
        .context("an export or a backup reads the images; try again when it has ended")?;
    Ok(())
}

fn lines(planned: &Plan, n_results: usize) -> String {
    let mut out = String::new();
    for it in &planned.leaving {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "goes {}: {} images, {} bytes, {}",
            it.series, it.n_instances, it.bytes, it.why
        );
    }
    for it in &planned.held {
        let _ = writeln!(out, "stays {}", held_by(it));
    }
    if n_results > 0 {
        let _ = writeln!(out, "results of {n_results} series go");
    }
    if planned.short_bytes > 0 {
        let _ = writeln!(
            out,
            "{} bytes are still missing to the room that is set",
            planned.short_bytes
        );
    }
    if out.is_empty() {
        out.push_str("nothing goes\n");
    }
    out
}
