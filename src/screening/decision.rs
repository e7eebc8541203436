//! From masses to one of three answers.

use serde::Deserialize;

use super::features::Features;
use super::report::{Decision, DecisionIdentity, GlandReport, GlandState};
use super::svm::SupportVectorMachine;
use crate::error::{Dispose, Disposition};
use crate::reason::Reason;
use crate::units::{Probability, VoxelCount};

/// What a gland without a candidate scores for each unit of its largest probability.
const FAINT: f64 = 1e-3;

/// Every number that can change a decision, in one place and with no hidden default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionPolicy {
    /// Its version.
    pub version: String,
    /// Smallest mass that flags, voxels of the 1 mm grid (the study's 500: 0.5 cm3).
    pub tumor_voxels_min: VoxelCount,
    /// A voxel belongs to a mass from this probability on.
    pub tumor_probability_min: f32,
    /// Voxels that may belong to a mass, from this probability on: candidates are made of them.
    pub candidate_probability_min: f32,
    /// A voxel belongs to a gland from this heatmap value on.
    pub gland_probability_min: f32,
    /// Weight of the smallest region that is a gland, cm3.
    pub gland_cm3_min: f64,
    /// A region nearer to the midline than this is no parotid gland, mm.
    pub gland_midline_distance_mm_min: f64,
    /// What judges candidates.
    pub rule: DecisionRule,
    /// Gamma of the RBF support vector machine; of no effect under [`DecisionRule::Size`].
    pub gamma: f64,
    /// The machine; must be there under [`DecisionRule::Svm`].
    pub svm: Option<SupportVectorMachine>,
}

/// What judges candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRule {
    /// Size alone.
    Size,
    /// A support vector machine, then size.
    Svm,
}

impl DecisionRule {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Svm => "svm",
        }
    }
}

/// A decision file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not these keys.
    #[error("could not read the decision policy")]
    Parse(#[source] Box<toml::de::Error>),
    /// A number outside its range.
    #[error("the decision policy has `{0}` out of range")]
    OutOfRange(&'static str),
}

impl Dispose for PolicyError {
    fn disposition(&self) -> Disposition {
        Disposition::Fatal
    }
}

impl DecisionPolicy {
    /// The policy that was shipped with this program.
    ///
    /// # Panics
    /// Never: a test parses the same text.
    #[must_use]
    pub fn embedded() -> Self {
        Self::parse(include_str!("../../models/decision.toml"))
            .expect("the shipped policy is checked by a test")
    }

    /// A policy from the text of a `decision.toml`.
    ///
    /// # Errors
    /// When it is not TOML, has other keys, or a number makes no sense.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self =
            toml::from_str(text).map_err(|source| PolicyError::Parse(Box::new(source)))?;
        let open_unit = |p: f32| p > 0.0 && p < 1.0;
        let checks = [
            ("tumor_voxels_min", policy.tumor_voxels_min.0 > 0),
            ("tumor_probability_min", open_unit(policy.tumor_probability_min)),
            (
                "candidate_probability_min",
                open_unit(policy.candidate_probability_min)
                    && policy.candidate_probability_min <= policy.tumor_probability_min,
            ),
            ("gland_probability_min", open_unit(policy.gland_probability_min)),
            ("gland_cm3_min", policy.gland_cm3_min > 0.0),
            ("gland_midline_distance_mm_min", policy.gland_midline_distance_mm_min >= 0.0),
            ("gamma", policy.gamma > 0.0 && policy.gamma.is_finite()),
            ("svm", policy.rule == DecisionRule::Size || policy.svm.is_some()),
        ];
        let fault = policy.svm.as_ref().and_then(SupportVectorMachine::fault);
        match checks.iter().find(|(_, good)| !good).map(|(name, _)| *name).or(fault) {
            Some(name) => Err(PolicyError::OutOfRange(name)),
            None => Ok(policy),
        }
    }

    /// The shipped policy with the size threshold as its only rule, to measure what the machine adds.
    #[must_use]
    pub fn by_size() -> Self {
        Self { rule: DecisionRule::Size, ..Self::embedded() }
    }

    /// What the report says of it.
    #[must_use]
    pub fn identity(&self) -> DecisionIdentity {
        DecisionIdentity {
            version: self.version.clone(),
            rule: self.rule.as_str().to_owned(),
            gamma: self.gamma,
            tumor_voxels_min: self.tumor_voxels_min,
        }
    }

    /// Score of a candidate and whether it counts: 1/2 or more if and only if it does, so that an ROC
    /// curve over scores goes through the operating point.
    ///
    /// `weight` is the sum of the candidate's probabilities, in voxels. Where there is a machine its
    /// score orders, size being one of its features, and an outline too small to flag has half of it.
    #[must_use]
    pub fn judge(&self, features: &Features, voxels: VoxelCount, weight: f64) -> (f64, bool) {
        let score = match self.machine_score(features) {
            None => self.size_score(voxels, weight),
            Some(score) if voxels >= self.tumor_voxels_min => score,
            Some(score) => (score / 2.0).min(0.5 - f64::EPSILON),
        };
        (score, score >= 0.5)
    }

    /// Score of a gland: its highest candidate's. Where there is none the largest probability of a voxel
    /// orders, below all candidates.
    #[must_use]
    pub fn gland_score(candidates: impl Iterator<Item = f64>, probability_max: Probability) -> f64 {
        candidates.reduce(f64::max).unwrap_or(f64::from(probability_max.0) * FAINT)
    }

    /// Whether the rule takes a candidate for a mass, whatever its size.
    #[must_use]
    pub fn accepts(&self, features: &Features) -> bool {
        self.machine_score(features).is_none_or(|score| score >= 0.5)
    }

    /// The machine's score; `None` where size alone decides.
    fn machine_score(&self, features: &Features) -> Option<f64> {
        let machine = self.svm.as_ref().filter(|_| self.rule == DecisionRule::Svm)?;
        Some(machine.score(machine.value(self.gamma, features)))
    }

    /// 1/2 at the size that flags, towards 1 for large masses; below that size the weight orders, which
    /// also knows of voxels that nearly were outlined.
    fn size_score(&self, voxels: VoxelCount, weight: f64) -> f64 {
        let minimum = f64::from(self.tumor_voxels_min.0);
        if voxels >= self.tumor_voxels_min {
            let n = f64::from(voxels.0);
            n / (n + minimum)
        } else {
            (weight / (weight + minimum)).min(0.5 - f64::EPSILON)
        }
    }
}

