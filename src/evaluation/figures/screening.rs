//! Whether the right cases and glands were flagged.

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer, Rates, known_glands};
use super::{is_in_target, observe};
use crate::evaluation::outcome::{CaseOutcome, GlandOutcome};
use crate::evaluation::statistics::delong::Auc;
use crate::evaluation::statistics::predictive::PredictiveValues;
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::statistics::roc::{Curves, Scored};
use crate::screening::Decision;

/// Shares of positives for which predictive values are given: from routine head CT, where a mass is a
/// rare incidental finding, to a clinic that patients with a mass are sent to.
pub const PREVALENCES: [f64; 5] = [0.0022, 0.0074, 0.012, 0.05, 0.54];

/// The answers for cases, or for glands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScreeningFigures {
    /// At the operating point.
    pub rates: Rates,
    /// Positives flagged on the side of their mass; of cases only.
    pub flagged_on_the_right_side: Option<Proportion>,
    /// Area under the ROC curve.
    pub auc: Option<Auc>,
    /// ROC and precision-recall curve.
    pub curves: Option<Curves>,
    /// Predictive values at [`PREVALENCES`].
    pub predictive: Vec<PredictiveValues>,
}

/// Glands without a mass (see [`answer::of_glands`]): those answered "not flagged", of those assessed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HealthyGlands {
    /// Outside every radiotherapy target.
    pub not_flagged: Option<Proportion>,
    /// Partly inside one, where disease may be that nobody outlined.
    pub not_flagged_in_target: Option<Proportion>,
    /// Not assessable: left out.
    pub n_not_assessable: usize,
}

impl ScreeningFigures {
    pub(super) fn by_case(cases: &[&CaseOutcome]) -> Self {
        let positives = cases.iter().filter(|case| case.has_mass());
        let right_side: Vec<_> =
            positives.map(|case| observe(case, is_flagged_on_the_right_side(case))).collect();
        Self {
            flagged_on_the_right_side: Proportion::of(&right_side),
            ..Self::of(&answer::of_cases(cases))
        }
    }

    pub(super) fn by_gland(cases: &[&CaseOutcome]) -> Self {
        Self::of(&answer::of_glands(cases))
    }

    fn of(answers: &[Answer]) -> Self {
        let rates = Rates::of(answers);
        let scored: Vec<Scored> = answers
            .iter()
            .filter(|it| it.positive || it.decision != Decision::NotAssessable)
            .map(|it| Scored { patient: it.patient, score: it.score, positive: it.positive })
            .collect();
        let at = |(sensitivity, specificity): (Proportion, Proportion)| {
            PREVALENCES
                .map(|share| PredictiveValues::at(share, &sensitivity, &specificity))
                .to_vec()
        };
        Self {
            rates,
            flagged_on_the_right_side: None,
            auc: Auc::of(&scored),
            curves: Curves::of(&scored),
            predictive: rates.sensitivity.zip(rates.specificity).map(at).unwrap_or_default(),
        }
    }
}

impl HealthyGlands {
    pub(super) fn of(cases: &[&CaseOutcome]) -> Self {
        let healthy = || {
            let known = cases.iter().flat_map(|case| known_glands(case).map(move |it| (*case, it)));
            known.filter(|(_, it)| it.mass.is_none())
        };
        let is_missing = |it: &GlandOutcome| it.decision == Decision::NotAssessable;
        let share = |in_target: bool| {
            let counted =
                healthy().filter(|(_, it)| is_in_target(it) == in_target && !is_missing(it));
            let clear = |it: &GlandOutcome| it.decision == Decision::NotFlagged;
            Proportion::of(&counted.map(|(case, it)| observe(case, clear(it))).collect::<Vec<_>>())
        };
        Self {
            not_flagged: share(false),
            not_flagged_in_target: share(true),
            n_not_assessable: healthy().filter(|(_, it)| is_missing(it)).count(),
        }
    }
}

fn is_flagged_on_the_right_side(case: &CaseOutcome) -> bool {
    case.glands.iter().any(|gland| gland.mass.is_some() && gland.decision == Decision::Flagged)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{case, gland_at, gland_with_mass};
    use super::*;
    use Decision::{Flagged, NotAssessable, NotFlagged};

    fn positive(name: &str, decision: Decision, glands: [Decision; 2]) -> CaseOutcome {
        case(name, |it| {
            it.decision = decision;
            it.glands = [gland_with_mass(1000, None), gland_at(50.0, Some(50.0))];
            it.glands[0].decision = glands[0];
            it.glands[1].decision = glands[1];
            it.score = 0.9;
        })
    }

    #[test]
    fn the_wrong_side_is_flagged_too_but_counted_apart() {
        let right = positive("a", Flagged, [Flagged, NotFlagged]);
        let wrong = positive("b", Flagged, [NotFlagged, Flagged]);
        let missed = positive("c", NotAssessable, [NotAssessable, NotFlagged]);
        let clear = case("d", |it| it.score = 0.1);
        let figures = ScreeningFigures::by_case(&[&right, &wrong, &missed, &clear]);
        assert_eq!(figures.rates.sensitivity.unwrap().n_hit, 2);
        assert_eq!(figures.flagged_on_the_right_side.unwrap().n_hit, 1);
        assert_eq!(figures.auc.unwrap().n_positive, 3);
        assert_eq!(figures.predictive.len(), PREVALENCES.len());
        let glands = ScreeningFigures::by_gland(&[&right, &wrong, &missed, &clear]);
        let rates = (glands.rates.sensitivity.unwrap(), glands.rates.specificity.unwrap());
        assert_eq!((rates.0.n_hit, rates.0.n), (1, 3));
        assert_eq!((rates.1.n_hit, rates.1.n), (4, 5));
    }

    #[test]
    fn glands_in_a_target_and_glands_unknown_are_no_healthy_ones() {
        let clear = case("a", |it| it.glands[0].target_overlap = 0.5);
        let unknown = case("b", |it| {
            it.glands[0].true_center_mm = None;
            it.glands[1].decision = NotAssessable;
        });
        let healthy = HealthyGlands::of(&[&clear, &unknown]);
        assert_eq!(healthy.not_flagged.unwrap().n, 1);
        assert_eq!(healthy.not_flagged_in_target.unwrap().n, 1);
        assert_eq!(healthy.n_not_assessable, 1);
        assert_eq!(ScreeningFigures::by_gland(&[&clear, &unknown]).rates.n_negative, 3);
    }

    #[test]
    fn one_class_or_none_has_no_area() {
        let only = positive("a", Flagged, [Flagged, NotFlagged]);
        let check = |cases: &[&CaseOutcome]| {
            let figures = ScreeningFigures::by_case(cases);
            assert_eq!((figures.auc, figures.curves), (None, None));
            assert!(figures.predictive.is_empty());
        };
        check(&[]);
        check(&[&only]);
        check(&[&case("b", |_| {})]);
    }
}
