//! Reports of made-up cohorts, from none to one with everything in it.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::evaluation::figures::Versions;
use crate::evaluation::figures::sweep::{Keeps, Sweeps};
use crate::evaluation::figures::test_support::{candidate, case, gland_at, gland_with_mass};
use crate::evaluation::outcome::{CandidateOutcome, CaseOutcome, GlandOutcome};
use crate::phantom::TumorPlace;
use crate::screening::Decision;
use crate::screening::report::Timing;
use crate::units::VoxelCount;

fn versions() -> Versions {
    Versions {
        software: "0.1.0".into(),
        localizer: "localizer 0.1.0".into(),
        segmenter: "segmenter 0.1.0".into(),
        decision: "decision 0.1.0, size alone, 500 voxels".into(),
    }
}

fn sweeps() -> Sweeps<'static> {
    let keeps = |gamma: f64| -> Box<Keeps<'static>> {
        Box::new(move |it: &CandidateOutcome| it.voxels >= 500 && it.score > 0.15 + gamma / 40.0)
    };
    Sweeps {
        by_size: &|it, size| it.score > 0.2 && it.voxels >= size.0,
        tumor_voxels_min: VoxelCount(500),
        by_gamma: (1..=10).map(|gamma| (f64::from(gamma), keeps(f64::from(gamma)))).collect(),
        gamma: Some(5.0),
    }
}

/// A cohort that looks like one: larger masses are found more often and outlined better.
fn cohort(kind: CohortKind, n: usize) -> Vec<CaseOutcome> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let drawn = |index: usize| {
        case(&format!("case {index}"), |it| {
            it.kind = kind;
            it.patient = format!("patient {}", index / 2);
            it.site = ["north", "south"][index / 2 % 2].into();
            it.protocol = ["neck", "head"][usize::from(index.is_multiple_of(5))].into();
            for (x, gland) in [-50.0, 50.0].into_iter().zip(&mut it.glands) {
                let found = (rng.random_range(0.0..1.0) > 0.02)
                    .then(|| x + rng.random_range(-1.0..1.0_f64).powi(3) * 14.0);
                *gland = gland_at(x, found);
            }
            if index.is_multiple_of(2) {
                add_mass(&mut it.glands[index / 2 % 2], &mut rng);
            }
            for gland in &mut it.glands {
                screen(gland, &mut rng);
            }
            it.decision = decide(&it.glands);
            it.score = it.glands.iter().map(|it| it.score).fold(0.0, f64::max);
            let total = rng.random_range(4000..9000);
            it.timing_ms =
                Timing { load: 300, localize: 900, segment: 2500, total, ..Timing::default() };
        })
    };
    (0..n).map(drawn).collect()
}

fn add_mass(gland: &mut GlandOutcome, rng: &mut ChaCha8Rng) {
    let log = rng.random_range(-0.8..1.4_f64) + rng.random_range(-0.4..0.4);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let voxels = (4000.0 * log.exp2().powf(1.6)) as u32;
    let place = if rng.random_bool(0.15) { TumorPlace::Deep } else { TumorPlace::Superficial };
    let at = gland.clone();
    *gland = GlandOutcome { mass: gland_with_mass(voxels, Some(place)).mass, ..at };
    let share = rng.random_range(0.35..0.97_f64).sqrt();
    let grown = f64::from(voxels) * rng.random_range(0.6..1.5);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let (outlined, both) = (grown as u32, (grown.min(f64::from(voxels)) * share) as u32);
    if rng.random_bool(0.92) {
        gland.candidates.push(candidate(outlined, both, outlined >= 500));
    }
}

