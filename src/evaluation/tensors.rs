//! Training tensors, made by the code that inference uses: the same grids, the same HU windows.
//!
//! Localizer: the body on the 5 mm grid, and the share of each voxel that is parotid gland.
//! Segmenter: one gland's 1 mm crop with a margin for random windows, and the mass in it. Where a case
//! has no mass of its own, masses and what looks like one are drawn into its glands, at a sharpness
//! between that of the source and that of a clinical scan.

use ndarray::Array3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::LabelledCase;
use super::sharpen::{STEPS_MAX, sharpen};
use crate::imaging::{Geometry, Mask, Volume, resample};
use crate::inference::input::{
    LOCALIZER_WINDOW_HU, SEGMENTER_WINDOW_HU, localizer_hu, normalize, segmenter_grid, segmenter_hu,
};
use crate::phantom::tumor::{TumorSpec, draw_tumor};
use crate::phantom::{sample_deep_tumor, sample_mimic, sample_tumor};
use crate::units::{Hounsfield, Side};

/// A source with pixels larger than this may be sharpened, mm.
const COARSE_MM: f64 = 1.5;

/// Input and target of one example, both `[slice, row, column]`, in 8 bits: the networks' input is
/// rounded to 8 bits in any case, and a training set then fits into memory.
#[derive(Debug, Clone)]
pub struct Example {
    /// Normalized HU times 127: -127..=127 is -1..=1.
    pub input: Array3<i8>,
    /// Share of the voxel that is gland (localizer) or mass (segmenter), times 255.
    pub target: Array3<u8>,
    /// Volume of the mass, cm3; 0 without one.
    pub tumor_cm3: f64,
}

/// What is drawn into a gland that has no mass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// Nothing: the gland as it is.
    Nothing,
    /// One or two nodes or cysts below 9 mm, which are no masses.
    Mimics,
    /// A mass.
    Mass,
    /// A mass in the deep lobe.
    DeepMass,
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
        input: input_array(&hu, LOCALIZER_WINDOW_HU),
        target: to_array(shape, target.into_iter().map(share_to_u8)),
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

/// The segmenter's example of one gland with something drawn in, the `seed` saying what.
///
/// A coarse source is sharpened in half of them. What is drawn is drawn at 1 mm; half of the masses in
/// sources that were not sharpened then lose the sharpness that the source never had, so that neither
/// sharpness nor its lack tells a drawn mass.
#[must_use]
pub fn drawn_example(
    case: &LabelledCase,
    side: Side,
    margin: usize,
    drawing: Drawing,
    seed: u64,
) -> Option<Example> {
    let grid = crop_grid(case, side, margin)?;
    let gland = case.glands[side as usize].as_ref()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // From the gland in the whole head: where the middle is tells the deep lobe from the superficial.
    let specs = sample_drawing(&mut rng, &case.volume, gland, drawing);
    let gland = gland.on_grid(&grid);
    let mut crop = segmenter_hu(&case.volume, &grid);
    let coarse = case.volume.geometry().spacing_mm()[2] > COARSE_MM;
    let sharpened = coarse && rng.random_bool(0.5);
    if sharpened {
        sharpen(&mut crop, rng.random_range(1..=STEPS_MAX));
    }
    let mut hu = crop.map(|&v| Hounsfield::from_f32(v));
    let mut mass = Mask::filled(grid, 0);
    for spec in &specs {
        let drawn = draw_tumor(&mut hu, &gland, spec);
        if matches!(drawing, Drawing::Mass | Drawing::DeepMass) {
            mass = drawn;
        }
    }
    let drawn = hu.map(|v| v.to_f32());
    let blurred = coarse && !sharpened && rng.random_bool(0.5);
    let seen = if blurred { as_sharp_as(&drawn, case.volume.geometry()) } else { drawn };
    Some(segmenter_example(&seen, &mass))
}

fn sample_drawing(
    rng: &mut ChaCha8Rng,
    volume: &Volume<Hounsfield>,
    gland: &Mask,
    drawing: Drawing,
) -> Vec<TumorSpec> {
    match drawing {
        Drawing::Nothing => Vec::new(),
        Drawing::Mimics => {
            let n = rng.random_range(1..=2);
            (0..n).map(|_| sample_mimic(rng, volume, gland)).collect()
        }
        Drawing::Mass => vec![sample_tumor(rng, volume, gland)],
        Drawing::DeepMass => vec![sample_deep_tumor(rng, volume, gland)],
    }
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
    Example {
        input: input_array(hu, SEGMENTER_WINDOW_HU),
        target: to_array(hu.shape(), mass.voxels().iter().map(|&v| v * u8::MAX)),
        tumor_cm3: mass.mm3() / 1000.0,
    }
}

fn input_array(hu: &Volume<f32>, window: [f32; 2]) -> Array3<i8> {
    #[allow(clippy::cast_possible_truncation, reason = "normalized values are within -1..=1")]
    let to_i8 = |&v: &f32| (normalize(v, window) * 127.0).round() as i8;
    to_array(hu.shape(), hu.voxels().iter().map(to_i8))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is within 0..=1"
)]
fn share_to_u8(share: f32) -> u8 {
    (share * 255.0).round() as u8
}

fn to_array<T>(shape: [usize; 3], values: impl Iterator<Item = T>) -> Array3<T> {
    Array3::from_shape_vec(shape, values.collect()).expect("one value a voxel")
}
