//! Where a voxel is in the patient.

use serde::{Deserialize, Serialize};

/// A point in DICOM patient coordinates (LPS), millimetres. Serialized as `[x, y, z]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "[f64; 3]", into = "[f64; 3]")]
pub struct PatientPoint {
    /// Grows to the patient's left.
    pub x: f64,
    /// Grows to posterior.
    pub y: f64,
    /// Grows to superior.
    pub z: f64,
}

impl PatientPoint {
    /// A point from its LPS coordinates.
    #[must_use]
    pub fn new(x: f64, y: f64, z: f64) -> Self {
        Self { x, y, z }
    }

    /// Distance to another point, mm.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        let [a, b]: [[f64; 3]; 2] = [self.into(), other.into()];
        a.iter().zip(b).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt()
    }
}

impl From<[f64; 3]> for PatientPoint {
    fn from([x, y, z]: [f64; 3]) -> Self {
        Self { x, y, z }
    }
}

impl From<PatientPoint> for [f64; 3] {
    fn from(point: PatientPoint) -> Self {
        [point.x, point.y, point.z]
    }
}

/// Half-open box of voxel indices, `[slice, row, column]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundingBox {
    /// First index inside.
    pub start: [usize; 3],
    /// First index past the end.
    pub end: [usize; 3],
}

impl BoundingBox {
    /// The box of one voxel.
    #[must_use]
    pub fn of(index: [usize; 3]) -> Self {
        Self { start: index, end: index.map(|n| n + 1) }
    }

    /// Grows until `index` is inside.
    pub fn include(&mut self, index: [usize; 3]) {
        for (axis, n) in index.into_iter().enumerate() {
            self.start[axis] = self.start[axis].min(n);
            self.end[axis] = self.end[axis].max(n + 1);
        }
    }

    /// Number of voxels along each axis.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.end[axis] - self.start[axis])
    }
}

/// Affine from voxel index `[slice, row, column]` to patient space, and the grid's shape.
///
/// `steps[axis]` is the LPS vector in mm from one voxel centre to the next along that index axis.
/// The three need not be orthogonal (a tilted gantry shears the slice axis) nor right-handed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    origin: [f64; 3],
    steps: [[f64; 3]; 3],
    inverse: [[f64; 3]; 3],
    shape: [usize; 3],
}

impl Geometry {
    /// A grid, unless its steps span no volume, are not finite, or the shape has a zero.
    #[must_use]
    pub fn new(origin: PatientPoint, steps: [[f64; 3]; 3], shape: [usize; 3]) -> Option<Self> {
        let inverse = invert(&steps)?;
        let origin: [f64; 3] = origin.into();
        let finite = origin.iter().chain(steps.iter().flatten()).all(|value| value.is_finite());
        (finite && shape.iter().all(|&n| n > 0)).then_some(Self { origin, steps, inverse, shape })
    }

    /// A grid along the patient's axes: slices to superior, rows to posterior, columns to the left.
    /// `spacing_mm` is `[slice, row, column]`; a negative one mirrors that axis.
    #[must_use]
    pub fn axis_aligned(
        origin: PatientPoint,
        spacing_mm: [f64; 3],
        shape: [usize; 3],
    ) -> Option<Self> {
        let [dz, dy, dx] = spacing_mm;
        Self::new(origin, [[0.0, 0.0, dz], [0.0, dy, 0.0], [dx, 0.0, 0.0]], shape)
    }

    /// Voxels along `[slice, row, column]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of voxels.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// LPS vector of one step along each index axis, mm.
    #[must_use]
    pub fn steps(&self) -> [[f64; 3]; 3] {
        self.steps
    }

    /// Centre of voxel `[0, 0, 0]`.
    #[must_use]
    pub fn origin(&self) -> PatientPoint {
        self.origin.into()
    }

