//! Files made ahead: their blocks are written and their names are synced before anything arrives.
//!
//! To make a new file durable takes a transaction of the file system's journal; to write over blocks that
//! are there does not. So some are kept ready, and made anew when
//! nothing arrives. Where there is none, an instance gets a new file and takes the longer way.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::PART;
use crate::dicom::part10::PREAMBLE_BYTES;
use crate::disk;
use crate::limits;

/// What a file system gives out at a time.
const BLOCK: u64 = 4096;
/// Zeros written at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file whose name and blocks are on the disk.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) path: PathBuf,
    bytes: u64,
}

/// The stock.
#[derive(Debug)]
pub(super) struct Prepared {
    folder: PathBuf,
    n_wanted: usize,
    n_names: AtomicU64,
    stock: Mutex<Stock>,
}

#[derive(Debug)]
struct Stock {
    ready: VecDeque<Ready>,
    /// What each file should have. To cut off whole blocks, or to add some, takes the journal again, so
    /// this follows what arrives.
    bytes: u64,
    /// Sizes of the instances since it was last thought over.
    arrived: Vec<u64>,
}

impl Prepared {
    pub(super) fn new(folder: &Path, n_wanted: usize) -> Self {
        let stock =
            Stock { ready: VecDeque::new(), bytes: limits::PREPARED_BYTES, arrived: Vec::new() };
        Self {
            folder: folder.to_owned(),
            n_wanted,
            n_names: AtomicU64::new(0),
            stock: Mutex::new(stock),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name that no file has.
    pub(super) fn name(&self) -> PathBuf {
        loop {
            let n = self.n_names.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!("{n}.{PART}"));
            if !path.exists() {
                return path;
            }
        }
    }

    /// Takes one out, the oldest.
    pub(super) fn take(&self) -> Option<PathBuf> {
        self.stock().ready.pop_front().map(|ready| ready.path)
    }

    /// Takes in a file that an earlier process left, if it was never written to. Says whether it was so.
    pub(super) fn keep(&self, path: &Path, file: &mut File) -> io::Result<bool> {
        // Up to where `DICM` would stand.
        let mut front = [0; PREAMBLE_BYTES + 4];
        if file.read_exact(&mut front).is_err() || front.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let bytes = file.metadata()?.len();
        let mut stock = self.stock();
        if stock.ready.len() >= self.n_wanted {
            return Ok(false);
        }
        stock.bytes = bytes.clamp(BLOCK, limits::PREPARED_BYTES_MAX).next_multiple_of(BLOCK);
        stock.ready.push_back(Ready { path: path.to_owned(), bytes });
        Ok(true)
    }

    /// Takes note of an instance's size.
    pub(super) fn arrived(&self, bytes: u64) {
        let mut stock = self.stock();
        if stock.arrived.len() < limits::SERIES_INSTANCES_MAX {
            stock.arrived.push(bytes);
        }
    }

    /// How many are missing, or have not the size that is wanted now.
    pub(super) fn n_short(&self) -> usize {
        let mut stock = self.stock();
        stock.think_over();
        let n_right = stock.ready.iter().filter(|ready| ready.bytes == stock.bytes).count();
        self.n_wanted.saturating_sub(n_right)
    }

    /// Makes files until there are enough of the size that is wanted, the time is up or the disk is nearly
    /// full; says how many.
    pub(super) fn fill(&self, time: Duration) -> io::Result<usize> {
        let end = Instant::now() + time;
        let mut n_made = 0;
        while Instant::now() < end && self.has_room()? {
            let n_next = self.n_short().min(limits::PREPARED_AT_ONCE);
            if n_next == 0 {
                break;
            }
            let made: Vec<_> = (0..n_next).map(|_| self.make_one()).collect::<io::Result<_>>()?;
            File::open(&self.folder)?.sync_all()?;
            n_made += made.len();
            self.stock().ready.extend(made);
        }
        Ok(n_made)
    }

    /// One more file, or one of the wrong size made right. Its name is not synced yet.
    fn make_one(&self) -> io::Result<Ready> {
        let mut stock = self.stock();
        let bytes = stock.bytes;
        let wrong = stock.ready.iter().position(|ready| ready.bytes != bytes);
        let wrong = wrong.and_then(|at| stock.ready.remove(at));
        drop(stock);
        let (path, from) =
            wrong.map_or_else(|| (self.name(), 0), |wrong| (wrong.path, wrong.bytes));
        make(path, from, bytes)
    }

    fn has_room(&self) -> io::Result<bool> {
        Ok(disk::room(&self.folder)?.free_bytes >= limits::PREPARED_FREE_BYTES_MIN)
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    /// Nine of ten instances that came should have had room: one scout does not change it, slices that are
    /// compressed differ.
    fn think_over(&mut self) {
        if self.arrived.len() < limits::SERIES_SLICES_MIN {
            return;
        }
        self.arrived.sort_unstable();
        let most = self.arrived[self.arrived.len() * 9 / 10];
        self.bytes = most.clamp(BLOCK, limits::PREPARED_BYTES_MAX).next_multiple_of(BLOCK);
        self.arrived.clear();
    }
}

/// Writes zeros from a file's end to its new one, or cuts it, and syncs it.
fn make(path: PathBuf, from: u64, bytes: u64) -> io::Result<Ready> {
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    if from > bytes {
        file.set_len(bytes)?;
    }
    let zeros = io::repeat(0).take(bytes.saturating_sub(from));
    io::copy(&mut BufReader::with_capacity(CHUNK_BYTES, zeros), &mut file)?;
    file.sync_all()?;
    Ok(Ready { path, bytes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn sizes(prepared: &Prepared) -> Vec<u64> {
        let stock = prepared.stock();
        stock.ready.iter().map(|ready| fs::metadata(&ready.path).unwrap().len()).collect()
    }

    #[test]
    fn they_are_made_taken_and_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = Prepared::new(dir.path(), 3);
        assert!(prepared.take().is_none());
        assert_eq!(prepared.fill(Duration::ZERO).unwrap(), 0);
        assert_eq!(prepared.fill(LONG).unwrap(), 3);
        assert_eq!(sizes(&prepared), [limits::PREPARED_BYTES; 3]);
        let taken = prepared.take().unwrap();
        assert!(fs::read(&taken).unwrap().iter().all(|byte| *byte == 0));
        assert_eq!(prepared.n_short(), 1);
        assert_eq!(prepared.fill(LONG).unwrap(), 1);
        assert_eq!(prepared.n_short(), 0);
        // There are enough: one more is not kept.
        assert!(!prepared.keep(&taken, &mut File::open(&taken).unwrap()).unwrap());
    }

    #[test]
    fn their_size_follows_what_arrives_and_outlives_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = Prepared::new(dir.path(), 2);
        prepared.fill(LONG).unwrap();
        let check = |sizes_arrived: &[u64], expected: u64| {
            sizes_arrived.iter().for_each(|bytes| prepared.arrived(*bytes));
            prepared.fill(LONG).unwrap();
            assert_eq!(sizes(&prepared), [expected; 2]);
        };
        check(&[9_000_000], limits::PREPARED_BYTES);
        check(&[200_000; 19], 200_704);
        check(&[528_385; 8], 532_480);
        check(&[1; 10], BLOCK);
        check(&[700_000; 10], 700_416);

        let next = Prepared::new(dir.path(), 2);
        for ready in &prepared.stock().ready {
            assert!(next.keep(&ready.path, &mut File::open(&ready.path).unwrap()).unwrap());
        }
        assert_eq!(next.n_short(), 0);
        let used = prepared.take().unwrap();
        fs::write(&used, "used").unwrap();
        assert!(!next.keep(&used, &mut File::open(&used).unwrap()).unwrap());
    }
}
