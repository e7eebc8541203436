//! Finds an instance's UIDs in the bytes of its data set, with bounded effort.
//!
//! This is for bytes from a stranger: no value is read but the four UIDs and some short ones that tell how
//! much of a series is here ([`SeriesHints`]), lengths are checked against what is there before anything is allocated, and sequences are stepped over with a
//! counter, never by recursion. [`crate::dicom::ct_image`] reads what a volume needs, later.

use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};

use flate2::read::DeflateDecoder;

use crate::dicom::series_hints::{self, HintsReader, SeriesHints};
use crate::dicom::transfer_syntax::{Encoding, TransferSyntax};
use crate::dicom::uid::{
    SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid, TransferSyntaxUid,
};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Group and element.
pub(crate) type Tag = (u16, u16);

const ITEM_DELIMITER: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_DELIMITER: Tag = (0xFFFE, 0xE0DD);
const UNDEFINED: u32 = 0xFFFF_FFFF;
/// A UID has 64 characters; some senders pad more than they should.
const UID_BYTES_MAX: u32 = 80;

/// Why the UIDs could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file could not be read.
    #[error("could not read the data set")]
    Read(#[source] io::Error),
    /// The bytes end within an element, or an element claims more than there are.
    #[error("the data set ends before element ({:04X},{:04X}) does", .0.0, .0.1)]
    Truncated(Tag),
    /// Bytes that are no data element.
    #[error("no data element where one should be")]
    Malformed,
    /// More than [`limits::HEADER_ELEMENTS_MAX`] elements.
    #[error("too many elements before the UIDs")]
    TooManyElements,
    /// A UID is absent.
    #[error("element ({:04X},{:04X}) is missing", .0.0, .0.1)]
    Missing(Tag),
    /// A UID is none.
    #[error("element ({:04X},{:04X}) is no UID", .0.0, .0.1)]
    NotUid(Tag),
    /// A transfer syntax that is not read here.
    #[error("transfer syntax not supported")]
    TransferSyntax,
}

impl Dispose for HeaderError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

/// Who an instance is.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceIdentity {
    /// SOP Class UID (0008,0016).
    pub sop_class: SopClassUid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// Study Instance UID (0020,000D).
    pub study: StudyInstanceUid,
    /// Series Instance UID (0020,000E).
    pub series: SeriesInstanceUid,
    /// What it says about its series.
    pub hints: SeriesHints,
}

const SOP_CLASS: Tag = (0x0008, 0x0016);
const SOP_INSTANCE: Tag = (0x0008, 0x0018);
const STUDY: Tag = (0x0020, 0x000D);
const SERIES: Tag = (0x0020, 0x000E);

impl InstanceIdentity {
    /// Reads it from a data set that starts where `source` stands and ends where `source` ends.
    ///
    /// Of a deflated one only the first [`limits::INFLATED_FRONT_BYTES_MAX`] are looked at.
    ///
    /// # Errors
    /// When they are not there, or the transfer syntax is none of ours.
    pub fn read(
        source: impl Read + Seek,
        transfer_syntax: &TransferSyntaxUid,
    ) -> Result<Self, HeaderError> {
        let syntax =
            TransferSyntax::find(transfer_syntax.as_str()).ok_or(HeaderError::TransferSyntax)?;
        if !syntax.is_deflated {
            return Self::read_plain(source, syntax.encoding);
        }
        let mut front = Vec::new();
        let inflated = DeflateDecoder::new(BufReader::new(source));
        let read = inflated.take(limits::INFLATED_FRONT_BYTES_MAX).read_to_end(&mut front);
        read.map_err(|error| match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData => HeaderError::Malformed,
            _ => HeaderError::Read(error),
        })?;
        Self::read_plain(Cursor::new(front), syntax.encoding)
    }

    fn read_plain(source: impl Read + Seek, encoding: Encoding) -> Result<Self, HeaderError> {
        let mut walk = ElementWalk::new(source, encoding)?;
        let mut found: [Option<String>; 4] = Default::default();
        const WANTED: [Tag; 4] = [SOP_CLASS, SOP_INSTANCE, STUDY, SERIES];
        let mut hints = HintsReader::default();
        while let Some(head) = walk.next_head()? {
            // Elements ascend (PS3.5 7.1): what is left holds no UID.
            if head.tag > SERIES {
                // An instance that is damaged there is taken all the same, and says nothing of its series.
                if walk.hints_from(head, &mut hints).is_err() {
                    hints = HintsReader::default();
                }
                break;
            }
            match WANTED.iter().position(|tag| *tag == head.tag) {
                Some(index) => found[index] = Some(walk.text(head, UID_BYTES_MAX)?),
                None => walk.hint(head, &mut hints)?,
            }
        }
        let [sop_class, sop_instance, study, series] = found;
        let sop_class = uid(sop_class, SOP_CLASS)?;
        Ok(Self {
            hints: hints.finish(&sop_class),
            sop_class,
            sop_instance: uid(sop_instance, SOP_INSTANCE)?,
            study: uid(study, STUDY)?,
            series: uid(series, SERIES)?,
        })
    }
}

