//! The folder of received instances, and what makes them durable.
//!
//! ```text
//! begin --> <sop uid>.<n>.part --write..--> commit: sync file, rename to
//!                                           <series uid>/<sop uid>.dcm, sync folder --> durable
//! ```
//!
//! A `.part` was never acknowledged; it is removed when its writer is dropped, and at the next
//! start. All calls block on the disk: they are for a blocking thread, not for an async task.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::dicom::header::{HeaderError, InstanceIdentity};
use crate::dicom::part10::{FileMeta, Part10Error};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, SopInstanceUid};
use crate::error::{Dispose, Disposition};
use crate::intake::folder_sync::FolderSync;
use crate::limits;

/// Ending of a file that is not finished.
const PART: &str = "part";
/// Ending of a received instance.
const DCM: &str = "dcm";
/// Bytes gathered before they are written: a peer may send in tiny pieces.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// The disk is given what was written so many bytes at a time.
const WRITEBACK_BYTES: u64 = 128 * 1024;

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A folder could not be made.
    #[error("could not create the folder `{path}`")]
    CreateFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder could not be listed.
    #[error("could not list the folder `{path}`")]
    List {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be made, written, synced, renamed or removed.
    #[error("could not write `{path}`")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder could not be synced, so nothing in it counts as received.
    #[error("could not sync the folders of the spool")]
    SyncFolder(#[source] Arc<io::Error>),
    /// More than [`limits::INSTANCE_BYTES_MAX`].
    #[error("instance of more than {} bytes", limits::INSTANCE_BYTES_MAX)]
    TooLarge,
    /// The file's front is broken.
    #[error("could not read the front of `{path}`")]
    Front {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Part10Error,
    },
    /// The data set's UIDs can't be had.
    #[error("could not read the header of `{path}`")]
    Header {
        /// Which.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
}

impl Dispose for SpoolError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Header { source, .. } => source.disposition(),
            Self::Front { source, .. } => source.disposition(),
            _ => Disposition::Retry,
        }
    }
}

/// The spool's folder. One a process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    sync: FolderSync,
    n_parts: AtomicU64,
    /// Series folders whose own entry is durable, so that it isn't synced for each instance.
    durable_folders: Mutex<HashSet<SeriesInstanceUid>>,
}

impl Spool {
    /// Opens it, makes it where it is missing, and removes `.part` files that an earlier process left
    /// behind; says which.
    pub fn open(folder: &Path) -> Result<(Self, Vec<PathBuf>), SpoolError> {
        fs::create_dir_all(folder)
            .map_err(|source| SpoolError::CreateFolder { path: folder.to_owned(), source })?;
        let mut leftovers = Vec::new();
        for path in list(folder)? {
            if path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(&path)
                    .map_err(|source| SpoolError::Write { path: path.clone(), source })?;
                leftovers.push(path);
            }
        }
        let spool = Self {
            folder: folder.to_owned(),
            sync: FolderSync::default(),
            n_parts: AtomicU64::new(0),
            durable_folders: Mutex::default(),
        };
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        spool.sync_folders([folder.to_owned()].into_iter().chain(parent.map(Path::to_owned)))?;
        Ok((spool, leftovers))
    }

    /// Its folder; paths of received instances are relative to it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a file: writes its front. Two writers of the same instance do not meet.
    pub fn begin(self: &Arc<Self>, meta: FileMeta) -> Result<PartFile, SpoolError> {
        let n = self.n_parts.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}.{n}.{PART}", meta.sop_instance));
        let write = |source| SpoolError::Write { path: path.clone(), source };
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file.map_err(write)?);
        let front = meta.encode();
        let data_set_start = front.len() as u64;
        let spool = Arc::clone(self);
        let mut part =
            PartFile { spool, meta, path, file, data_set_start, bytes: 0, given: 0, done: false };
        part.write(&front)?;
        Ok(part)
    }

    /// Every finished file, relative to the spool's folder, in order of name. After a power cut some
    /// of them may be unknown to the database.
    pub fn recover(&self) -> Result<Vec<PathBuf>, SpoolError> {
        let mut finished = Vec::new();
        for folder in list(&self.folder)?.into_iter().filter(|path| path.is_dir()) {
            for path in list(&folder)? {
                let is_finished = path.extension().is_some_and(|extension| extension == DCM);
                if is_finished && let Ok(relative) = path.strip_prefix(&self.folder) {
                    finished.push(relative.to_owned());
                }
            }
        }
        finished.sort();
        Ok(finished)
    }

    /// What is known of a finished file, from the file alone; `unknown_ae` stands in where it does
    /// not say who sent it. The time is the file's.
    pub fn read_back(
        &self,
        relative: &Path,
        unknown_ae: &AeTitle,
    ) -> Result<ReceivedInstance, SpoolError> {
        let path = self.folder.join(relative);
        let read = |source| SpoolError::Read { path: path.clone(), source };
        let mut file = File::open(&path).map_err(read)?;
        let about = file.metadata().map_err(read)?;
        let (meta, data_set_start) = FileMeta::read(&mut file)
            .map_err(|source| SpoolError::Front { path: path.clone(), source })?;
        file.seek(SeekFrom::Start(data_set_start)).map_err(read)?;
        let identity = InstanceIdentity::read(&mut file, &meta.transfer_syntax)
            .map_err(|source| SpoolError::Header { path: path.clone(), source })?;
        let modified = about.modified().map_err(read)?;
        let since_1970 = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(ReceivedInstance {
            sop_instance: identity.sop_instance,
            sop_class: identity.sop_class,
            series: identity.series,
            study: identity.study,
            transfer_syntax: meta.transfer_syntax,
            calling_ae: meta.source_ae.unwrap_or_else(|| unknown_ae.clone()),
            path: relative.to_owned(),
            bytes: about.len(),
            received_unix_ms: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
            hints: identity.hints,
        })
    }

    /// Removes a finished file; one that is gone already is no error.
    pub fn remove(&self, relative: &Path) -> Result<(), SpoolError> {
        let path = self.folder.join(relative);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SpoolError::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Where an instance lies, relative to the spool's folder. UIDs are digits and dots, but the name
    /// `..` is not one: no component of a UID is empty.
    fn relative(series: &SeriesInstanceUid, sop_instance: &SopInstanceUid) -> PathBuf {
        Path::new(series.as_str()).join(format!("{sop_instance}.{DCM}"))
    }

    /// Makes a series' folder; true where its own entry still has to be synced.
    fn make_folder(&self, series: &SeriesInstanceUid) -> Result<bool, SpoolError> {
        let path = self.folder.join(series.as_str());
        // The lock spans the making: nobody may see a folder that is there but not yet durable, and
        // take it for durable.
        let mut durable = self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::create_dir(&path) {
            Ok(()) => {
                durable.remove(series);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(!durable.contains(series))
            }
            Err(source) => Err(SpoolError::CreateFolder { path, source }),
        }
    }

    fn mark_durable(&self, series: &SeriesInstanceUid) {
        let mut durable = self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() >= limits::DURABLE_FOLDERS_MAX {
            durable.clear();
        }
        durable.insert(series.clone());
    }

    fn sync_folders(&self, folders: impl Iterator<Item = PathBuf>) -> Result<(), SpoolError> {
        self.sync.sync(folders).map_err(SpoolError::SyncFolder)
    }
}

