//! The bootstrap (Efron 1979), which draws patients, not observations: those of one patient stay
//! together, so the interval knows that they are alike.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::quantile::{quantile, sorted};
use super::{CONFIDENCE, Estimate, Interval, Observation};
use crate::limits::BOOTSTRAP_RESAMPLES;

/// The same sample always has the same interval.
const SEED: u64 = 1979;

/// A statistic with its percentile interval; `None` where the sample has no such statistic.
///
/// The statistic may reorder what it is given. Resamples without a statistic are left out.
pub fn bootstrap<T: Copy>(
    observations: &[Observation<T>],
    statistic: impl Fn(&mut Vec<T>) -> Option<f64>,
) -> Option<Estimate> {
    let patients = by_patient(observations);
    let mut all: Vec<T> = patients.iter().flatten().copied().collect();
    let value = statistic(&mut all)?;
    let interval = interval(&patients, statistic);
    Some(Estimate { value, interval, n: observations.len(), n_patients: patients.len() })
}

/// The observations of each patient, patients by name: the order of the input is of no effect.
pub(super) fn by_patient<T: Copy>(observations: &[Observation<T>]) -> Vec<Vec<T>> {
    let mut patients: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for it in observations {
        patients.entry(it.patient).or_default().push(it.value);
    }
    patients.into_values().collect()
}

fn interval<T: Copy>(
    patients: &[Vec<T>],
    statistic: impl Fn(&mut Vec<T>) -> Option<f64>,
) -> Option<Interval> {
    if patients.len() < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = Vec::new();
    let statistics = sorted((0..BOOTSTRAP_RESAMPLES).filter_map(|_| {
        drawn.clear();
        for _ in patients {
            drawn.extend_from_slice(&patients[rng.random_range(0..patients.len())]);
        }
        statistic(&mut drawn)
    }));
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { low: quantile(&statistics, tail)?, high: quantile(&statistics, 1.0 - tail)? })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_near, one_each};
    use super::super::{mean, standard_deviation, z};
    use super::*;

    fn mean_of(observations: &[Observation<f64>]) -> Estimate {
        bootstrap(observations, |values| mean(values)).unwrap()
    }

    #[test]
    fn the_interval_of_a_mean_is_about_that_of_the_normal_distribution() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 200) / 200.0).collect();
        let interval = mean_of(&one_each(&values)).interval.unwrap();
        let half_width = z() * standard_deviation(&values).unwrap() / 200.0_f64.sqrt();
        assert_near(interval.high - interval.low, 2.0 * half_width, 0.2 * half_width);
    }

    #[test]
    fn copies_of_patients_do_not_narrow_it() {
        let once = one_each(&[0.1, 0.5, 0.9, 0.3, 0.8, 0.4]);
        let thrice: Vec<_> = once.iter().flat_map(|it| [*it; 3]).collect();
        let (once, thrice) = (mean_of(&once).interval.unwrap(), mean_of(&thrice).interval.unwrap());
        assert_near(once.low, thrice.low, 1e-12);
        assert_near(once.high, thrice.high, 1e-12);
    }

    #[test]
    fn order_is_of_no_effect() {
        let forward = one_each(&[0.1, 0.5, 0.9, 0.3]);
        let backward: Vec<_> = forward.iter().rev().copied().collect();
        assert_eq!(mean_of(&forward), mean_of(&backward));
    }
}
