//! From the localizer's heatmap to one gland region a side, or why there is none.
//!
//!   heatmap -> regions -> side of the body's midline -> heaviest a side -> whole? -> found

use super::decision::DecisionPolicy;
use crate::imaging::{
    Component, Geometry, Mask, PatientPoint, Volume, connected_components, midline_x,
};
use crate::reason::Reason;
use crate::units::{Probability, Side};

/// How far the nearest voxel of a whole gland stays from the edge of the field of view, mm. The
/// heatmap's voxels are 5 mm, and a gland that ends within one of them may go on outside.
const EDGE_MM_MIN: f64 = 5.0;

/// A gland as far as the localizer sees it: on its own, coarse grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GlandOutline {
    /// The patient's side.
    pub side: Side,
    /// Its voxels.
    pub mask: Mask,
}

/// What was found on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct GlandRegion {
    /// The patient's side.
    pub side: Side,
    /// Largest heatmap value on that side; 0 where there is no region.
    pub heatmap_peak: Probability,
    /// Centre of the region weighted by the heatmap; known also for a gland that is cut.
    pub center: Option<PatientPoint>,
    /// Its voxels on the localizer's grid; known also for a gland that is cut.
    pub mask: Option<Mask>,
    /// Why it cannot be screened.
    pub not_assessable: Option<Reason>,
}

/// One region a side, right first.
///
/// `heatmap` is the probability of parotid gland, `body` whether a voxel is body, both on the
/// localizer's grid; `field_of_view` is the source volume's geometry.
#[must_use]
pub fn gland_regions(
    heatmap: &Volume<f32>,
    body: &Mask,
    field_of_view: &Geometry,
    policy: &DecisionPolicy,
) -> [GlandRegion; 2] {
    let inside: Mask = heatmap.map(|&p| u8::from(p >= policy.gland_probability_min));
    let regions: Vec<Region> = connected_components(&inside)
        .iter()
        .map(|component| Region::new(component, heatmap, body))
        .filter(|region| region.is_gland(policy))
        .collect();
    let heaviest: [Option<&Region>; 2] = Side::BOTH.map(|side| {
        regions.iter().filter(|region| region.side() == side).max_by(|a, b| a.cm3.total_cmp(&b.cm3))
    });
    Side::BOTH.map(|side| {
        let [found, other] = match side {
            Side::Right => [heaviest[0], heaviest[1]],
            Side::Left => [heaviest[1], heaviest[0]],
        };
        match found {
            Some(region) => region.to_gland(side, heatmap.geometry(), field_of_view),
            None => GlandRegion {
                side,
                heatmap_peak: Probability(0.0),
                center: None,
                mask: None,
                not_assessable: Some(why_missing(other, field_of_view)),
            },
        }
    })
}

/// A component of the heatmap with its weight.
struct Region {
    component: Component,
    peak: f32,
    cm3: f64,
    center: PatientPoint,
    /// How far left of the body's midline it is, mm; negative on the right.
    left_of_midline_mm: f64,
}

impl Region {
    fn new(component: &Component, heatmap: &Volume<f32>, body: &Mask) -> Self {
        let mut sum = [0.0_f64; 3];
        let mut weight = 0.0_f64;
        let mut peak = 0.0_f32;
        for &offset in &component.offsets {
            let p = heatmap.voxels()[offset];
            peak = peak.max(p);
            weight += f64::from(p);
            #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
            for (total, n) in sum.iter_mut().zip(heatmap.index_of(offset)) {
                *total += n as f64 * f64::from(p);
            }
        }
        let center = heatmap.geometry().to_patient(sum.map(|total| total / weight));
        Self {
            component: component.clone(),
            peak,
            cm3: weight * heatmap.geometry().voxel_mm3() / 1000.0,
            center,
            // Where there is no body there is no gland either: on the midline it is none.
            left_of_midline_mm: midline_x(body, |inside| inside != 0, center)
                .map_or(0.0, |x| center.x - x),
        }
    }

    fn is_gland(&self, policy: &DecisionPolicy) -> bool {
        self.cm3 >= policy.gland_cm3_min
            && self.left_of_midline_mm.abs() >= policy.gland_midline_distance_mm_min
    }

    fn side(&self) -> Side {
        if self.left_of_midline_mm < 0.0 { Side::Right } else { Side::Left }
    }

    fn to_gland(&self, side: Side, grid: &Geometry, field_of_view: &Geometry) -> GlandRegion {
        let cut = self.is_cut(grid, field_of_view);
        GlandRegion {
            side,
            heatmap_peak: Probability(self.peak),
            center: Some(self.center),
            mask: Some(self.mask(grid)),
            not_assessable: cut.then_some(Reason::NotInFieldOfView),
        }
    }

