//! Real CT made ready for a test: a finer grid, any sharpness, masses drawn in, glands taken away.
//!
//! The planning CTs have pixels of about 4 mm, a clinical scan has half a millimetre. On a 1 mm grid in
//! plane a mass can be drawn as a clinical scan would show it, and the anatomy around it sharpened
//! to any degree in between.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::LabelledCase;
use super::sharpen::{STEPS_MAX, sharpen};
use crate::imaging::{BoundingBox, Geometry, Mask, Volume, resample};
use crate::inference::input::BODY_HU_MIN;
use crate::phantom::sample_tumor;
use crate::phantom::tumor::draw_tumor;
use crate::units::{Hounsfield, Side};

/// Pixels of the fine grid, mm.
const PIXEL_MM: f64 = 1.0;
/// Air kept around the body, mm.
const MARGIN_MM: f64 = 25.0;
/// Slices between a gland and the part of the scan that is taken without it, mm.
const CLEAR_MM: f64 = 10.0;
/// A ball of 10 mm, the smallest mass of the study.
const MASS_MM3_MIN: f64 = 523.0;
/// A part of fewer slices is no scan.
const N_SLICES_MIN: usize = 12;

/// The case on a grid of 1 mm pixels around the body, slices as they were, sharpened as the seed says:
/// a third of the seeds not at all. `None` where there is no body.
#[must_use]
pub fn fine(case: &LabelledCase, seed: u64) -> Option<LabelledCase> {
    let grid = fine_grid(&case.volume)?;
    let mut hu = resample(&case.volume, &grid, Hounsfield::AIR.to_f32());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n_steps = if rng.random_bool(1.0 / 3.0) { 0 } else { rng.random_range(1..=STEPS_MAX) };
    sharpen(&mut hu, n_steps);
    Some(LabelledCase {
        volume: hu.map(|&v| Hounsfield::from_f32(v)),
        glands: [0, 1].map(|side| case.glands[side].as_ref().map(|gland| gland.on_grid(&grid))),
        masses: Vec::new(),
        target_overlap: case.target_overlap,
    })
}

fn fine_grid(volume: &Volume<Hounsfield>) -> Option<Geometry> {
    let body: Mask = volume.map(|hu| u8::from(hu.to_f32() > BODY_HU_MIN));
    let inside = body.bounding_box()?;
    let spacing = volume.geometry().spacing_mm();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a margin of few voxels"
    )]
    let margin = |axis: usize| (MARGIN_MM / spacing[axis]).ceil() as usize;
    let kept = BoundingBox {
        start: [0, 1, 2]
            .map(|a| if a == 0 { 0 } else { inside.start[a].saturating_sub(margin(a)) }),
        end: [0, 1, 2].map(|a| match a {
            0 => volume.shape()[0],
            _ => (inside.end[a] + margin(a)).min(volume.shape()[a]),
        }),
    };
    let coarse = volume.geometry().cut(&kept);
    let factor = [0, 1, 2].map(|a| if a == 0 { 1.0 } else { (spacing[a] / PIXEL_MM).max(1.0) });
    let steps = std::array::from_fn(|a| coarse.steps()[a].map(|step| step / factor[a]));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few hundred pixels"
    )]
    let shape =
        std::array::from_fn(|a| ((coarse.shape()[a] - 1) as f64 * factor[a]).floor() as usize + 1);
    Geometry::new(coarse.origin(), steps, shape)
}

/// The same case with a mass drawn into the gland of one side; `None` without an outlined gland, or
/// where too little of the mass lies in soft tissue to be one of 10 mm.
#[must_use]
pub fn with_mass(case: &LabelledCase, side: Side, seed: u64) -> Option<LabelledCase> {
    let gland = case.glands[side as usize].as_ref()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spec = sample_tumor(&mut rng, &case.volume, gland);
    let mut drawn = case.clone();
    let mask = draw_tumor(&mut drawn.volume, gland, &spec);
    (mask.mm3() >= MASS_MM3_MIN).then(|| {
        drawn.masses = vec![(side, mask)];
        drawn
    })
}

