//! The seal of a received file: what tells, after a power cut, that all of it is there.
//!
//! It stands in the preamble, which PS3.10 7.1 leaves to implementations:
//!
//! ```text
//! 0        8        16      20      24            128
//! PAROTIDD | length | CRC of | CRC of | 00 ...    | DICM, file meta information, data set
//!                     128 .. | 0 .. 20
//! ```
//! Numbers are little endian. It is written after the last byte and reaches the disk with the same sync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crc32fast::Hasher;

use crate::dicom::part10::PREAMBLE_BYTES;

const MAGIC: &[u8; 8] = b"PAROTIDD";
const SEAL_BYTES: usize = 24;
const BODY_START: u64 = PREAMBLE_BYTES as u64;
/// Bytes read at a time while a file is checked.
const CHUNK_BYTES: usize = 256 * 1024;

/// Writes the seal of a file of `length` bytes; `body` has seen those behind the preamble.
pub(super) fn write(file: &File, length: u64, body: Hasher) -> io::Result<()> {
    let mut seal = [0; SEAL_BYTES];
    seal[..8].copy_from_slice(MAGIC);
    seal[8..16].copy_from_slice(&length.to_le_bytes());
    seal[16..20].copy_from_slice(&body.finalize().to_le_bytes());
    let own = crc32fast::hash(&seal[..20]);
    seal[20..].copy_from_slice(&own.to_le_bytes());
    file.write_all_at(&seal, 0)
}

/// Length of the instance in a file that is whole; `None` where it is not, or was never sealed.
pub(super) fn check(file: &File) -> io::Result<Option<u64>> {
    let mut seal = [0; SEAL_BYTES];
    match file.read_exact_at(&mut seal, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| seal[at + byte]));
    let length = u64::from(number(8)) | u64::from(number(12)) << 32;
    let is_seal = seal.starts_with(MAGIC) && number(20) == crc32fast::hash(&seal[..20]);
    if !is_seal || length < BODY_START || length > file.metadata()?.len() {
        return Ok(None);
    }
    let mut body = Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = BODY_START;
    while at < length {
        let wanted = usize::try_from(length - at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        file.read_exact_at(&mut chunk[..wanted], at)?;
        body.update(&chunk[..wanted]);
        at += wanted as u64;
    }
    Ok((body.finalize() == number(16)).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(body, BODY_START).unwrap();
        let mut hasher = Hasher::new();
        hasher.update(body);
        write(&file, BODY_START + body.len() as u64, hasher).unwrap();
        file
    }

    #[test]
    fn a_whole_file_is_told_from_one_that_is_not() {
        let file = sealed(b"the body");
        assert_eq!(check(&file).unwrap(), Some(136));
        // What a prepared file has behind the instance does not matter.
        file.set_len(1_000_000).unwrap();
        assert_eq!(check(&file).unwrap(), Some(136));
        file.set_len(135).unwrap();
        assert_eq!(check(&file).unwrap(), None);

        for damaged in [0, 9, 17, 21, BODY_START, BODY_START + 7] {
            let file = sealed(b"the body");
            file.write_all_at(&[0xFF], damaged).unwrap();
            assert_eq!(check(&file).unwrap(), None, "byte {damaged}");
        }
        let never = tempfile::tempfile().unwrap();
        assert_eq!(check(&never).unwrap(), None);
        never.set_len(4096).unwrap();
        assert_eq!(check(&never).unwrap(), None);
    }
}
