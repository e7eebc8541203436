//! Reads a labelled cohort: CT series with the true outlines beside them.
//!
//! ```text
//!  cohort/cohort.csv          one line a case; see `docs/cohorts.md`
//!  cohort/<case>/*.dcm        one CT series
//!  cohort/<case>/truth.dcm    SEG, RTSTRUCT or NIfTI: glands and masses
//! ```
//!
//! Without a table each folder is a case of which nothing more is known. One case is in memory at a
//! time.

mod table;
mod truth;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use self::table::{CohortRow, Split, TableError, Truth};
use self::truth::NotFound;
use super::labels::sides::{Outlines, WrongSide, sort_labels};
use super::labels::{LabelError, Target, read_labels};
use crate::dicom::ct_image::CtImageError;
use crate::dicom::ct_pixels::same_pixels;
use crate::error::{Dispose, Disposition};
use crate::imaging::{Mask, Volume};
use crate::intake::ct_volume::{Refusal, VolumePlan, assemble, load};
use crate::intake::scan::{Found, scan};
use crate::limits;
use crate::units::{Hounsfield, Side};

/// The table beside the cases.
pub const TABLE: &str = "cohort.csv";
/// The outlines of a case, where the table names no others.
pub const TRUTH: &str = "truth.dcm";

/// One case, loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortCase {
    /// What the table says.
    pub row: CohortRow,
    /// The images' series, for its UIDs.
    pub plan: VolumePlan,
    /// The CT.
    pub volume: Volume<Hounsfield>,
    /// Right gland, left gland, on the CT's grid; `None` where the truth has none.
    pub glands: [Option<Mask>; 2],
    /// Masses on the CT's grid, in the order of the truth. Empty ones are left out.
    pub masses: Vec<(Side, Mask)>,
}

/// A cohort's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    root: PathBuf,
    rows: Vec<CohortRow>,
}

/// A cohort, or a case of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CohortError {
    /// The folder or its table.
    #[error("could not read `{path}`")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table.
    #[error("could not read the table `{path}`")]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TableError,
    },
    /// Not one CT series.
    #[error("case `{case}` has {n_series} CT series; say which is meant in the column `series`")]
    Series {
        /// The case.
        case: String,
        /// How many.
        n_series: usize,
    },
    /// The series is no volume.
    #[error("case `{case}` is no volume")]
    Assemble {
        /// The case.
        case: String,
        /// Why.
        source: Refusal,
    },
    /// An image of it can't be decoded.
    #[error("could not load case `{case}`")]
    Load {
        /// The case.
        case: String,
        /// Why.
        source: CtImageError,
    },
    /// It has no outlines.
    #[error(
        "case `{case}` has no SEG, RTSTRUCT or NIfTI file beside its images; name its outlines in the \
         column `truth`, or `none` where it has no mass and nothing is outlined"
    )]
    NoTruth {
        /// The case.
        case: String,
    },
    /// It has several, and nobody says which counts.
    #[error(
        "case `{case}` has {n_files} files of outlines; say which are meant in the column `truth`"
    )]
    SeveralTruths {
        /// The case.
        case: String,
        /// How many.
        n_files: usize,
    },
    /// Its outlines.
    #[error("could not read the truth of case `{case}`")]
    Truth {
        /// The case.
        case: String,
        /// Why.
        source: LabelError,
    },
    /// Its outlines' sides.
    #[error("could not place the truth of case `{case}`")]
    Side {
        /// The case.
        case: String,
        /// Why.
        source: WrongSide,
    },
}

impl Dispose for CohortError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read { .. } => Disposition::Retry,
            Self::Load { source, .. } => source.disposition(),
            Self::Table { source, .. } => source.disposition(),
            Self::Truth { source, .. } => source.disposition(),
            Self::Side { source, .. } => source.disposition(),
            Self::Series { .. }
            | Self::Assemble { .. }
            | Self::NoTruth { .. }
            | Self::SeveralTruths { .. } => Disposition::Reject,
        }
    }
}

impl Cohort {
    /// Reads the table, or the folder's list where there is none. No image is touched.
    ///
    /// `path` is the cohort's folder, or a table by another name.
    ///
    /// # Errors
    /// When neither can be read, or a line of the table is wrong.
    pub fn open(path: &Path) -> Result<Self, CohortError> {
        let (root, table) = match path.parent() {
            Some(parent) if path.is_file() => (parent, path.to_owned()),
            _ => (path, path.join(TABLE)),
        };
        let rows = match read_table(&table) {
            Err(TableError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                list_folders(root)?
            }
            rows => rows.map_err(|source| CohortError::Table { path: table, source })?,
        };
        Ok(Self { root: root.to_owned(), rows })
    }

