//! How well masses were outlined (Dice 1945).
//!
//! Every gland with a mass counts, also where nothing was outlined or the gland was not found: 0.

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use super::{glands, observe};
use crate::evaluation::outcome::{CandidateOutcome, CaseOutcome, GlandOutcome};
use crate::evaluation::statistics::quantile::{Quartiles, estimate_mean};
use crate::evaluation::statistics::{Estimate, Observation};
use crate::phantom::TumorPlace;
use crate::screening::Decision;
use crate::units::VoxelCount;

/// Voxels of 1 mm3 in a sphere of 10 mm, below which the source study took no mass.
pub const SPHERE_10_MM: VoxelCount = VoxelCount(523);

/// Dice of masses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiceFigures {
    /// Of all.
    pub all: Option<Quartiles>,
    /// Of masses from [`SPHERE_10_MM`] on.
    pub from_10_mm: Option<Quartiles>,
    /// By volume, smallest first.
    pub by_size: Vec<Stratum>,
    /// Deep lobe against the rest, where the place is known.
    pub by_place: Vec<Stratum>,
    /// By imaging centre.
    pub by_site: Vec<Stratum>,
    /// By protocol.
    pub by_protocol: Vec<Stratum>,
    /// Of cases, those without a mass included.
    pub mixed: MixedDice,
    /// Every mass.
    pub masses: Vec<MassPoint>,
}

/// Some of the masses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stratum {
    /// Which.
    pub name: String,
    /// Their Dice.
    pub dice: Option<Quartiles>,
}

/// Mean Dice of cases, both glands together, in the two conventions for cases without a mass.
///
/// A case without a mass counts 1 where nothing was outlined and 0 where something was; one that was
/// not assessable is left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MixedDice {
    /// Cases without a mass count.
    pub with_negatives: Option<Estimate>,
    /// They are left out.
    pub without_negatives: Option<Estimate>,
    /// Cases without a mass that were left out as not assessable.
    pub n_negative_not_assessable: usize,
}

/// One mass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MassPoint {
    /// Its true volume.
    pub cm3: f64,
    /// Its Dice.
    pub dice: f64,
    /// Whether it lies in the deep lobe; `None` where unknown.
    pub deep: Option<bool>,
}

/// Volume classes in voxels of 1 mm3: from, below. 4.62 cm3 is the median of the source study.
pub(in crate::evaluation) const SIZES: [(&str, u32, u32); 4] = [
    ("below 1 cm³", 0, 1000),
    ("1 to 4.62 cm³", 1000, 4620),
    ("4.62 to 10 cm³", 4620, 10_000),
    ("from 10 cm³ on", 10_000, u32::MAX),
];

struct Mass<'a> {
    case: &'a CaseOutcome,
    voxels: u32,
    place: Option<TumorPlace>,
    dice: f64,
}

impl DiceFigures {
    pub(super) fn of(cases: &[&CaseOutcome]) -> Self {
        let masses: Vec<Mass> = glands(cases).filter_map(Mass::of).collect();
        let size = |(name, from, below): (&str, u32, u32)| {
            stratum(name, &masses, |mass| (from..below).contains(&mass.voxels))
        };
        let is_deep = |mass: &Mass| mass.place.map(|place| place == TumorPlace::Deep);
        let by_place = [("deep lobe", true), ("elsewhere in the gland", false)]
            .map(|(name, deep)| stratum(name, &masses, |mass| is_deep(mass) == Some(deep)));
        Self {
            all: quartiles(&masses, |_| true),
            from_10_mm: quartiles(&masses, |mass| mass.voxels >= SPHERE_10_MM.0),
            by_size: SIZES.into_iter().map(size).collect(),
            by_place: by_place.into_iter().filter(|it| it.dice.is_some()).collect(),
            by_site: by_label(&masses, |case| &case.site),
            by_protocol: by_label(&masses, |case| &case.protocol),
            mixed: MixedDice::of(cases, &answer::of_cases(cases), |it| it.kept),
            masses: masses
                .iter()
                .map(|mass| MassPoint {
                    cm3: VoxelCount(mass.voxels).to_cubic_centimeters().0,
                    dice: mass.dice,
                    deep: is_deep(mass),
                })
                .collect(),
        }
    }
}

impl MixedDice {
    /// `answers` are those that go with the choice of candidates, one a case.
    pub(super) fn of(
        cases: &[&CaseOutcome],
        answers: &[Answer],
        kept: impl Fn(&CandidateOutcome) -> bool,
    ) -> Self {
        let dice = |which: fn(&Answer) -> bool| -> Vec<_> {
            let chosen = cases.iter().zip(answers).filter(|(_, answer)| which(answer));
            chosen.map(|(case, _)| observe(case, dice_of_case(case, &kept))).collect()
        };
        let all = dice(|it| it.positive || it.decision != Decision::NotAssessable);
        Self {
            with_negatives: estimate_mean(&all),
            without_negatives: estimate_mean(&dice(|it| it.positive)),
            n_negative_not_assessable: cases.len() - all.len(),
        }
    }
}

