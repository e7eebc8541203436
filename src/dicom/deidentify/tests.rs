//! Whole files through de-identification.

use std::fs;
use std::io::Write;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_object::mem::InMemElement;
use proptest::prelude::*;

use super::rules::known_vr;
use super::*;
use crate::dicom::attributes::{put_text, put_u16, sequence, texts};
use crate::dicom::dataset_scan::{native, scan};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_BIG_ENDIAN, TransferSyntax};
use crate::dicom::uid::SopInstanceUid;

/// Stands in every value that must not get through.
const SECRET: &str = "SECRET";
const PIXELS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn deidentifier(dates: Dates) -> Deidentifier {
    Deidentifier { uids: UidMap::new([7; 32]), dates, pseudonym: "p-0123".into() }
}

/// The least that our readers need.
fn image() -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"),
        (tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4"),
        (tags::STUDY_DATE, VR::DA, "20260301"),
        (tags::STUDY_TIME, VR::TM, "101112"),
        (tags::CONVOLUTION_KERNEL, VR::SH, "B30s"),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
    ] {
        put_text(&mut object, tag, vr, value);
    }
    put_u16(&mut object, tags::ROWS, &[2]);
    object
}

/// A secret in an attribute, in the form that its value representation allows.
fn secret(tag: Tag) -> InMemElement {
    let vr = known_vr(tag).unwrap_or(VR::LO);
    match vr {
        VR::SQ => {
            let items = [tags::PATIENT_NAME, tags::TEXT_VALUE, tags::PERSON_NAME, tags::UID];
            let item = InMemDicomObject::from_element_iter(items.map(|it| {
                DataElement::new(it, known_vr(it).unwrap(), PrimitiveValue::from(SECRET))
            }));
            sequence(tag, vec![item])
        }
        VR::OB | VR::UN => {
            DataElement::new(tag, vr, PrimitiveValue::from(SECRET.as_bytes().to_vec()))
        }
        _ if vr.to_string().starts_with('O') || binary(vr) => {
            DataElement::new(tag, vr, PrimitiveValue::Empty)
        }
        _ => DataElement::new(tag, vr, PrimitiveValue::from(SECRET)),
    }
}

fn binary(vr: VR) -> bool {
    matches!(vr, VR::AT | VR::FD | VR::FL | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV)
}

/// Every tag of the table that a data set may hold, and some that it does not name.
fn tags_of_the_table() -> Vec<Tag> {
    let hex = |text: &str| u16::from_str_radix(text, 16).ok();
    let tag = |line: &str| {
        let (group, element) = line.split('\t').next()?.split_once(',')?;
        Some(Tag(hex(group)?, hex(element)?)).filter(|tag| tag.group() >= 0x0008)
    };
    let table = include_str!("actions.tsv").lines().filter_map(tag);
    let more = [
        Tag(0x0009, 0x0010),
        Tag(0x0009, 0x1001),
        Tag(0x0010, 0x0033),
        Tag(0x0014, 0x2006),
        Tag(0x0028, 0xFFEE),
        Tag(0x5000, 0x0022),
        Tag(0x6000, 0x0022),
        Tag(0x6000, 0x4000),
    ];
    let not_in_a_header = |tag: &Tag| tag.group() < 0x7FE0 && *tag != tags::SOP_INSTANCE_UID;
    table.chain(more).filter(not_in_a_header).collect()
}

/// A file of a data set and its pixels in a transfer syntax.
fn file_of(
    object: &InMemDicomObject,
    syntax: &TransferSyntax,
    behind: &[u8],
) -> tempfile::NamedTempFile {
    let mut data_set = Vec::new();
    object.write_dataset_with_ts(&mut data_set, native(syntax.encoding)).unwrap();
    data_set.extend(pixel_element(syntax));
    data_set.extend(behind);
    if syntax.is_deflated {
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        deflated.write_all(&data_set).unwrap();
        data_set = deflated.finish().unwrap();
    }
    let meta = FileMeta {
        sop_class: text(object, tags::SOP_CLASS_UID).unwrap().parse().unwrap(),
        sop_instance: "1.2.3.4".parse().unwrap(),
        transfer_syntax: syntax.uid.parse().unwrap(),
        source_ae: Some(SECRET.parse().unwrap()),
    };
    let mut front = meta.encode();
    front[..SECRET.len()].copy_from_slice(SECRET.as_bytes());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[front, data_set].concat()).unwrap();
    file
}

