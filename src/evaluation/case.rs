//! One labelled case, wherever it came from.

use super::cohort::CohortCase;
use super::openkbp::OpenKbpCase;
use crate::imaging::{Mask, Volume};
use crate::units::{Hounsfield, Side};

/// A CT with what is known about it. Masks lie on the volume's grid.
#[derive(Debug, Clone)]
pub struct LabelledCase {
    /// The CT.
    pub volume: Volume<Hounsfield>,
    /// Parotid glands, right and left; `None` where there is none or it was not outlined.
    pub glands: [Option<Mask>; 2],
    /// Masses, each with the side of its gland.
    pub masses: Vec<(Side, Mask)>,
    /// Share of each gland that a planning target overlaps: there it may hold disease nobody outlined.
    pub target_overlap: [f64; 2],
}

impl From<OpenKbpCase> for LabelledCase {
    fn from(case: OpenKbpCase) -> Self {
        let target_overlap =
            std::array::from_fn(|side| overlap(&case.glands[side], &case.planning_targets));
        Self {
            volume: case.volume,
            glands: case.glands.map(|gland| (gland.n_inside() > 0).then_some(gland)),
            masses: Vec::new(),
            target_overlap,
        }
    }
}

impl From<CohortCase> for LabelledCase {
    fn from(case: CohortCase) -> Self {
        let CohortCase { volume, glands, masses, .. } = case;
        Self { volume, glands, masses, target_overlap: [0.0; 2] }
    }
}

/// Share of `mask` that `other` covers; 0 for an empty mask.
fn overlap(mask: &Mask, other: &Mask) -> f64 {
    let both = mask.voxels().iter().zip(other.voxels()).filter(|(a, b)| **a != 0 && **b != 0);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = both.count() as f64 / mask.n_inside().max(1) as f64;
    share
}
