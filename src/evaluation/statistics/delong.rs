//! Area under the ROC curve and its interval (DeLong, DeLong and Clarke-Pearson 1988), by midranks (Sun
//! and Xu 2014).
//!
//! Sums run over patients (Obuchowski 1997): the same patient may have given a positive and a negative.
//! With one case a patient it is DeLong's own variance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rank_test::midranks;
use super::roc::Scored;
use super::{Interval, z};

/// The area under a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auc {
    /// The area: how often a positive scores higher than a negative, ties half.
    pub value: f64,
    /// DeLong's interval. `None` where one class has one patient, or all positives score above all
    /// negatives: then the variance says nothing.
    pub interval: Option<Interval>,
    /// Positives.
    pub n_positive: usize,
    /// Negatives.
    pub n_negative: usize,
}

impl Auc {
    /// Of a sample; `None` without a positive or without a negative.
    #[must_use]
    pub fn of(sample: &[Scored]) -> Option<Self> {
        let placements = Placements::of(sample)?;
        let variance = placements.variance(sample).filter(|it| *it > 1e-12);
        Some(Self {
            value: placements.auc,
            interval: variance
                .map(|it| Interval::around(placements.auc, z() * it.sqrt()).in_unit()),
            n_positive: placements.n_positive,
            n_negative: placements.n_negative,
        })
    }
}

/// For each positive the share of negatives below it, for each negative the share of positives above.
struct Placements {
    auc: f64,
    /// In the sample's order.
    each: Vec<f64>,
    n_positive: usize,
    n_negative: usize,
}

impl Placements {
    fn of(sample: &[Scored]) -> Option<Self> {
        let scores = |positive: bool| -> Vec<f64> {
            sample.iter().filter(|it| it.positive == positive).map(|it| it.score).collect()
        };
        let (positives, negatives) = (scores(true), scores(false));
        if positives.is_empty() || negatives.is_empty() {
            return None;
        }
        let all = midranks(&sample.iter().map(|it| it.score).collect::<Vec<_>>());
        let mut among_positives = midranks(&positives).into_iter();
        let mut among_negatives = midranks(&negatives).into_iter();
        let (m, n) = (positives.len() as f64, negatives.len() as f64);
        // A rank among all minus the rank among its own kind counts the others below.
        let each: Vec<f64> = sample
            .iter()
            .zip(all)
            .filter_map(|(it, rank)| {
                Some(if it.positive {
                    (rank - among_positives.next()?) / n
                } else {
                    1.0 - (rank - among_negatives.next()?) / m
                })
            })
            .collect();
        let of_positives = sample.iter().zip(&each).filter(|(it, _)| it.positive);
        let auc = of_positives.map(|(_, placement)| placement).sum::<f64>() / m;
        Some(Self { auc, each, n_positive: positives.len(), n_negative: negatives.len() })
    }

