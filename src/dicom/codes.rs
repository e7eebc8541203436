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

/// Laterality (CID 244).
pub(crate) const fn laterality(side: Side) -> Code {
    match side {
        Side::Right => sct("24028007", "Right"),
        Side::Left => sct("7771000", "Left"),
    }
}

impl Code {
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
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::CODE_VALUE, VR::SH, self.value);
        put_text(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, self.scheme);
        put_text(&mut item, tags::CODE_MEANING, VR::LO, self.meaning);
        more(&mut item);
        object.put(sequence(tag, vec![item]));
    }

    /// Whether the first item of the sequence `tag` is this code. The meaning is for people.
    pub(crate) fn is_in(self, object: &InMemDicomObject, tag: Tag) -> bool {
        items(object, tag).first().is_some_and(|item| {
            text(item, tags::CODE_VALUE).as_deref() == Some(self.value)
                && text(item, tags::CODING_SCHEME_DESIGNATOR).as_deref() == Some(self.scheme)
        })
    }
}
