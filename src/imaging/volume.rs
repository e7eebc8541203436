//! A 3-D array with its geometry.

use super::geometry::{BoundingBox, Geometry};
use crate::units::Hounsfield;

/// A voxel value that can be interpolated.
pub trait Sample: Copy + Send + Sync {
    /// The value as a real number.
    fn to_f32(self) -> f32;
}

impl Sample for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

impl Sample for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}

impl Sample for Hounsfield {
    fn to_f32(self) -> f32 {
        Self::to_f32(self)
    }
}

/// Voxels in index order `[slice, row, column]`, column fastest, with their place in the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume<T> {
    geometry: Geometry,
    voxels: Vec<T>,
}

impl<T> Volume<T> {
    /// A volume, unless the number of voxels is not the geometry's.
    #[must_use]
    pub fn new(geometry: Geometry, voxels: Vec<T>) -> Option<Self> {
        (voxels.len() == geometry.n_voxels()).then_some(Self { geometry, voxels })
    }

    /// Where it is.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Voxels along `[slice, row, column]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.geometry.shape()
    }

    /// All voxels, column fastest.
    #[must_use]
    pub fn voxels(&self) -> &[T] {
        &self.voxels
    }

    /// All voxels, to change.
    pub fn voxels_mut(&mut self) -> &mut [T] {
        &mut self.voxels
    }

    /// Place of `[slice, row, column]` in [`Volume::voxels`].
    #[must_use]
    pub fn offset(&self, index: [usize; 3]) -> usize {
        let [_, n_rows, n_columns] = self.shape();
        (index[0] * n_rows + index[1]) * n_columns + index[2]
    }

    /// `[slice, row, column]` of a place in [`Volume::voxels`].
    #[must_use]
    pub fn index_of(&self, offset: usize) -> [usize; 3] {
        let [_, n_rows, n_columns] = self.shape();
        [offset / (n_rows * n_columns), offset / n_columns % n_rows, offset % n_columns]
    }

    /// The same grid with other values.
    #[must_use]
    pub fn map<U>(&self, value: impl Fn(&T) -> U) -> Volume<U> {
        Volume { geometry: self.geometry, voxels: self.voxels.iter().map(value).collect() }
    }
}

impl<T: Copy> Volume<T> {
    /// A volume of one value.
    #[must_use]
    pub fn filled(geometry: Geometry, value: T) -> Self {
        Self { geometry, voxels: vec![value; geometry.n_voxels()] }
    }

    /// The part inside a box of indices.
    ///
    /// # Panics
    /// When the box is empty or reaches beyond the grid.
    #[must_use]
    pub fn cut(&self, region: &BoundingBox) -> Self {
        let geometry = self.geometry.cut(region);
        let mut voxels = Vec::with_capacity(geometry.n_voxels());
        for slice in region.start[0]..region.end[0] {
            for row in region.start[1]..region.end[1] {
                let start = self.offset([slice, row, region.start[2]]);
                voxels.extend_from_slice(&self.voxels[start..start + geometry.shape()[2]]);
            }
        }
        Self { geometry, voxels }
    }

    /// The voxel at `[slice, row, column]`.
    ///
    /// # Panics
    /// When the index lies outside.
    #[must_use]
    pub fn at(&self, index: [usize; 3]) -> T {
        self.voxels[self.offset(index)]
    }

    /// One slice, rows one after the other.
    ///
    /// # Panics
    /// When there is no such slice.
    #[must_use]
    pub fn slice(&self, slice: usize) -> &[T] {
        let [_, n_rows, n_columns] = self.shape();
        &self.voxels[slice * n_rows * n_columns..(slice + 1) * n_rows * n_columns]
    }
}

impl<T: Sample> Volume<T> {
    /// Trilinear value at a fractional index; `None` outside the hull of the voxel centres,
    /// with half a voxel of grace at the border, where the border value holds.
    #[must_use]
    pub fn interpolate(&self, index: [f64; 3]) -> Option<f32> {
        let shape = self.shape();
        let mut low = [0_usize; 3];
        let mut high = [0_usize; 3];
        let mut weight = [0.0_f32; 3];
        for axis in 0..3 {
            #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
            let last = (shape[axis] - 1) as f64;
            if !(index[axis] >= -0.5 && index[axis] <= last + 0.5) {
                return None;
            }
            let clamped = index[axis].clamp(0.0, last);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to the grid"
            )]
            {
                low[axis] = clamped as usize;
                weight[axis] = (clamped - clamped.floor()) as f32;
            }
            high[axis] = (low[axis] + 1).min(shape[axis] - 1);
        }
        let at = |slice: usize, row: usize| {
            let start = self.offset([slice, row, 0]);
            let [a, b] =
                [self.voxels[start + low[2]].to_f32(), self.voxels[start + high[2]].to_f32()];
            a + (b - a) * weight[2]
        };
        let plane = |slice: usize| {
            let [a, b] = [at(slice, low[1]), at(slice, high[1])];
            a + (b - a) * weight[1]
        };
        let [a, b] = [plane(low[0]), plane(high[0])];
        Some(a + (b - a) * weight[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::PatientPoint;

    fn ramp() -> Volume<f32> {
        let grid =
            Geometry::axis_aligned(PatientPoint::default(), [1.0, 1.0, 1.0], [2, 3, 4]).unwrap();
        Volume::new(grid, (0..24_u8).map(f32::from).collect()).unwrap()
    }

    #[test]
    fn interpolation_is_linear_between_centres_and_none_outside() {
        let check = |index, value| assert_eq!(ramp().interpolate(index), value);
        check([0.0, 0.0, 0.0], Some(0.0));
        check([0.5, 0.5, 0.5], Some(6.0 + 2.0 + 0.5));
        check([1.0, 2.0, 3.4], Some(23.0));
        check([1.0, 2.0, 3.6], None);
        check([f64::NAN, 0.0, 0.0], None);
    }

    #[test]
    fn a_cut_keeps_values_at_their_places() {
        let part = ramp().cut(&BoundingBox { start: [1, 0, 2], end: [2, 3, 4] });
        assert_eq!(part.voxels(), [14.0, 15.0, 18.0, 19.0, 22.0, 23.0]);
        assert_eq!(part.geometry().origin(), PatientPoint::new(2.0, 0.0, 1.0));
    }

    #[test]
    fn offset_and_index_are_inverse() {
        let volume = ramp();
        for offset in 0..24 {
            assert_eq!(volume.offset(volume.index_of(offset)), offset);
        }
    }
}
