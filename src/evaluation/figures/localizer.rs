//! Where the glands were found.

use serde::{Deserialize, Serialize};

use super::{glands, observe};
use crate::evaluation::outcome::{CaseOutcome, CohortKind, GlandOutcome};
use crate::evaluation::statistics::Estimate;
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::statistics::quantile::{Quartiles, estimate_quantile};
use crate::screening::Decision;

/// A gland is found when its centre is no further off than this, mm.
pub const CENTER_ERROR_MM_MAX: f64 = 10.0;

/// Of glands that the labels outline and the field of view does not cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LocalizerFigures {
    /// Cases with both centres within [`CENTER_ERROR_MM_MAX`], of those with two such glands.
    pub both_within_10_mm: Option<Proportion>,
    /// Glands with the centre within [`CENTER_ERROR_MM_MAX`].
    pub within_10_mm: Option<Proportion>,
    /// Distance of the centres, of glands that were found, mm.
    pub center_error_mm: Option<Quartiles>,
    /// 95 % of found glands have no larger distance, mm.
    pub center_error_mm_p95: Option<Estimate>,
    /// Glands that were not found.
    pub not_found: Option<Proportion>,
    /// Found glands that lie nearer to the centre of the other side's gland.
    pub sides_swapped: Option<Proportion>,
}

/// Of cases without a gland.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoGlandFigures {
    /// Cases in which no gland was found.
    pub none_found: Option<Proportion>,
    /// Cases that were not flagged.
    pub not_flagged: Option<Proportion>,
}

impl LocalizerFigures {
    pub(super) fn of(cases: &[&CaseOutcome]) -> Self {
        let both: Vec<_> = cases
            .iter()
            .filter(|case| case.glands.iter().all(counts))
            .map(|case| observe(case, case.glands.iter().all(is_near)))
            .collect();
        let counted = || glands(cases).filter(|(_, gland)| counts(gland));
        let share = |of: fn(&GlandOutcome) -> bool| {
            Proportion::of(&counted().map(|(case, it)| observe(case, of(it))).collect::<Vec<_>>())
        };
        let errors: Vec<_> = counted()
            .filter_map(|(case, gland)| Some(observe(case, gland.center_error_mm()?)))
            .collect();
        let swaps: Vec<_> = cases
            .iter()
            .flat_map(|case| [0, 1].map(|side| (case, is_swapped(&case.glands, side))))
            .filter_map(|(case, swapped)| Some(observe(case, swapped?)))
            .collect();
        Self {
            both_within_10_mm: Proportion::of(&both),
            within_10_mm: share(is_near),
            center_error_mm: Quartiles::of(&errors),
            center_error_mm_p95: estimate_quantile(&errors, 0.95),
            not_found: share(|gland| gland.found_center_mm.is_none()),
            sides_swapped: Proportion::of(&swaps),
        }
    }
}

impl NoGlandFigures {
    pub(super) fn of(cases: &[&CaseOutcome]) -> Option<Self> {
        cases.first().filter(|case| case.kind == CohortKind::NoGland)?;
        let share = |of: fn(&CaseOutcome) -> bool| {
            Proportion::of(&cases.iter().map(|case| observe(case, of(case))).collect::<Vec<_>>())
        };
        Some(Self {
            none_found: share(|case| case.glands.iter().all(|it| it.found_center_mm.is_none())),
            not_flagged: share(|case| case.decision != Decision::Flagged),
        })
    }
}

fn counts(gland: &GlandOutcome) -> bool {
    gland.true_center_mm.is_some() && !gland.cut
}

fn is_near(gland: &GlandOutcome) -> bool {
    gland.center_error_mm().is_some_and(|error| error <= CENTER_ERROR_MM_MAX)
}

/// Whether the gland found on that side is the other side's; `None` where either truth is unknown or
/// nothing was found.
fn is_swapped(glands: &[GlandOutcome; 2], side: usize) -> Option<bool> {
    let gland = Some(&glands[side]).filter(|gland| counts(gland))?;
    let found = gland.found_center_mm?;
    let other = glands[1 - side].true_center_mm?;
    Some(found.distance(other) < gland.center_error_mm()?)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{case, gland_at};
    use super::*;

    #[test]
    fn glands_are_found_near_far_swapped_or_not() {
        let near =
            case("a", |it| it.glands = [gland_at(-50.0, Some(-47.0)), gland_at(50.0, Some(58.0))]);
        let far = case("b", |it| it.glands = [gland_at(-50.0, Some(-39.0)), gland_at(50.0, None)]);
        let swapped =
            case("c", |it| it.glands = [gland_at(-50.0, Some(45.0)), gland_at(50.0, Some(50.0))]);
        let cut = case("d", |it| {
            it.glands = [gland_at(-50.0, None), gland_at(50.0, Some(50.0))];
            it.glands[0].cut = true;
        });
        let figures = LocalizerFigures::of(&[&near, &far, &swapped, &cut]);
        let check = |share: Option<Proportion>, n_hit, n| {
            assert_eq!(share.map(|it| (it.n_hit, it.n)), Some((n_hit, n)));
        };
        check(figures.both_within_10_mm, 1, 3);
        check(figures.within_10_mm, 4, 7);
        check(figures.not_found, 1, 7);
        check(figures.sides_swapped, 1, 6);
        let errors = figures.center_error_mm.unwrap();
        assert_eq!((errors.median, errors.n, errors.n_patients), (5.5, 6, 4));
    }

    #[test]
    fn where_there_is_no_gland_none_should_be_found() {
        let kind = |it: &mut CaseOutcome| {
            it.kind = CohortKind::NoGland;
            it.glands.iter_mut().for_each(|gland| gland.true_center_mm = None);
        };
        let quiet = case("a", kind);
        let found = case("b", |it| {
            kind(it);
            it.glands[1].found_center_mm = gland_at(0.0, Some(1.0)).found_center_mm;
            it.decision = Decision::Flagged;
        });
        let figures = NoGlandFigures::of(&[&quiet, &found]).unwrap();
        assert_eq!(figures.none_found.unwrap().n_hit, 1);
        assert_eq!(figures.not_flagged.unwrap().n_hit, 1);
        assert_eq!(LocalizerFigures::of(&[&quiet, &found]).within_10_mm, None);
        assert_eq!(NoGlandFigures::of(&[]), None);
        assert_eq!(NoGlandFigures::of(&[&case("c", |_| {})]), None);
    }
}
