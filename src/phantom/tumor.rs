//! Masses with a known outline, drawn into any CT: into phantoms and into real scans.
//!
//! [`TumorSpec::sample`] chooses a mass for a gland; [`draw_tumor`] paints it and returns what was
//! painted. The outline is a lobulated star-shaped surface in patient millimetres, so one mass is the
//! same mass on a 0.5 mm and on a 4 mm grid.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts and indices of voxels are far below 2^52"
)]

mod paint;
mod shape;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_distr::{Distribution, LogNormal, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::imaging::geometry::{cross, dot, norm};
use crate::imaging::{Mask, PatientPoint};
use crate::units::{CubicCentimeters, Millimeters};

pub use paint::draw_tumor;

/// Median volume of the source study's tumours.
pub const VOLUME_CM3_MEDIAN: f64 = 4.62;
/// Smallest: a sphere of 10 mm, the source study's own lower bound.
pub const VOLUME_CM3_MIN: f64 = 0.52;
/// Largest: replaces the whole gland.
pub const VOLUME_CM3_MAX: f64 = 45.0;
/// Larger masses leave little of their gland.
const REPLACING_CM3: f64 = 18.0;
/// Spread of the logarithm of the volume. With 1.0 the two bounds cut equal tails, so the median stays.
const VOLUME_LOG_SIGMA: f64 = 1.0;

/// Where in its gland a mass sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TumorPlace {
    /// In the lateral two thirds of the gland.
    Superficial,
    /// In the medial part, reaching into the parapharyngeal fat.
    Deep,
    /// Centred near the surface, growing out of the gland.
    Exophytic,
    /// Large and central: little gland is left.
    Replacing,
}

/// Everything that makes one mass; the same specification always draws the same voxels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TumorSpec {
    /// Centre of the implicit surface.
    pub center: PatientPoint,
    /// Volume inside the surface.
    pub volume_cm3: CubicCentimeters,
    /// Where it was put.
    pub place: TumorPlace,
    /// 0 is a smooth ellipsoid, 1 strongly lobulated.
    pub lobulation: f64,
    /// HU above the gland (or above 0 HU where the gland is fatty); the mean ends within 20..=110 HU.
    pub contrast_hu: f64,
    /// Height of the smooth inner texture, HU.
    pub texture_hu: f64,
    /// Share of the radius that is necrotic or cystic in the middle; 0 for a solid mass.
    pub core_fraction: f64,
    /// HU of that core: 5..=15 is a cyst, 15..=35 necrosis.
    pub core_hu: f64,
    /// Number of calcified grains.
    pub calcifications: u32,
    /// Principal axes of the ellipsoid: unit vectors in LPS.
    pub axes: [[f64; 3]; 3],
    /// Relative lengths along those axes; their product is 1.
    pub elongation: [f64; 3],
    /// Width of the edge beyond what the voxels blur by themselves.
    pub edge_mm: Millimeters,
    /// How much of the neighbouring soft tissue is pushed aside, 0..=1; the rest is replaced.
    pub displacement: f64,
    /// Seed of lobes, texture and grains.
    pub seed: u64,
}

impl TumorSpec {
    /// A mass for a gland: log-normal volume of median 4.62 cm3 between 0.52 and 45 cm3, about 10 % in
    /// the deep lobe and 18 % exophytic.
    ///
    /// Medial is towards the middle column of the gland mask's grid, so the grid must hold both halves
    /// of the head. With an empty mask the mass sits in the grid's middle.
    #[must_use]
    pub fn sample(rng: &mut impl Rng, gland: &Mask) -> Self {
        let volume = sample_volume(rng);
        let place = match rng.random::<f64>() {
            _ if volume > REPLACING_CM3 => TumorPlace::Replacing,
            p if p < 0.11 => TumorPlace::Deep,
            p if p < 0.30 => TumorPlace::Exophytic,
            _ => TumorPlace::Superficial,
        };
        Self::sample_at(rng, gland, volume, place)
    }

