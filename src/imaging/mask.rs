//! Sets of voxels.

use super::geometry::Geometry;
use super::geometry::{BoundingBox, PatientPoint};
use super::resample::resample;
use super::volume::Volume;

/// A set of voxels: 1 inside, 0 outside.
pub type Mask = Volume<u8>;

impl Mask {
    /// Number of voxels inside.
    #[must_use]
    pub fn n_inside(&self) -> usize {
        self.voxels().iter().filter(|&&v| v != 0).count()
    }

    /// Volume inside, mm3.
    #[must_use]
    pub fn mm3(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let n = self.n_inside() as f64;
        n * self.geometry().voxel_mm3()
    }

    /// Mean position of the voxels inside; `None` for an empty mask.
    #[must_use]
    pub fn centroid(&self) -> Option<PatientPoint> {
        centroid_of(self, |&v| v != 0)
    }

    /// Smallest box around the voxels inside; `None` for an empty mask.
    #[must_use]
    pub fn bounding_box(&self) -> Option<BoundingBox> {
        let mut found: Option<BoundingBox> = None;
        for (offset, _) in self.voxels().iter().enumerate().filter(|(_, v)| **v != 0) {
            let index = self.index_of(offset);
            found.get_or_insert(BoundingBox::of(index)).include(index);
        }
        found
    }

    /// The mask on another grid: a voxel is inside where at least half of it was.
    ///
    /// Only the part of the target near the mask is looked at: a mass is small in a whole head.
    #[must_use]
    pub fn on_grid(&self, target: &Geometry) -> Self {
        let mut on_target = Self::filled(*target, 0);
        let near = self.bounding_box().and_then(|inside| box_on(self.geometry(), &inside, target));
        let Some(near) = near else { return on_target };
        let part = resample(self, &target.cut(&near), 0.0);
        let n_columns = part.shape()[2];
        for (line, row) in part.voxels().chunks_exact(n_columns).enumerate() {
            let [slice, row_number, _] = part.index_of(line * n_columns);
            let start = [near.start[0] + slice, near.start[1] + row_number, near.start[2]];
            let start = on_target.offset(start);
            let out = &mut on_target.voxels_mut()[start..start + n_columns];
            for (voxel, &fraction) in out.iter_mut().zip(row) {
                *voxel = u8::from(fraction >= 0.5);
            }
        }
        on_target
    }
}

/// The target's voxels that a box of voxels, with one more all around, may reach into; `None` where it
/// lies outside the target.
fn box_on(grid: &Geometry, inside: &BoundingBox, target: &Geometry) -> Option<BoundingBox> {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for corner in 0..8_usize {
        #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
        let index = std::array::from_fn(|axis| {
            if corner >> axis & 1 == 1 {
                inside.end[axis] as f64
            } else {
                inside.start[axis] as f64 - 1.0
            }
        });
        let index = target.to_index(grid.to_patient(index));
        for axis in 0..3 {
            low[axis] = low[axis].min(index[axis]);
            high[axis] = high[axis].max(index[axis]);
        }
    }
    let mut found = BoundingBox { start: [0; 3], end: target.shape() };
    for axis in 0..3 {
        let side = target.shape()[axis];
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the grid"
        )]
        {
            found.start[axis] = (low[axis] - 1.0).floor().clamp(0.0, side as f64) as usize;
            found.end[axis] = (high[axis] + 2.0).ceil().clamp(0.0, side as f64) as usize;
        }
        if found.start[axis] >= found.end[axis] {
            return None;
        }
    }
    Some(found)
}

fn centroid_of<T>(volume: &Volume<T>, inside: impl Fn(&T) -> bool) -> Option<PatientPoint> {
    let mut sum = [0.0_f64; 3];
    let mut n = 0.0_f64;
    for (offset, value) in volume.voxels().iter().enumerate() {
        if inside(value) {
            #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
            for (total, index) in sum.iter_mut().zip(volume.index_of(offset)) {
                *total += index as f64;
            }
            n += 1.0;
        }
    }
    (n > 0.0).then(|| volume.geometry().to_patient(sum.map(|total| total / n)))
}

/// Overlap of two masks of one grid, 2|A and B| / (|A| + |B|) (Dice 1945); 1 where both are empty.
///
/// # Panics
/// When the masks differ in shape.
#[must_use]
pub fn dice(a: &Mask, b: &Mask) -> f64 {
    assert_eq!(a.shape(), b.shape(), "Dice compares masks of one grid");
    let both = a.voxels().iter().zip(b.voxels()).filter(|(p, q)| **p != 0 && **q != 0).count();
    let total = a.n_inside() + b.n_inside();
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    if total == 0 { 1.0 } else { 2.0 * both as f64 / total as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cube(start: usize, side: usize) -> Mask {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [2.0; 3], [10, 10, 10]).unwrap();
        let mut mask = Mask::filled(grid, 0);
        for offset in 0..1000 {
            let inside = mask.index_of(offset).iter().all(|&n| n >= start && n < start + side);
            mask.voxels_mut()[offset] = u8::from(inside);
        }
        mask
    }

    #[test]
    fn measures_of_a_cube() {
        let mask = cube(2, 3);
        assert_eq!(mask.n_inside(), 27);
        assert!((mask.mm3() - 216.0).abs() < 1e-9);
        assert_eq!(mask.centroid(), Some(PatientPoint::new(6.0, 6.0, 6.0)));
        assert_eq!(mask.bounding_box(), Some(BoundingBox { start: [2; 3], end: [5; 3] }));
        assert_eq!(cube(0, 0).centroid(), None);
    }

    #[test]
    fn dice_of_cubes() {
        assert!((dice(&cube(2, 3), &cube(2, 3)) - 1.0).abs() < 1e-12);
        assert!((dice(&cube(2, 2), &cube(3, 2)) - 2.0 / 16.0).abs() < 1e-12);
        assert!((dice(&cube(0, 0), &cube(0, 0)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn on_a_grid_the_part_near_the_mask_is_all_of_it() {
        let check = |origin: PatientPoint, steps: [[f64; 3]; 3]| {
            let target = Geometry::new(origin, steps, [24, 26, 28]).unwrap();
            let whole = resample(&cube(2, 4), &target, 0.0).map(|&part| u8::from(part >= 0.5));
            assert_eq!(cube(2, 4).on_grid(&target), whole);
            whole.n_inside()
        };
        let origin = PatientPoint::new(-3.0, -2.0, -1.0);
        assert!(check(origin, [[0.0, 0.0, 1.1], [0.0, 0.8, 0.0], [0.9, 0.0, 0.0]]) > 400);
        assert!(check(origin, [[0.0, 0.0, 5.0], [0.0, 0.8, 0.0], [0.9, 0.0, 0.0]]) > 60);
        // Sheared, mirrored, and away from the mask.
        let mirrored = PatientPoint::new(20.0, -8.0, -1.0);
        assert!(check(mirrored, [[0.0, 0.6, 1.1], [0.0, 0.8, 0.0], [-0.9, 0.0, 0.0]]) > 400);
        let away = PatientPoint::new(200.0, 0.0, 0.0);
        assert_eq!(check(away, [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), 0);
    }

    #[test]
    fn a_mask_keeps_its_volume_on_a_finer_grid() {
        let fine = Geometry::axis_aligned(PatientPoint::new(-0.5, -0.5, -0.5), [1.0; 3], [20; 3]);
        // Interpolation takes the eight corners off the cube of 216 mm3, nothing more.
        assert!((cube(2, 3).on_grid(&fine.unwrap()).mm3() - 208.0).abs() < 1e-9);
    }
}
