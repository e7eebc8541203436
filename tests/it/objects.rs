//! The DICOM objects of a result, read by programs that we did not write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parotidd::dicom::reference::Reference;
use parotidd::dicom::result_objects::{self, FILE_NAMES, Found, ScreenedSeries, Source};
use parotidd::dicom::segmentation::SegmentKind;
use parotidd::dicom::segmentation_reader::read_segmentation;
use parotidd::imaging::Mask;
use parotidd::imaging::mask::dice;
use parotidd::reason::Reason;
use parotidd::screening::report::{GlandState, Warning};
use parotidd::screening::{Decision, ScreeningReport};
use parotidd::units::Side;
use serde_json::{Value, json};

use crate::peers::pynetdicom;
use crate::results::SCREENED;

/// Objects in a folder that goes with them.
struct Objects {
    folder: tempfile::TempDir,
    written: Vec<String>,
}

impl Objects {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn source() -> Source {
    Source::of_images(&SCREENED.plan.slices).unwrap().unwrap()
}

fn write(report: &ScreeningReport, source: &Source, found: Option<Found>) -> Objects {
    let folder = tempfile::tempdir().unwrap();
    let series = ScreenedSeries { report, source, serial_number: "17", found };
    let written = result_objects::write(folder.path(), &series).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let names: Vec<_> = written.iter().map(|it| name(&it.path)).collect();
    assert!(names.iter().all(|it| FILE_NAMES.contains(&it.as_str())), "{names:?}");
    Objects { folder, written: names }
}

fn found() -> Found<'static> {
    Found {
        slices: &SCREENED.plan.slices,
        geometry: SCREENED.plan.geometry,
        volume: &SCREENED.volume,
        outlines: &SCREENED.outlines,
        gland_outlines: &SCREENED.gland_outlines,
    }
}

fn flagged() -> Objects {
    write(&SCREENED.report, &source(), Some(found()))
}

/// Nothing in either gland.
fn not_flagged() -> Objects {
    let mut report = SCREENED.report.clone();
    report.decision = Decision::NotFlagged;
    report.glands[1].decision = Decision::NotFlagged;
    report.candidates.clear();
    write(&report, &source(), Some(Found { outlines: &[], ..found() }))
}

/// No volume at all.
fn not_assessable() -> Objects {
    let mut report = SCREENED.report.clone();
    report.decision = Decision::NotAssessable;
    report.reason = Some(Reason::TooFewSlices);
    report.warnings = vec![Warning::LossyCompression, Warning::InstancesMissing];
    report.glands.clear();
    report.candidates.clear();
    write(&report, &source(), None)
}

/// A mass in one gland, and the other one cut.
fn half_assessable() -> Objects {
    let mut report = SCREENED.report.clone();
    report.glands[0].decision = Decision::NotAssessable;
    report.glands[0].state = GlandState::NotAssessable;
    report.glands[0].reason = Some(Reason::NotInFieldOfView);
    write(&report, &source(), Some(found()))
}

/// Runs a program; `None` where it is not installed.
fn tool(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).output();
    if output.is_err() {
        eprintln!("skipped: {program} is not installed");
    }
    output.ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The masks that the segmentation must hold, on the source's grid.
fn masks() -> Vec<Mask> {
    let glands = SCREENED.gland_outlines.iter().map(|it| &it.mask);
    let masses = SCREENED.outlines.iter().map(|it| &it.mask);
    glands.chain(masses).map(|mask| mask.on_grid(&SCREENED.plan.geometry)).collect()
}

#[test]
fn what_is_written_depends_on_the_answer() {
    let all = ["seg.dcm", "sr.dcm", "key-right.dcm", "key-left.dcm", "gsps.dcm", "report.dcm"];
    assert_eq!(flagged().written, all);
    let without_lines: Vec<_> = all.into_iter().filter(|it| *it != "gsps.dcm").collect();
    assert_eq!(not_flagged().written, without_lines);
    assert_eq!(not_assessable().written, ["sr.dcm", "report.dcm"]);
}

#[test]
fn the_same_result_is_the_same_bytes_and_another_is_another() {
    let [first, second] = [flagged(), flagged()];
    for name in FILE_NAMES {
        assert!(
            fs::read(first.path(name)).unwrap() == fs::read(second.path(name)).unwrap(),
            "{name}"
        );
    }
    let uid = |objects: &Objects, name: &str| {
        let object = dicom_object::open_file(objects.path(name)).unwrap();
        object.meta().media_storage_sop_instance_uid.clone()
    };
    // A slice came late: other objects, not other versions of the same.
    let mut more = source();
    let late = Reference { sop_instance: "1.2.3".parse().unwrap(), ..more.instances[0].clone() };
    more.instances.push(late);
    let third = write(&SCREENED.report, &more, Some(found()));
    for name in FILE_NAMES {
        assert_ne!(uid(&first, name), uid(&third, name), "{name}");
    }
}

