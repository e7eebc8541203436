//! The cases of a labelled cohort, whatever its layout, each read when its turn comes.

use std::path::Path;
use std::sync::Arc;

use super::case::LabelledCase;
use super::cohort::{Cohort, CohortError, CohortRow, Split};
use super::openkbp::{self, OpenKbpEntry, OpenKbpError};
use super::outcome::CohortKind;
use crate::error::{Dispose, Disposition};

/// A cohort, or a case of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A folder with a table, series and outlines.
    #[error("could not read the cohort")]
    Cohort(#[from] CohortError),
    /// A folder of OpenKBP planning CTs.
    #[error("could not read the planning CTs")]
    OpenKbp(#[from] OpenKbpError),
}

impl Dispose for SourceError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Cohort(source) => source.disposition(),
            Self::OpenKbp(source) => source.disposition(),
        }
    }
}

/// A case not yet read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Unique in its cohort.
    pub case: String,
    /// Cases of one patient never cross splits.
    pub patient: String,
    /// `train`, `validation` or `test`.
    pub split: String,
    /// Imaging centre; empty where unknown.
    pub site: String,
    /// `neck`, `head`; empty where unknown.
    pub protocol: String,
    /// Right, then left: whether a mass may be there that nobody outlined.
    pub unmasked: [bool; 2],
    /// What kind of cohort it is of. OpenKBP's cases have no masses of their own.
    pub kind: CohortKind,
    entry: Entry,
}

#[derive(Debug, Clone)]
enum Entry {
    Cohort(Arc<Cohort>, Box<CohortRow>),
    OpenKbp(OpenKbpEntry),
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// When its files are not what the cohort says.
    pub fn read(&self) -> Result<LabelledCase, SourceError> {
        match &self.entry {
            Entry::Cohort(cohort, row) => Ok(cohort.load(row)?.into()),
            Entry::OpenKbp(entry) => Ok(entry.read()?.into()),
        }
    }

    /// Whether it is a real CT with outlined glands and no masses.
    #[must_use]
    pub fn is_openkbp(&self) -> bool {
        matches!(self.entry, Entry::OpenKbp(_))
    }

    /// One word for where it comes from: `openkbp`, `phantom`, `body`, or `cohort` for anyone's own.
    #[must_use]
    pub fn origin(&self) -> &'static str {
        match (self.is_openkbp(), self.kind) {
            (true, _) => "openkbp",
            (_, CohortKind::Phantom) => "phantom",
            (_, CohortKind::NoGland) => "body",
            _ => "cohort",
        }
    }
}

/// All cases of a folder, in its table's order: OpenKBP planning CTs, or a labelled cohort.
///
/// # Errors
/// When the table cannot be read.
pub fn sources(folder: &Path) -> Result<Vec<Source>, SourceError> {
    if openkbp::is_openkbp(folder) {
        return Ok(openkbp::read_index(folder)?.into_iter().map(of_openkbp).collect());
    }
    let cohort = Arc::new(Cohort::open(folder)?);
    Ok(cohort.rows().iter().map(|row| of_row(&cohort, row)).collect())
}

fn of_openkbp(entry: OpenKbpEntry) -> Source {
    Source {
        case: entry.patient.clone(),
        patient: entry.patient.clone(),
        split: entry.split.clone(),
        site: String::new(),
        protocol: String::new(),
        unmasked: [false; 2],
        kind: CohortKind::DrawnIntoReal,
        entry: Entry::OpenKbp(entry),
    }
}

fn of_row(cohort: &Arc<Cohort>, row: &CohortRow) -> Source {
    Source {
        case: row.case.clone(),
        patient: row.patient.clone(),
        split: split_of(row).into(),
        site: row.site.clone(),
        protocol: row.protocol.clone(),
        unmasked: row.unmasked,
        kind: match (row.body.is_empty(), row.seed) {
            (false, _) => CohortKind::NoGland,
            (true, Some(_)) => CohortKind::Phantom,
            (true, None) => CohortKind::Real,
        },
        entry: Entry::Cohort(Arc::clone(cohort), Box::new(row.clone())),
    }
}

/// What the table says; one phantom in ten is kept out of training all the same, to see whether a run
/// goes well.
fn split_of(row: &CohortRow) -> &'static str {
    let is_tenth = row.seed.is_some_and(|seed| seed % 10 == 9);
    if is_tenth && row.split == Split::Train {
        Split::Validation.as_str()
    } else {
        row.split.as_str()
    }
}
