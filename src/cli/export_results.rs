//! `parotidd export-results`: results with their patients, signed, for a medium of a person's.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::civil::Date;

use super::{
    EXIT_NO_USABLE_INPUT, database, person, prepare_folder, progress, start_of_day, write_down,
};
use crate::appliance::results::ResultsExport;
use crate::appliance::results::signer::Signer;
use crate::config::Config;
use crate::db::audit::{self, AuditKind};
use crate::db::beside;
use crate::db::cases::CaseReader;
use crate::intake::spool::SpoolOptions;

/// Write results with their patients to a medium, signed by this appliance
///
/// For a site without a network: the newest answer of each series, with report, DICOM objects and page where they are kept, a
/// table, the audit trail, checksums and a signature that OpenSSL checks (VERIFY.txt says how). It names patients: give it only
/// to those who look after them. `parotidd export` is the one without patients. Changes nothing; the daemon may be running.
/// Ends with 65 when there is no result.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ExportResultsArgs {
    /// Folder to write to, on a person's medium; new, or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only what was screened on this day or later, such as 2026-03-01, by this machine's time
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
}

/// Runs the command.
///
/// # Errors
/// When the database cannot be read, the key cannot be had, or the folder cannot be written.
pub fn run(args: &ExportResultsArgs) -> Result<ExitCode> {
    let config = Config::load(args.config.as_deref())?;
    let since = args.since.map(start_of_day).transpose()?;
    let Some(done) = export(&config, since, &args.out)? else {
        eprintln!("parotidd: no result to export");
        return Ok(ExitCode::from(EXIT_NO_USABLE_INPUT));
    };
    writeln!(io::stdout().lock(), "{done}").context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes what there is since a time; says in a sentence what it was. `None` where there is nothing.
pub(super) fn export(config: &Config, since: Option<i64>, out: &Path) -> Result<Option<String>> {
    let path = database(config)?;
    refuse_our_own(&config.data_dir, out)?;
    let reader = CaseReader::open(&path)?;
    let chosen = reader.list(since, &[])?;
    if chosen.is_empty() {
        return Ok(None);
    }
    let signer = Signer::open(&config.data_dir)?;
    prepare_folder(out)?;
    let spool = SpoolOptions::of(&config.data_dir, 0).folder;
    let results = config.results();
    let mut export = ResultsExport::new(&spool, &results, out)?;
    let bar = progress::bar("results", chosen.len());
    for id in chosen {
        if let Some(case) = reader.read(id)? {
            export.add(&case)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let events = beside::run(&path, audit::since(since.unwrap_or(i64::MIN)))?;
    let n_results = export.finish(&events, &signer)?;
    let detail = format!("{n_results} results with their patients");
    write_down(config, person(), AuditKind::ResultsExported, detail)
        .context("the results were exported, and the audit trail does not say so")?;
    let fingerprint = signer.fingerprint();
    Ok(Some(format!("{n_results} results, signed; SHA-256 of the key: {fingerprint}")))
}

/// A copy within the box protects nobody, and fills the disk.
fn refuse_our_own(data_dir: &Path, out: &Path) -> Result<()> {
    let parent = out.ancestors().find_map(|it| fs::canonicalize(it).ok());
    if let (Ok(ours), Some(parent)) = (fs::canonicalize(data_dir), parent)
        && parent.starts_with(ours)
    {
        bail!("`{}` is in the appliance's own data folder; name one on a medium", out.display());
    }
    Ok(())
}
