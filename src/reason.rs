//! Why a series or a gland could not be screened: every stable reason code, in one place.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// A stable snake_case code and a sentence for a person. Codes are never renamed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl Reason {
            /// All of them, for documents and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The same as a sentence.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    // Files.
    /// The file is empty.
    EmptyFile = "empty_file",
    /// The file is not DICOM, or its header cannot be read.
    NotDicom = "not_dicom",
    /// The file ends before its pixel data does.
    Truncated = "truncated",
    /// A required attribute is missing or has an impossible value.
    BadAttribute = "bad_attribute",
    /// The object is not a CT image.
    NotCt = "not_ct",
    /// The pixel data is compressed in a way that cannot be decoded here.
    UnsupportedTransferSyntax = "unsupported_transfer_syntax",
    /// The pixel format is not 16-bit monochrome.
    UnsupportedPixelFormat = "unsupported_pixel_format",
    // Series.
    /// The series has no image that could be part of a volume.
    NoImages = "no_images",
    /// The series has too few slices for a volume.
    TooFewSlices = "too_few_slices",
    /// The series has more slices or voxels than can be held.
    TooLarge = "too_large",
    /// The slices do not all have the same orientation.
    MixedOrientation = "mixed_orientation",
    /// The slices do not share one frame of reference.
    MixedFrameOfReference = "mixed_frame_of_reference",
    /// The slices differ in rows, columns or pixel spacing.
    MixedImageSize = "mixed_image_size",
    /// The slices are not axial, nor tilted less than 45 degrees from it.
    NotAxial = "not_axial",
    /// Two different images claim the same position.
    DuplicatePosition = "duplicate_position",
    /// A slice is missing.
    MissingSlice = "missing_slice",
    /// The slices are not evenly spaced.
    IrregularSpacing = "irregular_spacing",
    /// The slices are too thick or too far apart for a mass of 10 mm.
    SpacingTooLarge = "spacing_too_large",
    // Screening.
    /// No body was found in the images.
    NoBody = "no_body",
    /// The parotid gland lies outside the field of view, or is cut by its edge.
    NotInFieldOfView = "not_in_field_of_view",
    /// The parotid gland was not found.
    GlandNotFound = "gland_not_found",
    /// Neither parotid gland could be screened.
    NoGlandAssessed = "no_gland_assessed",
    /// One parotid gland could not be screened and the other is not flagged.
    OneGlandNotAssessed = "one_gland_not_assessed",
    /// The analysis failed repeatedly.
    AnalysisFailed = "analysis_failed",
    // Files again: codes are appended, never moved.
    /// The file or folder cannot be opened or read.
    Unreadable = "unreadable",
    /// The compressed pixel data is damaged.
    DamagedPixelData = "damaged_pixel_data",
}

impl Reason {
    /// Whether the files were no volume, so that nothing was looked at. The others are findings about
    /// a volume.
    #[must_use]
    pub fn is_about_input(self) -> bool {
        !matches!(
            self,
            Self::NoBody
                | Self::NotInFieldOfView
                | Self::GlandNotFound
                | Self::NoGlandAssessed
                | Self::OneGlandNotAssessed
                | Self::AnalysisFailed
        )
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_and_serialize_as_such() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert!(reason.sentence().ends_with('.'));
        }
    }
}
