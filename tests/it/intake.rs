//! From files to a volume: every way to store one, every way to spoil one, and other people's files.

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, open_file};
use parotidd::dicom::attributes::PatientStudy;
use parotidd::dicom::ct_image::{CtImage, read_images};
use parotidd::dicom::ct_pixels::{decode_pixels, same_pixels};
use parotidd::dicom::ct_series_writer::{CtEncoding, CtSeriesHeader, write_ct_series};
use parotidd::dicom::uid::derived_uid;
use parotidd::imaging::{Geometry, PatientPoint, Volume};
use parotidd::intake::ct_volume::{Refusal, SetAside, VolumePlan, assemble, load};
use parotidd::intake::scan::scan;
use parotidd::phi::Phi;
use parotidd::reason::Reason;
use parotidd::units::Hounsfield;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::transfer_syntaxes::convert;

const N_SLICES: usize = 12;

/// An axial grid, sheared by `shear_mm` to posterior a slice.
fn grid(shear_mm: f64) -> Geometry {
    let steps = [[0.0, shear_mm, 2.5], [0.0, 0.5, 0.0], [0.4, 0.0, 0.0]];
    Geometry::new(PatientPoint::new(-20.0, 33.3, -410.25), steps, [N_SLICES, 20, 24]).unwrap()
}

/// A ball in a box in air, no two slices alike.
pub(crate) fn ball(grid: Geometry) -> Volume<Hounsfield> {
    let middle = grid.to_patient(grid.shape().map(|n| n as f64 / 2.0));
    let mut volume = Volume::filled(grid, Hounsfield::AIR);
    for offset in 0..grid.n_voxels() {
        let index = volume.index_of(offset);
        let inside = grid.to_patient(index.map(|n| n as f64)).distance(middle) < 4.0;
        let box_hu =
            if index[1] > 2 && index[2] > 2 { 2 * i16::try_from(index[0]).unwrap() } else { -1024 };
        volume.voxels_mut()[offset] = Hounsfield(if inside { 60 } else { box_hu });
    }
    volume
}

pub(crate) fn header(name: &str, encoding: CtEncoding) -> CtSeriesHeader {
    let uid = |kind: &str| derived_uid(&[name, kind]);
    CtSeriesHeader {
        patient_study: PatientStudy {
            patient_name: Phi::new("PHANTOM^BALL".to_owned()),
            patient_id: Phi::new("BALL-1".to_owned()),
            birth_date: Phi::new("19700101".to_owned()),
            sex: Phi::new("O".to_owned()),
            study_date: Phi::new("20260101".to_owned()),
            study_time: Phi::new("120000".to_owned()),
            accession_number: Phi::new("A-17".to_owned()),
            ..PatientStudy::default()
        },
        patient_age: "056Y".to_owned(),
        study_instance_uid: uid("study").parse().unwrap(),
        series_instance_uid: uid("series").parse().unwrap(),
        frame_of_reference_uid: uid("frame").parse().unwrap(),
        series_number: 2,
        series_description: "ball in a box".to_owned(),
        series_date: "20260101".to_owned(),
        series_time: "120500".to_owned(),
        body_part: "HEADNECK".to_owned(),
        manufacturer: "parotidd phantom".to_owned(),
        model_name: "ball".to_owned(),
        kernel: "soft".to_owned(),
        kvp: 120.0,
        slice_thickness_mm: 2.5,
        encoding,
    }
}

/// A written series that can be spoilt.
struct Series {
    folder: TempDir,
    paths: Vec<PathBuf>,
}

impl Series {
    fn new() -> Self {
        Self::of(&ball(grid(0.0)), CtEncoding::default())
    }

