//! What the networks look at: their grids and the scaling of HU. Exists once, for inference and for
//! the training tensors that `parotidd prepare` writes.

use crate::imaging::{
    Geometry, PatientPoint, Sample, Volume, gland_crop_grid, resample, resample_body,
};
use crate::limits::LOCALIZER_VOXELS_MAX;
use crate::units::Side;

/// The localizer's grid, mm isotropic.
pub const LOCALIZER_SPACING_MM: f64 = 5.0;
/// HU that the localizer sees, scaled to -1..=1: fat, bone and air all tell where the glands are.
pub const LOCALIZER_WINDOW_HU: [f32; 2] = [-600.0, 600.0];
/// Whatever is denser than this is body, HU.
pub const BODY_HU_MIN: f32 = -300.0;

/// The segmenter's grid, mm isotropic. The study's 500 voxels are counted on it.
pub const SEGMENTER_SPACING_MM: f64 = 1.0;
/// The segmenter's crop, voxels `[slice, row, column]`.
pub const SEGMENTER_SHAPE: [usize; 3] = [80, 80, 64];
/// HU that the segmenter sees, scaled to -1..=1: soft tissue.
pub const SEGMENTER_WINDOW_HU: [f32; 2] = [-160.0, 240.0];

/// Both networks halve their input four times.
pub const SIDE_MULTIPLE: usize = 16;
/// HU where the source has nothing.
const OUTSIDE_HU: f32 = -1024.0;

/// Scales a HU window to -1..=1 and clips.
#[must_use]
pub fn normalize(hu: f32, [low, high]: [f32; 2]) -> f32 {
    ((hu - low) / (high - low) * 2.0 - 1.0).clamp(-1.0, 1.0)
}

/// HU on the localizer's grid around the body; `None` where there is no body, or too large a one.
#[must_use]
pub fn localizer_hu<T: Sample>(volume: &Volume<T>) -> Option<Volume<f32>> {
    resample_body(volume, LOCALIZER_SPACING_MM, BODY_HU_MIN, LOCALIZER_VOXELS_MAX)
}

/// The grid of one gland's crop, larger by `margin` voxels on each side than the network's input.
#[must_use]
pub fn segmenter_grid(center: PatientPoint, side: Side, margin: usize) -> Geometry {
    let shape = SEGMENTER_SHAPE.map(|n| n + 2 * margin);
    gland_crop_grid(center, side, shape, SEGMENTER_SPACING_MM)
}

/// HU on the grid of one gland's crop.
#[must_use]
pub fn segmenter_hu<T: Sample>(volume: &Volume<T>, grid: &Geometry) -> Volume<f32> {
    resample(volume, grid, OUTSIDE_HU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_becomes_minus_one_to_one() {
        let check = |hu, expected| assert_eq!(normalize(hu, SEGMENTER_WINDOW_HU), expected);
        check(-160.0, -1.0);
        check(40.0, 0.0);
        check(240.0, 1.0);
        check(3000.0, 1.0);
        check(-1024.0, -1.0);
    }

    #[test]
    fn the_crop_is_a_multiple_of_sixteen() {
        assert!(SEGMENTER_SHAPE.iter().all(|n| n % SIDE_MULTIPLE == 0));
    }
}
