//! Statistics that the figures are made of. Pure: numbers in, numbers with intervals out.
//!
//! Nothing here panics on an empty or one-sided sample; what can't be estimated is `None`.

pub mod agreement;
pub mod bootstrap;
pub mod delong;
pub mod exact_test;
pub mod power;
pub mod predictive;
pub mod proportion;
pub mod quantile;
pub mod rank_test;
pub mod reliability;
pub mod roc;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Coverage of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// An interval of [`CONFIDENCE`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    /// `center` plus and minus `half_width`.
    #[must_use]
    pub fn around(center: f64, half_width: f64) -> Self {
        Self { low: center - half_width, high: center + half_width }
    }

    /// The part of it inside 0..=1.
    #[must_use]
    pub fn in_unit(self) -> Self {
        self.map(|bound| bound.clamp(0.0, 1.0))
    }

    /// The same change to both bounds.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self { low: change(self.low), high: change(self.high) }
    }
}

/// A value with its interval. There is none where the sample is too small or shows no spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Observations.
    pub n: usize,
    /// Patients they come from.
    pub n_patients: usize,
}

/// One observation and whose it is. Those of one patient are not independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a, T> {
    /// The patient.
    pub patient: &'a str,
    /// What was seen.
    pub value: T,
}

/// The quantile of the standard normal that leaves half of what [`CONFIDENCE`] lacks above it: 1.96.
pub(crate) fn z() -> f64 {
    normal_quantile(f64::midpoint(1.0, CONFIDENCE))
}

/// Standard normal distribution: the value below which `p` of it lies.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Standard normal distribution: the share below `x`.
pub(crate) fn normal_share_below(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// As [`z`] for Student's t with so many degrees of freedom; `None` below one.
pub(crate) fn student(degrees: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, degrees).ok().filter(|_| degrees >= 1.0)?;
    Some(distribution.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)))
}

/// Mean; `None` for nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation; `None` below two values.
pub(crate) fn standard_deviation(values: &[f64]) -> Option<f64> {
    let center = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
pub(crate) mod test_support {
    use super::Observation;

    /// Fails unless `a` and `b` differ by at most `tolerance`.
    #[track_caller]
    pub(crate) fn assert_near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    /// Each value a patient of its own.
    pub(crate) fn one_each<T: Copy>(values: &[T]) -> Vec<Observation<'static, T>> {
        let name =
            |index: usize| -> &'static str { Box::leak(format!("p{index}").into_boxed_str()) };
        values
            .iter()
            .enumerate()
            .map(|(i, value)| Observation { patient: name(i), value: *value })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::test_support::assert_near;
    use super::*;

    #[test]
    fn distributions_are_as_published() {
        assert_near(z(), 1.959_963_984_540_054, 1e-9);
        assert_near(normal_share_below(1.0), 0.841_344_746_068_543, 1e-9);
        assert_near(student(9.0).unwrap(), 2.262_157_162_740_992, 1e-7);
        assert_eq!(student(0.0), None);
    }

    #[test]
    fn spread_needs_two_values() {
        assert_eq!(standard_deviation(&[1.0]), None);
        assert_eq!(mean(&[]), None);
        assert_near(
            standard_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap(),
            2.138_089_935,
            1e-9,
        );
    }
}
