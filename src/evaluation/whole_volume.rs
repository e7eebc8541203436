//! Crops of each gland against the whole body: the source study says that crops have benefits, this
//! measures them.
//!
//! The same segmenter runs over the whole body on its 1 mm grid, once for each side, since it knows one
//! kind of gland and its mirror image; each pass counts on its side of the body. Both ways outline from
//! one half on and keep components of the smallest size that flags, without the classifier. The
//! segmenter was trained on crops: what it makes of the rest of the body is a part of the answer.

use serde::{Deserialize, Serialize};

use super::case::LabelledCase;
use super::outcome::CaseOutcome;
use crate::clock::Clock;
use crate::imaging::{
    Component, Geometry, Mask, PatientPoint, Volume, connected_components, gland_crop_grid,
};
use crate::inference::input::{SEGMENTER_SPACING_MM, SIDE_MULTIPLE, localizer_hu};
use crate::inference::{ModelError, Segmenter};
use crate::units::Side;

/// A voxel is outlined from this probability on.
const PROBABILITY_MIN: f32 = 0.5;
/// Smallest component that counts, voxels of 1 mm3.
const VOXELS_MIN: usize = 500;

/// One case by both ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeVolumeOutcome {
    /// Its name.
    pub case: String,
    /// Dice of the mass with everything outlined in both crops.
    pub crop_dice: f64,
    /// Dice of the mass with everything outlined in the body.
    pub whole_dice: f64,
    /// From the volume to the answer, localizer and both crops.
    pub crop_ms: u64,
    /// Both passes over the body.
    pub whole_ms: u64,
    /// Voxels of one pass.
    pub whole_voxels: usize,
}

/// Segments a case with one mass as a whole; `outcome` is what its crops gave. `None` without a mass or
/// a body.
///
/// # Errors
/// When the network fails, for want of memory, say.
pub fn whole_volume(
    segmenter: &Segmenter,
    clock: &dyn Clock,
    case: &LabelledCase,
    outcome: &CaseOutcome,
) -> Result<Option<WholeVolumeOutcome>, ModelError> {
    let Some(truth) = outcome.glands.iter().find_map(|gland| gland.mass) else { return Ok(None) };
    let Some(hu) = localizer_hu(&case.volume) else { return Ok(None) };
    let begun = clock.monotonic();
    let mut outlined = Overlap::default();
    let mut whole_voxels = 0;
    for side in Side::BOTH {
        let grid = body_grid(hu.geometry(), side);
        whole_voxels = grid.n_voxels();
        let probability = segmenter.segment_grid(&case.volume, &grid)?.probability;
        outlined.add(&on_side(&probability, side), case);
    }
    let whole_ms = u64::try_from((clock.monotonic() - begun).as_millis()).unwrap_or(u64::MAX);
    let mut crops = Overlap::default();
    for candidate in outcome.glands.iter().flat_map(|gland| &gland.candidates) {
        if candidate.voxels as usize >= VOXELS_MIN {
            crops.outlined += f64::from(candidate.voxels);
            crops.both += f64::from(candidate.true_voxels);
        }
    }
    Ok(Some(WholeVolumeOutcome {
        case: outcome.case.clone(),
        crop_dice: crops.dice(truth.voxels),
        whole_dice: outlined.dice(truth.voxels),
        crop_ms: outcome.timing_ms.total,
        whole_ms,
        whole_voxels,
    }))
}

/// The segmenter's grid over the body, with columns as the crop of that side has them.
fn body_grid(body: &Geometry, side: Side) -> Geometry {
    let (low, high) = body.extent();
    let middle = PatientPoint::new(
        f64::midpoint(low.x, high.x),
        f64::midpoint(low.y, high.y),
        f64::midpoint(low.z, high.z),
    );
    let extent = [high.z - low.z, high.y - low.y, high.x - low.x];
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a body is a few hundred mm"
    )]
    let shape = extent.map(|mm| {
        ((mm / SEGMENTER_SPACING_MM).ceil() as usize + 1).next_multiple_of(SIDE_MULTIPLE)
    });
    gland_crop_grid(middle, side, shape, SEGMENTER_SPACING_MM)
}

/// What is outlined on one side of the grid's middle.
fn on_side(probability: &Volume<f32>, side: Side) -> Mask {
    let n_columns = probability.shape()[2];
    let mut mask = probability.map(|&p| u8::from(p >= PROBABILITY_MIN));
    for (offset, voxel) in mask.voxels_mut().iter_mut().enumerate() {
        // Columns run from lateral to medial and on to the other side, for either side's grid.
        if offset % n_columns >= n_columns / 2 {
            *voxel = 0;
        }
    }
    debug_assert_eq!(probability.geometry().steps()[2][0] > 0.0, side == Side::Right);
    mask
}

/// Voxels outlined, and how many of them are mass.
#[derive(Default)]
struct Overlap {
    outlined: f64,
    both: f64,
}

impl Overlap {
    fn add(&mut self, mask: &Mask, case: &LabelledCase) {
        let masses: Vec<Mask> =
            case.masses.iter().map(|(_, mass)| mass.on_grid(mask.geometry())).collect();
        let components = connected_components(mask);
        let counts = components.iter().filter(|it| it.n_voxels() >= VOXELS_MIN);
        for offset in counts.flat_map(|component: &Component| &component.offsets) {
            self.outlined += 1.0;
            let inside = masses.iter().any(|mass| mass.voxels()[*offset] != 0);
            self.both += f64::from(u8::from(inside));
        }
    }

    fn dice(&self, truth: u32) -> f64 {
        let total = self.outlined + f64::from(truth);
        if total > 0.0 { 2.0 * self.both / total } else { 0.0 }
    }
}
