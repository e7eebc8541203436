//! How far two ways of measuring lie apart: bias and limits of agreement (Bland and Altman 1986, 1999).

use serde::{Deserialize, Serialize};

use super::{Interval, mean, standard_deviation, student, z};

/// Bias and the limits between which 95 % of the differences lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Mean difference.
    pub bias: Bound,
    /// Lower limit.
    pub low: Bound,
    /// Upper limit.
    pub high: Bound,
    /// Differences.
    pub n: usize,
    /// Patients they come from.
    pub n_patients: usize,
}

/// A line of the plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Where it lies.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

impl Agreement {
    /// Of differences; `None` below two of them or two patients.
    ///
    /// Intervals are as wide as if each patient had given one difference: the mean of many masses in
    /// one patient tells little about the next one.
    #[must_use]
    pub fn of(differences: &[f64], n_patients: usize) -> Option<Self> {
        let bias = mean(differences)?;
        let spread = standard_deviation(differences)?;
        let n = n_patients.min(differences.len()) as f64;
        let t = student(n - 1.0)?;
        let of_bias = t * spread / n.sqrt();
        // Bland and Altman 1999, section 2.3.
        let of_limit = t * spread * (1.0 / n + z().powi(2) / (2.0 * (n - 1.0))).sqrt();
        let bound =
            |value, half_width| Bound { value, interval: Interval::around(value, half_width) };
        Some(Self {
            bias: bound(bias, of_bias),
            low: bound(bias - z() * spread, of_limit),
            high: bound(bias + z() * spread, of_limit),
            n: differences.len(),
            n_patients,
        })
    }

    /// Every value through a growing function, as from logarithms to ratios.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let bound =
            |it: Bound| Bound { value: change(it.value), interval: it.interval.map(&change) };
        Self { bias: bound(self.bias), low: bound(self.low), high: bound(self.high), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    /// Bland and Altman 1986, table 1: peak expiratory flow by two meters, L/min.
    #[test]
    fn limits_are_those_of_the_paper() {
        let wright = [
            494.0, 395.0, 516.0, 434.0, 476.0, 557.0, 413.0, 442.0, 650.0, 433.0, 417.0, 656.0,
            267.0, 478.0, 178.0, 423.0, 427.0,
        ];
        let mini = [
            512.0, 430.0, 520.0, 428.0, 500.0, 600.0, 364.0, 380.0, 658.0, 445.0, 432.0, 626.0,
            260.0, 477.0, 259.0, 350.0, 451.0,
        ];
        let differences: Vec<f64> = wright.iter().zip(mini).map(|(a, b)| a - b).collect();
        let agreement = Agreement::of(&differences, 17).unwrap();
        // The paper rounds the spread to 38.8, z to 2 and t to 2.12.
        assert_near(agreement.bias.value, -2.1, 0.05);
        assert_near(agreement.bias.interval.low, -22.0, 0.1);
        assert_near(agreement.bias.interval.high, 17.8, 0.1);
        assert_near(agreement.low.value, -2.1 - 1.96 * 38.8, 0.1);
        assert_near(agreement.high.value, -2.1 + 1.96 * 38.8, 0.1);
        // Recomputed by numpy and scipy from the formula of 1999.
        let half_width = agreement.low.interval.high - agreement.low.value;
        assert_near(half_width, 34.756, 1e-2);
    }

    #[test]
    fn one_difference_or_one_patient_says_nothing() {
        assert_eq!(Agreement::of(&[], 0), None);
        assert_eq!(Agreement::of(&[1.0], 1), None);
        assert_eq!(Agreement::of(&[1.0, 2.0, 3.0], 1), None);
    }

    #[test]
    fn ratios_are_the_exponentials() {
        let agreement = Agreement::of(&[0.1, 0.3, -0.2], 3).unwrap().map(f64::exp);
        assert_near(agreement.bias.value, (0.2_f64 / 3.0).exp(), 1e-12);
    }
}
