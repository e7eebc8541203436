//! What was screened becomes a cohort without its patients, beside the running daemon; other people's programs look
//! for what is left of them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, open_file};
use parotidd::dicom::ct_pixels::same_pixels;
use parotidd::dicom::segmentation::SegmentKind;
use parotidd::dicom::segmentation_reader::{ReadSegment, read_segmentation};
use parotidd::evaluation::cohort::Cohort;
use parotidd::imaging::Volume;
use parotidd::imaging::mask::dice;
use parotidd::intake::ct_volume::{VolumePlan, assemble, load};
use parotidd::intake::scan::scan;
use parotidd::units::{Hounsfield, Side};
use serde_json::json;

use super::SETTINGS;
use super::orthanc::free_port;
use super::support::*;
use crate::peers::pynetdicom;

/// A PACS that is away: objects are written for it all the same.
pub(super) fn settings() -> String {
    let destination = "[[destination]]\nname = \"archive\"\nkind = \"pacs\"\nae_title = \"PACS\"\n";
    format!("{SETTINGS}{destination}address = \"127.0.0.1:{}\"\n", free_port())
}

/// What stands in every value that tells of the patient: text with this in it, or a day of this year.
pub(super) const MARK: &str = "MRKX";
const YEAR: &str = "1947";

/// A value of its own for each attribute.
fn marked(number: usize, vr: VR) -> PrimitiveValue {
    let text = match vr {
        VR::DA => format!("{YEAR}{:02}{:02}", 1 + number % 12, 1 + number % 28),
        VR::DT => format!("{YEAR}{:02}{:02}031415", 1 + number % 12, 1 + number % 28),
        VR::TM => "031415.926535".to_owned(),
        VR::UI => format!("1.2.826.0.1.4947.{number}"),
        VR::AS => "047Y".to_owned(),
        VR::OB => return PrimitiveValue::from(format!("{MARK}{number:04}").into_bytes()),
        VR::PN => format!("{MARK}{number}^Gr\u{fc}n"),
        _ => format!("{MARK}{number}"),
    };
    text.into()
}

/// Attributes of the top of an image that tell of patients, people, places, times and devices.
const ABOUT: [(Tag, VR); 56] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_BIRTH_TIME, VR::TM),
    (tags::PATIENT_AGE, VR::AS),
    (tags::OTHER_PATIENT_NAMES, VR::PN),
    (tags::PATIENT_ADDRESS, VR::LO),
    (tags::PATIENT_MOTHER_BIRTH_NAME, VR::PN),
    (Tag(0x0010, 0x1090), VR::LO),
    (tags::COUNTRY_OF_RESIDENCE, VR::LO),
    (tags::PATIENT_TELEPHONE_NUMBERS, VR::SH),
    (tags::OCCUPATION, VR::SH),
    (tags::ADDITIONAL_PATIENT_HISTORY, VR::LT),
    (tags::PATIENT_COMMENTS, VR::LT),
    (Tag(0x0010, 0x0033), VR::LO),
    (tags::INSTANCE_CREATION_DATE, VR::DA),
    (tags::INSTANCE_CREATION_TIME, VR::TM),
    (tags::INSTANCE_CREATOR_UID, VR::UI),
    (tags::STUDY_TIME, VR::TM),
    (tags::SERIES_TIME, VR::TM),
    (tags::ACQUISITION_TIME, VR::TM),
    (tags::ACQUISITION_DATE_TIME, VR::DT),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::INSTITUTION_NAME, VR::LO),
    (tags::INSTITUTION_ADDRESS, VR::ST),
    (tags::INSTITUTIONAL_DEPARTMENT_NAME, VR::LO),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::REFERRING_PHYSICIAN_TELEPHONE_NUMBERS, VR::SH),
    (tags::STATION_NAME, VR::SH),
    (tags::STATION_AE_TITLE, VR::AE),
    (tags::STUDY_DESCRIPTION, VR::LO),
    (tags::SERIES_DESCRIPTION, VR::LO),
    (tags::PHYSICIANS_OF_RECORD, VR::PN),
    (tags::PERFORMING_PHYSICIAN_NAME, VR::PN),
    (tags::NAME_OF_PHYSICIANS_READING_STUDY, VR::PN),
    (tags::OPERATORS_NAME, VR::PN),
    (tags::ADMITTING_DIAGNOSES_DESCRIPTION, VR::LO),
    (tags::DERIVATION_DESCRIPTION, VR::ST),
    (tags::DEVICE_SERIAL_NUMBER, VR::LO),
    (tags::DEVICE_UID, VR::UI),
    (tags::GANTRY_ID, VR::LO),
    (tags::DATE_OF_LAST_CALIBRATION, VR::DA),
    (tags::TIME_OF_LAST_CALIBRATION, VR::TM),
    (tags::PROTOCOL_NAME, VR::LO),
    (tags::CONTRAST_BOLUS_AGENT, VR::LO),
    (tags::STUDY_ID, VR::SH),
    (tags::IRRADIATION_EVENT_UID, VR::UI),
    (tags::SYNCHRONIZATION_FRAME_OF_REFERENCE_UID, VR::UI),
    (tags::IMAGE_COMMENTS, VR::LT),
    (tags::REQUESTING_PHYSICIAN, VR::PN),
    (tags::REQUESTED_PROCEDURE_DESCRIPTION, VR::LO),
    (tags::ADMISSION_ID, VR::LO),
    (tags::CURRENT_PATIENT_LOCATION, VR::LO),
    (tags::PERFORMED_PROCEDURE_STEP_ID, VR::SH),
    (tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION, VR::LO),
    (tags::PERFORMED_PROCEDURE_STEP_START_DATE, VR::DA),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO),
];

