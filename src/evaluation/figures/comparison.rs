//! Whether sites or protocols differ, and whether the cohort was large enough to tell.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::answer::{self, Rates};
use super::glands;
use crate::evaluation::outcome::CaseOutcome;
use crate::evaluation::statistics::exact_test::fisher_exact;
use crate::evaluation::statistics::mean;
use crate::evaluation::statistics::power::PowerStatement;
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::statistics::quantile::{quantile, sorted};
use crate::evaluation::statistics::rank_test::RankTest;

/// The difference of Dice whose power is stated.
pub const DICE_DIFFERENCE: f64 = 0.05;

/// Two groups of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// `site` or `protocol`.
    pub what: String,
    /// Their names.
    pub groups: [String; 2],
    /// Dice of masses.
    pub dice: Option<DiceComparison>,
    /// Sensitivity, a case.
    pub sensitivity: Option<RateComparison>,
    /// Specificity, a case.
    pub specificity: Option<RateComparison>,
}

/// Dice of two groups: one value a patient, the mean over his masses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DiceComparison {
    /// Patients with a mass.
    pub n_patients: [usize; 2],
    /// Medians over patients.
    pub medians: [f64; 2],
    /// Rank test of no difference.
    pub test: RankTest,
    /// Whether a difference of [`DICE_DIFFERENCE`] would have been seen; `None` without spread.
    pub power: Option<PowerStatement>,
}

/// A share in two groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateComparison {
    /// Both shares.
    pub rates: [Proportion; 2],
    /// Two-sided p value of Fisher's exact test of no difference.
    pub p: f64,
}

/// All pairs of sites, then all pairs of protocols. Cases of unknown origin are in none.
pub(super) fn compare_all(cases: &[&CaseOutcome]) -> Vec<Comparison> {
    let mut comparisons = pairs("site", cases, |case| &case.site);
    comparisons.extend(pairs("protocol", cases, |case| &case.protocol));
    comparisons
}

fn pairs(
    what: &str,
    cases: &[&CaseOutcome],
    label: fn(&CaseOutcome) -> &String,
) -> Vec<Comparison> {
    let labels: BTreeSet<&String> =
        cases.iter().map(|case| label(case)).filter(|it| !it.is_empty()).collect();
    let labels: Vec<&String> = labels.into_iter().collect();
    let group = |name: &String| -> Vec<&CaseOutcome> {
        cases.iter().filter(|case| label(case) == name).copied().collect()
    };
    let mut comparisons = Vec::new();
    for (index, first) in labels.iter().enumerate() {
        for second in &labels[index + 1..] {
            let names = [(*first).clone(), (*second).clone()];
            comparisons.push(Comparison::of(what, names, [group(first), group(second)]));
        }
    }
    comparisons
}

impl Comparison {
    fn of(what: &str, groups: [String; 2], cases: [Vec<&CaseOutcome>; 2]) -> Self {
        let rates = [0, 1].map(|group| Rates::of(&answer::of_cases(&cases[group])));
        Self {
            what: what.to_owned(),
            groups,
            dice: compare_dice([0, 1].map(|group| dice_of_patients(&cases[group]))),
            sensitivity: compare_rates(rates.map(|it| it.sensitivity)),
            specificity: compare_rates(rates.map(|it| it.specificity)),
        }
    }
}

/// One value a patient: the test takes its values as independent.
fn dice_of_patients(cases: &[&CaseOutcome]) -> Vec<f64> {
    let mut patients: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (case, gland) in glands(cases) {
        if let Some(dice) = gland.dice() {
            patients.entry(&case.patient).or_default().push(dice);
        }
    }
    patients.into_values().filter_map(|values| mean(&values)).collect()
}

fn compare_dice(values: [Vec<f64>; 2]) -> Option<DiceComparison> {
    let [first, second] = &values;
    let median = |values: &[f64]| quantile(&sorted(values.iter().copied()), 0.5);
    Some(DiceComparison {
        n_patients: [first.len(), second.len()],
        medians: [median(first)?, median(second)?],
        test: RankTest::of(first, second)?,
        power: PowerStatement::of(first, second, DICE_DIFFERENCE),
    })
}

fn compare_rates(rates: [Option<Proportion>; 2]) -> Option<RateComparison> {
    let rates = [rates[0]?, rates[1]?];
    let p = fisher_exact(rates.map(|it| it.n_hit), rates.map(|it| it.n))?;
    Some(RateComparison { rates, p })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{candidate, case, gland_with_mass};
    use super::*;
    use crate::evaluation::statistics::test_support::assert_near;

    fn positive(name: &str, site: &str, overlap: u32) -> CaseOutcome {
        case(name, |it| {
            it.site = site.to_owned();
            it.glands[0] = gland_with_mass(1000, None);
            it.glands[0].candidates = vec![candidate(1000, overlap, true)];
        })
    }

    #[test]
    fn sites_are_compared_two_at_a_time() {
        let mut cases: Vec<_> =
            (0..6).map(|i| positive(&format!("a{i}"), "a", 700 + 10 * i)).collect();
        cases.extend((0..6).map(|i| positive(&format!("b{i}"), "b", 500 + 10 * i)));
        cases.push(positive("c0", "c", 500));
        cases.push(positive("unknown", "", 500));
        let all: Vec<_> = cases.iter().collect();
        let comparisons = compare_all(&all);
        let groups: Vec<_> = comparisons.iter().map(|it| it.groups.join(" ")).collect();
        assert_eq!(groups, ["a b", "a c", "b c"]);
        let dice = comparisons[0].dice.unwrap();
        assert_near(dice.medians[0] - dice.medians[1], 0.2, 1e-12);
        // All of one site above all of the other: 2 of the 924 orders.
        assert_near(dice.test.p, 2.0 / 924.0, 1e-12);
        assert!(dice.power.unwrap().detectable < 0.25);
        assert_eq!(comparisons[1].dice.unwrap().power, None);
        assert_near(comparisons[0].sensitivity.unwrap().p, 1.0, 1e-12);
        assert_eq!(comparisons[0].specificity, None);
    }

    #[test]
    fn a_patient_with_many_masses_counts_once() {
        let mut cases: Vec<_> = (0..5).map(|i| positive(&format!("a{i}"), "a", 500 + i)).collect();
        for case in &mut cases {
            case.patient = "one".to_owned();
        }
        cases.push(positive("b", "b", 600));
        let dice = compare_all(&cases.iter().collect::<Vec<_>>())[0].dice.unwrap();
        assert_eq!(dice.n_patients, [1, 1]);
        assert_near(dice.medians[0], 0.502, 1e-12);
    }
}
