//! What a person said about an answer, side by side.

use crate::units::Side;

/// A person's word on one side of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// As the answer has it: the outlined mass is one, or there is none.
    Accepted,
    /// What is outlined is no mass, and there is no other.
    Rejected,
    /// There is a mass, but not where it is outlined.
    WrongOutline,
    /// There is a mass that is not outlined.
    Missed,
}

impl Verdict {
    /// The stable snake_case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::WrongOutline => "wrong_outline",
            Self::Missed => "missed",
        }
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
