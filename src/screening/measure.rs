//! What a mass measures, on the segmenter's 1 mm grid.

use super::decision::DecisionPolicy;
use super::report::CandidateReport;
use crate::imaging::{Component, Mask, PatientPoint, Volume, connected_components};
use crate::limits::CANDIDATES_MAX;
use crate::units::{Millimeters, Side, VoxelCount};

/// Where a kept candidate is.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The patient's side.
    pub side: Side,
    /// Its voxels on the gland's 1 mm crop.
    pub mask: Mask,
    /// Its centre, the one that the report says.
    pub center: PatientPoint,
}

/// What is said of one gland.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Largest first.
    pub candidates: Vec<CandidateReport>,
    /// One for each kept candidate, in their order.
    pub outlines: Vec<Outline>,
    /// The gland's score.
    pub score: f64,
}

/// Measures what is outlined in one gland.
///
/// `probability` and `hu` lie on the same 1 mm grid.
#[must_use]
pub fn measure_candidates(
    probability: &Volume<f32>,
    hu: &Volume<f32>,
    side: Side,
    policy: &DecisionPolicy,
) -> Measured {
    let mask: Mask = probability.map(|&p| u8::from(p >= policy.tumor_probability_min));
    let mut candidates = Vec::new();
    let mut outlines = Vec::new();
    for component in connected_components(&mask).iter().take(CANDIDATES_MAX) {
        let candidate = measure(component, probability, hu, side, policy);
        if candidate.kept {
            let mut mask = Mask::filled(*mask.geometry(), 0);
            for &offset in &component.offsets {
                mask.voxels_mut()[offset] = 1;
            }
            outlines.push(Outline { side, mask, center: candidate.center_mm });
        }
        candidates.push(candidate);
    }
    Measured { candidates, outlines, score: score(probability, policy) }
}

/// Score of the heaviest region of at least `score_probability_min`: a soft count of voxels, so that
/// it orders glands even where nothing reaches the cut that outlines a mass.
fn score(probability: &Volume<f32>, policy: &DecisionPolicy) -> f64 {
    let mask: Mask = probability.map(|&p| u8::from(p >= policy.score_probability_min));
    connected_components(&mask)
        .iter()
        .map(|component| policy.score(weight(component, probability)))
        .fold(0.0, f64::max)
}

fn measure(
    component: &Component,
    probability: &Volume<f32>,
    hu: &Volume<f32>,
    side: Side,
    policy: &DecisionPolicy,
) -> CandidateReport {
    let voxels = VoxelCount(u32::try_from(component.n_voxels()).unwrap_or(u32::MAX));
    CandidateReport {
        side,
        voxels,
        volume_cm3: voxels.to_cubic_centimeters(),
        longest_diameter_mm: longest_diameter(component, probability),
        center_mm: component.centroid,
        mean_hu: mean(component, hu),
        score: policy.score(weight(component, probability)),
        kept: policy.keeps(voxels),
    }
}

/// Sum of a component's values.
fn weight(component: &Component, values: &Volume<f32>) -> f64 {
    component.offsets.iter().map(|&offset| f64::from(values.voxels()[offset])).sum()
}

fn mean(component: &Component, values: &Volume<f32>) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let n = component.n_voxels() as f64;
    weight(component, values) / n
}

/// Largest distance between two voxel centres, plus one voxel for their outer halves.
fn longest_diameter(component: &Component, grid: &Volume<f32>) -> Millimeters {
    let ends = row_ends(component, grid);
    let longest = ends
        .iter()
        .enumerate()
        .flat_map(|(n, a)| ends[n + 1..].iter().map(move |b| a.distance(*b)))
        .fold(0.0, f64::max);
    let [_, _, column_mm] = grid.geometry().spacing_mm();
    Millimeters(longest + column_mm)
}

