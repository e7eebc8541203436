//! The rules, applied to a data set and to what its sequences hold.

use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::dates::Dates;
use super::dummy::dummy;
use super::rules::{Deed, Place, deed, is_shifted, known_vr};
use super::uid_map::UidMap;
use crate::dicom::attributes::{put_text, sequence};
use crate::dicom::codes::{BASIC_CONFIDENTIALITY_PROFILE, MODIFIED_DATES};

/// De-identification Method (0012,0063), for people; at most 64 characters.
const METHOD: &str = "PS3.15 2026c Annex E Basic Profile by parotidd ";

const _: () = assert!(METHOD.len() + env!("CARGO_PKG_VERSION").len() <= 64);

/// Whether an attribute at the top of a data set leaves anything behind.
pub(super) fn leaves_something(tag: Tag, place: Place, dates: Dates) -> bool {
    deed(tag, place) != Deed::Remove || dates != Dates::Removed && is_shifted(tag)
}

/// A data set without what identifies its patient; the depth of `object` is bounded by who parsed it.
pub(super) fn cleaned(
    object: InMemDicomObject,
    place: Place,
    uids: &UidMap,
    dates: Dates,
) -> InMemDicomObject {
    let clean = |element| clean_element(element, place, uids, dates);
    InMemDicomObject::from_element_iter(object.into_iter().filter_map(clean))
}

/// Writes who the patient is now, and what was done (PS3.15 E.1.1; PS3.3 C.7.1.1 and C.12.1).
pub(super) fn put_method(object: &mut InMemDicomObject, pseudonym: &str, dates: Dates) {
    let method = format!("{METHOD}{}", env!("CARGO_PKG_VERSION"));
    for (tag, vr, value) in [
        // Texts were decoded when they were read.
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        (tags::PATIENT_NAME, VR::PN, pseudonym),
        (tags::PATIENT_ID, VR::LO, pseudonym),
        (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        (tags::DEIDENTIFICATION_METHOD, VR::LO, &method),
        (tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, dates.term()),
    ] {
        put_text(object, tag, vr, value);
    }
    let mut codes = vec![BASIC_CONFIDENTIALITY_PROFILE.item()];
    if dates != Dates::Removed {
        codes.push(MODIFIED_DATES.item());
    }
    object.put(sequence(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes));
}

fn clean_element(
    element: InMemElement,
    place: Place,
    uids: &UidMap,
    dates: Dates,
) -> Option<InMemElement> {
    let tag = element.header().tag;
    // The sender's own word counts where the standard's dictionary is older than its table.
    let vr = known_vr(tag).unwrap_or(element.header().vr);
    if is_shifted(tag)
        && let Some(values) = strings(&element).and_then(|values| dates.shift(vr, &values))
    {
        return Some(DataElement::new(tag, vr, values.join("\\").as_str()));
    }
    match deed(tag, place) {
        Deed::Remove => None,
        Deed::Empty if vr == VR::SQ => Some(sequence(tag, Vec::new())),
        Deed::Empty => Some(DataElement::new(tag, vr, PrimitiveValue::Empty)),
        Deed::Dummy => Some(dummy_element(with_clean_items(element, uids, dates)?, vr, uids)),
        Deed::Uid => other_uids(with_clean_items(element, uids, dates)?, uids),
        Deed::Keep => with_clean_items(element, uids, dates),
    }
}

/// The element as it is, what its items hold cleaned. `None` where nobody can tell what it holds.
fn with_clean_items(element: InMemElement, uids: &UidMap, dates: Dates) -> Option<InMemElement> {
    let (header, value) = element.into_parts();
    match value {
        Value::Sequence(items) => {
            let items = items.into_items().into_iter();
            let items = items.map(|item| cleaned(item, Place::InItem, uids, dates));
            Some(sequence(header.tag, items.collect()))
        }
        Value::Primitive(PrimitiveValue::Empty) if header.vr == VR::SQ => {
            Some(sequence(header.tag, Vec::new()))
        }
        Value::Primitive(value) => {
            let is_opaque = header.vr == VR::UN || known_vr(header.tag) == Some(VR::SQ);
            (!is_opaque).then(|| DataElement::new(header.tag, header.vr, value))
        }
        // Fragments of pixels stand nowhere but in Pixel Data, which is not among these elements.
        Value::PixelSequence(_) => None,
    }
}

fn strings(element: &InMemElement) -> Option<Vec<String>> {
    let values = element.to_multi_str().ok()?;
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

/// The element with other UIDs; items of a sequence have had theirs. `None` where it holds no text.
fn other_uids(element: InMemElement, uids: &UidMap) -> Option<InMemElement> {
    if element.header().vr == VR::SQ {
        return Some(element);
    }
    let tag = element.header().tag;
    let mapped: Vec<_> = strings(&element)?.iter().map(|uid| uids.map(uid)).collect();
    Some(DataElement::new(tag, VR::UI, mapped.join("\\").as_str()))
}

/// The element with a dummy for its value. A sequence keeps its items, UIDs and references in them, so that it stays
/// what its object needs; every other value in them becomes a dummy.
fn dummy_element(element: InMemElement, vr: VR, uids: &UidMap) -> InMemElement {
    let (header, value) = element.into_parts();
    match (value, vr) {
        (Value::Sequence(items), _) => sequence(header.tag, dummy_items(items)),
        (value, VR::UI) => {
            let mapped = other_uids(DataElement::new(header.tag, vr, value), uids);
            mapped.unwrap_or_else(|| DataElement::new(header.tag, vr, uids.map(".").as_str()))
        }
        _ => DataElement::new(header.tag, vr, dummy(vr)),
    }
}

fn dummy_items(items: DataSetSequence<InMemDicomObject>) -> Vec<InMemDicomObject> {
    let dummied = |element: InMemElement| {
        let (header, value) = element.into_parts();
        match value {
            Value::Sequence(items) => sequence(header.tag, dummy_items(items)),
            value if header.vr == VR::UI => DataElement::new(header.tag, VR::UI, value),
            _ => DataElement::new(header.tag, header.vr, dummy(header.vr)),
        }
    };
    let items = items.into_items().into_iter();
    items.map(|item| InMemDicomObject::from_element_iter(item.into_iter().map(dummied))).collect()
}