    /// As [`Self::sample`], but deep: too few are for a network to learn them from as they come.
    #[must_use]
    pub fn sample_deep(rng: &mut impl Rng, gland: &Mask) -> Self {
        let volume = sample_volume(rng).min(REPLACING_CM3);
        Self::sample_at(rng, gland, volume, TumorPlace::Deep)
    }

    /// As [`Self::sample`], of a volume in cm3 and a place already chosen.
    #[must_use]
    pub fn sample_at(rng: &mut impl Rng, gland: &Mask, volume: f64, place: TumorPlace) -> Self {
        let elongation = sample_elongation(rng);
        let (core_fraction, core_hu) = sample_core(rng, volume);
        Self {
            center: sample_center(rng, gland, place, radius_mm(volume)),
            volume_cm3: CubicCentimeters(volume),
            place,
            lobulation: rng.random_range(0.0..1.0),
            contrast_hu: sample_contrast(rng),
            texture_hu: rng.random_range(2.0..12.0),
            core_fraction,
            core_hu,
            calcifications: if rng.random_bool(0.08) { rng.random_range(1..6) } else { 0 },
            axes: sample_axes(rng),
            elongation,
            edge_mm: Millimeters(0.2 + 1.6 * rng.random::<f64>().powi(2)),
            displacement: rng.random_range(0.2..0.9),
            seed: rng.random(),
        }
    }

    /// Diameter of the sphere of the same volume.
    #[must_use]
    pub fn diameter_mm(&self) -> Millimeters {
        Millimeters(2.0 * radius_mm(self.volume_cm3.0))
    }
}

/// Radius of a sphere of so many cm3, mm.
fn radius_mm(volume_cm3: f64) -> f64 {
    (volume_cm3 * 1000.0 * 0.75 / std::f64::consts::PI).cbrt()
}

fn sample_volume(rng: &mut impl Rng) -> f64 {
    let volumes = LogNormal::new(VOLUME_CM3_MEDIAN.ln(), VOLUME_LOG_SIGMA)
        .expect("the spread is a positive constant");
    loop {
        let volume = volumes.sample(rng);
        if (VOLUME_CM3_MIN..=VOLUME_CM3_MAX).contains(&volume) {
            return volume;
        }
    }
}

fn sample_elongation(rng: &mut impl Rng) -> [f64; 3] {
    let logs: [f64; 3] = std::array::from_fn(|_| rng.random_range(-0.22..0.22));
    let mean = logs.iter().sum::<f64>() / 3.0;
    logs.map(|value| (value - mean).exp())
}

fn sample_core(rng: &mut impl Rng, volume_cm3: f64) -> (f64, f64) {
    match rng.random::<f64>() {
        p if p < 0.08 => (rng.random_range(0.5..0.85), rng.random_range(3.0..15.0)),
        p if p < 0.20 && volume_cm3 > 2.0 => {
            (rng.random_range(0.3..0.65), rng.random_range(15.0..35.0))
        }
        _ => (0.0, 0.0),
    }
}

/// Some masses hardly differ from a gland that is as dense as they are.
fn sample_contrast(rng: &mut impl Rng) -> f64 {
    if rng.random_bool(0.15) {
        rng.random_range(8.0..20.0)
    } else {
        20.0 + 60.0 * rng.random::<f64>().powf(1.3)
    }
}

/// Three random orthonormal axes.
fn sample_axes(rng: &mut impl Rng) -> [[f64; 3]; 3] {
    loop {
        let [a, b]: [[f64; 3]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| StandardNormal.sample(rng)));
        let (length, normal) = (norm(&a), cross(&a, &b));
        // Nearly parallel draws would lose precision below.
        if length > 0.1 && norm(&normal) > 0.1 {
            let first = a.map(|v| v / length);
            let third = normal.map(|v| v / norm(&normal));
            return [first, cross(&third, &first), third];
        }
    }
}

