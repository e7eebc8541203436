//! Reads binary segmentations back onto the grid of their source CT: truth of labelled cohorts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{integer, items, numbers, text};
use super::codes::{MASS, PAROTID_GLAND, laterality};
use super::dataset_scan::{ScanError, scan};
use super::segmentation::SegmentKind;
use crate::error::{Dispose, Disposition};
use crate::imaging::{Geometry, Mask};
use crate::limits;
use crate::units::Side;

/// How far from a slice's first pixel a frame may begin, in steps of the grid.
const PLACE_TOLERANCE: f64 = 0.05;

/// What a file says about one of its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDescription {
    /// Segment Label.
    pub label: String,
    /// Code Meaning of the Segmented Property Type, for people.
    pub type_meaning: String,
    /// What its code says it is; `None` for other kinds than ours.
    pub kind: Option<SegmentKind>,
    /// The patient's side, where its codes say one.
    pub side: Option<Side>,
}

/// One outline.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadSegment {
    /// What the file says about it.
    pub description: SegmentDescription,
    /// On the grid that was asked for.
    pub mask: Mask,
}

/// A segmentation could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentationError {
    /// The file cannot be opened or read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// The header cannot be parsed.
    #[error("could not read the header")]
    Header(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is another object, or a fractional segmentation.
    #[error("not a binary segmentation")]
    NotBinarySegmentation,
    /// Missing, or with an impossible value.
    #[error("attribute {0} is missing or impossible")]
    Attribute(&'static str),
    /// The frames are not slices of the grid.
    #[error("frame {0} is not a slice of the grid")]
    OffGrid(usize),
    /// The file ends before the pixels do.
    #[error("the file ends before its pixel data")]
    Truncated,
}

impl Dispose for SegmentationError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl From<ScanError> for SegmentationError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Read(source) => Self::Read(source),
            ScanError::PastEnd => Self::Truncated,
            other => Self::Header(Box::new(other)),
        }
    }
}

const WANTED: &[Tag] = &[
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::SEGMENTATION_TYPE,
    tags::SEGMENT_SEQUENCE,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
];

/// Reads all segments of a file onto `grid`, in the order of the Segment Sequence.
///
/// # Errors
/// When it is no binary segmentation of that grid, see [`SegmentationError`].
pub fn read_segmentation(
    path: &Path,
    grid: &Geometry,
) -> Result<Vec<ReadSegment>, SegmentationError> {
    read_segments(path, grid, |_| true)
}

/// As [`read_segmentation`], the `wanted` segments alone; others cost no memory. Programs that outline
/// a hundred organs put them into one file.
///
/// # Errors
/// As those of [`read_segmentation`].
pub fn read_segments(
    path: &Path,
    grid: &Geometry,
    mut wanted: impl FnMut(&SegmentDescription) -> bool,
) -> Result<Vec<ReadSegment>, SegmentationError> {
    let mut file = File::open(path).map_err(SegmentationError::Read)?;
    let length = file.metadata().map_err(SegmentationError::Read)?.len();
    let scanned = scan(&file, length, WANTED)?;
    let object = &scanned.object;
    check_kind(object, grid)?;
    let frames = items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let n_frames = integer(object, tags::NUMBER_OF_FRAMES).map(usize::try_from);
    if n_frames != Some(Ok(frames.len())) {
        return Err(SegmentationError::Attribute("NumberOfFrames"));
    }
    let [_, n_rows, n_columns] = grid.shape();
    let n_bytes = (frames.len() * n_rows * n_columns).div_ceil(8);
    let pixel_data = scanned.pixel_data.filter(|_| scanned.deflated_from.is_none());
    let pixel_data = pixel_data.and_then(|it| it.native(n_bytes as u64));
    let pixel_data = pixel_data.ok_or(SegmentationError::Truncated)?;
    let mut bits = vec![0; n_bytes];
    file.seek(SeekFrom::Start(pixel_data.start)).map_err(SegmentationError::Read)?;
    file.read_exact(&mut bits).map_err(SegmentationError::Read)?;

    let segments = items(object, tags::SEGMENT_SEQUENCE);
    let numbers: Vec<_> = segments.iter().map(|s| integer(s, tags::SEGMENT_NUMBER)).collect();
    let descriptions: Vec<_> =
        segments.iter().map(|segment| Some(describe(segment)).filter(&mut wanted)).collect();
    if descriptions.iter().flatten().count() > limits::SEGMENTS_MAX {
        return Err(SegmentationError::Attribute("SegmentSequence"));
    }
    let to_segment = |description| ReadSegment { description, mask: Mask::filled(*grid, 0) };
    let mut read: Vec<_> =
        descriptions.into_iter().map(|description| description.map(to_segment)).collect();
    for (index, frame) in frames.iter().enumerate() {
        let number = items(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE)
            .first()
            .and_then(|item| integer(item, tags::REFERENCED_SEGMENT_NUMBER));
        let segment = numbers
            .iter()
            .position(|candidate| candidate.is_some() && *candidate == number)
            .ok_or(SegmentationError::Attribute("ReferencedSegmentNumber"))?;
        let Some(read) = &mut read[segment] else { continue };
        let slice = slice_of(frame, grid).ok_or(SegmentationError::OffGrid(index))?;
        let n_pixels = n_rows * n_columns;
        let voxels = &mut read.mask.voxels_mut()[slice * n_pixels..][..n_pixels];
        for (offset, voxel) in voxels.iter_mut().enumerate() {
            let bit = index * n_pixels + offset;
            *voxel |= bits[bit / 8] >> (bit % 8) & 1;
        }
    }
    Ok(read.into_iter().flatten().collect())
}