/// An instance that is still arriving. Dropping it removes the file.
#[derive(Debug)]
pub struct PartFile {
    spool: Arc<Spool>,
    meta: FileMeta,
    path: PathBuf,
    file: BufWriter<File>,
    data_set_start: u64,
    bytes: u64,
    /// Of these, how many the disk was asked to begin with.
    given: u64,
    done: bool,
}

impl PartFile {
    /// Appends bytes of the data set.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > limits::INSTANCE_BYTES_MAX {
            return Err(SpoolError::TooLarge);
        }
        self.file.write_all(bytes).map_err(|source| self.write_error(source))?;
        self.begin_writeback();
        Ok(())
    }

    /// Has the disk begin with what it has not been given yet, so that the sync at the end finds little to do.
    fn begin_writeback(&mut self) {
        let written = self.bytes - self.file.buffer().len() as u64;
        if written < self.given + WRITEBACK_BYTES {
            return;
        }
        let range =
            [self.given, written - self.given].map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        // Only a hint: what it does not do the sync does.
        let _ = posix_fadvise(self.file.get_ref(), range[0], range[1], advice);
        self.given = written;
    }

    /// Bytes so far, with the file's front.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads back who the instance is, once the data set is complete.
    pub fn identify(&mut self) -> Result<InstanceIdentity, SpoolError> {
        self.file.flush().map_err(|source| self.write_error(source))?;
        let mut file = self.file.get_ref();
        file.seek(SeekFrom::Start(self.data_set_start))
            .map_err(|source| SpoolError::Read { path: self.path.clone(), source })?;
        InstanceIdentity::read(file, &self.meta.transfer_syntax)
            .map_err(|source| SpoolError::Header { path: self.path.clone(), source })
    }

    /// Makes it durable under its final name, in place of an earlier one of that name. Returns the
    /// path relative to the spool's folder.
    pub fn commit(mut self, series: &SeriesInstanceUid) -> Result<PathBuf, SpoolError> {
        self.file.flush().map_err(|source| self.write_error(source))?;
        self.file.get_ref().sync_all().map_err(|source| self.write_error(source))?;
        let relative = Spool::relative(series, &self.meta.sop_instance);
        let is_new_folder = self.spool.make_folder(series)?;
        fs::rename(&self.path, self.spool.folder.join(&relative))
            .map_err(|source| self.write_error(source))?;
        self.done = true;
        // The rename lives in the folder; without this it can be lost with the power.
        let folder = self.spool.folder.join(series.as_str());
        let root = is_new_folder.then(|| self.spool.folder.clone());
        self.spool.sync_folders([folder].into_iter().chain(root))?;
        if is_new_folder {
            self.spool.mark_durable(series);
        }
        Ok(relative)
    }

    fn write_error(&self, source: io::Error) -> SpoolError {
        SpoolError::Write { path: self.path.clone(), source }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.done
            && let Err(error) = fs::remove_file(&self.path)
        {
            // The next start removes it.
            tracing::warn!(path = %self.path.display(), %error, "could not remove a part file");
        }
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let entries = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>());
    entries.map_err(|source| SpoolError::List { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: &str = "1.2.7";

    fn meta(sop_instance: &str) -> FileMeta {
        FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            sop_instance: sop_instance.parse().unwrap(),
            transfer_syntax: "1.2.840.10008.1.2".parse().unwrap(),
            source_ae: Some("CT1".parse().unwrap()),
        }
    }

    fn data_set(sop_instance: &str) -> Vec<u8> {
        let uid = |group: u8, element: u8, uid: &str| {
            let mut value = uid.as_bytes().to_vec();
            value.resize(uid.len() + uid.len() % 2, 0);
            let length = u8::try_from(value.len()).unwrap();
            [&[group, 0, element, 0, length, 0, 0, 0][..], &value].concat()
        };
        [
            uid(8, 0x16, "1.2.840.10008.5.1.4.1.1.2"),
            uid(8, 0x18, sop_instance),
            uid(0x20, 0x0D, "1.2.6"),
            uid(0x20, 0x0E, SERIES),
        ]
        .concat()
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        list(folder).unwrap()
    }

    #[test]
    fn an_instance_is_a_part_until_it_is_committed() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, leftovers) = Spool::open(dir.path()).unwrap();
        assert!(leftovers.is_empty());
        let spool = Arc::new(spool);
        // Twice: sending again replaces.
        for _ in 0..2 {
            let mut part = spool.begin(meta("1.2.3")).unwrap();
            for byte in data_set("1.2.3") {
                part.write(&[byte]).unwrap();
            }
            assert!(names(dir.path()).iter().any(|path| path.extension().unwrap() == PART));
            let identity = part.identify().unwrap();
            assert_eq!(identity.series.as_str(), SERIES);
            let path = part.commit(&identity.series).unwrap();
            assert_eq!(path, Path::new("1.2.7/1.2.3.dcm"));
        }
        assert_eq!(names(dir.path()), [dir.path().join(SERIES)]);
        assert_eq!(spool.recover().unwrap(), [Path::new("1.2.7/1.2.3.dcm")]);

        let bytes = fs::read(dir.path().join("1.2.7/1.2.3.dcm")).unwrap();
        assert_eq!(bytes, [meta("1.2.3").encode(), data_set("1.2.3")].concat());
        let back =
            spool.read_back(Path::new("1.2.7/1.2.3.dcm"), &"UNKNOWN".parse().unwrap()).unwrap();
        assert_eq!(back.calling_ae.as_str(), "CT1");
        assert_eq!(back.sop_instance.as_str(), "1.2.3");
        assert_eq!(back.bytes, bytes.len() as u64);
        spool.remove(&back.path).unwrap();
        spool.remove(&back.path).unwrap();
        assert!(spool.recover().unwrap().is_empty());
    }

    #[test]
    fn a_dropped_part_and_a_leftover_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("1.2.3.0.part"), "half").unwrap();
        let (spool, leftovers) = Spool::open(dir.path()).unwrap();
        assert_eq!(leftovers, [dir.path().join("1.2.3.0.part")]);
        let mut part = Arc::new(spool).begin(meta("1.2.3")).unwrap();
        part.write(b"half").unwrap();
        drop(part);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn an_instance_over_the_limit_is_for_the_sender_to_keep() {
        let dir = tempfile::tempdir().unwrap();
        let mut part = Arc::new(Spool::open(dir.path()).unwrap().0).begin(meta("1.2.3")).unwrap();
        part.bytes = limits::INSTANCE_BYTES_MAX - 1;
        part.write(b"1").unwrap();
        let error = part.write(b"2").unwrap_err();
        assert!(matches!(error, SpoolError::TooLarge));
        assert_eq!(error.disposition(), Disposition::Retry);
    }

    #[test]
    fn many_writers_share_the_spool() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(dir.path()).unwrap().0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let spool = &spool;
                scope.spawn(move || {
                    for n in 0..5 {
                        let sop_instance = format!("1.{thread}.{n}");
                        let mut part = spool.begin(meta(&sop_instance)).unwrap();
                        part.write(&data_set(&sop_instance)).unwrap();
                        part.commit(&SERIES.parse().unwrap()).unwrap();
                    }
                });
            }
        });
        assert_eq!(spool.recover().unwrap().len(), 20);
    }

    #[test]
    fn a_data_set_without_uids_is_rejected_and_a_missing_folder_retried() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(dir.path()).unwrap().0);
        let mut part = spool.begin(meta("1.2.3")).unwrap();
        part.write(b"no data set at all").unwrap();
        assert_eq!(part.identify().unwrap_err().disposition(), Disposition::Reject);
        drop(part);
        fs::remove_dir(dir.path()).unwrap();
        let error = spool.begin(meta("1.2.3")).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry);
    }
}
