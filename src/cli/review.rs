//! `parotidd review`: what was flagged and is not in the radiologist's report, and the other way round.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::database;
use super::screen::Format;
use crate::clock::rfc3339;
use crate::config::Config;
use crate::db::beside;
use crate::db::radiology::{self, ReportedStudy};
use crate::review::discrepancy::{Discrepancy, discrepancies};
use crate::units::Side;

/// Version of the JSON.
const SCHEMA: &str = "parotidd.review/1";

/// List where the answer and the radiologist's report do not agree
///
/// Two lists of studies with a signed report: flagged and not in the report, in the report and not flagged. What a person
/// has judged (`parotidd feedback`, or the page behind an alert's link) is left out. Reports come over HL7 ([reports] in the
/// settings). Rules read them, not people: about one in ten sentences is read wrongly. With --sentences the output quotes
/// the reports. Not for diagnostic use.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ReviewArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also what a person has judged
    #[arg(long)]
    all: bool,
    /// Quote the sentences of the report that mention a mass: they are about a patient
    #[arg(long)]
    sentences: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: &'static str,
    list: &'static str,
    sides: &'a [Side],
    study_instance_uid: &'a str,
    series_instance_uid: &'a str,
    accession_number: &'a str,
    decision: &'static str,
    report_received_at: String,
    is_judged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentences: Option<Vec<&'a str>>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, or there is no database that can be read.
pub fn run(args: &ReviewArgs) -> Result<()> {
    let path = database(&Config::load(args.config.as_deref())?)?;
    let studies = beside::run(&path, radiology::signed())?;
    let mut out = String::new();
    for study in &studies {
        for found in discrepancies(study) {
            if found.series.is_judged && !args.all {
                continue;
            }
            let line = line(study, &found, args.sentences);
            // Writing to a String cannot fail.
            let _ = match args.format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&line)?),
                Format::Text => writeln!(out, "{}", text(&line)),
            };
        }
    }
    if out.is_empty() && args.format == Format::Text {
        let _ = writeln!(out, "nothing to review; {} studies have a signed report", studies.len());
    }
    io::stdout().write_all(out.as_bytes()).context("could not write to standard output")
}

fn line<'a>(study: &'a ReportedStudy, found: &'a Discrepancy<'_>, quote: bool) -> Line<'a> {
    let sentences = || study.sentences.iter().map(|it| it.expose().as_str()).collect();
    Line {
        schema: SCHEMA,
        list: found.list.code(),
        sides: &found.sides,
        study_instance_uid: &study.study,
        series_instance_uid: &found.series.series,
        accession_number: study.accession_number.expose(),
        decision: found.series.decision.as_str(),
        report_received_at: rfc3339(study.received_unix_ms),
        is_judged: found.series.is_judged,
        sentences: quote.then(sentences),
    }
}

fn text(line: &Line<'_>) -> String {
    let sides: Vec<_> = line.sides.iter().map(ToString::to_string).collect();
    let sides = if sides.is_empty() { "side not given".to_owned() } else { sides.join(" and ") };
    let judged = if line.is_judged { ", judged" } else { "" };
    let mut text = format!(
        "{}: {sides}; answer {}, report of {}{judged}, accession number {:?}, series {}",
        line.list.replace('_', " "),
        line.decision.replace('_', " "),
        line.report_received_at,
        line.accession_number,
        line.series_instance_uid
    );
    for sentence in line.sentences.iter().flatten() {
        let _ = write!(text, "\n    \"{sentence}\"");
    }
    text
}
