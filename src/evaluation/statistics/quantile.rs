//! Medians and quartiles, with intervals that resample patients.

use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap;
use super::{Estimate, Interval, Observation, mean};

/// Median and the middle half of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// Median.
    pub median: f64,
    /// Bootstrap interval of the median; `None` with one patient.
    pub interval: Option<Interval>,
    /// A quarter lies below.
    pub q1: f64,
    /// A quarter lies above.
    pub q3: f64,
    /// Observations.
    pub n: usize,
    /// Patients they come from.
    pub n_patients: usize,
}

impl Quartiles {
    /// Of a sample; `None` of nothing.
    #[must_use]
    pub fn of(observations: &[Observation<f64>]) -> Option<Self> {
        let sorted = sorted(observations.iter().map(|it| it.value));
        let median = estimate_quantile(observations, 0.5)?;
        Some(Self {
            median: median.value,
            interval: median.interval,
            q1: quantile(&sorted, 0.25)?,
            q3: quantile(&sorted, 0.75)?,
            n: median.n,
            n_patients: median.n_patients,
        })
    }
}

/// One quantile of a sample, `p` in 0..=1; `None` of nothing.
#[must_use]
pub fn estimate_quantile(observations: &[Observation<f64>], p: f64) -> Option<Estimate> {
    bootstrap(observations, |values| select_quantile(values, p))
}

/// The mean of a sample; `None` of nothing.
#[must_use]
pub fn estimate_mean(observations: &[Observation<f64>]) -> Option<Estimate> {
    bootstrap(observations, |values| mean(values))
}

/// Quantile of ascending values by linear interpolation (type 7 of Hyndman and Fan 1996; what numpy
/// and R do unless told otherwise); `None` of nothing.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let (below, share) = place(sorted.len(), p)?;
    let above = sorted.get(below + 1).unwrap_or(&sorted[below]);
    Some(sorted[below] + share * (above - sorted[below]))
}

/// The same of values in any order, which it changes. Sorting all of them would be the larger part of
/// a bootstrap's time.
fn select_quantile(values: &mut [f64], p: f64) -> Option<f64> {
    let (below, share) = place(values.len(), p)?;
    let (_, low, larger) = values.select_nth_unstable_by(below, f64::total_cmp);
    let above = larger.iter().copied().min_by(f64::total_cmp).unwrap_or(*low);
    Some(*low + share * (above - *low))
}

/// Index of the value at or below a quantile of `n` ascending values, and how far it is to the next.
fn place(n: usize, p: f64) -> Option<(usize, f64)> {
    let at = p.clamp(0.0, 1.0) * n.checked_sub(1)? as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below n")]
    let below = at.floor() as usize;
    Some((below, at - at.floor()))
}

/// Ascending.
#[must_use]
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_near, one_each};
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let check = |values: &[f64], p, expected: f64| {
            assert_near(quantile(&sorted(values.iter().copied()), p).unwrap(), expected, 1e-12);
            assert_near(select_quantile(&mut values.to_vec(), p).unwrap(), expected, 1e-12);
        };
        // numpy.quantile(values, p)
        check(&[3.0, 1.0, 2.0, 4.0], 0.5, 2.5);
        check(&[3.0, 1.0, 2.0, 4.0], 0.25, 1.75);
        check(&[7.0, 1.5, 2.0, 9.25, 4.0], 0.95, 8.8);
        check(&[7.0], 0.95, 7.0);
        assert_eq!((quantile(&[], 0.5), select_quantile(&mut [], 0.5)), (None, None));
    }

    #[test]
    fn one_patient_has_no_interval() {
        let same =
            [Observation { patient: "a", value: 0.5 }, Observation { patient: "a", value: 0.7 }];
        let quartiles = Quartiles::of(&same).unwrap();
        assert_eq!((quartiles.interval, quartiles.n, quartiles.n_patients), (None, 2, 1));
        assert_near(quartiles.median, 0.6, 1e-12);
        assert_eq!(Quartiles::of(&[]), None);
    }

    #[test]
    fn the_interval_of_a_median_is_about_that_of_order_statistics() {
        // Of 100 values, the 40th and the 61st enclose the median with 95.4 %.
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let interval = Quartiles::of(&one_each(&values)).unwrap().interval.unwrap();
        assert_near(interval.low, 40.5, 1.5);
        assert_near(interval.high, 60.5, 1.5);
    }
}
