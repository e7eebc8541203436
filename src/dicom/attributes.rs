//! Values out of data sets and into them, and the attributes that every object of a study shares.

use std::fs::File;
use std::path::Path;

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::dataset_scan::{ScanError, scan};
use crate::error::{Dispose, Disposition};
use crate::phi::Phi;

/// The value without padding; `None` where it is missing or empty.
pub(crate) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.get(tag)?.to_str().ok()?;
    let value = value.trim_matches([' ', '\0']);
    (!value.is_empty()).then(|| value.to_owned())
}

/// All values; `None` where it is missing, empty or no text.
pub(crate) fn texts(object: &InMemDicomObject, tag: Tag) -> Option<Vec<String>> {
    let values = object.get(tag)?.to_multi_str().ok()?;
    Some(values.iter().map(|value| value.trim_matches([' ', '\0']).to_owned()).collect())
}

/// All values as real numbers; `None` where it is missing or one is no number.
pub(crate) fn numbers(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    object.get(tag)?.to_multi_float64().ok().filter(|values| !values.is_empty())
}

/// The first value as a whole number; `None` where it is missing or no such number.
pub(crate) fn integer(object: &InMemDicomObject, tag: Tag) -> Option<i64> {
    object.get(tag)?.to_int().ok()
}

/// The items of a sequence; none where it is missing.
pub(crate) fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.get(tag).and_then(|element| element.items()).unwrap_or_default()
}

/// An element of one text value. Several are joined by a backslash.
pub(crate) fn put_text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, value));
}

/// An element of Decimal Strings (PS3.5 table 6.2-1).
pub(crate) fn put_numbers(object: &mut InMemDicomObject, tag: Tag, values: &[f64]) {
    let values: Vec<String> = values.iter().map(|value| decimal_string(*value)).collect();
    object.put(DataElement::new(tag, VR::DS, values.join("\\").as_str()));
}

/// An element of unsigned 16-bit numbers.
pub(crate) fn put_u16(object: &mut InMemDicomObject, tag: Tag, values: &[u16]) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into())));
}

/// A sequence.
pub(crate) fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> InMemElement {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// The shortest text of at most 16 characters that is nearest to `value` (VR DS).
pub(crate) fn decimal_string(value: f64) -> String {
    const LENGTH_MAX: usize = 16;
    // -0 is a number, but some readers show it.
    let value = if value == 0.0 { 0.0 } else { value };
    let exact = value.to_string();
    if exact.len() <= LENGTH_MAX {
        return exact;
    }
    let error = |text: &str| text.parse().map_or(f64::INFINITY, |read: f64| (read - value).abs());
    let plain = (0..=LENGTH_MAX).map(|digits| format!("{value:.digits$}"));
    let scientific = (0..=LENGTH_MAX).map(|digits| format!("{value:.digits$e}"));
    plain
        .chain(scientific)
        .filter(|text| text.len() <= LENGTH_MAX)
        .min_by(|a, b| error(a).total_cmp(&error(b)))
        .expect("no digits and an exponent fit into 16 characters")
}

/// Patient and study, as every object of the study repeats them (PS3.3 C.7.1.1 and C.7.2.1).
/// All may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientStudy {
    /// Patient's Name (0010,0010).
    pub patient_name: Phi<String>,
    /// Patient ID (0010,0020).
    pub patient_id: Phi<String>,
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    pub birth_date: Phi<String>,
    /// Patient's Sex (0010,0040): `F`, `M`, `O`.
    pub sex: Phi<String>,
    /// Study Date (0008,0020), `YYYYMMDD`.
    pub study_date: Phi<String>,
    /// Study Time (0008,0030), `HHMMSS`.
    pub study_time: Phi<String>,
    /// Accession Number (0008,0050).
    pub accession_number: Phi<String>,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician: Phi<String>,
    /// Study ID (0020,0010).
    pub study_id: Phi<String>,
}

/// Where each of [`PatientStudy`]'s fields stands.
const PATIENT_STUDY: [(Tag, VR); 9] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::STUDY_ID, VR::SH),
];

impl PatientStudy {
    /// Those of an instance on disk, for objects that are made from it.
    ///
    /// # Errors
    /// When the file is no DICOM that can be read.
    pub fn read(path: &Path) -> Result<Self, AttributesError> {
        let file = File::open(path).map_err(ScanError::Read)?;
        let length = file.metadata().map_err(ScanError::Read)?.len();
        let mut wanted = vec![tags::SPECIFIC_CHARACTER_SET];
        wanted.extend(PATIENT_STUDY.map(|(tag, _)| tag));
        let object = scan(file, length, &wanted)?.object;
        let mut found = Self::default();
        for (field, (tag, _)) in found.fields_mut().into_iter().zip(PATIENT_STUDY) {
            *field = Phi::new(text(&object, tag).unwrap_or_default());
        }
        Ok(found)
    }

    fn fields(&self) -> [&Phi<String>; 9] {
        [
            &self.patient_name,
            &self.patient_id,
            &self.birth_date,
            &self.sex,
            &self.study_date,
            &self.study_time,
            &self.accession_number,
            &self.referring_physician,
            &self.study_id,
        ]
    }

    fn fields_mut(&mut self) -> [&mut Phi<String>; 9] {
        [
            &mut self.patient_name,
            &mut self.patient_id,
            &mut self.birth_date,
            &mut self.sex,
            &mut self.study_date,
            &mut self.study_time,
            &mut self.accession_number,
            &mut self.referring_physician,
            &mut self.study_id,
        ]
    }

    /// Writes them, and the character set they are written in.
    pub(crate) fn put(&self, object: &mut InMemDicomObject) {
        put_text(object, tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        for (field, (tag, vr)) in self.fields().into_iter().zip(PATIENT_STUDY) {
            put_text(object, tag, vr, field.expose());
        }
    }
}

/// The header of an instance could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the header of an instance")]
pub struct AttributesError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Dispose for AttributesError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

impl From<ScanError> for AttributesError {
    fn from(error: ScanError) -> Self {
        Self(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_fit_and_read_back() {
        let check = |value: f64, expected: &str| {
            let text = decimal_string(value);
            assert_eq!(text, expected);
            assert!((text.parse::<f64>().unwrap() - value).abs() <= value.abs() * 1e-7);
        };
        check(0.0, "0");
        check(-0.0, "0");
        check(-512.5, "-512.5");
        check(0.970_295_726_275_996_5, "0.970295726276");
        check(-106.791_015_625_123_46, "-106.79101562512");
        check(1.234_567_890_123e-12, "1.2345678901e-12");
        check(-1.0 / 3.0 * 1e-9, "-3.333333333e-10");
    }
}