/// Overlap of all masses with all kept candidates of both glands; 1 where there is neither.
fn dice_of_case(case: &CaseOutcome, kept: impl Fn(&CandidateOutcome) -> bool) -> f64 {
    let truth: f64 =
        case.glands.iter().filter_map(|it| it.mass).map(|it| f64::from(it.voxels)).sum();
    let chosen = case.glands.iter().flat_map(|it| &it.candidates).filter(|it| kept(it));
    let (both, outlined) = chosen.fold((0.0, 0.0), |(both, outlined), it| {
        (both + f64::from(it.true_voxels), outlined + f64::from(it.voxels))
    });
    if truth + outlined > 0.0 { 2.0 * both / (truth + outlined) } else { 1.0 }
}

impl<'a> Mass<'a> {
    fn of((case, gland): (&'a CaseOutcome, &'a GlandOutcome)) -> Option<Self> {
        let truth = gland.mass?;
        Some(Self { case, voxels: truth.voxels, place: truth.place, dice: gland.dice()? })
    }
}

fn quartiles(masses: &[Mass], which: impl Fn(&Mass) -> bool) -> Option<Quartiles> {
    let chosen = masses.iter().filter(|mass| which(mass));
    let observations: Vec<Observation<f64>> =
        chosen.map(|mass| observe(mass.case, mass.dice)).collect();
    Quartiles::of(&observations)
}

fn stratum(name: &str, masses: &[Mass], which: impl Fn(&Mass) -> bool) -> Stratum {
    Stratum { name: name.to_owned(), dice: quartiles(masses, which) }
}

/// A stratum for each label that occurs.
fn by_label(masses: &[Mass], label: fn(&CaseOutcome) -> &String) -> Vec<Stratum> {
    let mut labels: Vec<&String> = masses.iter().map(|mass| label(mass.case)).collect();
    labels.sort_unstable();
    labels.dedup();
    let name = |it: &str| if it.is_empty() { "unknown".to_owned() } else { it.to_owned() };
    let of = |it: &String| stratum(&name(it), masses, |mass| label(mass.case) == it);
    labels.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{candidate, case, gland_with_mass};
    use super::*;
    use crate::evaluation::statistics::test_support::assert_near;

    fn positive(name: &str, voxels: u32, overlap: u32, place: TumorPlace) -> CaseOutcome {
        case(name, |it| {
            it.glands[0] = gland_with_mass(voxels, Some(place));
            it.glands[0].candidates = vec![candidate(voxels, overlap, true)];
        })
    }

    #[test]
    fn masses_are_sorted_into_strata() {
        let cases = [
            positive("a", 600, 300, TumorPlace::Deep),
            positive("b", 1000, 800, TumorPlace::Superficial),
            positive("c", 4620, 4620, TumorPlace::Exophytic),
            positive("d", 12_000, 0, TumorPlace::Deep),
            case("e", |_| {}),
        ];
        let figures = DiceFigures::of(&cases.iter().collect::<Vec<_>>());
        let all = figures.all.unwrap();
        assert_near(all.median, 0.65, 1e-12);
        assert_eq!((all.n, figures.from_10_mm.unwrap().n), (4, 4));
        let median = |strata: &[Stratum]| -> Vec<(String, Option<f64>)> {
            strata.iter().map(|it| (it.name.clone(), it.dice.map(|dice| dice.median))).collect()
        };
        let sizes: Vec<_> = median(&figures.by_size).into_iter().map(|it| it.1).collect();
        assert_eq!(sizes, [Some(0.5), Some(0.8), Some(1.0), Some(0.0)]);
        assert_eq!(median(&figures.by_place)[0], ("deep lobe".into(), Some(0.25)));
        assert_eq!(median(&figures.by_site), [("site a".into(), Some(0.65))]);
    }

    #[test]
    fn a_clean_negative_counts_one_or_is_left_out() {
        let hit = positive("a", 1000, 500, TumorPlace::Deep);
        let clean = case("b", |_| {});
        let rejected = case("c", |it| it.glands[1].candidates = vec![candidate(900, 0, false)]);
        let alarm = case("d", |it| it.glands[1].candidates = vec![candidate(900, 0, true)]);
        let missing = case("e", |it| it.decision = Decision::NotAssessable);
        let all = [&hit, &clean, &rejected, &alarm, &missing];
        let mixed = MixedDice::of(&all, &answer::of_cases(&all), |it| it.kept);
        assert_near(mixed.with_negatives.unwrap().value, (0.5 + 1.0 + 1.0 + 0.0) / 4.0, 1e-12);
        assert_near(mixed.without_negatives.unwrap().value, 0.5, 1e-12);
        assert_eq!(mixed.n_negative_not_assessable, 1);
        assert_eq!(MixedDice::of(&[], &[], |_| true).with_negatives, None);
    }
}
