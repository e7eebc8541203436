//! Which kind of outline a DICOM file holds.

use std::fs::File;
use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::attributes::{AttributesError, text};
use super::dataset_scan::{ScanError, scan};

/// DICOM objects that outline structures on images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlineObject {
    /// Segmentation (PS3.3 A.51): voxels.
    Segmentation,
    /// RT Structure Set (PS3.3 A.19): contours.
    StructureSet,
}

impl OutlineObject {
    /// What the file's SOP Class UID says; `None` for every other object.
    ///
    /// # Errors
    /// When the file is no DICOM that can be read.
    pub fn of(path: &Path) -> Result<Option<Self>, AttributesError> {
        let file = File::open(path).map_err(ScanError::Read)?;
        let length = file.metadata().map_err(ScanError::Read)?.len();
        let object = scan(file, length, &[tags::SOP_CLASS_UID])?.object;
        Ok(match text(&object, tags::SOP_CLASS_UID).as_deref() {
            Some(uids::SEGMENTATION_STORAGE) => Some(Self::Segmentation),
            Some(uids::RT_STRUCTURE_SET_STORAGE) => Some(Self::StructureSet),
            _ => None,
        })
    }
}
