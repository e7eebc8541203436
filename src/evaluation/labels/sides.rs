//! Labels to one gland a side and the masses of each.
//!
//! A mass without a side is on that which the cohort's table gives; else, where both glands are
//! outlined, on that of the nearer one; else on its side of the body's midline. A gland without a
//! side is on its side of the midline. What has no side and several parts is parted first, so that one
//! file may hold both glands, or masses in both.

use super::Label;
use crate::dicom::segmentation::SegmentKind;
use crate::error::{Dispose, Disposition};
use crate::imaging::{Mask, PatientPoint, Volume, connected_components, midline_x};
use crate::units::{Hounsfield, Side};

/// Body, and not air, in HU.
const BODY_HU_MIN: Hounsfield = Hounsfield(-300);
/// How far beyond the midline a label of the other side is believed, mm. Glands lie 50 mm beside it.
const WRONG_SIDE_MM: f64 = 20.0;

/// What is outlined in a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlines {
    /// Right gland, left gland; `None` where it has no outline.
    pub glands: [Option<Mask>; 2],
    /// Masses that are not empty, in the labels' order.
    pub masses: Vec<(Side, Mask)>,
}

/// A label lies on the other side than it says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "`{name}` lies {distance_mm:.0} mm beyond the midline, on the patient's other side: the mask is \
     mirrored, or right and left are swapped"
)]
pub struct WrongSide {
    /// The label.
    pub name: String,
    /// How far beyond the midline its centre is.
    pub distance_mm: f64,
}

impl Dispose for WrongSide {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// Sorts labels by what they are and by side. Several of one gland are joined.
///
/// `labels` lie on the grid of `volume`; `tumor_side` is what the table says.
///
/// # Errors
/// When a label lies on the other side than its name says.
pub fn sort_labels(
    labels: Vec<Label>,
    volume: &Volume<Hounsfield>,
    tumor_side: Option<Side>,
) -> Result<Outlines, WrongSide> {
    let mut outlines = Outlines { glands: [None, None], masses: Vec::new() };
    let (glands, masses): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|label| label.kind == SegmentKind::ParotidGland);
    for gland in glands {
        for (side, mask) in part(gland, volume, |center| by_midline(volume, center))? {
            let slot = &mut outlines.glands[side as usize];
            match slot {
                Some(known) => join(known, &mask),
                None => *slot = Some(mask),
            }
        }
    }
    let centers = [0, 1].map(|side| outlines.glands[side].as_ref().and_then(Mask::centroid));
    for mut mass in masses {
        mass.side = mass.side.or(tumor_side);
        let side_of = |center| by_glands(centers, center).unwrap_or(by_midline(volume, center));
        outlines.masses.extend(part(mass, volume, side_of)?);
    }
    Ok(outlines)
}

/// The label, or its parts by side where it has none of its own. Empty ones are left out.
fn part(
    label: Label,
    volume: &Volume<Hounsfield>,
    side_of: impl Fn(PatientPoint) -> Side,
) -> Result<Vec<(Side, Mask)>, WrongSide> {
    let Some(center) = label.mask.centroid() else { return Ok(Vec::new()) };
    if let Some(side) = label.side {
        let left_of_midline = midline(volume, center).map_or(0.0, |x| center.x - x);
        let distance_mm = match side {
            Side::Right => left_of_midline,
            Side::Left => -left_of_midline,
        };
        if distance_mm > WRONG_SIDE_MM {
            return Err(WrongSide { name: label.name, distance_mm });
        }
        return Ok(vec![(side, label.mask)]);
    }
    let mut parts: [Option<Mask>; 2] = [None, None];
    for component in connected_components(&label.mask) {
        let part = &mut parts[side_of(component.centroid) as usize];
        let mask = part.get_or_insert_with(|| Mask::filled(*volume.geometry(), 0));
        for offset in component.offsets {
            mask.voxels_mut()[offset] = 1;
        }
    }
    let sided = Side::BOTH.into_iter().zip(parts);
    Ok(sided.filter_map(|(side, mask)| Some((side, mask?))).collect())
}

fn join(mask: &mut Mask, other: &Mask) {
    for (voxel, inside) in mask.voxels_mut().iter_mut().zip(other.voxels()) {
        *voxel |= inside;
    }
}

/// The side of the nearer gland; `None` unless both are known.
fn by_glands(centers: [Option<PatientPoint>; 2], center: PatientPoint) -> Option<Side> {
    let [right, left] = centers;
    let [to_right, to_left] = [right?.distance(center), left?.distance(center)];
    Some(if to_right <= to_left { Side::Right } else { Side::Left })
}

/// The side of the body's midline; of the image's middle where there is no body.
fn by_midline(volume: &Volume<Hounsfield>, center: PatientPoint) -> Side {
    let (low, high) = volume.geometry().extent();
    let parting = midline(volume, center).unwrap_or(f64::midpoint(low.x, high.x));
    if center.x < parting { Side::Right } else { Side::Left }
}

