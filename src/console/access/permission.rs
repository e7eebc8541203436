//! What each role may do.

use crate::db::users::Role;

/// Something that not everyone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Permission {
    /// See names, images and answers.
    SeePatients,
    /// Say that an alert was seen.
    Acknowledge,
    /// Say what they think of a finding.
    Judge,
    /// Look after the appliance: deliveries, users, settings, audit.
    Administer,
}

impl Permission {
    /// Whether a role has it. Engineers see no patient: who mends the box need not know who was in the scanner.
    #[must_use]
    pub(in crate::console) fn is_of(self, role: Role) -> bool {
        match self {
            Self::SeePatients | Self::Acknowledge => role != Role::Engineer,
            Self::Judge => role == Role::Radiologist,
            Self::Administer => role == Role::Engineer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_do_everything() {
        use Permission::{Acknowledge, Administer, Judge, SeePatients};
        let of = |role| [SeePatients, Acknowledge, Judge, Administer].map(|it| it.is_of(role));
        assert_eq!(of(Role::Technologist), [true, true, false, false]);
        assert_eq!(of(Role::Radiologist), [true, true, true, false]);
        assert_eq!(of(Role::Engineer), [false, false, false, true]);
    }
}
