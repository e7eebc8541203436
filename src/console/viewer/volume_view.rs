//! What a viewer has to know before it asks for slices.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::directions::edges;
use super::open_series::{OpenSeries, OutlinedSegment};
use crate::dicom::segmentation::SegmentKind;
use crate::imaging::Geometry;
use crate::screening::report::{CandidateReport, NOT_FOR_DIAGNOSTIC_USE};
use crate::units::Side;

/// A volume: its grid, what was outlined on it, and where to look first. Points are `[slice, row, column]` of the grid,
/// with fractions.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct VolumeView {
    /// Never for diagnosis.
    notice: &'static str,
    /// Number of slices, rows and columns.
    shape: [usize; 3],
    /// Millimetres between slices, rows and columns.
    spacing_mm: [f64; 3],
    /// Letters at the left, right, upper and lower edge: `R`, `L`, `A`, `P`, `H`, `F` of the patient.
    edges: [char; 4],
    /// Images of the series that are not shown: scouts, doubles.
    n_left_out: usize,
    /// The slice to show first.
    first_slice: usize,
    /// The glands that were found.
    glands: Vec<GlandPlace>,
    /// The masses that were outlined, right first, the largest of a side first.
    findings: Vec<Finding>,
    /// Outlines; `null` where none are kept of this answer.
    outlines: Option<Vec<OutlineView>>,
}

/// Where a gland is.
#[derive(Debug, Serialize, ToSchema)]
struct GlandPlace {
    /// The patient's side.
    #[schema(value_type = String)]
    side: Side,
    /// Its centre.
    center: [f64; 3],
}

/// A mass and its measures.
#[derive(Debug, Serialize, ToSchema)]
struct Finding {
    /// The patient's side.
    #[schema(value_type = String)]
    side: Side,
    /// Its centre.
    center: [f64; 3],
    /// In cubic centimetres.
    volume_cm3: f64,
    /// In millimetres, in three dimensions.
    longest_diameter_mm: f64,
    /// In Hounsfield units.
    mean_hu: f64,
    /// 0 to 1.
    score: f64,
}

/// Lines on the slices.
#[derive(Debug, Serialize, ToSchema)]
struct OutlineView {
    /// What it is called in the segmentation.
    label: String,
    /// `gland` or `mass`.
    kind: &'static str,
    /// The patient's side.
    #[schema(value_type = Option<String>)]
    side: Option<Side>,
    /// By slice: closed lines of `[column, row]`, from the outer corner of the first pixel.
    slices: BTreeMap<usize, Vec<Vec<[f32; 2]>>>,
}

impl VolumeView {
    /// Of a series.
    pub(in crate::console) fn new(series: &OpenSeries) -> Self {
        let grid = &series.plan.geometry;
        let report = series.report.as_ref();
        let candidates = report.map(|it| it.candidates.as_slice()).unwrap_or_default();
        let findings: Vec<Finding> =
            candidates.iter().filter(|it| it.kept).map(|it| finding(grid, it)).collect();
        let glands: Vec<GlandPlace> = report
            .map(|it| it.glands.as_slice())
            .unwrap_or_default()
            .iter()
            .filter_map(|it| {
                Some(GlandPlace { side: it.side, center: grid.to_index(it.center_mm?) })
            })
            .collect();
        let largest = findings.iter().max_by(|a, b| a.volume_cm3.total_cmp(&b.volume_cm3));
        let center = largest.map(|it| it.center).or(glands.first().map(|it| it.center));
        Self {
            notice: NOT_FOR_DIAGNOSTIC_USE,
            shape: grid.shape(),
            spacing_mm: grid.spacing_mm(),
            edges: edges(grid),
            n_left_out: series.plan.left_out.len(),
            first_slice: first_slice(center, series.n_slices()),
            glands,
            findings,
            outlines: series.segments.as_ref().map(|it| it.iter().map(outline).collect()),
        }
    }
}

/// The one nearest to a point, or the middle one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the slices"
)]
fn first_slice(center: Option<[f64; 3]>, n_slices: usize) -> usize {
    let last = n_slices.saturating_sub(1);
    center.map_or(last / 2, |[slice, ..]| slice.round().clamp(0.0, last as f64) as usize)
}

fn finding(grid: &Geometry, candidate: &CandidateReport) -> Finding {
    Finding {
        side: candidate.side,
        center: grid.to_index(candidate.center_mm),
        volume_cm3: candidate.volume_cm3.0,
        longest_diameter_mm: candidate.longest_diameter_mm.0,
        mean_hu: candidate.mean_hu,
        score: candidate.score,
    }
}

fn outline(segment: &OutlinedSegment) -> OutlineView {
    OutlineView {
        label: segment.label.clone(),
        kind: match segment.kind {
            SegmentKind::ParotidGland => "gland",
            SegmentKind::Mass => "mass",
        },
        side: segment.side,
        slices: segment.lines.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_is_one_that_there_is() {
        assert_eq!(first_slice(Some([10.4, 0.0, 0.0]), 20), 10);
        assert_eq!(first_slice(Some([99.0, 0.0, 0.0]), 20), 19);
        assert_eq!(first_slice(Some([-3.0, 0.0, 0.0]), 20), 0);
        assert_eq!(first_slice(None, 21), 10);
        assert_eq!(first_slice(None, 0), 0);
    }
}
