//! Labels in the formats that people use, written by programs that are not ours
//! (`tests/data/labels/make.py`), against those programs' own masks.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use ndarray::Array3;
use ndarray_npy::NpzReader;
use parotidd::dicom::ct_series_writer::{CtEncoding, write_ct_series};
use parotidd::dicom::segmentation::SegmentKind::{self, Mass, ParotidGland};
use parotidd::error::Chain;
use parotidd::evaluation::cohort::{Cohort, TABLE};
use parotidd::evaluation::labels::{Label, LabelError, LabelMap, Target, read_labels};
use parotidd::imaging::mask::dice;
use parotidd::imaging::{Geometry, Mask, PatientPoint, Volume};
use parotidd::units::{Hounsfield, Side};
use tempfile::TempDir;

use crate::intake::header;

const RIGHT: Option<Side> = Some(Side::Right);
const LEFT: Option<Side> = Some(Side::Left);
/// As in `make.py`.
const FRAME_OF_REFERENCE: &str = "2.25.3175092465880417.9";

/// As in `make.py`.
fn grid() -> Geometry {
    let origin = PatientPoint::new(-79.0, -81.5, 612.5);
    Geometry::axis_aligned(origin, [3.0, 2.5, 2.5], [20, 64, 64]).unwrap()
}

/// A file of `tests/data/labels`; the DICOM files are unpacked once.
fn path(name: &str) -> PathBuf {
    static UNPACKED: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["seg.dcm", "rtstruct.dcm", "drawn.dcm"] {
            let packed = File::open(data().join(name).with_extension("dcm.gz")).unwrap();
            let mut file = File::create(folder.path().join(name)).unwrap();
            io::copy(&mut GzDecoder::new(packed), &mut file).unwrap();
        }
        folder
    });
    if name.ends_with(".dcm") { UNPACKED.path().join(name) } else { data().join(name) }
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/labels")
}

/// A mask of `expected.npz`.
fn expected(name: &str) -> Mask {
    let mut npz = NpzReader::new(File::open(path("expected.npz")).unwrap()).unwrap();
    let array: Array3<u8> = npz.by_name(name).unwrap();
    Mask::new(grid(), array.iter().copied().collect()).unwrap()
}

fn read_with(file: &Path, map: Option<&str>) -> Result<Vec<Label>, LabelError> {
    let map = map.map(|text| LabelMap::parse(text).unwrap());
    let frame_of_reference_uid = Some(FRAME_OF_REFERENCE);
    read_labels(file, &Target { grid: &grid(), frame_of_reference_uid, map: map.as_ref() })
}

fn read(name: &str) -> Vec<Label> {
    read_with(&path(name), None).unwrap()
}

fn meanings(labels: &[Label]) -> Vec<(SegmentKind, Option<Side>)> {
    labels.iter().map(|label| (label.kind, label.side)).collect()
}

#[test]
fn every_format_gives_the_mask_that_was_written() {
    // A side for the mass where the file has one; least overlap with the mask.
    let check = |name: &str, mass_side: Option<Side>, dice_min: f64| {
        let labels = read(name);
        let kinds = [(ParotidGland, RIGHT), (ParotidGland, LEFT), (Mass, mass_side)];
        assert_eq!(meanings(&labels), kinds, "{name}");
        for (label, truth) in labels.iter().zip(["right_gland", "left_gland", "mass"]) {
            let overlap = dice(&label.mask, &expected(truth));
            assert!(overlap >= dice_min, "{name}, {truth}: {overlap}");
        }
    };
    // highdicom.
    check("seg.dcm", LEFT, 1.0);
    // rt-utils; its contours run through the outermost voxels.
    check("rtstruct.dcm", None, 1.0);
    // nibabel: orders and directions of axes, sform or qform, types, byte orders.
    for name in ["lps.nii.gz", "ras.nii.gz", "pir.nii.gz", "sal.nii.gz", "big_endian.nii.gz"] {
        check(name, RIGHT, 1.0);
    }
}

