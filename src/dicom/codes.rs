//! Coded concepts (PS3.16) that result objects use, each written once.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{items, put_text, sequence, text};
use crate::units::Side;

/// Code Value, Coding Scheme Designator and Code Meaning (PS3.3 section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    value: &'static str,
    scheme: &'static str,
    meaning: &'static str,
}

const fn sct(value: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme: "SCT", meaning }
}

const fn dcm(value: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme: "DCM", meaning }
}

const fn ucum(value: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme: "UCUM", meaning }
}

/// Category of a gland (CID 7150).
pub(crate) const ANATOMICAL_STRUCTURE: Code = sct("91723000", "Anatomical Structure");
/// Category of a mass (CID 7150).
pub(crate) const MORPHOLOGICALLY_ABNORMAL: Code =
    sct("49755003", "Morphologically Abnormal Structure");
/// CID 4031.
pub(crate) const PAROTID_GLAND: Code = sct("45289007", "Parotid gland");
/// CID 7159. Says nothing about its nature.
pub(crate) const MASS: Code = sct("4147007", "Mass");
/// CID 7162.
pub(crate) const ARTIFICIAL_INTELLIGENCE: Code = dcm("123110", "Artificial Intelligence");
/// How a segmentation comes from its source (CID 7203).
pub(crate) const SEGMENTATION: Code = dcm("113076", "Segmentation");
/// What a source image was used for (CID 7202).
pub(crate) const SOURCE_IMAGE: Code = dcm("121322", "Source image for image processing operation");

/// What a document is (CID 7021).
pub(crate) const IMAGING_MEASUREMENT_REPORT: Code = dcm("126000", "Imaging Measurement Report");
pub(crate) const LANGUAGE: Code = dcm("121049", "Language of Content Item and Descendants");
pub(crate) const ENGLISH: Code = Code { value: "en", scheme: "RFC5646", meaning: "English" };
pub(crate) const OBSERVER_TYPE: Code = dcm("121005", "Observer Type");
pub(crate) const DEVICE: Code = dcm("121007", "Device");
pub(crate) const DEVICE_OBSERVER_UID: Code = dcm("121012", "Device Observer UID");
pub(crate) const DEVICE_OBSERVER_NAME: Code = dcm("121013", "Device Observer Name");
pub(crate) const DEVICE_OBSERVER_MANUFACTURER: Code = dcm("121014", "Device Observer Manufacturer");
pub(crate) const DEVICE_OBSERVER_MODEL: Code = dcm("121015", "Device Observer Model Name");
pub(crate) const DEVICE_OBSERVER_SERIAL: Code = dcm("121016", "Device Observer Serial Number");
pub(crate) const PROCEDURE_REPORTED: Code = dcm("121058", "Procedure reported");
/// CID 100: the study may be of the head, the neck or both.
pub(crate) const CT_UNSPECIFIED: Code =
    Code { value: "25045-6", scheme: "LN", meaning: "CT unspecified body region" };
pub(crate) const IMAGE_LIBRARY: Code = dcm("111028", "Image Library");
pub(crate) const IMAGE_LIBRARY_GROUP: Code = dcm("126200", "Image Library Group");
pub(crate) const IMAGING_MEASUREMENTS: Code = dcm("126010", "Imaging Measurements");
pub(crate) const MEASUREMENT_GROUP: Code = dcm("125007", "Measurement Group");
pub(crate) const QUALITATIVE_EVALUATIONS: Code =
    Code { value: "C0034375", scheme: "UMLS", meaning: "Qualitative Evaluations" };
