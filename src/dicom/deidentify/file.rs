//! The file of a de-identified object: new meta information, the new header, the pixels as they were.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use dicom_object::InMemDicomObject;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::DeidentifyError;
use crate::dicom::dataset_scan::{Scanned, inflate, native};
use crate::dicom::part10::FileMeta;

/// Pixels that are copied at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Writes it. `scanned` says where in `source` the pixels are, and how both are encoded.
pub(super) fn write(
    meta: &FileMeta,
    header: &InMemDicomObject,
    source: &File,
    scanned: &Scanned,
    to: &Path,
) -> Result<(), DeidentifyError> {
    let mut encoded = Vec::new();
    header
        .write_dataset_with_ts(&mut encoded, native(scanned.syntax.encoding))
        .map_err(|error| DeidentifyError::Encode(Box::new(error)))?;
    let write_error = |source| DeidentifyError::Write { path: to.to_owned(), source };
    let file = File::create_new(to).map_err(write_error)?;
    let mut file = BufWriter::new(file);
    file.write_all(&meta.encode()).map_err(write_error)?;
    match scanned.deflated_from {
        None => {
            file.write_all(&encoded).map_err(write_error)?;
            copy_pixels(source, scanned, &mut file, write_error)?;
        }
        Some(start) => {
            let mut source = source;
            source.seek(SeekFrom::Start(start)).map_err(DeidentifyError::Read)?;
            let inflated = Cursor::new(inflate(source)?);
            let mut deflated = DeflateEncoder::new(&mut file, Compression::default());
            deflated.write_all(&encoded).map_err(write_error)?;
            copy_pixels(inflated, scanned, &mut deflated, write_error)?;
            deflated.finish().map_err(write_error)?;
            // An odd length is padded (PS3.5 A.5).
            if !file.stream_position().map_err(write_error)?.is_multiple_of(2) {
                file.write_all(&[0]).map_err(write_error)?;
            }
        }
    }
    file.flush().map_err(write_error)
}

/// Copies the whole element, tag and delimiters included. What comes behind it stays behind: signatures of the old
/// object, and padding, which may be anything.
fn copy_pixels(
    mut source: impl Read + Seek,
    scanned: &Scanned,
    to: &mut impl Write,
    write_error: impl Fn(io::Error) -> DeidentifyError,
) -> Result<(), DeidentifyError> {
    let range = scanned.pixel_element.clone().ok_or(DeidentifyError::Truncated)?;
    source.seek(SeekFrom::Start(range.start)).map_err(DeidentifyError::Read)?;
    let mut left = range.end - range.start;
    let mut pixels = source.take(left);
    let mut piece = vec![0; PIECE_BYTES];
    while left > 0 {
        let n = pixels.read(&mut piece).map_err(DeidentifyError::Read)?;
        if n == 0 {
            return Err(DeidentifyError::Truncated);
        }
        to.write_all(&piece[..n]).map_err(&write_error)?;
        left -= n as u64;
    }
    Ok(())
}
