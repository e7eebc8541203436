//! Any cohort has figures, and they are numbers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::sweep::{Keeps, Sweeps};
use super::test_support::{candidate, case, gland_at};
use super::*;
use crate::evaluation::outcome::{CandidateOutcome, MassTruth};
use crate::evaluation::statistics::proportion::Proportion;
use crate::phantom::TumorPlace;
use crate::reason::Reason;
use crate::screening::Decision;
use crate::units::VoxelCount;

fn decision() -> impl Strategy<Value = Decision> {
    use Decision::{Flagged, NotAssessable, NotFlagged};
    prop::sample::select(vec![Flagged, NotFlagged, NotAssessable])
}

fn a_gland() -> impl Strategy<Value = GlandOutcome> {
    let candidates = vec((1..4000_u32, 0..4000_u32, any::<bool>()), 0..3);
    let place =
        prop::option::of(prop::sample::select(vec![TumorPlace::Deep, TumorPlace::Replacing]));
    let mass = prop::option::of((1..20_000_u32, place));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (candidates, mass, flags, decision(), 0..4_u8).prop_map(|it| {
        let (candidates, mass, (outlined, cut, found), decision, score) = it;
        let mut gland = gland_at(-50.0, found.then_some(-45.0));
        gland.true_center_mm = gland.true_center_mm.filter(|_| outlined);
        gland.cut = cut;
        gland.target_overlap = if cut { 0.2 } else { 0.0 };
        gland.mass = mass.map(|(voxels, place)| MassTruth { voxels, place });
        gland.decision = decision;
        gland.reason = (decision == Decision::NotAssessable).then_some(Reason::GlandNotFound);
        gland.score = f64::from(score) / 3.0;
        let made = candidates.into_iter().map(|(n, of, kept)| candidate(n, of.min(n), kept));
        gland.candidates = made.collect();
        gland.reliability[3] = [u32::from(score) * 7, u32::from(score) * 2];
        gland
    })
}

fn a_case() -> impl Strategy<Value = CaseOutcome> {
    let labels = (0..4_u8, 0..3_u8, 0..2_u8);
    (labels, decision(), a_gland(), a_gland(), any::<bool>()).prop_map(|it| {
        let ((patient, site, protocol), decision, right, left, no_gland) = it;
        case("x", |case| {
            case.patient = patient.to_string();
            case.site = ["", "a", "b"][usize::from(site)].to_owned();
            case.protocol = ["neck", "head"][usize::from(protocol)].to_owned();
            case.kind = if no_gland { CohortKind::NoGland } else { CohortKind::Real };
            case.decision = decision;
            case.score = right.score.max(left.score);
            case.glands = [right, left];
        })
    })
}

fn sweeps() -> Sweeps<'static> {
    let keeps = |kept: bool| -> Box<Keeps<'static>> {
        Box::new(move |it: &CandidateOutcome| it.kept || kept)
    };
    Sweeps {
        by_size: &|it, size| it.voxels >= size.0,
        tumor_voxels_min: VoxelCount(500),
        by_gamma: vec![(1.0, keeps(false)), (2.0, keeps(true))],
        gamma: None,
    }
}

/// All shares, wherever they stand.
fn shares(figures: &CohortFigures) -> Vec<Proportion> {
    let rates = [&figures.by_case.rates, &figures.by_gland.rates];
    let rates = rates
        .into_iter()
        .flat_map(|it| [it.accuracy, it.sensitivity, it.specificity, it.ppv, it.npv]);
    let found = [figures.localizer.within_10_mm, figures.localizer.sides_swapped];
    let swept = figures.size_sweep.iter().flat_map(|it| [it.sensitivity, it.specificity, it.ppv]);
    rates.chain(found).chain(swept).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_cohort_has_figures(cases in vec(a_case(), 0..12)) {
        let versions = Versions {
            software: String::new(),
            localizer: String::new(),
            segmenter: String::new(),
            decision: String::new(),
        };
        let mut evaluation = Evaluation::new(versions);
        evaluation.add("any", &cases, &sweeps());
        let n: usize = evaluation.cohorts.iter().map(|it| it.counts.n_cases).sum();
        prop_assert_eq!(n, cases.len());
        for figures in &evaluation.cohorts {
            for share in shares(figures) {
                let (low, high) = (share.interval.low, share.interval.high);
                let ordered = 0.0 <= low && low <= share.value + 1e-12;
                prop_assert!(ordered && share.value <= high + 1e-12 && high <= 1.0, "{share:?}");
            }
            for it in figures.by_case.predictive.iter().flat_map(|it| [it.ppv, it.npv]).flatten() {
                prop_assert!(it.interval.low <= it.value && it.value <= it.interval.high);
            }
        }
        // JSON has no word for what is no number: it would be lost here.
        let json = serde_json::to_string(&evaluation).unwrap();
        let back: Result<Evaluation, _> = serde_json::from_str(&json);
        prop_assert!(back.is_ok(), "{back:?}");
    }
}
