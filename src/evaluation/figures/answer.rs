//! Answers counted against the truth.

use serde::{Deserialize, Serialize};

use crate::evaluation::outcome::{CandidateOutcome, CaseOutcome, GlandOutcome};
use crate::evaluation::statistics::Observation;
use crate::evaluation::statistics::proportion::Proportion;
use crate::screening::Decision;

/// One answer beside the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer<'a> {
    /// Whose it is.
    pub patient: &'a str,
    /// The truth.
    pub positive: bool,
    /// The answer.
    pub decision: Decision,
    /// 0..1, orders cases.
    pub score: f64,
}

/// Rates of right answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Right answers among all that count.
    pub accuracy: Option<Proportion>,
    /// Flagged among positives; a positive that was not assessable counts as missed.
    pub sensitivity: Option<Proportion>,
    /// Not flagged among negatives that were assessed.
    pub specificity: Option<Proportion>,
    /// Positives among those flagged, at this cohort's own share of positives.
    pub ppv: Option<Proportion>,
    /// Negatives among those answered "not flagged", at this cohort's own share of positives.
    pub npv: Option<Proportion>,
    /// Positives.
    pub n_positive: usize,
    /// Negatives, those not assessable included.
    pub n_negative: usize,
    /// Positives that were not assessable: they count as missed.
    pub n_positive_not_assessable: usize,
    /// Negatives that were not assessable: they are left out.
    pub n_negative_not_assessable: usize,
}

impl Rates {
    /// Of some answers.
    #[must_use]
    pub fn of(answers: &[Answer]) -> Self {
        let flagged = |it: &Answer| it.decision == Decision::Flagged;
        let missing = |it: &Answer| it.decision == Decision::NotAssessable;
        let share = |among: &dyn Fn(&Answer) -> bool, hit: &dyn Fn(&Answer) -> bool| {
            let observations: Vec<_> = answers
                .iter()
                .filter(|it| among(it))
                .map(|it| Observation { patient: it.patient, value: hit(it) })
                .collect();
            Proportion::of(&observations)
        };
        let count = |which: &dyn Fn(&Answer) -> bool| answers.iter().filter(|it| which(it)).count();
        Self {
            accuracy: share(&|it| it.positive || !missing(it), &|it| flagged(it) == it.positive),
            sensitivity: share(&|it| it.positive, &flagged),
            specificity: share(&|it| !it.positive && !missing(it), &|it| !flagged(it)),
            ppv: share(&flagged, &|it| it.positive),
            npv: share(&|it| it.decision == Decision::NotFlagged, &|it| !it.positive),
            n_positive: count(&|it| it.positive),
            n_negative: count(&|it| !it.positive),
            n_positive_not_assessable: count(&|it| it.positive && missing(it)),
            n_negative_not_assessable: count(&|it| !it.positive && missing(it)),
        }
    }
}

/// The answers for cases, as given.
#[must_use]
pub fn of_cases<'a>(cases: &[&'a CaseOutcome]) -> Vec<Answer<'a>> {
    let answer = |case: &&'a CaseOutcome| Answer {
        patient: &case.patient,
        positive: case.has_mass(),
        decision: case.decision,
        score: case.score,
    };
    cases.iter().map(answer).collect()
}

/// The answers for glands, as given.
///
/// Where the labels outline one gland of a case, the other one without outline and mass is unknown,
/// not healthy (often it was removed, or lies in disease): it is left out.
#[must_use]
pub fn of_glands<'a>(cases: &[&'a CaseOutcome]) -> Vec<Answer<'a>> {
    let of_case = |case: &&'a CaseOutcome| {
        let case: &'a CaseOutcome = case;
        let known = known_glands(case);
        known.map(|gland| Answer {
            patient: &case.patient,
            positive: gland.mass.is_some(),
            decision: gland.decision,
            score: gland.score,
        })
    };
    cases.iter().flat_map(of_case).collect()
}

/// Glands of a case whose truth is known; see [`of_glands`].
pub(super) fn known_glands(case: &CaseOutcome) -> impl Iterator<Item = &GlandOutcome> {
    let outlines = case.glands.iter().any(|gland| gland.true_center_mm.is_some());
    case.glands
        .iter()
        .filter(move |it| it.mass.is_some() || it.true_center_mm.is_some() || !outlines)
}

/// The answers for cases as another choice of candidates would give them. What was not assessable and
/// is no longer flagged is not assessable, never negative.
#[must_use]
pub fn of_cases_by<'a>(
    cases: &[&'a CaseOutcome],
    keeps: impl Fn(&CandidateOutcome) -> bool,
) -> Vec<Answer<'a>> {
    let decide = |case: &CaseOutcome| {
        let glands = case.glands.iter();
        if glands.clone().flat_map(|gland| &gland.candidates).any(&keeps) {
            return Decision::Flagged;
        }
        let missing = |gland: &GlandOutcome| {
            gland.reason.is_some() || gland.decision == Decision::NotAssessable
        };
        if case.decision == Decision::NotAssessable || glands.clone().any(missing) {
            return Decision::NotAssessable;
        }
        Decision::NotFlagged
    };
    let mut answers = of_cases(cases);
    for (answer, case) in answers.iter_mut().zip(cases) {
        answer.decision = decide(case);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Flagged, NotAssessable, NotFlagged};

    fn answers(of: &[(bool, Decision)]) -> Vec<Answer<'static>> {
        let names = crate::evaluation::statistics::test_support::one_each(of);
        let answer = |it: Observation<'static, (bool, Decision)>| {
            let (positive, decision) = it.value;
            Answer { patient: it.patient, positive, decision, score: 0.0 }
        };
        names.into_iter().map(answer).collect()
    }

    #[test]
    fn what_was_not_assessable_is_missed_or_left_out() {
        let rates = Rates::of(&answers(&[
            (true, Flagged),
            (true, Flagged),
            (true, NotFlagged),
            (true, NotAssessable),
            (false, NotFlagged),
            (false, NotFlagged),
            (false, Flagged),
            (false, NotAssessable),
            (false, NotAssessable),
        ]));
        let check = |rate: Option<Proportion>, n_hit, n| {
            assert_eq!(rate.map(|it| (it.n_hit, it.n)), Some((n_hit, n)));
        };
        check(rates.accuracy, 4, 7);
        check(rates.sensitivity, 2, 4);
        check(rates.specificity, 2, 3);
        check(rates.ppv, 2, 3);
        check(rates.npv, 2, 3);
        assert_eq!((rates.n_positive, rates.n_positive_not_assessable), (4, 1));
        assert_eq!((rates.n_negative, rates.n_negative_not_assessable), (5, 2));
    }

    #[test]
    fn without_answers_there_are_no_rates() {
        let check = |of: &[(bool, Decision)], expected: [bool; 5]| {
            let it = Rates::of(&answers(of));
            let rates = [it.accuracy, it.sensitivity, it.specificity, it.ppv, it.npv];
            assert_eq!(rates.map(|rate| rate.is_some()), expected, "{of:?}");
        };
        check(&[], [false; 5]);
        check(&[(true, Flagged)], [true, true, false, true, false]);
        check(&[(false, NotFlagged)], [true, false, true, false, true]);
        check(&[(false, NotAssessable)], [false; 5]);
        check(&[(true, NotAssessable)], [true, true, false, false, false]);
    }
}
