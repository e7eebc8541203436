//! Smooth random fields that are functions of a seed and a position alone, so that what is drawn does
//! not depend on the order of drawing or on the number of threads.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "lattice cells are small integers, and a hash keeps only the bits it needs"
)]

/// Value noise: random values on the unit lattice, smoothly interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    seed: u64,
}

impl Noise {
    /// The field of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The field at a position in units of lattice cells; within -1..=1, mean 0.
    #[must_use]
    pub fn at(&self, position: [f64; 3]) -> f64 {
        // Without SSE4.1 `f64::floor` is a call, and this runs for every voxel.
        let cell = position.map(|v| v as i64 - i64::from(v < (v as i64) as f64));
        let weight: [f64; 3] = std::array::from_fn(|a| smooth(position[a] - cell[a] as f64));
        let along = |x: usize, y: usize| {
            let at = |z: i64| self.lattice([cell[0] + x as i64, cell[1] + y as i64, cell[2] + z]);
            mix(at(0), at(1), weight[2])
        };
        let plane = |x: usize| mix(along(x, 0), along(x, 1), weight[1]);
        mix(plane(0), plane(1), weight[0])
    }

    /// Two octaves of [`Noise::at`], the second at half the cell and half the height.
    #[must_use]
    pub fn rough(&self, position: [f64; 3]) -> f64 {
        let fine = position.map(|value| 2.0 * value + 17.3);
        (self.at(position) + 0.5 * self.at(fine)) / 1.5
    }

    /// The value of one lattice point, uniform in -1..1.
    fn lattice(&self, cell: [i64; 3]) -> f64 {
        let primes = [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9];
        let mixed = cell.into_iter().zip(primes).fold(self.seed, |state, (n, prime)| {
            state.rotate_left(21).wrapping_add((n as u64).wrapping_mul(prime))
        });
        let state = scramble(mixed);
        unit(state)
    }
}

/// A number in -1..1 for a seed and an index: white noise that any thread can make alone.
#[must_use]
pub fn white(seed: u64, index: u64) -> f64 {
    unit(scramble(seed ^ scramble(index)))
}

/// A seed of its own for each purpose.
#[must_use]
pub fn derive_seed(seed: u64, purpose: u64) -> u64 {
    scramble(scramble(seed) ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn smooth(t: f64) -> f64 {
    t * t * t * (t * (6.0 * t - 15.0) + 10.0)
}

fn mix(a: f64, b: f64, weight: f64) -> f64 {
    a + (b - a) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_bounded_smooth_and_different_for_each_seed() {
        let [one, other] = [Noise::new(1), Noise::new(2)];
        let mut sum = 0.0;
        let mut spread = 0.0;
        for n in 0..4000 {
            let at = f64::from(n) * 0.37;
            let here = one.at([at, -at * 0.7, 3.1]);
            assert!(here.abs() <= 1.0);
            assert!((here - one.at([at + 1e-4, -at * 0.7, 3.1])).abs() < 1e-3);
            sum += here / 4000.0;
            spread += (here - other.at([at, -at * 0.7, 3.1])).abs() / 4000.0;
        }
        assert!(sum.abs() < 0.05);
        assert!(spread > 0.2);
    }

    #[test]
    fn white_noise_is_uniform() {
        let mean_square: f64 = (0..10_000).map(|n| white(7, n).powi(2) / 10_000.0).sum();
        assert!((mean_square - 1.0 / 3.0).abs() < 0.02);
    }
}
