//! The support vector machine that tells masses from false outlines.
//!
//! A radial basis function kernel: a candidate's decision value is the sum over the support vectors of
//! coefficient times exp(-gamma |x - v|^2), plus an intercept (C. Cortes, V. Vapnik, "Support-vector
//! networks", Machine Learning 20, 1995). It is fitted outside of this program on a calibration set;
//! `models/training/decision.py` is the recipe. Gamma is the inverse of the radius of influence of a
//! support vector, on features scaled to 0..=1.

use serde::Deserialize;

use super::features::{Features, N_FEATURES, NAMES};

/// A fitted machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportVectorMachine {
    /// Names of the features it was fitted on, in order.
    pub features: Vec<String>,
    /// Feature values that become 0; what is less becomes 0 too.
    pub low: Vec<f64>,
    /// Feature values that become 1; what is more becomes 1 too.
    pub high: Vec<f64>,
    /// Support vectors, scaled.
    pub support: Vec<Vec<f64>>,
    /// Coefficient of each.
    pub coefficients: Vec<f64>,
    /// Added to the sum.
    pub intercept: f64,
    /// The operating point: a candidate is kept from this decision value on.
    pub cut: f64,
    /// Steepness of the probability of being a mass along the decision value (J. Platt 1999).
    pub slope: f64,
    /// Log odds of being a mass at decision value 0.
    pub offset: f64,
}

impl SupportVectorMachine {
    /// What is wrong with it, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let numbers = [self.intercept, self.cut, self.slope, self.offset];
        if self.features.iter().map(String::as_str).ne(NAMES) {
            Some("svm.features")
        } else if self.low.len() != N_FEATURES
            || self.high.len() != N_FEATURES
            || !finite(&self.low)
            || !finite(&self.high)
            || self.low.iter().zip(&self.high).any(|(low, high)| low >= high)
        {
            Some("svm.low")
        } else if self.support.is_empty()
            || self.support.iter().any(|v| v.len() != N_FEATURES || !finite(v))
        {
            Some("svm.support")
        } else if self.coefficients.len() != self.support.len() || !finite(&self.coefficients) {
            Some("svm.coefficients")
        } else if !finite(&numbers) || self.slope <= 0.0 {
            Some("svm.slope")
        } else {
            None
        }
    }

    /// The decision value: larger is more like a mass.
    #[must_use]
    pub fn value(&self, gamma: f64, features: &Features) -> f64 {
        let scaled: Features = std::array::from_fn(|n| {
            ((features[n] - self.low[n]) / (self.high[n] - self.low[n])).clamp(0.0, 1.0)
        });
        let sum: f64 = self
            .support
            .iter()
            .zip(&self.coefficients)
            .map(|(vector, coefficient)| {
                let distance2: f64 = vector.iter().zip(&scaled).map(|(a, b)| (a - b).powi(2)).sum();
                coefficient * libm::exp(-gamma * distance2)
            })
            .sum();
        sum + self.intercept
    }

    /// Probability of being a mass, as the calibration set has them.
    #[must_use]
    pub fn probability(&self, value: f64) -> f64 {
        logistic(self.slope * value + self.offset)
    }

    /// 0..1, and 1/2 at the operating point.
    #[must_use]
    pub fn score(&self, value: f64) -> f64 {
        logistic(self.slope * (value - self.cut))
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> SupportVectorMachine {
        SupportVectorMachine {
            features: NAMES.map(str::to_owned).to_vec(),
            low: vec![0.0; N_FEATURES],
            high: vec![2.0; N_FEATURES],
            support: vec![vec![0.0; N_FEATURES], vec![1.0; N_FEATURES]],
            coefficients: vec![-1.0, 1.0],
            intercept: 0.25,
            cut: 0.5,
            slope: 2.0,
            offset: 1.0,
        }
    }

    #[test]
    fn values_are_those_of_the_formula() {
        let machine = machine();
        assert_eq!(machine.fault(), None);
        let far = (-5.0 * 11.0_f64).exp();
        let check = |feature: f64, expected: f64| {
            let value = machine.value(5.0, &[feature; N_FEATURES]);
            assert!((value - expected).abs() < 1e-12, "{feature}: {value}");
        };
        check(0.0, 0.25 - 1.0 + far);
        check(2.0, 0.25 + 1.0 - far);
        // Beyond the scale nothing changes.
        check(100.0, 0.25 + 1.0 - far);
        check(1.0, 0.25);
        assert!((machine.score(0.5) - 0.5).abs() < 1e-12);
        assert!((machine.probability(-0.5) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn faults_are_named() {
        let check = |change: fn(&mut SupportVectorMachine), expected| {
            let mut machine = machine();
            change(&mut machine);
            assert_eq!(machine.fault(), Some(expected));
        };
        check(|m| m.features.reverse(), "svm.features");
        check(|m| m.low[3] = 2.0, "svm.low");
        check(|m| m.support[1].truncate(2), "svm.support");
        check(|m| m.coefficients.push(1.0), "svm.coefficients");
        check(|m| m.slope = 0.0, "svm.slope");
        check(|m| m.intercept = f64::NAN, "svm.slope");
    }
}
