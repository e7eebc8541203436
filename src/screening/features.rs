//! What a tumor candidate is judged by: eleven numbers of size, certainty, attenuation, shape, place.

use crate::imaging::{Component, Volume};

/// Number of features.
pub const N_FEATURES: usize = 11;

/// Their names, in order. A trained decision rule depends on names and order.
pub const NAMES: [&str; N_FEATURES] = [
    "log10_weight",
    "log10_outlined",
    "probability_mean",
    "probability_max",
    "hu_mean",
    "hu_contrast",
    "hu_spread",
    "center_distance_mm",
    "surface",
    "box_fill",
    "heatmap_peak",
];

/// The features of one candidate.
pub type Features = [f64; N_FEATURES];

/// An outline of fewer voxels says nothing of shape and attenuation; the whole candidate does then.
const OUTLINED_MIN: usize = 50;
/// Width of the shell that a candidate is compared with, voxels.
const SHELL: usize = 2;
/// Air, bone and metal are no tissue to compare with, HU.
const TISSUE_HU: std::ops::RangeInclusive<f32> = -200.0..=200.0;

/// Features of a candidate: a connected component of voxels that may be mass, and those of them that
/// are outlined, ascending. Both volumes lie on the segmenter's 1 mm grid.
#[must_use]
pub fn features(
    component: &Component,
    outlined: &[usize],
    probability: &Volume<f32>,
    hu: &Volume<f32>,
    heatmap_peak: f32,
) -> Features {
    let at = |values: &Volume<f32>, offset: usize| f64::from(values.voxels()[offset]);
    let weight: f64 = component.offsets.iter().map(|&o| at(probability, o)).sum();
    let peak = component.offsets.iter().map(|&o| at(probability, o)).fold(0.0, f64::max);
    let region = if outlined.len() >= OUTLINED_MIN { outlined } else { &component.offsets };
    let shape = Shape::of(region, hu);
    let hu_mean = mean(region, hu);
    let hu_spread = (region.iter().map(|&o| (at(hu, o) - hu_mean).powi(2)).sum::<f64>()
        / count(region.len()))
    .sqrt();
    [
        libm::log10(1.0 + weight),
        libm::log10(1.0 + count(outlined.len())),
        weight / count(component.offsets.len()),
        peak,
        hu_mean,
        hu_mean - shape.shell_hu.unwrap_or(hu_mean),
        hu_spread,
        shape.center_distance_mm,
        // Faces of a ball of voxels are 7.25 times the two-thirds power of their number.
        shape.n_faces / (7.25 * libm::pow(count(region.len()), 2.0 / 3.0)),
        count(region.len()) / shape.box_voxels,
        f64::from(heatmap_peak),
    ]
}

/// Mean of the values at some voxels.
pub(super) fn mean(offsets: &[usize], values: &Volume<f32>) -> f64 {
    offsets.iter().map(|&o| f64::from(values.voxels()[o])).sum::<f64>() / count(offsets.len())
}

/// A count as a real number.
fn count(n: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let n = n as f64;
    n
}

/// What the voxels of a region and those around it tell.
struct Shape {
    n_faces: f64,
    box_voxels: f64,
    center_distance_mm: f64,
    /// Mean HU of the soft tissue around; `None` where there is none.
    shell_hu: Option<f64>,
}

impl Shape {
    fn of(region: &[usize], hu: &Volume<f32>) -> Self {
        let shape = hu.shape();
        let mut low = shape;
        let mut high = [0; 3];
        let mut sum = [0.0; 3];
        for &offset in region {
            let index = hu.index_of(offset);
            for axis in 0..3 {
                low[axis] = low[axis].min(index[axis]);
                high[axis] = high[axis].max(index[axis]);
                sum[axis] += count(index[axis]);
            }
        }
        let center = sum.map(|total| total / count(region.len()));
        let middle = shape.map(|side| (count(side) - 1.0) / 2.0);
        let spacing = hu.geometry().spacing_mm();
        let distance2: f64 = (0..3).map(|a| ((center[a] - middle[a]) * spacing[a]).powi(2)).sum();
        let box_voxels: f64 = (0..3).map(|a| count(high[a] + 1 - low[a])).product();
        let (n_faces, shell_hu) = surroundings(region, hu, low, high);
        Self { n_faces, box_voxels, center_distance_mm: distance2.sqrt(), shell_hu }
    }
}

