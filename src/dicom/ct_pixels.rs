//! Pixels of CT images: from stored bits to HU.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{integer, text};
use super::codec::decode_frame;
use super::ct_image::{CtImage, CtImageError, CtInstance};
use super::dataset_scan::{PixelData, Scanned, inflate};
use super::encapsulated::Frame;
use super::transfer_syntax::{Encoding, PixelCoding};
use crate::units::Hounsfield;

/// Reads the image's pixels as HU into `out`, row after row. Padding becomes air.
///
/// # Errors
/// When the file can't be read any more, or has become shorter.
///
/// # Panics
/// When `out` does not have the image's number of pixels.
pub fn decode_pixels(image: &CtImage, out: &mut [Hounsfield]) -> Result<(), CtImageError> {
    assert_eq!(out.len(), image.instance.rows * image.instance.columns, "one value a pixel");
    let format = &image.instance.pixels;
    let table = hounsfield_table(image);
    // Bits above the high bit are not part of the value; old scanners put overlays there.
    let shift = format.high_bit + 1 - format.bits_stored;
    let mask = table.len() - 1;
    let hounsfield = |raw: u16| table[usize::from(raw >> shift) & mask];
    match &format.place {
        Place::Native { start, encoding } => {
            let bytes = read_native(image, *start)?;
            for (hu, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *hu = hounsfield(encoding.u16([pair[0], pair[1]]));
            }
        }
        Place::Encapsulated { coding, frames } => {
            let shape = [image.instance.rows, image.instance.columns];
            let bytes = read_fragments(image, &frames[image.frame])?;
            let values = decode_frame(*coding, &bytes, shape)
                .map_err(|source| CtImageError::Codec { frame: image.frame, source })?;
            out.iter_mut().zip(values).for_each(|(hu, raw)| *hu = hounsfield(raw));
        }
    }
    Ok(())
}

/// HU of each pattern of the stored bits: there are fewer of them than pixels.
fn hounsfield_table(image: &CtImage) -> Vec<Hounsfield> {
    let format = &image.instance.pixels;
    let span = 1_i32 << format.bits_stored;
    let hounsfield = |pattern: i32| {
        let stored = if format.signed && pattern >= span / 2 { pattern - span } else { pattern };
        match &format.padding {
            Some(padding) if padding.contains(&stored) => Hounsfield::AIR,
            _ => to_hounsfield(stored, image.rescale_slope, image.rescale_intercept),
        }
    };
    (0..span).map(hounsfield).collect()
}

fn to_hounsfield(stored: i32, slope: f64, intercept: f64) -> Hounsfield {
    let hu = (f64::from(stored) * slope + intercept).round();
    #[allow(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    Hounsfield(hu.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16)
}

/// A frame of uncompressed pixels that begin at `start` of the file, or of what it is inflated to.
fn read_native(image: &CtImage, start: u64) -> Result<Vec<u8>, CtImageError> {
    let CtInstance { path, rows, columns, pixels, .. } = image.instance.as_ref();
    let n_bytes = rows * columns * 2;
    let start = start + (n_bytes * image.frame) as u64;
    let mut file = File::open(path).map_err(CtImageError::Read)?;
    let mut bytes = vec![0; n_bytes];
    let Some(deflated_from) = pixels.deflated_from else {
        file.seek(SeekFrom::Start(start)).map_err(CtImageError::Read)?;
        file.read_exact(&mut bytes).map_err(read_error)?;
        return Ok(bytes);
    };
    file.seek(SeekFrom::Start(deflated_from)).map_err(CtImageError::Read)?;
    let inflated = inflate(BufReader::new(file))?;
    let frame = usize::try_from(start).ok().and_then(|start| inflated.get(start..start + n_bytes));
    bytes.copy_from_slice(frame.ok_or(CtImageError::Truncated)?);
    Ok(bytes)
}

/// A compressed frame.
fn read_fragments(image: &CtImage, frame: &Frame) -> Result<Vec<u8>, CtImageError> {
    let mut file = File::open(&image.instance.path).map_err(CtImageError::Read)?;
    let mut bytes = Vec::new();
    for range in frame {
        file.seek(SeekFrom::Start(range.start)).map_err(CtImageError::Read)?;
        let n_bytes = range.end - range.start;
        let n_read =
            (&mut file).take(n_bytes).read_to_end(&mut bytes).map_err(CtImageError::Read)?;
        if n_read as u64 != n_bytes {
            return Err(CtImageError::Truncated);
        }
    }
    Ok(bytes)
}

