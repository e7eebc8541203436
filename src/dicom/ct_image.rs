//! CT images from files: a cheap header for sorting, the pixels later, straight into the volume.
//!
//! ```text
//!  file -> read_images -> [CtImage]  (header only; one, or one a frame of an enhanced CT)
//!                            sorted, checked elsewhere
//!  CtImage -> ct_pixels::decode_pixels -> one slice of the volume, in HU
//! ```
//!
//! No pixel is held by an image, so a series is in memory once: as the volume.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{integer, items, numbers, text, texts};
use super::codec::CodecError;
use super::ct_pixels::{PixelFormat, read_pixel_format};
use super::dataset_scan::{ScanError, Scanned, scan};
use super::uid::{
    FrameOfReferenceUid, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid,
};
use crate::error::{Dispose, Disposition};
use crate::imaging::geometry::{dot, norm};
use crate::limits;
use crate::phi::Phi;
use crate::reason::Reason;

/// SOP classes that are CT images.
pub const CT_SOP_CLASSES: [&str; 3] =
    [uids::CT_IMAGE_STORAGE, uids::ENHANCED_CT_IMAGE_STORAGE, LEGACY_CONVERTED_ENHANCED_CT];

/// Those of them whose objects have many frames.
pub(super) const MULTI_FRAME_CT_SOP_CLASSES: [&str; 2] =
    [uids::ENHANCED_CT_IMAGE_STORAGE, LEGACY_CONVERTED_ENHANCED_CT];

const LEGACY_CONVERTED_ENHANCED_CT: &str = uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE;

/// Largest coordinate that is believed, mm. A table is 2 m long.
const POSITION_MM_MAX: f64 = 1e5;
/// How far an orientation's cosines may be from unit length and from orthogonal. Three decimals,
/// which is the coarsest seen, are off by 0.001.
const COSINE_TOLERANCE: f64 = 0.01;

/// What all frames of one SOP instance share.
#[derive(Debug, Clone, PartialEq)]
pub struct CtInstance {
    /// Where it lies.
    pub path: PathBuf,
    /// Study Instance UID.
    pub study_instance_uid: StudyInstanceUid,
    /// Series Instance UID.
    pub series_instance_uid: SeriesInstanceUid,
    /// SOP Instance UID.
    pub sop_instance_uid: SopInstanceUid,
    /// One of [`CT_SOP_CLASSES`].
    pub sop_class_uid: SopClassUid,
    /// Coordinate system of the positions.
    pub frame_of_reference_uid: Option<FrameOfReferenceUid>,
    /// Accession Number; empty when there is none.
    pub accession_number: Phi<String>,
    /// Instance Number. Says nothing about the place; never sort by it.
    pub instance_number: Option<i64>,
    /// Rows of each frame.
    pub rows: usize,
    /// Columns of each frame.
    pub columns: usize,
    /// Whether its pixels were compressed with loss, now or before (0028,2110).
    pub is_lossy: bool,
    pub(super) pixels: PixelFormat,
}

/// One image plane: an instance, or a frame of a multi-frame one.
#[derive(Debug, Clone, PartialEq)]
pub struct CtImage {
    /// The instance it belongs to.
    pub instance: Arc<CtInstance>,
    /// Frame in the instance, from 0.
    pub frame: usize,
    /// Image Type or Frame Type, e.g. `ORIGINAL PRIMARY AXIAL`.
    pub image_type: Vec<String>,
    /// Acquisition Number.
    pub acquisition_number: Option<i64>,
    /// Where it is in the patient; `None` where the header does not say.
    pub plane: Option<ImagePlane>,
    pub(super) rescale_slope: f64,
    pub(super) rescale_intercept: f64,
}

impl CtImage {
    /// Whether both images' stored values mean the same.
    pub(super) fn is_rescaled_as(&self, other: &Self) -> bool {
        let of = |it: &Self| [it.rescale_slope, it.rescale_intercept].map(f64::to_bits);
        of(self) == of(other)
    }

    /// Whether it is a planning radiograph (PS3.3 C.8.2.1.1.1, value 3), not a slice.
    #[must_use]
    pub fn is_localizer(&self) -> bool {
        self.image_type.iter().any(|value| value.eq_ignore_ascii_case("LOCALIZER"))
    }
}

