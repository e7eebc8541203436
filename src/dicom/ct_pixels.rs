//! Pixels of CT images: from stored bits to HU.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{integer, text};
use super::ct_image::{CtImage, CtImageError, CtInstance};
use super::dataset_scan::Scanned;
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
    let bytes = read_frame_bytes(image)?;
    let table = hounsfield_table(image);
    // Bits above the high bit are not part of the value; old scanners put overlays there.
    let shift = format.high_bit + 1 - format.bits_stored;
    let mask = table.len() - 1;
    for (hu, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let pair = [pair[0], pair[1]];
        let raw =
            if format.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        *hu = table[usize::from(raw >> shift) & mask];
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

fn read_frame_bytes(image: &CtImage) -> Result<Vec<u8>, CtImageError> {
    let CtInstance { path, rows, columns, pixels, .. } = image.instance.as_ref();
    let n_bytes = rows * columns * 2;
    let mut bytes = vec![0; n_bytes];
    let mut file = File::open(path).map_err(CtImageError::Read)?;
    file.seek(SeekFrom::Start(pixels.start + (n_bytes * image.frame) as u64))
        .map_err(CtImageError::Read)?;
    file.read_exact(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => CtImageError::Truncated,
        _ => CtImageError::Read(error),
    })?;
    Ok(bytes)
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
    start: u64,
    big_endian: bool,
    signed: bool,
    bits_stored: u32,
    high_bit: u32,
    padding: Option<RangeInclusive<i32>>,
}

/// Reads the format of the pixels that begin at byte `start`.
pub(super) fn read_pixel_format(
    scanned: &Scanned,
    start: u64,
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
        start,
        big_endian: scanned.encoding.big_endian,
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
