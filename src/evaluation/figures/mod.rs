//! The figures of a cohort, computed from what its cases gave.
//!
//! ```text
//!  CaseOutcome, ..  --one kind at a time-->  CohortFigures  -->  JSON, Markdown, plots
//! ```
//!
//! Figures of two kinds of cohort are never mixed. What can't be measured is `None`, never 0. A case or
//! gland that was not assessable is never a negative answer: a positive one counts as missed, a
//! negative one is left out, and both are counted apart.

pub mod answer;
pub mod comparison;
pub mod dice;
pub mod localizer;
pub mod screening;
pub mod sweep;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
pub mod volume;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::outcome::{CaseOutcome, CohortKind, GlandOutcome};
use super::statistics::Observation;
use super::statistics::quantile::{Quartiles, quantile, sorted};
use super::statistics::reliability::Reliability;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use comparison::Comparison;
use dice::DiceFigures;
use localizer::{LocalizerFigures, NoGlandFigures};
use screening::{HealthyGlands, ScreeningFigures};
use sweep::{SweepRow, Sweeps};
use volume::VolumeFigures;

/// Version of the JSON.
pub const SCHEMA: &str = "parotidd.figures/1";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`NOT_FOR_DIAGNOSTIC_USE`].
    pub notice: String,
    /// What was measured.
    pub versions: Versions,
    /// One cohort after the other.
    pub cohorts: Vec<CohortFigures>,
}

/// The versions that gave the answers, as text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This program.
    pub software: String,
    /// Network that finds the glands.
    pub localizer: String,
    /// Network that outlines a mass.
    pub segmenter: String,
    /// The rule that turns outlines into an answer, with its threshold and gamma.
    pub decision: String,
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { software, localizer, segmenter, decision } = self;
        write!(f, "parotidd {software} · {localizer} · {segmenter} · {decision}")
    }
}

/// What was counted. Masses and glands are those of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Different patients.
    pub n_patients: usize,
    /// Cases.
    pub n_cases: usize,
    /// Outlined glands.
    pub n_glands: usize,
    /// Glands with a mass.
    pub n_masses: usize,
}

/// The figures of one kind of one cohort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CohortFigures {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: CohortKind,
    /// What it holds.
    pub counts: Counts,
    /// Where the glands were found.
    pub localizer: LocalizerFigures,
    /// What was found where there is no gland; only of [`CohortKind::NoGland`].
    pub no_gland: Option<NoGlandFigures>,
    /// How well masses were outlined.
    pub dice: DiceFigures,
    /// The answer for a case.
    pub by_case: ScreeningFigures,
    /// The answer for a gland.
    pub by_gland: ScreeningFigures,
    /// Glands without a mass that were not flagged.
    pub healthy_glands: HealthyGlands,
    /// Sites, then protocols, two at a time.
    pub comparisons: Vec<Comparison>,
    /// Other sizes from which a mass flags.
    pub size_sweep: Vec<SweepRow>,
    /// Other gammas of the support vector machine.
    pub gamma_sweep: Vec<SweepRow>,
    /// Outlined volume against true volume.
    pub volume: VolumeFigures,
    /// Whether the segmenter's probabilities are true.
    pub reliability: Option<Reliability>,
    /// How long a case took.
    pub timing: Option<TimingFigures>,
}

/// Wall time a case, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the steps")]
pub struct TimingFigures {
    pub total_ms: Quartiles,
    pub load_ms: f64,
    pub resample_ms: f64,
    pub localize_ms: f64,
    pub segment_ms: f64,
    pub decide_ms: f64,
}

impl Evaluation {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(versions: Versions) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            notice: NOT_FOR_DIAGNOSTIC_USE.to_owned(),
            versions,
            cohorts: Vec::new(),
        }
    }

    /// Adds a cohort's figures: those of each kind that its cases have, apart.
    pub fn add(&mut self, name: &str, outcomes: &[CaseOutcome], sweeps: &Sweeps) {
        let kinds: BTreeSet<CohortKind> = outcomes.iter().map(|case| case.kind).collect();
        let figures = |kind| CohortFigures::of(name, kind, outcomes, sweeps);
        self.cohorts.extend(kinds.into_iter().map(figures));
    }
}

