//! `parotidd read-report`: what the rules find in a radiologist's report, for whoever checks them on reports of a site.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::limits::REPORT_TEXT_BYTES_MAX;
use crate::report_text::{MentionedSide, ReportReader};

/// Say whether reports in English mention a parotid mass
///
/// Reads text files, or standard input for `-`, and prints one JSON object a line, one a report, with each sentence that
/// mentions a mass in a parotid gland and its side. History, technique and comparison are left out. Not for
/// diagnostic use. The output quotes the reports.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ReadReportArgs {
    /// Reports, one a file
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    mentions: Vec<Quote<'a>>,
}

#[derive(Serialize)]
struct Quote<'a> {
    side: MentionedSide,
    sentence: &'a str,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or is too long.
pub fn run(args: &ReadReportArgs) -> Result<()> {
    let reader = ReportReader::english();
    for file in &args.files {
        let text = read(file).with_context(|| format!("could not read `{}`", file.display()))?;
        let mentions = reader.read(&text);
        let quote = |side, sentence| Quote { side, sentence };
        let mentions = mentions.iter().map(|it| quote(it.side, it.sentence.expose())).collect();
        let line = serde_json::to_string(&Line { file, mentions })? + "\n";
        io::stdout().write_all(line.as_bytes()).context("could not write to standard output")?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut bytes = Vec::new();
    source.take(REPORT_TEXT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= REPORT_TEXT_BYTES_MAX,
        "longer than {REPORT_TEXT_BYTES_MAX} bytes"
    );
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
