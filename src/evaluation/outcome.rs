//! What the screening of one labelled case gave, beside the truth. Every figure of
//! `parotidd evaluate` is computed from these alone, so a cohort is screened once and read often:
//! one JSON object a line, a case each.
//!
//! ```text
//!  labelled case --screen--> CaseOutcome --figures--> tables, plots
//! ```

use serde::{Deserialize, Serialize};

use crate::imaging::PatientPoint;
use crate::phantom::TumorPlace;
use crate::reason::Reason;
use crate::screening::Decision;
use crate::screening::report::Timing;
use crate::units::{Probability, Side};

/// Bins of the reliability curve, equally wide over 0..=1.
pub const RELIABILITY_BINS: usize = 10;

/// What kind of images and masses a cohort has. Figures of two kinds never share a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CohortKind {
    /// Drawn anatomy with drawn masses.
    Phantom,
    /// Real CT with drawn masses, and the same CT without.
    DrawnIntoReal,
    /// Real CT with whatever its labels say.
    Real,
    /// Images without a parotid gland.
    NoGland,
}

/// One case, screened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// Unique in its cohort.
    pub case: String,
    /// Cases of one patient are not independent: intervals resample patients.
    pub patient: String,
    /// What kind of cohort.
    pub kind: CohortKind,
    /// Imaging centre; empty where unknown.
    pub site: String,
    /// `neck`, `head`; empty where unknown.
    pub protocol: String,
    /// The answer for the case.
    pub decision: Decision,
    /// Why it is not assessable.
    pub reason: Option<Reason>,
    /// 0..1, orders cases.
    pub score: f64,
    /// Right, then left; both always, also where nothing was found.
    pub glands: [GlandOutcome; 2],
    /// Wall time of each step.
    pub timing_ms: Timing,
}

/// One side of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlandOutcome {
    /// The patient's.
    pub side: Side,
    /// Centre of the gland that the labels outline; `None` where they outline none.
    pub true_center_mm: Option<PatientPoint>,
    /// Whether the field of view cuts the outlined gland.
    pub cut: bool,
    /// Share of the outlined gland inside a radiotherapy target, where disease may be unlabelled.
    pub target_overlap: f64,
    /// The labelled mass.
    pub mass: Option<MassTruth>,
    /// Where the localizer put the gland's centre.
    pub found_center_mm: Option<PatientPoint>,
    /// Why the gland is not assessable.
    pub reason: Option<Reason>,
    /// The answer for the gland.
    pub decision: Decision,
    /// 0..1.
    pub score: f64,
    /// Largest probability of mass in the gland's crop; 0 where there is none.
    #[serde(default)]
    pub probability_max: Probability,
    /// Components of the segmenter's outline, largest first, those rejected included.
    pub candidates: Vec<CandidateOutcome>,
    /// Of the segmenter's voxels in this gland's crop: how many fell into each bin of probability,
    /// and how many of those are mass.
    pub reliability: [[u32; 2]; RELIABILITY_BINS],
}

/// The truth about one mass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MassTruth {
    /// Its size on a 1 mm grid that holds all of it, whether the segmenter's crop does or not.
    pub voxels: u32,
    /// Where in its gland it is; `None` where the gland is not outlined.
    pub place: Option<TumorPlace>,
}

/// One candidate and how much of it is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateOutcome {
    /// What the decision rule judges it by; names in `screening::features::NAMES`.
    pub features: Vec<f64>,
    /// Voxels outlined, at the policy's probability, on the 1 mm grid.
    pub voxels: u32,
    /// How many of them are mass.
    pub true_voxels: u32,
    /// 0..1.
    pub score: f64,
    /// Whether it counts towards the decision.
    pub kept: bool,
}

impl CaseOutcome {
    /// Whether the labels have a mass on either side.
    #[must_use]
    pub fn has_mass(&self) -> bool {
        self.glands.iter().any(|gland| gland.mass.is_some())
    }
}

impl GlandOutcome {
    /// Overlap of the mass with all kept candidates together (Dice 1945); `None` without a mass.
    #[must_use]
    pub fn dice(&self) -> Option<f64> {
        self.dice_of(|candidate| candidate.kept)
    }

    /// As [`Self::dice`] for another choice of candidates, as in a sweep.
    #[must_use]
    pub fn dice_of(&self, kept: impl Fn(&CandidateOutcome) -> bool) -> Option<f64> {
        let mass = self.mass?;
        let chosen = self.candidates.iter().filter(|candidate| kept(candidate));
        let (both, outlined) = chosen.fold((0.0, 0.0), |(both, outlined), candidate| {
            (both + f64::from(candidate.true_voxels), outlined + f64::from(candidate.voxels))
        });
        let total = outlined + f64::from(mass.voxels);
        // A label smaller than a voxel can't be outlined.
        Some(if total > 0.0 { 2.0 * both / total } else { 0.0 })
    }

    /// Distance of the found centre from the true one, mm; `None` where either is unknown.
    #[must_use]
    pub fn center_error_mm(&self) -> Option<f64> {
        Some(self.found_center_mm?.distance(self.true_center_mm?))
    }
}