fn sample_center(rng: &mut impl Rng, gland: &Mask, place: TumorPlace, radius: f64) -> PatientPoint {
    let grid = gland.geometry();
    let Some(centroid) = gland.centroid() else {
        return grid.to_patient(grid.shape().map(|n| (n as f64 - 1.0) / 2.0));
    };
    let (low, high) = grid.extent();
    let to_medial = if centroid.x > f64::midpoint(low.x, high.x) { -1.0 } else { 1.0 };
    let candidates = candidate_points(gland, place, to_medial);
    let picked: [f64; 3] = candidates.choose(rng).copied().unwrap_or(centroid).into();
    let middle: [f64; 3] = centroid.into();
    // A larger mass has its centre nearer to the gland's: it must not lie mostly outside the head.
    let inward = match place {
        TumorPlace::Replacing => 0.8,
        TumorPlace::Deep => 0.0,
        TumorPlace::Exophytic => ((radius - 9.0) / 20.0).clamp(0.0, 0.6),
        TumorPlace::Superficial => ((radius - 6.0) / 12.0).clamp(0.1, 0.8),
    };
    let mut center: [f64; 3] =
        std::array::from_fn(|a| picked[a] + inward * (middle[a] - picked[a]));
    let outward: [f64; 3] = std::array::from_fn(|a| center[a] - middle[a]);
    let length = norm(&outward).max(1.0);
    match place {
        TumorPlace::Deep => {
            center[0] += to_medial * radius * rng.random_range(0.0..0.5);
        }
        TumorPlace::Exophytic => {
            let shift = radius * rng.random_range(0.0..0.35);
            for (value, direction) in center.iter_mut().zip(outward) {
                *value += shift * direction / length;
            }
        }
        TumorPlace::Superficial | TumorPlace::Replacing => {}
    }
    center.into()
}

/// Positions of the gland's voxels where a mass of that place may be centred.
fn candidate_points(gland: &Mask, place: TumorPlace, to_medial: f64) -> Vec<PatientPoint> {
    let points: Vec<(PatientPoint, bool)> = gland
        .voxels()
        .iter()
        .enumerate()
        .filter(|(_, v)| **v != 0)
        .map(|(offset, _)| {
            let index = gland.index_of(offset);
            (gland.geometry().to_patient(index.map(|n| n as f64)), at_surface(gland, index))
        })
        .collect();
    let mut depths: Vec<f64> = points.iter().map(|(p, _)| to_medial * p.x).collect();
    depths.sort_by(f64::total_cmp);
    let depth_at = |share: f64| depths[((depths.len() - 1) as f64 * share) as usize];
    let [shallow_end, deep_start] = [depth_at(0.67), depth_at(0.85)];
    points
        .into_iter()
        .filter(|(point, surface)| {
            let depth = to_medial * point.x;
            match place {
                TumorPlace::Superficial => depth <= shallow_end,
                TumorPlace::Deep => depth >= deep_start,
                TumorPlace::Exophytic => *surface,
                TumorPlace::Replacing => true,
            }
        })
        .map(|(point, _)| point)
        .collect()
}

fn at_surface(mask: &Mask, index: [usize; 3]) -> bool {
    let shape = mask.shape();
    (0..3).any(|axis| {
        let mut next = index;
        let before = index[axis].checked_sub(1);
        let after = (index[axis] + 1 < shape[axis]).then_some(index[axis] + 1);
        [before, after].into_iter().any(|n| match n {
            Some(n) => {
                next[axis] = n;
                mask.at(next) == 0
            }
            None => true,
        })
    })
}

/// Components of a vector along orthonormal axes.
fn along_axes(axes: &[[f64; 3]; 3], vector: &[f64; 3]) -> [f64; 3] {
    std::array::from_fn(|a| dot(&axes[a], vector))
}

#[cfg(test)]
mod tests;
