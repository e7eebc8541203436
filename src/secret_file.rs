//! Files that hold a secret: read with a bound, kept so that it does not print, judged by who else may read them.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::unistd::getegid;
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::error::{Dispose, Disposition};
use crate::limits::SECRET_FILE_BYTES_MAX;

/// Where systemd puts credentials. It opens them to their service by an access list, which looks like a
/// group's right to read.
const CREDENTIALS: &str = "/run/credentials";

/// A password, token or key as text. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A file that cannot be used as a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read, or is no text.
    #[error("could not read it; the user that runs parotidd must be able to")]
    Read(#[from] io::Error),
    /// Longer than any secret.
    #[error("it is larger than {SECRET_FILE_BYTES_MAX} bytes; is it the right file?")]
    TooLarge,
    /// Nothing in it.
    #[error("it is empty; put the secret on its first line")]
    Empty,
}

impl Dispose for SecretFileError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

impl Secret {
    /// From text that is at hand.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Reads all of a file, without the space around it.
    ///
    /// # Errors
    /// When it cannot be read, is empty or too large.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let mut text = String::new();
        let most = SECRET_FILE_BYTES_MAX + 1;
        let n_bytes = File::open(path)?.take(most).read_to_string(&mut text)?;
        if n_bytes as u64 == most {
            return Err(SecretFileError::TooLarge);
        }
        let text = text.trim();
        if text.is_empty() { Err(SecretFileError::Empty) } else { Ok(Self(text.to_owned())) }
    }

    /// The secret itself, for the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What to say where others than the owner may read or change `what`, a file with a secret.
#[must_use]
pub fn caution_of_mode(what: &str, path: &Path) -> Option<String> {
    // It was read a moment ago: without an answer there is nothing to say.
    let found = path.metadata().ok()?;
    let mode = found.permissions().mode() & 0o777;
    let is_ours = is_for_group(&found, getegid().as_raw());
    let others = if is_ours { 0o037 } else { 0o077 };
    let is_open = mode & others != 0 && !path.starts_with(CREDENTIALS);
    is_open.then(|| {
        format!(
            "others than its owner may read or change {what} `{}` (mode {mode:03o}); make it parotidd's \
             own, mode 600",
            path.display()
        )
    })
}

/// Whether a file is root's and our group's, in which nobody else is: a stick's, which root puts there for us to read.
fn is_for_group(found: &impl MetadataExt, group: u32) -> bool {
    found.uid() == 0 && found.gid() == group && group != 0
}

/// Makes a key of random bytes for the appliance alone: the file must not be there, and its owner alone can read it. It
/// is on the disk when this answers: a key that a power cut takes back would be another one after it.
///
/// # Errors
/// When the file is there, or cannot be written; then nothing of it stays.
pub fn make_key<const N: usize>(path: &Path) -> io::Result<[u8; N]> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut key = [0; N];
    let written = OsRng
        .try_fill_bytes(&mut key)
        .map_err(io::Error::other)
        .and_then(|()| file.write_all(&key))
        .and_then(|()| file.sync_all())
        .and_then(|()| path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()));
    if written.is_err() {
        // Half a key would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
    }
    written.map(|()| key)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_secret_is_read_and_does_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(Secret::read(&path), Err(SecretFileError::Read(_))));
        fs::write(&path, "hush hush \n").unwrap();
        let secret = Secret::read(&path).unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("hush hush", "[secret]"));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(Secret::read(&path), Err(SecretFileError::Empty)));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(Secret::read(&path), Err(SecretFileError::Read(_))));
        fs::write(&path, "a".repeat(usize::try_from(SECRET_FILE_BYTES_MAX).unwrap() + 1)).unwrap();
        assert!(matches!(Secret::read(&path), Err(SecretFileError::TooLarge)));
    }

    #[test]
    fn a_file_that_others_may_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s").unwrap();
        let caution = |mode| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            caution_of_mode("the token", &path)
        };
        assert_eq!(caution(0o600), None);
        let said = caution(0o640).unwrap();
        assert!(said.contains("the token `") && said.contains("(mode 640)"), "{said}");
    }

    #[test]
    fn root_may_give_a_file_to_our_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s").unwrap();
        let group = 1234;
        if std::os::unix::fs::chown(&path, Some(0), Some(group)).is_err() {
            return eprintln!("skipped: files can only be given away by root");
        }
        let found = path.metadata().unwrap();
        assert!(is_for_group(&found, group) && !is_for_group(&found, group + 1));
        std::os::unix::fs::chown(&path, Some(0), Some(0)).unwrap();
        assert!(!is_for_group(&path.metadata().unwrap(), 0), "everyone's who has no other");
    }
}
