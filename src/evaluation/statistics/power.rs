//! What a comparison could have seen: "no difference" means little where the sample is small.
//!
//! Normal approximation of the rank test, whose efficiency beside the t test is 3/pi for normal
//! values (Lehmann 1975).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::{normal_quantile, normal_share_below, standard_deviation, z};

/// Power that the smallest difference named has.
pub const POWER: f64 = 0.8;

/// What a comparison of two samples could have seen at a two-sided level of 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerStatement {
    /// The difference asked about.
    pub difference: f64,
    /// Probability to see it.
    pub power: f64,
    /// Smallest difference seen with a power of [`POWER`].
    pub detectable: f64,
    /// Pooled standard deviation.
    pub spread: f64,
}

impl PowerStatement {
    /// For two samples; `None` where their spread is unknown or nil.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64], difference: f64) -> Option<Self> {
        let (s1, s2) = (standard_deviation(first)?, standard_deviation(second)?);
        let (n1, n2) = (first.len() as f64, second.len() as f64);
        let pooled = ((n1 - 1.0) * s1 * s1 + (n2 - 1.0) * s2 * s2) / (n1 + n2 - 2.0);
        Self::at(n1, n2, pooled.sqrt(), difference)
    }

    fn at(n1: f64, n2: f64, spread: f64, difference: f64) -> Option<Self> {
        if spread <= 0.0 {
            return None;
        }
        let efficiency = (3.0 / PI).sqrt();
        let standard_error = spread * (1.0 / n1 + 1.0 / n2).sqrt() / efficiency;
        let shift = difference / standard_error;
        Some(Self {
            difference,
            power: normal_share_below(shift - z()) + normal_share_below(-shift - z()),
            detectable: (z() + normal_quantile(POWER)) * standard_error,
            spread,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    #[test]
    fn power_is_that_of_statsmodels() {
        let check = |n1: f64, n2: f64, spread, difference, power| {
            let statement = PowerStatement::at(n1, n2, spread, difference).unwrap();
            assert_near(statement.power, power, 1e-6);
        };
        // statsmodels NormalIndPower().power(difference / spread, n1 * 3 / pi, 0.05, n2 / n1)
        check(100.0, 101.0, 0.2, 0.05, 0.409_856_214);
        check(20.0, 20.0, 0.25, 0.05, 0.094_778_776);
        check(40.0, 200.0, 0.15, 0.05, 0.468_445_629);
        check(10.0, 12.0, 0.2, 0.3, 0.928_324_458);
    }

    #[test]
    fn the_detectable_difference_has_its_power() {
        let statement = PowerStatement::at(40.0, 25.0, 0.2, 0.05).unwrap();
        let again = PowerStatement::at(40.0, 25.0, 0.2, statement.detectable).unwrap();
        assert_near(again.power, POWER, 1e-4);
        assert_eq!(PowerStatement::of(&[0.5, 0.5], &[0.5, 0.5], 0.05), None);
        assert_eq!(PowerStatement::of(&[0.5], &[0.5, 0.6], 0.05), None);
    }
}
