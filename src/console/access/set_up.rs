//! The first account: made by who stands in front of the appliance and reads the code on its display.
//!
//! There is no password that all appliances share. The code is in memory and on the display alone, another one at each
//! start, and another one after some wrong ones.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::person_code::PersonCode;
use crate::limits::SETUP_FAILURES_MAX;

/// The code that waits, while there is no account.
pub(in crate::console) struct SetUpCode(Mutex<Option<Waiting>>);

struct Waiting {
    code: PersonCode,
    n_failed: u32,
}

impl fmt::Debug for SetUpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetUpCode")
    }
}

/// What became of a code that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Tried {
    /// It is the one.
    Right,
    /// It is not.
    Wrong,
    /// It is not, and the display shows another one now.
    WrongAndChanged,
    /// There are accounts already.
    NotWaiting,
}

impl SetUpCode {
    /// With a code where there is no account yet.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(in crate::console) fn new(is_needed: bool) -> Result<Self, std::io::Error> {
        let waiting = is_needed
            .then(|| Ok::<_, std::io::Error>(Waiting { code: PersonCode::make()?, n_failed: 0 }));
        Ok(Self(Mutex::new(waiting.transpose()?)))
    }

    /// For the display, as `ABCD-EFGH`; `None` once there is an account.
    #[must_use]
    pub(in crate::console) fn shown(&self) -> Option<String> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_ref().map(|it| it.code.shown())
    }

    /// Compares; case, spaces and hyphens do not matter.
    pub(in crate::console) fn try_code(&self, typed: &str) -> Tried {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(it) = waiting.as_mut() else { return Tried::NotWaiting };
        if it.code.is(typed) {
            return Tried::Right;
        }
        it.n_failed += 1;
        if it.n_failed < SETUP_FAILURES_MAX {
            return Tried::Wrong;
        }
        // Without randomness there is no way to set it up until the next start: safer than the old code.
        *waiting = PersonCode::make().ok().map(|code| Waiting { code, n_failed: 0 });
        Tried::WrongAndChanged
    }

    /// There is an account now.
    pub(in crate::console) fn done(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_as_people_type() {
        let code = SetUpCode::new(true).unwrap();
        let shown = code.shown().unwrap();
        assert_eq!(code.try_code(&shown.to_lowercase().replace('-', " ")), Tried::Right);
        code.done();
        assert_eq!((code.try_code(&shown), code.shown()), (Tried::NotWaiting, None));
        let none = SetUpCode::new(false).unwrap();
        assert_eq!((none.try_code(""), none.shown()), (Tried::NotWaiting, None));
    }

    #[test]
    fn codes_cannot_be_tried_one_after_the_other() {
        let code = SetUpCode::new(true).unwrap();
        let shown = code.shown();
        for _ in 1..SETUP_FAILURES_MAX {
            assert_eq!(code.try_code("AAAAAAAA"), Tried::Wrong);
        }
        assert_eq!(code.shown(), shown);
        assert_eq!(code.try_code("AAAAAAAA"), Tried::WrongAndChanged);
        assert_ne!(code.shown(), shown);
    }
}
