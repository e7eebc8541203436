//! Passwords: what is one, and their hashes by Argon2id (RFC 9106), in the PHC string format.
//!
//! Parameters are OWASP's: 19 MiB, two passes, one lane.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN, USER_NAME_BYTES_MAX};

const SALT_BYTES: usize = 16;

/// Why something is no password, or could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is guessed too soon.
    #[error(
        "a password has at least {PASSWORD_CHARACTERS_MIN} characters; several words that only you would join are good"
    )]
    TooShort,
    /// Nobody types that.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// It says who it belongs to.
    #[error("the password is the name, or one character again and again; choose another one")]
    TooSimple,
    /// No randomness, no memory.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// The hash of a password that is good enough for `name`.
///
/// # Errors
/// See [`PasswordError`].
pub fn hash(name: &str, password: &str) -> Result<String, PasswordError> {
    check(name, password)?;
    let mut salt = [0; SALT_BYTES];
    OsRng.try_fill_bytes(&mut salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let hash: Result<PasswordHash, Error> =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|it| it.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

fn check(name: &str, password: &str) -> Result<(), PasswordError> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(PasswordError::TooShort);
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let first = password.chars().next();
    if password.to_lowercase().contains(name) && name.len() * 2 > password.len()
        || password.chars().all(|it| Some(it) == first)
    {
        return Err(PasswordError::TooSimple);
    }
    Ok(())
}

/// Whether a password is the one of a hash. A name that nobody has takes as long as one that somebody has: `None` is
/// compared with a hash of nothing.
#[must_use]
pub(in crate::console) fn is_right(password: &str, hash: Option<&str>) -> bool {
    // Of a password that nobody knows, made as those of ours are.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\
                          AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    let is_right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    is_right && hash.is_some()
}

/// A name as it is kept: lower case, letters, digits and `.-_`; `None` for what is none.
#[must_use]
pub fn user_name(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    let is_fine = !name.is_empty()
        && name.len() <= USER_NAME_BYTES_MAX
        && name.chars().all(|it| it.is_alphanumeric() || ".-_".contains(it));
    is_fine.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let good = "several words joined";
        let hashed = hash("ada", good).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hash("ada", good).unwrap(), hashed, "each has a salt of its own");
        assert!(is_right(good, Some(&hashed)));
        assert!(!is_right("several words joinee", Some(&hashed)));
        assert!(!is_right(good, None));
        assert!(!is_right(good, Some("no hash")));
    }

    #[test]
    fn bad_passwords_say_why() {
        let check = |password: &str, error| assert_eq!(hash("adalovelace", password), Err(error));
        check("short", PasswordError::TooShort);
        check("ääääääääää", PasswordError::TooShort);
        check("adalovelace12", PasswordError::TooSimple);
        check("aaaaaaaaaaaaaaaa", PasswordError::TooSimple);
        check(&"ab".repeat(200), PasswordError::TooLong);
    }

    #[test]
    fn names_are_typed_on_many_keyboards() {
        let check = |text, name: Option<&str>| assert_eq!(user_name(text).as_deref(), name);
        check(" Ada ", Some("ada"));
        check("jörg.müller", Some("jörg.müller"));
        check("", None);
        check("a b", None);
        check("<a>", None);
        check(&"a".repeat(33), None);
    }
}
