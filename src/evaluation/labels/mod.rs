//! What people outlined, whatever they wrote it down in, on the CT's grid.
//!
//! ```text
//!  SEG       segments, by codes, else by name -.
//!  RTSTRUCT  structures, by name --------------+--> [Label] --sides--> glands, masses
//!  NIfTI     voxels, by file name or value ----'
//! ```

mod map;
pub mod names;
mod nifti;
pub mod sides;
mod structure_set;

use std::path::{Path, PathBuf};

pub use self::map::LabelMap;
use self::names::{Meaning, meaning, side_of};
pub use self::nifti::NiftiError;
use crate::dicom::attributes::AttributesError;
use crate::dicom::outline_object::OutlineObject;
use crate::dicom::segmentation::SegmentKind;
use crate::dicom::segmentation_reader::{SegmentDescription, SegmentationError, read_segments};
use crate::dicom::structure_set_reader::StructureSetError;
use crate::error::{Dispose, Disposition};
use crate::imaging::polygon::ContourError;
use crate::imaging::{Geometry, Mask};
use crate::units::Side;

/// One outline.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: SegmentKind,
    /// The patient's side; `None` where the file does not say.
    pub side: Option<Side>,
    /// On the grid that was asked for; may be empty.
    pub mask: Mask,
}

/// What labels are read onto, and how.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The CT's grid.
    pub grid: &'a Geometry,
    /// The CT's Frame of Reference UID, where it has one.
    pub frame_of_reference_uid: Option<&'a str>,
    /// The cohort's own words, where it has some.
    pub map: Option<&'a LabelMap>,
}

/// Outlines could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file is missing, or no DICOM.
    #[error("could not tell what `{path}` is; labels are DICOM SEG, RTSTRUCT, .nii or .nii.gz")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: AttributesError,
    },
    /// Another DICOM object.
    #[error("`{path}` is neither DICOM SEG nor RTSTRUCT")]
    Object {
        /// The file.
        path: PathBuf,
    },
    /// A SEG.
    #[error("could not read the segmentation `{path}`")]
    Segmentation {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SegmentationError,
    },
    /// An RTSTRUCT.
    #[error("could not read the structure set `{path}`")]
    StructureSet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: StructureSetError,
    },
    /// A structure of an RTSTRUCT.
    #[error("could not fill structure `{name}` of `{path}`")]
    Contours {
        /// The file.
        path: PathBuf,
        /// The structure.
        name: String,
        /// Why.
        source: ContourError,
    },
    /// An RTSTRUCT was drawn on other images.
    #[error("`{path}` has another frame of reference than the CT; give the series it was drawn on")]
    FrameOfReference {
        /// The file.
        path: PathBuf,
    },
    /// A NIfTI file.
    #[error("could not read the NIfTI file `{path}`")]
    Nifti {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NiftiError,
    },
    /// Nothing in the file is known.
    #[error(
        "nothing in `{path}` is named like a parotid gland or a mass (it has: {names}); say what is \
             what in the column `labels`, e.g. `Tu=mass;Par li=left gland`"
    )]
    NoneNamed {
        /// The file.
        path: PathBuf,
        /// What it has.
        names: String,
    },
    /// A label that no voxel of the CT has.
    #[error(
        "`{name}` of `{path}` covers no voxel of the CT: it belongs to other images, or is smaller \
             than half a voxel"
    )]
    Outside {
        /// The file.
        path: PathBuf,
        /// The label.
        name: String,
    },
}

impl Dispose for LabelError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Open { source, .. } => source.disposition(),
            Self::Segmentation { source, .. } => source.disposition(),
            Self::StructureSet { source, .. } => source.disposition(),
            Self::Contours { source, .. } => source.disposition(),
            Self::Nifti { source, .. } => source.disposition(),
            Self::Object { .. }
            | Self::FrameOfReference { .. }
            | Self::NoneNamed { .. }
            | Self::Outside { .. } => Disposition::Reject,
        }
    }
}

/// Whether a file's name says that it is NIfTI.
#[must_use]
pub fn is_nifti(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".nii") || name.ends_with(".nii.gz")
}

/// Reads the glands and masses of one file onto a CT's grid.
///
/// # Errors
/// When it is none of the formats, is damaged, names nothing we know, or has nothing in the CT.
pub fn read_labels(path: &Path, target: &Target<'_>) -> Result<Vec<Label>, LabelError> {
    if is_nifti(path) {
        return nifti::read(path, target);
    }
    let object = OutlineObject::of(path)
        .map_err(|source| LabelError::Open { path: path.to_owned(), source })?;
    match object {
        Some(OutlineObject::Segmentation) => read_seg(path, target),
        Some(OutlineObject::StructureSet) => structure_set::read(path, target),
        None => Err(LabelError::Object { path: path.to_owned() }),
    }
}

fn read_seg(path: &Path, target: &Target<'_>) -> Result<Vec<Label>, LabelError> {
    let mut names = Vec::new();
    let segments = read_segments(path, target.grid, |segment| {
        names.push(segment.label.clone());
        target.meaning_of_segment(segment).is_some()
    })
    .map_err(|source| LabelError::Segmentation { path: path.to_owned(), source })?;
    if segments.is_empty() {
        return Err(none_named(path, &names));
    }
    let labels = segments.into_iter().filter_map(|segment| {
        let Meaning { kind, side } = target.meaning_of_segment(&segment.description)?;
        Some(Label { name: segment.description.label, kind, side, mask: segment.mask })
    });
    Ok(labels.collect())
}

impl Target<'_> {
    /// What a structure or segment of that name is: the map's word, else that of the name itself.
    fn meaning_of_name(&self, name: &str) -> Option<Meaning> {
        match self.map {
            Some(map) if map.has_names() => map.of_name(name),
            _ => meaning(name),
        }
    }

    /// As [`Self::meaning_of_name`], but without a map the segment's codes come first.
    fn meaning_of_segment(&self, segment: &SegmentDescription) -> Option<Meaning> {
        if self.map.is_some_and(LabelMap::has_names) {
            return self.meaning_of_name(&segment.label);
        }
        let named = meaning(&segment.label).or_else(|| meaning(&segment.type_meaning));
        let kind = segment.kind.or(named.map(|named| named.kind))?;
        Some(Meaning { kind, side: segment.side.or_else(|| side_of(&segment.label)) })
    }
}

fn none_named(path: &Path, names: &[String]) -> LabelError {
    const NAMES_SHOWN: usize = 40;
    let shown: Vec<_> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
    let names = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") };
    LabelError::NoneNamed { path: path.to_owned(), names }
}
