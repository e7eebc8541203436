//! The same candidates judged by another size or another gamma.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{self, Rates};
use super::dice::MixedDice;
use super::{glands, observe};
use crate::evaluation::outcome::{CandidateOutcome, CaseOutcome};
use crate::evaluation::statistics::Estimate;
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::statistics::quantile::Quartiles;
use crate::units::VoxelCount;

/// Sizes from which a mass flags in the sweep: from, to, step.
const SIZES_VOXELS: [u32; 3] = [100, 2000, 100];

/// Whether a candidate counts towards the decision where masses flag from that size on.
pub type KeepsBySize<'a> = dyn Fn(&CandidateOutcome, VoxelCount) -> bool + 'a;
/// Whether a candidate counts towards the decision.
pub type Keeps<'a> = dyn Fn(&CandidateOutcome) -> bool + 'a;

/// How else the candidates could have been judged. Who knows the decision rule says so: a candidate
/// that the classifier rejects stays rejected at any size.
pub struct Sweeps<'a> {
    /// The rule at another size.
    pub by_size: &'a KeepsBySize<'a>,
    /// The size of the operating point.
    pub tumor_voxels_min: VoxelCount,
    /// The rule at each gamma, in the order of the table. Empty where there is no classifier.
    pub by_gamma: Vec<(f64, Box<Keeps<'a>>)>,
    /// The gamma of the operating point.
    pub gamma: Option<f64>,
}

impl fmt::Debug for Sweeps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gammas: Vec<f64> = self.by_gamma.iter().map(|(gamma, _)| *gamma).collect();
        f.debug_struct("Sweeps")
            .field("tumor_voxels_min", &self.tumor_voxels_min)
            .field("gammas", &gammas)
            .field("gamma", &self.gamma)
            .finish_non_exhaustive()
    }
}

/// The figures at one setting, a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Voxels, or gamma.
    pub at: f64,
    /// Whether it is the operating point.
    pub is_operating_point: bool,
    /// Dice of masses.
    pub dice: Option<Quartiles>,
    /// Mean Dice of cases, a clean negative counting 1.
    pub mixed_dice: Option<Estimate>,
    /// Flagged among positives.
    pub sensitivity: Option<Proportion>,
    /// Not flagged among negatives.
    pub specificity: Option<Proportion>,
    /// Positives among those flagged.
    pub ppv: Option<Proportion>,
}

pub(super) fn by_size(cases: &[&CaseOutcome], sweeps: &Sweeps) -> Vec<SweepRow> {
    if cases.is_empty() {
        return Vec::new();
    }
    let [from, to, step] = SIZES_VOXELS;
    let sizes = (from..=to).step_by(step as usize).map(VoxelCount);
    sizes
        .map(|size| SweepRow {
            at: f64::from(size.0),
            is_operating_point: size == sweeps.tumor_voxels_min,
            ..row(cases, &|candidate| (sweeps.by_size)(candidate, size))
        })
        .collect()
}

pub(super) fn by_gamma(cases: &[&CaseOutcome], sweeps: &Sweeps) -> Vec<SweepRow> {
    if cases.is_empty() {
        return Vec::new();
    }
    let at = |(gamma, keeps): &(f64, Box<Keeps>)| SweepRow {
        at: *gamma,
        is_operating_point: sweeps.gamma == Some(*gamma),
        ..row(cases, keeps)
    };
    sweeps.by_gamma.iter().map(at).collect()
}

fn row(cases: &[&CaseOutcome], keeps: &Keeps) -> SweepRow {
    let answers = answer::of_cases_by(cases, keeps);
    let rates = Rates::of(&answers);
    let dice: Vec<_> = glands(cases)
        .filter_map(|(case, gland)| Some(observe(case, gland.dice_of(keeps)?)))
        .collect();
    SweepRow {
        at: f64::NAN,
        is_operating_point: false,
        dice: Quartiles::of(&dice),
        mixed_dice: MixedDice::of(cases, &answers, keeps).with_negatives,
        sensitivity: rates.sensitivity,
        specificity: rates.specificity,
        ppv: rates.ppv,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{candidate, case, gland_with_mass};
    use super::*;
    use crate::reason::Reason;
    use crate::screening::Decision;

    fn rows(cases: &[&CaseOutcome]) -> [Vec<SweepRow>; 2] {
        let sweeps = Sweeps {
            by_size: &|candidate, size| candidate.score > 0.5 && candidate.voxels >= size.0,
            tumor_voxels_min: VoxelCount(500),
            by_gamma: vec![(1.0, Box::new(|_| true)), (5.0, Box::new(|_| false))],
            gamma: Some(5.0),
        };
        [by_size(cases, &sweeps), by_gamma(cases, &sweeps)]
    }

    #[test]
    fn larger_sizes_flag_less() {
        let positive = case("a", |it| {
            it.glands[0] = gland_with_mass(1000, None);
            it.glands[0].candidates = vec![candidate(800, 800, true)];
        });
        let negative = case("b", |it| {
            let mut rejected = candidate(1900, 0, false);
            rejected.score = 0.1;
            it.glands[0].candidates = vec![rejected, candidate(300, 0, false)];
        });
        let [sizes, gammas] = rows(&[&positive, &negative]);
        let hits = |rows: &[SweepRow]| -> Vec<(f64, usize, usize)> {
            let hit = |rate: Option<Proportion>| rate.unwrap().n_hit;
            rows.iter().map(|it| (it.at, hit(it.sensitivity), hit(it.specificity))).collect()
        };
        assert_eq!(sizes.len(), 20);
        let shown: Vec<_> = hits(&sizes)
            .into_iter()
            .filter(|it| [300., 400., 800., 900.].contains(&it.0))
            .collect();
        assert_eq!(shown, [(300.0, 1, 0), (400.0, 1, 1), (800.0, 1, 1), (900.0, 0, 1)]);
        assert_eq!(hits(&gammas), [(1.0, 1, 0), (5.0, 0, 1)]);
        assert_eq!(sizes.iter().filter(|it| it.is_operating_point).count(), 1);
        assert!(gammas[1].is_operating_point);
        assert_eq!(gammas[1].dice.unwrap().median, 0.0);
    }

    #[test]
    fn what_was_not_assessable_never_becomes_negative() {
        let cut = case("a", |it| {
            it.decision = Decision::Flagged;
            it.glands[0].reason = Some(Reason::NotInFieldOfView);
            it.glands[0].candidates = vec![candidate(500, 0, true)];
        });
        let [sizes, gammas] = rows(&[&cut]);
        assert_eq!(sizes[4].specificity.unwrap().n_hit, 0);
        assert_eq!(sizes[4].mixed_dice.unwrap().value, 0.0);
        assert_eq!((sizes[5].specificity, sizes[5].mixed_dice), (None, None));
        assert_eq!(gammas[1].specificity, None);
        assert_eq!(rows(&[]), [Vec::new(), Vec::new()]);
    }
}
