//! `parotidd export`: a de-identified cohort of what this appliance has screened.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use jiff::civil::Date;

use super::networks;
use super::{
    EXIT_NO_USABLE_INPUT, database, person, prepare_folder, progress, start_of_day, write_down,
};
use crate::clock::SystemClock;
use crate::db::audit::AuditKind;
use crate::db::cases::CaseReader;
use crate::db::results::ResultId;
use crate::dicom::uid::SeriesInstanceUid;
use crate::error::{Chain, Dispose, Disposition};
use crate::evaluation::cohort::TABLE;
use crate::export::{ExportKey, ExportedCase, Exporter, NotExported, table};
use crate::intake::spool::SpoolOptions;
use crate::keeping::InUse;

/// Export screened series without their patients, as a cohort to learn from and to measure on
///
/// Writes DIR/cohort.csv and, for each series, DIR/<case>/ with its CT images and truth.dcm (glands and masses), as
/// `parotidd prepare` and `parotidd evaluate` read them. Images and outlines are de-identified by the Basic Profile
/// of DICOM PS3.15 annex E: dates, names, descriptions, institutions, devices and private attributes go, and every
/// UID becomes another. Patients and cases get pseudonyms, the same in every export of this appliance, from a
/// secret that is made at first use and stays in data_dir/export.key. Pixels are copied as they are: a face can be
/// drawn from a CT of a head, and what to do about that is for whoever hands the cohort on.
///
/// What a person said about an answer is the truth; series that nobody judged are left out unless --unreviewed takes
/// the networks' own answer for it. Reads the spool and the database in data_dir, beside a running daemon too; all that it
/// writes there is a line in the audit trail. Series without seg.dcm are screened again for their outlines.
///
/// Prints a line for each series that was exported, by its pseudonym, or left out, by its Series Instance UID. Ends
/// with 65 when there was nothing to export. See docs/export.md. Not for diagnostic use.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ExportArgs {
    /// Folder to write to; new, or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only what was screened on this day or later, such as 2026-03-01, by this machine's time
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Only these series, by Series Instance UID
    #[arg(long, value_name = "UID", num_args = 1..)]
    series: Vec<SeriesInstanceUid>,
    /// Also what nobody judged, with the networks' own answer for the truth
    #[arg(long)]
    unreviewed: bool,
    /// Keep dates, those of each patient shifted by the same secret number of days, up to ten years
    #[arg(long)]
    modified_dates: bool,
}

/// Runs the command.
///
/// # Errors
/// When the database cannot be read, the key cannot be had, or the folder cannot be written.
pub fn run(args: &ExportArgs) -> Result<ExitCode> {
    let mut config = networks::load(args.config.as_deref())?;
    let path = database(&config)?;
    // Nothing that was listed may be gone when its turn comes.
    let _in_use = InUse::read(&config.data_dir)?;
    let reader = CaseReader::open(&path)?;
    let since = args.since.map(start_of_day).transpose()?;
    let chosen = reader.list(since, &args.series)?;
    let made_out = prepare_folder(&args.out)?;
    let exported = if chosen.is_empty() {
        Vec::new()
    } else {
        let screener = networks::in_use(&mut config)?;
        let scratch = Scratch::new(&config.data_dir)?;
        let exporter = Exporter {
            spool: SpoolOptions::of(&config.data_dir, 0).folder,
            results: config.results(),
            scratch: scratch.0.clone(),
            out: args.out.clone(),
            key: ExportKey::open(&config.data_dir)?,
            with_modified_dates: args.modified_dates,
            with_unreviewed: args.unreviewed,
            screener: &screener,
            clock: &SystemClock::new(),
        };
        export_all(&exporter, &reader, &chosen)?
    };
    if exported.is_empty() {
        eprintln!("parotidd: nothing to export");
        if made_out {
            fs::remove_dir(&args.out)
                .with_context(|| format!("could not remove `{}`", args.out.display()))?;
        }
        return Ok(ExitCode::from(EXIT_NO_USABLE_INPUT));
    }
    let path = args.out.join(TABLE);
    fs::write(&path, table(&exported))
        .with_context(|| format!("could not write `{}`", path.display()))?;
    let detail = format!("{} de-identified cases", exported.len());
    write_down(&config, person(), AuditKind::Exported, detail)
        .context("the cases were exported, and the audit trail does not say so")?;
    Ok(ExitCode::SUCCESS)
}

/// Each in its turn, with a line about it; says which were exported.
fn export_all(
    exporter: &Exporter,
    reader: &CaseReader,
    chosen: &[ResultId],
) -> Result<Vec<ExportedCase>> {
    let bar = progress::bar("series", chosen.len());
    let mut exported = Vec::new();
    for id in chosen {
        let Some(case) = reader.read(*id)? else { continue };
        match exporter.export(&case) {
            Ok(done) => {
                bar.suspend(|| print(&exported_line(&done)))?;
                exported.push(done);
            }
            // The folder is in the way, not the series.
            Err(error) if error.disposition() != Disposition::Reject => {
                return Err(error)
                    .with_context(|| format!("could not export series {}", case.series));
            }
            Err(error) => bar.suspend(|| print(&left_out_line(&case.series, &error)))?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(exported)
}

/// Never both names of a series on one line: that would undo what the export did.
fn exported_line(case: &ExportedCase) -> String {
    let outlines = if case.is_screened_again { ", screened again for its outlines" } else { "" };
    let label = case.truth.label.as_str();
    format!("exported {}: {label}, {} images{outlines}\n", case.name, case.n_images)
}

fn left_out_line(series: &SeriesInstanceUid, why: &NotExported) -> String {
    format!("left out {series}: {}\n", Chain(why))
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// A folder for what still has the patient in it, beside the spool that has it too; removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join(format!("export.{}", std::process::id()));
        fs::create_dir(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("parotidd: could not remove `{}`: {error}", self.0.display());
        }
    }
}
