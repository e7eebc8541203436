//! A volume on another grid.

use rayon::prelude::*;

use super::geometry::{Geometry, norm};
use super::separable::{self, Axis};
use super::volume::{Sample, Volume};

/// Most samples taken for one target voxel along one axis. Five cover 5 mm from 1 mm.
const SUBSAMPLES_MAX: usize = 5;

/// Source voxels that an axis may stray from its own over the whole target and still be parallel to it.
const STRAY_MAX: f64 = 1e-3;

/// Samples `source` at the voxels of `target`; `outside` stands where the source has nothing.
///
/// Each target voxel is the mean of trilinear samples spread over its extent, as many along each axis
/// as source voxels fit in (at most five), so going to a coarser grid averages instead of skipping
/// noise, and going to a finer one interpolates. The source may be sheared or mirrored: only its
/// affine is used, which is how gantry tilt is undone.
#[must_use]
pub fn resample<T: Sample>(source: &Volume<T>, target: &Geometry, outside: f32) -> Volume<f32> {
    let raster = Raster::new(source.geometry(), target);
    let voxels = match raster.axes(source.shape(), target.shape()) {
        Some(axes) => separable::resample(source, &axes, outside),
        None => raster.resample(source, target, outside),
    };
    Volume::new(*target, voxels).expect("one value was made for each voxel of the target")
}

/// Where samples are taken, as source indices.
struct Raster {
    /// Of the target's first voxel.
    start: [f64; 3],
    /// Of one step along each axis of the target.
    steps: [[f64; 3]; 3],
    /// Samples a step.
    counts: [usize; 3],
}

impl Raster {
    fn new(source: &Geometry, target: &Geometry) -> Self {
        let start = source.to_index(target.to_patient([0.0; 3]));
        let steps = std::array::from_fn(|axis| {
            let mut unit = [0.0; 3];
            unit[axis] = 1.0;
            let to = source.to_index(target.to_patient(unit));
            std::array::from_fn(|a| to[a] - start[a])
        });
        let counts = steps.map(|step: [f64; 3]| {
            // The slack keeps 1.0000001 source voxels from doubling the work.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a small positive number, bounded on the next line"
            )]
            let n = (norm(&step) - 0.05).ceil().max(1.0) as usize;
            n.min(SUBSAMPLES_MAX)
        });
        Self { start, steps, counts }
    }

    /// Each axis by itself; `None` where one is not parallel to its own of the source.
    #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
    fn axes(&self, from: [usize; 3], to: [usize; 3]) -> Option<[Axis; 3]> {
        let strays = |axis: usize, other: usize| {
            other != axis && (self.steps[axis][other] * to[axis] as f64).abs() > STRAY_MAX
        };
        let parallel = (0..3).all(|axis| !(0..3).any(|other| strays(axis, other)));
        parallel.then(|| {
            std::array::from_fn(|a| {
                Axis::new(from[a], self.start[a], self.steps[a][a], to[a], self.counts[a])
            })
        })
    }

    /// Samples each voxel of the target in all three axes at once.
    #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
    fn resample<T: Sample>(&self, source: &Volume<T>, target: &Geometry, outside: f32) -> Vec<f32> {
        let offsets = self.offsets();
        let [_, n_rows, n_columns] = target.shape();
        let mut voxels = vec![outside; target.n_voxels()];
        // A column step is the same everywhere, so positions along a row are sums, not products.
        let column_step = self.steps[2];
        voxels.par_chunks_mut(n_columns).enumerate().for_each(|(line, out)| {
            let start = [(line / n_rows) as f64, (line % n_rows) as f64, 0.0];
            let row_start = source.geometry().to_index(target.to_patient(start));
            for (column, value) in out.iter_mut().enumerate() {
                let n = column as f64;
                let center: [f64; 3] = std::array::from_fn(|a| row_start[a] + n * column_step[a]);
                *value = mean_at(source, center, &offsets, outside);
            }
        });
        voxels
    }

    /// Where to sample around a target voxel's centre.
    fn offsets(&self) -> Vec<[f64; 3]> {
        let [n_slices, n_rows, n_columns] = self.counts;
        let mut offsets = Vec::with_capacity(n_slices * n_rows * n_columns);
        for k in 0..n_slices {
            for j in 0..n_rows {
                for i in 0..n_columns {
                    #[allow(clippy::cast_precision_loss, reason = "at most 5")]
                    let at: [f64; 3] = std::array::from_fn(|axis| {
                        (([k, j, i][axis] as f64) + 0.5) / self.counts[axis] as f64 - 0.5
                    });
                    offsets.push(std::array::from_fn(|a| {
                        (0..3).map(|s| at[s] * self.steps[s][a]).sum()
                    }));
                }
            }
        }
        offsets
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn one_axis_after_the_other_is_the_same_as_all_at_once(
            spacing in prop::array::uniform3(0.3..6.0_f64), flips: [bool; 3],
            start in prop::array::uniform3(-6.0..6.0_f64), seed: u64,
        ) {
            let grid = Geometry::axis_aligned(PatientPoint::default(), [1.0, 0.5, 0.7], [9, 11, 13]);
            let noise = |n: usize| {
                (seed ^ n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as f32 / 2.0_f32.powi(54)
            };
            let source = Volume::new(grid.unwrap(), (0..9 * 11 * 13).map(noise).collect()).unwrap();
            let steps = std::array::from_fn(|axis| {
                // Patient axes are x, y, z, grid axes slice, row, column.
                let mut step = [0.0; 3];
                step[2 - axis] = spacing[axis] * if flips[axis] { -1.0 } else { 1.0 };
                step
            });
            let target = Geometry::new(start.into(), steps, [4, 5, 6]).unwrap();
            let raster = Raster::new(source.geometry(), &target);
            let axes = raster.axes(source.shape(), target.shape()).expect("parallel axes");
            let found = separable::resample(&source, &axes, -1000.0);
            let expected = raster.resample(&source, &target, -1000.0);
            for (a, b) in found.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 0.02, "{a} for {b}");
            }
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