/// Position of an image in the patient (PS3.3 C.7.6.2), LPS mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImagePlane {
    /// Centre of the first pixel.
    pub position: [f64; 3],
    /// Unit vector along a row: of growing column index.
    pub row_direction: [f64; 3],
    /// Unit vector along a column: of growing row index.
    pub column_direction: [f64; 3],
    /// Between pixel centres: from row to row, from column to column.
    pub pixel_spacing_mm: [f64; 2],
    /// Nominal thickness.
    pub slice_thickness_mm: Option<f64>,
}

/// Why a file gives no CT image.
#[derive(Debug, thiserror::Error)]
pub enum CtImageError {
    /// The file cannot be opened or read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The header is no DICOM, or hostile.
    #[error("could not read the header")]
    Header(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Compressed in a way that is not decoded, or unknown.
    #[error("transfer syntax {0} is not supported")]
    TransferSyntax(String),
    /// It is something else.
    #[error("SOP class {0} is not a CT image")]
    SopClass(String),
    /// Missing, or with an impossible value.
    #[error("attribute {0} is missing or impossible")]
    Attribute(&'static str),
    /// Rows or columns beyond [`limits::IMAGE_SIDE_MAX`], or too many frames.
    #[error("the image is too large")]
    TooLarge,
    /// Not 16-bit monochrome HU.
    #[error("pixel format is not supported: {0}")]
    PixelFormat(&'static str),
    /// A frame that does not decompress.
    #[error("could not decompress frame {frame}")]
    Codec {
        /// From 0.
        frame: usize,
        /// Why.
        source: CodecError,
    },
    /// The file ends before the pixels do.
    #[error("the file ends before its pixel data")]
    Truncated,
}

impl CtImageError {
    /// The stable code.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Read(_) => Reason::Unreadable,
            Self::Empty => Reason::EmptyFile,
            Self::Header(_) => Reason::NotDicom,
            Self::TransferSyntax(_) => Reason::UnsupportedTransferSyntax,
            Self::SopClass(_) => Reason::NotCt,
            Self::Attribute(_) => Reason::BadAttribute,
            Self::TooLarge => Reason::TooLarge,
            Self::PixelFormat(_) => Reason::UnsupportedPixelFormat,
            Self::Codec { .. } => Reason::DamagedPixelData,
            Self::Truncated => Reason::Truncated,
        }
    }
}

impl Dispose for CtImageError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl From<ScanError> for CtImageError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Read(source) => Self::Read(source),
            ScanError::Empty => Self::Empty,
            ScanError::PastEnd => Self::Truncated,
            ScanError::TransferSyntax(uid) => Self::TransferSyntax(uid),
            ScanError::Inflated | ScanError::Fragments => Self::TooLarge,
            other => Self::Header(Box::new(other)),
        }
    }
}

const WANTED: &[Tag] = &[
    tags::SPECIFIC_CHARACTER_SET,
    tags::IMAGE_TYPE,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::ACCESSION_NUMBER,
    tags::SLICE_THICKNESS,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::ACQUISITION_NUMBER,
    tags::INSTANCE_NUMBER,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::FRAME_OF_REFERENCE_UID,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::RESCALE_TYPE,
    tags::LOSSY_IMAGE_COMPRESSION,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
];

/// Reads the header of a file: one image, or one a frame.
///
/// The pixel data's length is checked against the file's; its content is not touched.
///
/// # Errors
/// When the file is no 16-bit CT image in one of our transfer syntaxes, see [`CtImageError`].
pub fn read_images(path: &Path) -> Result<Vec<CtImage>, CtImageError> {
    let file = File::open(path).map_err(CtImageError::Read)?;
    let length = file.metadata().map_err(CtImageError::Read)?.len();
    let scanned = scan(file, length, WANTED)?;
    let object = &scanned.object;
    check_class(&scanned)?;
    let n_frames = usize::try_from(integer(object, tags::NUMBER_OF_FRAMES).unwrap_or(1))
        .map_err(|_| CtImageError::Attribute("NumberOfFrames"))?;
    if n_frames > limits::SERIES_INSTANCES_MAX {
        return Err(CtImageError::TooLarge);
    }
    let instance = Arc::new(read_instance(path, &scanned, n_frames)?);
    let shared = items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first();
    let frames = items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if frames.is_empty() && n_frames != 1 || frames.len() > n_frames {
        return Err(CtImageError::Attribute("PerFrameFunctionalGroupsSequence"));
    }
    (0..n_frames)
        .map(|frame| {
            let groups = Groups { frame: frames.get(frame), shared, object };
            read_frame(&groups, Arc::clone(&instance), frame)
        })
        .collect()
}

