//! Who may do what: log-in, sessions, roles, and the two proofs that a change was meant.
//!
//! ```text
//!  name, password --throttle--> lock-out --argon2id--> session --cookie, HttpOnly, SameSite=Strict--> CurrentUser
//!                                                        `--CSRF token--> Submitted<T>: a change that was meant
//! ```

mod current;
mod limiter;
pub(super) mod login;
pub(super) mod passwords;
pub(super) mod permission;
pub(in crate::console) mod person_code;
pub(super) mod sessions;
pub(super) mod set_up;
mod submitted;

pub(super) use self::current::{ApiUser, CurrentUser, set_cookie};
pub(super) use self::limiter::Limiter;
pub(super) use self::submitted::{ApiSubmitted, Submitted, is_from_here};
