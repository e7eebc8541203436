//! Reads the contours of RT Structure Sets (PS3.3 A.19): how radiotherapy outlines glands and tumours.
//!
//! ```text
//!  Structure Set ROI Sequence  (C.8.8.5)  number, name, frame of reference
//!                    |
//!  ROI Contour Sequence        (C.8.8.6)  Referenced ROI Number -> contours, LPS mm
//! ```

use std::fs::File;
use std::io;
use std::path::Path;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{integer, items, numbers, text};
use super::dataset_scan::{ScanError, scan_up_to};
use crate::error::{Dispose, Disposition};
use crate::imaging::PatientPoint;
use crate::limits;

/// Contours that surround something; points and open lines do not (C.8.8.6.2 and C.8.8.6.3).
const CLOSED: [&str; 2] = ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"];

/// One structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Roi {
    /// ROI Name, as its author wrote it.
    pub name: String,
    /// Referenced Frame of Reference UID; `None` where the file lacks it.
    pub frame_of_reference_uid: Option<String>,
    /// Closed contours, LPS mm, in the file's order; none where the structure was never drawn or was
    /// not wanted.
    pub contours: Vec<Vec<PatientPoint>>,
}

/// A structure set could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StructureSetError {
    /// The file cannot be opened or read.
    #[error("could not read the file")]
    Read(#[source] io::Error),
    /// The data set cannot be parsed.
    #[error("could not read the data set")]
    DataSet(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is another object.
    #[error("not an RT Structure Set")]
    NotStructureSet,
    /// The contours of a structure are no points.
    #[error("the contour data of structure `{0}` are no coordinates")]
    ContourData(String),
    /// A structure has lines or points where a closed contour is needed.
    #[error("structure `{0}` has no closed planar contour; draw it as a region")]
    NotClosed(String),
    /// More than is believed.
    #[error("structure `{0}` has too many contours or points")]
    TooMany(String),
}

impl Dispose for StructureSetError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl From<ScanError> for StructureSetError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Read(source) => Self::Read(source),
            other => Self::DataSet(Box::new(other)),
        }
    }
}

const WANTED: &[Tag] = &[
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::STRUCTURE_SET_ROI_SEQUENCE,
    tags::ROI_CONTOUR_SEQUENCE,
];