/// Checks a UID that was read, or was not there.
pub(crate) fn uid<U: std::str::FromStr>(text: Option<String>, tag: Tag) -> Result<U, HeaderError> {
    let text = text.filter(|text| !text.is_empty()).ok_or(HeaderError::Missing(tag))?;
    text.parse().map_err(|_| HeaderError::NotUid(tag))
}

/// The start of an element: all but its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ElementHead {
    pub(crate) tag: Tag,
    pub(crate) length: u32,
    /// VR is UN: a value of undefined length is encoded implicitly (PS3.5 6.2.2).
    is_unknown: bool,
}

/// Steps from element to element of the outermost level.
pub(crate) struct ElementWalk<R> {
    source: BufReader<R>,
    encoding: Encoding,
    position: u64,
    end: u64,
    n_elements: usize,
}

impl<R: Read + Seek> ElementWalk<R> {
    pub(crate) fn new(mut source: R, encoding: Encoding) -> Result<Self, HeaderError> {
        let start = source.stream_position().map_err(HeaderError::Read)?;
        let end = source.seek(io::SeekFrom::End(0)).map_err(HeaderError::Read)?;
        source.seek(io::SeekFrom::Start(start)).map_err(HeaderError::Read)?;
        let source = BufReader::with_capacity(8192, source);
        Ok(Self { source, encoding, position: start, end, n_elements: 0 })
    }

    /// Where the next byte will be read, from the start of the source.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next element's head; `None` at the end. The caller then takes or skips its value.
    pub(crate) fn next_head(&mut self) -> Result<Option<ElementHead>, HeaderError> {
        match self.next_tag()? {
            Some(tag) => self.head(tag, self.encoding).map(Some),
            None => Ok(None),
        }
    }

    /// The next element's tag alone; `None` at the end.
    pub(crate) fn next_tag(&mut self) -> Result<Option<Tag>, HeaderError> {
        if self.position == self.end { Ok(None) } else { self.tag(self.encoding).map(Some) }
    }

    fn tag(&mut self, encoding: Encoding) -> Result<Tag, HeaderError> {
        self.n_elements += 1;
        if self.n_elements > limits::HEADER_ELEMENTS_MAX {
            return Err(HeaderError::TooManyElements);
        }
        let bytes: [u8; 4] = self.array((0, 0))?;
        Ok((encoding.u16([bytes[0], bytes[1]]), encoding.u16([bytes[2], bytes[3]])))
    }

