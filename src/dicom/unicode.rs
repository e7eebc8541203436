//! Texts of a parsed data set as Unicode, whatever Specific Character Set it and its items declare.
//!
//! `dicom-object` follows the first value of the attribute alone, splits values before it decodes them
//! (the second byte of a Chinese character may be a backslash) and does not come back from that of an
//! item. So the attribute is hidden from it: all text is read as the default repertoire, one character
//! a byte, and decoded here.

use dicom_core::value::Value;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::attributes::sequence;
use super::character_set::CharacterSet;
use super::transfer_syntax::Encoding;

/// Where Specific Character Set stands while it is hidden: a group that nobody may use (PS3.5 7.8.1).
const HIDDEN: Tag = Tag(0x0007, 0x0005);

/// Puts another tag over that of the encoded element at `at`.
pub(super) fn hide_character_set(encoded: &mut [u8], at: usize, encoding: Encoding) {
    let bytes = |half: u16| {
        if encoding.big_endian { half.to_be_bytes() } else { half.to_le_bytes() }
    };
    let tag = [bytes(HIDDEN.group()), bytes(HIDDEN.element())].concat();
    if let Some(place) = encoded.get_mut(at..at + tag.len()) {
        place.copy_from_slice(&tag);
    }
}

/// Decodes all texts; where a character set was declared, UTF-8 is declared in its place.
///
/// The depth of `object` is bounded by who parsed it.
pub(super) fn decode_texts(object: InMemDicomObject) -> InMemDicomObject {
    decode_item(object, CharacterSet::default())
}

fn decode_item(mut object: InMemDicomObject, inherited: CharacterSet) -> InMemDicomObject {
    let declared = object.take(HIDDEN).and_then(|element| {
        let values = element.to_bytes().ok()?;
        Some(CharacterSet::from_values(&String::from_utf8_lossy(&values)))
    });
    let set = declared.unwrap_or(inherited);
    let mut decoded = InMemDicomObject::from_element_iter(
        object.into_iter().map(|element| decode_element(element, set)),
    );
    if declared.is_some() {
        decoded.put(DataElement::new(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"));
    }
    decoded
}

fn decode_element(element: InMemElement, set: CharacterSet) -> InMemElement {
    let (header, value) = element.into_parts();
    match (value, delimiters(header.vr)) {
        (Value::Primitive(PrimitiveValue::Strs(values)), Some(delimiters)) => {
            let text = set.decode(&bytes_of(&values.join("\\")), delimiters);
            let values = text.split('\\').map(str::to_owned).collect();
            DataElement::new(header.tag, header.vr, PrimitiveValue::Strs(values))
        }
        (Value::Primitive(PrimitiveValue::Str(value)), Some(delimiters)) => {
            let text = set.decode(&bytes_of(&value), delimiters);
            DataElement::new(header.tag, header.vr, PrimitiveValue::Str(text))
        }
        (Value::Sequence(items), _) => {
            let items = items.into_items().into_iter().map(|item| decode_item(item, set));
            sequence(header.tag, items.collect())
        }
        (value, _) => DataElement::new(header.tag, header.vr, value),
    }
}

/// What brings back the first character set, in those value representations that the attribute is
/// about (PS3.5 6.1.2.3); `None` in all others.
fn delimiters(vr: VR) -> Option<&'static [u8]> {
    match vr {
        VR::PN => Some(b"\\^="),
        VR::LO | VR::SH | VR::UC => Some(b"\\"),
        VR::LT | VR::ST | VR::UT => Some(b""),
        _ => None,
    }
}

/// Back from one character a byte.
fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::attributes::{items, text, texts};
    use super::super::dataset_scan::scan;
    use super::*;

    /// An element of either endianness, in explicit VR.
    fn element(is_big: bool, tag: Tag, vr: &str, value: &[u8]) -> Vec<u8> {
        let half = |n: u16| if is_big { n.to_be_bytes() } else { n.to_le_bytes() };
        let length = u16::try_from(value.len()).unwrap();
        let mut bytes = [half(tag.group()), half(tag.element())].concat();
        bytes.extend_from_slice(vr.as_bytes());
        if vr == "SQ" {
            bytes.extend([0, 0]);
            let long = u32::from(length);
            bytes.extend(if is_big { long.to_be_bytes() } else { long.to_le_bytes() });
        } else {
            bytes.extend(half(length));
        }
        bytes.extend_from_slice(value);
        bytes
    }

    fn item(is_big: bool, value: &[u8]) -> Vec<u8> {
        let half = |n: u16| if is_big { n.to_be_bytes() } else { n.to_le_bytes() };
        let length = u32::try_from(value.len()).unwrap();
        let length = if is_big { length.to_be_bytes() } else { length.to_le_bytes() };
        [&half(0xFFFE)[..], &half(0xE000), &length, value].concat()
    }

    #[test]
    fn items_have_sets_of_their_own_and_values_are_split_after_decoding() {
        for is_big in [false, true] {
            let set = |values: &[u8]| element(is_big, tags::SPECIFIC_CHARACTER_SET, "CS", values);
            let description = |value: &[u8]| element(is_big, tags::STUDY_DESCRIPTION, "LO", value);
            let greek = item(is_big, &[set(b"ISO_IR 126"), description(b"\xc4\xe9")].concat());
            let inherited = item(is_big, &description(b"\xd5\x5c"));
            let bytes = [
                set(b"GBK "),
                // 誠 ends in a backslash.
                description(b"\xd5\x5c\\b"),
                element(
                    is_big,
                    tags::REFERENCED_STUDY_SEQUENCE,
                    "SQ",
                    &[greek, inherited].concat(),
                ),
                element(is_big, tags::PATIENT_NAME, "PN", b"\xd5\x5c^b"),
            ]
            .concat();
            let wanted = [
                tags::SPECIFIC_CHARACTER_SET,
                tags::STUDY_DESCRIPTION,
                tags::REFERENCED_STUDY_SEQUENCE,
                tags::PATIENT_NAME,
            ];
            let object = scan(Cursor::new(&bytes), bytes.len() as u64, &wanted).unwrap().object;
            let declared = text(&object, tags::SPECIFIC_CHARACTER_SET);
            assert_eq!(declared.as_deref(), Some("ISO_IR 192"));
            assert_eq!(texts(&object, tags::STUDY_DESCRIPTION).unwrap(), ["誠", "b"]);
            let found = items(&object, tags::REFERENCED_STUDY_SEQUENCE);
            assert_eq!(text(&found[0], tags::STUDY_DESCRIPTION).as_deref(), Some("Δι"));
            assert_eq!(text(&found[1], tags::STUDY_DESCRIPTION).as_deref(), Some("誠"));
            // The set of an item ends with it.
            assert_eq!(text(&object, tags::PATIENT_NAME).as_deref(), Some("誠^b"));
        }
    }
}
