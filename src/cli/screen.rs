//! `parotidd screen`: screens the CT series in files and folders, without the daemon.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::networks::screener;
use super::{EXIT_NO_USABLE_INPUT, progress, screen_files};
use crate::clock::SystemClock;
use crate::dicom::ct_image::CtImage;
use crate::dicom::result_objects::Source;
use crate::dicom::uid::SeriesInstanceUid;
use crate::intake::scan::{Found, scan};
use crate::screening::ScreeningReport;
use crate::status::Stage;
use crate::worker::series::{Analysis, SeriesIdentity};

/// Screen the CT series in files or folders, without the daemon
///
/// Prints one report a series: the decision (flagged, not flagged, or not assessable with its reason),
/// each gland, and each mass with volume, longest diameter and place. Files that are no CT image are
/// named on stderr with their reason. Ends with 65 when there was nothing that could be screened.
/// Not for diagnostic use.
///
/// With --out, DIR/<SeriesInstanceUID>/ gets report.json and, without patient data, key-right.png and
/// key-left.png, a picture of each gland that was found. Beside them are DICOM objects with the patient and study of
/// their source: seg.dcm (masses, and where glands were found), sr.dcm (measurements, TID 1500), key-right.dcm
/// and key-left.dcm (the pictures), gsps.dcm (the outlines over the images) and report.dcm (one page, PDF).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ScreenArgs {
    /// DICOM files, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Also write report, pictures and DICOM objects, in DIR/<SeriesInstanceUID>/
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Folder with the two networks and decision.toml, in place of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// Runs the command.
///
/// # Errors
/// When a network or an output fails. Input that cannot be screened is a result.
pub fn run(args: &ScreenArgs) -> Result<ExitCode> {
    let Found { series, unusable } = scan(&args.paths);
    for file in &unusable {
        eprintln!("{}: {} ({})", file.path.display(), file.reason, file.detail);
    }
    let screener = screener(args.models.as_deref(), None)?;
    let clock = SystemClock::new();
    let mut n_usable = 0;
    for (uid, images) in series {
        let spinner = progress::spinner(images.len());
        let on_stage = |stage: Stage| spinner.set_message(stage_text(stage));
        let analysis =
            Analysis { screener: &screener, clock: &clock, on_stage: &on_stage, ahead: None };
        let source = args.out.as_ref().map(|_| Source::of_images(&images)).transpose()?.flatten();
        let analysed = analysis.analyse(&series_identity(&uid, &images), images, &[])?;
        let report = &analysed.report;
        spinner.finish_and_clear();
        match report.reason {
            Some(reason) if reason.is_about_input() => eprintln!("series {uid}: {reason}"),
            _ => n_usable += 1,
        }
        print(report, args.format)?;
        if let Some(out) = &args.out {
            screen_files::write(&out.join(uid.as_str()), &analysed, source.as_ref())?;
        }
    }
    if n_usable == 0 {
        eprintln!("parotidd: nothing that could be screened");
        return Ok(ExitCode::from(EXIT_NO_USABLE_INPUT));
    }
    Ok(ExitCode::SUCCESS)
}

/// Which series images are of.
pub(super) fn series_identity(uid: &SeriesInstanceUid, images: &[CtImage]) -> SeriesIdentity {
    let first = &images.first().expect("a series was found by its images").instance;
    SeriesIdentity {
        study: first.study_instance_uid.clone(),
        series: uid.clone(),
        accession_number: first.accession_number.clone(),
    }
}

fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Loading => "reading slices",
        Stage::Resampling | Stage::Localizing => "looking for the glands",
        Stage::Segmenting => "outlining",
        Stage::Deciding => "measuring",
    }
}

fn print(report: &ScreeningReport, format: Format) -> Result<()> {
    let text = match format {
        Format::Json => serde_json::to_string(report)? + "\n",
        Format::Text => text(report),
    };
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// A report as people read it.
pub(super) fn text(report: &ScreeningReport) -> String {
    use std::fmt::Write as _;
    let mut out = format!("series {}\n", report.series_instance_uid);
    // Writing to a String cannot fail.
    let _ = write!(out, "  {}", report.decision.as_str().replace('_', " ").to_uppercase());
    if let Some(reason) = report.reason {
        let _ = write!(out, ": {}", reason.sentence());
    }
    let _ = writeln!(out, "   score {:.2}", report.score);
    for warning in &report.warnings {
        let _ = writeln!(out, "  {}", warning.sentence());
    }
    for gland in &report.glands {
        let why = gland.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        let decision = gland.decision.as_str().replace('_', " ");
        let side = gland.side.as_str();
        let _ = writeln!(out, "  {side:5} gland: {decision}{why}, score {:.2}", gland.score);
    }
    for candidate in report.candidates.iter().filter(|candidate| candidate.kept) {
        let _ = writeln!(
            out,
            "  {} mass: {:.2} cm3, longest diameter {:.0} mm, {:.0} HU",
            candidate.side,
            candidate.volume_cm3.0,
            candidate.longest_diameter_mm.0,
            candidate.mean_hu
        );
    }
    let models = &report.models;
    let _ = writeln!(
        out,
        "  {} {}, {} {}, parotidd {}: {}",
        models.localizer.name,
        models.localizer.version,
        models.segmenter.name,
        models.segmenter.version,
        report.software_version,
        report.notice
    );
    out
}
