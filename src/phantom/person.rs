//! What differs from one phantom patient to the next, apart from position and size.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::scene::side_index;
use crate::units::Side;

/// The variation of one patient; all of it comes from the seed.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Share of fat in the parotid of the right and the left side, 0..=1; grows with age.
    pub(super) gland_fat: [f64; 2],
    /// Size of the right and the left parotid, 1 is typical.
    pub(super) gland_size: [f64; 2],
    /// Both parotids' build: longer or shorter along x, y and z, 1 is typical.
    pub(super) gland_stretch: [f64; 3],
    /// Where both parotids lie: so many mm further lateral, back and up than drawn.
    pub(super) gland_shift_mm: [f64; 3],
    /// How far back the neck's spine lies, mm.
    pub(super) spine_back_mm: f64,
    /// Thicker (or thinner) subcutaneous fat than typical, mm.
    pub(super) plump_mm: f64,
    /// Fat under the skin and between muscles; denser where it is scarce or scarred.
    pub(super) fat_hu: f64,
    /// HU of the strands in it above the fat.
    pub(super) strand_hu: f64,
    /// Share of fat between the muscles of face and neck, 0..=1; the rest are thin muscles.
    pub(super) deep_fat: f64,
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
    /// What looks like a mass but is below 10 mm; none in a gland with a mass.
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
    /// Half its longest diameter.
    pub(super) radius_mm: f64,
    /// Shortest over longest diameter.
    pub(super) roundness: f64,
    pub(super) hu: f64,
}

impl Person {
    /// Somebody, with a mass on a side or without.
    pub(super) fn sample(rng: &mut impl Rng, tumor: Option<Side>) -> Self {
        let age: f64 = rng.random_range(0.0..1.0);
        // From as dense as muscle in the young to fat with some strands in the old.
        let fat = (0.06 + 0.46 * age + rng.random_range(-0.16..0.22_f64)).clamp(0.0, 0.8);
        let uneven = if rng.random_bool(0.1) { 0.15 } else { 0.04 };
        let gland_fat = [0; 2].map(|_| (fat + rng.random_range(-uneven..uneven)).max(0.0));
        let size: f64 = rng.random_range(0.82..1.08);
        let gland_size = sample_gland_sizes(rng, size);
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
            gland_size,
            plump_mm: rng.random_range(-5.0..9.0),
            fat_hu: -112.0 + 30.0 * rng.random::<f64>().powi(2),
            strand_hu: 25.0 + 95.0 * rng.random::<f64>().powi(2),
            muscle_size: rng.random_range(0.84..1.14) * (1.04 - 0.1 * age),
            muscle_hu: rng.random_range(40.0..60.0),
            contrast_hu: if contrast { rng.random_range(70.0..210.0) } else { 0.0 },
            atrophy: 0.5 + 0.8 * age + rng.random_range(0.0..0.3),
            mastoid_air: rng.random_range(0.35..0.75),
            bone_hu: rng.random_range(950.0..1350.0) - 150.0 * age,
            teeth,
            mouth_open: rng.random_bool(0.3),
            mimics: sample_mimics(rng, tumor),
            accessory_gland: rng.random_bool(0.3),
            gland_stretch: [0.14, 0.10, 0.15].map(|half| rng.random_range(1.0 - half..1.0 + half)),
            gland_shift_mm: [[-1.0, 6.5], [-3.5, 2.0], [-10.5, 2.0]]
                .map(|[low, high]| rng.random_range(low..high)),
            spine_back_mm: rng.random_range(2.0..7.0),
            deep_fat: rng.random_range(0.3..1.0),
        }
    }

    /// HU that contrast medium adds to muscle-like tissue.
    pub(super) fn enhancement(&self) -> f64 {
        0.07 * self.contrast_hu
    }
}

/// Right and left: mostly alike, now and then one is clearly smaller.
fn sample_gland_sizes(rng: &mut impl Rng, size: f64) -> [f64; 2] {
    let mut sizes = [0; 2].map(|_| size * rng.random_range(0.96..1.04));
    if rng.random_bool(0.1) {
        sizes[usize::from(rng.random_bool(0.5))] *= rng.random_range(0.8..0.95);
    }
    sizes
}

/// Nodes, which most parotids have, cysts and stones; all of them stay below 10 mm.
fn sample_mimics(rng: &mut impl Rng, tumor: Option<Side>) -> Vec<Mimic> {
    let n = *[0_usize, 0, 1, 1, 2, 3, 4].choose(rng).unwrap_or(&0);
    let mimics: Vec<Mimic> = (0..n)
        .map(|_| {
            let (radius, hu) = match rng.random::<f64>() {
                p if p < 0.15 => (1.5..4.7, 2.0..15.0),
                p if p < 0.20 => (0.7..2.2, 250.0..1200.0),
                _ => (1.5..4.7, 35.0..80.0),
            };
            Mimic {
                side: usize::from(rng.random_bool(0.5)),
                place: std::array::from_fn(|_| rng.random_range(-0.55..0.55)),
                radius_mm: rng.random_range(radius),
                roundness: rng.random_range(0.6..1.0),
                hu: rng.random_range(hu),
            }
        })
        .collect();
    mimics.into_iter().filter(|mimic| tumor.map(side_index) != Some(mimic.side)).collect()
}
