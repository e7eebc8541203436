//! Writes a volume as a series of CT Image Storage instances (PS3.3 A.3): the phantom's, and tests'.

use std::path::{Path, PathBuf};

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use rayon::prelude::*;

use super::attributes::{PatientStudy, put_numbers, put_text, put_u16};
use super::part10::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use super::uid::{
    FrameOfReferenceUid, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid, derived_uid,
};
use crate::error::{Dispose, Disposition};
use crate::imaging::geometry::{cross, dot, norm};
use crate::imaging::{Geometry, Volume};
use crate::units::Hounsfield;

/// What a series says of itself. Texts may be empty unless a line says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct CtSeriesHeader {
    /// Patient and study.
    pub patient_study: PatientStudy,
    /// Patient's Age (0010,1010), e.g. `057Y`.
    pub patient_age: String,
    /// Study Instance UID.
    pub study_instance_uid: StudyInstanceUid,
    /// Series Instance UID. The SOP Instance UIDs derive from it.
    pub series_instance_uid: SeriesInstanceUid,
    /// Coordinate system.
    pub frame_of_reference_uid: FrameOfReferenceUid,
    /// Series Number.
    pub series_number: u32,
    /// Series Description.
    pub series_description: String,
    /// Date of the series and its images, `YYYYMMDD`.
    pub series_date: String,
    /// Time of the series and its images, `HHMMSS`.
    pub series_time: String,
    /// Body Part Examined, e.g. `HEADNECK`.
    pub body_part: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Manufacturer's Model Name.
    pub model_name: String,
    /// Convolution Kernel.
    pub kernel: String,
    /// Peak kilovoltage.
    pub kvp: f64,
    /// Slice Thickness, mm.
    pub slice_thickness_mm: f64,
    /// How the values are stored.
    pub encoding: CtEncoding,
}

/// How values are stored, all variants that scanners use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CtEncoding {
    /// Implicit VR Little Endian instead of explicit.
    pub implicit_vr: bool,
    /// Two's complement instead of unsigned.
    pub signed: bool,
    /// Bits Stored, 1 to 16.
    pub bits_stored: u16,
    /// HU per stored unit.
    pub slope: f64,
    /// HU of the stored value 0.
    pub intercept: f64,
    /// Stored value that stands for "outside the field of view".
    pub padding: Option<i32>,
}

impl Default for CtEncoding {
    /// Unsigned 12 bits from -1024 HU on, explicit VR.
    fn default() -> Self {
        Self {
            implicit_vr: false,
            signed: false,
            bits_stored: 12,
            slope: 1.0,
            intercept: -1024.0,
            padding: None,
        }
    }
}

/// A series could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The rows or columns are sheared, or a side is too large for DICOM.
    #[error("the grid can't be written as DICOM images")]
    Grid,
    /// An object could not be made.
    #[error("could not build the object")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk refused.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Dispose for WriteError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Write { .. } => Disposition::Retry,
            Self::Grid | Self::Build(_) => Disposition::Reject,
        }
    }
}

/// SOP Instance UID of each slice that [`write_ct_series`] writes.
#[must_use]
pub fn slice_uids(series: &SeriesInstanceUid, n_slices: usize) -> Vec<SopInstanceUid> {
    (0..n_slices)
        .map(|slice| {
            let uid = derived_uid(&[series.as_str(), "ct", &slice.to_string()]);
            uid.parse().expect("derived UIDs are valid")
        })
        .collect()
}

/// Writes `IM00001.dcm` and so on into an existing folder, one a slice, and names them in slice order.
///
/// The grid's slice axis may be sheared, as under a tilted gantry; rows and columns must be at right
/// angles. Values beyond what the encoding holds become its least or largest.
///
/// # Errors
/// See [`WriteError`].
pub fn write_ct_series(
    folder: &Path,
    volume: &Volume<Hounsfield>,
    header: &CtSeriesHeader,
) -> Result<Vec<PathBuf>, WriteError> {
    let frame = Frame::new(volume.geometry()).ok_or(WriteError::Grid)?;
    let uids = slice_uids(&header.series_instance_uid, volume.shape()[0]);
    let paths = (0..uids.len()).map(|slice| folder.join(format!("IM{:05}.dcm", slice + 1)));
    let paths: Vec<PathBuf> = paths.collect();
    paths.par_iter().zip(&uids).enumerate().try_for_each(|(slice, (path, uid))| {
        let mut object = InMemDicomObject::new_empty();
        put_patient_study_series(&mut object, header);
        put_image(&mut object, header, uid, slice);
        frame.put(&mut object, volume.geometry(), slice);
        put_pixels(&mut object, header.encoding, volume.slice(slice));
        let syntax = if header.encoding.implicit_vr {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
        } else {
            uids::EXPLICIT_VR_LITTLE_ENDIAN
        };
        write_object(object, syntax, path)
    })?;
    Ok(paths)
}

