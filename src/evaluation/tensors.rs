//! Training tensors, made by the code that inference uses: the same grids, the same HU windows.
//!
//! Localizer: the body on the 5 mm grid, and the share of each voxel that is parotid gland.
//! Segmenter: one gland's 1 mm crop with a margin for random windows, and the mass in it. Where a case
//! has no mass of its own, masses are drawn into its glands.

use ndarray::Array3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::LabelledCase;
use crate::imaging::{Geometry, Mask, Volume, resample};
use crate::inference::input::{
    LOCALIZER_WINDOW_HU, SEGMENTER_WINDOW_HU, localizer_hu, normalize, segmenter_grid, segmenter_hu,
};
use crate::phantom::tumor::{TumorSpec, draw_tumor};
use crate::units::{Hounsfield, Side};

/// Input and target of one example, both `[slice, row, column]`.
#[derive(Debug, Clone)]
pub struct Example {
    /// Normalized HU, -1..=1.
    pub input: Array3<f32>,
    /// Share of the voxel that is gland (localizer), or 1 where the mass is (segmenter).
    pub target: Array3<f32>,
    /// Volume of the mass, cm3; 0 without one.
    pub tumor_cm3: f64,
}

/// The localizer's example of a case; `None` where there is no body.
#[must_use]
pub fn localizer_example(case: &LabelledCase) -> Option<Example> {
    let hu = localizer_hu(&case.volume)?;
    let mut target = vec![0.0_f32; hu.voxels().len()];
    for gland in case.glands.iter().flatten() {
        let share = resample(gland, hu.geometry(), 0.0);
        for (sum, value) in target.iter_mut().zip(share.voxels()) {
            *sum = (*sum + value).min(1.0);
        }
    }
    let shape = hu.shape();
    Some(Example {
        input: to_array(shape, hu.voxels().iter().map(|&v| normalize(v, LOCALIZER_WINDOW_HU))),
        target: to_array(shape, target.into_iter()),
        tumor_cm3: 0.0,
    })
}

/// The segmenter's example of one gland as it is: with the case's own mass, or none.
#[must_use]
pub fn plain_example(case: &LabelledCase, side: Side, margin: usize) -> Option<Example> {
    let grid = crop_grid(case, side, margin)?;
    let hu = segmenter_hu(&case.volume, &grid);
    let mut mass = Mask::filled(grid, 0);
    for (_, mask) in case.masses.iter().filter(|(at, _)| *at == side) {
        let part = mask.on_grid(&grid);
        for (voxel, inside) in mass.voxels_mut().iter_mut().zip(part.voxels()) {
            *voxel |= inside;
        }
    }
    Some(segmenter_example(&hu, &mass))
}

/// The segmenter's example of one gland with a mass drawn in, the `seed` saying which.
///
/// The mass is drawn at 1 mm; half of them then lose the sharpness that the source never had, so that
/// neither sharpness nor its lack tells a drawn mass.
#[must_use]
pub fn drawn_example(case: &LabelledCase, side: Side, margin: usize, seed: u64) -> Option<Example> {
    let grid = crop_grid(case, side, margin)?;
    let gland = case.glands[side as usize].as_ref()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // From the gland in the whole head: where the middle is tells the deep lobe from the superficial.
    let spec = TumorSpec::sample(&mut rng, gland);
    let gland = gland.on_grid(&grid);
    let mut hu = segmenter_hu(&case.volume, &grid).map(|&v| Hounsfield::from_f32(v));
    let mass = draw_tumor(&mut hu, &gland, &spec);
    let drawn = hu.map(|v| v.to_f32());
    let blurred = rng.random_bool(0.5);
    let seen = if blurred { as_sharp_as(&drawn, case.volume.geometry()) } else { drawn };
    Some(segmenter_example(&seen, &mass))
}

fn crop_grid(case: &LabelledCase, side: Side, margin: usize) -> Option<Geometry> {
    let center = case.glands[side as usize].as_ref()?.centroid()?;
    Some(segmenter_grid(center, side, margin))
}

/// The crop through the source's own grid and back.
fn as_sharp_as(crop: &Volume<f32>, source: &Geometry) -> Volume<f32> {
    let grid = crop.geometry();
    let spacing: [f64; 3] = std::array::from_fn(|a| source.spacing_mm()[a].max(1.0));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a crop has about a hundred voxels a side"
    )]
    let shape = std::array::from_fn(|a| (grid.shape()[a] as f64 / spacing[a]).ceil() as usize + 1);
    let steps = std::array::from_fn(|a| grid.steps()[a].map(|step| step * spacing[a]));
    let coarse = Geometry::new(grid.origin(), steps, shape)
        .expect("positive multiples of a grid's steps make a grid");
    resample(&resample(crop, &coarse, -1024.0), grid, -1024.0)
}

fn segmenter_example(hu: &Volume<f32>, mass: &Mask) -> Example {
    let shape = hu.shape();
    Example {
        input: to_array(shape, hu.voxels().iter().map(|&v| normalize(v, SEGMENTER_WINDOW_HU))),
        target: to_array(shape, mass.voxels().iter().map(|&v| f32::from(v))),
        tumor_cm3: mass.mm3() / 1000.0,
    }
}

fn to_array(shape: [usize; 3], values: impl Iterator<Item = f32>) -> Array3<f32> {
    Array3::from_shape_vec(shape, values.collect()).expect("one value a voxel")
}
