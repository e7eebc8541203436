//! Outlined volume against true volume, of masses that were found.

use serde::{Deserialize, Serialize};

use super::glands;
use crate::evaluation::outcome::{CaseOutcome, GlandOutcome};
use crate::evaluation::statistics::agreement::Agreement;

/// How far the volumes lie apart. A mass is found when a kept candidate holds some of it; the volume
/// is that of all kept candidates that do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeFigures {
    /// Outlined minus true, cm3.
    pub difference_cm3: Option<Agreement>,
    /// Outlined over true: volumes spread over decades, and so do their errors.
    pub ratio: Option<Agreement>,
    /// Masses with a kept candidate on them.
    pub n_found: usize,
    /// Masses without.
    pub n_missed: usize,
    /// Every mass that was found.
    pub pairs: Vec<VolumePair>,
}

/// One mass, cm3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct VolumePair {
    pub true_cm3: f64,
    pub outlined_cm3: f64,
}

impl VolumeFigures {
    pub(super) fn of(cases: &[&CaseOutcome]) -> Self {
        let n_masses = glands(cases).filter(|(_, gland)| gland.mass.is_some()).count();
        let found: Vec<(&str, VolumePair)> = glands(cases)
            .filter_map(|(case, gland)| Some((case.patient.as_str(), VolumePair::of(gland)?)))
            .collect();
        let mut patients: Vec<&str> = found.iter().map(|(patient, _)| *patient).collect();
        patients.sort_unstable();
        patients.dedup();
        let agreement = |of: fn(&VolumePair) -> f64| {
            let differences: Vec<f64> = found.iter().map(|(_, pair)| of(pair)).collect();
            Agreement::of(&differences, patients.len())
        };
        Self {
            difference_cm3: agreement(|it| it.outlined_cm3 - it.true_cm3),
            ratio: agreement(|it| (it.outlined_cm3 / it.true_cm3).ln()).map(|it| it.map(f64::exp)),
            n_found: found.len(),
            n_missed: n_masses - found.len(),
            pairs: found.into_iter().map(|(_, pair)| pair).collect(),
        }
    }
}

impl VolumePair {
    fn of(gland: &GlandOutcome) -> Option<Self> {
        let truth = gland.mass.filter(|mass| mass.voxels > 0)?;
        let on_it = gland.candidates.iter().filter(|it| it.kept && it.true_voxels > 0);
        let outlined: f64 = on_it.map(|it| f64::from(it.voxels)).sum();
        (outlined > 0.0).then(|| Self {
            true_cm3: f64::from(truth.voxels) / 1000.0,
            outlined_cm3: outlined / 1000.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{candidate, case, gland_with_mass};
    use super::*;
    use crate::evaluation::outcome::CandidateOutcome;
    use crate::evaluation::statistics::test_support::assert_near;

    fn mass(name: &str, voxels: u32, candidates: Vec<CandidateOutcome>) -> CaseOutcome {
        case(name, |it| {
            it.glands[1] = gland_with_mass(voxels, None);
            it.glands[1].candidates = candidates;
        })
    }

    #[test]
    fn only_what_lies_on_the_mass_is_its_volume() {
        let cases = [
            mass("a", 1000, vec![candidate(1500, 900, true), candidate(700, 0, true)]),
            mass("b", 2000, vec![candidate(1000, 1000, true), candidate(500, 500, false)]),
            mass("c", 4000, vec![candidate(2000, 0, true)]),
            mass("d", 4000, vec![]),
        ];
        let figures = VolumeFigures::of(&cases.iter().collect::<Vec<_>>());
        assert_eq!((figures.n_found, figures.n_missed), (2, 2));
        let expected = [(1.0, 1.5), (2.0, 1.0)];
        assert_eq!(
            figures.pairs.iter().map(|it| (it.true_cm3, it.outlined_cm3)).collect::<Vec<_>>(),
            expected
        );
        assert_near(figures.difference_cm3.unwrap().bias.value, -0.25, 1e-12);
        assert_near(figures.ratio.unwrap().bias.value, (1.5_f64 * 0.5).sqrt(), 1e-12);
    }

    #[test]
    fn nothing_found_has_no_agreement() {
        let figures = VolumeFigures::of(&[&mass("a", 1000, vec![])]);
        assert_eq!((figures.difference_cm3, figures.ratio, figures.n_missed), (None, None, 1));
        assert_eq!(VolumeFigures::of(&[]).n_missed, 0);
    }
}