    fn of(volume: &Volume<Hounsfield>, encoding: CtEncoding) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = write_ct_series(folder.path(), volume, &header("ball", encoding)).unwrap();
        Self { folder, paths }
    }

    /// Writes `path` anew with other elements.
    fn change(&self, slice: usize, elements: &[(Tag, VR, &str)]) {
        self.copy(slice, slice, elements);
    }

    /// Writes a slice under the name of another, or of a new one, with other elements.
    fn copy(&self, from: usize, to: usize, elements: &[(Tag, VR, &str)]) {
        let mut object = open_file(&self.paths[from]).unwrap();
        for &(tag, vr, value) in elements {
            object.put(DataElement::new(tag, vr, value));
        }
        object.write_to_file(self.folder.path().join(format!("IM{:05}.dcm", to + 1))).unwrap();
    }

    fn remove(&self, slice: usize) {
        fs::remove_file(&self.paths[slice]).unwrap();
    }

    fn images(&self) -> Vec<CtImage> {
        let found = scan(&[self.folder.path().to_owned()]);
        assert_eq!(found.unusable, []);
        found.series.into_values().flatten().collect()
    }

    fn plan(&self) -> Result<VolumePlan, Refusal> {
        assemble(self.images(), same_pixels)
    }

    fn reason(&self) -> Reason {
        self.plan().unwrap_err().reason
    }

    fn left_out(&self) -> Vec<SetAside> {
        self.plan().unwrap().left_out.iter().map(|image| image.why).collect()
    }
}

fn assert_same_place(a: &Geometry, b: &Geometry) {
    assert_eq!(a.shape(), b.shape());
    for corner in [[0.0, 0.0, 0.0], a.shape().map(|n| n as f64)] {
        assert!(a.to_patient(corner).distance(b.to_patient(corner)) < 1e-6);
    }
}

#[test]
fn a_volume_survives_each_encoding() {
    let original = ball(grid(0.0));
    let check = |encoding: CtEncoding| {
        let series = Series::of(&original, encoding);
        let plan = series.plan().unwrap();
        assert_same_place(&plan.geometry, original.geometry());
        assert!(load(&plan, None).unwrap().voxels() == original.voxels(), "{encoding:?}");
        assert_eq!(plan.slices[3].instance.accession_number.expose(), "A-17");
        assert_eq!(PatientStudy::read(&series.paths[0]).unwrap().patient_id.expose(), "BALL-1");
    };
    let plain = CtEncoding::default();
    check(plain);
    check(CtEncoding { implicit_vr: true, ..plain });
    check(CtEncoding { signed: true, bits_stored: 16, intercept: 0.0, ..plain });
    check(CtEncoding { signed: true, bits_stored: 12, intercept: 0.0, ..plain });
    check(CtEncoding { slope: 2.0, ..plain });
    check(CtEncoding { slope: 0.5, bits_stored: 13, ..plain });
    check(CtEncoding { signed: true, bits_stored: 16, padding: Some(-2000), ..plain });
    check(CtEncoding { bits_stored: 16, padding: Some(63536), implicit_vr: true, ..plain });
}

#[test]
fn big_endian_and_bare_data_sets_are_read() {
    let series = Series::new();
    let path = &series.paths[5];
    let decode = || {
        let image = read_images(path).unwrap().remove(0);
        let mut out = vec![Hounsfield::AIR; 20 * 24];
        decode_pixels(&image, &mut out).unwrap();
        out
    };
    let expected = decode();
    let object = open_file(path).unwrap().into_inner();
    for syntax in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"] {
        let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
        let file = object.clone().with_meta(meta).unwrap();
        file.write_to_file(path).unwrap();
        assert!(decode() == expected, "{syntax}");
        let mut bare = Vec::new();
        file.write_dataset(&mut bare).unwrap();
        fs::write(path, bare).unwrap();
        assert!(decode() == expected, "{syntax} without meta group");
    }
}

#[test]
fn padding_becomes_air() {
    let grid = grid(0.0);
    let volume = Volume::filled(grid, Hounsfield(-2000));
    let encoding = CtEncoding {
        signed: true,
        bits_stored: 16,
        intercept: 0.0,
        padding: Some(-2000),
        ..CtEncoding::default()
    };
    let series = Series::of(&volume, encoding);
    let loaded = load(&series.plan().unwrap(), None).unwrap();
    assert!(loaded.voxels().iter().all(|&hu| hu == Hounsfield::AIR));
}

