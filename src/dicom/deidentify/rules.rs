//! What becomes of one attribute, by the table and, where the table has no line, by what it could hold.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::table::{self, Action, Needed};

/// Curves are a line of the table; of overlays it names the data and the comments alone, and without data
/// the rest of the Overlay Plane Module (PS3.3 C.9.2) is no overlay.
const OVERLAYS: u16 = 0x6000;
/// Patient, request, visit, interpretation: what the table does not name of these goes too, for example the
/// birth date in another calendar (0010,0033).
const ABOUT_PEOPLE: [u16; 4] = [0x0010, 0x0032, 0x0038, 0x4008];
/// Long texts that are no prose about a patient: a code, a segment's name for itself, an algorithm's settings.
const NO_PROSE: [Tag; 3] = [tags::LONG_CODE_VALUE, tags::TRACKING_ID, tags::ALGORITHM_PARAMETERS];
/// Group of what stands below: command, file meta information, directory.
const FIRST_GROUP: u16 = 0x0008;

/// What is done to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// It stays; of a sequence, what is in it is judged in its turn.
    Keep,
    /// It goes.
    Remove,
    /// Its value goes.
    Empty,
    /// A dummy takes the place of its value.
    Dummy,
    /// Its UIDs are replaced; of a sequence, what is in it is judged in its turn.
    Uid,
}

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top of a CT image of one frame.
    TopOfImage,
    /// At the top of a multi-frame CT or a segmentation.
    TopOfMultiFrame,
    /// In an item of a sequence.
    InItem,
}

/// The value representation that the standard gives an attribute; `None` where it knows none.
pub(super) fn known_vr(tag: Tag) -> Option<VR> {
    // The dictionary has an entry for the length of any group and the creator of any private block.
    if tag.element() == 0 || !tag.group().is_multiple_of(2) {
        return None;
    }
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed())
}

/// Whether the option of modified dates shifts it.
pub(super) fn is_shifted(tag: Tag) -> bool {
    table::line(tag).is_some_and(|line| line.is_shifted)
}

/// What is done to an attribute under the Basic Profile (PS3.15 E.1.1, E.2).
pub(super) fn deed(tag: Tag, place: Place) -> Deed {
    if tag.group() < FIRST_GROUP || tag.group() & 0xFF00 == OVERLAYS {
        return Deed::Remove;
    }
    table::line(tag).map_or_else(|| unlisted(tag), |line| listed(line, place))
}

fn listed(line: table::Line, place: Place) -> Deed {
    let needed = line.needed.filter(|_| place == Place::TopOfMultiFrame);
    let in_item = place == Place::InItem;
    match (line.action, needed) {
        (Action::X, _) => Deed::Remove,
        (Action::Z, _) => Deed::Empty,
        (Action::D, _) => Deed::Dummy,
        (Action::U, _) => Deed::Uid,
        // In a functional group it says which image a frame was made from; elsewhere it is of type 3.
        (Action::XorZorU, _) => {
            if in_item {
                Deed::Uid
            } else {
                Deed::Remove
            }
        }
        (_, Some(Needed::WithValue)) => Deed::Dummy,
        (_, Some(Needed::Present)) | (Action::ZorD, None) => Deed::Empty,
        // Types within items are not looked up: what is empty is right for types 2 and 3.
        (Action::XorZ | Action::XorZorD, None) if in_item => Deed::Empty,
        (Action::XorZ | Action::XorD | Action::XorZorD, None) => Deed::Remove,
    }
}

/// What the table has no line for is harmless to the standard. What we do not know cannot be called so, and what
/// tells of people, places and times by its very nature is not waited for to be listed.
fn unlisted(tag: Tag) -> Deed {
    if ABOUT_PEOPLE.contains(&tag.group()) {
        return Deed::Remove;
    }
    match known_vr(tag) {
        None | Some(VR::PN | VR::AE | VR::AS | VR::DA | VR::DT | VR::TM | VR::UN) => Deed::Remove,
        // A code may be written as a URN; all others are addresses.
        Some(VR::UR) if tag != tags::URN_CODE_VALUE => Deed::Remove,
        Some(VR::UI) => Deed::Uid,
        // Text of any length, such as the Text Value (0040,A160) of a content item.
        Some(VR::LT | VR::ST | VR::UC | VR::UT) if !NO_PROSE.contains(&tag) => Deed::Dummy,
        Some(_) => Deed::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_decide_where_the_table_leaves_a_choice() {
        let check = |tag, expected: [Deed; 3]| {
            let places = [Place::TopOfImage, Place::TopOfMultiFrame, Place::InItem];
            assert_eq!(places.map(|place| deed(tag, place)), expected, "{tag}");
        };
        use Deed::{Dummy, Empty, Keep, Remove, Uid};
        check(tags::PATIENT_NAME, [Empty; 3]);
        check(tags::STUDY_DESCRIPTION, [Remove; 3]);
        check(tags::CONTENT_DATE, [Empty, Dummy, Empty]);
        check(tags::DEVICE_SERIAL_NUMBER, [Remove, Dummy, Empty]);
        check(tags::ACQUISITION_CONTEXT_SEQUENCE, [Remove, Empty, Empty]);
        check(tags::ACQUISITION_DATE, [Remove, Remove, Empty]);
        check(tags::SERIES_DATE, [Remove; 3]);
        check(tags::FRAME_ACQUISITION_DATE_TIME, [Dummy; 3]);
        check(tags::SOURCE_IMAGE_SEQUENCE, [Remove, Remove, Uid]);
        check(tags::SOP_INSTANCE_UID, [Uid; 3]);
        check(tags::PIXEL_SPACING, [Keep; 3]);
    }

    #[test]
    fn what_the_table_does_not_name_is_judged_by_its_nature() {
        let check = |group, element, expected| {
            assert_eq!(
                deed(Tag(group, element), Place::TopOfImage),
                expected,
                "({group:04X},{element:04X})"
            );
        };
        // Group length, command, birth date in another calendar, unknown to the standard.
        check(0x0008, 0x0000, Deed::Remove);
        check(0x0000, 0x0002, Deed::Remove);
        check(0x0010, 0x0033, Deed::Remove);
        check(0x0028, 0xFFEE, Deed::Remove);
        check(0x6000, 0x0010, Deed::Remove);
        check(0x6000, 0x0022, Deed::Remove);
        // Evaluator Name, Retrieve URL, Expiry Date; URN Code Value.
        check(0x0014, 0x2006, Deed::Remove);
        check(0x0008, 0x1190, Deed::Remove);
        check(0x0014, 0x1020, Deed::Remove);
        check(0x0008, 0x0120, Deed::Keep);
        // SOP Instance UID of Concatenation Source.
        check(0x0020, 0x0242, Deed::Uid);
        // Text Value, Tracking ID.
        check(0x0040, 0xA160, Deed::Dummy);
        check(0x0062, 0x0020, Deed::Keep);
        check(0x0009, 0x1001, Deed::Remove);
    }
}