#[test]
fn contours_are_filled_as_other_programs_fill_them() {
    let check = |file: &str, nth: usize, truth: &str| {
        let label = &read(file)[nth];
        let truth = expected(truth);
        assert_eq!(label.mask.n_inside(), truth.n_inside(), "{file}");
        assert!(label.mask.voxels() == truth.voxels(), "{file}");
    };
    // rt-utils fills with OpenCV, centres on the contour included.
    check("rtstruct.dcm", 0, "rt_utils_right_gland");
    check("rtstruct.dcm", 1, "rt_utils_left_gland");
    check("rtstruct.dcm", 2, "rt_utils_mass");
    // Shapely, points in polygons, with holes: the same but where a centre is on a contour.
    let drawn = &read("drawn.dcm")[0];
    assert_eq!((drawn.kind, drawn.side), (Mass, RIGHT));
    let (inside, near) = (expected("drawn"), expected("near_contour"));
    assert!(near.n_inside() * 10 < inside.n_inside());
    for (offset, voxel) in drawn.mask.voxels().iter().enumerate() {
        assert!(*voxel == inside.voxels()[offset] || near.voxels()[offset] == 1, "{offset}");
    }
}

#[test]
fn an_oblique_grid_of_other_spacing_comes_back() {
    let labels = read("parotid_left.nii.gz");
    assert_eq!(meanings(&labels), [(ParotidGland, LEFT)]);
    let overlap = dice(&labels[0].mask, &expected("left_gland"));
    // Twice resampled by nearest voxels, of which a gland's surface has many at 2.5 mm.
    assert!(overlap > 0.9, "{overlap}");
}

#[test]
fn the_tables_words_come_before_the_files() {
    let check = |file: &str, map: &str, expected: &[(SegmentKind, Option<Side>)]| {
        let labels = read_with(&path(file), Some(map)).unwrap();
        assert_eq!(meanings(&labels), expected, "{file} {map}");
    };
    check("ras.nii.gz", "3=left mass", &[(Mass, LEFT)]);
    check("ras.nii.gz", "ras=parotids", &[(ParotidGland, None)]);
    check("seg.dcm", "brain=mass", &[(Mass, None)]);
    check("rtstruct.dcm", "Musc_Masseter_L=left mass;GTVp=mass", &[(Mass, None), (Mass, LEFT)]);
    // Voxel values say nothing of structures.
    check("drawn.dcm", "1=right gland", &[(Mass, RIGHT)]);
    let error = read_with(&path("seg.dcm"), Some("Tu=mass")).unwrap_err().to_string();
    assert!(error.contains("Ohrspeicheldruese, Parotid, Brain, Tumour left"), "{error}");
}

#[test]
fn labels_of_other_images_are_refused() {
    let read_onto = |file: &str, grid: &Geometry, uid: Option<&str>| {
        let target = Target { grid, frame_of_reference_uid: uid, map: None };
        read_labels(&path(file), &target)
    };
    let far = Geometry::axis_aligned(PatientPoint::default(), [3.0, 2.5, 2.5], [20, 64, 64]);
    let far = far.unwrap();
    let error = read_onto("rtstruct.dcm", &grid(), Some("1.2.3")).unwrap_err();
    assert!(matches!(error, LabelError::FrameOfReference { .. }), "{error}");
    assert!(read_onto("rtstruct.dcm", &grid(), None).is_ok());
    for file in ["rtstruct.dcm", "ras.nii.gz"] {
        let error = read_onto(file, &far, None).unwrap_err();
        assert!(matches!(error, LabelError::Outside { .. }), "{file}: {error}");
    }
    let error = read_onto("seg.dcm", &far, None).unwrap_err();
    assert!(matches!(error, LabelError::Segmentation { .. }), "{error}");
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rtstruct.dcm", "seg.dcm", "ras.nii.gz", "lps.nii"] {
        let bytes =
            if name == "lps.nii" { unpacked_nifti() } else { fs::read(path(name)).unwrap() };
        let copy = folder.path().join(name);
        // Cut anywhere, or with one byte turned: an error or other labels, and never a panic.
        for n in 0..400 {
            let at = if name == "lps.nii" { n } else { n * bytes.len() / 400 };
            fs::write(&copy, &bytes[..at]).unwrap();
            assert!(read_with(&copy, None).is_err(), "{name} cut at {at}");
            let mut turned = bytes.clone();
            turned[at] ^= 0xFF;
            fs::write(&copy, turned).unwrap();
            let _ = read_with(&copy, None);
        }
    }
}

