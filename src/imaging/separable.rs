//! Resampling between grids whose axes are parallel: one axis after the other.
//!
//! A mean of trilinear samples on a raster is then a product of three weighted means, so a voxel costs the
//! sum of the three and not their product. The first pass reads whole slices in order.

use rayon::prelude::*;

use super::volume::{Sample, Volume};

/// What one axis of the target takes from the same axis of the source.
pub(super) struct Axis {
    places: Vec<Place>,
}

/// One place on the target's axis.
struct Place {
    /// The first source index.
    first: usize,
    /// Weights from there on; they add up to `inside`.
    weights: Vec<f32>,
    /// Share of the samples that are inside the source.
    inside: f32,
}

impl Axis {
    /// `n` places, the first at the source index `start`, `step` apart, each the mean of `n_samples`
    /// spread over a step. A sample is inside up to half a voxel beyond the outermost centres.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "indices are far below 2^52, and clamped to the grid before they are cut"
    )]
    pub(super) fn new(len: usize, start: f64, step: f64, n: usize, n_samples: usize) -> Self {
        let last = (len - 1) as f64;
        let share = 1.0 / n_samples as f64;
        let place = |number: usize| {
            let inside: Vec<f64> = (0..n_samples)
                .map(|k| start + step * (number as f64 + (k as f64 + 0.5) * share - 0.5))
                .filter(|at| *at >= -0.5 && *at <= last + 0.5)
                .map(|at| at.clamp(0.0, last))
                .collect();
            let low = inside.iter().copied().fold(last, f64::min) as usize;
            let high = inside.iter().copied().fold(0.0, f64::max).ceil() as usize;
            let mut weights = vec![0.0_f64; if inside.is_empty() { 0 } else { high - low + 1 }];
            for at in &inside {
                let between = at - at.floor();
                weights[*at as usize - low] += (1.0 - between) * share;
                if between > 0.0 {
                    weights[*at as usize - low + 1] += between * share;
                }
            }
            Place {
                first: low,
                weights: weights.into_iter().map(|weight| weight as f32).collect(),
                inside: (inside.len() as f64 * share) as f32,
            }
        };
        Self { places: (0..n).map(place).collect() }
    }

    /// Source indices that any place takes something from.
    fn range(&self) -> std::ops::Range<usize> {
        let taking = || self.places.iter().filter(|place| !place.weights.is_empty());
        let first = taking().map(|place| place.first).min().unwrap_or(0);
        let end = taking().map(|place| place.first + place.weights.len()).max().unwrap_or(0);
        first..end
    }
}

impl Place {
    fn taps(&self) -> impl Iterator<Item = (usize, f32)> {
        self.weights.iter().enumerate().map(|(n, &weight)| (self.first + n, weight))
    }
}

/// The source at the places of all three axes, `[slice, row, column]`, column fastest.
pub(super) fn resample<T: Sample>(
    source: &Volume<T>,
    [slices, rows, columns]: &[Axis; 3],
    outside: f32,
) -> Vec<f32> {
    let [_, _, n_columns] = source.shape();
    let (used_rows, used) = (rows.range(), columns.range());
    let n_plane = rows.places.len() * columns.places.len();
    let mut voxels = vec![outside; slices.places.len() * n_plane];
    let each = |(slice, out): (&Place, &mut [f32])| {
        if slice.weights.is_empty() || used.is_empty() {
            return;
        }
        let mut plane = vec![0.0; used_rows.len() * used.len()];
        for (at, weight) in slice.taps() {
            let from = source.slice(at);
            for (row, sums) in used_rows.clone().zip(plane.chunks_exact_mut(used.len())) {
                let start = row * n_columns;
                add(sums, &from[start + used.start..start + used.end], weight);
            }
        }
        let mut line = vec![0.0; used.len()];
        for (row, out) in rows.places.iter().zip(out.chunks_exact_mut(columns.places.len())) {
            line.fill(0.0);
            for (at, weight) in row.taps() {
                add(&mut line, &plane[(at - used_rows.start) * used.len()..][..used.len()], weight);
            }
            for (column, value) in columns.places.iter().zip(out) {
                // A place that takes nothing may lie beyond the line.
                let near = line.get(column.first.saturating_sub(used.start)..).unwrap_or(&[]);
                let sum: f32 = column.weights.iter().zip(near).map(|(weight, v)| weight * v).sum();
                let inside = slice.inside * row.inside * column.inside;
                *value = sum + (1.0 - inside) * outside;
            }
        }
    };
    slices.places.par_iter().zip(voxels.par_chunks_mut(n_plane)).for_each(each);
    voxels
}

fn add<T: Sample>(sums: &mut [f32], values: &[T], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value.to_f32();
    }
}
