//! Whether a sound volume is one that can be screened for a mass of 10 mm.

use crate::imaging::Geometry;
use crate::limits;
use crate::reason::Reason;

/// Cosine of the largest angle between slice normal and patient axis: 45 degrees. Beyond it a slice
/// is nearer to coronal or sagittal than to axial.
const AXIAL_COSINE_MIN: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Largest distance of slices or pixels, and largest thickness, mm. A sphere of 10 mm shows on one
/// slice at 6 mm; on more only by luck.
const SPACING_MM_MAX: f64 = 6.0;

/// Whether slices with this normal (unit length) are nearer to axial than to anything else.
#[must_use]
pub fn is_axial(normal: &[f64; 3]) -> bool {
    normal[2].abs() >= AXIAL_COSINE_MIN
}

/// Why an axial grid of slices is not screened; `None` where it is. Where several reasons hold, the
/// number of slices comes last: it says the least about what is wrong.
#[must_use]
pub fn refusal(grid: &Geometry, slice_thickness_mm: Option<f64>) -> Option<Reason> {
    let [n_slices, n_rows, n_columns] = grid.shape();
    let in_range = |mm: f64| mm <= SPACING_MM_MAX;
    if !grid.spacing_mm().into_iter().all(in_range) || !slice_thickness_mm.is_none_or(in_range) {
        return Some(Reason::SpacingTooLarge);
    }
    if n_slices > limits::SERIES_INSTANCES_MAX
        || n_slices * n_rows * n_columns > limits::VOLUME_VOXELS_MAX
    {
        return Some(Reason::TooLarge);
    }
    (n_slices < limits::SERIES_SLICES_MIN).then_some(Reason::TooFewSlices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::PatientPoint;

    #[test]
    fn what_can_show_a_mass_is_screened() {
        let check = |spacing, shape, thickness, expected| {
            let grid = Geometry::axis_aligned(PatientPoint::default(), spacing, shape).unwrap();
            assert_eq!(refusal(&grid, thickness), expected);
        };
        let small = [8, 512, 512];
        check([6.0, 0.5, 0.5], small, None, None);
        check([6.1, 0.5, 0.5], small, None, Some(Reason::SpacingTooLarge));
        check([3.0, 7.0, 0.5], small, None, Some(Reason::SpacingTooLarge));
        check([3.0, 0.5, 0.5], small, Some(8.0), Some(Reason::SpacingTooLarge));
        check([3.0, 0.5, 0.5], [7, 512, 512], Some(3.0), Some(Reason::TooFewSlices));
        check([0.1, 0.5, 0.5], [4097, 64, 64], None, Some(Reason::TooLarge));
        check([0.1, 0.5, 0.5], [3000, 512, 512], None, Some(Reason::TooLarge));
    }

    #[test]
    fn tilted_is_axial_up_to_45_degrees() {
        let check = |degrees: f64, expected| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            assert_eq!(is_axial(&[0.0, sin, cos]), expected);
        };
        check(0.0, true);
        check(30.0, true);
        check(-44.0, true);
        check(46.0, false);
        check(180.0, true);
    }
}
