//! Where a body's left meets its right.

use super::geometry::PatientPoint;
use super::volume::Volume;

/// Slices this near to a point tell where the midline is, mm.
const SLAB_MM: f64 = 15.0;

/// Mean x of the body in the slices around a point, LPS mm: the patient need not lie at the scanner's
/// centre. `None` where these slices show no body.
#[must_use]
pub fn midline_x<T: Copy>(
    volume: &Volume<T>,
    is_body: impl Fn(T) -> bool,
    near: PatientPoint,
) -> Option<f64> {
    let geometry = volume.geometry();
    let [_, _, n_columns] = volume.shape();
    let [middle, ..] = geometry.to_index(near);
    let reach = SLAB_MM / geometry.spacing_mm()[0];
    let step = geometry.steps()[2][0];
    let mut sum = 0.0;
    let mut n = 0.0_f64;
    #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
    for (line, voxels) in volume.voxels().chunks_exact(n_columns).enumerate() {
        let [slice, row, _] = volume.index_of(line * n_columns).map(|index| index as f64);
        if (slice - middle).abs() > reach {
            continue;
        }
        let start = geometry.to_patient([slice, row, 0.0]).x;
        for (column, _) in voxels.iter().enumerate().filter(|(_, value)| is_body(**value)) {
            sum += start + column as f64 * step;
            n += 1.0;
        }
    }
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Geometry;

    #[test]
    fn only_the_slices_around_the_point_tell() {
        let origin = PatientPoint::new(-50.0, 0.0, 0.0);
        let grid = Geometry::axis_aligned(origin, [5.0, 10.0, 2.0], [20, 3, 51]).unwrap();
        let mut volume = Volume::filled(grid, 0_u8);
        for offset in 0..grid.n_voxels() {
            let [slice, _, column] = volume.index_of(offset);
            // A body about x = -10 mm, and from 50 mm up one about x = 20 mm.
            let middle = if slice < 10 { 20 } else { 35 };
            volume.voxels_mut()[offset] = u8::from(column.abs_diff(middle) <= 10);
        }
        let at = |z| midline_x(&volume, |v| v != 0, PatientPoint::new(0.0, 0.0, z));
        let near = |x: Option<f64>, expected: f64| (x.unwrap() - expected).abs() < 1e-9;
        assert!(near(at(10.0), -10.0) && near(at(90.0), 20.0));
        assert_eq!(midline_x(&volume, |v| v > 1, PatientPoint::new(0.0, 0.0, 10.0)), None);
    }
}
