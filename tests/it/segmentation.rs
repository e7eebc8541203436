//! Outlines out to a SEG object and back.

use std::fs;

use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;
use dicom_object::open_file;
use parotidd::dicom::attributes::PatientStudy;
use parotidd::dicom::ct_pixels::same_pixels;
use parotidd::dicom::ct_series_writer::{CtEncoding, write_ct_series};
use parotidd::dicom::segmentation::{
    Algorithm, AlgorithmKind, Segment, SegmentKind, SegmentationHeader, SourceSeries,
    write_segmentation,
};
use parotidd::dicom::segmentation_reader::{SegmentationError, read_segmentation};
use parotidd::imaging::{Geometry, Mask, PatientPoint};
use parotidd::intake::ct_volume::assemble;
use parotidd::intake::scan::scan;
use parotidd::units::{Hounsfield, Side};

use crate::intake::{ball, header};

/// An odd number of pixels a frame, so that frames begin within bytes; sheared.
pub(crate) fn grid() -> Geometry {
    let steps = [[0.0, 0.4, 3.0], [0.0, 0.9, 0.0], [0.9, 0.0, 0.0]];
    Geometry::new(PatientPoint::new(-9.0, -8.0, 55.5), steps, [10, 19, 21]).unwrap()
}

pub(crate) fn segmentation_header(kind: AlgorithmKind) -> SegmentationHeader {
    SegmentationHeader {
        sop_instance_uid: "2.25.900.1".to_owned(),
        series_instance_uid: "2.25.900".to_owned(),
        series_number: 900,
        series_description: "Outlines - not for diagnostic use".to_owned(),
        content_label: "PAROTID".to_owned(),
        content_date: "20260101".to_owned(),
        content_time: "121500".to_owned(),
        manufacturer: "parotidd".to_owned(),
        model_name: "parotidd".to_owned(),
        serial_number: "0".to_owned(),
        algorithm: Algorithm {
            kind,
            name: "ball finder".to_owned(),
            version: "1".to_owned(),
            parameters: "hu_min=50".to_owned(),
        },
        empty_frames: false,
    }
}

/// The ball, a box, and nothing.
pub(crate) fn masks() -> [Mask; 3] {
    let grid = grid();
    let volume = ball(grid);
    let mut box_mask = Mask::filled(grid, 0);
    for offset in 0..grid.n_voxels() {
        let inside = box_mask.index_of(offset).iter().all(|n| (3..8).contains(n));
        box_mask.voxels_mut()[offset] = u8::from(inside);
    }
    [volume.map(|&hu| u8::from(hu == Hounsfield(60))), box_mask, Mask::filled(grid, 0)]
}

pub(crate) fn segments(masks: &[Mask; 3]) -> [Segment<'_>; 3] {
    let [ball, cuboid, nothing] = masks;
    let segment =
        |label, kind, side, tracking_uid, mask| Segment { label, kind, side, tracking_uid, mask };
    let gland = SegmentKind::ParotidGland;
    [
        segment("Right gland", gland, Side::Right, "2.25.1", ball),
        segment("Left gland", gland, Side::Left, "2.25.2", nothing),
        segment("Left mass", SegmentKind::Mass, Side::Left, "2.25.3", cuboid),
    ]
}

#[test]
fn outlines_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seg.dcm");
    let source = SourceSeries::from_header(&header("seg", CtEncoding::default()), grid());
    let masks = masks();
    let check = |empty_frames: bool, n_frames: &str| {
        let kind = AlgorithmKind::ArtificialIntelligence;
        let header = SegmentationHeader { empty_frames, ..segmentation_header(kind) };
        write_segmentation(&path, &source, &segments(&masks), &header).unwrap();
        let object = open_file(&path).unwrap();
        let frames = object.element(tags::NUMBER_OF_FRAMES).unwrap().to_str().unwrap();
        assert_eq!(frames, n_frames);
        let read = read_segmentation(&path, &grid()).unwrap();
        assert_eq!(read.len(), 3);
        for (read, written) in read.iter().zip(segments(&masks)) {
            let said = &read.description;
            assert_eq!(said.label, written.label);
            assert_eq!((said.kind, said.side), (Some(written.kind), Some(written.side)));
            assert!(read.mask.voxels() == written.mask.voxels(), "{}", said.label);
        }
    };
    assert!(masks[0].n_inside() > 100);
    // The ball is on 3 slices, the box on 5, nothing keeps one.
    check(false, "9");
    check(true, "30");
}

#[test]
fn the_same_outline_is_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = SourceSeries::from_header(&header("seg", CtEncoding::default()), grid());
    let masks = masks();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let header = segmentation_header(AlgorithmKind::Automatic);
        write_segmentation(&path, &source, &segments(&masks), &header).unwrap();
        fs::read(path).unwrap()
    };
    assert!(write("a.dcm") == write("b.dcm"));
}

#[test]
fn a_source_read_back_is_the_source_written() {
    let folder = tempfile::tempdir().unwrap();
    let header = header("seg", CtEncoding::default());
    let paths = write_ct_series(folder.path(), &ball(grid()), &header).unwrap();
    let images = scan(&[folder.path().to_owned()]).series.into_values().flatten().collect();
    let plan = assemble(images, same_pixels).unwrap();
    let patient_study = PatientStudy::read(&paths[0]).unwrap();
    let read = SourceSeries::from_images(&plan.slices, grid(), patient_study).unwrap();
    assert_eq!(read, SourceSeries::from_header(&header, grid()));
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seg.dcm");
    let source = SourceSeries::from_header(&header("seg", CtEncoding::default()), grid());
    let masks = masks();
    let header = segmentation_header(AlgorithmKind::Manual);
    assert!(write_segmentation(&path, &source, &[], &header).is_err());
    write_segmentation(&path, &source, &segments(&masks), &header).unwrap();

    let moved = PatientPoint::new(-9.0, -8.0, 56.5);
    let moved = Geometry::new(moved, grid().steps(), grid().shape()).unwrap();
    let error = read_segmentation(&path, &moved).unwrap_err();
    assert!(matches!(error, SegmentationError::OffGrid(0)));
    let fewer = Geometry::new(grid().origin(), grid().steps(), [4, 19, 21]).unwrap();
    assert!(matches!(read_segmentation(&path, &fewer).unwrap_err(), SegmentationError::OffGrid(_)));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 2]).unwrap();
    let error = read_segmentation(&path, &grid()).unwrap_err();
    assert!(matches!(error, SegmentationError::Truncated));
    fs::write(&path, &bytes).unwrap();
    let mut object = open_file(&path).unwrap();
    object.put(DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, "1000000000"));
    object.write_to_file(&path).unwrap();
    let error = read_segmentation(&path, &grid()).unwrap_err();
    assert!(matches!(error, SegmentationError::Attribute("NumberOfFrames")));
}
