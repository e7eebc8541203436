//! An instance as other objects name it (SOP Instance Reference Macro, PS3.3 table 10-11).

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{put_text, text};
use super::uid::{SopClassUid, SopInstanceUid};

/// One instance, by its class and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Referenced SOP Class UID (0008,1150).
    pub sop_class: SopClassUid,
    /// Referenced SOP Instance UID (0008,1155).
    pub sop_instance: SopInstanceUid,
}

impl Reference {
    /// Reads an item of a sequence of references; `None` where a UID is missing or none.
    pub(crate) fn read(item: &InMemDicomObject) -> Option<Self> {
        let sop_class = text(item, tags::REFERENCED_SOP_CLASS_UID)?.parse().ok()?;
        let sop_instance = text(item, tags::REFERENCED_SOP_INSTANCE_UID)?.parse().ok()?;
        Some(Self { sop_class, sop_instance })
    }

    /// Such an item.
    pub(crate) fn item(&self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::REFERENCED_SOP_CLASS_UID, VR::UI, self.sop_class.as_str());
        put_text(&mut item, tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, self.sop_instance.as_str());
        item
    }
}
