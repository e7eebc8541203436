//! What is known to be true of a case: the answer, as far as people agreed with it. Pure.

use crate::screening::report::{GlandState, ScreeningReport};
use crate::units::Side;
use crate::verdict::{Review, Verdict};

/// What is known of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideTruth {
    /// There is no mass.
    NoMass,
    /// There is one, where the answer has it.
    Outlined,
    /// There is one, and no outline of it.
    NotOutlined,
    /// Nothing: the gland was not screened, and nobody said anything.
    Unknown,
}

/// What the case is to whoever learns from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A person says that there is a mass.
    Positive,
    /// A person says that there is none.
    Negative,
    /// Nobody has judged all that was found: the answer is only what the networks think.
    Unreviewed,
}

impl Label {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Unreviewed => "unreviewed",
        }
    }
}

/// What is known of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseTruth {
    /// Right, then left.
    pub sides: [SideTruth; 2],
    /// All together.
    pub label: Label,
}

impl CaseTruth {
    /// What is known of a side.
    #[must_use]
    pub fn of(&self, side: Side) -> SideTruth {
        self.sides[side as usize]
    }

    /// Sides on which it is so, right first.
    pub fn sides_that_are(&self, truth: SideTruth) -> impl Iterator<Item = Side> {
        let sides = self.sides;
        Side::BOTH.into_iter().filter(move |side| sides[*side as usize] == truth)
    }
}

/// The truth of an answer after what people said about it.
///
/// Who judged one side has seen the series: a side on which nothing was found and nobody said anything is then
/// without a mass. A finding that nobody judged leaves the case unreviewed, and so does silence.
#[must_use]
pub fn truth(report: &ScreeningReport, review: &Review) -> CaseTruth {
    let sides = Side::BOTH.map(|side| side_truth(report, review, side));
    let is_unjudged = |side: Side| has_mass(report, side) && review.of(side).is_none();
    let is_silent = Side::BOTH.iter().all(|side| review.of(*side).is_none());
    let has_any = sides.iter().any(|it| matches!(it, SideTruth::Outlined | SideTruth::NotOutlined));
    let label = if is_silent || Side::BOTH.into_iter().any(is_unjudged) {
        Label::Unreviewed
    } else if has_any {
        Label::Positive
    } else {
        Label::Negative
    };
    CaseTruth { sides, label }
}

/// Whether the answer outlines a mass on that side that counts.
pub(super) fn has_mass(report: &ScreeningReport, side: Side) -> bool {
    report.candidates.iter().any(|it| it.side == side && it.kept)
}

fn side_truth(report: &ScreeningReport, review: &Review, side: Side) -> SideTruth {
    let gland = report.glands.iter().find(|it| it.side == side);
    let is_assessed = gland.is_some_and(|it| it.state == GlandState::Assessed);
    match (review.of(side), has_mass(report, side)) {
        (Some(Verdict::Accepted | Verdict::ConfirmedNegative) | None, true) => SideTruth::Outlined,
        (Some(Verdict::WrongOutline | Verdict::Missed), _) => SideTruth::NotOutlined,
        (Some(Verdict::Rejected), _) => SideTruth::NoMass,
        (Some(Verdict::Accepted | Verdict::ConfirmedNegative) | None, false) if is_assessed => {
            SideTruth::NoMass
        }
        // To agree that a gland could not be seen is no word on what is in it.
        (Some(Verdict::Accepted | Verdict::ConfirmedNegative) | None, false) => SideTruth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::report;

    fn check(found: &[Side], said: &[(Side, Verdict)], sides: [SideTruth; 2], label: Label) {
        let review = Review { verdicts: said.to_vec() };
        let truth = truth(&report(found, &[]), &review);
        assert_eq!((truth.sides, truth.label), (sides, label), "{found:?} {said:?}");
    }

    #[test]
    fn what_people_say_becomes_the_truth() {
        use Label::{Negative, Positive, Unreviewed};
        use SideTruth::{NoMass, NotOutlined, Outlined};
        use Verdict::{Accepted, Missed, Rejected, WrongOutline};
        let [right, left] = Side::BOTH;
        check(&[left], &[], [NoMass, Outlined], Unreviewed);
        check(&[left], &[(left, Accepted)], [NoMass, Outlined], Positive);
        check(&[left], &[(left, Rejected)], [NoMass, NoMass], Negative);
        check(&[left], &[(left, WrongOutline)], [NoMass, NotOutlined], Positive);
        check(&[left], &[(left, Rejected), (right, Missed)], [NotOutlined, NoMass], Positive);
        // The other finding is nobody's word yet.
        check(&[right, left], &[(left, Accepted)], [Outlined, Outlined], Unreviewed);
        check(&[right, left], &[(left, Accepted), (right, Rejected)], [NoMass, Outlined], Positive);
        check(&[left], &[(right, Accepted)], [NoMass, Outlined], Unreviewed);
        // Nothing was found, and that is confirmed, or not.
        check(&[], &[], [NoMass, NoMass], Unreviewed);
        check(&[], &[(right, Accepted), (left, Accepted)], [NoMass, NoMass], Negative);
        check(&[], &[(right, Missed)], [NotOutlined, NoMass], Positive);
        check(&[], &[(right, Missed), (right, Rejected)], [NoMass, NoMass], Negative);
    }

    #[test]
    fn a_gland_that_was_not_screened_is_unknown() {
        let [right, left] = Side::BOTH;
        let cut = report(&[left], &[right]);
        let accepted = Review { verdicts: vec![(left, Verdict::Accepted)] };
        let found = truth(&cut, &accepted);
        assert_eq!(found.sides, [SideTruth::Unknown, SideTruth::Outlined]);
        assert_eq!(found.label, Label::Positive);
        let missed = Review { verdicts: vec![(left, Verdict::Accepted), (right, Verdict::Missed)] };
        assert_eq!(truth(&cut, &missed).of(right), SideTruth::NotOutlined);
    }
}
