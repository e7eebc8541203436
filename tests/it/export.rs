//! What people said about an answer decides what an export calls true.

use std::fs;
use std::path::Path;
use std::process::Command;

use parotidd::clock::SystemClock;
use parotidd::db::cases::StoredCase;
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::result_objects::{
    Found, SERIAL_NUMBER, ScreenedSeries, Source, write_durably,
};
use parotidd::dicom::segmentation::SegmentKind;
use parotidd::dicom::segmentation_reader::read_segmentation;
use parotidd::dicom::series_hints::SeriesHints;
use parotidd::error::{Dispose, Disposition};
use parotidd::evaluation::cohort::{Cohort, CohortCase, TABLE, TRUTH};
use parotidd::export::truth::Label;
use parotidd::export::{ExportKey, ExportedCase, Exporter, NotExported, table};
use parotidd::inference::Models;
use parotidd::intake::completeness::CompleteBy;
use parotidd::reason::Reason;
use parotidd::screening::{Decision, DecisionPolicy, Screener};
use parotidd::units::Side;
use parotidd::verdict::{Review, Verdict};

use crate::results::SCREENED;

/// The phantom of all tests of results, as the database has it.
fn case(verdicts: &[(Side, Verdict)]) -> StoredCase {
    let slices = &SCREENED.plan.slices;
    let instance = |it: &parotidd::dicom::ct_image::CtImage| ReceivedInstance {
        sop_instance: it.instance.sop_instance_uid.clone(),
        sop_class: it.instance.sop_class_uid.clone(),
        series: it.instance.series_instance_uid.clone(),
        study: it.instance.study_instance_uid.clone(),
        transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
        calling_ae: "CT1".parse().unwrap(),
        path: it.instance.path.clone(),
        bytes: 1,
        received_unix_ms: 0,
        hints: SeriesHints::default(),
    };
    let mut instances: Vec<_> = slices.iter().map(instance).collect();
    instances.sort_by(|a, b| a.sop_instance.cmp(&b.sop_instance));
    StoredCase {
        series: slices[0].instance.series_instance_uid.clone(),
        study: slices[0].instance.study_instance_uid.clone(),
        report: SCREENED.report.clone(),
        created_unix_ms: 0,
        complete_by: CompleteBy::Geometry,
        n_instances: instances.len(),
        instances,
        review: Review { verdicts: verdicts.to_vec() },
    }
}

/// A data folder with the outlines of that result, and an empty cohort.
struct Place {
    folder: tempfile::TempDir,
    screener: Screener,
    clock: SystemClock,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["results", "scratch", "out"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let source = Source::of_images(&SCREENED.plan.slices).unwrap().unwrap();
        let found = Found {
            slices: &SCREENED.plan.slices,
            geometry: SCREENED.plan.geometry,
            volume: &SCREENED.volume,
            outlines: &SCREENED.outlines,
            gland_outlines: &SCREENED.gland_outlines,
        };
        let series = ScreenedSeries {
            report: &SCREENED.report,
            source: &source,
            serial_number: SERIAL_NUMBER,
            found: Some(found),
        };
        write_durably(&folder.path().join("results"), &series).unwrap();
        let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
        Self { folder, screener, clock: SystemClock::new() }
    }

    fn exporter(&self) -> Exporter<'_> {
        let at = |name: &str| self.folder.path().join(name);
        Exporter {
            spool: at("spool"),
            results: at("results"),
            scratch: at("scratch"),
            out: at("out"),
            key: ExportKey::open(self.folder.path()).unwrap(),
            with_modified_dates: false,
            with_unreviewed: false,
            screener: &self.screener,
            clock: &self.clock,
        }
    }

    /// Exports it and reads it as a cohort.
    fn export(&self, verdicts: &[(Side, Verdict)]) -> (ExportedCase, CohortCase) {
        let out = self.folder.path().join("out");
        fs::remove_dir_all(&out).unwrap();
        fs::create_dir(&out).unwrap();
        let exported = self.exporter().export(&case(verdicts)).unwrap();
        fs::write(out.join(TABLE), table(std::slice::from_ref(&exported))).unwrap();
        check_by_dciodvfy(&out.join(&exported.name).join(TRUTH));
        let cohort = Cohort::open(&out).unwrap();
        let read = cohort.load(&cohort.rows()[0]).unwrap();
        (exported, read)
    }
}