    /// The rows, in the table's order, or by name.
    #[must_use]
    pub fn rows(&self) -> &[CohortRow] {
        &self.rows
    }

    /// Loads one case after the other, each when it is asked for.
    pub fn cases(&self) -> impl Iterator<Item = Result<CohortCase, CohortError>> + '_ {
        self.rows.iter().map(|row| self.load(row))
    }

    /// Loads one case.
    ///
    /// # Errors
    /// When it has not exactly one CT series that is a volume, or no truth for it.
    pub fn load(&self, row: &CohortRow) -> Result<CohortCase, CohortError> {
        let case = || row.case.clone();
        let own_folder = self.root.join(&row.case);
        let place = row.series.as_ref().map_or(own_folder, |series| self.root.join(series));
        let mut found = scan(&[place]);
        let n_series = found.series.len();
        let images = match found.series.pop_first() {
            Some((_, images)) if n_series == 1 => images,
            _ => return Err(CohortError::Series { case: case(), n_series }),
        };
        let plan = assemble(images, same_pixels)
            .map_err(|source| CohortError::Assemble { case: case(), source })?;
        let files = self.truth_files(row, &found)?;
        let volume =
            load(&plan, None).map_err(|source| CohortError::Load { case: case(), source })?;
        let frame_of_reference_uid = plan.slices[0].instance.frame_of_reference_uid.as_ref();
        let target = Target {
            grid: volume.geometry(),
            frame_of_reference_uid: frame_of_reference_uid.map(|uid| uid.as_str()),
            map: row.labels.as_ref(),
        };
        let mut labels = Vec::new();
        for file in files {
            let of_file = read_labels(&file, &target);
            labels.extend(of_file.map_err(|source| CohortError::Truth { case: case(), source })?);
        }
        let Outlines { glands, masses } = sort_labels(labels, &volume, row.tumor_side)
            .map_err(|source| CohortError::Side { case: case(), source })?;
        Ok(CohortCase { row: row.clone(), plan, volume, glands, masses })
    }

    /// The files of a case's outlines; `found` is what lies where its images are.
    fn truth_files(&self, row: &CohortRow, found: &Found) -> Result<Vec<PathBuf>, CohortError> {
        match &row.truth {
            Truth::Nothing => return Ok(Vec::new()),
            Truth::Files(files) => {
                return Ok(files.iter().map(|file| self.root.join(file)).collect());
            }
            Truth::InFolder => {}
        }
        let own_folder = self.root.join(&row.case);
        let elsewhere = row.series.is_some() && own_folder.is_dir();
        let own =
            if elsewhere { scan(std::slice::from_ref(&own_folder)) } else { Found::default() };
        let others = own.unusable.iter().chain(&found.unusable);
        let mut others: Vec<_> = others.map(|file| file.path.as_path()).collect();
        others.sort();
        others.dedup();
        truth::find(own_folder.join(TRUTH), &others).map_err(|why| match why {
            NotFound::None => CohortError::NoTruth { case: row.case.clone() },
            NotFound::Several(n_files) => {
                CohortError::SeveralTruths { case: row.case.clone(), n_files }
            }
        })
    }
}

fn read_table(path: &Path) -> Result<Vec<CohortRow>, TableError> {
    let length = fs::metadata(path).map_err(TableError::Read)?.len();
    if length > limits::COHORT_TABLE_BYTES_MAX {
        return Err(TableError::TooLarge);
    }
    table::parse(&fs::read(path).map_err(TableError::Read)?)
}

/// A case for each folder that is not hidden.
fn list_folders(root: &Path) -> Result<Vec<CohortRow>, CohortError> {
    let read_error = |source| CohortError::Read { path: root.to_owned(), source };
    let mut cases = Vec::new();
    for entry in fs::read_dir(root).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        if entry.path().is_dir() {
            cases
                .extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
    }
    cases.sort();
    let to_row = |case: String| CohortRow { patient: case.clone(), case, ..CohortRow::default() };
    Ok(cases.into_iter().map(to_row).collect())
}
