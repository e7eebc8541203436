//! Screens a labelled case by the code that the appliance runs, and sets the answer beside the truth.

use super::case::LabelledCase;
use super::outcome::{
    CandidateOutcome, CaseOutcome, CohortKind, GlandOutcome, MassTruth, RELIABILITY_BINS,
};
use crate::clock::Clock;
use crate::imaging::{Mask, Volume};
use crate::inference::Segmentation;
use crate::inference::input::segmenter_grid;
use crate::phantom::TumorPlace;
use crate::reason::Reason;
use crate::screening::decision::decide;
use crate::screening::measure::Candidate;
use crate::screening::screener::{ExaminedGland, ScreenError};
use crate::screening::stopwatch::Stopwatch;
use crate::screening::{Decision, Screener};
use crate::units::{Probability, Side};

/// Voxels around a crop in which a mass larger than the crop is still counted.
const MASS_MARGIN: usize = 40;
/// A gland nearer to the end of the scan than this is cut, mm.
const EDGE_MM: f64 = 5.0;
/// Share of the gland that lies lateral of where the deep lobe begins.
const DEEP_FROM: f64 = 0.8;

/// What is known of a case beside its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseIdentity {
    /// Unique in its cohort.
    pub case: String,
    /// Cases of one patient are not independent.
    pub patient: String,
    /// What kind of cohort.
    pub kind: CohortKind,
    /// Imaging centre; empty where unknown.
    pub site: String,
    /// `neck`, `head`; empty where unknown.
    pub protocol: String,
}

/// Screens a case.
///
/// # Errors
/// When a network fails.
pub fn screen_case(
    screener: &Screener,
    clock: &dyn Clock,
    identity: CaseIdentity,
    case: &LabelledCase,
) -> Result<CaseOutcome, ScreenError> {
    let watch = Stopwatch::new(clock);
    let examined = screener.examine(&case.volume, &|stage| watch.enter(stage))?;
    let timing_ms = watch.read();
    let CaseIdentity { case: name, patient, kind, site, protocol } = identity;
    let (decision, reason) = examined
        .as_ref()
        .map_or((Decision::NotAssessable, Some(Reason::NoBody)), |[right, left]| {
            decide(&[right.report.clone(), left.report.clone()])
        });
    let glands = Side::BOTH
        .map(|side| gland_outcome(case, side, examined.as_ref().map(|both| &both[side as usize])));
    Ok(CaseOutcome {
        case: name,
        patient,
        kind,
        site,
        protocol,
        decision,
        reason,
        score: glands.iter().map(|gland| gland.score).fold(0.0, f64::max),
        glands,
        timing_ms,
    })
}

fn gland_outcome(
    case: &LabelledCase,
    side: Side,
    examined: Option<&ExaminedGland>,
) -> GlandOutcome {
    let gland = case.glands[side as usize].as_ref();
    let true_center_mm = gland.and_then(Mask::centroid);
    let masses: Vec<&Mask> =
        case.masses.iter().filter(|(at, _)| *at == side).map(|(_, mask)| mask).collect();
    let found_center_mm = examined.and_then(|it| it.report.center_mm);
    let seen = examined.and_then(|it| it.segmentation.as_ref());
    let truth = seen.map(|seen| on_crop(&masses, &seen.hu));
    GlandOutcome {
        side,
        true_center_mm,
        cut: gland.is_some_and(is_cut),
        target_overlap: case.target_overlap[side as usize],
        mass: (!masses.is_empty()).then(|| MassTruth {
            voxels: voxels_of(&masses, side),
            place: gland.and_then(|gland| place_of(masses[0], gland)),
        }),
        found_center_mm,
        reason: examined.map_or(Some(Reason::NoBody), |it| it.report.reason),
        decision: examined.map_or(Decision::NotAssessable, |it| it.report.decision),
        score: examined.map_or(0.0, |it| it.report.score),
        probability_max: seen.map_or(Probability(0.0), Segmentation::probability_max),
        candidates: match (&truth, examined) {
            (Some(truth), Some(it)) => candidate_outcomes(it, truth),
            _ => Vec::new(),
        },
        reliability: match (&truth, seen) {
            (Some(truth), Some(seen)) => reliability(seen, truth),
            _ => [[0; 2]; RELIABILITY_BINS],
        },
    }
}

/// All masses together on the grid of a crop.
fn on_crop(masses: &[&Mask], crop: &Volume<f32>) -> Mask {
    let mut union = Mask::filled(*crop.geometry(), 0);
    for mass in masses {
        let part = mass.on_grid(crop.geometry());
        for (voxel, inside) in union.voxels_mut().iter_mut().zip(part.voxels()) {
            *voxel |= inside;
        }
    }
    union
}

/// Size of the masses on a 1 mm grid that holds all of them.
fn voxels_of(masses: &[&Mask], side: Side) -> u32 {
    let counts = masses.iter().filter_map(|mass| {
        let grid = segmenter_grid(mass.centroid()?, side, MASS_MARGIN);
        u32::try_from(mass.on_grid(&grid).n_inside()).ok()
    });
    counts.sum()
}

