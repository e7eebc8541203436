//! A volume on another grid.

use rayon::prelude::*;

use super::geometry::{Geometry, norm};
use super::volume::{Sample, Volume};

/// Most samples taken for one target voxel along one axis. Five cover 5 mm from 1 mm.
const SUBSAMPLES_MAX: usize = 5;

/// Samples `source` at the voxels of `target`; `outside` stands where the source has nothing.
///
/// Each target voxel is the mean of trilinear samples spread over its extent, as many along each axis
/// as source voxels fit in (at most five), so going to a coarser grid averages instead of skipping
/// noise, and going to a finer one interpolates. The source may be sheared or mirrored: only its
/// affine is used, which is how gantry tilt is undone.
#[must_use]
pub fn resample<T: Sample>(source: &Volume<T>, target: &Geometry, outside: f32) -> Volume<f32> {
    let offsets = subsample_offsets(source.geometry(), target);
    let [_, n_rows, n_columns] = target.shape();
    let mut voxels = vec![outside; target.n_voxels()];
    // A column step is the same everywhere, so positions along a row are sums, not products.
    let column_step = index_step(source.geometry(), target, 2);
    #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
    voxels.par_chunks_mut(n_columns).enumerate().for_each(|(line, out)| {
        let start = [(line / n_rows) as f64, (line % n_rows) as f64, 0.0];
        let row_start = source.geometry().to_index(target.to_patient(start));
        for (column, value) in out.iter_mut().enumerate() {
            let n = column as f64;
            let center: [f64; 3] = std::array::from_fn(|a| row_start[a] + n * column_step[a]);
            *value = mean_at(source, center, &offsets, outside);
        }
    });
    Volume::new(*target, voxels).expect("one value was made for each voxel of the target")
}

fn mean_at<T: Sample>(
    source: &Volume<T>,
    center: [f64; 3],
    offsets: &[[f64; 3]],
    outside: f32,
) -> f32 {
    let mut sum = 0.0;
    for offset in offsets {
        let index = std::array::from_fn(|axis| center[axis] + offset[axis]);
        sum += source.interpolate(index).unwrap_or(outside);
    }
    #[allow(clippy::cast_precision_loss, reason = "at most 125")]
    let n = offsets.len() as f32;
    sum / n
}

/// Change of the source index for one step of the target along `axis`.
fn index_step(source: &Geometry, target: &Geometry, axis: usize) -> [f64; 3] {
    let mut unit = [0.0; 3];
    unit[axis] = 1.0;
    let [from, to] =
        [source.to_index(target.to_patient([0.0; 3])), source.to_index(target.to_patient(unit))];
    std::array::from_fn(|a| to[a] - from[a])
}

/// Where to sample around a target voxel's centre, as source index offsets.
fn subsample_offsets(source: &Geometry, target: &Geometry) -> Vec<[f64; 3]> {
    let steps: [[f64; 3]; 3] = std::array::from_fn(|axis| index_step(source, target, axis));
    let counts = steps.map(|step| {
        // The slack keeps 1.0000001 source voxels from doubling the work.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number, bounded on the next line"
        )]
        let n = (norm(&step) - 0.05).ceil().max(1.0) as usize;
        n.min(SUBSAMPLES_MAX)
    });
    let mut offsets = Vec::with_capacity(counts.iter().product());
    for k in 0..counts[0] {
        for j in 0..counts[1] {
            for i in 0..counts[2] {
                #[allow(clippy::cast_precision_loss, reason = "at most 5")]
                let at: [f64; 3] = std::array::from_fn(|axis| {
                    (([k, j, i][axis] as f64) + 0.5) / counts[axis] as f64 - 0.5
                });
                offsets.push(std::array::from_fn(|a| (0..3).map(|s| at[s] * steps[s][a]).sum()));
            }
        }
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::PatientPoint;

    /// A volume whose value is a linear function of the patient position.
    fn linear(grid: Geometry) -> Volume<f32> {
        let values = (0..grid.n_voxels()).map(|offset| {
            let [_, rows, columns] = grid.shape();
            let index = [offset / (rows * columns), offset / columns % rows, offset % columns];
            value_at(grid.to_patient(index.map(|n| n as f64)))
        });
        Volume::new(grid, values.collect()).unwrap()
    }

    fn value_at(point: PatientPoint) -> f32 {
        (2.0 * point.x - 3.0 * point.y + 0.5 * point.z) as f32
    }

    #[test]
    fn a_linear_field_survives_shear_mirror_and_any_spacing() {
        let check = |steps: [[f64; 3]; 3], spacing: [f64; 3]| {
            let source =
                linear(Geometry::new(PatientPoint::default(), steps, [40, 40, 40]).unwrap());
            let middle = source.geometry().to_patient([20.0, 20.0, 20.0]);
            let target = Geometry::axis_aligned(middle, spacing, [3, 3, 3]).unwrap();
            let out = resample(&source, &target, -1000.0);
            for offset in 0..27 {
                let expected = value_at(target.to_patient(out.index_of(offset).map(|n| n as f64)));
                assert!((out.voxels()[offset] - expected).abs() < 1e-3);
            }
        };
        let straight = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
        let tilted = [[0.0, 0.35, 1.0], [0.0, 0.5, 0.0], [0.5, 0.0, 0.0]];
        let mirrored = [[0.0, 0.0, -2.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]];
        for steps in [straight, tilted, mirrored] {
            check(steps, [1.0, 1.0, 1.0]);
            check(steps, [2.5, 2.0, -1.5]);
            check(steps, [0.3, 0.3, 0.3]);
        }
    }

    #[test]
    fn outside_is_filled() {
        let source = linear(
            Geometry::axis_aligned(PatientPoint::default(), [1.0, 1.0, 1.0], [4, 4, 4]).unwrap(),
        );
        let target =
            Geometry::axis_aligned(PatientPoint::new(50.0, 0.0, 0.0), [1.0; 3], [2, 2, 2]).unwrap();
        assert!(resample(&source, &target, -1024.0).voxels().iter().all(|&v| v == -1024.0));
    }

    #[test]
    fn a_coarser_grid_averages() {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [1.0; 3], [8, 8, 8]).unwrap();
        let checker = Volume::new(
            grid,
            (0..512_usize).map(|o| ((o / 64 + o / 8 % 8 + o % 8) % 2) as f32).collect(),
        )
        .unwrap();
        let target =
            Geometry::axis_aligned(PatientPoint::new(2.5, 2.5, 2.5), [2.0; 3], [1, 1, 1]).unwrap();
        let mean = resample(&checker, &target, 0.0).at([0, 0, 0]);
        assert!((mean - 0.5).abs() < 1e-6);
    }
}