/// What stands in nested items, in private blocks, in a curve and in overlays.
const ELSEWHERE: [(Tag, VR); 8] = [
    (Tag(0x0009, 0x0010), VR::LO),
    (Tag(0x0009, 0x1001), VR::LO),
    (Tag(0x0009, 0x1002), VR::OB),
    (Tag(0x7FD1, 0x0010), VR::LO),
    (Tag(0x7FD1, 0x1001), VR::PN),
    (Tag(0x5000, 0x2500), VR::LO),
    (Tag(0x6000, 0x4000), VR::LT),
    (Tag(0x6000, 0x1500), VR::LO),
];

fn item(first: usize, attributes: &[(Tag, VR)]) -> InMemDicomObject {
    let elements = attributes.iter().enumerate();
    InMemDicomObject::from_element_iter(
        elements.map(|(n, (tag, vr))| DataElement::new(*tag, *vr, marked(first + n, *vr))),
    )
}

fn sequence(tag: Tag, item: InMemDicomObject) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![item]))
}

/// The same series of a patient who is in every corner of it. Days are as they were: some are compared.
pub(super) fn of_somebody(
    series: &Series,
    folder: &Path,
    change: impl Fn(&mut InMemDicomObject),
) -> Series {
    let nested = [
        (tags::PATIENT_NAME, VR::PN),
        (tags::PERSON_NAME, VR::PN),
        (tags::UID, VR::UI),
        (tags::DATE_TIME, VR::DT),
        (tags::INSTITUTION_NAME, VR::LO),
        (Tag(0x0011, 0x0010), VR::LO),
        (Tag(0x0011, 0x1001), VR::LO),
        (tags::STUDY_INSTANCE_UID, VR::UI),
    ];
    fs::create_dir_all(folder).unwrap();
    for file in &series.files {
        let mut object = open_file(file).unwrap();
        for (n, (tag, vr)) in ABOUT.iter().chain(&ELSEWHERE).enumerate() {
            object.put(DataElement::new(*tag, *vr, marked(n, *vr)));
        }
        object.put(DataElement::new(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"));
        object.put(DataElement::new(tags::PATIENT_ID, VR::LO, format!("{MARK}-ID").as_str()));
        // Two that go, one in another, and two that stay.
        let mut request = item(100, &nested);
        request.put(sequence(tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE, item(110, &nested)));
        object.put(sequence(tags::REQUEST_ATTRIBUTES_SEQUENCE, request));
        object.put(sequence(tags::OTHER_PATIENT_I_DS_SEQUENCE, item(120, &nested)));
        let mut code = item(130, &nested);
        code.put(DataElement::new(tags::CODE_VALUE, VR::SH, "112689"));
        code.put(DataElement::new(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"));
        code.put(DataElement::new(tags::CODE_MEANING, VR::LO, "Standard protocol"));
        let mut context = item(140, &nested);
        context.put(DataElement::new(tags::CODE_VALUE, VR::SH, "112689"));
        context.put(DataElement::new(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"));
        context.put(DataElement::new(tags::CODE_MEANING, VR::LO, "Standard protocol"));
        context.put(sequence(tags::CONTENT_ITEM_MODIFIER_SEQUENCE, item(150, &nested)));
        code.put(sequence(tags::EQUIVALENT_CODE_SEQUENCE, context));
        object.put(sequence(tags::PERFORMED_PROTOCOL_CODE_SEQUENCE, code));
        change(&mut object);
        object.write_to_file(folder.join(file.file_name().unwrap())).unwrap();
    }
    Series::open(folder)
}

fn volume(folder: &Path) -> (VolumePlan, Volume<Hounsfield>) {
    let (_, images) = scan(&[folder.to_owned()]).series.pop_first().unwrap();
    let plan = assemble(images, same_pixels).unwrap();
    let volume = load(&plan, None).unwrap();
    (plan, volume)
}

/// Every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Everything that must not be in an export: marks, days, and every UID of the originals.
pub(super) fn secrets(series: &[&Series]) -> BTreeSet<String> {
    let marks = [MARK, "031415.926535", "1.2.826.0.1.4947", "PHANTOM"].map(str::to_owned);
    let mut secrets: BTreeSet<String> = marks.into();
    secrets.extend((0..200).map(|n| marked(n, VR::DA).to_str().into_owned()));
    for file in series.iter().flat_map(|it| &it.files) {
        let object = open_file(file).unwrap();
        for tag in [
            tags::SOP_INSTANCE_UID,
            tags::SERIES_INSTANCE_UID,
            tags::STUDY_INSTANCE_UID,
            tags::FRAME_OF_REFERENCE_UID,
        ] {
            let uid = object.element(tag).unwrap().to_str().unwrap().into_owned();
            secrets.insert(uid.trim_end_matches('\0').to_owned());
        }
    }
    secrets
}

pub(super) fn check_no_secret(folder: &Path, secrets: &BTreeSet<String>) {
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let name = path.strip_prefix(folder).unwrap().to_string_lossy();
        for secret in secrets {
            let is_there = memmem(&bytes, secret.as_bytes());
            assert!(!is_there && !name.contains(secret.as_str()), "{secret} is in {name}");
        }
    }
}

/// Whether bytes hold others.
fn memmem(bytes: &[u8], what: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == what[0]);
    starts.map(|(at, _)| at).any(|at| bytes[at..].starts_with(what))
}

/// A site whose daemon has screened series.
pub(super) fn screened<'a>(site: &'a Site, series: &[&Series]) -> Daemon<'a> {
    let mut daemon = site.start();
    for it in series {
        store(it, daemon.address());
    }
    // The log says it before the database has it.
    wait_for("the results", || {
        let n_results: u64 = site.summary().results.iter().map(|(_, n)| n).sum();
        (n_results == series.len() as u64).then_some(())
    });
    daemon
}

fn export(site: &Site, out: &Path, more: &[&str]) -> Ended {
    let config = site.config();
    let mut arguments =
        vec!["export", "--config", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    arguments.extend(more);
    run(&arguments)
}

/// The one case of an export that has so many images.
fn case_of(out: &Path, n_images: usize) -> PathBuf {
    let is_it = |path: &PathBuf| path.is_dir() && files(path).len() == n_images + 1;
    let mut found: Vec<_> =
        fs::read_dir(out).unwrap().map(|it| it.unwrap().path()).filter(is_it).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn result_of(site: &Site, n_frames_of: &VolumePlan) -> Vec<ReadSegment> {
    let all = files(&site.data_dir().join("results"));
    let segs = all.iter().filter(|path| path.ends_with("seg.dcm"));
    let mut read: Vec<_> =
        segs.filter_map(|path| read_segmentation(path, &n_frames_of.geometry).ok()).collect();
    // The same pictures as another series give the same.
    assert!(!read.is_empty());
    read.remove(0)
}

#[test]
fn series_become_a_cohort_without_their_patients() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let seven = of_somebody(&phantoms.seven, &at("seven"), |_| ());
    let small = of_somebody(&phantoms.small, &at("small"), |_| ());
    let burned = phantoms.small.copy("burned", &at("plain"));
    let burned = of_somebody(&burned, &at("burned"), |object| {
        object.put(DataElement::new(tags::BURNED_IN_ANNOTATION, VR::CS, "YES"));
    });
    let site = Site::new(&settings());
    let daemon = screened(&site, &[&seven, &small, &burned]);

    // Nobody has judged anything.
    let none = export(&site, &at("none"), &[]);
    assert_eq!(none.code, Some(65), "{}", none.stderr);
    assert_eq!(none.stdout.matches("nobody has judged it").count(), 3, "{}", none.stdout);
    assert!(!at("none").exists());

    let ended = export(&site, &at("out"), &["--unreviewed"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.stdout);
    assert_eq!(lines.iter().filter(|it| it.starts_with("exported pat-")).count(), 2);
    let left_out: Vec<_> = lines.iter().filter(|it| it.starts_with("left out")).collect();
    assert!(left_out[0].contains(&burned.uid) && left_out[0].contains("Burned In Annotation"));
    assert!(!ended.stdout.contains(MARK) && !ended.stderr.contains(MARK));
    assert!(daemon.terminate().success());

    check_no_secret(&at("out"), &secrets(&[&seven, &small, &burned]));
    check_key(&site);
    for (series, n_segments) in [(&seven, 3), (&small, 2)] {
        let case = case_of(&at("out"), series.files.len());
        check_voxels(&site, series, &case, n_segments);
        check_by_dciodvfy(&case);
    }
    check_by_peers(&seven, &case_of(&at("out"), seven.files.len()), "");
    check_commands(&at("out"));
    let again = export(&site, &at("out"), &["--unreviewed"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
    check_dates_and_outlines_made_again(&site, &seven, folder.path());
}

/// 32 bytes that its owner alone reads, in the data folder and nowhere else.
fn check_key(site: &Site) {
    let key = site.data_dir().join("export.key");
    let metadata = fs::metadata(&key).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    let scratch = fs::read_dir(site.data_dir()).unwrap().map(|it| it.unwrap().file_name());
    let scratch: Vec<_> =
        scratch.filter(|it| it.to_string_lossy().starts_with("export.")).collect();
    assert_eq!(scratch, ["export.key"]);
}

/// The same pictures, the same masks on the same voxels.
fn check_voxels(site: &Site, series: &Series, case: &Path, n_segments: usize) {
    let (plan, original) = volume(series.files[0].parent().unwrap());
    let (new_plan, new) = volume(case);
    assert!(new.voxels() == original.voxels());
    assert_eq!(new_plan.geometry, plan.geometry);
    let expected = result_of(site, &plan);
    let read = read_segmentation(&case.join("truth.dcm"), &new_plan.geometry).unwrap();
    assert_eq!((read.len(), expected.len()), (n_segments, n_segments));
    for (new, old) in read.iter().zip(&expected) {
        assert_eq!(new.description, old.description);
        assert!((dice(&new.mask, &old.mask) - 1.0).abs() < 1e-12, "{:?}", new.description);
    }
}

fn check_by_dciodvfy(case: &Path) {
    for path in files(case) {
        let Ok(output) = Command::new("dciodvfy").arg(&path).output() else {
            eprintln!("skipped: dciodvfy is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("Error"), "{}:\n{said}", path.display());
    }
}

/// pydicom, highdicom, and two programs whose trade is de-identification.
fn check_by_peers(series: &Series, case: &Path, study_date: &str) {
    let masks = case.with_extension("masks");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let originals = text(series.files[0].parent().unwrap());
    let seg = text(&case.join("truth.dcm"));
    let arguments = [originals, text(case), seg.clone(), text(&masks)];
    let Some(said) = pynetdicom("deidentified.py", &arguments) else { return };
    let pseudonym =
        case.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    let has_dates = !study_date.is_empty();
    assert_eq!(said["old_uids"], json!([]));
    assert_eq!(said["identity_removed"], json!(["YES"]));
    assert_eq!(said["dates"], json!([if has_dates { "MODIFIED" } else { "REMOVED" }]));
    assert_eq!(
        said["codes"],
        if has_dates { json!(["113100", "113107"]) } else { json!(["113100"]) }
    );
    assert_eq!(said["patients"], json!([format!("{pseudonym} {pseudonym}")]));
    assert_eq!(
        (said["studies"].as_u64(), said["frames_of_reference"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(said["n_scanned"], series.files.len() + 1);
    assert_eq!(said["study_date"], study_date);
    if !has_dates {
        assert_eq!(said["objections"], json!([]));
        // The pseudonym alone stands where a name was.
        let residuals: Vec<_> =
            said["residuals"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(residuals.iter().all(|it| it.ends_with(&pseudonym)), "{residuals:?}");
    }
    let (plan, _) = volume(case);
    let segments = read_segmentation(Path::new(&seg), &plan.geometry).unwrap();
    let expected: Vec<u8> = segments.iter().flat_map(|it| it.mask.voxels().to_vec()).collect();
    assert!(fs::read(&masks).unwrap() == expected, "highdicom reads other masks");
    fs::remove_file(&masks).unwrap();
}

/// `prepare` and `evaluate` read it as any cohort.
fn check_commands(out: &Path) {
    let cohort = Cohort::open(out).unwrap();
    assert_eq!(cohort.rows().len(), 2);
    let sides: Vec<_> = cohort.rows().iter().map(|row| row.tumor_side).collect();
    assert_eq!(sides, [Some(Side::Left), None]);
    let patients: BTreeSet<_> = cohort.rows().iter().map(|row| &row.patient).collect();
    assert_eq!(patients.len(), 1, "both series are of one patient");
    let masses: Vec<_> = cohort.cases().map(|case| case.unwrap().masses.len()).collect();
    assert_eq!(masses, [1, 0]);
    let made = tempfile::tempdir().unwrap();
    let [cohort, tensors, report] =
        [out.to_owned(), made.path().join("tensors"), made.path().join("report")]
            .map(|path| path.to_str().unwrap().to_owned());
    let prepared = run(&["prepare", &cohort, "--out", &tensors, "--variants", "1"]);
    assert_eq!((prepared.code, prepared.stderr.as_str()), (Some(0), ""));
    let index = fs::read_to_string(Path::new(&tensors).join("segmenter/index.csv")).unwrap();
    assert_eq!(index.lines().count(), 1 + 1 + 3 * 4, "{index}");
    let evaluated = run(&["evaluate", &cohort, "--out", &report]);
    assert_eq!((evaluated.code, evaluated.stderr.as_str()), (Some(0), ""));
    let figures = fs::read_to_string(Path::new(&report).join("figures.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["cohorts"][0]["kind"], "real");
    assert_eq!(figures["cohorts"][0]["counts"]["n_cases"], 2);
    assert_eq!(figures["cohorts"][0]["counts"]["n_masses"], 1);
}

/// Shifted days, and outlines that were never written; all else, pseudonyms too, as before.
fn check_dates_and_outlines_made_again(site: &Site, seven: &Series, folder: &Path) {
    let shifted = folder.join("shifted");
    let ended =
        export(site, &shifted, &["--unreviewed", "--modified-dates", "--series", &seven.uid]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let [before, after] =
        [folder.join("out"), shifted.clone()].map(|it| case_of(&it, seven.files.len()));
    assert_eq!(before.file_name(), after.file_name());
    let date = |tag| {
        let object = open_file(after.join("IM00001.dcm")).unwrap();
        object.element(tag).unwrap().to_str().unwrap().trim().to_owned()
    };
    let study = date(tags::STUDY_DATE);
    assert!(study.len() == 8 && study != "20260101" && study.as_str() < "20260101", "{study}");
    assert_eq!(date(tags::SERIES_DATE), study, "the same day before, the same day now");
    assert_eq!(date(tags::STUDY_TIME), "031415.926535");
    let born = open_file(after.join("IM00001.dcm")).unwrap();
    assert_eq!(born.element(tags::PATIENT_BIRTH_DATE).unwrap().to_str().unwrap(), "");
    check_by_dciodvfy(&after);
    check_by_peers(seven, &after, &study);

    fs::remove_dir_all(site.data_dir().join("results")).unwrap();
    let made = folder.join("made");
    let ended = export(site, &made, &["--unreviewed", "--series", &seven.uid]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("screened again for its outlines"), "{}", ended.stdout);
    let case = case_of(&made, seven.files.len());
    for path in files(&case) {
        let name = path.file_name().unwrap();
        assert!(fs::read(&path).unwrap() == fs::read(before.join(name)).unwrap(), "{name:?}");
    }
    let kinds = |path: &Path| {
        let (plan, _) = volume(path);
        let read = read_segmentation(&path.join("truth.dcm"), &plan.geometry).unwrap();
        read.iter().filter(|it| it.description.kind == Some(SegmentKind::Mass)).count()
    };
    assert_eq!(kinds(&case), 1);
}

#[test]
fn an_export_of_nothing_says_so() {
    let site = Site::new(SETTINGS);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ended = export(&site, &out, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("parotidd.db"), "{}", ended.stderr);
    let daemon = site.start();
    assert!(daemon.terminate().success());
    let ended = export(&site, &out, &["--since", "2026-01-01", "--series", "1.2.3"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(65), ""));
    assert!(ended.stderr.contains("nothing to export"), "{}", ended.stderr);
    assert!(!out.exists());
}
