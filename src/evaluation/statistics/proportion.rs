//! Shares with Wilson's interval (Wilson 1927), which stays inside 0..=1 and does not collapse at its ends.
//!
//! Where patients give several observations, the sample counts for less: its size is divided by the
//! design effect (Rao and Scott 1992), as Saha, Miller and Wang (2016) do for Wilson's interval. With
//! one observation a patient nothing changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Interval, Observation, z};

/// A share of counted things.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// `n_hit / n`.
    pub value: f64,
    /// Wilson's interval.
    pub interval: Interval,
    /// How many.
    pub n_hit: usize,
    /// Of how many.
    pub n: usize,
    /// How many times larger the variance is because patients gave several observations; at least 1.
    pub design_effect: f64,
}

impl Proportion {
    /// The share of independent observations; `None` of nothing.
    #[must_use]
    pub fn wilson(n_hit: usize, n: usize) -> Option<Self> {
        Self::new(n_hit, n, 1.0)
    }

    /// The share of observations that are true; `None` of nothing.
    #[must_use]
    pub fn of(observations: &[Observation<bool>]) -> Option<Self> {
        let n_hit = observations.iter().filter(|it| it.value).count();
        Self::new(n_hit, observations.len(), design_effect(observations))
    }

    /// Observations that would tell as much if each were another patient's.
    #[must_use]
    pub fn n_effective(&self) -> f64 {
        self.n as f64 / self.design_effect
    }

    fn new(n_hit: usize, n: usize, design_effect: f64) -> Option<Self> {
        if n == 0 {
            return None;
        }
        let value = n_hit as f64 / n as f64;
        let interval = wilson_interval(value, n as f64 / design_effect);
        Some(Self { value, interval, n_hit, n, design_effect })
    }
}

fn wilson_interval(p: f64, n: f64) -> Interval {
    let z2 = z().powi(2);
    let center = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half_width = z() / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Interval::around(center, half_width).in_unit()
}

/// Variance between patients over the variance of independent observations. It is taken as 1 where it
/// comes out smaller, and where nothing varies.
fn design_effect(observations: &[Observation<bool>]) -> f64 {
    let mut patients: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for it in observations {
        let (hits, all) = patients.entry(it.patient).or_default();
        *hits += f64::from(u8::from(it.value));
        *all += 1.0;
    }
    let (hits, n) =
        patients.values().fold((0.0, 0.0), |(hits, all), (hit, of)| (hits + hit, all + of));
    let clusters = patients.len() as f64;
    let p = hits / n;
    let binomial = n * p * (1.0 - p);
    if patients.len() < 2 || patients.len() == observations.len() || binomial <= 0.0 {
        return 1.0;
    }
    let squares: f64 = patients.values().map(|(hit, of)| (hit - of * p).powi(2)).sum();
    // The two corrections for small samples cancel where each patient gave one observation.
    let corrected = squares * clusters / (clusters - 1.0) * (n - 1.0) / n;
    (corrected / binomial).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_near, one_each};
    use super::*;

    #[test]
    fn intervals_are_those_of_statsmodels() {
        let check = |n_hit, n, low, high| {
            let interval = Proportion::wilson(n_hit, n).unwrap().interval;
            assert_near(interval.low, low, 1e-9);
            assert_near(interval.high, high, 1e-9);
        };
        // statsmodels.stats.proportion.proportion_confint(hit, n, method="wilson")
        check(36, 40, 0.769_482_247_725, 0.960_420_471_317);
        check(0, 12, 0.0, 0.242_494_006_655);
        check(12, 12, 0.757_505_993_345, 1.0);
        check(171, 201, 0.794_929_317_902, 0.893_407_900_607);
        check(1, 3, 0.061_491_944_720, 0.792_340_399_198);
        assert_eq!(Proportion::wilson(0, 0), None);
    }

    #[test]
    fn one_observation_a_patient_is_plain_wilson() {
        let observations = one_each(&[true, true, false, true, false, true, true]);
        assert_eq!(Proportion::of(&observations), Proportion::wilson(5, 7));
    }

    #[test]
    fn copies_of_patients_tell_nothing_new() {
        let once = one_each(&[true, true, false, true, false, true, true, false]);
        let thrice: Vec<_> = once.iter().flat_map(|it| [*it; 3]).collect();
        let (once, thrice) = (Proportion::of(&once).unwrap(), Proportion::of(&thrice).unwrap());
        assert_near(once.value, thrice.value, 1e-12);
        // 3 but for the corrections for small samples.
        assert_near(thrice.design_effect, 3.0 * (8.0 / 7.0) * (23.0 / 24.0), 1e-12);
        assert!(
            thrice.interval.low <= once.interval.low && thrice.interval.high >= once.interval.high
        );
    }
}