/// First and last voxel of each row of a component: the two voxels farthest apart are among them,
/// since anything between two ends of a row is nearer to any third point than one of the ends.
fn row_ends(component: &Component, grid: &Volume<f32>) -> Vec<PatientPoint> {
    let mut ends: Vec<usize> = Vec::new();
    let n_columns = grid.shape()[2];
    let mut offsets = component.offsets.iter().peekable();
    while let Some(&first) = offsets.next() {
        let mut last = first;
        while let Some(&&next) = offsets.peek() {
            if next / n_columns != first / n_columns {
                break;
            }
            last = next;
            offsets.next();
        }
        ends.push(first);
        if last != first {
            ends.push(last);
        }
    }
    let geometry = grid.geometry();
    #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
    let point = |offset: usize| geometry.to_patient(grid.index_of(offset).map(|n| n as f64));
    ends.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::gland_crop_grid;

    /// A ball of probability 0.9 in a left crop, HU 50 inside.
    fn ball(radius_mm: f64) -> (Volume<f32>, Volume<f32>) {
        let center = PatientPoint::new(60.0, 10.0, -30.0);
        let grid = gland_crop_grid(center, Side::Left, [64, 64, 64], 1.0);
        let mut probability = Volume::filled(grid, 0.01_f32);
        let mut hu = Volume::filled(grid, -20.0_f32);
        for offset in 0..probability.voxels().len() {
            let at = grid.to_patient(probability.index_of(offset).map(|n| n as f64));
            if at.distance(center) <= radius_mm {
                probability.voxels_mut()[offset] = 0.9;
                hu.voxels_mut()[offset] = 50.0;
            }
        }
        (probability, hu)
    }

    #[test]
    fn a_ball_measures_what_a_ball_measures() {
        let policy = DecisionPolicy::embedded();
        let (probability, hu) = ball(10.0);
        let Measured { candidates, outlines, score } =
            measure_candidates(&probability, &hu, Side::Left, &policy);
        let [ball] = &candidates[..] else { panic!("one ball, one candidate") };
        assert!((ball.volume_cm3.0 - 4.189).abs() < 0.05, "{:?}", ball.volume_cm3);
        assert!((ball.longest_diameter_mm.0 - 20.0).abs() < 1.0, "{:?}", ball.longest_diameter_mm);
        assert!(ball.center_mm.distance(PatientPoint::new(60.0, 10.0, -30.0)) < 0.1);
        assert!((ball.mean_hu - 50.0).abs() < 1e-6);
        assert!(ball.kept && score > 0.5);
        let [outline] = &outlines[..] else { panic!("one kept, one outline") };
        assert_eq!((outline.side, outline.center), (Side::Left, ball.center_mm));
        assert_eq!(outline.mask.n_inside(), ball.voxels.0 as usize);
        assert_eq!(outline.mask.centroid(), Some(ball.center_mm));
    }

    #[test]
    fn a_small_ball_is_a_candidate_that_is_not_kept() {
        let policy = DecisionPolicy::embedded();
        let (probability, hu) = ball(4.0);
        let found = measure_candidates(&probability, &hu, Side::Left, &policy);
        assert!(!found.candidates[0].kept && found.outlines.is_empty());
        assert!(found.score > 0.0 && found.score < 0.5);
    }

    #[test]
    fn the_ends_of_rows_hold_the_farthest_pair() {
        let (probability, _) = ball(6.3);
        let mask = probability.map(|&p| u8::from(p > 0.5));
        let component = &connected_components(&mask)[0];
        let all: Vec<PatientPoint> = component
            .offsets
            .iter()
            .map(|&o| mask.geometry().to_patient(mask.index_of(o).map(|n| n as f64)))
            .collect();
        let brute = all.iter().flat_map(|a| all.iter().map(|b| a.distance(*b))).fold(0.0, f64::max);
        let found = longest_diameter(component, &probability).0;
        assert!((found - brute - 1.0).abs() < 1e-9);
    }
}