fn screen(gland: &mut GlandOutcome, rng: &mut ChaCha8Rng) {
    if rng.random_bool(0.12) {
        let voxels = rng.random_range(60..1400);
        let mut alarm = candidate(voxels, 0, voxels >= 500);
        alarm.score = rng.random_range(0.1..0.6);
        gland.candidates.push(alarm);
    }
    for (index, bin) in gland.reliability.iter_mut().enumerate() {
        let n = if index == 0 { 300_000 } else { rng.random_range(200..900) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below n")]
        let mass = (f64::from(n) * (index as f64 / 10.0).powf(1.4)) as u32;
        *bin = [n, mass];
    }
    let largest =
        gland.candidates.iter().map(|it| f64::from(it.voxels) * it.score).fold(0.0, f64::max);
    gland.score = (largest + rng.random_range(0.0..300.0)) / (largest + 800.0);
    let flags = gland.candidates.iter().any(|it| it.kept);
    gland.decision = match (flags, gland.found_center_mm) {
        (true, _) => Decision::Flagged,
        (false, Some(_)) => Decision::NotFlagged,
        (false, None) => Decision::NotAssessable,
    };
}

fn decide(glands: &[GlandOutcome; 2]) -> Decision {
    let any = |decision| glands.iter().any(|gland| gland.decision == decision);
    match (any(Decision::Flagged), any(Decision::NotAssessable)) {
        (true, _) => Decision::Flagged,
        (false, true) => Decision::NotAssessable,
        (false, false) => Decision::NotFlagged,
    }
}

fn written(evaluation: &Evaluation) -> (tempfile::TempDir, Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_report(folder.path(), evaluation).unwrap();
    let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
    let names = paths.iter().map(name).collect();
    let markdown = fs::read_to_string(folder.path().join(MARKDOWN)).unwrap();
    (folder, names, markdown)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_full_report_names_cohort_and_versions_everywhere() {
    let mut evaluation = Evaluation::new(versions());
    evaluation.add("Test | set <1>", &cohort(CohortKind::DrawnIntoReal, 80), &sweeps());
    let (folder, names, markdown) = written(&evaluation);
    assert_eq!(names.len(), 2 + Plot::ALL.len());
    for name in names.iter().filter(|name| name.ends_with(".svg")) {
        let svg = read(folder.path(), name);
        for part in ["Test | set &lt;1&gt;", "real CT with drawn masses", "segmenter 0.1.0"] {
            assert!(svg.contains(part), "{name} has no `{part}`");
        }
        assert!(svg.contains("Not for diagnostic use."), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        assert!(markdown.contains(&format!("]({name})")), "{name} is not in the report");
    }
    assert!(markdown.contains("**NOT FOR DIAGNOSTIC USE.**") && markdown.contains("500 voxels"));
    let back: Evaluation = serde_json::from_str(&read(folder.path(), JSON)).unwrap();
    assert_eq!(back.cohorts[0].counts, evaluation.cohorts[0].counts);
    // For looking at: the folder stays where this names one.
    if let Some(out) = std::env::var_os("PAROTIDD_REPORT_OUT") {
        write_report(Path::new(&out), &evaluation).unwrap();
    }
}

#[test]
fn every_row_names_its_cohort() {
    let mut evaluation = Evaluation::new(versions());
    evaluation.add("one", &cohort(CohortKind::Phantom, 24), &sweeps());
    evaluation.add("two", &cohort(CohortKind::NoGland, 6), &sweeps());
    let (_folder, _names, markdown) = written(&evaluation);
    let cohorts =
        ["one: synthetic phantoms", "two: images without a parotid gland", "source study:"];
    let mut tables = 0;
    for table in markdown.split("\n\n").filter(|part| part.trim_start().starts_with('|')) {
        tables += 1;
        for row in table.trim().lines().skip(2) {
            let named = cohorts.iter().filter(|cohort| row.contains(*cohort)).count();
            assert_eq!(named, 1, "{row}");
        }
    }
    assert!(tables > 10);
}

#[test]
fn nothing_measured_is_said() {
    let (_folder, names, markdown) = written(&Evaluation::new(versions()));
    assert_eq!(names, [JSON, MARKDOWN]);
    assert!(markdown.contains("not measured"));

    // All `None`, and no plot, but each row is there.
    let check = |outcomes: &[CaseOutcome], n_plots: usize| {
        let mut evaluation = Evaluation::new(versions());
        evaluation.cohorts.push(CohortFigures::of("x", CohortKind::Phantom, outcomes, &sweeps()));
        let (_folder, names, markdown) = written(&evaluation);
        assert_eq!(names.len(), 2 + n_plots, "{names:?}");
        assert!(markdown.contains("| sensitivity | not measured |") || !outcomes.is_empty());
        assert!(!markdown.contains("NaN"));
    };
    let all = cohort(CohortKind::Phantom, 40);
    let of = |positive: bool| -> Vec<CaseOutcome> {
        all.iter().filter(|it| it.has_mass() == positive).cloned().collect()
    };
    check(&[], 0);
    // Of its two glands one is positive and one negative.
    check(&of(true)[..1], 6);
    check(&of(false)[..1], 3);
    check(&of(false), 3);
    let mut tied = all.clone();
    for case in &mut tied {
        case.score = 0.5;
    }
    check(&tied, 7);
    // No case of that kind.
    let mut other = all;
    other.iter_mut().for_each(|it| it.kind = CohortKind::Real);
    check(&other, 0);
}

#[test]
fn kinds_are_never_mixed() {
    let mut outcomes = cohort(CohortKind::Phantom, 10);
    outcomes.extend(cohort(CohortKind::DrawnIntoReal, 6));
    let mut evaluation = Evaluation::new(versions());
    evaluation.add("both", &outcomes, &sweeps());
    let of = |it: &CohortFigures| (it.kind, it.counts.n_cases);
    let kinds: Vec<_> = evaluation.cohorts.iter().map(of).collect();
    assert_eq!(kinds, [(CohortKind::Phantom, 10), (CohortKind::DrawnIntoReal, 6)]);
}