/// Outer faces of a region, and the mean HU of the soft tissue within [`SHELL`] voxels of it.
fn surroundings(
    region: &[usize],
    hu: &Volume<f32>,
    low: [usize; 3],
    high: [usize; 3],
) -> (f64, Option<f64>) {
    let shape = hu.shape();
    let start = low.map(|n| n.saturating_sub(SHELL));
    let end: [usize; 3] = std::array::from_fn(|a| (high[a] + 1 + SHELL).min(shape[a]));
    let sides: [usize; 3] = std::array::from_fn(|a| end[a] - start[a]);
    let strides = [sides[1] * sides[2], sides[2], 1];
    let mut inside = vec![false; sides.iter().product()];
    for &offset in region {
        let index = hu.index_of(offset);
        inside[(0..3).map(|a| (index[a] - start[a]) * strides[a]).sum::<usize>()] = true;
    }
    // Dilation by a cube, axis by axis.
    let mut near = inside.clone();
    let mut n_faces = 0.0;
    for axis in 0..3 {
        let before = near.clone();
        for at in 0..near.len() {
            let place = at / strides[axis] % sides[axis];
            let back = place.min(SHELL);
            let ahead = (sides[axis] - 1 - place).min(SHELL);
            near[at] = (0..=back).any(|n| before[at - n * strides[axis]])
                || (1..=ahead).any(|n| before[at + n * strides[axis]]);
            if inside[at] {
                let open = |edge: bool, next: usize| u8::from(edge || !inside[next]);
                let first = place == 0;
                let last = place + 1 == sides[axis];
                n_faces += f64::from(open(first, if first { at } else { at - strides[axis] }));
                n_faces += f64::from(open(last, if last { at } else { at + strides[axis] }));
            }
        }
    }
    let (mut total, mut n) = (0.0, 0.0);
    for at in (0..near.len()).filter(|&at| near[at] && !inside[at]) {
        let index = std::array::from_fn(|a| start[a] + at / strides[a] % sides[a]);
        let value = hu.at(index);
        if TISSUE_HU.contains(&value) {
            total += f64::from(value);
            n += 1.0;
        }
    }
    (n_faces, (n > 0.0).then(|| total / n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Mask, PatientPoint, connected_components, gland_crop_grid};
    use crate::units::Side;

    #[test]
    fn a_ball_has_the_features_of_a_ball() {
        let center = PatientPoint::new(60.0, 10.0, -30.0);
        let grid = gland_crop_grid(center, Side::Left, [64, 64, 64], 1.0);
        let at = PatientPoint::new(60.0, 15.0, -30.0);
        let inside: Mask = {
            let mut mask = Mask::filled(grid, 0);
            for offset in 0..mask.voxels().len() {
                let place = grid.to_patient(mask.index_of(offset).map(|n| n as f64));
                mask.voxels_mut()[offset] = u8::from(place.distance(at) <= 10.0);
            }
            mask
        };
        let probability = inside.map(|&v| if v == 1 { 0.8 } else { 0.0 });
        let hu = inside.map(|&v| if v == 1 { 50.0 } else { -10.0 });
        let ball = &connected_components(&inside)[0];
        let found = features(ball, &ball.offsets, &probability, &hu, 0.9);
        let n = ball.n_voxels() as f64;
        let expected = [
            (1.0 + 0.8 * n).log10(),
            (1.0 + n).log10(),
            0.8,
            0.8,
            50.0,
            60.0,
            0.0,
            5.0,
            1.0,
            std::f64::consts::PI / 6.0,
            0.9,
        ];
        let tolerance = [1e-3, 1e-9, 1e-6, 1e-6, 1e-4, 1e-4, 1e-3, 0.1, 0.06, 0.03, 1e-6];
        for n in 0..N_FEATURES {
            let (value, wanted) = (found[n], expected[n]);
            assert!((value - wanted).abs() <= tolerance[n], "{}: {value} {wanted}", NAMES[n]);
        }
    }

    #[test]
    fn a_region_at_the_border_of_the_crop_is_no_problem() {
        let grid = gland_crop_grid(PatientPoint::default(), Side::Right, [16, 16, 16], 1.0);
        let all = Mask::filled(grid, 1);
        let whole = &connected_components(&all)[0];
        let hu = Volume::filled(grid, 40.0_f32);
        let found = features(whole, &[], &Volume::filled(grid, 0.3), &hu, 0.5);
        assert!(found.iter().all(|value| value.is_finite()));
        // A full crop is a box, with nothing around it to compare with.
        assert!((found[9] - 1.0).abs() < 1e-12 && found[5].abs() < 1e-12);
    }
}
