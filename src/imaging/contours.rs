//! Lines around the voxels of a mask, slice by slice, for whoever draws them.

use contour::ContourBuilder;

use super::Mask;

/// Closed lines around a slice's voxels, `[column, row]` from the outer corner of the first pixel.
#[must_use]
pub fn contours(mask: &Mask, slice: usize) -> Vec<Vec<[f32; 2]>> {
    let [_, n_rows, n_columns] = mask.shape();
    let voxels = mask.slice(slice);
    if voxels.iter().all(|&voxel| voxel == 0) {
        return Vec::new();
    }
    let values: Vec<f64> = voxels.iter().map(|&voxel| f64::from(voxel)).collect();
    let found = ContourBuilder::new(n_columns, n_rows, false)
        .contours(&values, &[0.5])
        .expect("as many values as the grid has");
    let polygons = found.iter().flat_map(|contour| &contour.geometry().0);
    let rings = polygons.flat_map(|it| std::iter::once(it.exterior()).chain(it.interiors()));
    #[allow(clippy::cast_possible_truncation, reason = "coordinates stay below 2^16")]
    let lines = rings.map(|ring| ring.coords().map(|at| [at.x as f32, at.y as f32]).collect());
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Geometry, PatientPoint};

    #[test]
    fn lines_run_around_the_voxels() {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [1.0; 3], [2, 6, 8]).unwrap();
        let mut mask = Mask::filled(grid, 0);
        for (row, column) in [(2, 3), (2, 4), (3, 3), (3, 4)] {
            let at = mask.offset([1, row, column]);
            mask.voxels_mut()[at] = 1;
        }
        assert!(contours(&mask, 0).is_empty());
        let lines = contours(&mask, 1);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        let sides = |axis: usize| {
            let values = lines[0].iter().map(|at| at[axis]);
            (values.clone().fold(f32::MAX, f32::min), values.fold(0.0, f32::max))
        };
        // Half a pixel around the centres, which lie at 3.5 and 4.5, 2.5 and 3.5.
        assert_eq!((sides(0), sides(1)), ((3.0, 5.0), (2.0, 4.0)));
    }
}
