//! Closed contours to voxels: outlines that were drawn slice by slice, as in an RT Structure Set
//! (DICOM PS3.3 C.8.8.6).
//!
//! ```text
//!  contours, LPS mm --affine--> polygons in slices --even-odd--> voxels
//! ```

use std::ops::Range;

use super::geometry::{Geometry, PatientPoint};
use super::mask::Mask;
use crate::error::{Dispose, Disposition};

/// How far a contour's points may lie from their common slice, in slices. Two decimals of a
/// millimetre, the coarsest seen, are 0.02 of thin slices.
const OUT_OF_PLANE_MAX: f64 = 0.25;
/// How near to a contour a voxel's centre counts as on it, in voxels.
const ON_CONTOUR: f64 = 0.02;
/// Contours farther apart than this are two parts and not an outline drawn on every other slice, mm.
const CONTOUR_DISTANCE_MM_MAX: f64 = 6.0;
/// Rounding, in slices.
const ROUNDING: f64 = 1e-3;

/// Contours that outline nothing on a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContourError {
    /// The contour's points do not lie in one slice of the grid.
    #[error("contour {0} does not lie in a slice of the CT; export it on that series' slices")]
    OutOfPlane(usize),
}

impl Dispose for ContourError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// The voxels that closed contours surround.
///
/// A voxel is inside where its centre is surrounded by an odd number of the contours of its slice, so
/// that a contour in another one is a hole, or where its centre lies on a contour: programs that trace
/// masks put the points onto the outermost voxels. A contour between two slices belongs to the nearer
/// one, and an outline on every other slice fills those between, half the way each. Points are indices
/// first and compared then, so a tilted gantry changes nothing. Contours outside the grid are cut.
///
/// # Errors
/// When the points of a contour are not finite or not in one slice.
pub fn fill_contours(
    contours: &[Vec<PatientPoint>],
    grid: &Geometry,
) -> Result<Mask, ContourError> {
    let planes = to_planes(contours, grid)?;
    let mut mask = Mask::filled(*grid, 0);
    let [n_slices, n_rows, n_columns] = grid.shape();
    for slice in 0..n_slices {
        if let Some(plane) = plane_of(&planes, slice, grid.spacing_mm()[0]) {
            let n_pixels = n_rows * n_columns;
            let voxels = &mut mask.voxels_mut()[slice * n_pixels..][..n_pixels];
            Raster { voxels, n_rows, n_columns }.fill(&plane.polygons);
        }
    }
    Ok(mask)
}

/// A point of a slice in voxels, `[row, column]`.
type Point = [f64; 2];

/// All polygons of one plane.
struct Plane {
    /// Where it is, in slices from the first.
    slice: f64,
    polygons: Vec<Vec<Point>>,
}

/// The planes that have contours, from the first slice on.
fn to_planes(contours: &[Vec<PatientPoint>], grid: &Geometry) -> Result<Vec<Plane>, ContourError> {
    let mut placed = Vec::with_capacity(contours.len());
    for (number, contour) in contours.iter().enumerate() {
        let indices: Vec<[f64; 3]> = contour.iter().map(|point| grid.to_index(*point)).collect();
        let Some(first) = indices.first() else { continue };
        let (low, high) = indices
            .iter()
            .fold((first[0], first[0]), |(low, high), at| (low.min(at[0]), high.max(at[0])));
        let finite = indices.iter().flatten().all(|value| value.is_finite());
        if !finite || high - low > OUT_OF_PLANE_MAX {
            return Err(ContourError::OutOfPlane(number));
        }
        let polygon: Vec<Point> = indices.iter().map(|[_, row, column]| [*row, *column]).collect();
        placed.push((f64::midpoint(low, high), polygon));
    }
    placed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut planes: Vec<Plane> = Vec::new();
    for (slice, polygon) in placed {
        match planes.last_mut() {
            Some(plane) if slice - plane.slice <= OUT_OF_PLANE_MAX => plane.polygons.push(polygon),
            _ => planes.push(Plane { slice, polygons: vec![polygon] }),
        }
    }
    Ok(planes)
}

/// The plane that a slice is filled from: the nearest of those that reach it.
fn plane_of(planes: &[Plane], slice: usize, slice_mm: f64) -> Option<&Plane> {
    let distances = planes.windows(2).map(|pair| pair[1].slice - pair[0].slice);
    let distance = distances.fold(f64::INFINITY, f64::min);
    let regular = distance * slice_mm <= CONTOUR_DISTANCE_MM_MAX;
    let reach = if regular { (distance / 2.0).max(0.5) } else { 0.5 };
    #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
    let from_plane = |plane: &Plane| slice as f64 - plane.slice;
    // Half open, so that what lies in the middle between two slices fills one of them.
    let reached = (-reach - ROUNDING)..(reach - ROUNDING);
    planes
        .iter()
        .filter(|plane| reached.contains(&from_plane(plane)))
        .min_by(|a, b| from_plane(a).abs().total_cmp(&from_plane(b).abs()))
}