fn check_class(scanned: &Scanned) -> Result<(), CtImageError> {
    match text(&scanned.object, tags::SOP_CLASS_UID) {
        Some(class) if !CT_SOP_CLASSES.contains(&class.as_str()) => {
            Err(CtImageError::SopClass(class))
        }
        // What else is missing then is missing because the file ends early.
        _ if scanned.pixel_data.is_none() => Err(CtImageError::Truncated),
        None => Err(CtImageError::Attribute("SOPClassUID")),
        Some(_) => Ok(()),
    }
}

fn read_instance(
    path: &Path,
    scanned: &Scanned,
    n_frames: usize,
) -> Result<CtInstance, CtImageError> {
    let object = &scanned.object;
    let side = |tag, name| match integer(object, tag).map(usize::try_from) {
        Some(Ok(n)) if n > limits::IMAGE_SIDE_MAX => Err(CtImageError::TooLarge),
        Some(Ok(n)) if n > 0 => Ok(n),
        _ => Err(CtImageError::Attribute(name)),
    };
    let [rows, columns] = [side(tags::ROWS, "Rows")?, side(tags::COLUMNS, "Columns")?];
    let pixels = read_pixel_format(scanned, [rows, columns], n_frames)?;
    Ok(CtInstance {
        path: path.to_owned(),
        study_instance_uid: uid(object, tags::STUDY_INSTANCE_UID, "StudyInstanceUID")?,
        series_instance_uid: uid(object, tags::SERIES_INSTANCE_UID, "SeriesInstanceUID")?,
        sop_instance_uid: uid(object, tags::SOP_INSTANCE_UID, "SOPInstanceUID")?,
        sop_class_uid: uid(object, tags::SOP_CLASS_UID, "SOPClassUID")?,
        frame_of_reference_uid: match text(object, tags::FRAME_OF_REFERENCE_UID) {
            Some(_) => Some(uid(object, tags::FRAME_OF_REFERENCE_UID, "FrameOfReferenceUID")?),
            None => None,
        },
        accession_number: Phi::new(text(object, tags::ACCESSION_NUMBER).unwrap_or_default()),
        instance_number: integer(object, tags::INSTANCE_NUMBER),
        rows,
        columns,
        is_lossy: scanned.syntax.is_lossy
            || text(object, tags::LOSSY_IMAGE_COMPRESSION).is_some_and(|it| it == "01"),
        pixels,
    })
}

fn uid<T: std::str::FromStr>(
    object: &InMemDicomObject,
    tag: Tag,
    name: &'static str,
) -> Result<T, CtImageError> {
    text(object, tag).and_then(|value| value.parse().ok()).ok_or(CtImageError::Attribute(name))
}

/// Where an attribute of one frame can stand: with the frame, shared by all, or, in a single-frame
/// object, at the top.
struct Groups<'a> {
    frame: Option<&'a InMemDicomObject>,
    shared: Option<&'a InMemDicomObject>,
    object: &'a InMemDicomObject,
}

impl<'a> Groups<'a> {
    /// The item that holds `tag`: of functional group `group`, or the object itself.
    fn find(&self, group: Tag, tag: Tag) -> Option<&'a InMemDicomObject> {
        [self.frame, self.shared]
            .into_iter()
            .flatten()
            .filter_map(|groups| items(groups, group).first())
            .chain([self.object])
            .find(|item| item.get(tag).is_some())
    }

    fn numbers(&self, group: Tag, tag: Tag) -> Option<Vec<f64>> {
        numbers(self.find(group, tag)?, tag)
    }
}

