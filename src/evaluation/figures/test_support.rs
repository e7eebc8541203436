//! Cases made up for tests.

use crate::evaluation::outcome::{
    CandidateOutcome, CaseOutcome, CohortKind, GlandOutcome, MassTruth, RELIABILITY_BINS,
};
use crate::imaging::PatientPoint;
use crate::phantom::TumorPlace;
use crate::screening::Decision;
use crate::screening::report::Timing;
use crate::units::{Probability, Side};

/// A healthy case, screened and not flagged, then changed.
pub(crate) fn case(name: &str, change: impl FnOnce(&mut CaseOutcome)) -> CaseOutcome {
    let mut case = CaseOutcome {
        case: name.to_owned(),
        patient: name.to_owned(),
        kind: CohortKind::Phantom,
        site: "site a".to_owned(),
        protocol: "neck".to_owned(),
        decision: Decision::NotFlagged,
        reason: None,
        score: 0.0,
        glands: [gland_at(-50.0, None), gland_at(50.0, None)],
        timing_ms: Timing { total: 1000, ..Timing::default() },
    };
    change(&mut case);
    for (gland, side) in case.glands.iter_mut().zip(Side::BOTH) {
        gland.side = side;
    }
    case
}

/// A gland outlined at that x, and found at that x.
pub(crate) fn gland_at(true_x: f64, found_x: Option<f64>) -> GlandOutcome {
    GlandOutcome {
        side: Side::Right,
        true_center_mm: Some(PatientPoint::new(true_x, 0.0, 0.0)),
        cut: false,
        target_overlap: 0.0,
        mass: None,
        found_center_mm: found_x.map(|x| PatientPoint::new(x, 0.0, 0.0)),
        reason: None,
        decision: Decision::NotFlagged,
        score: 0.0,
        probability_max: Probability(0.0),
        candidates: Vec::new(),
        reliability: [[0; 2]; RELIABILITY_BINS],
    }
}

/// A gland with a mass of so many voxels.
pub(crate) fn gland_with_mass(voxels: u32, place: Option<TumorPlace>) -> GlandOutcome {
    GlandOutcome { mass: Some(MassTruth { voxels, place }), ..gland_at(-50.0, Some(-50.0)) }
}

/// A candidate of so many voxels, of which so many are mass.
pub(crate) fn candidate(voxels: u32, true_voxels: u32, kept: bool) -> CandidateOutcome {
    CandidateOutcome { features: Vec::new(), voxels, true_voxels, score: 0.9, kept }
}
