//! A lock that says that images and results are being read, by a command beside the daemon: nothing is removed then.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::KeepingError;

const FILE: &str = "in-use.lock";

/// Held until it is dropped, or its process ends.
#[derive(Debug)]
pub struct InUse(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

impl InUse {
    /// For who reads: any number at a time. Waits for a removal under way, which takes moments.
    ///
    /// # Errors
    /// [`KeepingError::InUse`].
    pub fn read(data_dir: &Path) -> Result<Self, KeepingError> {
        let path = data_dir.join(FILE);
        let locked = open(&path).and_then(|file| file.lock_shared().map(|()| file));
        locked.map(Self).map_err(|source| KeepingError::InUse { path, source })
    }

    /// For who removes; `None` while somebody reads.
    ///
    /// # Errors
    /// [`KeepingError::InUse`].
    pub fn remove(data_dir: &Path) -> Result<Option<Self>, KeepingError> {
        let path = data_dir.join(FILE);
        let problem = |source| KeepingError::InUse { path: path.clone(), source };
        let file = open(&path).map_err(problem)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(problem(source)),
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_while_somebody_reads() {
        let dir = tempfile::tempdir().unwrap();
        let readers = [InUse::read(dir.path()).unwrap(), InUse::read(dir.path()).unwrap()];
        assert!(InUse::remove(dir.path()).unwrap().is_none());
        drop(readers);
        assert!(InUse::remove(dir.path()).unwrap().is_some());
        assert!(InUse::read(&dir.path().join("nowhere")).is_err());
    }
}