fn read_frame(
    groups: &Groups,
    instance: Arc<CtInstance>,
    frame: usize,
) -> Result<CtImage, CtImageError> {
    let transformation = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
    let rescale = |tag, missing, name| match groups.numbers(transformation, tag) {
        Some(values) if values[0].is_finite() => Ok(values[0]),
        None if groups.find(transformation, tag).and_then(|item| text(item, tag)).is_none() => {
            Ok(missing)
        }
        _ => Err(CtImageError::Attribute(name)),
    };
    let rescale_slope = rescale(tags::RESCALE_SLOPE, 1.0, "RescaleSlope")?;
    if rescale_slope == 0.0 {
        return Err(CtImageError::Attribute("RescaleSlope"));
    }
    let unit = groups
        .find(transformation, tags::RESCALE_TYPE)
        .and_then(|item| text(item, tags::RESCALE_TYPE));
    // US is "unspecified"; anything else is a map of something that is not attenuation.
    if unit.is_some_and(|unit| unit != "HU" && unit != "US") {
        return Err(CtImageError::PixelFormat("values are not HU"));
    }
    let frame_type = groups
        .find(tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE)
        .and_then(|item| texts(item, tags::FRAME_TYPE));
    let image_type = frame_type.or_else(|| texts(groups.object, tags::IMAGE_TYPE));
    let acquisition = groups
        .find(tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_NUMBER)
        .and_then(|item| integer(item, tags::FRAME_ACQUISITION_NUMBER));
    Ok(CtImage {
        instance,
        frame,
        image_type: image_type.unwrap_or_default(),
        acquisition_number: acquisition
            .or_else(|| integer(groups.object, tags::ACQUISITION_NUMBER)),
        plane: read_plane(groups)?,
        rescale_slope,
        rescale_intercept: rescale(tags::RESCALE_INTERCEPT, 0.0, "RescaleIntercept")?,
    })
}

/// `None` where a part is missing, an error where one is impossible.
fn read_plane(groups: &Groups) -> Result<Option<ImagePlane>, CtImageError> {
    let position = groups.numbers(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT);
    let orientation =
        groups.numbers(tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT);
    let spacing = groups.numbers(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
    let (Some(position), Some(orientation), Some(spacing)) = (position, orientation, spacing)
    else {
        return Ok(None);
    };
    let position: [f64; 3] = position
        .try_into()
        .ok()
        .filter(|p: &[f64; 3]| p.iter().all(|c| c.abs() <= POSITION_MM_MAX))
        .ok_or(CtImageError::Attribute("ImagePositionPatient"))?;
    let [row_direction, column_direction] =
        directions(&orientation).ok_or(CtImageError::Attribute("ImageOrientationPatient"))?;
    let pixel_spacing_mm: [f64; 2] = spacing
        .try_into()
        .ok()
        .filter(|s: &[f64; 2]| s.iter().all(|mm| *mm > 0.0 && *mm <= POSITION_MM_MAX))
        .ok_or(CtImageError::Attribute("PixelSpacing"))?;
    let thickness = groups.numbers(tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS);
    let slice_thickness_mm = thickness.map(|values| values[0]).filter(|mm| *mm > 0.0);
    Ok(Some(ImagePlane {
        position,
        row_direction,
        column_direction,
        pixel_spacing_mm,
        slice_thickness_mm,
    }))
}

/// Row and column of Image Orientation (Patient), as unit vectors.
pub(super) fn directions(cosines: &[f64]) -> Option<[[f64; 3]; 2]> {
    let cosines: [f64; 6] = cosines.try_into().ok()?;
    let row: [f64; 3] = std::array::from_fn(|i| cosines[i]);
    let column: [f64; 3] = std::array::from_fn(|i| cosines[i + 3]);
    let is_unit = |v: &[f64; 3]| (norm(v) - 1.0).abs() <= COSINE_TOLERANCE;
    let valid = is_unit(&row) && is_unit(&column) && dot(&row, &column).abs() <= COSINE_TOLERANCE;
    valid.then(|| [row.map(|c| c / norm(&row)), column.map(|c| c / norm(&column))])
}