    /// The rest of a head whose tag has been read.
    pub(crate) fn head(
        &mut self,
        tag: Tag,
        encoding: Encoding,
    ) -> Result<ElementHead, HeaderError> {
        // Items and delimiters have no VR in any encoding (PS3.5 7.5).
        if !encoding.explicit || tag.0 == 0xFFFE {
            let length = encoding.u32(self.array(tag)?);
            return Ok(ElementHead { tag, length, is_unknown: false });
        }
        let [vr0, vr1, low, high] = self.array(tag)?;
        let vr = [vr0, vr1];
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(HeaderError::Malformed);
        }
        let is_short = matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FD"
                | b"FL"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        );
        // A VR that is not known has a 32-bit length: all new ones do (PS3.5 6.2.2).
        let length = if is_short {
            u32::from(encoding.u16([low, high]))
        } else {
            encoding.u32(self.array(tag)?)
        };
        Ok(ElementHead { tag, length, is_unknown: &vr == b"UN" })
    }

    /// Reads a short value as text, without padding.
    pub(crate) fn text(
        &mut self,
        head: ElementHead,
        bytes_max: u32,
    ) -> Result<String, HeaderError> {
        if head.length > bytes_max {
            return Err(HeaderError::NotUid(head.tag));
        }
        let text =
            String::from_utf8(self.bytes(head)?).map_err(|_| HeaderError::NotUid(head.tag))?;
        Ok(text.trim_end_matches(['\0', ' ']).to_owned())
    }

    /// Reads a value whose length was found small.
    fn bytes(&mut self, head: ElementHead) -> Result<Vec<u8>, HeaderError> {
        self.check(u64::from(head.length), head.tag)?;
        let mut value = vec![0; head.length as usize];
        self.source.read_exact(&mut value).map_err(HeaderError::Read)?;
        self.position += u64::from(head.length);
        Ok(value)
    }

    /// The hints from an element on, up to the last of them.
    fn hints_from(
        &mut self,
        first: ElementHead,
        hints: &mut HintsReader,
    ) -> Result<(), HeaderError> {
        let mut head = Some(first);
        while let Some(it) = head.filter(|it| it.tag <= series_hints::LAST) {
            self.hint(it, hints)?;
            head = self.next_head()?;
        }
        Ok(())
    }

    /// Takes a value that says something about the series, steps over any other.
    fn hint(&mut self, head: ElementHead, hints: &mut HintsReader) -> Result<(), HeaderError> {
        if head.length > series_hints::VALUE_BYTES_MAX || !HintsReader::wants(head.tag) {
            return self.skip(head);
        }
        let value = self.bytes(head)?;
        hints.take(head.tag, &value, self.encoding);
        Ok(())
    }

    /// Steps over a value, whatever it holds.
    pub(crate) fn skip(&mut self, head: ElementHead) -> Result<(), HeaderError> {
        if head.length == UNDEFINED { self.skip_undefined(head) } else { self.seek_over(head) }
    }

    /// Steps over a value of undefined length: items and what they hold, up to its delimiter.
    fn skip_undefined(&mut self, head: ElementHead) -> Result<(), HeaderError> {
        let mut depth = 1_usize;
        // The depth from which on elements are implicit, once a UN has been entered.
        let mut implicit_from = head.is_unknown.then_some(1);
        while depth > 0 {
            let encoding =
                if implicit_from.is_some() { Encoding::IMPLICIT_LE } else { self.encoding };
            let tag = self.tag(encoding)?;
            let inner = self.head(tag, encoding)?;
            match inner.tag {
                ITEM_DELIMITER | SEQUENCE_DELIMITER => depth -= 1,
                _ if inner.length == UNDEFINED => {
                    depth += 1;
                    if inner.is_unknown {
                        implicit_from = implicit_from.or(Some(depth));
                    }
                }
                _ => self.seek_over(inner)?,
            }
            implicit_from = implicit_from.filter(|from| depth >= *from);
        }
        Ok(())
    }

    fn seek_over(&mut self, head: ElementHead) -> Result<(), HeaderError> {
        self.check(u64::from(head.length), head.tag)?;
        self.source.seek_relative(i64::from(head.length)).map_err(HeaderError::Read)?;
        self.position += u64::from(head.length);
        Ok(())
    }

    fn check(&self, length: u64, tag: Tag) -> Result<(), HeaderError> {
        if length > self.end - self.position { Err(HeaderError::Truncated(tag)) } else { Ok(()) }
    }

    fn array<const N: usize>(&mut self, tag: Tag) -> Result<[u8; N], HeaderError> {
        self.check(N as u64, tag)?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(HeaderError::Read)?;
        self.position += N as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn explicit(tag: Tag, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes(), *vr].concat();
        let length = u32::try_from(value.len()).unwrap();
        match vr {
            b"SQ" | b"UN" | b"OW" => {
                bytes.extend([0, 0]);
                bytes.extend(length.to_le_bytes());
            }
            _ => bytes.extend(u16::try_from(length).unwrap().to_le_bytes()),
        }
        bytes.extend(value);
        bytes
    }

    fn undefined(tag: Tag, vr: &[u8; 2], inner: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes(), *vr, [0, 0]].concat();
        bytes.extend(UNDEFINED.to_le_bytes());
        bytes.extend(inner);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes
    }

    fn implicit(tag: Tag, value: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
        bytes
    }

    fn item(inner: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xFE, 0xFF, 0x00, 0xE0, 255, 255, 255, 255];
        bytes.extend(inner);
        bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        bytes
    }

    fn read(bytes: &[u8], encoding: Encoding) -> Result<InstanceIdentity, HeaderError> {
        InstanceIdentity::read_plain(Cursor::new(bytes), encoding)
    }

    fn expected() -> InstanceIdentity {
        InstanceIdentity {
            sop_class: "1.2.3.4".parse().unwrap(),
            sop_instance: "1.5".parse().unwrap(),
            study: "1.6".parse().unwrap(),
            series: "1.7".parse().unwrap(),
            hints: SeriesHints::default(),
        }
    }

    #[test]
    fn uids_are_found_in_both_encodings() {
        let bytes = [
            implicit((8, 0x16), b"1.2.3.4\0"),
            implicit((8, 0x18), b"1.5\0"),
            implicit((0x20, 0x0D), b"1.6\0"),
            implicit((0x20, 0x0E), b"1.7 "),
            implicit((0x7FE0, 0x10), b"abcd"),
        ];
        assert_eq!(read(&bytes.concat(), Encoding::IMPLICIT_LE).unwrap(), expected());
        let inner = explicit((8, 0x18), b"UI", b"9.9\0");
        let sequence = |vr| {
            let inner = if vr == b"UN" { implicit((8, 0x18), b"9.9\0") } else { inner.clone() };
            let nested = item(&undefined((9, 0x10), vr, &item(&inner)));
            // Within UN even the nested sequence has no VR.
            let nested = if vr == b"UN" {
                item(
                    &[
                        &[9, 0, 0x10, 0][..],
                        &[255; 4],
                        &item(&inner),
                        &[0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0],
                    ]
                    .concat(),
                )
            } else {
                nested
            };
            undefined((8, 0x1140), vr, &nested)
        };
        for vr in [b"SQ", b"UN"] {
            let bytes = [
                explicit((8, 0x16), b"UI", b"1.2.3.4\0"),
                explicit((8, 0x18), b"UI", b"1.5\0"),
                sequence(vr),
                explicit((9, 1), b"OW", &[1; 100_000]),
                sequence(b"SQ"),
                explicit((0x20, 0x0D), b"UI", b"1.6\0"),
                explicit((0x20, 0x0E), b"UI", b"1.7\0"),
            ];
            assert_eq!(read(&bytes.concat(), Encoding::EXPLICIT_LE).unwrap(), expected());
        }
    }

    #[test]
    fn damage_behind_the_uids_costs_the_hints_and_no_more() {
        let uids = [
            implicit((8, 8), b"ORIGINAL\\PRIMARY\\LOCALIZER "),
            implicit((8, 0x16), b"1.2.3.4\0"),
            implicit((8, 0x18), b"1.5\0"),
            implicit((0x20, 0x0D), b"1.6\0"),
            implicit((0x20, 0x0E), b"1.7 "),
        ]
        .concat();
        let check = |behind: &[u8], n: Option<u32>, is_localizer: bool| {
            let found = read(&[&uids, behind].concat(), Encoding::IMPLICIT_LE).unwrap();
            let hints = SeriesHints { n_series_related: n, is_localizer, ..Default::default() };
            assert_eq!(found, InstanceIdentity { hints, ..expected() });
        };
        let related = implicit((0x20, 0x1209), b"12");
        check(b"", None, true);
        check(&related, Some(12), true);
        check(&[&related[..], &implicit((0x7FE0, 0x10), b"ab")[..6]].concat(), None, false);
        check(&related[..9], None, false);
        check(&implicit((0x20, 0x1209), &[b'1'; 300]), None, true);
    }

    #[test]
    fn uids_are_found_in_big_endian_and_deflated_data_sets() {
        let big = |tag: Tag, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap();
            let head = [tag.0.to_be_bytes(), tag.1.to_be_bytes(), *b"UI", length.to_be_bytes()];
            [&head.concat()[..], value].concat()
        };
        let uids: [(Tag, &[u8]); 4] = [
            (SOP_CLASS, b"1.2.3.4\0"),
            (SOP_INSTANCE, b"1.5\0"),
            (STUDY, b"1.6\0"),
            (SERIES, b"1.7\0"),
        ];
        let bytes: Vec<u8> = uids.iter().flat_map(|(tag, value)| big(*tag, value)).collect();
        let read = |bytes: &[u8], syntax: &str| {
            InstanceIdentity::read(Cursor::new(bytes), &syntax.parse().unwrap())
        };
        assert_eq!(read(&bytes, "1.2.840.10008.1.2.2").unwrap(), expected());

        let plain: Vec<u8> =
            uids.iter().flat_map(|(tag, value)| explicit(*tag, b"UI", value)).collect();
        let deflate = |bytes: &[u8]| {
            let mut out = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
            std::io::Write::write_all(&mut out, bytes).unwrap();
            out.finish().unwrap()
        };
        const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
        assert_eq!(read(&deflate(&plain), DEFLATED).unwrap(), expected());
        // A bomb is not blown up further than its front.
        let bomb = [plain.clone(), explicit((0x7FE0, 0x10), b"OW", &vec![0; 64 << 20])].concat();
        assert_eq!(read(&deflate(&bomb), DEFLATED).unwrap(), expected());
        assert!(matches!(read(&plain, DEFLATED), Err(HeaderError::Malformed)));
        assert!(matches!(read(&plain, "1.2.3"), Err(HeaderError::TransferSyntax)));
    }

    #[test]
    fn hostile_headers_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = read(bytes, Encoding::EXPLICIT_LE).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        };
        check(b"", "Missing");
        check(b"\x08\x00", "Truncated");
        check(&[8, 0, 0x16, 0, 1, 2, 3, 4], "Malformed");
        check(&explicit((8, 0x18), b"UI", b"../../etc/passwd"), "Missing");
        let four_gigabytes = [8, 0, 0x05, 0, b'U', b'N', 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 1, 2];
        check(&four_gigabytes, "Truncated");
        check(&explicit((8, 0x18), b"UI", &[b'1'; 1000]), "NotUid");
        let mut nested = undefined((8, 0x1140), b"SQ", &[]);
        nested.truncate(12);
        for _ in 0..100_000 {
            nested.extend([0xFE, 0xFF, 0x00, 0xE0, 255, 255, 255, 255]);
        }
        check(&nested, "TooManyElements");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, Encoding::EXPLICIT_LE);
            let _ = read(&bytes, Encoding::IMPLICIT_LE);
        }
    }
}