/// Reads all structures of a file, in the order of the Structure Set ROI Sequence, and the contours
/// of those whose name is `wanted`: a plan outlines dozens of organs.
///
/// # Errors
/// When it is no structure set, or the contours of a wanted structure are damaged or not closed.
pub fn read_structure_set(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Roi>, StructureSetError> {
    let file = File::open(path).map_err(StructureSetError::Read)?;
    let length = file.metadata().map_err(StructureSetError::Read)?.len();
    let object = scan_up_to(file, length, WANTED, limits::STRUCTURE_SET_BYTES_MAX)?.object;
    if text(&object, tags::SOP_CLASS_UID).as_deref() != Some(uids::RT_STRUCTURE_SET_STORAGE) {
        return Err(StructureSetError::NotStructureSet);
    }
    let drawn = items(&object, tags::ROI_CONTOUR_SEQUENCE);
    let mut rois = Vec::new();
    for item in items(&object, tags::STRUCTURE_SET_ROI_SEQUENCE) {
        let name = text(item, tags::ROI_NAME).unwrap_or_default();
        let number = integer(item, tags::ROI_NUMBER);
        let of_this = |item: &&InMemDicomObject| {
            number.is_some() && integer(item, tags::REFERENCED_ROI_NUMBER) == number
        };
        let contours = match drawn.iter().find(of_this) {
            Some(drawn) if wanted(&name) => read_contours(drawn, &name)?,
            _ => Vec::new(),
        };
        let frame_of_reference_uid = text(item, tags::REFERENCED_FRAME_OF_REFERENCE_UID);
        rois.push(Roi { name, frame_of_reference_uid, contours });
    }
    Ok(rois)
}

fn read_contours(
    drawn: &InMemDicomObject,
    name: &str,
) -> Result<Vec<Vec<PatientPoint>>, StructureSetError> {
    let all = items(drawn, tags::CONTOUR_SEQUENCE);
    if all.len() > limits::CONTOURS_MAX {
        return Err(StructureSetError::TooMany(name.to_owned()));
    }
    let mut n_points = 0;
    let mut contours = Vec::new();
    for item in all {
        let kind = text(item, tags::CONTOUR_GEOMETRIC_TYPE).unwrap_or_default();
        if !CLOSED.contains(&kind.as_str()) {
            continue;
        }
        let points = points(item).ok_or_else(|| StructureSetError::ContourData(name.to_owned()))?;
        n_points += points.len();
        if n_points > limits::CONTOUR_POINTS_MAX {
            return Err(StructureSetError::TooMany(name.to_owned()));
        }
        contours.push(points);
    }
    if contours.is_empty() && !all.is_empty() {
        return Err(StructureSetError::NotClosed(name.to_owned()));
    }
    Ok(contours)
}

/// Contour Data, three coordinates a point; `None` where they are none.
fn points(contour: &InMemDicomObject) -> Option<Vec<PatientPoint>> {
    let element = contour.get(tags::CONTOUR_DATA)?;
    let coordinates = if element.vr() == VR::UN {
        // Explicit VR has 16 bits for the length of decimal strings; what is longer goes as bytes of
        // unknown VR (PS3.5 6.2.2).
        let bytes = element.to_bytes().ok()?;
        let numbers = std::str::from_utf8(&bytes).ok()?.split('\\');
        numbers.map(|text| text.trim_matches([' ', '\0']).parse().ok()).collect::<Option<_>>()?
    } else {
        numbers(contour, tags::CONTOUR_DATA)?
    };
    if coordinates.len() % 3 != 0 || !coordinates.iter().all(|value: &f64| value.is_finite()) {
        return None;
    }
    Some(coordinates.chunks_exact(3).map(|p| PatientPoint::new(p[0], p[1], p[2])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_core::DataElement;
    use dicom_core::value::PrimitiveValue;

    use super::super::attributes::sequence;

    fn contour(data: Option<(VR, PrimitiveValue)>, kind: &str) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        item.put(DataElement::new(tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, kind));
        if let Some((vr, value)) = data {
            item.put(DataElement::new(tags::CONTOUR_DATA, vr, value));
        }
        item
    }

    /// Decimal strings as a parser gives them.
    fn decimals(text: &str) -> Option<(VR, PrimitiveValue)> {
        let values = text.split('\\').map(str::to_owned).collect();
        Some((VR::DS, PrimitiveValue::Strs(values)))
    }

    fn read(contours: Vec<InMemDicomObject>) -> Result<Vec<Vec<PatientPoint>>, String> {
        let mut drawn = InMemDicomObject::new_empty();
        drawn.put(sequence(tags::CONTOUR_SEQUENCE, contours));
        read_contours(&drawn, "x").map_err(|error| error.to_string())
    }

    #[test]
    fn contour_data_are_points_or_refused() {
        let check = |data: Option<(VR, PrimitiveValue)>, expected: Option<&[[f64; 3]]>| {
            let found = read(vec![contour(data, "CLOSED_PLANAR")]);
            match expected {
                Some(points) => {
                    let points: Vec<_> = points.iter().map(|p| PatientPoint::from(*p)).collect();
                    assert_eq!(found, Ok(vec![points]));
                }
                None => assert!(found.unwrap_err().contains("no coordinates")),
            }
        };
        let unknown = |bytes: &[u8]| Some((VR::UN, PrimitiveValue::U8(bytes.into())));
        let two: Option<&[[f64; 3]]> = Some(&[[1.0, -2.5, 3.0], [4.0, 5.0, 600.0]]);
        check(decimals(r"1\-2.5 \ 3\4\5\6e2"), two);
        check(unknown(br"1\-2.5 \ 3\4\5\6e2 "), two);
        check(unknown(&[0xFF, 0xFE]), None);
        check(unknown(br"1\2\x"), None);
        check(decimals(r"1\2"), None);
        check(decimals(r"1\2\nan"), None);
        check(decimals(r"1\2\up"), None);
        check(Some((VR::DS, PrimitiveValue::Empty)), None);
        check(None, None);
    }

    #[test]
    fn what_surrounds_nothing_is_refused() {
        let line = contour(decimals(r"1\2\3\4\5\6"), "OPEN_PLANAR");
        assert!(read(vec![line.clone()]).unwrap_err().contains("no closed planar contour"));
        let closed = contour(decimals(r"1\2\3"), "CLOSED_PLANAR");
        assert_eq!(read(vec![line, closed.clone()]).unwrap().len(), 1);
        assert_eq!(read(Vec::new()), Ok(Vec::new()));
        let many = vec![closed; limits::CONTOURS_MAX + 1];
        assert!(read(many).unwrap_err().contains("too many"));
    }
}