    /// Variance of the area; `None` where a class comes from one patient.
    fn variance(&self, sample: &[Scored]) -> Option<f64> {
        // A patient's sum of (placement - area) in each class, and which classes he has.
        let mut patients: BTreeMap<&str, ([f64; 2], [bool; 2])> = BTreeMap::new();
        for (it, placement) in sample.iter().zip(&self.each) {
            let (sums, has) = patients.entry(it.patient).or_default();
            let class = usize::from(it.positive);
            has[class] = true;
            sums[class] += placement - self.auc;
        }
        let within = |class: usize| {
            let clusters = patients.values().filter(|(_, has)| has[class]).count() as f64;
            let sum: f64 = patients.values().map(|(sums, _)| sums[class] * sums[class]).sum();
            (clusters > 1.0).then(|| clusters / (clusters - 1.0) * sum)
        };
        let across: f64 = patients.values().map(|(sums, _)| 2.0 * sums[0] * sums[1]).sum();
        let clusters = patients.len() as f64;
        let (m, n) = (self.n_positive as f64, self.n_negative as f64);
        Some(
            within(1)? / (m * m)
                + within(0)? / (n * n)
                + clusters / (clusters - 1.0) * across / (m * n),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Observation;
    use super::super::bootstrap::bootstrap;
    use super::super::test_support::{assert_near, one_each};
    use super::*;

    const LABELS: [u8; 20] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const FIRST: [f64; 20] = [
        0.95, 0.91, 0.88, 0.80, 0.74, 0.70, 0.55, 0.42, 0.30, 0.71, 0.60, 0.55, 0.41, 0.38, 0.33,
        0.25, 0.20, 0.15, 0.10, 0.05,
    ];
    const SECOND: [f64; 20] = [
        0.80, 0.60, 0.90, 0.50, 0.40, 0.75, 0.65, 0.20, 0.45, 0.70, 0.30, 0.65, 0.60, 0.10, 0.48,
        0.22, 0.52, 0.35, 0.15, 0.25,
    ];

    fn singles(scores: &[f64], labels: &[u8]) -> Vec<Scored<'static>> {
        let scored = one_each(scores).into_iter().zip(labels);
        scored
            .map(|(it, label)| Scored {
                patient: it.patient,
                score: it.value,
                positive: *label == 1,
            })
            .collect()
    }

    #[test]
    fn areas_and_intervals_are_those_of_other_programs() {
        let check = |scores, area, low, high| {
            let auc = Auc::of(&singles(scores, &LABELS)).unwrap();
            assert_near(auc.value, area, 1e-12);
            let interval = auc.interval.unwrap();
            assert_near(interval.low, low, 1e-9);
            assert_near(interval.high, high, 1e-9);
        };
        // Delong_test of MLstatkit 0.1.91; the upper bound of the first would be 1.029.
        check(&FIRST, 0.873_737_373_737_373_7, 0.718_733_292_341_700_8, 1.0);
        check(&SECOND, 0.727_272_727_272_727_3, 0.494_734_999_643_546_5, 0.959_810_454_901_908_2);
    }

    #[test]
    fn without_a_class_there_is_no_area_and_without_spread_no_interval() {
        assert_eq!(Auc::of(&[]), None);
        assert_eq!(Auc::of(&singles(&[0.1, 0.2], &[1, 1])), None);
        let check = |scores: &[f64], labels: &[u8], area| {
            let auc = Auc::of(&singles(scores, labels)).unwrap();
            assert_near(auc.value, area, 1e-12);
            assert_eq!(auc.interval, None);
        };
        check(&[0.9, 0.1], &[1, 0], 1.0);
        check(&[0.9, 0.8, 0.2, 0.1], &[1, 1, 0, 0], 1.0);
        check(&[0.5; 6], &[1, 1, 0, 0, 1, 0], 0.5);
    }

    /// Each patient gives a positive and a negative that are alike: the interval must say so.
    #[test]
    fn patients_count_once() {
        let names = one_each(&[(); 60]);
        let hash = |i: usize, k: usize| ((i * 7919 + k * 104_729) % 997) as f64 / 997.0;
        let sample: Vec<Scored> = names
            .iter()
            .enumerate()
            .flat_map(|(i, name)| {
                let own = hash(i, 1);
                let score = move |k| own + 0.4 * hash(i, k) + if k < 4 { 0.25 } else { 0.0 };
                (2..6).map(move |k| Scored {
                    patient: name.patient,
                    score: score(k),
                    positive: k < 4,
                })
            })
            .collect();
        let observed: Vec<_> =
            sample.iter().map(|it| Observation { patient: it.patient, value: *it }).collect();
        let resampled =
            bootstrap(&observed, |drawn| Placements::of(drawn).map(|it| it.auc)).unwrap();
        let auc = Auc::of(&sample).unwrap();
        let width = |interval: Interval| interval.high - interval.low;
        let (by_formula, by_bootstrap) =
            (width(auc.interval.unwrap()), width(resampled.interval.unwrap()));
        assert_near(by_formula / by_bootstrap, 1.0, 0.1);
        let scores: Vec<f64> = sample.iter().map(|it| it.score).collect();
        let labels: Vec<u8> = sample.iter().map(|it| u8::from(it.positive)).collect();
        let as_if_independent =
            width(Auc::of(&singles(&scores, &labels)).unwrap().interval.unwrap());
        assert!((as_if_independent / by_formula - 1.0).abs() > 0.2);
    }
}
