//! Reads the OpenKBP planning CTs: real head-and-neck anatomy with parotid masks.
//!
//! A. Babier et al., "OpenKBP: The open-access knowledge-based planning grand challenge and dataset",
//! Med Phys 48 (2021), doi 10.1002/mp.14845. Expected is a folder with `index.csv` (columns `pt`,
//! `split`) and one `<pt>.npz` a patient: `ct` int16 (about HU + 1024, 0 outside the body), `lab` uint16
//! bit mask, `spacing` float32 mm; axes run anterior to posterior, right to left, superior to inferior.
//! The scans have no frame of reference, so the first voxel's centre is taken as the patient's origin.

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array3};
use ndarray_npy::{NpzReader, ReadNpzError};

use crate::error::{Dispose, Disposition};
use crate::imaging::{Geometry, Mask, PatientPoint, Volume};
use crate::units::Hounsfield;

/// Bits of `lab`.
const RIGHT_PAROTID: u16 = 1 << 2;
const LEFT_PAROTID: u16 = 1 << 3;
const PLANNING_TARGETS: u16 = 1 << 7 | 1 << 8 | 1 << 9;
/// What `ct` adds to HU.
const CT_OFFSET: i16 = 1024;

/// A folder that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenKbpError {
    /// The folder has no readable `index.csv`.
    #[error("could not read `{path}`; an OpenKBP folder has an index.csv beside its .npz files")]
    ReadIndex {
        /// What was read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The index has no column of that name.
    #[error("`{path}` has no column `{column}`")]
    MissingColumn {
        /// What was read.
        path: PathBuf,
        /// What it lacks.
        column: &'static str,
    },
    /// A patient's file cannot be opened.
    #[error("could not open `{path}`")]
    Open {
        /// What was opened.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A patient's file is not what is expected.
    #[error("could not read the arrays of `{path}`")]
    ReadArrays {
        /// What was read.
        path: PathBuf,
        /// Why not.
        source: ReadNpzError,
    },
    /// The arrays do not fit together.
    #[error("`{path}` has arrays of different shapes or an impossible spacing")]
    Inconsistent {
        /// What was read.
        path: PathBuf,
    },
}

impl Dispose for OpenKbpError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// One line of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenKbpEntry {
    /// Patient, `pt_1`.
    pub patient: String,
    /// The challenge's own split: `train`, `validation` or `test`.
    pub split: String,
    path: PathBuf,
}

/// One patient.
#[derive(Debug, Clone)]
pub struct OpenKbpCase {
    /// The CT.
    pub volume: Volume<Hounsfield>,
    /// Parotid glands, right and left; may be empty.
    pub glands: [Mask; 2],
    /// Planning targets: where they overlap a gland it may hold disease.
    pub planning_targets: Mask,
}

/// Whether a folder looks like OpenKBP.
#[must_use]
pub fn is_openkbp(folder: &Path) -> bool {
    folder.join("index.csv").is_file() && !folder.join("cohort.csv").is_file()
}

/// All patients of a folder, in the index's order.
///
/// # Errors
/// When the index cannot be read or lacks a column.
pub fn read_index(folder: &Path) -> Result<Vec<OpenKbpEntry>, OpenKbpError> {
    let path = folder.join("index.csv");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| OpenKbpError::ReadIndex { path: path.clone(), source })?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let column = |name: &'static str| {
        header
            .iter()
            .position(|field| *field == name)
            .ok_or_else(|| OpenKbpError::MissingColumn { path: path.clone(), column: name })
    };
    let [patient, split] = [column("pt")?, column("split")?];
    let entries = lines.filter(|fields| fields.len() > patient.max(split)).map(|fields| {
        let name = fields[patient].to_owned();
        OpenKbpEntry {
            path: folder.join(format!("{name}.npz")),
            patient: name,
            split: fields[split].trim_end_matches("-pats").to_owned(),
        }
    });
    Ok(entries.collect())
}

impl OpenKbpEntry {
    /// Reads the patient's arrays.
    ///
    /// # Errors
    /// When the file is absent or not as expected.
    pub fn read(&self) -> Result<OpenKbpCase, OpenKbpError> {
        let path = self.path.clone();
        let file = File::open(&path)
            .map_err(|source| OpenKbpError::Open { path: path.clone(), source })?;
        let arrays = read_arrays(file)
            .map_err(|source| OpenKbpError::ReadArrays { path: path.clone(), source })?;
        arrays.into_case().ok_or(OpenKbpError::Inconsistent { path })
    }
}

struct Arrays {
    ct: Array3<i16>,
    labels: Array3<u16>,
    spacing_mm: Array1<f32>,
}

fn read_arrays(file: File) -> Result<Arrays, ReadNpzError> {
    let mut npz = NpzReader::new(file)?;
    Ok(Arrays {
        ct: npz.by_name("ct")?,
        labels: npz.by_name("lab")?,
        spacing_mm: npz.by_name("spacing")?,
    })
}

impl Arrays {
    fn into_case(self) -> Option<OpenKbpCase> {
        if self.ct.dim() != self.labels.dim() || self.spacing_mm.len() != 3 {
            return None;
        }
        let (n_rows, n_columns, n_slices) = self.ct.dim();
        let [row_mm, column_mm, slice_mm]: [f64; 3] =
            std::array::from_fn(|axis| f64::from(self.spacing_mm[axis]));
        let geometry = Geometry::axis_aligned(
            PatientPoint::default(),
            [slice_mm, row_mm, column_mm],
            [n_slices, n_rows, n_columns],
        )?;
        // Stored superior to inferior; ours grows to superior.
        let ct = to_slices(&self.ct, |value| Hounsfield(value.saturating_sub(CT_OFFSET)));
        let mask = |bits: u16| {
            Mask::new(geometry, to_slices(&self.labels, |label| u8::from(label & bits != 0)))
        };
        Some(OpenKbpCase {
            volume: Volume::new(geometry, ct)?,
            glands: [mask(RIGHT_PAROTID)?, mask(LEFT_PAROTID)?],
            planning_targets: mask(PLANNING_TARGETS)?,
        })
    }
}

fn to_slices<T: Copy, U>(array: &Array3<T>, value: impl Fn(T) -> U) -> Vec<U> {
    let (n_rows, n_columns, n_slices) = array.dim();
    let mut out = Vec::with_capacity(array.len());
    for slice in (0..n_slices).rev() {
        for row in 0..n_rows {
            out.extend((0..n_columns).map(|column| value(array[[row, column, slice]])));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_become_lps() {
        let mut ct = Array3::<i16>::zeros((2, 3, 4));
        let mut labels = Array3::<u16>::zeros((2, 3, 4));
        // Posterior row, leftmost column, most superior slice.
        ct[[1, 2, 0]] = 1064;
        labels[[1, 2, 0]] = LEFT_PAROTID;
        let arrays = Arrays { ct, labels, spacing_mm: Array1::from(vec![2.0, 3.0, 5.0]) };
        let case = arrays.into_case().unwrap();
        assert_eq!(case.volume.at([3, 1, 2]), Hounsfield(40));
        assert_eq!(case.volume.at([0, 0, 0]), Hounsfield(-1024));
        assert_eq!(case.glands[1].centroid(), Some(PatientPoint::new(6.0, 2.0, 15.0)));
        assert_eq!(case.glands[0].centroid(), None);
    }
}
