//! Outlines as a DICOM Segmentation object (SEG, PS3.3 A.51), binary, on the grid of its source CT.
//!
//! One frame a segment and slice where the segment is; slices without it have no frame unless
//! [`SegmentationHeader::empty_frames`] asks for them. Frames are packed to bits without padding
//! between them, first pixel in the lowest bit (PS3.5 8.1.1).

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{PatientStudy, put_numbers, put_text, put_u16, sequence};
use super::codes::{
    ANATOMICAL_STRUCTURE, ARTIFICIAL_INTELLIGENCE, MASS, MORPHOLOGICALLY_ABNORMAL, PAROTID_GLAND,
    SEGMENTATION, SOURCE_IMAGE, laterality,
};
use super::ct_image::CtImage;
use super::ct_series_writer::{
    CtSeriesHeader, Frame, WriteError, put_slice_position, slice_uids, write_object,
};
use super::uid::{
    FrameOfReferenceUid, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid,
    derived_uid,
};
use crate::imaging::geometry::{cross, dot, norm};
use crate::imaging::{Geometry, Mask};
use crate::units::Side;

/// What is outlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// A whole parotid gland.
    ParotidGland,
    /// A mass in it.
    Mass,
}

/// One outline.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Its name in viewers, at most 64 characters.
    pub label: &'a str,
    /// What it is.
    pub kind: SegmentKind,
    /// The patient's side.
    pub side: Side,
    /// Tracking UID (0062,0021): what other objects call it.
    pub tracking_uid: &'a str,
    /// On the source's grid. A mask without a voxel still gets one, empty, frame.
    pub mask: &'a Mask,
}

/// Who drew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlgorithmKind {
    /// A person.
    Manual,
    /// A person with a program.
    Semiautomatic,
    /// A program.
    Automatic,
    /// A program that learnt it; also automatic.
    ArtificialIntelligence,
}

/// Who drew it, in which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithm {
    /// What kind.
    pub kind: AlgorithmKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Thresholds, grid, model hashes: whatever may change an outline.
    pub parameters: String,
}

/// One slice of the source: an instance, or a frame of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceReference {
    /// SOP Instance UID.
    pub sop_instance_uid: SopInstanceUid,
    /// Frame, from 0, of a multi-frame instance.
    pub frame: Option<usize>,
}

/// The CT series that was outlined.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSeries {
    /// Patient and study.
    pub patient_study: PatientStudy,
    /// Study Instance UID.
    pub study_instance_uid: StudyInstanceUid,
    /// Series Instance UID.
    pub series_instance_uid: SeriesInstanceUid,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: FrameOfReferenceUid,
    /// SOP class of its instances.
    pub sop_class_uid: SopClassUid,
    /// In the order of the geometry's slices.
    pub slices: Vec<SliceReference>,
    /// Its grid.
    pub geometry: Geometry,
}

impl SourceSeries {
    /// The series that sorted images make; `None` where there is no image or no frame of reference.
    #[must_use]
    pub fn from_images(
        images: &[CtImage],
        geometry: Geometry,
        patient_study: PatientStudy,
    ) -> Option<Self> {
        let first = &images.first()?.instance;
        let multi_frame = first.sop_class_uid.as_str() != uids::CT_IMAGE_STORAGE;
        let slice = |image: &CtImage| SliceReference {
            sop_instance_uid: image.instance.sop_instance_uid.clone(),
            frame: multi_frame.then_some(image.frame),
        };
        Some(Self {
            patient_study,
            study_instance_uid: first.study_instance_uid.clone(),
            series_instance_uid: first.series_instance_uid.clone(),
            frame_of_reference_uid: first.frame_of_reference_uid.clone()?,
            sop_class_uid: first.sop_class_uid.clone(),
            slices: images.iter().map(slice).collect(),
            geometry,
        })
    }

    /// The series that [`super::ct_series_writer::write_ct_series`] writes.
    ///
    /// # Panics
    /// Never: the SOP class is a valid UID.
    #[must_use]
    pub fn from_header(header: &CtSeriesHeader, geometry: Geometry) -> Self {
        let uids = slice_uids(&header.series_instance_uid, geometry.shape()[0]);
        let slice = |uid| SliceReference { sop_instance_uid: uid, frame: None };
        Self {
            patient_study: header.patient_study.clone(),
            study_instance_uid: header.study_instance_uid.clone(),
            series_instance_uid: header.series_instance_uid.clone(),
            frame_of_reference_uid: header.frame_of_reference_uid.clone(),
            sop_class_uid: uids::CT_IMAGE_STORAGE.parse().expect("the standard's UIDs are valid"),
            slices: uids.into_iter().map(slice).collect(),
            geometry,
        }
    }
}