impl CohortFigures {
    /// The figures of the cases of that kind; all `None` where there is none.
    #[must_use]
    pub fn of(name: &str, kind: CohortKind, outcomes: &[CaseOutcome], sweeps: &Sweeps) -> Self {
        let cases: Vec<&CaseOutcome> = outcomes.iter().filter(|case| case.kind == kind).collect();
        let cases = cases.as_slice();
        Self {
            name: name.to_owned(),
            kind,
            counts: Counts::of(cases),
            localizer: LocalizerFigures::of(cases),
            no_gland: NoGlandFigures::of(cases),
            dice: DiceFigures::of(cases),
            by_case: ScreeningFigures::by_case(cases),
            by_gland: ScreeningFigures::by_gland(cases),
            healthy_glands: HealthyGlands::of(cases),
            comparisons: comparison::compare_all(cases),
            size_sweep: sweep::by_size(cases, sweeps),
            gamma_sweep: sweep::by_gamma(cases, sweeps),
            volume: VolumeFigures::of(cases),
            reliability: reliability(cases),
            timing: TimingFigures::of(cases),
        }
    }
}

impl Counts {
    fn of(cases: &[&CaseOutcome]) -> Self {
        let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
        let count = |which: fn(&GlandOutcome) -> bool| {
            glands(cases).filter(|(_, gland)| which(gland)).count()
        };
        Self {
            n_patients: patients.len(),
            n_cases: cases.len(),
            n_glands: count(|gland| gland.true_center_mm.is_some()),
            n_masses: count(|gland| gland.mass.is_some()),
        }
    }
}

impl TimingFigures {
    fn of(cases: &[&CaseOutcome]) -> Option<Self> {
        let timed: Vec<&&CaseOutcome> = cases.iter().filter(|it| it.timing_ms.total > 0).collect();
        let total: Vec<Observation<f64>> =
            timed.iter().map(|it| observe(it, it.timing_ms.total as f64)).collect();
        let median = |step: fn(&CaseOutcome) -> u64| {
            quantile(&sorted(timed.iter().map(|it| step(it) as f64)), 0.5)
        };
        Some(Self {
            total_ms: Quartiles::of(&total)?,
            load_ms: median(|it| it.timing_ms.load)?,
            resample_ms: median(|it| it.timing_ms.resample)?,
            localize_ms: median(|it| it.timing_ms.localize)?,
            segment_ms: median(|it| it.timing_ms.segment)?,
            decide_ms: median(|it| it.timing_ms.decide)?,
        })
    }
}

fn reliability(cases: &[&CaseOutcome]) -> Option<Reliability> {
    // Disease nobody outlined would make a right answer look wrong.
    let judged = glands(cases).filter(|(_, gland)| gland.mass.is_some() || !is_in_target(gland));
    let bins: Vec<_> = judged.map(|(case, gland)| observe(case, gland.reliability)).collect();
    Reliability::of(&bins)
}

/// A gland of which more than this share lies in a radiotherapy target may hold unlabelled disease.
pub const TARGET_OVERLAP_MAX: f64 = 0.05;

fn is_in_target(gland: &GlandOutcome) -> bool {
    gland.target_overlap > TARGET_OVERLAP_MAX
}

/// Every gland with its case, right before left.
fn glands<'a>(
    cases: &'a [&'a CaseOutcome],
) -> impl Iterator<Item = (&'a CaseOutcome, &'a GlandOutcome)> {
    cases.iter().flat_map(|case| case.glands.iter().map(move |gland| (*case, gland)))
}

fn observe<T>(case: &CaseOutcome, value: T) -> Observation<'_, T> {
    Observation { patient: &case.patient, value }
}