/// `lps.nii.gz` without gzip: 348 bytes of header, voxels from 352 on.
fn unpacked_nifti() -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path("lps.nii.gz")).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn nifti_files_that_are_no_labels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Bytes of the header or of voxels, by their place.
    let check = |name: &str, changes: &[(usize, &[u8])], what: &str| {
        let mut bytes = unpacked_nifti();
        for (at, change) in changes {
            bytes[*at..at + change.len()].copy_from_slice(change);
        }
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let read = read_with(&file, None).map(|labels| labels.len());
        let read = read.map_err(|error| Chain(&error).to_string());
        match read {
            Ok(n) => assert_eq!(n.to_string(), what, "{name}"),
            Err(error) => assert!(error.contains(what), "{error}"),
        }
    };
    check("case7.nii", &[], "3");
    check("case7.NII", &[], "3");
    check("parotid_left.nii", &[], "its name says one thing and it has several values");
    check("case7.nii", &[(400, &[9])], "nobody says what voxel value 9 is");
    // Codes of qform and sform: the place is that of either, or nowhere.
    check("case7.nii", &[(252, &[0, 0])], "3");
    check("case7.nii", &[(254, &[0, 0])], "3");
    check("case7.nii", &[(252, &[0, 0, 0, 0])], "neither sform nor qform");
    // The sform in metres, which puts it elsewhere.
    check("case7.nii", &[(123, &[1])], "covers no voxel of the CT");
    // Slope and intercept: none, not a number, and one that makes fractions.
    check("case7.nii", &[(112, &0.0_f32.to_le_bytes())], "3");
    check("case7.nii", &[(112, &f32::NAN.to_le_bytes())], "3");
    check("case7.nii", &[(112, &0.5_f32.to_le_bytes())], "voxel value 0.5 is no label");
    // Four dimensions; more bits than the type has; a pair of files; voxels beyond the end.
    check("case7.nii", &[(40, &[4, 0]), (48, &[2, 0])], "header field dim");
    check("case7.nii", &[(72, &[16, 0])], "header field bitpix");
    check("case7.nii", &[(344, b"ni1")], "pairs of .hdr and .img");
    check("case7.nii", &[(108, &1e6_f32.to_le_bytes())], "not a whole NIfTI-1 file");
    check("case7.nii", &[(108, &1e9_f32.to_le_bytes())], "header field vox_offset");
}

#[test]
fn a_table_of_three_formats_is_one_cohort() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["scans/p1", "dicom", "c3"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    write_body(&root.path().join("scans/p1"));
    write_body(&root.path().join("c3"));
    fs::copy(path("seg.dcm"), root.path().join("dicom/seg.dcm")).unwrap();
    fs::copy(path("sal.nii.gz"), root.path().join("c3/outlines.nii.gz")).unwrap();
    let absolute = path("rtstruct.dcm");
    let table = format!(
        "case;series;truth;labels;split\n\
         c1;scans/p1;dicom/seg.dcm;;test\n\
         c2;scans/p1;{};;\n\
         c3;;;\"1=right gland;2=left gland;3=mass\";val\n\
         c4;scans/p1;none;;\n",
        absolute.display()
    );
    fs::write(root.path().join(TABLE), table).unwrap();
    let cohort = Cohort::open(root.path()).unwrap();
    let splits: Vec<_> = cohort.rows().iter().map(|row| row.split.as_str()).collect();
    assert_eq!(splits, ["test", "train", "validation", "train"]);
    for (number, case) in cohort.cases().enumerate() {
        // The structure set was drawn in another frame of reference than the series' own.
        if number == 1 {
            let error = case.unwrap_err();
            assert!(Chain(&error).to_string().contains("another frame of reference"));
            continue;
        }
        let case = case.unwrap();
        if number == 3 {
            assert_eq!((case.glands, case.masses), ([None, None], Vec::new()));
            continue;
        }
        let glands = case.glands.map(|gland| gland.unwrap().n_inside());
        assert_eq!(glands, ["right_gland", "left_gland"].map(|name| expected(name).n_inside()));
        // In the NIfTI file it has no side; it lies in the left gland.
        assert_eq!(case.masses.len(), 1);
        assert_eq!(case.masses[0].0, Side::Left);
    }
}

/// A series of a body as wide as the grid.
fn write_body(folder: &Path) {
    let volume = Volume::filled(grid(), Hounsfield(40));
    write_ct_series(folder, &volume, &header("labels", CtEncoding::default())).unwrap();
}