/// One slice of the mask.
struct Raster<'a> {
    voxels: &'a mut [u8],
    n_rows: usize,
    n_columns: usize,
}

impl Raster<'_> {
    fn fill(&mut self, polygons: &[Vec<Point>]) {
        let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); self.n_rows];
        for polygon in polygons {
            let next = polygon.iter().cycle().skip(1);
            for (&from, &to) in polygon.iter().zip(next) {
                self.cross_rows(from, to, &mut crossings);
                self.mark_edge(from, to);
            }
        }
        for (row, columns) in crossings.iter_mut().enumerate() {
            columns.sort_by(f64::total_cmp);
            for pair in columns.chunks_exact(2) {
                let inside = whole_numbers(pair[0], pair[1], self.n_columns);
                self.voxels[row * self.n_columns..][inside].fill(1);
            }
        }
    }

    /// Notes where an edge crosses the rows. It has its upper end and not its lower one, so that a
    /// point shared by two edges is crossed once.
    fn cross_rows(&self, from: Point, to: Point, crossings: &mut [Vec<f64>]) {
        let [upper, lower] = if from[0] <= to[0] { [from, to] } else { [to, from] };
        for row in whole_numbers(upper[0], lower[0], self.n_rows) {
            #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
            let share = (row as f64 - upper[0]) / (lower[0] - upper[0]);
            crossings[row].push(upper[1] + share * (lower[1] - upper[1]));
        }
    }

    /// Marks the voxels whose centres lie on an edge.
    fn mark_edge(&mut self, from: Point, to: Point) {
        // Along the axis on which it is longer, so that at most one voxel a step is on it.
        let along = usize::from((to[1] - from[1]).abs() > (to[0] - from[0]).abs());
        let [start, end] = if from[along] <= to[along] { [from, to] } else { [to, from] };
        let [n_along, n_across] =
            [[self.n_rows, self.n_columns], [self.n_columns, self.n_rows]][along];
        let length = end[along] - start[along];
        for step in whole_numbers(start[along] - ON_CONTOUR, end[along] + ON_CONTOUR, n_along) {
            #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
            let share = ((step as f64 - start[along]) / length).clamp(0.0, 1.0);
            // A single point has no length.
            let share = if share.is_nan() { 0.0 } else { share };
            let at = start[1 - along] + share * (end[1 - along] - start[1 - along]);
            let across = whole_numbers(at - ON_CONTOUR, at + ON_CONTOUR, n_across);
            for across in across {
                let [row, column] = [[step, across], [across, step]][along];
                self.voxels[row * self.n_columns + column] = 1;
            }
        }
    }
}

