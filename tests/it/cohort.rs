//! A labelled cohort from its folder.

use std::fs;

use parotidd::dicom::ct_series_writer::{CtEncoding, write_ct_series};
use parotidd::dicom::segmentation::{AlgorithmKind, SourceSeries, write_segmentation};
use parotidd::evaluation::cohort::{Cohort, CohortError, TABLE, TRUTH};
use parotidd::units::Side;

use crate::intake::{ball, header};
use crate::segmentation::{grid, masks, segmentation_header, segments};

#[test]
fn a_cohort_is_read_with_and_without_its_table() {
    let root = tempfile::tempdir().unwrap();
    let masks = masks();
    for case in ["c1", "c2"] {
        let folder = root.path().join(case);
        fs::create_dir(&folder).unwrap();
        let header = header(case, CtEncoding::default());
        write_ct_series(&folder, &ball(grid()), &header).unwrap();
        let source = SourceSeries::from_header(&header, grid());
        let about = segmentation_header(AlgorithmKind::Automatic);
        write_segmentation(&folder.join(TRUTH), &source, &segments(&masks), &about).unwrap();
    }
    let check = |names: &[&str]| {
        let cohort = Cohort::open(root.path()).unwrap();
        let cases: Vec<_> = cohort.cases().map(Result::unwrap).collect();
        assert_eq!(cases.iter().map(|case| &case.row.case).collect::<Vec<_>>(), names);
        for case in &cases {
            assert!(case.volume.voxels() == ball(grid()).voxels());
            assert!(case.glands[0].as_ref().unwrap().voxels() == masks[0].voxels());
            // The left gland's mask was empty.
            assert_eq!(case.glands[1], None);
            assert_eq!(case.masses.len(), 1);
            assert_eq!(case.masses[0].0, Side::Left);
            assert!(case.masses[0].1.voxels() == masks[1].voxels());
        }
    };
    check(&["c1", "c2"]);
    fs::write(root.path().join(TABLE), "case,tumor_side\nc2,left\n").unwrap();
    check(&["c2"]);

    fs::remove_file(root.path().join("c2").join(TRUTH)).unwrap();
    let cohort = Cohort::open(root.path()).unwrap();
    assert!(matches!(cohort.load(&cohort.rows()[0]), Err(CohortError::NoTruth { .. })));
    fs::write(root.path().join(TABLE), "case\nc3\n").unwrap();
    let cohort = Cohort::open(root.path()).unwrap();
    assert!(matches!(cohort.load(&cohort.rows()[0]), Err(CohortError::Series { n_series: 0, .. })));
}
