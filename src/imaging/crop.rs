//! The grids that the two networks look through.

use super::components::connected_components;
use super::geometry::{BoundingBox, Geometry, PatientPoint};
use super::resample::resample;
use super::volume::{Sample, Volume};
use crate::units::{Hounsfield, Side};

/// Grid of one gland's crop: axis-aligned, `spacing_mm` isotropic, `center` at its middle.
///
/// The left gland's columns run to the patient's right, so that both glands look alike to the
/// segmenter and it never has to learn chirality; the affine keeps every measurement in true LPS.
///
/// # Panics
/// When the centre is not finite or the shape has a zero.
#[must_use]
pub fn gland_crop_grid(
    center: PatientPoint,
    side: Side,
    shape: [usize; 3],
    spacing_mm: f64,
) -> Geometry {
    let column_mm = match side {
        Side::Right => spacing_mm,
        Side::Left => -spacing_mm,
    };
    #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
    let half = |n: usize| (n as f64 - 1.0) / 2.0;
    let origin = PatientPoint::new(
        center.x - half(shape[2]) * column_mm,
        center.y - half(shape[1]) * spacing_mm,
        center.z - half(shape[0]) * spacing_mm,
    );
    Geometry::axis_aligned(origin, [spacing_mm, spacing_mm, column_mm], shape)
        .expect("a finite centre and positive spacing make a grid")
}

/// HU on an axis-aligned isotropic grid around the body in `source`: the largest thing denser than
/// `body_hu_min`, with a margin of two voxels inside the field of view.
///
/// `None` when nothing is denser, or the field of view would have more than `n_voxels_max` voxels. What
/// lies beyond the body is air and table, where the localizer has nothing to find.
#[must_use]
pub fn resample_body<T: Sample>(
    source: &Volume<T>,
    spacing_mm: f64,
    body_hu_min: f32,
    n_voxels_max: usize,
) -> Option<Volume<f32>> {
    const MARGIN: usize = 2;
    let whole = covering_grid(source.geometry(), spacing_mm, n_voxels_max)?;
    let hu = resample(source, &whole, Hounsfield::AIR.to_f32());
    let body = hu.map(|&hu| u8::from(hu > body_hu_min));
    let largest = connected_components(&body).into_iter().next()?;
    let shape = whole.shape();
    Some(hu.cut(&BoundingBox {
        start: largest.bounding_box.start.map(|n| n.saturating_sub(MARGIN)),
        end: std::array::from_fn(|a| (largest.bounding_box.end[a] + MARGIN).min(shape[a])),
    }))
}

/// Axis-aligned isotropic grid over the whole field of view.
fn covering_grid(source: &Geometry, spacing_mm: f64, n_voxels_max: usize) -> Option<Geometry> {
    let (low, high) = source.extent();
    let [low_mm, high_mm]: [[f64; 3]; 2] = [low.into(), high.into()];
    let side = |axis: usize| -> Option<usize> {
        let n = ((high_mm[axis] - low_mm[axis]) / spacing_mm).floor() + 1.0;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "checked against the limit first"
        )]
        (n.is_finite() && n >= 1.0 && n <= n_voxels_max as f64).then_some(n as usize)
    };
    let shape = [side(2)?, side(1)?, side(0)?];
    let n_voxels = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side))?;
    if n_voxels > n_voxels_max {
        return None;
    }
    Geometry::axis_aligned(low, [spacing_mm; 3], shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crop_is_centred_and_the_left_one_mirrored() {
        let center = PatientPoint::new(60.0, -5.0, 100.0);
        for (side, sign) in [(Side::Right, 1.0), (Side::Left, -1.0)] {
            let grid = gland_crop_grid(center, side, [80, 80, 64], 1.0);
            assert!(grid.to_patient([39.5, 39.5, 31.5]).distance(center) < 1e-9);
            assert!((grid.steps()[2][0] - sign).abs() < 1e-12);
        }
    }

    #[test]
    fn the_body_box_leaves_out_air_and_small_things() {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [2.0; 3], [60, 60, 60]).unwrap();
        let mut volume = Volume::filled(grid, Hounsfield::AIR);
        for offset in 0..volume.voxels().len() {
            let index = volume.index_of(offset);
            let body = index.iter().all(|&n| (20..40).contains(&n));
            let table = index[1] == 55;
            if body || table {
                volume.voxels_mut()[offset] = Hounsfield(40);
            }
        }
        let found = resample_body(&volume, 4.0, -300.0, 100_000).unwrap();
        assert_eq!(found.shape(), [14, 14, 14]);
        assert!(resample_body(&volume, 4.0, 3000.0, 100_000).is_none());
        assert!(resample_body(&volume, 4.0, -300.0, 10).is_none());
    }
}