/// Pixel data, native or in one fragment.
fn pixel_element(syntax: &TransferSyntax) -> Vec<u8> {
    let big = |half: u16| {
        if syntax.encoding.big_endian { half.to_be_bytes() } else { half.to_le_bytes() }
    };
    let mut bytes = [big(0x7FE0), big(0x0010)].concat();
    let long = |length: u32| {
        if syntax.encoding.big_endian { length.to_be_bytes() } else { length.to_le_bytes() }
    };
    if syntax.encoding.explicit {
        bytes.extend(b"OW\0\0");
    }
    if syntax.pixels == crate::dicom::transfer_syntax::PixelCoding::Native {
        bytes.extend(long(8));
        bytes.extend(PIXELS);
    } else {
        bytes.extend(long(u32::MAX));
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0]);
        bytes.extend(PIXELS);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    }
    bytes
}

/// The de-identified file's bytes, and its header.
fn cleaned_file(
    object: &InMemDicomObject,
    syntax: &TransferSyntax,
    dates: Dates,
) -> Result<(Vec<u8>, InMemDicomObject), DeidentifyError> {
    // Signatures and padding behind the pixels.
    let behind =
        [&[0xFC, 0xFF, 0xFC, 0xFF][..], b"OB\0\0", &6_u32.to_le_bytes(), SECRET.as_bytes()]
            .concat();
    let from = file_of(object, syntax, &behind);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new.dcm");
    let meta = deidentifier(dates).deidentify(from.path(), &to)?;
    let bytes = fs::read(&to).unwrap();
    let (read, _) = FileMeta::read(io::Cursor::new(&bytes)).unwrap();
    assert_eq!(read, meta);
    let whole =
        scan_where(io::Cursor::new(&bytes), bytes.len() as u64, |_| true, usize::MAX).unwrap();
    Ok((bytes, whole.object))
}

fn holds(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

fn syntax(uid: &str) -> &'static TransferSyntax {
    TransferSyntax::find(uid).unwrap()
}

#[test]
fn nothing_that_the_table_names_gets_through() {
    let all = tags_of_the_table();
    assert!(all.len() > 640, "{}", all.len());
    for class in
        [uids::CT_IMAGE_STORAGE, uids::ENHANCED_CT_IMAGE_STORAGE, uids::SEGMENTATION_STORAGE]
    {
        for dates in [Dates::Removed, Dates::Shifted { days: -400 }] {
            let mut item = InMemDicomObject::from_element_iter(all.iter().map(|tag| secret(*tag)));
            item.put(sequence(tags::CONCEPT_CODE_SEQUENCE, vec![item.clone()]));
            let mut object = image();
            for tag in &all {
                object.put(secret(*tag));
            }
            put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, class);
            object.put(sequence(tags::DIMENSION_INDEX_SEQUENCE, vec![item]));
            let plain = syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
            let from = file_of(&object, plain, &[]);
            assert!(holds(&fs::read(from.path()).unwrap(), SECRET));
            let (bytes, whole) = cleaned_file(&object, plain, dates).unwrap();
            if let Some(at) = bytes.windows(6).position(|window| window == SECRET.as_bytes()) {
                let from = at.saturating_sub(24);
                panic!("{class}: {:x?}", &bytes[from..at + 6]);
            }
            assert_eq!(text(&whole, tags::PATIENT_ID).as_deref(), Some("p-0123"));
            assert!(whole.tags().all(|tag| tag.group().is_multiple_of(2)));
        }
    }
}

