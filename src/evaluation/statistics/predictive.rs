//! What an answer is worth where positives are rarer, or more frequent, than in the sample: predictive
//! values at a prevalence, with logit intervals (Mercaldo, Lau and Zhou 2007).

use serde::{Deserialize, Serialize};

use super::proportion::Proportion;
use super::{Interval, z};

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictiveValue {
    /// 0..=1.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Predictive values at a prevalence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictiveValues {
    /// Share of positives among those screened, 0..1.
    pub prevalence: f64,
    /// Share of positives among those flagged; `None` where nothing would be flagged.
    pub ppv: Option<PredictiveValue>,
    /// Share of negatives among those not flagged; `None` where all would be flagged.
    pub npv: Option<PredictiveValue>,
}

impl PredictiveValues {
    /// From both rates.
    #[must_use]
    pub fn at(prevalence: f64, sensitivity: &Proportion, specificity: &Proportion) -> Self {
        let rare = 1.0 - prevalence;
        let (hit, miss) = (Cell::of(sensitivity, true), Cell::of(sensitivity, false));
        let (clear, alarm) = (Cell::of(specificity, true), Cell::of(specificity, false));
        Self {
            prevalence,
            ppv: ratio_share(prevalence, &hit, rare, &alarm),
            npv: ratio_share(rare, &clear, prevalence, &miss),
        }
    }
}

/// How often something happened, and of how many.
struct Cell {
    n_hit: f64,
    n: f64,
}

impl Cell {
    fn of(rate: &Proportion, hits: bool) -> Self {
        let n = rate.n_effective();
        let share = if hits { rate.value } else { 1.0 - rate.value };
        Self { n_hit: share * n, n }
    }

    fn share(&self) -> f64 {
        self.n_hit / self.n
    }

    fn is_at_an_end(&self) -> bool {
        let share = self.share();
        share <= 1e-12 || share >= 1.0 - 1e-12
    }

    /// As if z^2 more had been seen, half of them hits: then no variance is infinite.
    fn adjusted(&self) -> Self {
        let z2 = z().powi(2);
        Self { n_hit: self.n_hit + z2 / 2.0, n: self.n + z2 }
    }

    /// Variance of the logarithm of its share.
    fn log_variance(&self) -> f64 {
        (1.0 - self.share()) / (self.share() * self.n)
    }
}

/// `w a / (w a + v b)`, its interval symmetric on the logit scale.
fn ratio_share(w: f64, a: &Cell, v: f64, b: &Cell) -> Option<PredictiveValue> {
    let (for_it, against) = (w * a.share(), v * b.share());
    if for_it + against <= 0.0 {
        return None;
    }
    let value = for_it / (for_it + against);
    let bounds = if a.is_at_an_end() || b.is_at_an_end() {
        logit_interval(w, &a.adjusted(), v, &b.adjusted())
    } else {
        logit_interval(w, a, v, b)
    };
    // The adjusted interval lies around another value, nearer to one half.
    let interval = Interval { low: bounds.low.min(value), high: bounds.high.max(value) };
    Some(PredictiveValue { value, interval })
}

fn logit_interval(w: f64, a: &Cell, v: f64, b: &Cell) -> Interval {
    let logit = (w * a.share() / (v * b.share())).ln();
    let half_width = z() * (a.log_variance() + b.log_variance()).sqrt();
    Interval::around(logit, half_width).map(|it| 1.0 / (1.0 + (-it).exp()))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    fn at(prevalence: f64, hit: [usize; 2], clear: [usize; 2]) -> PredictiveValues {
        let rate = |[n_hit, n]: [usize; 2]| Proportion::wilson(n_hit, n).unwrap();
        PredictiveValues::at(prevalence, &rate(hit), &rate(clear))
    }

    /// The example of the paper: APOE e4 in late-onset Alzheimer's disease at a prevalence of 3 %.
    /// Expected are the percentiles of two million pairs of rates drawn by numpy from their binomials.
    #[test]
    fn intervals_are_those_of_a_simulation() {
        let values = at(0.03, [240, 418], [288, 375]);
        let check = |value: PredictiveValue, expected: f64, low, high, tolerance| {
            assert_near(value.value, expected, tolerance);
            assert_near(value.interval.low, low, tolerance);
            assert_near(value.interval.high, high, tolerance);
        };
        check(values.ppv.unwrap(), 0.071_17, 0.059_41, 0.086_64, 2e-3);
        check(values.npv.unwrap(), 0.983_14, 0.981_02, 0.985_15, 2e-4);
    }

    #[test]
    fn rates_at_their_ends_have_an_open_interval() {
        let perfect = at(0.05, [20, 20], [30, 30]);
        let ppv = perfect.ppv.unwrap();
        assert_eq!((ppv.value, ppv.interval.high), (1.0, 1.0));
        assert!(ppv.interval.low < 0.9);
        let blind = at(0.05, [0, 20], [30, 30]);
        assert_eq!(blind.ppv, None);
        assert_near(blind.npv.unwrap().value, 0.95, 1e-12);
    }

    #[test]
    fn at_the_samples_own_share_they_are_the_samples_own_values() {
        let values = at(0.4, [30, 40], [54, 60]);
        assert_near(values.ppv.unwrap().value, 30.0 / 36.0, 1e-12);
        assert_near(values.npv.unwrap().value, 54.0 / 64.0, 1e-12);
    }
}
