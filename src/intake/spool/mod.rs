//! The folder of received instances, and what makes them durable.
//!
//! ```text
//! begin --> prepared/<n>.part --write..--> commit: seal, sync, cut to length, rename to
//!                                          spool/<series uid>/<sop uid>.dcm --> durable
//! ```
//!
//! A prepared file's name and blocks are on the disk before anything arrives, so one sync of its data
//! is enough. If the power goes before the disk has learned the new name, the next start finds
//! the old one, sees by the seal that the instance is whole, and gives it its name ([`Spool::open`]).
//! Where no prepared file is left a new one is made, and the folders are synced too.
//!
//! A `.part` without a seal was never acknowledged; it is removed when its writer is dropped, and at the
//! next start. All calls block on the disk: they are for a thread that may wait.

mod error;
mod folder_sync;
mod part_file;
mod prepared;
mod removal;
mod seal;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

pub use self::error::SpoolError;
use self::folder_sync::FolderSync;
pub use self::part_file::PartFile;
use self::prepared::Prepared;
pub use self::removal::Unneeded;
use crate::clock::unix_ms;
use crate::dicom::header::InstanceIdentity;
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::{AeTitle, SeriesInstanceUid, SopInstanceUid};
use crate::disk;
use crate::limits;

/// Ending of a file that is not finished.
const PART: &str = "part";
/// Ending of a received instance.
const DCM: &str = "dcm";

/// Where a spool lies.
#[derive(Debug, Clone)]
pub struct SpoolOptions {
    /// Folder of received instances.
    pub folder: PathBuf,
    /// Folder of files that are not finished, and of those made ahead; on the same file system.
    pub prepared: PathBuf,
    /// Files made ahead, each as large as what arrives.
    pub n_prepared: usize,
    /// Free bytes of the disk below which nothing is begun.
    pub free_bytes_min: u64,
}

impl SpoolOptions {
    /// The spool of a data folder.
    #[must_use]
    pub fn of(data_dir: &Path, n_prepared: usize) -> Self {
        let (folder, prepared) = (data_dir.join("spool"), data_dir.join("prepared"));
        Self { folder, prepared, n_prepared, free_bytes_min: limits::DISK_FREE_BYTES_STOP }
    }
}

/// What an earlier process had left unfinished.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Instances that were whole and now have their names, relative to the spool's folder.
    pub restored: Vec<PathBuf>,
    /// Parts of instances, which were removed.
    pub removed: Vec<PathBuf>,
}

/// The spool's folder. One a process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    prepared: Prepared,
    sync: FolderSync,
    /// Series folders whose own entry is durable, so that it isn't synced for each instance.
    durable_folders: Mutex<HashSet<SeriesInstanceUid>>,
    n_begun: AtomicU64,
    free_bytes_min: u64,
    /// Held by who gives a file its name, and alone by who removes one: what was looked at is what is removed.
    naming: RwLock<()>,
}

impl Spool {
    /// Opens it, makes its folders where they are missing, and clears up what an earlier process left.
    pub fn open(options: &SpoolOptions) -> Result<(Self, Leftovers), SpoolError> {
        for folder in [&options.folder, &options.prepared] {
            fs::create_dir_all(folder)
                .map_err(|source| SpoolError::CreateFolder { path: folder.clone(), source })?;
        }
        let spool = Self {
            folder: options.folder.clone(),
            prepared: Prepared::new(&options.prepared, options.n_prepared),
            sync: FolderSync::default(),
            durable_folders: Mutex::default(),
            n_begun: AtomicU64::new(0),
            free_bytes_min: options.free_bytes_min,
            naming: RwLock::default(),
        };
        let mut left = Leftovers::default();
        for path in list(&options.prepared)?.into_iter().chain(list(&options.folder)?) {
            if path.extension().is_some_and(|extension| extension == PART) {
                spool.clear_up(path, &mut left)?;
            }
        }
        let series = left.restored.iter().filter_map(|path| path.parent());
        let series: Vec<_> = series.map(|folder| options.folder.join(folder)).collect();
        let own = [&options.folder, &options.prepared].map(Clone::clone);
        let parent = options.folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        spool.sync_folders(series.into_iter().chain(own).chain(parent.map(Path::to_owned)))?;
        Ok((spool, left))
    }

