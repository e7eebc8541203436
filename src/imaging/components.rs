//! Connected components of a mask.

use super::geometry::{BoundingBox, PatientPoint};
use super::mask::Mask;

/// Voxels that touch by a face, an edge or a corner (26-connected).
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Places in the mask's voxels, ascending.
    pub offsets: Vec<usize>,
    /// Smallest box around it.
    pub bounding_box: BoundingBox,
    /// Mean position.
    pub centroid: PatientPoint,
}

impl Component {
    /// Number of voxels.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.offsets.len()
    }
}

/// All components, largest first; equal sizes by their first voxel, so the order is always the same.
#[must_use]
pub fn connected_components(mask: &Mask) -> Vec<Component> {
    let mut seen: Vec<bool> = mask.voxels().iter().map(|&v| v == 0).collect();
    let mut found = Vec::new();
    for start in 0..seen.len() {
        if !seen[start] {
            found.push(describe(mask, flood(mask, &mut seen, start)));
        }
    }
    found.sort_by_key(|component: &Component| {
        (std::cmp::Reverse(component.n_voxels()), component.offsets[0])
    });
    found
}

fn flood(mask: &Mask, seen: &mut [bool], start: usize) -> Vec<usize> {
    let shape = mask.shape();
    let mut offsets = vec![start];
    seen[start] = true;
    let mut next = 0;
    while next < offsets.len() {
        let index = mask.index_of(offsets[next]);
        next += 1;
        let around =
            |axis: usize| index[axis].saturating_sub(1)..(index[axis] + 2).min(shape[axis]);
        for slice in around(0) {
            for row in around(1) {
                for column in around(2) {
                    let neighbor = mask.offset([slice, row, column]);
                    if !seen[neighbor] {
                        seen[neighbor] = true;
                        offsets.push(neighbor);
                    }
                }
            }
        }
    }
    offsets.sort_unstable();
    offsets
}

fn describe(mask: &Mask, offsets: Vec<usize>) -> Component {
    let mut bounding_box = BoundingBox::of(mask.index_of(offsets[0]));
    let mut sum = [0.0_f64; 3];
    for &offset in &offsets {
        let index = mask.index_of(offset);
        bounding_box.include(index);
        #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
        for (total, n) in sum.iter_mut().zip(index) {
            *total += n as f64;
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let n = offsets.len() as f64;
    let centroid = mask.geometry().to_patient(sum.map(|total| total / n));
    Component { offsets, bounding_box, centroid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Geometry;
    use proptest::prelude::*;

    fn mask(inside: &[[usize; 3]], shape: [usize; 3]) -> Mask {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [1.0; 3], shape).unwrap();
        let mut mask = Mask::filled(grid, 0);
        for &index in inside {
            let offset = mask.offset(index);
            mask.voxels_mut()[offset] = 1;
        }
        mask
    }

    #[test]
    fn corners_touch_and_gaps_part() {
        let check = |inside: &[[usize; 3]], sizes: &[usize]| {
            let found = connected_components(&mask(inside, [5, 5, 5]));
            assert_eq!(found.iter().map(Component::n_voxels).collect::<Vec<_>>(), sizes);
        };
        check(&[], &[]);
        check(&[[0, 0, 0], [1, 1, 1]], &[2]);
        check(&[[0, 0, 0], [2, 2, 2], [2, 2, 3]], &[2, 1]);
        check(&[[0, 0, 4], [0, 1, 0]], &[1, 1]);
    }

    proptest! {
        #[test]
        fn every_voxel_is_in_exactly_one_component(bits in prop::collection::vec(any::<bool>(), 125)) {
            let mut volume = mask(&[], [5, 5, 5]);
            for (voxel, bit) in volume.voxels_mut().iter_mut().zip(&bits) {
                *voxel = u8::from(*bit);
            }
            let mut all: Vec<usize> =
                connected_components(&volume).into_iter().flat_map(|c| c.offsets).collect();
            all.sort_unstable();
            let expected: Vec<usize> = (0..125).filter(|&n| bits[n]).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