#[test]
fn the_segmentation_is_read_back_by_us() {
    let objects = flagged();
    let segments = read_segmentation(&objects.path("seg.dcm"), &SCREENED.plan.geometry).unwrap();
    let said: Vec<_> = segments
        .iter()
        .map(|it| (it.description.kind.unwrap(), it.description.side.unwrap()))
        .collect();
    let gland = SegmentKind::ParotidGland;
    assert_eq!(said, [(gland, Side::Right), (gland, Side::Left), (SegmentKind::Mass, Side::Left)]);
    for (segment, mask) in segments.iter().zip(masks()) {
        assert!(segment.mask.voxels() == mask.voxels(), "{:?}", segment.description);
        assert!((dice(&segment.mask, &mask) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn dciodvfy_finds_no_error_in_any_object() {
    for objects in [flagged(), not_flagged(), not_assessable(), half_assessable()] {
        for name in &objects.written {
            let path = objects.path(name);
            let Some(output) = tool("dciodvfy", &[path.to_str().unwrap()]) else { return };
            let said = text(&output.stderr);
            assert!(!said.contains("Error"), "{name}:\n{said}");
        }
    }
}

/// dciodvfy finds nothing wrong with what `screen --out` wrote of one series; says how many objects there were.
pub(crate) fn check_objects(out: &Path) -> usize {
    let series = fs::read_dir(out).unwrap().next().expect("one series").unwrap().path();
    let files = fs::read_dir(series).unwrap().map(|entry| entry.unwrap().path());
    let objects: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|it| it == "dcm")).collect();
    for path in &objects {
        let Some(output) = tool("dciodvfy", &[path.to_str().unwrap()]) else { break };
        let said = text(&output.stderr);
        assert!(!said.contains("Error"), "{}:\n{said}", path.display());
    }
    objects.len()
}

#[test]
fn dciodvfy_finds_no_error_in_objects_of_a_scanners_series() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let series = root.join("../shared/data/dicom_corpus/pydicom/src/pydicom/data/test_files/dicomdirtests/98892001/CT5N");
    if !series.exists() {
        eprintln!("skipped: no series of a scanner at {}", series.display());
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let arguments = ["screen", series.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
    // Too few slices: a report that says so, and a page.
    let output = tool(env!("CARGO_BIN_EXE_parotidd"), &arguments).unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(check_objects(out.path()), 2);
}

#[test]
fn highdicom_reads_the_same_masks_and_numbers() {
    let objects = flagged();
    let uids = SCREENED.plan.slices.iter().map(|it| it.instance.sop_instance_uid.to_string());
    let uids: Vec<_> = uids.collect();
    fs::write(objects.path("slices"), json!(uids).to_string()).unwrap();
    let names = ["slices", "masks", "seg.dcm", "sr.dcm"];
    let arguments = names.map(|name| objects.path(name).to_str().unwrap().to_owned());
    let Some(read) = pynetdicom("read_objects.py", &arguments) else { return };
    let expected: Vec<u8> = masks().iter().flat_map(|mask| mask.voxels().to_vec()).collect();
    assert!(fs::read(objects.path("masks")).unwrap() == expected, "other masks");

    let sides = ["24028007", "7771000", "7771000"].map(|code| json!([code, "SCT"]));
    for (segment, side) in read["segments"].as_array().unwrap().iter().zip(&sides) {
        assert_eq!(&segment["laterality"], side);
        assert_eq!(segment["region"], json!(["45289007", "SCT"]));
        assert_eq!(segment["algorithm"], json!(["parotidd-segmenter", "0.1.0"]));
    }
    let report = &read["report"];
    assert_eq!(report["flags"], json!(["COMPLETE", "UNVERIFIED", "PRELIMINARY"]));
    let mass = &report["masses"][0];
    assert_eq!(report["masses"].as_array().map(Vec::len), Some(1));
    assert_eq!(mass["finding"], json!(["4147007", "SCT"]));
    assert_eq!(mass["site"], json!([["45289007", "SCT"], ["7771000", "SCT"]]));
    assert_eq!(mass["segment"], 3);
    assert_eq!(mass["tracking_uid"], read["segments"][2]["tracking_uid"]);
    assert_eq!(mass["source_series"], json!(SCREENED.report.series_instance_uid));
    check_numbers(&mass["measurements"]);
    let absent_present = ["272519000", "52101004"].map(|code| json!([[code, "SCT"]]));
    assert_eq!(report["glands"][0]["mass"], absent_present[0]);
    assert_eq!(report["glands"][1]["mass"], absent_present[1]);
}

/// `{name: [value, unit]}` against the report.
fn check_numbers(numbers: &Value) {
    let candidate = &SCREENED.report.candidates[0];
    for (name, value, unit, rounding) in [
        ("Volume", candidate.volume_cm3.0, "cm3", 5e-4),
        ("Long axis", candidate.longest_diameter_mm.0, "mm", 0.05),
        ("Attenuation Coefficient", candidate.mean_hu, "[hnsf'U]", 0.05),
        ("Certainty of Finding", candidate.score * 100.0, "%", 0.05),
    ] {
        let said = numbers[name][0].as_f64().unwrap();
        assert!((said - value).abs() <= rounding + 1e-9, "{name}: {said} for {value}");
        assert_eq!(numbers[name][1], unit, "{name}");
    }
}

#[test]
fn dcmqi_reads_the_segments_and_the_measurements() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers-venv/bin");
    let program = |name: &str| root.join(name).to_str().unwrap().to_owned();
    if !root.join("tid1500reader").exists() {
        eprintln!("skipped: dcmqi is not installed (`make peers` does that)");
        return;
    }
    let objects = flagged();
    let path = |name: &str| objects.path(name).to_str().unwrap().to_owned();
    let (seg, out) = (path("seg.dcm"), path(""));
    let arguments = ["--inputDICOM", &seg, "--outputDirectory", &out, "--outputType", "nii"];
    let output = tool(&program("segimage2itkimage"), &arguments).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (n, mask) in (1..).zip(masks()) {
        use nifti::{NiftiObject, ReaderOptions};
        let read = ReaderOptions::new().read_file(path(&format!("{n}.nii.gz"))).unwrap();
        let voxels = read.into_volume().into_nifti_typed_data::<i16>().unwrap();
        let n_inside = voxels.iter().filter(|&&voxel| voxel != 0).count();
        assert_eq!(n_inside, mask.n_inside(), "segment {n}");
    }
    let (sr, json) = (path("sr.dcm"), path("sr.json"));
    let arguments = ["--inputDICOM", &sr, "--outputMetadata", &json];
    let output = tool(&program("tid1500reader"), &arguments).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let group = &read["Measurements"][0];
    assert_eq!(group["ReferencedSegment"], 3);
    assert_eq!(group["Finding"]["CodeValue"], "4147007");
    assert_eq!(group["Laterality"]["CodeMeaning"], "Left");
    let items = group["measurementItems"].as_array().unwrap().iter().map(|it| {
        let value: f64 = it["value"].as_str().unwrap().parse().unwrap();
        let name = it["quantity"]["CodeMeaning"].as_str().unwrap().to_owned();
        (name, json!([value, it["units"]["CodeValue"]]))
    });
    check_numbers(&Value::Object(items.collect()));
}

#[test]
fn dcmtk_shows_the_report_the_pictures_and_the_page() {
    let objects = flagged();
    let path = |name: &str| objects.path(name).to_str().unwrap().to_owned();
    let Some(shown) = tool("dsrdump", &[&path("sr.dcm")]) else { return };
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    for words in ["Mass 1, left parotid gland", "\"cubic centimeter\"", "not for diagnostic use"] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    for name in ["key-right", "key-left"] {
        let [from, to] = [path(&format!("{name}.dcm")), path(&format!("{name}.png"))];
        let drawn = tool("dcmj2pnm", &["--write-png", &from, &to]).unwrap();
        assert!(drawn.status.success(), "{}", text(&drawn.stderr));
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dcmtk-{name}.png"));
        fs::copy(&to, kept).unwrap();
    }
    let [from, to] = [path("report.dcm"), path("report.pdf")];
    assert!(tool("dcm2pdf", &[&from, &to]).unwrap().status.success());
    let pdf = fs::read(&to).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    fs::copy(&to, Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.pdf")).unwrap();
    let Some(read) = tool("pdftotext", &["-layout", &to, "-"]) else { return };
    let read = text(&read.stdout);
    for words in ["PHANTOM", "Flagged: left", "NOT FOR DIAGNOSTIC USE", "24 mm", "52 HU"] {
        assert!(read.contains(words), "{words}:\n{read}");
    }
}

#[test]
fn dcmtk_draws_the_presentation_state_over_its_image() {
    let objects = flagged();
    let path = |name: &str| objects.path(name).to_str().unwrap().to_owned();
    let center = SCREENED.plan.geometry.to_index(SCREENED.outlines[0].center)[0];
    let slice = &SCREENED.plan.slices[center.round() as usize].instance.path;
    let drawn = path("drawn.pgm");
    let state = path("gsps.dcm");
    let arguments = ["-p", &state, slice.to_str().unwrap(), &drawn];
    let Some(output) = tool("dcmp2pgm", &arguments) else { return };
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(fs::metadata(&drawn).unwrap().len() > 1000);
}
