//! Transfer syntaxes of CT (PS3.5 section 10 and annex A): how elements are encoded, and what pixels are.

use dicom_dictionary_std::uids;

/// Retired, so the dictionary's own is deprecated; archives still hold such files.
pub(crate) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// How data elements are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Whether an element names its value representation.
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

impl Encoding {
    /// Implicit VR Little Endian.
    pub const IMPLICIT_LE: Self = Self { explicit: false, big_endian: false };
    /// Explicit VR Little Endian; every compressed transfer syntax, too.
    pub const EXPLICIT_LE: Self = Self { explicit: true, big_endian: false };
    /// Explicit VR Big Endian; retired, and still in archives.
    pub const EXPLICIT_BE: Self = Self { explicit: true, big_endian: true };

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// How pixel data is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelCoding {
    /// As it is.
    Native,
    /// RLE Lossless (PS3.5 annex G).
    Rle,
    /// Lossless JPEG (ISO/IEC 10918-1, process 14).
    Jpeg,
    /// JPEG-LS (ISO/IEC 14495-1).
    JpegLs,
    /// JPEG 2000 (ISO/IEC 15444-1) and its high-throughput form (15444-15).
    Jpeg2000,
}

/// One of [`TRANSFER_SYNTAXES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    /// Its UID.
    pub uid: &'static str,
    /// Its name in PS3.6.
    pub name: &'static str,
    /// How elements are encoded.
    pub encoding: Encoding,
    /// Whether the data set is deflated as a whole.
    pub is_deflated: bool,
    /// How pixels are.
    pub pixels: PixelCoding,
    /// Whether pixels may be other than those that were acquired.
    pub is_lossy: bool,
}

/// Those that are received and decoded, the one we like best first: uncompressed ones are taken as they are.
pub const TRANSFER_SYNTAXES: [TransferSyntax; 14] = [
    native(uids::EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian", Encoding::EXPLICIT_LE),
    native(uids::IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", Encoding::IMPLICIT_LE),
    native(EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian", Encoding::EXPLICIT_BE),
    coded(uids::JPEGLS_LOSSLESS, "JPEG-LS Lossless", PixelCoding::JpegLs),
    coded(
        uids::JPEG_LOSSLESS_SV1,
        "JPEG Lossless, Non-Hierarchical, First-Order Prediction",
        PixelCoding::Jpeg,
    ),
    coded(uids::JPEG_LOSSLESS, "JPEG Lossless, Non-Hierarchical", PixelCoding::Jpeg),
    coded(uids::RLE_LOSSLESS, "RLE Lossless", PixelCoding::Rle),
    coded(uids::JPEG2000_LOSSLESS, "JPEG 2000 Lossless", PixelCoding::Jpeg2000),
    coded(uids::HTJ2K_LOSSLESS, "High-Throughput JPEG 2000 Lossless", PixelCoding::Jpeg2000),
    coded(
        uids::HTJ2K_LOSSLESS_RPCL,
        "High-Throughput JPEG 2000 with RPCL Options Lossless",
        PixelCoding::Jpeg2000,
    ),
    TransferSyntax {
        is_deflated: true,
        ..native(
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
            "Deflated Explicit VR Little Endian",
            Encoding::EXPLICIT_LE,
        )
    },
    lossy(uids::JPEGLS_NEAR_LOSSLESS, "JPEG-LS Near-Lossless", PixelCoding::JpegLs),
    lossy(uids::JPEG2000, "JPEG 2000", PixelCoding::Jpeg2000),
    lossy(uids::HTJ2K, "High-Throughput JPEG 2000", PixelCoding::Jpeg2000),
];

const fn native(uid: &'static str, name: &'static str, encoding: Encoding) -> TransferSyntax {
    let pixels = PixelCoding::Native;
    TransferSyntax { uid, name, encoding, is_deflated: false, pixels, is_lossy: false }
}

const fn coded(uid: &'static str, name: &'static str, pixels: PixelCoding) -> TransferSyntax {
    TransferSyntax { pixels, ..native(uid, name, Encoding::EXPLICIT_LE) }
}

const fn lossy(uid: &'static str, name: &'static str, pixels: PixelCoding) -> TransferSyntax {
    TransferSyntax { is_lossy: true, ..coded(uid, name, pixels) }
}

impl TransferSyntax {
    /// The one with a UID, where it is decoded.
    #[must_use]
    pub fn find(uid: &str) -> Option<&'static Self> {
        TRANSFER_SYNTAXES.iter().find(|syntax| syntax.uid == uid)
    }
}

#[cfg(test)]
mod tests {
    use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

    use super::*;

    #[test]
    fn the_registry_knows_them_alike() {
        for syntax in TRANSFER_SYNTAXES {
            let known = TransferSyntaxRegistry.get(syntax.uid).unwrap();
            assert!(
                known.name().starts_with(&syntax.name[..4]),
                "{}: {}",
                syntax.name,
                known.name()
            );
            assert_eq!(known.is_encapsulated_pixel_data(), syntax.pixels != PixelCoding::Native);
            assert_eq!(TransferSyntax::find(syntax.uid), Some(&syntax));
        }
        assert_eq!(TransferSyntax::find(uids::JPEG_BASELINE8_BIT), None);
    }
}
