//! What a mass measures, on the segmenter's 1 mm grid.
//!
//! ```text
//!  probability --candidate_probability_min--> candidates --tumor_probability_min--> outline of each
//!  features -> decision rule -> size -> kept or not
//! ```

use super::decision::DecisionPolicy;
use super::features::{Features, features, mean};
use super::report::CandidateReport;
use crate::imaging::{Component, Mask, PatientPoint, Volume, connected_components};
use crate::inference::Segmentation;
use crate::limits::CANDIDATES_MAX;
use crate::units::{Millimeters, Probability, Side, VoxelCount};

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

/// A connected component of voxels that may be mass, and what is said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What it is judged by.
    pub features: Features,
    /// Its outlined voxels, offsets into the crop, ascending. May be none.
    pub outlined: Vec<usize>,
    /// 0..1, 1/2 and more where it is kept.
    pub score: f64,
    /// Whether it counts towards the decision.
    pub kept: bool,
}

impl Candidate {
    /// Number of outlined voxels.
    #[must_use]
    pub fn voxels(&self) -> VoxelCount {
        VoxelCount(u32::try_from(self.outlined.len()).unwrap_or(u32::MAX))
    }

    /// The outlined voxels as a mask on the crop's grid.
    #[must_use]
    pub fn mask<T>(&self, crop: &Volume<T>) -> Mask {
        let mut mask = Mask::filled(*crop.geometry(), 0);
        for &offset in &self.outlined {
            mask.voxels_mut()[offset] = 1;
        }
        mask
    }

    /// What the report says of it; `None` where nothing of it is outlined.
    #[must_use]
    pub fn report(&self, side: Side, hu: &Volume<f32>) -> Option<CandidateReport> {
        let center_mm = center(&self.outlined, hu)?;
        Some(CandidateReport {
            side,
            voxels: self.voxels(),
            volume_cm3: self.voxels().to_cubic_centimeters(),
            longest_diameter_mm: longest_diameter(&self.outlined, hu),
            center_mm,
            mean_hu: mean(&self.outlined, hu),
            score: self.score,
            kept: self.kept,
        })
    }
}

/// Everything in one gland's crop that may be a mass, those with the largest outline first.
#[must_use]
pub fn candidates(
    segmentation: &Segmentation,
    heatmap_peak: Probability,
    policy: &DecisionPolicy,
) -> Vec<Candidate> {
    let Segmentation { probability, hu } = segmentation;
    let mask: Mask = probability.map(|&p| u8::from(p >= policy.candidate_probability_min));
    let mut found: Vec<Candidate> = connected_components(&mask)
        .iter()
        .take(CANDIDATES_MAX)
        .map(|component| judge(component, probability, hu, heatmap_peak, policy))
        .collect();
    // Stable: equal outlines stay in the order of their components.
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.outlined.len()));
    found
}

fn judge(
    component: &Component,
    probability: &Volume<f32>,
    hu: &Volume<f32>,
    heatmap_peak: Probability,
    policy: &DecisionPolicy,
) -> Candidate {
    let is_mass = |offset: &usize| probability.voxels()[*offset] >= policy.tumor_probability_min;
    let outlined: Vec<usize> = component.offsets.iter().copied().filter(is_mass).collect();
    let weight = component.offsets.iter().map(|&o| f64::from(probability.voxels()[o])).sum();
    let features = features(component, &outlined, probability, hu, heatmap_peak.0);
    let mut candidate = Candidate { features, outlined, score: 0.0, kept: false };
    (candidate.score, candidate.kept) = policy.judge(&features, candidate.voxels(), weight);
    candidate
}

/// Mean position of some voxels; `None` of none.
fn center(offsets: &[usize], grid: &Volume<f32>) -> Option<PatientPoint> {
    let mut sum = [0.0; 3];
    for &offset in offsets {
        #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
        for (total, n) in sum.iter_mut().zip(grid.index_of(offset)) {
            *total += n as f64;
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let n = offsets.len() as f64;
    (n > 0.0).then(|| grid.geometry().to_patient(sum.map(|total| total / n)))
}

/// Largest distance between two voxel centres, plus one voxel for their outer halves.
fn longest_diameter(offsets: &[usize], grid: &Volume<f32>) -> Millimeters {
    let ends = row_ends(offsets, grid);
    let longest = ends
        .iter()
        .enumerate()
        .flat_map(|(n, a)| ends[n + 1..].iter().map(move |b| a.distance(*b)))
        .fold(0.0, f64::max);
    let [_, _, column_mm] = grid.geometry().spacing_mm();
    Millimeters(longest + column_mm)
}

/// First and last voxel of each row of some voxels: the two voxels farthest apart are among them,
/// since anything between two ends of a row is nearer to any third point than one of the ends.
fn row_ends(offsets: &[usize], grid: &Volume<f32>) -> Vec<PatientPoint> {
    let mut ends: Vec<usize> = Vec::new();
    let n_columns = grid.shape()[2];
    let mut offsets = offsets.iter().peekable();
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

    fn found(radius_mm: f64) -> (Vec<Candidate>, Volume<f32>) {
        let (probability, hu) = ball(radius_mm);
        let policy = DecisionPolicy::by_size();
        let segmentation = Segmentation { probability, hu: hu.clone() };
        (candidates(&segmentation, Probability(0.9), &policy), hu)
    }

    #[test]
    fn a_ball_measures_what_a_ball_measures() {
        let (found, hu) = found(10.0);
        let [ball] = &found[..] else { panic!("one ball, one candidate") };
        let report = ball.report(Side::Left, &hu).unwrap();
        let center = PatientPoint::new(60.0, 10.0, -30.0);
        assert!((report.volume_cm3.0 - 4.189).abs() < 0.05, "{:?}", report.volume_cm3);
        let diameter = report.longest_diameter_mm.0;
        assert!((diameter - 20.0).abs() < 1.0, "{diameter}");
        assert!(report.center_mm.distance(center) < 0.1);
        assert!((report.mean_hu - 50.0).abs() < 1e-6);
        assert!(report.kept && report.score > 0.5);
        let mask = ball.mask(&hu);
        assert_eq!(mask.n_inside(), report.voxels.0 as usize);
        assert_eq!(mask.centroid(), Some(report.center_mm));
    }

    #[test]
    fn a_small_ball_is_a_candidate_that_is_not_kept() {
        let (found, _) = found(4.0);
        assert!(!found[0].kept && found[0].score > 0.0 && found[0].score < 0.5);
    }

    #[test]
    fn what_is_faint_everywhere_has_a_score_and_no_outline() {
        let (probability, hu) = ball(10.0);
        let faint = probability.map(|p| p * 0.4);
        let policy = DecisionPolicy::by_size();
        let segmentation = Segmentation { probability: faint, hu: hu.clone() };
        let found = candidates(&segmentation, Probability(0.9), &policy);
        assert!(found[0].outlined.is_empty() && found[0].report(Side::Left, &hu).is_none());
        assert!(found[0].score > 0.0 && found[0].score < 0.5);
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
        let found = longest_diameter(&component.offsets, &probability).0;
        assert!((found - brute - 1.0).abs() < 1e-9);
    }
}