/// Where the body's midline is, LPS mm; `None` where there is no body.
fn midline(volume: &Volume<Hounsfield>, near: PatientPoint) -> Option<f64> {
    midline_x(volume, |hu| hu > BODY_HU_MIN, near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Geometry;

    /// A body 200 mm wide whose midline is at x = 30 mm.
    fn volume() -> Volume<Hounsfield> {
        let origin = PatientPoint::new(-120.0, 0.0, 0.0);
        let grid = Geometry::axis_aligned(origin, [5.0, 10.0, 5.0], [10, 6, 61]).unwrap();
        let mut volume = Volume::filled(grid, Hounsfield::AIR);
        for offset in 0..grid.n_voxels() {
            let x = -120.0 + 5.0 * volume.index_of(offset)[2] as f64;
            if (x - 30.0).abs() <= 100.0 {
                volume.voxels_mut()[offset] = Hounsfield(40);
            }
        }
        volume
    }

    /// Three voxels along z at each x, mm.
    fn label(kind: SegmentKind, side: Option<Side>, xs: &[f64]) -> Label {
        let mut mask = Mask::filled(*volume().geometry(), 0);
        for x in xs {
            let column = ((x + 120.0) / 5.0) as usize;
            for slice in 4..7 {
                let offset = mask.offset([slice, 3, column]);
                mask.voxels_mut()[offset] = 1;
            }
        }
        Label { name: "x".to_owned(), kind, side, mask }
    }

    /// Mean x of each gland and mass.
    fn sorted(
        labels: Vec<Label>,
        tumor_side: Option<Side>,
    ) -> ([Option<f64>; 2], Vec<(Side, f64)>) {
        let outlines = sort_labels(labels, &volume(), tumor_side).unwrap();
        let x = |mask: &Mask| mask.centroid().unwrap().x;
        let masses = outlines.masses.iter().map(|(side, mask)| (*side, x(mask))).collect();
        (outlines.glands.map(|gland| gland.as_ref().map(x)), masses)
    }

    #[test]
    fn glands_part_at_the_bodys_midline() {
        let gland = |side, xs: &[f64]| label(SegmentKind::ParotidGland, side, xs);
        let check = |labels: Vec<Label>, expected: [Option<f64>; 2]| {
            assert_eq!(sorted(labels, None).0, expected);
        };
        let [right, left] = Side::BOTH.map(Some);
        check(vec![gland(right, &[-20.0]), gland(left, &[80.0])], [Some(-20.0), Some(80.0)]);
        // Both in one label; x = 10 is right of this patient's midline.
        check(vec![gland(None, &[10.0, 60.0])], [Some(10.0), Some(60.0)]);
        // Two lobes are one gland.
        check(vec![gland(right, &[-20.0]), gland(right, &[-30.0])], [Some(-25.0), None]);
        check(vec![gland(right, &[])], [None, None]);
    }

    #[test]
    fn a_mass_without_a_side_gets_one() {
        let mass = |side, xs: &[f64]| label(SegmentKind::Mass, side, xs);
        let gland = |side, xs: &[f64]| label(SegmentKind::ParotidGland, Some(side), xs);
        let check = |labels: Vec<Label>, tumor_side, expected: &[(Side, f64)]| {
            assert_eq!(sorted(labels, tumor_side).1, expected);
        };
        let [right, left] = Side::BOTH;
        check(vec![mass(Some(left), &[20.0])], None, &[(left, 20.0)]);
        check(vec![mass(None, &[20.0])], None, &[(right, 20.0)]);
        check(vec![mass(None, &[20.0])], Some(left), &[(left, 20.0)]);
        check(vec![mass(None, &[-10.0, 90.0])], None, &[(right, -10.0), (left, 90.0)]);
        // Nearer to the left gland than to the right one, although right of the midline.
        let glands = || vec![gland(right, &[-60.0]), gland(left, &[60.0])];
        check([glands(), vec![mass(None, &[25.0])]].concat(), None, &[(left, 25.0)]);
        check(vec![mass(None, &[])], None, &[]);
        check(
            vec![mass(Some(right), &[0.0]), mass(Some(right), &[10.0])],
            None,
            &[(right, 0.0), (right, 10.0)],
        );
    }

    #[test]
    fn mirrored_masks_are_refused() {
        let check = |side, x: f64, distance_mm: Option<f64>| {
            let label = label(SegmentKind::ParotidGland, Some(side), &[x]);
            let error = sort_labels(vec![label], &volume(), None).err();
            assert_eq!(error.map(|error| error.distance_mm), distance_mm);
        };
        check(Side::Right, 90.0, Some(60.0));
        check(Side::Left, -30.0, Some(60.0));
        check(Side::Right, 45.0, None);
        check(Side::Left, 15.0, None);
    }
}