#[test]
fn every_transfer_syntax_keeps_its_pixels() {
    let mut object = image();
    put_text(&mut object, tags::STUDY_DESCRIPTION, VR::LO, SECRET);
    put_text(&mut object, tags::RESCALE_TYPE, VR::LO, "Gr\u{f6}\u{df}e");
    for it in crate::dicom::transfer_syntax::TRANSFER_SYNTAXES {
        let (bytes, _) = cleaned_file(&object, &it, Dates::Removed).unwrap();
        assert!(bytes.len().is_multiple_of(2));
        let front = &bytes[..128];
        assert!(front.iter().all(|byte| *byte == 0), "the preamble may be anything");
        let scanned = scan(
            io::Cursor::new(&bytes),
            bytes.len() as u64,
            &[tags::RESCALE_TYPE, tags::SPECIFIC_CHARACTER_SET],
        );
        let scanned = scanned.unwrap();
        assert_eq!(scanned.syntax, &it);
        assert_eq!(text(&scanned.object, tags::RESCALE_TYPE).as_deref(), Some("Gr\u{f6}\u{df}e"));
        let data_set = match scanned.deflated_from {
            Some(start) => crate::dicom::dataset_scan::inflate(&bytes[start as usize..]).unwrap(),
            None => bytes,
        };
        let range = scanned.pixel_element.unwrap();
        assert_eq!(
            data_set[range.start as usize..range.end as usize],
            pixel_element(&it),
            "{}",
            it.name
        );
        assert_eq!(range.end, data_set.len() as u64, "nothing comes behind the pixels");
        assert!(!holds(&data_set, SECRET), "{}", it.name);
    }
}

#[test]
fn an_object_says_what_was_done_to_it() {
    let plain = syntax(EXPLICIT_VR_BIG_ENDIAN);
    let (_, whole) = cleaned_file(&image(), plain, Dates::Removed).unwrap();
    let is = |object: &InMemDicomObject, tag, expected: Option<&str>| {
        assert_eq!(text(object, tag).as_deref(), expected, "{tag}");
    };
    is(&whole, tags::PATIENT_IDENTITY_REMOVED, Some("YES"));
    is(&whole, tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, Some("REMOVED"));
    is(&whole, tags::CONVOLUTION_KERNEL, Some("B30s"));
    is(&whole, tags::STUDY_DATE, None);
    assert!(whole.get(tags::STUDY_DATE).is_some(), "type 2: there, without a value");
    let codes = |object: &InMemDicomObject| -> Vec<String> {
        let items =
            crate::dicom::attributes::items(object, tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        items.iter().filter_map(|item| text(item, tags::CODE_VALUE)).collect()
    };
    assert_eq!(codes(&whole), ["113100"]);

    let shifted = Dates::Shifted { days: -60 };
    let (_, whole) = cleaned_file(&image(), plain, shifted).unwrap();
    is(&whole, tags::STUDY_DATE, Some("20251231"));
    is(&whole, tags::STUDY_TIME, Some("101112"));
    is(&whole, tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, Some("MODIFIED"));
    assert_eq!(codes(&whole), ["113100", "113107"]);
}

#[test]
fn instances_still_refer_to_each_other() {
    let plain = syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let mut reference = InMemDicomObject::new_empty();
    put_text(&mut reference, tags::REFERENCED_SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
    put_text(&mut reference, tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.3.4");
    let group = InMemDicomObject::from_element_iter([sequence(
        tags::SOURCE_IMAGE_SEQUENCE,
        vec![reference],
    )]);
    let mut object = image();
    put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE);
    object.put(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![group]));
    put_text(&mut object, Tag(0x0028, 0x0304), VR::UI, "1.2.3.4\\1.2.3");
    let (_, whole) = cleaned_file(&object, plain, Dates::Removed).unwrap();
    let own = text(&whole, tags::SOP_INSTANCE_UID).unwrap();
    assert!(own.parse::<SopInstanceUid>().is_ok() && own != "1.2.3.4");
    let items = crate::dicom::attributes::items;
    let source = &items(
        &items(&whole, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[0],
        tags::SOURCE_IMAGE_SEQUENCE,
    )[0];
    assert_eq!(text(source, tags::REFERENCED_SOP_INSTANCE_UID), Some(own.clone()));
    assert_eq!(
        text(source, tags::REFERENCED_SOP_CLASS_UID).as_deref(),
        Some(uids::CT_IMAGE_STORAGE)
    );
    let study = text(&whole, tags::STUDY_INSTANCE_UID).unwrap();
    assert_eq!(texts(&whole, Tag(0x0028, 0x0304)), Some(vec![own, study]));
}

#[test]
fn a_sequence_that_is_needed_keeps_its_form_and_nothing_else() {
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::REFERENCED_SOP_CLASS_UID, VR::UI, "1.2.840.10008.3.1.2.3.3");
    put_text(&mut item, tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.9");
    put_text(&mut item, tags::CODE_MEANING, VR::LO, SECRET);
    let mut object = image();
    put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, uids::ENHANCED_CT_IMAGE_STORAGE);
    object.put(sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, vec![item]));
    let plain = syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let (bytes, whole) = cleaned_file(&object, plain, Dates::Removed).unwrap();
    assert!(!holds(&bytes, SECRET));
    let step = &crate::dicom::attributes::items(
        &whole,
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
    )[0];
    assert_eq!(
        text(step, tags::REFERENCED_SOP_CLASS_UID).as_deref(),
        Some("1.2.840.10008.3.1.2.3.3")
    );
    assert!(text(step, tags::REFERENCED_SOP_INSTANCE_UID).unwrap().starts_with("2.25."));
    assert_eq!(text(step, tags::CODE_MEANING).as_deref(), Some("ANONYMOUS"));
}