    fn mask(&self, grid: &Geometry) -> Mask {
        let mut mask = Mask::filled(*grid, 0);
        for &offset in &self.component.offsets {
            mask.voxels_mut()[offset] = 1;
        }
        mask
    }

    /// Whether the region reaches the edge of what was scanned.
    fn is_cut(&self, grid: &Geometry, field_of_view: &Geometry) -> bool {
        let region = self.component.bounding_box;
        #[allow(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
        let corners = [region.start.map(|n| n as f64), region.end.map(|n| n as f64 - 1.0)]
            .map(|index| grid.to_patient(index));
        // In the axes' own directions, so that a tilted scan is judged by its own edges.
        let shape = field_of_view.shape();
        let spacing = field_of_view.spacing_mm();
        corners.iter().any(|corner| {
            let index = field_of_view.to_index(*corner);
            (0..3).any(|axis| {
                #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
                let last = (shape[axis] - 1) as f64;
                let margin_mm = index[axis].min(last - index[axis]) * spacing[axis];
                margin_mm < EDGE_MM_MIN
            })
        })
    }
}

/// Why a side has no region: outside the field of view when the other gland's mirror image is.
fn why_missing(other: Option<&Region>, field_of_view: &Geometry) -> Reason {
    let Some(other) = other else { return Reason::GlandNotFound };
    let mirrored =
        PatientPoint { x: other.center.x - 2.0 * other.left_of_midline_mm, ..other.center };
    let index = field_of_view.to_index(mirrored);
    #[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
    let inside = (0..3)
        .all(|axis| index[axis] >= 0.0 && index[axis] <= (field_of_view.shape()[axis] - 1) as f64);
    if inside { Reason::GlandNotFound } else { Reason::NotInFieldOfView }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID_X: f64 = 40.0;

    fn grid() -> Geometry {
        Geometry::axis_aligned(
            PatientPoint::new(MID_X - 100.0, -100.0, 0.0),
            [5.0; 3],
            [40, 41, 41],
        )
        .unwrap()
    }

    /// Balls of heatmap at the given places, in a body that is a cylinder about `MID_X`.
    fn find(balls: &[(f64, f64)], field_of_view: &Geometry) -> [GlandRegion; 2] {
        let mut heatmap = Volume::filled(grid(), 0.02_f32);
        let mut body = Mask::filled(grid(), 0);
        for offset in 0..heatmap.voxels().len() {
            let at = grid().to_patient(heatmap.index_of(offset).map(|n| n as f64));
            body.voxels_mut()[offset] = u8::from((at.x - MID_X).hypot(at.y) < 90.0);
            for &(x, z) in balls {
                if at.distance(PatientPoint::new(x, 0.0, z)) <= 15.0 {
                    heatmap.voxels_mut()[offset] = 0.9;
                }
            }
        }
        gland_regions(&heatmap, &body, field_of_view, &DecisionPolicy::embedded())
    }

    #[test]
    fn sides_are_the_patients_and_split_at_the_body_not_at_zero() {
        let [right, left] = find(&[(MID_X + 55.0, 100.0), (MID_X - 55.0, 95.0)], &grid());
        assert_eq!((right.side, right.not_assessable), (Side::Right, None));
        assert_eq!((left.side, left.not_assessable), (Side::Left, None));
        assert!(right.center.unwrap().distance(PatientPoint::new(MID_X - 55.0, 0.0, 95.0)) < 2.0);
        assert!(left.center.unwrap().distance(PatientPoint::new(MID_X + 55.0, 0.0, 100.0)) < 2.0);
    }

    #[test]
    fn absent_and_cut_glands_are_not_assessable() {
        let check = |balls: &[(f64, f64)], fov: &Geometry, expected: [Option<Reason>; 2]| {
            assert_eq!(find(balls, fov).map(|region| region.not_assessable), expected);
        };
        let (right, left) = ((MID_X - 55.0, 100.0), (MID_X + 55.0, 100.0));
        let lost = Some(Reason::GlandNotFound);
        let cut = Some(Reason::NotInFieldOfView);
        check(&[right, left], &grid(), [None, None]);
        check(&[right], &grid(), [None, lost]);
        check(&[], &grid(), [lost, lost]);
        // In the midline nothing is a parotid gland.
        check(&[(MID_X, 100.0), right], &grid(), [None, lost]);
        // At the upper edge of the scan.
        check(&[right, (MID_X + 55.0, 190.0)], &grid(), [None, cut]);
        // The field of view ends between the glands.
        let half = Geometry::axis_aligned(grid().origin(), [5.0; 3], [40, 41, 22]).unwrap();
        check(&[right], &half, [None, cut]);
    }
}