    /// Keeps a file that was prepared, gives an instance that is whole its name, removes a part of one.
    fn clear_up(&self, path: PathBuf, left: &mut Leftovers) -> Result<(), SpoolError> {
        let read = |source| SpoolError::Read { path: path.clone(), source };
        let mut file = File::options().read(true).write(true).open(&path).map_err(read)?;
        if self.prepared.keep(&path, &mut file).map_err(read)? {
            return Ok(());
        }
        if let Some(length) = seal::check(&file).map_err(read)?
            && let Some(relative) = self.restore(&path, &mut file, length)?
        {
            left.restored.push(relative);
            return Ok(());
        }
        fs::remove_file(&path)
            .map_err(|source| SpoolError::Write { path: path.clone(), source })?;
        left.removed.push(path);
        Ok(())
    }

    /// Finishes an instance that was whole when the power went; `None` where it can't be read.
    fn restore(
        &self,
        path: &Path,
        file: &mut File,
        length: u64,
    ) -> Result<Option<PathBuf>, SpoolError> {
        let write = |source| SpoolError::Write { path: path.to_owned(), source };
        file.set_len(length).map_err(write)?;
        file.sync_all().map_err(write)?;
        file.rewind().map_err(write)?;
        let Ok((meta, data_set_start)) = FileMeta::read(&mut *file) else { return Ok(None) };
        file.seek(SeekFrom::Start(data_set_start)).map_err(write)?;
        let Ok(identity) = InstanceIdentity::read(file, &meta.transfer_syntax) else {
            return Ok(None);
        };
        let relative = Self::relative(&identity.series, &identity.sop_instance);
        self.give_name(path, &identity.series, &relative)?;
        Ok(Some(relative))
    }

    /// Its folder; paths of received instances are relative to it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes files ahead, for about so long; says how many. None where there are enough, or the disk is
    /// nearly full.
    pub fn prepare(&self, time: Duration) -> Result<usize, SpoolError> {
        self.prepared
            .fill(time)
            .map_err(|source| SpoolError::Write { path: self.prepared.folder().to_owned(), source })
    }

    /// How many files are still to be made ahead.
    #[must_use]
    pub fn n_short(&self) -> usize {
        self.prepared.n_short()
    }

    /// How many instances have been begun: it stands still when nothing arrives.
    #[must_use]
    pub fn n_begun(&self) -> u64 {
        self.n_begun.load(Ordering::Relaxed)
    }

    /// Starts a file: writes its front. Two writers of the same instance do not meet. Refuses on a disk that is
    /// all but full, while there is still room for what follows from the images that are here.
    pub fn begin(self: &Arc<Self>, meta: FileMeta) -> Result<PartFile, SpoolError> {
        let room = disk::room(&self.folder)
            .map_err(|source| SpoolError::Read { path: self.folder.clone(), source })?;
        if room.free_bytes < self.free_bytes_min {
            return Err(SpoolError::NoRoom { free_bytes: room.free_bytes });
        }
        self.n_begun.fetch_add(1, Ordering::Relaxed);
        match self.prepared.take() {
            Some(path) => PartFile::over(Arc::clone(self), path, meta),
            None => PartFile::new(Arc::clone(self), self.prepared.name(), meta),
        }
    }

    /// Every finished file, relative to the spool's folder, in order of name. After a power cut some
    /// of them may be unknown to the database.
    pub fn recover(&self) -> Result<Vec<PathBuf>, SpoolError> {
        Self::finished(&self.folder)
    }