#[test]
fn what_may_name_the_patient_in_its_pixels_is_refused() {
    let plain = syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let check = |change: &dyn Fn(&mut InMemDicomObject), expected: Option<&str>| {
        let mut object = image();
        change(&mut object);
        let error = cleaned_file(&object, plain, Dates::Removed).err();
        let name = error.map(|error| format!("{error:?}"));
        assert_eq!(name.as_deref().map(|it| it.split('(').next().unwrap()), expected);
    };
    let burned = |value: &'static str| {
        move |it: &mut InMemDicomObject| put_text(it, tags::BURNED_IN_ANNOTATION, VR::CS, value)
    };
    check(&|_| (), None);
    check(&burned("NO"), None);
    check(&burned("YES"), Some("BurnedIn"));
    check(&burned("yes"), Some("BurnedIn"));
    let overlay =
        |bit: u16| move |it: &mut InMemDicomObject| put_u16(it, Tag(0x6002, 0x0102), &[bit]);
    check(&overlay(0), None);
    check(&overlay(12), Some("OverlayInPixels"));
    let class = |uid: &'static str| {
        move |it: &mut InMemDicomObject| put_text(it, tags::SOP_CLASS_UID, VR::UI, uid)
    };
    check(&class(uids::SECONDARY_CAPTURE_IMAGE_STORAGE), Some("SopClass"));
    check(&class("1.2.3"), Some("SopClass"));
    check(
        &|it| {
            it.remove_element(tags::SOP_INSTANCE_UID);
        },
        Some("Uid"),
    );
}

#[test]
fn a_file_that_ends_early_leaves_an_error() {
    let from = file_of(&image(), syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN), &[]);
    let bytes = fs::read(from.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 10, 140, bytes.len() - 30, bytes.len() - 4] {
        let path = folder.path().join(format!("{length}"));
        fs::write(&path, &bytes[..length]).unwrap();
        let to = folder.path().join("new.dcm");
        deidentifier(Dates::Removed).deidentify(&path, &to).unwrap_err();
        assert!(!to.exists(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn changed_bytes_are_survived(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut object = image();
        for tag in tags_of_the_table() {
            object.put(secret(tag));
        }
        let from = file_of(&object, syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN), &[]);
        let mut bytes = fs::read(from.path()).unwrap();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.dcm");
        fs::write(&path, &bytes).unwrap();
        let _ = deidentifier(Dates::Removed).deidentify(&path, &folder.path().join("new.dcm"));
    }
}