fn check_kind(object: &InMemDicomObject, grid: &Geometry) -> Result<(), SegmentationError> {
    let is = |tag, expected: &str| text(object, tag).as_deref() == Some(expected);
    if !is(tags::SOP_CLASS_UID, uids::SEGMENTATION_STORAGE)
        || !is(tags::SEGMENTATION_TYPE, "BINARY")
        || integer(object, tags::BITS_ALLOCATED) != Some(1)
    {
        return Err(SegmentationError::NotBinarySegmentation);
    }
    let [_, n_rows, n_columns] = grid.shape();
    let side = |tag| integer(object, tag).and_then(|n| usize::try_from(n).ok());
    if side(tags::ROWS) != Some(n_rows) || side(tags::COLUMNS) != Some(n_columns) {
        return Err(SegmentationError::Attribute("Rows or Columns"));
    }
    Ok(())
}

fn describe(segment: &InMemDicomObject) -> SegmentDescription {
    let kind = [(PAROTID_GLAND, SegmentKind::ParotidGland), (MASS, SegmentKind::Mass)]
        .into_iter()
        .find(|(code, _)| code.is_in(segment, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE))
        .map(|(_, kind)| kind);
    let modifiers = [
        (
            tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
            tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
        ),
        (tags::ANATOMIC_REGION_SEQUENCE, tags::ANATOMIC_REGION_MODIFIER_SEQUENCE),
    ];
    let side = [Side::Right, Side::Left].into_iter().find(|side| {
        modifiers.iter().any(|(outer, inner)| {
            let item = items(segment, *outer).first();
            item.is_some_and(|item| laterality(*side).is_in(item, *inner))
        })
    });
    let label = text(segment, tags::SEGMENT_LABEL).unwrap_or_default();
    let type_meaning = items(segment, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE)
        .first()
        .and_then(|code| text(code, tags::CODE_MEANING))
        .unwrap_or_default();
    SegmentDescription { label, type_meaning, kind, side }
}

/// The slice of the grid that a frame lies on.
fn slice_of(frame: &InMemDicomObject, grid: &Geometry) -> Option<usize> {
    let position = items(frame, tags::PLANE_POSITION_SEQUENCE)
        .first()
        .and_then(|item| numbers(item, tags::IMAGE_POSITION_PATIENT))?;
    let position: [f64; 3] = position.try_into().ok()?;
    let [slice, row, column] = grid.to_index(position.into());
    let near = [slice - slice.round(), row, column].iter().all(|d| d.abs() <= PLACE_TOLERANCE);
    #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
    let inside = (-PLACE_TOLERANCE..grid.shape()[0] as f64 - 0.5).contains(&slice);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is inside the grid"
    )]
    (near && inside).then_some(slice.round() as usize)
}
