//! `parotidd screen` on real CT: both gland centres near those of outlines that people drew.
//!
//! Uses the OpenKBP planning CTs of `../shared/data/openkbp`, only patients of its test split, whom no
//! training has seen. Their CT is written as DICOM with 1 mm in plane, then screened as a user would.
//! All 57 patients with `RUN_SLOW_TESTS=1`, else three.

use std::path::{Path, PathBuf};
use std::process::Command;

use parotidd::dicom::attributes::PatientStudy;
use parotidd::dicom::ct_series_writer::{CtEncoding, CtSeriesHeader, write_ct_series};
use parotidd::dicom::uid::derived_uid;
use parotidd::evaluation::openkbp::{OpenKbpCase, OpenKbpEntry, read_index};
use parotidd::imaging::{Geometry, PatientPoint, Volume, resample};
use parotidd::units::{Hounsfield, Side};

/// Found within so many mm.
const CENTER_MM_MAX: f64 = 10.0;
/// Share of glands found within that.
const FOUND_SHARE_MIN: f64 = 0.95;

/// What became of one outlined gland.
struct Gland {
    patient: String,
    side: Side,
    error_mm: Option<f64>,
    is_swapped: bool,
}

#[test]
fn gland_centres_on_real_ct_kept_out_of_training() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/openkbp");
    if !folder.join("index.csv").exists() {
        eprintln!("skipped: no real CTs at {}", folder.display());
        return;
    }
    let is_slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let n_patients = if is_slow { usize::MAX } else { 3 };
    let test_split = read_index(&folder).unwrap().into_iter().filter(|entry| entry.split == "test");
    let glands: Vec<Gland> = test_split.take(n_patients).flat_map(|entry| locate(&entry)).collect();
    let mut errors: Vec<f64> = glands.iter().filter_map(|gland| gland.error_mm).collect();
    errors.sort_by(f64::total_cmp);
    let within = errors.iter().filter(|error| **error <= CENTER_MM_MAX).count();
    let n_swapped = glands.iter().filter(|gland| gland.is_swapped).count();
    for gland in &glands {
        if gland.error_mm.is_none_or(|error| error > CENTER_MM_MAX) {
            eprintln!("{} {}: {:?} mm", gland.patient, gland.side, gland.error_mm);
        }
    }
    eprintln!(
        "{} glands, {within} within {CENTER_MM_MAX} mm, {} not found, median {:.1} mm, {n_swapped} swapped",
        glands.len(),
        glands.len() - errors.len(),
        errors[errors.len() / 2],
    );
    assert_eq!(n_swapped, 0);
    assert!(within as f64 >= FOUND_SHARE_MIN * glands.len() as f64 || !is_slow);
    assert!(within * 2 > glands.len());
}

/// Screens one patient and compares the centres.
fn locate(entry: &OpenKbpEntry) -> Vec<Gland> {
    let case = entry.read().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_as_dicom(&case, &entry.patient, folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_parotidd"))
        .arg("screen")
        .arg(folder.path())
        .arg("--out")
        .arg(folder.path().join("screened"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crate::objects::check_objects(&folder.path().join("screened"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let centers: Vec<Option<PatientPoint>> = report["glands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gland| serde_json::from_value(gland["center_mm"].clone()).unwrap())
        .collect();
    let truths: Vec<_> = case.glands.iter().map(parotidd::imaging::Mask::centroid).collect();
    Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let truth = truths[side as usize]?;
            let found = centers.get(side as usize).copied().flatten();
            let other = truths[1 - side as usize];
            Some(Gland {
                patient: entry.patient.clone(),
                side,
                error_mm: found.map(|found| found.distance(truth)),
                is_swapped: found
                    .zip(other)
                    .is_some_and(|(found, other)| found.distance(other) < found.distance(truth)),
            })
        })
        .collect()
}

/// The CT as a DICOM series with 1 mm in plane and the source's slice spacing.
fn write_as_dicom(case: &OpenKbpCase, patient: &str, folder: &Path) -> Vec<PathBuf> {
    let source = case.volume.geometry();
    let [slice_mm, row_mm, column_mm] = source.spacing_mm();
    let [n_slices, n_rows, n_columns] = source.shape();
    let side = |n: usize, spacing: f64| ((n - 1) as f64 * spacing) as usize + 1;
    let shape = [n_slices, side(n_rows, row_mm), side(n_columns, column_mm)];
    let grid = Geometry::axis_aligned(source.origin(), [slice_mm, 1.0, 1.0], shape).unwrap();
    let volume: Volume<Hounsfield> =
        resample(&case.volume, &grid, -1024.0).map(|&hu| Hounsfield::from_f32(hu));
    let uid = |what: &str| derived_uid(&["openkbp", patient, what]);
    let header = CtSeriesHeader {
        patient_study: PatientStudy::default(),
        patient_age: String::new(),
        study_instance_uid: uid("study").parse().unwrap(),
        series_instance_uid: uid("series").parse().unwrap(),
        frame_of_reference_uid: uid("frame").parse().unwrap(),
        series_number: 1,
        series_description: "OpenKBP".into(),
        series_date: "20260101".into(),
        series_time: "120000".into(),
        body_part: "HEADNECK".into(),
        manufacturer: "unknown".into(),
        model_name: String::new(),
        kernel: String::new(),
        kvp: 120.0,
        slice_thickness_mm: slice_mm,
        encoding: CtEncoding::default(),
    };
    write_ct_series(folder, &volume, &header).unwrap()
}
