//! Judges the candidates of outcomes again by another policy, as if the case had been screened with it.
//!
//! An outcome keeps every candidate with its features, so the decision rule, its gamma and the size
//! threshold can be changed without the networks. What made the candidates, the two cuts of
//! probability, cannot.

use super::outcome::{CaseOutcome, GlandOutcome};
use crate::screening::features::Features;
use crate::screening::report::{GlandReport, GlandState};
use crate::screening::{Decision, DecisionPolicy, decision::decide};
use crate::units::{Probability, VoxelCount};

/// Judges one case again. `false` where its features are not this version's; it is then left as it was.
#[must_use]
pub fn rejudge(case: &mut CaseOutcome, policy: &DecisionPolicy) -> bool {
    let known = |gland: &GlandOutcome| {
        gland.candidates.iter().all(|it| Features::try_from(it.features.as_slice()).is_ok())
    };
    if !case.glands.iter().all(known) {
        return false;
    }
    for gland in &mut case.glands {
        rejudge_gland(gland, policy);
    }
    case.score = case.glands.iter().map(|gland| gland.score).fold(0.0, f64::max);
    // Without a body there was no gland to decide on.
    if case.glands.iter().any(|gland| gland.found_center_mm.is_some()) {
        let [right, left] = &case.glands;
        (case.decision, case.reason) = decide(&[report_of(right), report_of(left)]);
    }
    true
}

fn rejudge_gland(gland: &mut GlandOutcome, policy: &DecisionPolicy) {
    for candidate in &mut gland.candidates {
        let Ok(features) = Features::try_from(candidate.features.as_slice()) else { continue };
        // The first feature is the logarithm of one more than the weight.
        let weight = 10_f64.powf(features[0]) - 1.0;
        (candidate.score, candidate.kept) =
            policy.judge(&features, VoxelCount(candidate.voxels), weight);
    }
    gland.score = DecisionPolicy::gland_score(
        gland.candidates.iter().map(|it| it.score),
        gland.probability_max,
    );
    gland.decision = if gland.candidates.iter().any(|it| it.kept) {
        Decision::Flagged
    } else if gland.reason.is_some() {
        Decision::NotAssessable
    } else {
        Decision::NotFlagged
    };
}

/// As much of a gland's report as the decision of the case looks at.
fn report_of(gland: &GlandOutcome) -> GlandReport {
    GlandReport {
        side: gland.side,
        state: gland.reason.map_or(GlandState::Assessed, |_| GlandState::NotAssessable),
        reason: gland.reason,
        center_mm: gland.found_center_mm,
        heatmap_peak: Probability(0.0),
        decision: gland.decision,
        score: gland.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::figures::test_support::{candidate, case};
    use crate::imaging::PatientPoint;
    use crate::reason::Reason;
    use crate::screening::features::N_FEATURES;

    fn outcome(voxels: u32, reason: Option<Reason>) -> CaseOutcome {
        case("a", |it| {
            for gland in &mut it.glands {
                gland.found_center_mm = Some(PatientPoint::default());
            }
            let mut found = candidate(voxels, 0, true);
            found.features = vec![0.0; N_FEATURES];
            it.glands[0].candidates = vec![found];
            it.glands[0].reason = reason;
            it.decision = Decision::Flagged;
        })
    }

    #[test]
    fn another_size_gives_another_answer() {
        let check = |voxels, reason, size, expected| {
            let policy =
                DecisionPolicy { tumor_voxels_min: VoxelCount(size), ..DecisionPolicy::by_size() };
            let mut case = outcome(voxels, reason);
            assert!(rejudge(&mut case, &policy));
            assert_eq!((case.decision, case.glands[0].candidates[0].kept), expected);
            assert_eq!(case.score >= 0.5, expected.1);
        };
        check(600, None, 500, (Decision::Flagged, true));
        check(600, None, 700, (Decision::NotFlagged, false));
        let cut = Some(Reason::NotInFieldOfView);
        check(600, cut, 500, (Decision::Flagged, true));
        check(600, cut, 700, (Decision::NotAssessable, false));
    }

    #[test]
    fn features_of_another_version_stay_as_they_were_judged() {
        let mut case = outcome(600, None);
        case.glands[0].candidates[0].features = vec![1.0; 3];
        let before = case.clone();
        assert!(!rejudge(&mut case, &DecisionPolicy::by_size()));
        assert_eq!(case, before);
    }
}
