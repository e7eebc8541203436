//! Sessions: who is logged in, in memory. After a restart everyone logs in again.
//!
//! The token is 256 bits from the system; what is kept is its hash, so that a dump of memory or a log of this table opens
//! no session.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::db::users::Role;
use crate::limits::{SESSION_IDLE, SESSION_MAX, SESSIONS_MAX};

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// A person who is logged in.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::console) struct Session {
    /// Their name.
    pub(in crate::console) user: String,
    /// What they may do.
    pub(in crate::console) role: Role,
    /// What every change has to show: a page of another site cannot read it.
    pub(in crate::console) csrf: String,
    opened: Duration,
    seen: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, {})", self.user, self.role.code())
    }
}

/// All sessions.
#[derive(Debug)]
pub(in crate::console) struct Sessions {
    clock: Arc<dyn Clock>,
    open: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// None yet.
    #[must_use]
    pub(in crate::console) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, open: Mutex::default() }
    }

    /// Opens one; answers with its token, which only the browser keeps. One too many ends the one that was silent
    /// longest.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(in crate::console) fn open(
        &self,
        user: String,
        role: Role,
    ) -> Result<String, std::io::Error> {
        let (token, csrf) = (random_token()?, random_token()?);
        let now = self.clock.monotonic();
        let mut open = self.lock();
        open.retain(|_, it| is_alive(it, now));
        while open.len() >= SESSIONS_MAX {
            let Some(oldest) = open.iter().min_by_key(|(_, it)| it.seen).map(|(key, _)| *key)
            else {
                break;
            };
            open.remove(&oldest);
        }
        open.insert(key(&token), Session { user, role, csrf, opened: now, seen: now });
        Ok(token)
    }

    /// The session of a token. What a person did counts as a sign of life; what their page did by itself does not.
    #[must_use]
    pub(in crate::console) fn find(&self, token: &str, by_hand: bool) -> Option<Session> {
        let now = self.clock.monotonic();
        let mut open = self.lock();
        let session = open.get_mut(&key(token)).filter(|it| is_alive(it, now))?;
        if by_hand {
            session.seen = now;
        }
        Some(session.clone())
    }

    /// Ends one.
    pub(in crate::console) fn close(&self, token: &str) {
        self.lock().remove(&key(token));
    }

    /// Ends all of a person's.
    pub(in crate::console) fn close_all_of(&self, user: &str) {
        self.lock().retain(|_, it| it.user != user);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_alive(session: &Session, now: Duration) -> bool {
    now.saturating_sub(session.seen) < SESSION_IDLE
        && now.saturating_sub(session.opened) < SESSION_MAX
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random_token() -> Result<String, std::io::Error> {
    let mut bytes = [0; TOKEN_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn sessions() -> (Arc<ManualClock>, Sessions) {
        let clock = Arc::new(ManualClock::default());
        (Arc::clone(&clock), Sessions::new(clock))
    }

    #[test]
    fn a_session_lives_while_it_is_used_and_no_longer_than_a_shift() {
        let (clock, sessions) = sessions();
        let token = sessions.open("ada".into(), Role::Radiologist).unwrap();
        assert_eq!(sessions.find(&token, true).unwrap().user, "ada");
        assert_eq!(sessions.find("other", true), None);
        clock.advance(SESSION_IDLE - Duration::from_secs(1));
        assert!(sessions.find(&token, false).is_some());
        clock.advance(Duration::from_secs(1));
        assert_eq!(sessions.find(&token, true), None, "a page that refreshes itself is no person");
        let token = sessions.open("ada".into(), Role::Radiologist).unwrap();
        for _ in 0..100 {
            clock.advance(SESSION_IDLE / 2);
            let _ = sessions.find(&token, true);
        }
        assert_eq!(sessions.find(&token, true), None);
    }

    #[test]
    fn sessions_end_by_hand_and_by_number() {
        let (clock, sessions) = sessions();
        let open = |name: &str| {
            clock.advance(Duration::from_millis(1));
            sessions.open(name.into(), Role::Technologist).unwrap()
        };
        let (a, b, c) = (open("a"), open("b"), open("b"));
        sessions.close(&a);
        assert_eq!(sessions.find(&a, true), None);
        sessions.close_all_of("b");
        assert!(sessions.find(&b, true).or(sessions.find(&c, true)).is_none());
        let first = open("a");
        let second = open("a");
        for _ in 2..SESSIONS_MAX {
            open("a");
        }
        assert!(sessions.find(&first, true).is_some());
        open("a");
        assert_eq!(sessions.find(&second, true), None, "the one that was silent longest goes");
        assert!(sessions.find(&first, true).is_some());
    }
}
