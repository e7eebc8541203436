//! The outline of a mass: a star-shaped surface around its centre.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{TumorSpec, along_axes};
use crate::imaging::geometry::{dot, norm};
use crate::phantom::noise::{Noise, derive_seed};

/// Directions in the sum that gives the surface its volume; the error is below 0.5 %.
const DIRECTIONS: u32 = 1500;

/// The radius of the surface in every direction, for a scale that gives the specified volume.
#[derive(Debug)]
pub(super) struct Outline {
    axes: [[f64; 3]; 3],
    inverse_lengths: [f64; 3],
    lobes: Vec<Lobe>,
    ripple: Noise,
    ripple_height: f64,
    /// mm for one unit of [`Outline::relative_radius`].
    scale_mm: f64,
    radius_max_mm: f64,
}

#[derive(Debug)]
struct Lobe {
    direction: [f64; 3],
    height: f64,
    sharpness: f64,
}

impl Outline {
    pub(super) fn new(spec: &TumorSpec) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(spec.seed, 1));
        let n_lobes = rng.random_range(2..7);
        let lobes = (0..n_lobes).map(|_| sample_lobe(&mut rng, spec.lobulation)).collect();
        let mut outline = Self {
            axes: spec.axes,
            inverse_lengths: spec.elongation.map(|length| 1.0 / length),
            lobes,
            ripple: Noise::new(derive_seed(spec.seed, 2)),
            ripple_height: 0.04 + 0.10 * spec.lobulation,
            scale_mm: 1.0,
            radius_max_mm: 0.0,
        };
        // The volume of a star-shaped body is the mean over directions of 4/3 pi r^3.
        let mut cubes = 0.0;
        let mut largest = 0.0_f64;
        for n in 0..DIRECTIONS {
            let radius = outline.relative_radius(&direction(n));
            cubes += radius.powi(3) / f64::from(DIRECTIONS);
            largest = largest.max(radius);
        }
        let sphere_mm = super::radius_mm(spec.volume_cm3.0);
        outline.scale_mm = sphere_mm / cubes.cbrt();
        // The directions are 4 degrees apart: the true maximum is hardly above the largest seen.
        outline.radius_max_mm = 1.05 * largest * outline.scale_mm;
        outline
    }

    /// Radius along a unit vector in LPS, mm.
    pub(super) fn radius_mm(&self, direction: &[f64; 3]) -> f64 {
        self.scale_mm * self.relative_radius(direction)
    }

    /// No point of the surface is farther from the centre.
    pub(super) fn radius_max_mm(&self) -> f64 {
        self.radius_max_mm
    }

    fn relative_radius(&self, direction: &[f64; 3]) -> f64 {
        let local = along_axes(&self.axes, direction);
        let squeezed: [f64; 3] = std::array::from_fn(|a| local[a] * self.inverse_lengths[a]);
        let mut swell = 1.0;
        for lobe in &self.lobes {
            let cosine = dot(&lobe.direction, direction);
            swell += lobe.height * (lobe.sharpness * (cosine - 1.0)).exp();
        }
        swell += self.ripple_height * self.ripple.at(direction.map(|v| 1.7 * v + 40.0));
        swell.max(0.3) / norm(&squeezed)
    }
}

fn sample_lobe(rng: &mut impl Rng, lobulation: f64) -> Lobe {
    let vector: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(rng));
    let length = norm(&vector).max(1e-6);
    Lobe {
        direction: vector.map(|v| v / length),
        height: lobulation * rng.random_range(0.08..0.42),
        sharpness: rng.random_range(3.0..9.0),
    }
}

/// The n-th of evenly spread directions (the golden spiral).
fn direction(n: u32) -> [f64; 3] {
    let z = 1.0 - 2.0 * (f64::from(n) + 0.5) / f64::from(DIRECTIONS);
    let around = f64::from(n) * std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
    let ring = (1.0 - z * z).sqrt();
    [ring * around.cos(), ring * around.sin(), z]
}
