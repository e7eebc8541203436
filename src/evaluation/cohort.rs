//! Reads a labelled cohort: CT series with the true outlines beside them.
//!
//! ```text
//!  cohort/cohort.csv          case,seed,site,protocol,tumor_side,tumor_cm3
//!  cohort/<case>/*.dcm        one CT series
//!  cohort/<case>/truth.dcm    SEG: glands and masses
//! ```
//!
//! Without `cohort.csv` each folder is a case of which nothing more is known. One case is in memory
//! at a time.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::dicom::ct_image::CtImageError;
use crate::dicom::ct_pixels::same_pixels;
use crate::dicom::segmentation::SegmentKind;
use crate::dicom::segmentation_reader::{ReadSegment, SegmentationError, read_segmentation};
use crate::error::{Dispose, Disposition};
use crate::imaging::{Mask, Volume};
use crate::intake::ct_volume::{Refusal, VolumePlan, assemble, load};
use crate::intake::scan::scan;
use crate::units::{CubicCentimeters, Hounsfield, Side};

/// The table beside the cases.
pub const TABLE: &str = "cohort.csv";
/// The outlines of a case.
pub const TRUTH: &str = "truth.dcm";

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CohortRow {
    /// Name of the case and of its folder.
    pub case: String,
    /// Seed of a phantom.
    pub seed: Option<u64>,
    /// Where it comes from; empty where unknown.
    pub site: String,
    /// Protocol, `neck` or `head`; empty where unknown.
    pub protocol: String,
    /// Side of the mass; `None` where there is none or it is unknown.
    pub tumor_side: Option<Side>,
    /// Volume of the mass.
    pub tumor_cm3: Option<CubicCentimeters>,
}

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
    /// A line of the table.
    #[error("line {line} of {TABLE}: {what}")]
    Table {
        /// From 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Not one CT series.
    #[error("case `{case}` has {n_series} CT series")]
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
    /// Its outlines.
    #[error("could not read the truth of case `{case}`")]
    Truth {
        /// The case.
        case: String,
        /// Why.
        source: SegmentationError,
    },
}

impl Dispose for CohortError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read { .. } => Disposition::Retry,
            Self::Load { source, .. } => source.disposition(),
            Self::Truth { source, .. } => source.disposition(),
            Self::Table { .. } | Self::Series { .. } | Self::Assemble { .. } => Disposition::Reject,
        }
    }
}