/// Writes a data set with its SOP class and instance UID as a Part 10 file.
pub(crate) fn write_object(
    object: InMemDicomObject,
    transfer_syntax: &str,
    path: &Path,
) -> Result<(), WriteError> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax)
        .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
        .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
    let object = object.with_meta(meta).map_err(|error| WriteError::Build(Box::new(error)))?;
    object
        .write_to_file(path)
        .map_err(|error| WriteError::Write { path: path.to_owned(), source: Box::new(error) })
}

fn put_patient_study_series(object: &mut InMemDicomObject, header: &CtSeriesHeader) {
    header.patient_study.put(object);
    let texts: [(Tag, VR, &str); 15] = [
        (tags::PATIENT_AGE, VR::AS, &header.patient_age),
        (tags::STUDY_INSTANCE_UID, VR::UI, header.study_instance_uid.as_str()),
        (tags::SERIES_INSTANCE_UID, VR::UI, header.series_instance_uid.as_str()),
        (tags::MODALITY, VR::CS, "CT"),
        (tags::SERIES_NUMBER, VR::IS, &header.series_number.to_string()),
        (tags::SERIES_DESCRIPTION, VR::LO, &header.series_description),
        (tags::SERIES_DATE, VR::DA, &header.series_date),
        (tags::SERIES_TIME, VR::TM, &header.series_time),
        (tags::BODY_PART_EXAMINED, VR::CS, &header.body_part),
        (tags::PATIENT_POSITION, VR::CS, "HFS"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, header.frame_of_reference_uid.as_str()),
        (tags::POSITION_REFERENCE_INDICATOR, VR::LO, ""),
        (tags::MANUFACTURER, VR::LO, &header.manufacturer),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, &header.model_name),
        (tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
    ];
    for (tag, vr, value) in texts {
        put_text(object, tag, vr, value);
    }
}

fn put_image(
    object: &mut InMemDicomObject,
    header: &CtSeriesHeader,
    uid: &SopInstanceUid,
    slice: usize,
) {
    let texts: [(Tag, VR, &str); 10] = [
        (tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, uid.as_str()),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (tags::INSTANCE_NUMBER, VR::IS, &(slice + 1).to_string()),
        (tags::ACQUISITION_NUMBER, VR::IS, "1"),
        (tags::ACQUISITION_DATE, VR::DA, &header.series_date),
        (tags::ACQUISITION_TIME, VR::TM, &header.series_time),
        (tags::CONTENT_DATE, VR::DA, &header.series_date),
        (tags::CONTENT_TIME, VR::TM, &header.series_time),
        (tags::CONVOLUTION_KERNEL, VR::SH, &header.kernel),
    ];
    for (tag, vr, value) in texts {
        put_text(object, tag, vr, value);
    }
    put_numbers(object, tags::KVP, &[header.kvp]);
    put_numbers(object, tags::SLICE_THICKNESS, &[header.slice_thickness_mm]);
}

/// Rows and columns of a grid as DICOM describes them.
pub(crate) struct Frame {
    n_rows: u16,
    n_columns: u16,
    /// Direction of a row, then of a column (PS3.3 C.7.6.2.1.1).
    orientation: [f64; 6],
    /// From row to row, from column to column.
    spacing_mm: [f64; 2],
}