/// What the object says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentationHeader {
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// Series Number.
    pub series_number: u32,
    /// Series Description; says that it is not for diagnostic use where a patient's.
    pub series_description: String,
    /// Content Label, a code string: capitals, digits, underscore, at most 16.
    pub content_label: String,
    /// Date of the outline, `YYYYMMDD`.
    pub content_date: String,
    /// Time of the outline, `HHMMSS`.
    pub content_time: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Manufacturer's Model Name.
    pub model_name: String,
    /// Device Serial Number.
    pub serial_number: String,
    /// Who drew it.
    pub algorithm: Algorithm,
    /// A frame for each slice of each segment, also where it is not: some viewers need it.
    pub empty_frames: bool,
}

/// Writes the outlines as one SEG file, explicit little endian.
///
/// # Errors
/// [`WriteError::Grid`] when a mask is not on the source's grid, there is none, or the grid's slices
/// are not the source's; otherwise see [`WriteError`].
pub fn write_segmentation(
    path: &Path,
    source: &SourceSeries,
    segments: &[Segment],
    header: &SegmentationHeader,
) -> Result<(), WriteError> {
    let grid = &source.geometry;
    let fits = |segment: &Segment| segment.mask.shape() == grid.shape();
    if segments.is_empty() || !segments.iter().all(fits) || source.slices.len() != grid.shape()[0] {
        return Err(WriteError::Grid);
    }
    let plane = Frame::new(grid).ok_or(WriteError::Grid)?;
    let frames = list_frames(segments, header.empty_frames);
    let mut object = InMemDicomObject::new_empty();
    put_identity(&mut object, source, header);
    put_references(&mut object, source);
    put_dimensions(&mut object, source);
    let numbered = (1..).zip(segments);
    let segment_items = numbered.map(|(number, s)| segment_item(number, s, &header.algorithm));
    object.put(sequence(tags::SEGMENT_SEQUENCE, segment_items.collect()));
    plane.put_size(&mut object);
    let shared = shared_groups(&plane, grid);
    object.put(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]));
    let per_frame = frames.iter().map(|frame| frame_groups(frame, source)).collect();
    object.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, per_frame));
    put_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, &frames.len().to_string());
    let bits = pack(&frames, segments);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bits.into())));
    write_object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, path)
}

/// One frame: which segment, by place in the list, and which slice.
struct SegmentFrame {
    segment: usize,
    slice: usize,
}

fn list_frames(segments: &[Segment], empty_frames: bool) -> Vec<SegmentFrame> {
    let mut frames = Vec::new();
    for (segment, Segment { mask, .. }) in segments.iter().enumerate() {
        let n_slices = mask.shape()[0];
        let is_inside = |slice: &usize| mask.slice(*slice).iter().any(|&voxel| voxel != 0);
        let mut slices: Vec<usize> =
            (0..n_slices).filter(|slice| empty_frames || is_inside(slice)).collect();
        if slices.is_empty() {
            slices.push(n_slices / 2);
        }
        frames.extend(slices.into_iter().map(|slice| SegmentFrame { segment, slice }));
    }
    frames
}

/// Frames without padding between them, so a frame may begin within a byte.
fn pack(frames: &[SegmentFrame], segments: &[Segment]) -> Vec<u8> {
    let [_, n_rows, n_columns] = segments[0].mask.shape();
    let n_bytes = (frames.len() * n_rows * n_columns).div_ceil(8);
    // Values have an even length (PS3.5 7.1).
    let mut bytes = vec![0_u8; n_bytes.next_multiple_of(2)];
    let voxels = frames.iter().flat_map(|f| segments[f.segment].mask.slice(f.slice));
    for (bit, _) in voxels.enumerate().filter(|(_, voxel)| **voxel != 0) {
        bytes[bit / 8] |= 1 << (bit % 8);
    }
    bytes
}