impl Cohort {
    /// Reads the table, or the folder's list where there is none. No image is touched.
    ///
    /// # Errors
    /// When neither can be read, or a line of the table is wrong.
    pub fn open(root: &Path) -> Result<Self, CohortError> {
        let table = root.join(TABLE);
        let rows = match fs::read_to_string(&table) {
            Ok(text) => parse_table(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => list_folders(root)?,
            Err(source) => return Err(CohortError::Read { path: table, source }),
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
    /// When it has not exactly one CT series that is a volume, or no truth on its grid.
    pub fn load(&self, row: &CohortRow) -> Result<CohortCase, CohortError> {
        let case = || row.case.clone();
        let folder = self.root.join(&row.case);
        let mut series = scan(std::slice::from_ref(&folder)).series;
        let n_series = series.len();
        let images = match series.pop_first() {
            Some((_, images)) if n_series == 1 => images,
            _ => return Err(CohortError::Series { case: case(), n_series }),
        };
        let plan = assemble(images, same_pixels)
            .map_err(|source| CohortError::Assemble { case: case(), source })?;
        let volume = load(&plan).map_err(|source| CohortError::Load { case: case(), source })?;
        let truth = read_segmentation(&folder.join(TRUTH), volume.geometry())
            .map_err(|source| CohortError::Truth { case: case(), source })?;
        let (glands, masses) = sort_truth(truth);
        Ok(CohortCase { row: row.clone(), plan, volume, glands, masses })
    }
}

fn sort_truth(truth: Vec<ReadSegment>) -> ([Option<Mask>; 2], Vec<(Side, Mask)>) {
    let mut glands = [None, None];
    let mut masses = Vec::new();
    for segment in truth {
        match (segment.description.kind, segment.description.side) {
            _ if segment.mask.n_inside() == 0 => {}
            (Some(SegmentKind::ParotidGland), Some(Side::Right)) => glands[0] = Some(segment.mask),
            (Some(SegmentKind::ParotidGland), Some(Side::Left)) => glands[1] = Some(segment.mask),
            (Some(SegmentKind::Mass), Some(side)) => masses.push((side, segment.mask)),
            _ => {}
        }
    }
    (glands, masses)
}

fn list_folders(root: &Path) -> Result<Vec<CohortRow>, CohortError> {
    let read_error = |source| CohortError::Read { path: root.to_owned(), source };
    let mut cases = Vec::new();
    for entry in fs::read_dir(root).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        if entry.path().join(TRUTH).is_file() {
            cases.extend(entry.file_name().into_string().ok());
        }
    }
    cases.sort();
    Ok(cases.into_iter().map(|case| CohortRow { case, ..CohortRow::default() }).collect())
}

/// The table as the phantom writes it: plain commas, no quotes; columns in any order, `case` needed.
fn parse_table(text: &str) -> Result<Vec<CohortRow>, CohortError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let columns: Vec<&str> = match lines.next() {
        Some((_, line)) => line.split(',').map(str::trim).collect(),
        None => return Err(CohortError::Table { line: 1, what: "no header" }),
    };
    lines
        .map(|(index, line)| {
            let values: Vec<&str> = line.split(',').map(str::trim).collect();
            parse_row(&columns, &values)
                .map_err(|what| CohortError::Table { line: index + 1, what })
        })
        .collect()
}

fn parse_row(columns: &[&str], values: &[&str]) -> Result<CohortRow, &'static str> {
    if values.len() != columns.len() {
        return Err("not as many values as columns");
    }
    let value = |name: &str| {
        let index = columns.iter().position(|column| *column == name);
        index.map(|index| values[index]).filter(|value| !value.is_empty())
    };
    let case = value("case").ok_or("no case")?;
    let mut components = Path::new(case).components();
    // A case is a folder here, not a way out of it.
    if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
        return Err("the case is no folder name");
    }
    let tumor_side = match value("tumor_side") {
        None | Some("none") => None,
        Some("right") => Some(Side::Right),
        Some("left") => Some(Side::Left),
        Some(_) => return Err("tumor_side is not right, left or none"),
    };
    let tumor_cm3: Option<f64> = value("tumor_cm3")
        .map(|text| text.parse().map_err(|_| "tumor_cm3 is no number"))
        .transpose()?;
    Ok(CohortRow {
        case: case.to_owned(),
        seed: value("seed")
            .map(|text| text.parse().map_err(|_| "seed is no whole number"))
            .transpose()?,
        site: value("site").unwrap_or_default().to_owned(),
        protocol: value("protocol").unwrap_or_default().to_owned(),
        tumor_side,
        tumor_cm3: tumor_cm3.filter(|cm3| *cm3 > 0.0).map(CubicCentimeters),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_checked() {
        let check = |line: &str, expected: Result<&str, &str>| {
            let table = format!("case,seed,site,protocol,tumor_side,tumor_cm3\n\n{line}\n");
            match (parse_table(&table), expected) {
                (Ok(rows), Ok(case)) => assert_eq!(rows[0].case, case),
                (Err(error), Err(what)) => {
                    assert_eq!(error.to_string(), format!("line 3 of cohort.csv: {what}"));
                }
                (found, _) => panic!("{line}: {found:?}"),
            }
        };
        check("c1,17,A,neck,left,4.62", Ok("c1"));
        check("c2,,,,none,0", Ok("c2"));
        check("c1,17,A,neck,left", Err("not as many values as columns"));
        check(",17,A,neck,left,4", Err("no case"));
        check("../c1,17,A,neck,left,4", Err("the case is no folder name"));
        check("..,17,A,neck,left,4", Err("the case is no folder name"));
        check("c1,x,A,neck,left,4", Err("seed is no whole number"));
        check("c1,1,A,neck,both,4", Err("tumor_side is not right, left or none"));
        check("c1,1,A,neck,left,big", Err("tumor_cm3 is no number"));
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let rows = parse_table("tumor_cm3,case,tumor_side,site,more\n4.5,c9,right,B,x").unwrap();
        let expected = CohortRow {
            case: "c9".to_owned(),
            site: "B".to_owned(),
            tumor_side: Some(Side::Right),
            tumor_cm3: Some(CubicCentimeters(4.5)),
            ..CohortRow::default()
        };
        assert_eq!(rows, [expected]);
    }
}
