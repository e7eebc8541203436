//! From masses to one of three answers.

use serde::Deserialize;

use super::report::{Decision, DecisionIdentity, GlandReport, GlandState};
use crate::error::{Dispose, Disposition};
use crate::reason::Reason;
use crate::units::VoxelCount;

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
    /// Voxels from here on count towards the score.
    pub score_probability_min: f32,
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
}

/// What judges candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRule {
    /// Size alone.
    Size,
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
            ("score_probability_min", open_unit(policy.score_probability_min)),
            ("gland_probability_min", open_unit(policy.gland_probability_min)),
            ("gland_cm3_min", policy.gland_cm3_min > 0.0),
            ("gland_midline_distance_mm_min", policy.gland_midline_distance_mm_min >= 0.0),
            ("gamma", policy.gamma > 0.0),
        ];
        match checks.iter().find(|(_, good)| !good) {
            Some((name, _)) => Err(PolicyError::OutOfRange(name)),
            None => Ok(policy),
        }
    }

    /// What the report says of it.
    #[must_use]
    pub fn identity(&self) -> DecisionIdentity {
        let rule = match self.rule {
            DecisionRule::Size => "size",
        };
        DecisionIdentity {
            version: self.version.clone(),
            rule: rule.to_owned(),
            gamma: self.gamma,
            tumor_voxels_min: self.tumor_voxels_min,
        }
    }

    /// Whether a candidate of that size counts.
    #[must_use]
    pub fn keeps(&self, voxels: VoxelCount) -> bool {
        voxels >= self.tumor_voxels_min
    }

    /// The score for a weight of so many voxels (sum of their probabilities): 0 for nothing, 1/2 at
    /// the size that flags, towards 1 for large masses.
    #[must_use]
    pub fn score(&self, weight_voxels: f64) -> f64 {
        weight_voxels / (weight_voxels + f64::from(self.tumor_voxels_min.0))
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
    use crate::units::{Probability, Side};

    #[test]
    fn five_hundred_voxels_flag() {
        let policy = DecisionPolicy::embedded();
        let check = |voxels, kept| assert_eq!(policy.keeps(VoxelCount(voxels)), kept);
        check(0, false);
        check(499, false);
        check(500, true);
        check(50_000, true);
        assert!((policy.score(500.0) - 0.5).abs() < 1e-12);
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
        check("rule = \"size\"", "rule = \"coin\"");
        check("gamma = 5.0", "gamma = 5.0\nsurprise = 1");
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