fn read_error(error: io::Error) -> CtImageError {
    match error.kind() {
        ErrorKind::UnexpectedEof => CtImageError::Truncated,
        _ => CtImageError::Read(error),
    }
}

/// Whether two images of one size show the same, value for value. Unreadable ones do not.
#[must_use]
pub fn same_pixels(a: &CtImage, b: &CtImage) -> bool {
    let n = |image: &CtImage| image.instance.rows * image.instance.columns;
    if n(a) != n(b) {
        return false;
    }
    let decode = |image: &CtImage| {
        let mut out = vec![Hounsfield::AIR; n(image)];
        decode_pixels(image, &mut out).ok().map(|()| out)
    };
    decode(a).is_some_and(|pixels| Some(pixels) == decode(b))
}

/// How a stored value becomes a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PixelFormat {
    place: Place,
    /// Byte at which a deflated data set begins.
    deflated_from: Option<u64>,
    signed: bool,
    bits_stored: u32,
    high_bit: u32,
    padding: Option<RangeInclusive<i32>>,
}

/// Where the frames' values are.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// One frame after the other, from byte `start` on.
    Native { start: u64, encoding: Encoding },
    /// Each by itself.
    Encapsulated { coding: PixelCoding, frames: Vec<Frame> },
}

fn read_place(
    scanned: &Scanned,
    [rows, columns]: [usize; 2],
    n_frames: usize,
) -> Result<Place, CtImageError> {
    match &scanned.pixel_data {
        Some(PixelData::Encapsulated(fragments)) => {
            let frames = fragments.frames(n_frames);
            let frames = frames.ok_or(CtImageError::PixelFormat("frames cannot be told apart"))?;
            Ok(Place::Encapsulated { coding: scanned.syntax.pixels, frames })
        }
        Some(native) => {
            let n_bytes = (rows * columns * 2) as u64 * n_frames as u64;
            let range = native.native(n_bytes).ok_or(CtImageError::Truncated)?;
            Ok(Place::Native { start: range.start, encoding: scanned.syntax.encoding })
        }
        None => Err(CtImageError::Truncated),
    }
}

/// Reads the format of the pixels of so many frames of `[rows, columns]`.
pub(super) fn read_pixel_format(
    scanned: &Scanned,
    shape: [usize; 2],
    n_frames: usize,
) -> Result<PixelFormat, CtImageError> {
    let object = &scanned.object;
    let number = |tag| integer(object, tag);
    if number(tags::SAMPLES_PER_PIXEL).unwrap_or(1) != 1
        || text(object, tags::PHOTOMETRIC_INTERPRETATION).is_some_and(|p| p != "MONOCHROME2")
    {
        return Err(CtImageError::PixelFormat("not MONOCHROME2"));
    }
    if number(tags::BITS_ALLOCATED) != Some(16) {
        return Err(CtImageError::PixelFormat("not 16 bits allocated"));
    }
    let bits = |tag, missing| u32::try_from(number(tag).unwrap_or(missing)).unwrap_or(u32::MAX);
    let bits_stored = bits(tags::BITS_STORED, 16);
    if !(1..=16).contains(&bits_stored) {
        return Err(CtImageError::Attribute("BitsStored"));
    }
    let high_bit = bits(tags::HIGH_BIT, i64::from(bits_stored) - 1);
    if !(bits_stored - 1..16).contains(&high_bit) {
        return Err(CtImageError::Attribute("HighBit"));
    }
    let signed = match number(tags::PIXEL_REPRESENTATION) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CtImageError::Attribute("PixelRepresentation")),
    };
    Ok(PixelFormat {
        place: read_place(scanned, shape, n_frames)?,
        deflated_from: scanned.deflated_from,
        signed,
        bits_stored,
        high_bit,
        padding: padding(object, signed),
    })
}

/// Stored values that stand for nothing (PS3.3 C.7.5.1.1.2): one, or all between two.
fn padding(object: &InMemDicomObject, signed: bool) -> Option<RangeInclusive<i32>> {
    let value = |tag| {
        let value = i32::try_from(integer(object, tag)?).ok()?;
        // Implicit VR can't tell US from SS, and some writers mix them up.
        Some(match value {
            0x8000..=0xFFFF if signed => value - 0x1_0000,
            -0x8000..0 if !signed => value + 0x1_0000,
            _ => value,
        })
    };
    let first = value(tags::PIXEL_PADDING_VALUE)?;
    let last = value(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(first);
    Some(first.min(last)..=first.max(last))
}
