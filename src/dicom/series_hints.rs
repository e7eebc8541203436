//! What an instance says about the series it is part of: enough to tell whether more of it is to come.
//!
//! Read at reception with the UIDs, from every instance: no value is long, none is required, and what makes no
//! sense counts as not there.

use super::ct_image::{MULTI_FRAME_CT_SOP_CLASSES, directions};
use super::header::Tag;
use super::transfer_syntax::Encoding;
use super::uid::SopClassUid;

/// Longest value that is looked at, bytes: six Decimal Strings, some Image Type.
pub(super) const VALUE_BYTES_MAX: u32 = 256;

/// Where a slice is, LPS mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlicePlace {
    /// Image Position (Patient) (0020,0032).
    pub position: [f64; 3],
    /// Image Orientation (Patient) (0020,0037): unit vectors along a row and along a column.
    pub directions: [[f64; 3]; 2],
}

/// A part of an object that was cut into several (PS3.3 C.7.6.16.2.2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcatenationPart {
    /// Concatenation UID (0020,9161).
    pub uid: String,
    /// In-concatenation Number (0020,9162), from 1.
    pub number: Option<u16>,
    /// In-concatenation Total Number (0020,9163).
    pub total: Option<u16>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesHints {
    /// Whether Image Type (0008,0008) says LOCALIZER.
    pub is_localizer: bool,
    /// Where it is; `None` for objects of many frames.
    pub place: Option<SlicePlace>,
    /// Whether it is an object of many frames, by its SOP class.
    pub is_multi_frame: bool,
    /// Number of Series Related Instances (0020,1209).
    pub n_series_related: Option<u32>,
    /// Which part of a concatenation it is.
    pub concatenation: Option<ConcatenationPart>,
}

const IMAGE_TYPE: Tag = (0x0008, 0x0008);
const POSITION: Tag = (0x0020, 0x0032);
const ORIENTATION: Tag = (0x0020, 0x0037);
const SERIES_RELATED: Tag = (0x0020, 0x1209);
const CONCATENATION: Tag = (0x0020, 0x9161);
const CONCATENATION_NUMBER: Tag = (0x0020, 0x9162);
const CONCATENATION_TOTAL: Tag = (0x0020, 0x9163);

/// The last element that is looked at; elements ascend (PS3.5 7.1).
pub(super) const LAST: Tag = CONCATENATION_TOTAL;

/// Collects [`SeriesHints`] value by value.
#[derive(Debug, Default)]
pub(super) struct HintsReader {
    hints: SeriesHints,
    position: Option<[f64; 3]>,
    directions: Option<[[f64; 3]; 2]>,
    concatenation: Option<String>,
    number: Option<u16>,
    total: Option<u16>,
}

impl HintsReader {
    pub(super) fn wants(tag: Tag) -> bool {
        const WANTED: [Tag; 7] = [
            IMAGE_TYPE,
            POSITION,
            ORIENTATION,
            SERIES_RELATED,
            CONCATENATION,
            CONCATENATION_NUMBER,
            CONCATENATION_TOTAL,
        ];
        WANTED.contains(&tag)
    }

    pub(super) fn take(&mut self, tag: Tag, value: &[u8], encoding: Encoding) {
        let text = str::from_utf8(value).unwrap_or_default().trim_matches(['\0', ' ']);
        let unsigned = || value.try_into().ok().map(|bytes| encoding.u16(bytes));
        match tag {
            IMAGE_TYPE => {
                let is_localizer = |it: &str| it.trim().eq_ignore_ascii_case("LOCALIZER");
                self.hints.is_localizer = text.split('\\').any(is_localizer);
            }
            POSITION => self.position = numbers(text).and_then(|it| it.try_into().ok()),
            ORIENTATION => self.directions = numbers(text).and_then(|it| directions(&it)),
            SERIES_RELATED => self.hints.n_series_related = text.parse().ok(),
            CONCATENATION => self.concatenation = (!text.is_empty()).then(|| text.to_owned()),
            CONCATENATION_NUMBER => self.number = unsigned(),
            CONCATENATION_TOTAL => self.total = unsigned(),
            _ => {}
        }
    }

    pub(super) fn finish(self, sop_class: &SopClassUid) -> SeriesHints {
        let place = self.position.zip(self.directions);
        let (number, total) = (self.number, self.total);
        SeriesHints {
            place: place.map(|(position, directions)| SlicePlace { position, directions }),
            is_multi_frame: MULTI_FRAME_CT_SOP_CLASSES.contains(&sop_class.as_str()),
            concatenation: self.concatenation.map(|uid| ConcatenationPart { uid, number, total }),
            ..self.hints
        }
    }
}

/// Decimal Strings; `None` where one is no finite number.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let number = |it: &str| it.trim().parse().ok().filter(|it: &f64| it.is_finite());
    text.split('\\').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(elements: &[(Tag, &[u8])]) -> SeriesHints {
        let mut reader = HintsReader::default();
        for (tag, value) in elements {
            assert!(HintsReader::wants(*tag));
            reader.take(*tag, value, Encoding::EXPLICIT_LE);
        }
        reader.finish(&"1.2.3".parse().unwrap())
    }

    #[test]
    fn a_slice_says_where_it_is() {
        let hints = read(&[
            (IMAGE_TYPE, b"ORIGINAL\\PRIMARY\\AXIAL "),
            (POSITION, b"-1.5\\ 2e1\\3 "),
            (ORIENTATION, b"1\\0\\0\\0\\1\\0 "),
            (SERIES_RELATED, b"12"),
        ]);
        let directions = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert_eq!(hints.place, Some(SlicePlace { position: [-1.5, 20.0, 3.0], directions }));
        assert_eq!((hints.is_localizer, hints.n_series_related), (false, Some(12)));
        assert!(read(&[(IMAGE_TYPE, b"ORIGINAL\\PRIMARY\\LOCALIZER")]).is_localizer);
    }

    #[test]
    fn a_part_says_of_what() {
        let hints = read(&[
            (CONCATENATION, b"1.2.3\0"),
            (CONCATENATION_NUMBER, &[2, 0]),
            (CONCATENATION_TOTAL, &[3, 0]),
        ]);
        let part = ConcatenationPart { uid: "1.2.3".into(), number: Some(2), total: Some(3) };
        assert_eq!(hints.concatenation, Some(part));
    }

    #[test]
    fn what_makes_no_sense_is_not_there() {
        let check = |tag, value: &[u8]| {
            let orientation: (Tag, &[u8]) = (ORIENTATION, b"1\\0\\0\\0\\1\\0");
            assert_eq!(read(&[orientation, (tag, value)]), SeriesHints::default(), "{value:?}");
        };
        check(POSITION, b"");
        check(POSITION, b"1\\2");
        check(POSITION, b"1\\2\\3\\4");
        check(POSITION, b"1\\2\\nan");
        check(POSITION, b"\xff");
        check(SERIES_RELATED, b"-1");
        check(SERIES_RELATED, b"99999999999");
        check(CONCATENATION, b"");
        check(CONCATENATION_TOTAL, &[1]);
        let flat = read(&[(POSITION, b"1\\2\\3"), (ORIENTATION, b"1\\0\\0\\1\\0\\0")]);
        assert_eq!(flat, SeriesHints::default());
    }
}
