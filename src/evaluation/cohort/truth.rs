//! Finds the outlines of a case among the files beside its images.

use std::path::{Path, PathBuf};

use crate::dicom::outline_object::OutlineObject;
use crate::evaluation::labels::{is_nifti, names::meaning};

/// Why a case's outlines were not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFound {
    /// There are none.
    None,
    /// So many could be meant.
    Several(usize),
}

/// Finds the outlines of a case: `named`, where there is such a file; else the one SEG or RTSTRUCT
/// among the other files; else the NIfTI files that are named after glands and masses; else the one
/// NIfTI file there is.
pub(super) fn find(named: PathBuf, others: &[&Path]) -> Result<Vec<PathBuf>, NotFound> {
    if named.is_file() {
        return Ok(vec![named]);
    }
    let (nifti, dicom): (Vec<&Path>, Vec<&Path>) = others.iter().partition(|path| is_nifti(path));
    let outlines: Vec<_> =
        dicom.into_iter().filter(|path| matches!(OutlineObject::of(path), Ok(Some(_)))).collect();
    let about_us = |path: &&&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        meaning(name.split(".nii").next().unwrap_or_default()).is_some()
    };
    let about_us: Vec<_> = nifti.iter().filter(about_us).copied().collect();
    let to_owned = |paths: &[&Path]| paths.iter().map(|path| (*path).to_owned()).collect();
    match (outlines.len(), about_us.len(), nifti.len()) {
        (1, ..) => Ok(to_owned(&outlines)),
        (0, 0, 1) => Ok(to_owned(&nifti)),
        (0, 0, 0) => Err(NotFound::None),
        (0, 0, n) => Err(NotFound::Several(n)),
        (0, ..) => Ok(to_owned(&about_us)),
        (n, ..) => Err(NotFound::Several(n)),
    }
}
