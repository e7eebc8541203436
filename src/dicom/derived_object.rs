//! What all objects that are made from one result share: patient and study, dates, equipment, and UIDs that derive from
//! all that the result depends on.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{PatientStudy, put_text, sequence};
use super::codes::PROCESSING_EQUIPMENT;
use super::reference::Reference;
use super::uid::{StudyInstanceUid, derived_uid};

/// Manufacturer and Manufacturer's Model Name.
pub const PRODUCT: &str = "parotidd";
/// Content Date and Time of a study that has none.
const UNDATED: (&str, &str) = ("19000101", "000000");

/// A result as its objects see it. They are dated as the study: the same result gives the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct DerivedFrom {
    /// Patient and study.
    pub patient_study: PatientStudy,
    /// Study Instance UID.
    pub study: StudyInstanceUid,
    /// Everything that the result depends on, as one text.
    pub key: String,
    /// Models and versions, for people.
    pub made_by: String,
    /// Of the appliance.
    pub serial_number: String,
}

/// One kind of object; each has a series of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedKind {
    /// Of the UIDs; unique among kinds.
    pub name: &'static str,
    /// SOP Class UID.
    pub sop_class: &'static str,
    /// Modality (0008,0060).
    pub modality: &'static str,
    /// Series Number: far above what scanners give, so that it sorts last.
    pub series_number: u32,
    /// Series Description; says that it is not for diagnostic use.
    pub description: &'static str,
}

impl DerivedFrom {
    /// A UID of this result.
    #[must_use]
    pub fn uid(&self, parts: &[&str]) -> String {
        let mut all = vec![self.key.as_str()];
        all.extend(parts);
        derived_uid(&all)
    }

    /// The `number`th object of a kind, from 1.
    ///
    /// # Panics
    /// Never: SOP classes and derived UIDs are valid.
    #[must_use]
    pub fn reference(&self, kind: &DerivedKind, number: u32) -> Reference {
        let instance = self.uid(&[kind.name, "instance", &number.to_string()]);
        Reference {
            sop_class: kind.sop_class.parse().expect("the standard's UIDs are valid"),
            sop_instance: instance.parse().expect("derived UIDs are valid"),
        }
    }

    /// Series Instance UID of a kind.
    #[must_use]
    pub fn series(&self, kind: &DerivedKind) -> String {
        self.uid(&[kind.name, "series"])
    }

    /// Content Date, `YYYYMMDD`, and Content Time, `HHMMSS`.
    #[must_use]
    pub fn content_date_time(&self) -> (&str, &str) {
        let (date, time) =
            (self.patient_study.study_date.expose(), self.patient_study.study_time.expose());
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_date = date.len() == 8 && is_number(date);
        let has_time = has_date && time.get(..6).is_some_and(is_number);
        (if has_date { date } else { UNDATED.0 }, if has_time { &time[..6] } else { UNDATED.1 })
    }

    /// Patient, study, series, equipment and SOP common modules (PS3.3 C.7, C.12.1).
    pub(crate) fn put(&self, object: &mut InMemDicomObject, kind: &DerivedKind, number: u32) {
        self.patient_study.put(object);
        let (date, time) = self.content_date_time();
        let reference = self.reference(kind, number);
        let texts: [(Tag, VR, &str); 14] = [
            (tags::STUDY_INSTANCE_UID, VR::UI, self.study.as_str()),
            (tags::SOP_CLASS_UID, VR::UI, kind.sop_class),
            (tags::SOP_INSTANCE_UID, VR::UI, reference.sop_instance.as_str()),
            (tags::SERIES_INSTANCE_UID, VR::UI, &self.series(kind)),
            (tags::MODALITY, VR::CS, kind.modality),
            (tags::SERIES_NUMBER, VR::IS, &kind.series_number.to_string()),
            (tags::SERIES_DESCRIPTION, VR::LO, kind.description),
            (tags::SERIES_DATE, VR::DA, date),
            (tags::SERIES_TIME, VR::TM, time),
            (tags::INSTANCE_NUMBER, VR::IS, &number.to_string()),
            (tags::MANUFACTURER, VR::LO, PRODUCT),
            (tags::MANUFACTURER_MODEL_NAME, VR::LO, PRODUCT),
            (tags::DEVICE_SERIAL_NUMBER, VR::LO, &self.serial_number),
            (tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        ];
        for (tag, vr, value) in texts {
            put_text(object, tag, vr, value);
        }
        object.put(sequence(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![self.equipment()]));
    }

    /// Content Date and Time, which most objects have.
    pub(crate) fn put_content_date_time(&self, object: &mut InMemDicomObject) {
        let (date, time) = self.content_date_time();
        put_text(object, tags::CONTENT_DATE, VR::DA, date);
        put_text(object, tags::CONTENT_TIME, VR::TM, time);
    }

    /// What read the images, with its models.
    fn equipment(&self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::MANUFACTURER, VR::LO, PRODUCT);
        put_text(&mut item, tags::MANUFACTURER_MODEL_NAME, VR::LO, PRODUCT);
        put_text(&mut item, tags::DEVICE_SERIAL_NUMBER, VR::LO, &self.serial_number);
        put_text(&mut item, tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
        put_text(&mut item, tags::CONTRIBUTION_DESCRIPTION, VR::ST, &self.made_by);
        PROCESSING_EQUIPMENT.put(&mut item, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE);
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phi::Phi;

    #[test]
    fn objects_are_dated_as_their_study() {
        let check = |date: &str, time: &str, expected: (&str, &str)| {
            let patient_study = PatientStudy {
                study_date: Phi::new(date.to_owned()),
                study_time: Phi::new(time.to_owned()),
                ..PatientStudy::default()
            };
            let from = DerivedFrom {
                patient_study,
                study: "1.2".parse().unwrap(),
                key: "k".into(),
                made_by: String::new(),
                serial_number: "0".into(),
            };
            assert_eq!(from.content_date_time(), expected, "{date} {time}");
        };
        check("20260102", "030405.678", ("20260102", "030405"));
        check("20260102", "0304", ("20260102", "000000"));
        check("2026", "030405", UNDATED);
        check("20260102", "03\u{e9}45x", ("20260102", "000000"));
        check("", "", UNDATED);
    }
}
