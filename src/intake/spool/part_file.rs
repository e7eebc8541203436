//! An instance on its way to the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::{Spool, SpoolError, seal};
use crate::dicom::header::InstanceIdentity;
use crate::dicom::part10::{FileMeta, PREAMBLE_BYTES};
use crate::dicom::uid::SeriesInstanceUid;
use crate::limits;

/// What is written ends at a multiple of this: a page of which only a part is written over would have to
/// be read first.
const BLOCK_BYTES: usize = 4096;
/// Bytes gathered before they are written: a peer may send in tiny pieces.
const BUFFER_BYTES: usize = 64 * 1024;
/// The disk is given what was written of a large instance so many bytes at a time. It is asked to forget
/// them, so that the sync at the end finds little to do and they don't push out what others need.
const WRITEBACK_BYTES: u64 = 4 * 1024 * 1024;

/// An instance that is still arriving. Dropping it removes the file.
#[derive(Debug)]
pub struct PartFile {
    spool: Arc<Spool>,
    meta: FileMeta,
    path: PathBuf,
    file: File,
    /// Not yet written, less than [`BUFFER_BYTES`]; what is written ends at a block.
    buffer: Vec<u8>,
    body: Hasher,
    data_set_start: u64,
    bytes: u64,
    /// Of these, how many the disk was asked to begin with.
    given: u64,
    /// Whether the file's name and first blocks were durable before it was begun.
    is_prepared: bool,
    is_done: bool,
}

impl PartFile {
    /// In a file of its own.
    pub(super) fn new(
        spool: Arc<Spool>,
        path: PathBuf,
        meta: FileMeta,
    ) -> Result<Self, SpoolError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        Self::begin(spool, path, meta, file, false)
    }

    /// Over a prepared file.
    pub(super) fn over(
        spool: Arc<Spool>,
        path: PathBuf,
        meta: FileMeta,
    ) -> Result<Self, SpoolError> {
        let file = OpenOptions::new().read(true).write(true).open(&path);
        Self::begin(spool, path, meta, file, true)
    }

    fn begin(
        spool: Arc<Spool>,
        path: PathBuf,
        meta: FileMeta,
        file: io::Result<File>,
        is_prepared: bool,
    ) -> Result<Self, SpoolError> {
        let file = file.map_err(|source| SpoolError::Write { path: path.clone(), source })?;
        let front = meta.encode();
        let mut body = Hasher::new();
        body.update(&front[PREAMBLE_BYTES..]);
        let bytes = front.len() as u64;
        Ok(Self {
            spool,
            meta,
            path,
            file,
            buffer: front,
            body,
            data_set_start: bytes,
            bytes,
            given: 0,
            is_prepared,
            is_done: false,
        })
    }

    /// Appends bytes of the data set.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > limits::INSTANCE_BYTES_MAX {
            return Err(SpoolError::TooLarge);
        }
        self.body.update(bytes);
        if self.buffer.len() + bytes.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        // Up to the end of a block through the buffer, then whole blocks as they are.
        let gap = self.buffer.len().next_multiple_of(BLOCK_BYTES) - self.buffer.len();
        let (head, rest) = bytes.split_at(gap.min(bytes.len()));
        self.buffer.extend_from_slice(head);
        let (blocks, tail) = rest.split_at(rest.len() / BLOCK_BYTES * BLOCK_BYTES);
        let written = self.file.write_all(&self.buffer).and_then(|()| self.file.write_all(blocks));
        written.map_err(|source| write_error(&self.path, source))?;
        self.buffer.clear();
        self.buffer.extend_from_slice(tail);
        self.begin_writeback();
        Ok(())
    }

    /// Has the disk begin with what it has not been given yet.
    fn begin_writeback(&mut self) {
        let written = self.bytes - self.buffer.len() as u64;
        if written < self.given + WRITEBACK_BYTES {
            return;
        }
        let range =
            [self.given, written - self.given].map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        // Only a hint: what it does not do the sync does.
        let _ = posix_fadvise(&self.file, range[0], range[1], advice);
        self.given = written;
    }

    /// Bytes so far, with the file's front.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn pretend_bytes(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// Reads back who the instance is, once the data set is complete.
    pub fn identify(&mut self) -> Result<InstanceIdentity, SpoolError> {
        self.finish()?;
        let data_set = Section { file: &self.file, at: self.data_set_start, end: self.bytes };
        InstanceIdentity::read(data_set, &self.meta.transfer_syntax)
            .map_err(|source| SpoolError::Header { path: self.path.clone(), source })
    }

    /// Makes it durable under its final name, in place of an earlier one of that name. Returns the
    /// path relative to the spool's folder.
    pub fn commit(mut self, series: &SeriesInstanceUid) -> Result<PathBuf, SpoolError> {
        self.finish()?;
        self.seal().map_err(|source| write_error(&self.path, source))?;
        let relative = Spool::relative(series, &self.meta.sop_instance);
        self.spool.give_name(&self.path, series, &relative)?;
        self.is_done = true;
        self.spool.prepared.arrived(self.bytes);
        if !self.is_prepared {
            // Its only name is the new one, which can be lost with the power without this.
            self.spool.sync_name(series)?;
        }
        Ok(relative)
    }

    /// Writes what is left, filled up to a block: [`Self::seal`] cuts it off.
    fn finish(&mut self) -> Result<(), SpoolError> {
        let whole = self.buffer.len().next_multiple_of(BLOCK_BYTES);
        self.buffer.resize(whole, 0);
        self.file.write_all(&self.buffer).map_err(|source| write_error(&self.path, source))?;
        self.buffer.clear();
        Ok(())
    }

    fn seal(&mut self) -> io::Result<()> {
        seal::write(&self.file, self.bytes, std::mem::take(&mut self.body))?;
        // Before it is cut: a new length would have to go through the file system's journal first.
        self.file.sync_data()?;
        self.file.set_len(self.bytes)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_done
            && let Err(error) = fs::remove_file(&self.path)
        {
            // The next start removes it.
            tracing::warn!(path = %self.path.display(), %error, "could not remove a part file");
        }
    }
}

fn write_error(path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Write { path: path.to_owned(), source }
}

/// A part of a file as a source of its own: what lies behind it is not there.
struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(rest);
        let n = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
