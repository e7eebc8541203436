//! Data sets of every encoding, and hostile ones.

use super::*;

const WANTED: &[Tag] = &[tags::MODALITY, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE];

fn scan_bytes(bytes: &[u8]) -> Result<Scanned, ScanError> {
    scan(io::Cursor::new(bytes), bytes.len() as u64, WANTED)
}

/// Implicit VR element; `length` is what it declares.
fn element(tag: Tag, length: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(tag.group().to_le_bytes());
    bytes.extend(tag.element().to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(value);
    bytes
}

fn modality() -> Vec<u8> {
    element(tags::MODALITY, 2, b"CT")
}

/// `depth` sequences in each other, closed from the inside, of undefined length.
fn nested(tag: Tag, depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..depth {
        bytes.extend(element(tag, UNDEFINED, &[]));
        bytes.extend(element(ITEM, UNDEFINED, &[]));
    }
    for _ in 0..depth {
        bytes.extend(element(ITEM_END, 0, &[]));
        bytes.extend(element(SEQUENCE_END, 0, &[]));
    }
    bytes
}

#[test]
fn wanted_elements_are_found_whatever_stands_between() {
    let private = Tag(0x0009, 0x1001);
    let check = |between: Vec<u8>| {
        let mut bytes = modality();
        bytes.extend(between);
        bytes.extend(element(tags::PIXEL_DATA, 4, &[1, 2, 3, 4]));
        let n_bytes = bytes.len() as u64;
        let found = scan_bytes(&bytes).unwrap();
        assert_eq!(found.object.element(tags::MODALITY).unwrap().to_str().unwrap(), "CT");
        assert_eq!(found.pixel_data, Some(PixelData::Native(n_bytes - 4..n_bytes)));
    };
    check(Vec::new());
    check(nested(private, 3));
    check(nested(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, 3));
    check(element(private, 1_000, &[0xFF; 1_000]));
}

#[test]
fn a_number_that_is_cut_is_not_read_on_from_its_middle() {
    let explicit = |vr: &[u8; 2], value: &[u8]| {
        let mut bytes = tags::MODALITY.group().to_le_bytes().to_vec();
        bytes.extend(tags::MODALITY.element().to_le_bytes());
        bytes.extend(vr);
        bytes.extend([0, 0]);
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
        let explicit = uids::EXPLICIT_VR_LITTLE_ENDIAN.parse().unwrap();
        scan_message(&bytes, &explicit, WANTED)
    };
    // What is left of it would say that two gibibytes follow.
    let hostile =
        [[0; 16].as_slice(), &[8, 0, 0x61, 0, b'U', b'N', 0, 0, 0xFF, 0xFF, 0xFF, 0x7F]].concat();
    for vr in [b"OV", b"UV", b"SV", b"OD", b"OL", b"OF"] {
        for n in [1, 3, 22, 27] {
            let read = explicit(vr, &hostile[..n.min(hostile.len())]);
            assert!(matches!(read, Err(ScanError::NotDicom(_))), "{vr:?} {n}");
        }
        assert!(explicit(vr, &hostile[..16]).is_ok());
    }
    // Modality as UN becomes the code string that the dictionary knows.
    assert!(explicit(b"UN", b"CT ").is_ok());
}

#[test]
fn a_message_is_read_as_negotiated_and_never_guessed() {
    let read = |bytes: &[u8], syntax: &str| {
        let object = scan_message(bytes, &syntax.parse().unwrap(), WANTED).ok()?;
        crate::dicom::attributes::text(&object, tags::MODALITY)
    };
    let implicit = modality();
    // A length that reads as letters: 0x5353 is "SS".
    let letters = [element(Tag(8, 0x0041), 0x5353, &[b' '; 0x5353]), modality()].concat();
    let explicit = [&[8, 0, 0x60, 0][..], b"CS\x02\0CT"].concat();
    let big = [&[0, 8, 0, 0x60][..], b"CS\0\x02CT"].concat();
    let check = |bytes: &[u8], syntax: &str, expected: Option<&str>| {
        assert_eq!(read(bytes, syntax).as_deref(), expected, "{syntax}");
    };
    check(&implicit, uids::IMPLICIT_VR_LITTLE_ENDIAN, Some("CT"));
    check(&letters, uids::IMPLICIT_VR_LITTLE_ENDIAN, Some("CT"));
    check(&explicit, uids::EXPLICIT_VR_LITTLE_ENDIAN, Some("CT"));
    check(&big, EXPLICIT_VR_BIG_ENDIAN, Some("CT"));
    check(&explicit, uids::IMPLICIT_VR_LITTLE_ENDIAN, None);
    check(&explicit, uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, None);
}

#[test]
fn hostile_headers_are_refused() {
    let check = |rest: Vec<u8>, expected: &str| {
        let bytes = [modality(), rest].concat();
        let error = scan_bytes(&bytes).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    };
    let groups = tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE;
    check(nested(groups, 50_000), "TooDeep");
    check(nested(Tag(0x0009, 0x1001), 50_000), "TooDeep");
    check(element(groups, 0xFFFF_FFF0, &[]), "PastEnd");
    check(element(Tag(0x0009, 0x1001), 0xFFFF_FFF0, &[]), "PastEnd");
    check(element(groups, 24, &nested(groups, 9)), "PastEnd");
    check(element(ITEM, 0, &[]), "NotDicom");
    check(element(groups, UNDEFINED, &element(ITEM, UNDEFINED, &[])), "PastEnd");
    check(element(tags::PIXEL_DATA, UNDEFINED, &[]), "TransferSyntax");
}

#[test]
fn what_is_no_dicom_is_refused() {
    let check = |bytes: &[u8], expected: &str| {
        assert!(format!("{:?}", scan_bytes(bytes).unwrap_err()).starts_with(expected));
    };
    check(b"", "Empty");
    check(b"a short text", "NotDicom");
    check(&[0; 1_000], "NotDicom");
    check(&[&[0; 128][..], b"DICM"].concat(), "NotDicom");
}
