//! What a comparison could have seen: "no difference" means little where the sample is small.
//!
//! The test's own power, by simulation. A formula for normal values would be far off: of masses that
//! were missed Dice is 0, which widens the spread much and hardly moves the ranks of the others.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::rank_test::RankTest;
use super::{CONFIDENCE, standard_deviation};
use crate::limits::POWER_SIMULATIONS;

/// Power that the smallest difference named has.
pub const POWER: f64 = 0.8;
/// The same samples always have the same power.
const SEED: u64 = 1945;
/// Halvings of 0..1 towards the detectable difference: it is known to 0.01.
const HALVINGS: usize = 7;

/// What a rank test of two samples of Dice could have seen at a two-sided level of 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerStatement {
    /// The difference asked about.
    pub difference: f64,
    /// Probability to see it.
    pub power: f64,
    /// Smallest difference seen with a power of [`POWER`].
    pub detectable: f64,
    /// Standard deviation of both samples together.
    pub spread: f64,
}

impl PowerStatement {
    /// For two samples of values in 0..=1; `None` where one has fewer than two or none differ.
    ///
    /// Both are drawn from all values together; then those of the second that are not 0 are worse by
    /// the difference: a mass that is missed stays missed.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64], difference: f64) -> Option<Self> {
        if first.len().min(second.len()) < 2 {
            return None;
        }
        let all: Vec<f64> = first.iter().chain(second).copied().collect();
        let spread = standard_deviation(&all).filter(|spread| *spread > 0.0)?;
        let sizes = [first.len(), second.len()];
        Some(Self {
            difference,
            power: simulated(&all, sizes, difference),
            detectable: detectable(&all, sizes),
            spread,
        })
    }
}

/// Share of the simulated samples in which the test sees the difference.
fn simulated(all: &[f64], sizes: [usize; 2], difference: f64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draw = |n: usize, worse_by: f64| -> Vec<f64> {
        (0..n).map(|_| (all[rng.random_range(0..all.len())] - worse_by).max(0.0)).collect()
    };
    let n_seen = (0..POWER_SIMULATIONS)
        .filter(|_| {
            let (first, second) = (draw(sizes[0], 0.0), draw(sizes[1], difference));
            RankTest::of(&first, &second).is_some_and(|test| test.p < 1.0 - CONFIDENCE)
        })
        .count();
    n_seen as f64 / POWER_SIMULATIONS as f64
}

/// The smallest difference with enough power; 1 where none has.
fn detectable(all: &[f64], sizes: [usize; 2]) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if simulated(all, sizes, middle) < POWER {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::normal_quantile;
    use super::super::test_support::assert_near;
    use super::*;

    /// Values spread as a normal distribution's.
    fn spread(center: f64, deviation: f64, n: usize) -> Vec<f64> {
        let quantile = |i: usize| normal_quantile((i as f64 + 0.5) / n as f64);
        (0..n).map(|i| center + deviation * quantile(i)).collect()
    }

    /// So many masses that were found, and some that were missed.
    fn found_and_missed(center: f64, deviation: f64, n_found: usize, n_missed: usize) -> Vec<f64> {
        let mut values = spread(center, deviation, n_found);
        values.resize(n_found + n_missed, 0.0);
        values
    }

    #[test]
    fn power_is_that_of_simulations_with_scipy() {
        let check = |values: &[f64], difference, power| {
            let statement = PowerStatement::of(values, values, difference).unwrap();
            assert_near(statement.power, power, 0.04);
        };
        // Share of p < 0.05 of scipy.stats.mannwhitneyu in 4000 pairs of samples drawn with numpy.
        let many = found_and_missed(0.88, 0.05, 45, 5);
        check(&many, 0.05, 0.961);
        check(&many, 0.02, 0.333);
        check(&found_and_missed(0.8, 0.08, 18, 2), 0.05, 0.336);
    }

    #[test]
    fn power_for_normal_values_is_that_of_statsmodels() {
        // NormalIndPower().power(0.05 / 0.2, 100 * 3 / pi, 0.05, 1.0)
        let values = spread(10.0, 0.2, 100);
        let statement = PowerStatement::of(&values, &values, 0.05).unwrap();
        assert_near(statement.power, 0.408, 0.04);
    }

    #[test]
    fn the_detectable_difference_has_its_power() {
        let values = found_and_missed(0.85, 0.1, 30, 4);
        let detectable = PowerStatement::of(&values, &values, 0.05).unwrap().detectable;
        let again = PowerStatement::of(&values, &values, detectable).unwrap();
        assert!(again.power >= POWER && again.power < POWER + 0.1, "{again:?}");
    }

    #[test]
    fn equal_or_too_few_values_have_none() {
        assert_eq!(PowerStatement::of(&[0.5, 0.5], &[0.5, 0.5], 0.05), None);
        assert_eq!(PowerStatement::of(&[0.5], &[0.5, 0.6], 0.05), None);
    }
}
