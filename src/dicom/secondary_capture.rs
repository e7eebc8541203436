//! Pictures as Secondary Capture Image Storage (PS3.3 A.8.1): what every viewer shows.

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{put_text, put_u16, sequence};
use super::ct_series_writer::{WriteError, write_object};
use super::derived_object::{DerivedFrom, DerivedKind, PRODUCT};
use super::reference::Reference;

/// A picture in red, green and blue.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Three bytes a pixel, row after row.
    pub rgb: &'a [u8],
    /// Image Laterality (0020,0062): `R` or `L`.
    pub laterality: &'a str,
    /// What it shows, at most 1024 characters.
    pub description: &'a str,
    /// The images that it was made from.
    pub sources: &'a [Reference],
}

/// Writes a picture as the `number`th object of its kind.
///
/// # Errors
/// [`WriteError::Grid`] when there are not three bytes a pixel; otherwise see [`WriteError`].
pub fn write_secondary_capture(
    path: &Path,
    from: &DerivedFrom,
    kind: &DerivedKind,
    number: u32,
    picture: &Picture,
) -> Result<(), WriteError> {
    if picture.rgb.len() != usize::from(picture.rows) * usize::from(picture.columns) * 3 {
        return Err(WriteError::Grid);
    }
    let mut object = InMemDicomObject::new_empty();
    from.put(&mut object, kind, number);
    from.put_content_date_time(&mut object);
    let (date, time) = from.content_date_time();
    let texts: [(Tag, VR, &str); 12] = [
        // Made on a workstation: no camera, no film (PS3.3 C.8.6.1).
        (tags::CONVERSION_TYPE, VR::CS, "WSD"),
        (tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER, VR::LO, PRODUCT),
        (tags::SECONDARY_CAPTURE_DEVICE_SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        (tags::DATE_OF_SECONDARY_CAPTURE, VR::DA, date),
        (tags::TIME_OF_SECONDARY_CAPTURE, VR::TM, time),
        (tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY"),
        (tags::DERIVATION_DESCRIPTION, VR::ST, picture.description),
        // Several panes side by side: no one direction.
        (tags::PATIENT_ORIENTATION, VR::CS, ""),
        (tags::IMAGE_LATERALITY, VR::CS, picture.laterality),
        (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        // Text is part of the pixels, although it does not name the patient: who de-identifies should look.
        (tags::BURNED_IN_ANNOTATION, VR::CS, "YES"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
    ];
    for (tag, vr, value) in texts {
        put_text(&mut object, tag, vr, value);
    }
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 3),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, picture.rows),
        (tags::COLUMNS, picture.columns),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put_u16(&mut object, tag, &[value]);
    }
    let sources = picture.sources.iter().map(Reference::item).collect();
    object.put(sequence(tags::SOURCE_IMAGE_SEQUENCE, sources));
    let mut bytes = picture.rgb.to_vec();
    // Values have an even length (PS3.5 7.1).
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bytes.into())));
    write_object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, path)
}