/// The answer for a series from the answers for its glands.
///
/// One flagged gland flags the series, whatever the other one is. A series is negative only when both
/// glands were screened and neither is flagged: a missed gland is never called negative.
#[must_use]
pub fn decide(glands: &[GlandReport; 2]) -> (Decision, Option<Reason>) {
    if glands.iter().any(|gland| gland.decision == Decision::Flagged) {
        return (Decision::Flagged, None);
    }
    let missed: Vec<&GlandReport> =
        glands.iter().filter(|gland| gland.state == GlandState::NotAssessable).collect();
    match missed[..] {
        [] => (Decision::NotFlagged, None),
        [_] => (Decision::NotAssessable, Some(Reason::OneGlandNotAssessed)),
        [a, b, ..] if a.reason == b.reason => (Decision::NotAssessable, a.reason),
        _ => (Decision::NotAssessable, Some(Reason::NoGlandAssessed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screening::features::N_FEATURES;
    use crate::units::Side;

    #[test]
    fn five_hundred_voxels_flag() {
        let policy = DecisionPolicy::by_size();
        let check = |voxels, kept| {
            let weight = f64::from(voxels);
            let judged = policy.judge(&[0.0; N_FEATURES], VoxelCount(voxels), weight);
            assert_eq!((judged.0 >= 0.5, judged.1), (kept, kept));
        };
        check(0, false);
        check(499, false);
        check(500, true);
        check(50_000, true);
        // Many voxels that nearly were outlined order, but never flag.
        assert!(!policy.judge(&[0.0; N_FEATURES], VoxelCount(400), 9000.0).1);
    }

    #[test]
    fn the_machine_orders_and_the_size_gates() {
        let policy = DecisionPolicy::embedded();
        let features = [3.5, 3.5, 0.9, 1.0, 60.0, 60.0, 10.0, 8.0, 1.0, 0.5, 1.0];
        let judge = |voxels| policy.judge(&features, VoxelCount(voxels), 3000.0);
        let ((large, kept), (small, small_kept)) = (judge(500), judge(499));
        assert!(kept && large > 0.5, "{large}");
        assert!(!small_kept && small < 0.5, "{small}");
        assert!((small - large / 2.0).abs() < 1e-9);
    }

    #[test]
    fn glands_without_a_candidate_are_ordered_below_those_with_one() {
        let score = |candidates: &[f64], peak| {
            DecisionPolicy::gland_score(candidates.iter().copied(), Probability(peak))
        };
        let ordered = [score(&[], 1e-7), score(&[], 0.09), score(&[0.01], 0.1)];
        assert!(ordered.is_sorted_by(|a, b| a < b), "{ordered:?}");
        assert!((score(&[0.2, 0.7], 0.99) - 0.7).abs() < 1e-12);
    }

    #[test]
    fn bad_policies_are_refused() {
        let shipped = include_str!("../../models/decision.toml");
        let check = |from: &str, to: &str| {
            assert!(shipped.contains(from));
            assert!(DecisionPolicy::parse(&shipped.replace(from, to)).is_err(), "{to}");
        };
        check("tumor_voxels_min = 500", "tumor_voxels_min = 0");
        check("tumor_voxels_min = 500", "");
        check("tumor_probability_min = 0.5", "tumor_probability_min = 1.5");
        check("rule = \"", "rule = \"coin");
        check("gamma = 5.0", "gamma = 5.0\nsurprise = 1");
        check("gamma = 5.0", "gamma = 0.0");
        check("candidate_probability_min = 0.1", "candidate_probability_min = 0.9");
    }

    #[test]
    fn a_missed_gland_is_never_negative() {
        use Decision::{Flagged, NotAssessable, NotFlagged};
        let gland = |side, decision, reason: Option<Reason>| GlandReport {
            side,
            state: match decision {
                NotAssessable => GlandState::NotAssessable,
                Flagged | NotFlagged => GlandState::Assessed,
            },
            reason,
            center_mm: None,
            heatmap_peak: Probability(0.0),
            decision,
            score: 0.0,
        };
        let check = |right: (Decision, Option<Reason>),
                     left: (Decision, Option<Reason>),
                     expected| {
            let glands = [gland(Side::Right, right.0, right.1), gland(Side::Left, left.0, left.1)];
            assert_eq!(decide(&glands), expected);
        };
        let (yes, no) = ((Flagged, None), (NotFlagged, None));
        let lost = (NotAssessable, Some(Reason::GlandNotFound));
        let cut = (NotAssessable, Some(Reason::NotInFieldOfView));
        check(no, no, (NotFlagged, None));
        check(yes, no, (Flagged, None));
        check(yes, lost, (Flagged, None));
        check(cut, yes, (Flagged, None));
        check(no, lost, (NotAssessable, Some(Reason::OneGlandNotAssessed)));
        check(lost, lost, (NotAssessable, Some(Reason::GlandNotFound)));
        check(lost, cut, (NotAssessable, Some(Reason::NoGlandAssessed)));
    }
}