pub(crate) const TRACKING_IDENTIFIER: Code = dcm("112039", "Tracking Identifier");
pub(crate) const TRACKING_UID: Code = dcm("112040", "Tracking Unique Identifier");
pub(crate) const FINDING: Code = dcm("121071", "Finding");
pub(crate) const FINDING_SITE: Code = sct("363698007", "Finding Site");
pub(crate) const LATERALITY: Code = sct("272741003", "Laterality");
pub(crate) const REFERENCED_SEGMENT: Code = dcm("121191", "Referenced Segment");
pub(crate) const SOURCE_SERIES: Code = dcm("121232", "Source series for segmentation");
pub(crate) const ALGORITHM_NAME: Code = dcm("111001", "Algorithm Name");
pub(crate) const ALGORITHM_VERSION: Code = dcm("111003", "Algorithm Version");
pub(crate) const ALGORITHM_PARAMETERS: Code = dcm("111002", "Algorithm Parameters");
pub(crate) const COMMENT: Code = dcm("121106", "Comment");
pub(crate) const VOLUME: Code = sct("118565006", "Volume");
pub(crate) const MEASUREMENT_METHOD: Code = sct("370129005", "Measurement Method");
/// CID 7474.
pub(crate) const SUM_OF_VOXELS: Code = dcm("126030", "Sum of segmented voxel method for volume");
pub(crate) const LONG_AXIS: Code = sct("103339001", "Long axis");
pub(crate) const ATTENUATION: Code = dcm("112031", "Attenuation Coefficient");
pub(crate) const DERIVATION: Code = dcm("121401", "Derivation");
pub(crate) const MEAN: Code = sct("373098007", "Mean");
pub(crate) const CERTAINTY: Code = dcm("111012", "Certainty of Finding");
/// CID 240.
pub(crate) const PRESENT: Code = sct("52101004", "Present");
pub(crate) const ABSENT: Code = sct("272519000", "Absent");
pub(crate) const UNDETERMINED: Code = sct("373068000", "Undetermined");
/// What a computer found in all (CID 6047).
pub(crate) const FINDINGS_SUMMARY: Code = dcm("111017", "CAD Processing and Findings Summary");
pub(crate) const ALL_SUCCEEDED_WITHOUT_FINDINGS: Code =
    dcm("111241", "All algorithms succeeded; without findings");
pub(crate) const ALL_SUCCEEDED_WITH_FINDINGS: Code =
    dcm("111242", "All algorithms succeeded; with findings");
pub(crate) const NOT_ALL_SUCCEEDED_WITHOUT_FINDINGS: Code =
    dcm("111243", "Not all algorithms succeeded; without findings");
pub(crate) const NOT_ALL_SUCCEEDED_WITH_FINDINGS: Code =
    dcm("111244", "Not all algorithms succeeded; with findings");
pub(crate) const NONE_SUCCEEDED: Code = dcm("111245", "No algorithms succeeded; without findings");
/// UCUM (CID 7462, CID 7461 and others).
pub(crate) const CUBIC_CENTIMETER: Code = ucum("cm3", "cubic centimeter");
pub(crate) const MILLIMETER: Code = ucum("mm", "millimeter");
pub(crate) const HOUNSFIELD_UNIT: Code = ucum("[hnsf'U]", "Hounsfield unit");
pub(crate) const PERCENT: Code = ucum("%", "Percent");
/// Why other equipment is named (CID 7005).
pub(crate) const PROCESSING_EQUIPMENT: Code = dcm("109102", "Processing Equipment");
/// How an object was de-identified (CID 7050).
pub(crate) const BASIC_CONFIDENTIALITY_PROFILE: Code =
    dcm("113100", "Basic Application Confidentiality Profile");
pub(crate) const MODIFIED_DATES: Code =
    dcm("113107", "Retain Longitudinal Temporal Information Modified Dates Option");
/// Laterality (CID 244).
pub(crate) const fn laterality(side: Side) -> Code {
    match side {
        Side::Right => sct("24028007", "Right"),
        Side::Left => sct("7771000", "Left"),
    }
}

impl Code {
    /// Value, meaning and scheme, as HL7 has them in this order (v2.5.1 2.A.13 CWE).
    pub(crate) const fn parts(self) -> [&'static str; 3] {
        [self.value, self.meaning, self.scheme]
    }

    /// The sequence `tag` with this code as its one item, and what belongs to it in that item.
    pub(crate) fn put(self, object: &mut InMemDicomObject, tag: Tag) {
        self.put_with(object, tag, |_| ());
    }

    /// As [`Code::put`], with more in the item.
    pub(crate) fn put_with(
        self,
        object: &mut InMemDicomObject,
        tag: Tag,
        more: impl FnOnce(&mut InMemDicomObject),
    ) {
        let mut item = self.item();
        more(&mut item);
        object.put(sequence(tag, vec![item]));
    }

    /// An item with this code, for a sequence of several.
    pub(crate) fn item(self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::CODE_VALUE, VR::SH, self.value);
        put_text(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, self.scheme);
        put_text(&mut item, tags::CODE_MEANING, VR::LO, self.meaning);
        item
    }

    /// Whether the first item of the sequence `tag` is this code. The meaning is for people.
    pub(crate) fn is_in(self, object: &InMemDicomObject, tag: Tag) -> bool {
        items(object, tag).first().is_some_and(|item| {
            text(item, tags::CODE_VALUE).as_deref() == Some(self.value)
                && text(item, tags::CODING_SCHEME_DESIGNATOR).as_deref() == Some(self.scheme)
        })
    }
}