fn check_by_dciodvfy(path: &Path) {
    let Ok(output) = Command::new("dciodvfy").arg(path).output() else {
        eprintln!("skipped: dciodvfy is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("Error"), "{}:\n{said}", path.display());
}

#[test]
fn verdicts_decide_what_is_true() {
    let place = Place::new();
    let [right, left] = Side::BOTH;
    let check = |verdicts: &[(Side, Verdict)], label, n_masses, side, unmasked: [bool; 2]| {
        let (exported, read) = place.export(verdicts);
        assert_eq!(exported.truth.label, label, "{verdicts:?}");
        assert_eq!(read.masses.len(), n_masses, "{verdicts:?}");
        assert_eq!(exported.tumor_cm3.is_some(), n_masses > 0);
        assert_eq!((read.row.tumor_side, read.row.unmasked), (side, unmasked), "{verdicts:?}");
        assert!(read.glands.iter().all(Option::is_some));
        assert!(read.volume.voxels() == SCREENED.volume.voxels());
        read
    };
    let accepted =
        check(&[(left, Verdict::Accepted)], Label::Positive, 1, Some(left), [false, false]);
    let expected = SCREENED.outlines[0].mask.on_grid(&SCREENED.plan.geometry);
    assert!(accepted.masses[0].1.voxels() == expected.voxels());
    let glands = accepted.glands.clone();
    let rejected = check(&[(left, Verdict::Rejected)], Label::Negative, 0, None, [false, false]);
    assert!(rejected.glands == glands, "the glands are the same without the mass");
    let outline = [(left, Verdict::WrongOutline)];
    check(&outline, Label::Positive, 0, Some(left), [false, true]);
    let missed = [(left, Verdict::Accepted), (right, Verdict::Missed)];
    check(&missed, Label::Positive, 1, None, [true, false]);
}

#[test]
fn what_cannot_be_learnt_from_is_left_out_with_its_reason() {
    let place = Place::new();
    let out = place.folder.path().join("out");
    let accepted = || case(&[(Side::Left, Verdict::Accepted)]);
    let check = |case: &StoredCase, expected: &str| {
        let error = place.exporter().export(case).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(error.disposition(), Disposition::Reject);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing of it stays");
    };
    check(&case(&[]), "Unreviewed");
    let mut unassessable = accepted();
    unassessable.report.decision = Decision::NotAssessable;
    unassessable.report.reason = Some(Reason::MissingSlice);
    check(&unassessable, "NotAssessable(MissingSlice");
    let mut gone = accepted();
    gone.instances.pop();
    check(&gone, "ImagesGone { n_gone: 1, n_instances: 40 }");
    let mut moved = accepted();
    moved.instances[3].path = "/nowhere.dcm".into();
    check(&moved, "ImagesGone { n_gone: 1, n_instances: 40 }");
    let mut few = accepted();
    few.instances.truncate(4);
    few.n_instances = 4;
    check(&few, "Assemble");
    // Masses that the outlines do not have; outlines that are not there, and an answer that nobody gives today.
    let mut other = case(&[(Side::Right, Verdict::Accepted), (Side::Left, Verdict::Accepted)]);
    let mut more = other.report.candidates[0].clone();
    more.side = Side::Right;
    other.report.candidates.push(more);
    check(&other, "OtherOutlines");
    fs::remove_dir_all(place.folder.path().join("results")).unwrap();
    check(&accepted(), "OtherAnswer");
}

#[test]
fn a_folder_that_cannot_be_written_stops_everything() {
    let place = Place::new();
    fs::remove_dir(place.folder.path().join("out")).unwrap();
    let accepted = case(&[(Side::Left, Verdict::Accepted)]);
    let error = place.exporter().export(&accepted).unwrap_err();
    assert!(matches!(error, NotExported::Write { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[test]
fn what_was_reviewed_says_that_a_person_was_there() {
    let place = Place::new();
    let (exported, _) = place.export(&[(Side::Left, Verdict::Rejected)]);
    let path = place.folder.path().join("out").join(exported.name).join(TRUTH);
    let segments = read_segmentation(&path, &SCREENED.plan.geometry).unwrap();
    let gland = |it: &parotidd::dicom::segmentation_reader::ReadSegment| {
        it.description.kind == Some(SegmentKind::ParotidGland)
    };
    assert!(segments.len() == 2 && segments.iter().all(gland));
    let bytes = fs::read(&path).unwrap();
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert!(holds(b"SEMIAUTOMATIC") && !holds(b"PHANTOM"));
}