/// The whole numbers from `start` up to below `end` that are below `n`.
fn whole_numbers(start: f64, end: f64, n: usize) -> Range<usize> {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=n"
    )]
    let clamp = |value: f64| value.ceil().clamp(0.0, n as f64) as usize;
    clamp(start)..clamp(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPE: [usize; 3] = [8, 12, 14];

    fn grid() -> Geometry {
        // Sheared like a tilted gantry, and not at the origin.
        let steps = [[0.0, 0.7, 2.0], [0.0, 0.5, 0.0], [0.5, 0.0, 0.0]];
        Geometry::new(PatientPoint::new(-30.0, 12.0, 700.0), steps, SHAPE).unwrap()
    }

    fn contour(slice: f64, points: &[Point]) -> Vec<PatientPoint> {
        points.iter().map(|[row, column]| grid().to_patient([slice, *row, *column])).collect()
    }

    fn square(low: f64, high: f64) -> [Point; 4] {
        [[low, low], [low, high], [high, high], [high, low]]
    }

    /// Voxels inside, a slice each.
    fn n_inside(contours: &[Vec<PatientPoint>]) -> [usize; 8] {
        let mask = fill_contours(contours, &grid()).unwrap();
        std::array::from_fn(|slice| mask.slice(slice).iter().filter(|&&v| v != 0).count())
    }

    #[test]
    fn centres_inside_and_on_the_contour_are_inside() {
        let check = |contours: &[&[Point]], expected: usize| {
            let contours: Vec<_> = contours.iter().map(|points| contour(2.0, points)).collect();
            assert_eq!(n_inside(&contours)[2], expected);
        };
        check(&[&square(2.5, 6.5)], 16);
        // Drawn through the outermost voxels, as tracing programs do.
        check(&[&square(3.0, 6.0)], 16);
        check(&[&square(3.2, 5.8)], 4);
        // A hole, one inside it, and beside each other.
        check(&[&square(1.5, 9.5), &square(3.5, 7.5)], 64 - 16);
        check(&[&square(1.5, 9.5), &square(3.5, 7.5), &square(4.5, 5.5)], 64 - 16 + 1);
        check(&[&square(0.5, 2.5), &square(4.5, 7.5)], 4 + 9);
        // A hole cut in by a channel without width.
        let keyhole = [
            [1.5, 1.5],
            [1.5, 9.5],
            [9.5, 9.5],
            [9.5, 1.5],
            [1.5, 1.5],
            [3.5, 3.5],
            [7.5, 3.5],
            [7.5, 7.5],
            [3.5, 7.5],
            [3.5, 3.5],
        ];
        check(&[&keyhole], 64 - 16);
        // Triangle, line and point.
        check(&[&[[0.0, 0.0], [0.0, 4.0], [4.0, 0.0]]], 15);
        check(&[&[[2.0, 2.0], [2.0, 5.0]]], 4);
        check(&[&[[2.0, 2.0]]], 1);
        check(&[&[]], 0);
        // Cut at the edge of the grid, and beyond it.
        check(&[&square(-5.5, 1.5)], 4);
        check(&[&square(-9.5, -5.5)], 0);
        check(&[&square(-1e12, 1e12)], 12 * 14);
    }

    #[test]
    fn slices_between_contours_are_filled_half_the_way() {
        let check = |slices: &[f64], expected: [usize; 8]| {
            let contours: Vec<_> =
                slices.iter().map(|slice| contour(*slice, &square(2.5, 4.5))).collect();
            assert_eq!(n_inside(&contours).map(|n| n / 4), expected);
        };
        check(&[1.0, 2.0, 3.0], [0, 1, 1, 1, 0, 0, 0, 0]);
        // One is missing: a gap stays a gap.
        check(&[1.0, 2.0, 4.0, 5.0], [0, 1, 1, 0, 1, 1, 0, 0]);
        // Drawn on every other slice of a grid.
        check(&[1.0, 3.0, 5.0], [1, 1, 1, 1, 1, 1, 0, 0]);
        // Between the slices, and finer than they are.
        check(&[2.5, 3.5], [0, 0, 1, 1, 0, 0, 0, 0]);
        check(&[2.0, 2.5, 3.0, 3.5], [0, 0, 1, 1, 0, 0, 0, 0]);
        // Far apart: two parts.
        check(&[0.0, 6.0], [1, 0, 0, 0, 0, 0, 1, 0]);
        check(&[-3.0, 40.0], [0; 8]);
    }

    #[test]
    fn contours_across_slices_are_refused() {
        let check = |points: &[PatientPoint]| {
            let error = fill_contours(&[contour(1.0, &square(1.0, 2.0)), points.to_vec()], &grid());
            assert_eq!(error, Err(ContourError::OutOfPlane(1)));
        };
        let at = |slice: f64, row: f64| grid().to_patient([slice, row, 3.0]);
        check(&[at(1.0, 1.0), at(1.0, 5.0), at(3.0, 5.0)]);
        check(&[at(1.0, 1.0), PatientPoint::new(f64::NAN, 0.0, 0.0)]);
        check(&[at(1.0, 1.0), PatientPoint::new(f64::INFINITY, 0.0, 0.0)]);
    }

    proptest! {
        /// Against the winding of a convex polygon: a half-plane test, an edge each.
        #[test]
        fn a_triangle_is_where_it_is_on_one_side_of_all_its_edges(
            points in prop::array::uniform3(prop::array::uniform2(-3.0..15.0_f64)),
        ) {
            let mask = fill_contours(&[contour(4.0, &points)], &grid()).unwrap();
            for row in 0..SHAPE[1] {
                for column in 0..SHAPE[2] {
                    let sides: Vec<f64> = (0..3).map(|n| {
                        let [a, b] = [points[n], points[(n + 1) % 3]];
                        let edge = [b[0] - a[0], b[1] - a[1]];
                        let length = edge[0].hypot(edge[1]).max(1e-9);
                        (edge[1] * (row as f64 - a[0]) - edge[0] * (column as f64 - a[1])) / length
                    }).collect();
                    // On the contour either answer is right.
                    if sides.iter().all(|side| side.abs() > 2.0 * ON_CONTOUR) {
                        let inside = sides.iter().all(|side| *side > 0.0)
                            || sides.iter().all(|side| *side < 0.0);
                        prop_assert_eq!(mask.at([4, row, column]), u8::from(inside));
                    }
                }
            }
        }
    }
}
