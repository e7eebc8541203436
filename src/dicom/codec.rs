//! One compressed frame to the 16-bit patterns that were compressed.
//!
//! Sizes are read from the stream's own header and compared with the image's before anything is decoded, so a
//! lying stream takes no memory; and no decoder's panic gets out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jpeg_decoder::PixelFormat;

use super::transfer_syntax::PixelCoding;

/// Why a frame could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream describes another image than the header.
    #[error("the compressed image is not the one that the header describes")]
    OtherImage,
    /// The stream is damaged, or of a kind that the decoder does not know.
    #[error("the compressed image is damaged or of an unknown kind")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stream ends early.
    #[error("the compressed image ends early")]
    Short,
    /// The decoder failed on it.
    #[error("the decoder failed")]
    Panicked,
}

impl CodecError {
    fn damaged(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged(source.into())
    }
}

/// Decodes a frame of `[rows, columns]`, one sample of 16 bits each, row after row.
///
/// # Errors
/// When it is not such a frame.
pub(super) fn decode_frame(
    coding: PixelCoding,
    bytes: &[u8],
    shape: [usize; 2],
) -> Result<Vec<u16>, CodecError> {
    // Decoders are other people's, and streams are strangers'.
    let decoded = catch_unwind(AssertUnwindSafe(|| match coding {
        PixelCoding::Native => Err(CodecError::OtherImage),
        PixelCoding::Rle => rle(bytes, shape),
        PixelCoding::Jpeg => jpeg(bytes, shape),
        PixelCoding::JpegLs => jpeg_ls(bytes, shape),
        PixelCoding::Jpeg2000 => jpeg_2000(bytes, shape),
    }));
    let values = decoded.unwrap_or(Err(CodecError::Panicked))?;
    if values.len() == shape[0] * shape[1] { Ok(values) } else { Err(CodecError::OtherImage) }
}

/// Sides as 16-bit numbers, which is what the streams hold.
fn sides([rows, columns]: [usize; 2]) -> Result<[u16; 2], CodecError> {
    let side = |side| u16::try_from(side).map_err(|_| CodecError::OtherImage);
    Ok([side(rows)?, side(columns)?])
}

/// RLE Lossless (PS3.5 annex G): the high bytes of all pixels, then the low ones, each run-length coded.
///
/// Ours, since that of dicom-rs panics on a short segment.
fn rle(bytes: &[u8], [rows, columns]: [usize; 2]) -> Result<Vec<u16>, CodecError> {
    const HEAD_BYTES: usize = 64;
    let head = bytes.get(..HEAD_BYTES).ok_or(CodecError::Short)?;
    let number = |at: usize| {
        let bytes = [head[4 * at], head[4 * at + 1], head[4 * at + 2], head[4 * at + 3]];
        u32::from_le_bytes(bytes) as usize
    };
    if number(0) != 2 {
        return Err(CodecError::OtherImage);
    }
    let [high, low] = [number(1)..number(2), number(2)..bytes.len()].map(|range| {
        let segment = bytes.get(range).ok_or(CodecError::Short)?;
        unpack_bits(segment, rows * columns)
    });
    Ok(high?.into_iter().zip(low?).map(|(high, low)| u16::from_be_bytes([high, low])).collect())
}

/// Takes `n` bytes out of runs and literals; what follows them is padding.
fn unpack_bits(segment: &[u8], n: usize) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::with_capacity(n);
    let mut rest = segment;
    while out.len() < n {
        let (&control, behind) = rest.split_first().ok_or(CodecError::Short)?;
        let n_literals = usize::from(control) + 1;
        match control {
            0..=127 => {
                let literals = behind.split_at_checked(n_literals).ok_or(CodecError::Short)?;
                out.extend_from_slice(literals.0);
                rest = literals.1;
            }
            // 128 stands for nothing.
            128 => rest = behind,
            _ => {
                let (&value, behind) = behind.split_first().ok_or(CodecError::Short)?;
                out.resize(out.len() + 257 - usize::from(control), value);
                rest = behind;
            }
        }
    }
    out.truncate(n);
    Ok(out)
}