#[test]
fn a_tilted_gantry_is_a_sheared_grid() {
    let original = ball(grid(0.7));
    let series = Series::of(&original, CtEncoding::default());
    let plan = series.plan().unwrap();
    assert_same_place(&plan.geometry, original.geometry());
    assert!(load(&plan, None).unwrap().voxels() == original.voxels());
}

#[test]
fn slices_in_opposite_order_give_the_same_patient() {
    let upside_down = Geometry::new(
        PatientPoint::new(0.0, 0.0, 100.0),
        [[0.0, 0.0, -3.0], [0.0, 0.5, 0.0], [0.5, 0.0, 0.0]],
        [N_SLICES, 16, 16],
    )
    .unwrap();
    let original = ball(upside_down);
    let series = Series::of(&original, CtEncoding::default());
    let plan = series.plan().unwrap();
    assert_eq!(plan.slices[0].instance.instance_number, Some(N_SLICES as i64));
    let loaded = load(&plan, None).unwrap();
    assert_eq!(loaded.slice(0), original.slice(N_SLICES - 1));
    assert!(loaded.geometry().origin().distance(PatientPoint::new(0.0, 0.0, 67.0)) < 1e-6);
}

#[test]
fn what_is_no_slice_of_the_volume_is_set_aside() {
    let check = |elements: &[(Tag, VR, &str)], why: SetAside| {
        let series = Series::new();
        let uid = derived_uid(&["extra"]);
        let mut elements = elements.to_vec();
        elements.push((tags::SOP_INSTANCE_UID, VR::UI, &uid));
        series.copy(4, 50, &elements);
        assert_eq!(series.left_out(), [why]);
    };
    let orientation = tags::IMAGE_ORIENTATION_PATIENT;
    check(&[(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER")], SetAside::Localizer);
    check(&[(tags::IMAGE_POSITION_PATIENT, VR::DS, "")], SetAside::NoPosition);
    check(&[(orientation, VR::DS, "1\\0\\0\\0\\0\\-1")], SetAside::OtherOrientation);
    check(&[(tags::PIXEL_SPACING, VR::DS, "0.6\\0.6")], SetAside::OtherSize);
    check(&[(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.3")], SetAside::OtherFrameOfReference);
    check(&[], SetAside::Double);
    let sent_twice = Series::new();
    sent_twice.copy(4, 50, &[]);
    assert_eq!(sent_twice.left_out(), [SetAside::Double]);
}

#[test]
fn the_last_of_two_whole_acquisitions_is_taken() {
    let series = Series::new();
    for slice in 0..N_SLICES {
        let uid = derived_uid(&["again", &slice.to_string()]);
        let (number, intercept) = (tags::ACQUISITION_NUMBER, tags::RESCALE_INTERCEPT);
        let again = [
            (tags::SOP_INSTANCE_UID, VR::UI, &*uid),
            (number, VR::IS, "2"),
            (intercept, VR::DS, "0"),
        ];
        series.copy(slice, 50 + slice, &again);
    }
    assert_eq!(series.left_out(), [SetAside::OlderAcquisition; N_SLICES]);
    let plan = series.plan().unwrap();
    assert!(plan.slices.iter().all(|slice| slice.acquisition_number == Some(2)));
    fs::remove_file(series.folder.path().join("IM00055.dcm")).unwrap();
    assert_eq!(series.reason(), Reason::DuplicatePosition);
}

#[test]
fn series_that_are_no_volume_are_refused_with_a_reason() {
    let check = |spoil: &dyn Fn(&Series), reason: Reason| {
        let series = Series::new();
        spoil(&series);
        assert_eq!(series.reason(), reason);
    };
    let each = |slices: std::ops::Range<usize>, element: (Tag, VR, &str), series: &Series| {
        slices.for_each(|slice| series.change(slice, &[element]));
    };
    let position = tags::IMAGE_POSITION_PATIENT;
    let orientation = |value| (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, value);
    check(&|series| series.remove(5), Reason::MissingSlice);
    check(&|series| (0..5).for_each(|slice| series.remove(slice)), Reason::TooFewSlices);
    check(&|series| (1..N_SLICES).for_each(|slice| series.remove(slice)), Reason::TooFewSlices);
    check(&|s| s.change(5, &[(position, VR::DS, "-20\\33.3\\-396.75")]), Reason::IrregularSpacing);
    check(&|s| s.change(5, &[(position, VR::DS, "-20\\34.3\\-397.75")]), Reason::IrregularSpacing);
    check(
        &|s| {
            let other = [(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3"), (tags::KVP, VR::DS, "80")];
            s.copy(5, 50, &[&other[..], &[(tags::RESCALE_INTERCEPT, VR::DS, "0")]].concat());
        },
        Reason::DuplicatePosition,
    );
    check(&|s| each(0..6, orientation("1\\0\\0\\0\\0\\-1"), s), Reason::MixedOrientation);
    check(&|s| each(0..N_SLICES, orientation("1\\0\\0\\0\\0\\-1"), s), Reason::NotAxial);
    check(&|s| each(0..5, (tags::PIXEL_SPACING, VR::DS, "1\\1"), s), Reason::MixedImageSize);
    check(
        &|s| each(0..5, (tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2"), s),
        Reason::MixedFrameOfReference,
    );
    check(&|s| each(0..N_SLICES, (position, VR::DS, ""), s), Reason::BadAttribute);
    let localizer = (tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY\\LOCALIZER");
    check(&|s| each(0..N_SLICES, localizer, s), Reason::NoImages);
    check(&|s| each(0..N_SLICES, (tags::SLICE_THICKNESS, VR::DS, "8"), s), Reason::SpacingTooLarge);
}

#[test]
fn spoilt_files_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoilt.dcm");
    let good = fs::read(&Series::new().paths[0]).unwrap();
    let check_bytes = |bytes: &[u8], reason: Reason| {
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_images(&path).unwrap_err().reason(), reason);
    };
    check_bytes(b"", Reason::EmptyFile);
    check_bytes(b"no DICOM at all, but long enough to look at", Reason::NotDicom);
    check_bytes(&good[..good.len() - 1], Reason::Truncated);
    check_bytes(&good[..600], Reason::Truncated);
    check_bytes(&good[..140], Reason::Truncated);
    let check = |tag: Tag, vr: VR, value: PrimitiveValue, reason: Reason| {
        let mut object = open_file(&Series::new().paths[0]).unwrap();
        object.put(DataElement::new(tag, vr, value));
        object.write_to_file(&path).unwrap();
        assert_eq!(read_images(&path).unwrap_err().reason(), reason, "{tag}");
    };
    let number = PrimitiveValue::from;
    check(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE.into(), Reason::NotCt);
    check(tags::ROWS, VR::US, number(60_000_u16), Reason::TooLarge);
    check(tags::ROWS, VR::US, number(0_u16), Reason::BadAttribute);
    check(tags::ROWS, VR::US, number(21_u16), Reason::Truncated);
    check(tags::NUMBER_OF_FRAMES, VR::IS, "2000000000".into(), Reason::TooLarge);
    check(tags::NUMBER_OF_FRAMES, VR::IS, "-3".into(), Reason::BadAttribute);
    check(tags::BITS_ALLOCATED, VR::US, number(8_u16), Reason::UnsupportedPixelFormat);
    check(tags::SAMPLES_PER_PIXEL, VR::US, number(3_u16), Reason::UnsupportedPixelFormat);
    check(tags::HIGH_BIT, VR::US, number(16_u16), Reason::BadAttribute);
    check(tags::RESCALE_SLOPE, VR::DS, "0".into(), Reason::BadAttribute);
    check(tags::RESCALE_SLOPE, VR::DS, "nan".into(), Reason::BadAttribute);
    check(tags::RESCALE_TYPE, VR::LO, "Z_EFF".into(), Reason::UnsupportedPixelFormat);
    check(tags::IMAGE_POSITION_PATIENT, VR::DS, "nan\\0\\0".into(), Reason::BadAttribute);
    check(tags::IMAGE_POSITION_PATIENT, VR::DS, "1e300\\0\\0".into(), Reason::BadAttribute);
    check(tags::IMAGE_POSITION_PATIENT, VR::DS, "0\\0".into(), Reason::BadAttribute);
    check(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\1\\0\\0".into(), Reason::BadAttribute);
    check(tags::PIXEL_SPACING, VR::DS, "0\\1".into(), Reason::BadAttribute);
    check(tags::SERIES_INSTANCE_UID, VR::UI, "../..".into(), Reason::BadAttribute);
}

/// A series' images as the frames of one Enhanced CT.
fn write_enhanced(singles: &Series, path: &Path) {
    let first = open_file(&singles.paths[0]).unwrap();
    let item_of = |source: &InMemDicomObject, group: Tag, wanted: &[Tag]| {
        let elements = wanted.iter().map(|&tag| source.element(tag).unwrap().clone());
        let item = InMemDicomObject::from_element_iter(elements);
        DataElement::new(group, VR::SQ, DataSetSequence::from(vec![item]))
    };
    let mut pixels: Vec<u16> = Vec::new();
    let frames: Vec<InMemDicomObject> = singles
        .paths
        .iter()
        .map(|path| {
            let single = open_file(path).unwrap();
            pixels.extend(single.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap());
            let group = tags::PLANE_POSITION_SEQUENCE;
            let position = item_of(&single, group, &[tags::IMAGE_POSITION_PATIENT]);
            InMemDicomObject::from_element_iter([position])
        })
        .collect();
    let groups = [
        (tags::PLANE_ORIENTATION_SEQUENCE, vec![tags::IMAGE_ORIENTATION_PATIENT]),
        (tags::PIXEL_MEASURES_SEQUENCE, vec![tags::PIXEL_SPACING, tags::SLICE_THICKNESS]),
        (
            tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
            vec![tags::RESCALE_SLOPE, tags::RESCALE_INTERCEPT, tags::RESCALE_TYPE],
        ),
    ];
    let shared = groups.iter().map(|(group, wanted)| item_of(&first, *group, wanted));
    let shared = InMemDicomObject::from_element_iter(shared);
    let mut object = first.into_inner();
    for tag in groups.iter().flat_map(|(_, wanted)| wanted).chain([&tags::IMAGE_POSITION_PATIENT]) {
        object.remove_element(*tag);
    }
    object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, uids::ENHANCED_CT_IMAGE_STORAGE));
    object.put(DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, N_SLICES.to_string()));
    let sequence = DataSetSequence::from;
    let shared = sequence(vec![shared]);
    object.put(DataElement::new(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ, shared));
    let frames = sequence(frames);
    object.put(DataElement::new(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ, frames));
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}

#[test]
fn frames_of_an_enhanced_ct_are_slices_in_every_coding() {
    let original = ball(grid(0.7));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("enhanced.dcm");
    write_enhanced(&Series::of(&original, CtEncoding::default()), &path);
    let check = |path: &Path| {
        let plan = assemble(read_images(path).unwrap(), same_pixels).unwrap();
        assert_same_place(&plan.geometry, original.geometry());
        assert!(load(&plan, None).unwrap().voxels() == original.voxels(), "{}", path.display());
    };
    check(&path);
    for (program, arguments) in [
        ("dcmconv", &["+ti"][..]),
        ("dcmconv", &["+tb"]),
        ("dcmconv", &["+td"]),
        ("dcmcrle", &[]),
        ("dcmcjpeg", &["+e1"]),
        ("dcmcjpls", &["+el"]),
    ] {
        let to = folder.path().join(format!("{program}{}.dcm", arguments.concat()));
        if !convert(program, arguments, &path, &to) {
            return;
        }
        check(&to);
    }
}

#[test]
fn a_search_ends_and_names_what_it_could_not_use() {
    let series = Series::new();
    let folder = series.folder.path();
    fs::create_dir(folder.join("deep")).unwrap();
    std::os::unix::fs::symlink(folder, folder.join("deep/loop")).unwrap();
    fs::write(folder.join("deep/notes.txt"), "not an image, only a few notes").unwrap();
    let pipe = folder.join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let missing = folder.join("missing");
    let found = scan(&[folder.to_owned(), missing.clone(), series.paths[0].clone()]);
    assert_eq!(found.series.len(), 1);
    assert_eq!(found.series.values().next().unwrap().len(), N_SLICES);
    let unusable: Vec<_> = found.unusable.iter().map(|u| (u.path.clone(), u.reason)).collect();
    let expected = [
        (folder.join("deep/loop"), Reason::Unreadable),
        (folder.join("deep/notes.txt"), Reason::NotDicom),
        (missing, Reason::Unreadable),
        (pipe, Reason::Unreadable),
    ];
    assert_eq!(unusable, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_arrival_changes_nothing(seed in any::<u64>()) {
        let series = Series::new();
        let images = series.images();
        let expected = assemble(images.clone(), same_pixels).unwrap();
        let mut shuffled = images;
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(assemble(shuffled, same_pixels).unwrap(), expected);
    }

    #[test]
    fn any_slice_missing_within_is_noticed(missing in 1..N_SLICES - 1, shear in -1.0..1.0_f64) {
        let series = Series::of(&ball(grid(shear)), CtEncoding::default());
        series.remove(missing);
        prop_assert_eq!(series.reason(), Reason::MissingSlice);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_bytes_never_panic(
        damage in prop::collection::vec((132_usize..1300, any::<u8>()), 1..6),
        cut in prop::option::of(0_usize..2300),
        implicit_vr in any::<bool>(),
    ) {
        let encoding = CtEncoding { implicit_vr, ..CtEncoding::default() };
        let grid = Geometry::new(PatientPoint::default(), grid(0.0).steps(), [1, 20, 24]).unwrap();
        let series = Series::of(&ball(grid), encoding);
        let mut bytes = fs::read(&series.paths[0]).unwrap();
        for (at, value) in damage {
            bytes[at] = value;
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        fs::write(&series.paths[0], bytes).unwrap();
        for image in read_images(&series.paths[0]).unwrap_or_default() {
            let mut out = vec![Hounsfield::AIR; image.instance.rows * image.instance.columns];
            decode_pixels(&image, &mut out).unwrap();
        }
    }
}

/// Other people's files, where they are there.
fn corpus(below: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/dicom_corpus");
    if !root.is_dir() {
        eprintln!("skipped: {} is not there", root.display());
        return None;
    }
    Some(root.join(below))
}

#[test]
fn sets_that_others_failed_on_are_refused() {
    let Some(root) = corpus("dicom2nifti/tests/data/failing") else { return };
    let check = |set: &str, expected: &[Reason]| {
        // Two of the sets are MR: the geometry is what counts here, so they become CT.
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(root.join(set)).unwrap() {
            let path = entry.unwrap().path();
            let mut object = open_file(&path).unwrap();
            object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE));
            object.write_to_file(folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let found = scan(&[folder.path().to_owned()]);
        assert_eq!(found.unusable, []);
        let reasons: Vec<Reason> = found
            .series
            .into_values()
            .map(|images| assemble(images, same_pixels).unwrap_err().reason)
            .collect();
        assert_eq!(reasons, expected, "{set}");
    };
    check("sliceincrement/001", &[Reason::MissingSlice]);
    check("sliceincrement/002", &[Reason::MissingSlice]);
    check("sliceorientation/001", &[Reason::MixedOrientation]);
    check("notavolume/001", &[Reason::DuplicatePosition]);
    // Sagittal and only two; and four slices of a tilted gantry, which would be sound if more.
    check("slicecount/001", &[Reason::NotAxial]);
    check("gantrytilting/001", &[Reason::TooFewSlices]);
}

#[test]
fn no_file_of_others_panics() {
    let Some(root) = corpus("") else { return };
    let found = scan(&[root]);
    let n_images: usize = found.series.values().map(Vec::len).sum();
    assert!(found.unusable.len() > 100, "{}", found.unusable.len());
    assert!(n_images > 20, "{n_images}");
    for images in found.series.into_values() {
        if let Ok(plan) = assemble(images, same_pixels) {
            load(&plan, None).unwrap();
        }
    }
}