impl Frame {
    /// `None` where rows and columns are not at right angles, or are too many.
    pub(crate) fn new(grid: &Geometry) -> Option<Self> {
        const RIGHT_ANGLE_COSINE_MAX: f64 = 1e-4;
        let [_, row_step, column_step] = grid.steps();
        let [_, row_mm, column_mm] = grid.spacing_mm();
        let [along_row, along_column] =
            [column_step.map(|c| c / column_mm), row_step.map(|c| c / row_mm)];
        let [_, n_rows, n_columns] = grid.shape();
        (dot(&along_row, &along_column).abs() <= RIGHT_ANGLE_COSINE_MAX).then_some(())?;
        Some(Self {
            n_rows: u16::try_from(n_rows).ok()?,
            n_columns: u16::try_from(n_columns).ok()?,
            orientation: std::array::from_fn(|i| {
                if i < 3 { along_row[i] } else { along_column[i - 3] }
            }),
            spacing_mm: [row_mm, column_mm],
        })
    }

    /// Rows and Columns.
    pub(crate) fn put_size(&self, object: &mut InMemDicomObject) {
        put_u16(object, tags::ROWS, &[self.n_rows]);
        put_u16(object, tags::COLUMNS, &[self.n_columns]);
    }

    /// Image Orientation (Patient).
    pub(crate) fn put_orientation(&self, object: &mut InMemDicomObject) {
        put_numbers(object, tags::IMAGE_ORIENTATION_PATIENT, &self.orientation);
    }

    /// Pixel Spacing.
    pub(crate) fn put_spacing(&self, object: &mut InMemDicomObject) {
        put_numbers(object, tags::PIXEL_SPACING, &self.spacing_mm);
    }

    fn put(&self, object: &mut InMemDicomObject, grid: &Geometry, slice: usize) {
        self.put_size(object);
        self.put_orientation(object);
        self.put_spacing(object);
        put_slice_position(object, grid, slice);
        put_numbers(object, tags::GANTRY_DETECTOR_TILT, &[tilt_degrees(grid)]);
    }
}

/// Image Position (Patient) of a slice.
pub(crate) fn put_slice_position(object: &mut InMemDicomObject, grid: &Geometry, slice: usize) {
    #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
    let position: [f64; 3] = grid.to_patient([slice as f64, 0.0, 0.0]).into();
    put_numbers(object, tags::IMAGE_POSITION_PATIENT, &position);
}

/// Angle between the slice step and the slice normal.
fn tilt_degrees(grid: &Geometry) -> f64 {
    let [slice_step, row_step, column_step] = grid.steps();
    let normal = cross(&column_step, &row_step);
    let cosine = dot(&normal, &slice_step).abs() / (norm(&normal) * norm(&slice_step));
    // Below a thousandth it is rounding.
    (cosine.min(1.0).acos().to_degrees() * 1e3).round() / 1e3
}

fn put_pixels(object: &mut InMemDicomObject, encoding: CtEncoding, slice: &[Hounsfield]) {
    let CtEncoding { signed, bits_stored, slope, intercept, .. } = encoding;
    put_text(object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    put_u16(object, tags::SAMPLES_PER_PIXEL, &[1]);
    put_u16(object, tags::BITS_ALLOCATED, &[16]);
    put_u16(object, tags::BITS_STORED, &[bits_stored]);
    put_u16(object, tags::HIGH_BIT, &[bits_stored - 1]);
    put_u16(object, tags::PIXEL_REPRESENTATION, &[u16::from(signed)]);
    put_numbers(object, tags::RESCALE_SLOPE, &[slope]);
    put_numbers(object, tags::RESCALE_INTERCEPT, &[intercept]);
    put_text(object, tags::RESCALE_TYPE, VR::LO, "HU");
    let span = 1_i32 << bits_stored;
    let least = if signed { -span / 2 } else { 0 };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the stored bits; the upper ones of a negative number are its sign"
    )]
    let store = |stored: i32| stored.clamp(least, least + span - 1) as u16;
    if let Some(padding) = encoding.padding {
        let (vr, value) = if signed {
            (VR::SS, PrimitiveValue::from(store(padding).cast_signed()))
        } else {
            (VR::US, PrimitiveValue::from(store(padding)))
        };
        object.put(DataElement::new(tags::PIXEL_PADDING_VALUE, vr, value));
    }
    #[allow(clippy::cast_possible_truncation, reason = "a cast to i32 saturates")]
    let values: Vec<u16> = slice
        .iter()
        .map(|hu| store(((f64::from(hu.0) - intercept) / slope).round() as i32))
        .collect();
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values.into())));
}