    /// As [`Spool::recover`], of a spool's folder that nobody has opened.
    pub fn finished(spool: &Path) -> Result<Vec<PathBuf>, SpoolError> {
        let mut finished = Vec::new();
        for folder in list(spool)?.into_iter().filter(|path| path.is_dir()) {
            for path in list(&folder)? {
                let is_finished = path.extension().is_some_and(|extension| extension == DCM);
                if is_finished && let Ok(relative) = path.strip_prefix(spool) {
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
        Ok(ReceivedInstance {
            sop_instance: identity.sop_instance,
            sop_class: identity.sop_class,
            series: identity.series,
            study: identity.study,
            transfer_syntax: meta.transfer_syntax,
            calling_ae: meta.source_ae.unwrap_or_else(|| unknown_ae.clone()),
            path: relative.to_owned(),
            bytes: about.len(),
            received_unix_ms: unix_ms(modified),
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

    /// Renames a file to its name in the spool; makes the series' folder where it is missing.
    fn give_name(
        &self,
        path: &Path,
        series: &SeriesInstanceUid,
        relative: &Path,
    ) -> Result<(), SpoolError> {
        let to = self.folder.join(relative);
        let write = |source| SpoolError::Write { path: path.to_owned(), source };
        let _naming = self.naming.read().unwrap_or_else(PoisonError::into_inner);
        match fs::rename(path, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_folder(series)?;
                fs::rename(path, &to).map_err(write)
            }
            outcome => outcome.map_err(write),
        }
    }

    fn make_folder(&self, series: &SeriesInstanceUid) -> Result<(), SpoolError> {
        let path = self.folder.join(series.as_str());
        // The lock spans the making: nobody may see a folder that is there but not yet durable, and
        // take it for durable.
        let mut durable = self.durable_folders();
        match fs::create_dir(&path) {
            Ok(()) => {
                durable.remove(series);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(SpoolError::CreateFolder { path, source }),
        }
    }

    /// Makes a name in a series' folder durable, and the folder itself.
    fn sync_name(&self, series: &SeriesInstanceUid) -> Result<(), SpoolError> {
        let is_new_folder = !self.durable_folders().contains(series);
        let root = is_new_folder.then(|| self.folder.clone());
        self.sync_folders([self.folder.join(series.as_str())].into_iter().chain(root))?;
        if is_new_folder {
            self.mark_durable(series);
        }
        Ok(())
    }

    fn durable_folders(&self) -> MutexGuard<'_, HashSet<SeriesInstanceUid>> {
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_durable(&self, series: &SeriesInstanceUid) {
        let mut durable = self.durable_folders();
        if durable.len() >= limits::DURABLE_FOLDERS_MAX {
            durable.clear();
        }
        durable.insert(series.clone());
    }

    fn sync_folders(&self, folders: impl Iterator<Item = PathBuf>) -> Result<(), SpoolError> {
        self.sync.sync(folders).map_err(SpoolError::SyncFolder)
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
    use crate::error::{Dispose, Disposition};

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

    /// A spool, with files made ahead or without.
    fn open(dir: &Path, n_prepared: usize) -> (Arc<Spool>, Leftovers) {
        let (spool, left) = Spool::open(&SpoolOptions::of(dir, n_prepared)).unwrap();
        spool.prepare(Duration::from_secs(60)).unwrap();
        (Arc::new(spool), left)
    }

    fn parts(dir: &Path) -> usize {
        list(&dir.join("prepared")).unwrap().len()
    }

    #[test]
    fn an_instance_is_a_part_until_it_is_committed() {
        for n_prepared in [0, 1] {
            let dir = tempfile::tempdir().unwrap();
            let (spool, left) = open(dir.path(), n_prepared);
            assert_eq!(left, Leftovers::default());
            // Twice: sending again replaces.
            for _ in 0..2 {
                let mut part = spool.begin(meta("1.2.3")).unwrap();
                for byte in data_set("1.2.3") {
                    part.write(&[byte]).unwrap();
                }
                assert_eq!(parts(dir.path()), 1);
                let identity = part.identify().unwrap();
                assert_eq!(identity.series.as_str(), SERIES);
                let path = part.commit(&identity.series).unwrap();
                assert_eq!(path, Path::new("1.2.7/1.2.3.dcm"));
                assert_eq!(parts(dir.path()), 0);
            }
            assert_eq!(spool.recover().unwrap(), [Path::new("1.2.7/1.2.3.dcm")]);

            let bytes = fs::read(dir.path().join("spool/1.2.7/1.2.3.dcm")).unwrap();
            let expected = [meta("1.2.3").encode(), data_set("1.2.3")].concat();
            assert_eq!(bytes[128..], expected[128..]);
            let back =
                spool.read_back(&PathBuf::from("1.2.7/1.2.3.dcm"), &"UNKNOWN".parse().unwrap());
            let back = back.unwrap();
            assert_eq!(back.calling_ae.as_str(), "CT1");
            assert_eq!(back.sop_instance.as_str(), "1.2.3");
            assert_eq!(back.bytes, bytes.len() as u64);
            spool.remove(&back.path).unwrap();
            spool.remove(&back.path).unwrap();
            assert!(spool.recover().unwrap().is_empty());
        }
    }

    #[test]
    fn pieces_of_any_size_come_back_as_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(dir.path(), 2);
        let mut whole = data_set("1.2.3");
        // Pixel data larger than a prepared file; no two blocks are alike.
        let n_pixel_bytes = u32::try_from(limits::PREPARED_BYTES * 2 + 78).unwrap();
        whole.extend([0xE0, 0x7F, 0x10, 0]);
        whole.extend(n_pixel_bytes.to_le_bytes());
        whole.extend((0..u64::from(n_pixel_bytes)).map(|at| (at * at / 97 % 256) as u8));
        for step in [1777, 4096, 65_536, 131_066, whole.len()] {
            let mut part = spool.begin(meta("1.2.3")).unwrap();
            whole.chunks(step).for_each(|piece| part.write(piece).unwrap());
            assert_eq!(part.identify().unwrap().series.as_str(), SERIES);
            let path = spool.folder().join(part.commit(&SERIES.parse().unwrap()).unwrap());
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.ends_with(&whole), "in pieces of {step}");
            assert_eq!(bytes.len(), meta("1.2.3").encode().len() + whole.len());
            assert!(seal::check(&File::open(path).unwrap()).unwrap().is_some());
        }
    }

    #[test]
    fn what_was_whole_when_the_power_went_is_restored_and_the_rest_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(dir.path(), 4);
        let committed = |sop_instance: &str| {
            let mut part = spool.begin(meta(sop_instance)).unwrap();
            part.write(&data_set(sop_instance)).unwrap();
            spool.folder().join(part.commit(&SERIES.parse().unwrap()).unwrap())
        };
        let (first, second) = (committed("1.2.3"), committed("1.2.4"));
        let expected = fs::read(&first).unwrap();
        // The disk never learned of the new name, nor that the file was cut.
        let back = dir.path().join("prepared/7.part");
        fs::rename(&first, &back).unwrap();
        File::options().write(true).open(&back).unwrap().set_len(500_000).unwrap();
        // Sealed, but not all of it had been written.
        let torn = dir.path().join("prepared/8.part");
        fs::rename(&second, &torn).unwrap();
        let end = fs::metadata(&torn).unwrap().len() - 1;
        let file = File::options().write(true).open(&torn).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"?", end).unwrap();
        let half = dir.path().join("prepared/9.part");
        fs::write(&half, "half").unwrap();
        fs::remove_dir(dir.path().join("spool").join(SERIES)).unwrap();
        drop(spool);

        let (spool, mut left) = open(dir.path(), 4);
        left.removed.sort();
        assert_eq!(left.restored, [Path::new("1.2.7/1.2.3.dcm")]);
        assert_eq!(left.removed, [torn, half]);
        assert_eq!(fs::read(&first).unwrap(), expected);
        assert_eq!(spool.recover().unwrap(), left.restored);
        assert_eq!((parts(dir.path()), spool.n_short()), (4, 0), "prepared files are kept");
    }

    #[test]
    fn a_dropped_part_is_removed() {
        for n_prepared in [0, 1] {
            let dir = tempfile::tempdir().unwrap();
            let (spool, _) = open(dir.path(), n_prepared);
            let mut part = spool.begin(meta("1.2.3")).unwrap();
            part.write(b"half").unwrap();
            assert_eq!(parts(dir.path()), 1);
            drop(part);
            assert_eq!(parts(dir.path()), 0);
        }
    }

    #[test]
    fn an_instance_over_the_limit_is_for_the_sender_to_keep() {
        let dir = tempfile::tempdir().unwrap();
        let mut part = open(dir.path(), 0).0.begin(meta("1.2.3")).unwrap();
        part.pretend_bytes(limits::INSTANCE_BYTES_MAX - 1);
        part.write(b"1").unwrap();
        let error = part.write(b"2").unwrap_err();
        assert!(matches!(error, SpoolError::TooLarge));
        assert_eq!(error.disposition(), Disposition::Retry);
    }

    #[test]
    fn many_writers_share_the_spool() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(dir.path(), 7);
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
        assert_eq!(parts(dir.path()), 0);
        assert_eq!(spool.n_short(), 7);
    }

    #[test]
    fn a_data_set_without_uids_is_rejected_and_a_missing_folder_retried() {
        let dir = tempfile::tempdir().unwrap();
        for n_prepared in [1, 0] {
            let (spool, _) = open(dir.path(), n_prepared);
            let mut part = spool.begin(meta("1.2.3")).unwrap();
            part.write(b"no data set at all").unwrap();
            assert_eq!(part.identify().unwrap_err().disposition(), Disposition::Reject);
            drop(part);
            fs::remove_dir_all(dir.path().join("prepared")).unwrap();
            let error = spool.begin(meta("1.2.3")).unwrap_err();
            assert_eq!(error.disposition(), Disposition::Retry);
        }
    }
}
