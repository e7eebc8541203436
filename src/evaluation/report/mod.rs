//! An evaluation as files.
//!
//! ```text
//!  <folder>/figures.json              every figure, curve and point
//!  <folder>/figures.md                the same for people, with the plots
//!  <folder>/plots/<cohort>-<plot>.svg
//! ```

mod cohort;
mod markdown;
mod screening;
mod study;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::figures::{CohortFigures, Evaluation};
use super::outcome::CohortKind;
use super::plots::{Plot, PlotError};
use crate::error::{Dispose, Disposition};

/// Name of the JSON.
pub const JSON: &str = "figures.json";
/// Name of the report for people.
pub const MARKDOWN: &str = "figures.md";
/// Folder of the plots.
pub const PLOTS: &str = "plots";

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The disk refuses.
    #[error("could not write `{path}`")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The figures don't become JSON.
    #[error("could not write the figures as JSON")]
    Json(#[source] serde_json::Error),
    /// A plot can't be drawn.
    #[error("could not draw for cohort `{cohort}`")]
    Draw {
        /// The cohort.
        cohort: String,
        /// Why.
        source: PlotError,
    },
}

impl Dispose for ReportError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Write { .. } => Disposition::Retry,
            Self::Json(_) => Disposition::Fatal,
            Self::Draw { source, .. } => source.disposition(),
        }
    }
}

/// A plot of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlotFile {
    /// Index of its cohort.
    cohort: usize,
    plot: Plot,
    /// Relative to the report's folder.
    path: String,
}

/// Writes the figures of an evaluation into `folder`, which is created; gives the paths written.
///
/// # Errors
/// When the disk refuses.
pub fn write_report(folder: &Path, evaluation: &Evaluation) -> Result<Vec<PathBuf>, ReportError> {
    let plots = folder.join(PLOTS);
    fs::create_dir_all(&plots).map_err(|source| ReportError::Write { path: plots, source })?;
    let mut written = Vec::new();
    let mut write = |name: &str, text: &str| {
        let path = folder.join(name);
        let result = fs::write(&path, text);
        written.push(path.clone());
        result.map_err(|source| ReportError::Write { path, source })
    };
    let mut json = serde_json::to_string_pretty(evaluation).map_err(ReportError::Json)?;
    json.push('\n');
    write(JSON, &json)?;

    let mut files = Vec::new();
    for (index, figures) in evaluation.cohorts.iter().enumerate() {
        for plot in Plot::ALL {
            let drawn = plot
                .draw(figures, &evaluation.versions)
                .map_err(|source| ReportError::Draw { cohort: figures.name.clone(), source })?;
            if let Some(svg) = drawn {
                let path = format!("{PLOTS}/{}-{}.svg", slug(figures, index), plot.as_str());
                write(&path, &svg)?;
                files.push(PlotFile { cohort: index, plot, path });
            }
        }
    }
    write(MARKDOWN, &markdown::markdown(evaluation, &files))?;
    Ok(written)
}

/// The report as text alone, without plots.
#[must_use]
pub fn to_markdown(evaluation: &Evaluation) -> String {
    markdown::markdown(evaluation, &[])
}

/// The cohort as part of a file's name; the index keeps two of one name apart.
fn slug(figures: &CohortFigures, index: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = figures.name.chars().map(plain).take(40).collect();
    let kind = match figures.kind {
        CohortKind::Phantom => "phantom",
        CohortKind::DrawnIntoReal => "drawn-into-real",
        CohortKind::Real => "real",
        CohortKind::NoGland => "no-gland",
    };
    let name: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    format!("{}-{}-{kind}", index + 1, name.join("-"))
}
