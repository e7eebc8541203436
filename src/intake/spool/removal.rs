//! Received files that go again.
//!
//! A sender may send an instance once more while it is being removed. So a file goes only if it is the one that its
//! row told of, by its time, and nobody gets a name in between.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use super::{Spool, SpoolError, list};
use crate::clock::unix_ms;
use crate::dicom::uid::SeriesInstanceUid;
use crate::limits::RECEIVED_TIME_SLACK;

/// A received file that is not needed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// Relative to the spool's folder.
    pub path: PathBuf,
    /// When it was received, milliseconds since 1970 UTC.
    pub received_unix_ms: i64,
}

impl Spool {
    /// Removes files, but for those that were sent again since. Says how many went; one that is gone already is no
    /// error.
    ///
    /// # Errors
    /// [`SpoolError::Write`] at the first file that cannot be removed.
    pub fn remove_unneeded(&self, files: &[Unneeded]) -> Result<usize, SpoolError> {
        let mut n_removed = 0;
        for file in files {
            let path = self.folder.join(&file.path);
            let is_it = |modified| unix_ms(modified).abs_diff(file.received_unix_ms) <= slack_ms();
            n_removed += usize::from(self.remove_if(&path, is_it)?);
        }
        Ok(n_removed)
    }

    /// Removes what is left of a series whose removal was interrupted: files of these names that are no younger than
    /// that.
    ///
    /// # Errors
    /// [`SpoolError::List`] or [`SpoolError::Write`].
    pub fn remove_left_over(
        &self,
        series: &SeriesInstanceUid,
        removed_unix_ms: i64,
        is_gone: impl Fn(&str) -> bool,
    ) -> Result<usize, SpoolError> {
        let folder = self.folder.join(series.as_str());
        if !folder.is_dir() {
            return Ok(0);
        }
        let mut n_removed = 0;
        for path in list(&folder)? {
            let name = path.file_stem().and_then(|name| name.to_str());
            if name.is_some_and(&is_gone) {
                let is_old = |modified| unix_ms(modified) <= removed_unix_ms;
                n_removed += usize::from(self.remove_if(&path, is_old)?);
            }
        }
        self.remove_empty_folder(series);
        Ok(n_removed)
    }

    /// Removes a series' folder once nothing is in it.
    pub fn remove_empty_folder(&self, series: &SeriesInstanceUid) {
        let _alone = self.naming.write().unwrap_or_else(PoisonError::into_inner);
        // One that is not empty stays, and one that is gone is gone.
        let _ = fs::remove_dir(self.folder.join(series.as_str()));
    }

    fn remove_if(
        &self,
        path: &Path,
        is_it: impl Fn(SystemTime) -> bool,
    ) -> Result<bool, SpoolError> {
        let failed = |source| SpoolError::Write { path: path.to_owned(), source };
        let _alone = self.naming.write().unwrap_or_else(PoisonError::into_inner);
        let modified = match fs::metadata(path).and_then(|about| about.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed(source)),
        };
        if !is_it(modified) {
            return Ok(false);
        }
        fs::remove_file(path).map_err(failed)?;
        Ok(true)
    }
}

fn slack_ms() -> u64 {
    u64::try_from(RECEIVED_TIME_SLACK.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::intake::spool::SpoolOptions;

    /// A file of the spool that was received so many milliseconds after 1970.
    fn received(spool: &Spool, name: &str, unix_ms: u64) -> PathBuf {
        let path = spool.folder.join("1.2").join(format!("{name}.dcm"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(unix_ms)).unwrap();
        path
    }

    #[test]
    fn what_was_sent_again_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&SpoolOptions::of(dir.path(), 0)).unwrap();
        let day_ms = 86_400_000;
        let old = received(&spool, "1.2.1", day_ms);
        let again = received(&spool, "1.2.2", 2 * day_ms);
        let set_back = received(&spool, "1.2.3", 10);
        let files = ["1.2.1", "1.2.2", "1.2.3", "1.2.4"].map(|name| Unneeded {
            path: format!("1.2/{name}.dcm").into(),
            received_unix_ms: day_ms as i64 + 900,
        });
        assert_eq!(spool.remove_unneeded(&files).unwrap(), 1);
        assert_eq!([&old, &again, &set_back].map(|path| path.exists()), [false, true, true]);
        spool.remove_empty_folder(&"1.2".parse().unwrap());
        assert!(again.exists());
    }

    #[test]
    fn what_an_interrupted_removal_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&SpoolOptions::of(dir.path(), 0)).unwrap();
        let paths = [("1.2.1", 5), ("1.2.2", 5), ("1.2.3", 20)]
            .map(|(name, unix_ms)| received(&spool, name, unix_ms));
        let series = "1.2".parse().unwrap();
        let n = spool.remove_left_over(&series, 10, |name| name != "1.2.2").unwrap();
        assert_eq!(n, 1);
        assert_eq!(paths.each_ref().map(|path| path.exists()), [false, true, true]);
        assert_eq!(spool.remove_left_over(&series, 99, |_| true).unwrap(), 2);
        assert!(!paths[0].parent().unwrap().exists());
        assert_eq!(spool.remove_left_over(&series, 99, |_| true).unwrap(), 0);
    }
}