    /// Distance between voxel centres along each index axis, mm.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.steps.map(|step| norm(&step))
    }

    /// Volume of one voxel, mm3 (the determinant, so right for sheared grids too).
    #[must_use]
    pub fn voxel_mm3(&self) -> f64 {
        determinant(&self.steps).abs()
    }

    /// Patient position of a (fractional) index.
    #[must_use]
    pub fn to_patient(&self, index: [f64; 3]) -> PatientPoint {
        let mut point = self.origin;
        for (step, n) in self.steps.iter().zip(index) {
            for (coordinate, delta) in point.iter_mut().zip(step) {
                *coordinate += n * delta;
            }
        }
        point.into()
    }

    /// Fractional index of a patient position; outside the grid it is negative or past the end.
    #[must_use]
    pub fn to_index(&self, point: PatientPoint) -> [f64; 3] {
        let point: [f64; 3] = point.into();
        let offset: [f64; 3] = std::array::from_fn(|i| point[i] - self.origin[i]);
        std::array::from_fn(|axis| dot(&self.inverse[axis], &offset))
    }

    /// The same lattice cut to a box of indices.
    ///
    /// # Panics
    /// When the box is empty or reaches beyond the grid.
    #[must_use]
    pub fn cut(&self, region: &BoundingBox) -> Self {
        assert!(
            (0..3).all(|a| region.start[a] < region.end[a] && region.end[a] <= self.shape[a]),
            "the box lies inside the grid"
        );
        #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
        let origin = self.to_patient(region.start.map(|n| n as f64));
        Self { origin: origin.into(), shape: region.shape(), ..*self }
    }

    /// Axis-aligned extent of all voxel centres in patient space: least and largest corner.
    #[must_use]
    pub fn extent(&self) -> (PatientPoint, PatientPoint) {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for corner in 0..8_usize {
            #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
            let index = std::array::from_fn(|axis| {
                if corner >> axis & 1 == 1 { (self.shape[axis] - 1) as f64 } else { 0.0 }
            });
            let point: [f64; 3] = self.to_patient(index).into();
            for axis in 0..3 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        (low.into(), high.into())
    }
}

/// Scalar product.
#[must_use]
pub fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(p, q)| p * q).sum()
}

/// Cross product.
#[must_use]
pub fn cross(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Length of a vector.
#[must_use]
pub fn norm(a: &[f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

fn determinant(rows: &[[f64; 3]; 3]) -> f64 {
    dot(&rows[0], &cross(&rows[1], &rows[2]))
}

/// Inverse of `point = sum of index[axis] * rows[axis]`, as rows that map an offset to an index.
fn invert(rows: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    const VOLUME_MM3_MIN: f64 = 1e-9;
    let volume = determinant(rows);
    if !volume.is_finite() || volume.abs() < VOLUME_MM3_MIN {
        return None;
    }
    Some([
        cross(&rows[1], &rows[2]).map(|value| value / volume),
        cross(&rows[2], &rows[0]).map(|value| value / volume),
        cross(&rows[0], &rows[1]).map(|value| value / volume),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axis_aligned_grid_maps_columns_to_the_left() {
        let grid = Geometry::axis_aligned(
            PatientPoint::new(-10.0, -20.0, 5.0),
            [2.0, 0.5, 0.5],
            [3, 4, 5],
        )
        .unwrap();
        assert_eq!(grid.to_patient([1.0, 2.0, 4.0]), PatientPoint::new(-8.0, -19.0, 7.0));
        assert!((grid.voxel_mm3() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn flat_or_empty_grids_are_refused() {
        let origin = PatientPoint::default();
        assert!(Geometry::axis_aligned(origin, [0.0, 1.0, 1.0], [2, 2, 2]).is_none());
        assert!(Geometry::axis_aligned(origin, [f64::NAN, 1.0, 1.0], [2, 2, 2]).is_none());
        assert!(Geometry::axis_aligned(origin, [1.0, 1.0, 1.0], [2, 0, 2]).is_none());
    }

    proptest! {
        #[test]
        fn index_and_patient_are_inverse(
            shear in -2.0..2.0_f64, spacing in 0.3..6.0_f64, index in prop::array::uniform3(-50.0..400.0_f64),
        ) {
            let steps = [[0.0, shear, spacing], [0.0, 0.5, 0.02], [-0.7, 0.0, 0.01]];
            let grid = Geometry::new(PatientPoint::new(3.0, -7.0, 900.0), steps, [9, 9, 9]).unwrap();
            let back = grid.to_index(grid.to_patient(index));
            for axis in 0..3 {
                prop_assert!((back[axis] - index[axis]).abs() < 1e-8);
            }
        }
    }
}