/// Whether a gland reaches the end of the scan.
fn is_cut(gland: &Mask) -> bool {
    let spacing = gland.geometry().spacing_mm();
    gland.bounding_box().is_some_and(|inside| {
        (0..3).any(|axis| {
            let after = gland.shape()[axis] - inside.end[axis];
            #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
            let edge_mm = inside.start[axis].min(after) as f64 * spacing[axis];
            edge_mm < EDGE_MM
        })
    })
}

/// A mass whose middle is in the medial fifth of its gland is one of the deep lobe.
fn place_of(mass: &Mask, gland: &Mask) -> Option<TumorPlace> {
    let (low, high) = gland.geometry().extent();
    let middle = f64::midpoint(low.x, high.x);
    let center = mass.centroid()?;
    // Distance from the middle plane: small is deep.
    let mut lateral: Vec<f64> = (0..gland.voxels().len())
        .filter(|&offset| gland.voxels()[offset] != 0)
        .map(|offset| {
            #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
            let index = gland.index_of(offset).map(|n| n as f64);
            (gland.geometry().to_patient(index).x - middle).abs()
        })
        .collect();
    lateral.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count"
    )]
    let begins = lateral.get(((1.0 - DEEP_FROM) * lateral.len() as f64) as usize)?;
    let deep = (center.x - middle).abs() < *begins;
    Some(if deep { TumorPlace::Deep } else { TumorPlace::Superficial })
}

fn candidate_outcomes(examined: &ExaminedGland, truth: &Mask) -> Vec<CandidateOutcome> {
    let outcome = |candidate: &Candidate| {
        let inside = candidate.outlined.iter().filter(|&&offset| truth.voxels()[offset] != 0);
        CandidateOutcome {
            features: candidate.features.to_vec(),
            voxels: candidate.voxels().0,
            true_voxels: u32::try_from(inside.count()).unwrap_or(u32::MAX),
            score: candidate.score,
            kept: candidate.kept,
        }
    };
    examined.candidates.iter().map(outcome).collect()
}

fn reliability(seen: &Segmentation, truth: &Mask) -> [[u32; 2]; RELIABILITY_BINS] {
    let mut bins = [[0; 2]; RELIABILITY_BINS];
    for (&p, &inside) in seen.probability.voxels().iter().zip(truth.voxels()) {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a probability times ten"
        )]
        let bin = ((p * RELIABILITY_BINS as f32) as usize).min(RELIABILITY_BINS - 1);
        bins[bin][0] += 1;
        bins[bin][1] += u32::from(inside);
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::imaging::{Geometry, PatientPoint};
    use crate::inference::Models;
    use crate::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
    use crate::screening::DecisionPolicy;

    fn identity(kind: CohortKind) -> CaseIdentity {
        let word = |text: &str| text.to_owned();
        let [case, patient, site, protocol] = ["c", "p", "A", "neck"].map(word);
        CaseIdentity { case, patient, kind, site, protocol }
    }

    fn screened(case: &LabelledCase) -> CaseOutcome {
        let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
        screen_case(&screener, &SystemClock::new(), identity(CohortKind::Phantom), case).unwrap()
    }

    #[test]
    fn a_phantom_has_its_truth_beside_the_answer() {
        let spec = PhantomSpec {
            seed: 12,
            site: Site::A,
            protocol: Protocol::Neck,
            tumor: Some(Side::Right),
        };
        let overrides =
            Overrides { matrix: Some(192), slice_spacing_mm: Some(3.0), ..Overrides::default() };
        let phantom = generate_with(&spec, overrides);
        let mass = phantom.tumor.unwrap().mask;
        let mm3 = mass.mm3();
        let case = LabelledCase {
            volume: phantom.volume,
            glands: phantom.glands.map(Some),
            masses: vec![(Side::Right, mass)],
            target_overlap: [0.0; 2],
        };
        let outcome = screened(&case);
        let [right, left] = &outcome.glands;
        let truth = right.mass.unwrap();
        // Voxels of 1 mm3, whatever the scan's voxels are.
        assert!((f64::from(truth.voxels) / mm3 - 1.0).abs() < 0.1);
        assert!(truth.place.is_some() && left.mass.is_none());
        assert!(right.center_error_mm().unwrap() < 15.0 && !right.cut);
        let inside: u32 = right.reliability.iter().map(|[_, inside]| inside).sum();
        let seen: u32 = right.reliability.iter().map(|[all, _]| all).sum();
        assert!(inside > truth.voxels / 2 && inside <= truth.voxels + truth.voxels / 50);
        assert_eq!(seen, 80 * 80 * 64);
        assert!(right.candidates.iter().all(|it| it.true_voxels <= it.voxels));
        assert!(outcome.score >= right.score && outcome.timing_ms.total > 0);
    }

    #[test]
    fn without_a_body_nothing_is_negative() {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [3.0; 3], [20; 3]).unwrap();
        let case = LabelledCase {
            volume: Volume::filled(grid, crate::units::Hounsfield::AIR),
            glands: [None, None],
            masses: Vec::new(),
            target_overlap: [0.0; 2],
        };
        let outcome = screened(&case);
        assert_eq!(outcome.decision, Decision::NotAssessable);
        assert_eq!(outcome.reason, Some(Reason::NoBody));
        assert!(outcome.glands.iter().all(|it| it.decision == Decision::NotAssessable));
    }
}