/// The parts of a scan above and below its glands, and the scan upside down and turned to its back, as a
/// wrong orientation makes it: none of them has a gland whose side could be trusted.
#[must_use]
pub fn without_glands(case: &LabelledCase) -> Vec<(&'static str, LabelledCase)> {
    let mut found = vec![
        ("upside_down", empty(turned(&case.volume, 0))),
        ("on_its_back", empty(turned(&case.volume, 1))),
    ];
    let boxes: Vec<BoundingBox> =
        case.glands.iter().flatten().filter_map(Mask::bounding_box).collect();
    let (Some(first), Some(last)) =
        (boxes.iter().map(|b| b.start[0]).min(), boxes.iter().map(|b| b.end[0]).max())
    else {
        return found;
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gap of few slices"
    )]
    let gap = (CLEAR_MM / case.volume.geometry().spacing_mm()[0]).ceil() as usize;
    let [n_slices, n_rows, n_columns] = case.volume.shape();
    let parts = [("below", 0..first.saturating_sub(gap)), ("above", (last + gap)..n_slices)];
    for (name, slices) in parts {
        if slices.len() >= N_SLICES_MIN {
            let part =
                BoundingBox { start: [slices.start, 0, 0], end: [slices.end, n_rows, n_columns] };
            found.push((name, empty(case.volume.cut(&part))));
        }
    }
    found
}

fn empty(volume: Volume<Hounsfield>) -> LabelledCase {
    LabelledCase { volume, glands: [None, None], masses: Vec::new(), target_overlap: [0.0; 2] }
}

/// The voxels in reverse order along an axis, on the same grid.
fn turned(volume: &Volume<Hounsfield>, axis: usize) -> Volume<Hounsfield> {
    let mut turned = volume.clone();
    for offset in 0..volume.voxels().len() {
        let mut index = volume.index_of(offset);
        index[axis] = volume.shape()[axis] - 1 - index[axis];
        turned.voxels_mut()[offset] = volume.at(index);
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::PatientPoint;

    /// A cylinder of soft tissue with a ball of gland on its right, 4 mm pixels, 3 mm slices.
    fn coarse() -> LabelledCase {
        let origin = PatientPoint::new(-80.0, -80.0, 0.0);
        let grid = Geometry::axis_aligned(origin, [3.0, 4.0, 4.0], [70, 41, 41]).unwrap();
        let gland_center = PatientPoint::new(-35.0, 0.0, 100.0);
        let at = |offset: usize| {
            let index = [offset / (41 * 41), offset / 41 % 41, offset % 41];
            grid.to_patient(index.map(|n| n as f64))
        };
        let volume = (0..grid.n_voxels()).map(|offset| match at(offset) {
            p if p.distance(gland_center) < 18.0 => Hounsfield(0),
            p if p.x.hypot(p.y) < 65.0 => Hounsfield(-90),
            _ => Hounsfield(-1000),
        });
        let gland =
            (0..grid.n_voxels()).map(|o| u8::from(at(o).distance(gland_center) < 18.0)).collect();
        LabelledCase {
            volume: Volume::new(grid, volume.collect()).unwrap(),
            glands: [Mask::new(grid, gland), None],
            masses: Vec::new(),
            target_overlap: [0.0; 2],
        }
    }

    #[test]
    fn a_fine_case_has_fine_pixels_and_the_same_gland() {
        let coarse = coarse();
        for seed in 0..4 {
            let fine = fine(&coarse, seed).unwrap();
            let spacing = fine.volume.geometry().spacing_mm();
            assert_eq!(spacing.map(|mm| (mm * 1000.0).round()), [3000.0, 1000.0, 1000.0]);
            let [before, after] = [&coarse, &fine].map(|it| it.glands[0].as_ref().unwrap());
            assert!((after.mm3() / before.mm3() - 1.0).abs() < 0.1);
            let moved = after.centroid().unwrap().distance(before.centroid().unwrap());
            assert!(moved < 0.5, "{moved}");
        }
    }

    #[test]
    fn a_mass_is_drawn_where_there_is_a_gland() {
        let case = fine(&coarse(), 1).unwrap();
        let drawn = with_mass(&case, Side::Right, 5).unwrap();
        assert_eq!(drawn.masses[0].0, Side::Right);
        assert!(drawn.masses[0].1.mm3() > 400.0);
        assert!(drawn.volume.voxels() != case.volume.voxels());
        assert!(with_mass(&case, Side::Left, 5).is_none());
    }

    #[test]
    fn parts_without_glands_hold_none_of_the_gland() {
        let parts = without_glands(&coarse());
        let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["upside_down", "on_its_back", "below", "above"]);
        for (name, part) in &parts[2..] {
            assert!(part.volume.voxels().iter().all(|hu| hu.0 != 0), "{name}");
        }
        let upside_down = &parts[0].1.volume;
        assert_eq!(upside_down.at([69 - 33, 20, 11]), coarse().volume.at([33, 20, 11]));
    }
}
