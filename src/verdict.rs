//! What a person said about an answer, side by side.

use crate::units::Side;

/// A person's word on one side of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Flagged, and there is a mass as outlined.
    Accepted,
    /// Flagged, and what is outlined is no mass, nor is there another.
    Rejected,
    /// Flagged, and there is a mass, but not as it is outlined.
    WrongOutline,
    /// Not flagged, and there is a mass.
    Missed,
    /// Not flagged, and there is none.
    ConfirmedNegative,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Accepted, Self::Rejected, Self::WrongOutline, Self::Missed, Self::ConfirmedNegative];

    /// The stable snake_case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::WrongOutline => "wrong_outline",
            Self::Missed => "missed",
            Self::ConfirmedNegative => "confirmed_negative",
        }
    }

    /// Whether it is about a flagged gland.
    #[must_use]
    pub fn is_of_flagged(self) -> bool {
        matches!(self, Self::Accepted | Self::Rejected | Self::WrongOutline)
    }
}

/// All that was said about one answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// In the order in which it was said; of a side the last counts.
    pub verdicts: Vec<(Side, Verdict)>,
}

impl Review {
    /// What stands for a side; `None` where nobody said anything.
    #[must_use]
    pub fn of(&self, side: Side) -> Option<Verdict> {
        self.verdicts.iter().rev().find(|(at, _)| *at == side).map(|(_, verdict)| *verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let right = |verdict| (Side::Right, verdict);
        let review =
            Review { verdicts: vec![right(Verdict::Rejected), right(Verdict::WrongOutline)] };
        assert_eq!(review.of(Side::Right), Some(Verdict::WrongOutline));
        assert_eq!(review.of(Side::Left), None);
    }
}