fn jpeg(bytes: &[u8], shape: [usize; 2]) -> Result<Vec<u16>, CodecError> {
    let [rows, columns] = sides(shape)?;
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info().map_err(CodecError::damaged)?;
    let info = decoder.info().ok_or(CodecError::OtherImage)?;
    if [info.height, info.width] != [rows, columns] {
        return Err(CodecError::OtherImage);
    }
    let decoded = decoder.decode().map_err(CodecError::damaged)?;
    match info.pixel_format {
        PixelFormat::L16 => {
            let words = decoded.chunks_exact(2);
            Ok(words.map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect())
        }
        PixelFormat::L8 => Ok(decoded.into_iter().map(u16::from).collect()),
        _ => Err(CodecError::OtherImage),
    }
}

fn jpeg_ls(bytes: &[u8], shape: [usize; 2]) -> Result<Vec<u16>, CodecError> {
    let [rows, columns] = sides(shape)?;
    // A marker may have any number of 0xFF before it (ITU-T T.81 B.1.1.2), and CharLS so makes lengths even
    // before the last one; the decoder takes none.
    let mut end = bytes.len() - bytes.iter().rev().take_while(|it| **it == 0).count();
    let mut stream = bytes[..end].to_vec();
    while stream.ends_with(&[0xFF, 0xFF, 0xD9]) {
        end -= 1;
        stream.truncate(end);
        stream[end - 1] = 0xD9;
    }
    let decoded = jpegls::decode(&stream, u32::from(columns), u32::from(rows));
    decoded.map(|(values, ..)| values).map_err(CodecError::damaged)
}

fn jpeg_2000(bytes: &[u8], [rows, columns]: [usize; 2]) -> Result<Vec<u16>, CodecError> {
    // SOC, SIZ, its length and capabilities, then the end and the start of the image, both [x, y]
    // (ISO/IEC 15444-1 A.5.1); no file format around the codestream (PS3.5 A.4.4).
    const START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
    const SIZE_AT: usize = 8;
    let size = bytes.get(SIZE_AT..SIZE_AT + 16).ok_or(CodecError::Short)?;
    let number = |at: usize| {
        let bytes = [size[4 * at], size[4 * at + 1], size[4 * at + 2], size[4 * at + 3]];
        u32::from_be_bytes(bytes) as usize
    };
    let side = |axis: usize| number(axis).checked_sub(number(2 + axis));
    if !bytes.starts_with(&START) || [side(1), side(0)] != [Some(rows), Some(columns)] {
        return Err(CodecError::OtherImage);
    }
    // Otherwise a stream that ends early would become an image with holes.
    let parameters = jpeg2k::DecodeParameters::new().strict(true);
    let image = jpeg2k::Image::from_bytes_with(bytes, parameters).map_err(CodecError::damaged)?;
    let [component] = image.components() else { return Err(CodecError::OtherImage) };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the pattern of the bits is wanted; signed values are so stored"
    )]
    Ok(component.data().iter().map(|value| *value as u16).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rle_frame(high: &[u8], low: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[0] = 2;
        bytes[4] = 64;
        bytes[8] = 64 + u8::try_from(high.len()).unwrap();
        [bytes, high.to_vec(), low.to_vec()].concat()
    }

    #[test]
    fn runs_and_literals_become_pixels() {
        let decode = |high: &[u8], low: &[u8]| rle(&rle_frame(high, low), [2, 2]);
        // Four times 1; 5 6 literally, nothing, then twice 7.
        assert_eq!(
            decode(&[253, 1], &[1, 5, 6, 128, 255, 7]).unwrap(),
            [0x105, 0x106, 0x107, 0x107]
        );
        assert!(matches!(decode(&[253, 1], &[1, 5]), Err(CodecError::Short)));
        assert!(matches!(decode(&[254], &[253, 1]), Err(CodecError::Short)));
        assert!(matches!(rle(&[2; 64], [2, 2]), Err(CodecError::OtherImage)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0_usize..4) {
            let (coding, start): (_, &[u8]) = [
                (PixelCoding::Rle, &[2, 0, 0, 0, 64][..]),
                (PixelCoding::Jpeg, &[0xFF, 0xD8, 0xFF, 0xC3]),
                (PixelCoding::JpegLs, &[0xFF, 0xD8, 0xFF, 0xF7]),
                (PixelCoding::Jpeg2000, &[0xFF, 0x4F, 0xFF, 0x51, 0, 41]),
            ][kind];
            prop_assert!(decode_frame(coding, &[start, &bytes].concat(), [16, 16]).is_err());
        }
    }
}