fn put_identity(object: &mut InMemDicomObject, source: &SourceSeries, header: &SegmentationHeader) {
    source.patient_study.put(object);
    let texts: [(Tag, VR, &str); 27] = [
        (tags::STUDY_INSTANCE_UID, VR::UI, source.study_instance_uid.as_str()),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, source.frame_of_reference_uid.as_str()),
        (tags::POSITION_REFERENCE_INDICATOR, VR::LO, ""),
        (tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, &header.sop_instance_uid),
        (tags::SERIES_INSTANCE_UID, VR::UI, &header.series_instance_uid),
        (tags::MODALITY, VR::CS, "SEG"),
        (tags::SERIES_NUMBER, VR::IS, &header.series_number.to_string()),
        (tags::SERIES_DESCRIPTION, VR::LO, &header.series_description),
        (tags::SERIES_DATE, VR::DA, &header.content_date),
        (tags::SERIES_TIME, VR::TM, &header.content_time),
        (tags::INSTANCE_NUMBER, VR::IS, "1"),
        (tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        (tags::CONTENT_DATE, VR::DA, &header.content_date),
        (tags::CONTENT_TIME, VR::TM, &header.content_time),
        (tags::CONTENT_LABEL, VR::CS, &header.content_label),
        (tags::CONTENT_DESCRIPTION, VR::LO, ""),
        (tags::CONTENT_CREATOR_NAME, VR::PN, ""),
        (tags::MANUFACTURER, VR::LO, &header.manufacturer),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, &header.model_name),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO, &header.serial_number),
        (tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        (tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        (tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
        (tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"),
    ];
    for (tag, vr, value) in texts {
        put_text(object, tag, vr, value);
    }
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::BITS_ALLOCATED, 1),
        (tags::BITS_STORED, 1),
        (tags::HIGH_BIT, 0),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put_u16(object, tag, &[value]);
    }
}

/// Referenced Series Sequence (PS3.3 C.12.2): each source instance once.
fn put_references(object: &mut InMemDicomObject, source: &SourceSeries) {
    let mut instances: Vec<&SopInstanceUid> =
        source.slices.iter().map(|slice| &slice.sop_instance_uid).collect();
    instances.sort_unstable();
    instances.dedup();
    let references = instances.into_iter().map(|uid| instance_reference(source, uid)).collect();
    let mut series = InMemDicomObject::new_empty();
    let uid = source.series_instance_uid.as_str();
    put_text(&mut series, tags::SERIES_INSTANCE_UID, VR::UI, uid);
    series.put(sequence(tags::REFERENCED_INSTANCE_SEQUENCE, references));
    object.put(sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![series]));
}

fn instance_reference(source: &SourceSeries, uid: &SopInstanceUid) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::REFERENCED_SOP_CLASS_UID, VR::UI, source.sop_class_uid.as_str());
    put_text(&mut item, tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, uid.as_str());
    item
}

/// Frames are indexed by segment, then by position (PS3.3 C.7.6.17).
fn put_dimensions(object: &mut InMemDicomObject, source: &SourceSeries) {
    let organization = derived_uid(&[source.series_instance_uid.as_str(), "seg", "dimensions"]);
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::DIMENSION_ORGANIZATION_UID, VR::UI, &organization);
    object.put(sequence(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![item]));
    let index = |pointer: Tag, group: Tag, label: &str| {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::DIMENSION_ORGANIZATION_UID, VR::UI, &organization);
        for (tag, target) in
            [(tags::DIMENSION_INDEX_POINTER, pointer), (tags::FUNCTIONAL_GROUP_POINTER, group)]
        {
            item.put(DataElement::new(tag, VR::AT, PrimitiveValue::from(target)));
        }
        put_text(&mut item, tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label);
        item
    };
    let by_segment = index(
        tags::REFERENCED_SEGMENT_NUMBER,
        tags::SEGMENT_IDENTIFICATION_SEQUENCE,
        "Segment Number",
    );
    let by_position =
        index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position");
    object.put(sequence(tags::DIMENSION_INDEX_SEQUENCE, vec![by_segment, by_position]));
}

