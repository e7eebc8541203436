//! A PDF file as Encapsulated PDF Storage (PS3.3 A.45.1).

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{put_text, sequence};
use super::codes::IMAGING_MEASUREMENT_REPORT;
use super::ct_series_writer::{WriteError, write_object};
use super::derived_object::{DerivedFrom, DerivedKind};
use super::reference::Reference;

/// Writes a document of one page about these instances.
///
/// # Errors
/// See [`WriteError`].
pub fn write_encapsulated_pdf(
    path: &Path,
    from: &DerivedFrom,
    kind: &DerivedKind,
    pdf: &[u8],
    sources: &[Reference],
) -> Result<(), WriteError> {
    let mut object = InMemDicomObject::new_empty();
    from.put(&mut object, kind, 1);
    from.put_content_date_time(&mut object);
    let (date, time) = from.content_date_time();
    let texts: [(Tag, VR, &str); 5] = [
        // Made on a workstation (PS3.3 C.8.6.1).
        (tags::CONVERSION_TYPE, VR::CS, "WSD"),
        (tags::ACQUISITION_DATE_TIME, VR::DT, &format!("{date}{time}")),
        // It names the patient.
        (tags::BURNED_IN_ANNOTATION, VR::CS, "YES"),
        (tags::DOCUMENT_TITLE, VR::ST, kind.description),
        (tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, VR::LO, "application/pdf"),
    ];
    for (tag, vr, value) in texts {
        put_text(&mut object, tag, vr, value);
    }
    IMAGING_MEASUREMENT_REPORT.put(&mut object, tags::CONCEPT_NAME_CODE_SEQUENCE);
    let sources = sources.iter().map(Reference::item).collect();
    object.put(sequence(tags::SOURCE_INSTANCE_SEQUENCE, sources));
    let length = u32::try_from(pdf.len()).map_err(|error| WriteError::Build(Box::new(error)))?;
    let length =
        DataElement::new(tags::ENCAPSULATED_DOCUMENT_LENGTH, VR::UL, PrimitiveValue::from(length));
    object.put(length);
    let mut bytes = pdf.to_vec();
    // Values have an even length (PS3.5 7.1).
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    object.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT,
        VR::OB,
        PrimitiveValue::U8(bytes.into()),
    ));
    write_object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, path)
}

/// The document of such a file; `None` where it has none, or is not there.
#[must_use]
pub fn read_encapsulated_pdf(path: &Path) -> Option<Vec<u8>> {
    let object = dicom_object::open_file(path).ok()?;
    let length = object.element(tags::ENCAPSULATED_DOCUMENT_LENGTH).ok()?.to_int::<usize>().ok()?;
    let mut bytes = object.element(tags::ENCAPSULATED_DOCUMENT).ok()?.to_bytes().ok()?.into_owned();
    bytes.truncate(length);
    Some(bytes)
}
