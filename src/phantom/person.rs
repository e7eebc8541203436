//! What differs from one phantom patient to the next, apart from position and size.

use rand::Rng;
use rand::seq::IndexedRandom;

/// The variation of one patient; all of it comes from the seed.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Share of fat in the parotid of the right and the left side, 0..=1; grows with age.
    pub(super) gland_fat: [f64; 2],
    /// Size of the right and the left parotid, 1 is typical.
    pub(super) gland_size: [f64; 2],
    /// Thicker (or thinner) subcutaneous fat than typical, mm.
    pub(super) plump_mm: f64,
    /// Size of the muscles, 1 is typical.
    pub(super) muscle_size: f64,
    pub(super) muscle_hu: f64,
    /// HU that iodine adds to vessels; 0 without contrast medium.
    pub(super) contrast_hu: f64,
    /// Width of ventricles and sulci, 0.5..=1.6; grows with age.
    pub(super) atrophy: f64,
    /// Air in the mastoid cells, 0..=1.
    pub(super) mastoid_air: f64,
    pub(super) bone_hu: f64,
    /// Which of the 28 teeth are there, and which carry metal.
    pub(super) teeth: [Tooth; 28],
    pub(super) mouth_open: bool,
    /// What looks like a mass but is below 8 mm; empty in patients with a mass.
    pub(super) mimics: Vec<Mimic>,
    /// A gland of its own in front of the parotid, on the masseter.
    pub(super) accessory_gland: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tooth {
    Missing,
    Natural,
    Metal,
}

/// A small finding inside a gland.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mimic {
    /// 0 right, 1 left.
    pub(super) side: usize,
    /// Place in the gland: shares of its half extents.
    pub(super) place: [f64; 3],
    pub(super) radius_mm: f64,
    pub(super) hu: f64,
}

impl Person {
    pub(super) fn sample(rng: &mut impl Rng, with_mimics: bool) -> Self {
        let age: f64 = rng.random_range(0.0..1.0);
        let fat = (0.10 + 0.44 * age + rng.random_range(-0.1..0.25_f64)).clamp(0.03, 0.78);
        let gland_fat = [0; 2].map(|_| (fat + rng.random_range(-0.04..0.04_f64)).max(0.0));
        let size: f64 = rng.random_range(0.88..1.06);
        let contrast = rng.random_bool(0.6);
        let metal_share = if rng.random_bool(0.4) { rng.random_range(0.05..0.35) } else { 0.0 };
        let lost_share: f64 = age * rng.random_range(0.0..0.6);
        let teeth = [0; 28].map(|_| match rng.random::<f64>() {
            p if p < lost_share => Tooth::Missing,
            p if p < lost_share + metal_share => Tooth::Metal,
            _ => Tooth::Natural,
        });
        Self {
            gland_fat,
            gland_size: [0; 2].map(|_| size * rng.random_range(0.95..1.05)),
            plump_mm: rng.random_range(-3.0..6.0),
            muscle_size: rng.random_range(0.86..1.06) * (1.04 - 0.1 * age),
            muscle_hu: rng.random_range(40.0..60.0),
            contrast_hu: if contrast { rng.random_range(70.0..210.0) } else { 0.0 },
            atrophy: 0.5 + 0.8 * age + rng.random_range(0.0..0.3),
            mastoid_air: rng.random_range(0.35..0.75),
            bone_hu: rng.random_range(950.0..1350.0) - 150.0 * age,
            teeth,
            mouth_open: rng.random_bool(0.3),
            mimics: if with_mimics { sample_mimics(rng) } else { Vec::new() },
            accessory_gland: rng.random_bool(0.2),
        }
    }

    /// HU that contrast medium adds to muscle-like tissue.
    pub(super) fn enhancement(&self) -> f64 {
        0.07 * self.contrast_hu
    }
}

fn sample_mimics(rng: &mut impl Rng) -> Vec<Mimic> {
    let n = *[0_usize, 0, 0, 1, 1, 2, 3].choose(rng).unwrap_or(&0);
    let mimics = (0..n).map(|_| {
        // A node is soft tissue, a cyst water; both stay well below 10 mm.
        let cyst = rng.random_bool(0.25);
        Mimic {
            side: usize::from(rng.random_bool(0.5)),
            place: std::array::from_fn(|_| rng.random_range(-0.55..0.55)),
            radius_mm: rng.random_range(1.5..3.8),
            hu: if cyst { rng.random_range(2.0..15.0) } else { rng.random_range(35.0..75.0) },
        }
    });
    mimics.collect()
}