fn segment_item(number: u16, segment: &Segment, algorithm: &Algorithm) -> InMemDicomObject {
    let (category, property) = match segment.kind {
        SegmentKind::ParotidGland => (ANATOMICAL_STRUCTURE, PAROTID_GLAND),
        SegmentKind::Mass => (MORPHOLOGICALLY_ABNORMAL, MASS),
    };
    let Algorithm { kind, name, .. } = algorithm;
    let algorithm_type = match kind {
        AlgorithmKind::Manual => "MANUAL",
        AlgorithmKind::Semiautomatic => "SEMIAUTOMATIC",
        AlgorithmKind::Automatic | AlgorithmKind::ArtificialIntelligence => "AUTOMATIC",
    };
    let side = laterality(segment.side);
    let mut item = InMemDicomObject::new_empty();
    put_u16(&mut item, tags::SEGMENT_NUMBER, &[number]);
    put_text(&mut item, tags::SEGMENT_LABEL, VR::LO, segment.label);
    put_text(&mut item, tags::SEGMENT_ALGORITHM_TYPE, VR::CS, algorithm_type);
    category.put(&mut item, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE);
    let modifier = tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE;
    property.put_with(&mut item, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, |property| {
        side.put(property, modifier);
    });
    PAROTID_GLAND.put_with(&mut item, tags::ANATOMIC_REGION_SEQUENCE, |region| {
        side.put(region, tags::ANATOMIC_REGION_MODIFIER_SEQUENCE);
    });
    put_text(&mut item, tags::TRACKING_ID, VR::UT, segment.label);
    put_text(&mut item, tags::TRACKING_UID, VR::UI, segment.tracking_uid);
    if *kind != AlgorithmKind::Manual {
        put_text(&mut item, tags::SEGMENT_ALGORITHM_NAME, VR::LO, name);
    }
    if *kind == AlgorithmKind::ArtificialIntelligence {
        let identification = algorithm_item(algorithm);
        let tag = tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE;
        item.put(sequence(tag, vec![identification]));
    }
    item
}

/// Algorithm Identification (PS3.3 table 10-19).
fn algorithm_item(algorithm: &Algorithm) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    ARTIFICIAL_INTELLIGENCE.put(&mut item, tags::ALGORITHM_FAMILY_CODE_SEQUENCE);
    put_text(&mut item, tags::ALGORITHM_NAME, VR::LO, &algorithm.name);
    put_text(&mut item, tags::ALGORITHM_VERSION, VR::LO, &algorithm.version);
    put_text(&mut item, tags::ALGORITHM_PARAMETERS, VR::LT, &algorithm.parameters);
    item
}

fn shared_groups(plane: &Frame, grid: &Geometry) -> InMemDicomObject {
    let [slice_step, row_step, column_step] = grid.steps();
    let normal = cross(&column_step, &row_step);
    let between_slices_mm = dot(&slice_step, &normal).abs() / norm(&normal);
    let mut measures = InMemDicomObject::new_empty();
    plane.put_spacing(&mut measures);
    put_numbers(&mut measures, tags::SLICE_THICKNESS, &[between_slices_mm]);
    put_numbers(&mut measures, tags::SPACING_BETWEEN_SLICES, &[between_slices_mm]);
    let mut orientation = InMemDicomObject::new_empty();
    plane.put_orientation(&mut orientation);
    InMemDicomObject::from_element_iter([
        sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]),
        sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]),
    ])
}

fn frame_groups(frame: &SegmentFrame, source: &SourceSeries) -> InMemDicomObject {
    let to_number = |from_0: usize| u32::try_from(from_0 + 1).expect("sides fit into 16 bits");
    let number = to_number(frame.segment);
    let mut content = InMemDicomObject::new_empty();
    let index = PrimitiveValue::U32([number, to_number(frame.slice)].as_slice().into());
    content.put(DataElement::new(tags::DIMENSION_INDEX_VALUES, VR::UL, index));
    let mut position = InMemDicomObject::new_empty();
    put_slice_position(&mut position, &source.geometry, frame.slice);
    let mut identification = InMemDicomObject::new_empty();
    let number = u16::try_from(number).expect("segments are few");
    put_u16(&mut identification, tags::REFERENCED_SEGMENT_NUMBER, &[number]);
    let slice = &source.slices[frame.slice];
    let mut reference = instance_reference(source, &slice.sop_instance_uid);
    if let Some(frame) = slice.frame {
        let number = (frame + 1).to_string();
        put_text(&mut reference, tags::REFERENCED_FRAME_NUMBER, VR::IS, &number);
    }
    put_text(&mut reference, tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
    SOURCE_IMAGE.put(&mut reference, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE);
    let mut derivation = InMemDicomObject::new_empty();
    SEGMENTATION.put(&mut derivation, tags::DERIVATION_CODE_SEQUENCE);
    derivation.put(sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![reference]));
    InMemDicomObject::from_element_iter([
        sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content]),
        sequence(tags::PLANE_POSITION_SEQUENCE, vec![position]),
        sequence(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![identification]),
        sequence(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]),
    ])
}
