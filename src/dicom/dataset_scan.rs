//! Walks over an encoded data set and takes out only the elements that are wanted.
//!
//! ```text
//!  preamble? -> meta group -> element element SEQUENCE element ... -> pixel data
//!                             kept    skipped  skipped  kept          only its place is noted
//! ```
//!
//! A parser that builds the whole object dies of hostile files: fifty thousand nested sequences
//! overflow its stack, an element that declares 4 GB takes 4 GB. This walk is a loop with a stack
//! of bounded depth that never allocates for what it skips, and it believes no length that reaches
//! past the end of the file. What it keeps is a small, valid data set for `dicom-object` to parse.

use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};
use std::ops::Range;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use flate2::read::DeflateDecoder;

use super::encapsulated::Fragments;
use super::transfer_syntax::{EXPLICIT_VR_BIG_ENDIAN, Encoding, PixelCoding, TransferSyntax};
use super::uid::TransferSyntaxUid;
use super::unicode;

use crate::limits;

const UNDEFINED: u32 = u32::MAX;
const PREAMBLE_LEN: u64 = 128;
const META_GROUP: u16 = 0x0002;
const PIXEL_GROUP: u16 = 0x7FE0;
const ITEM_GROUP: u16 = 0xFFFE;
const ITEM: Tag = Tag(ITEM_GROUP, 0xE000);
const ITEM_END: Tag = Tag(ITEM_GROUP, 0xE00D);
const SEQUENCE_END: Tag = Tag(ITEM_GROUP, 0xE0DD);

/// Why a data set could not be walked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("could not read the file")]
    Read(#[source] io::Error),
    #[error("the file is empty")]
    Empty,
    #[error("not DICOM: {0}")]
    NotDicom(&'static str),
    #[error("an element reaches past the end of the file")]
    PastEnd,
    #[error("sequences are nested deeper than {}", limits::SEQUENCE_DEPTH_MAX)]
    TooDeep,
    #[error("a deflated data set is larger than {} bytes", limits::INFLATED_BYTES_MAX)]
    Inflated,
    #[error("pixel data is in more than {} fragments", limits::FRAGMENTS_MAX)]
    Fragments,
    #[error("the wanted elements are larger than {0} bytes")]
    TooLarge(usize),
    #[error("transfer syntax {0} is not supported")]
    TransferSyntax(String),
    #[error("could not parse the header")]
    Parse(#[source] Box<dicom_object::ReadError>),
}

/// The wanted part of a data set.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The wanted elements that were there.
    pub(crate) object: InMemDicomObject,
    pub(crate) syntax: &'static TransferSyntax,
    /// Where Pixel Data is; `None` where there is none.
    pub(crate) pixel_data: Option<PixelData>,
    /// Byte range of that whole element, its tag and its delimiters included.
    pub(crate) pixel_element: Option<Range<u64>>,
    /// Byte at which a deflated data set begins; places are then counted in what it is inflated to.
    pub(crate) deflated_from: Option<u64>,
}

/// Where the pixels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PixelData {
    /// Byte range of the value, within the file.
    Native(Range<u64>),
    /// In fragments.
    Encapsulated(Fragments),
}

impl PixelData {
    /// The value where it is `n_bytes` or more of uncompressed pixels.
    pub(crate) fn native(&self, n_bytes: u64) -> Option<Range<u64>> {
        match self {
            Self::Native(range) if range.end - range.start >= n_bytes => Some(range.clone()),
            _ => None,
        }
    }
}

/// Reads the `wanted` top-level elements of a DICOM file of `length` bytes, with or without Part 10
/// preamble and meta group (PS3.10 7.1), up to its pixel data.
pub(crate) fn scan(
    source: impl Read + Seek,
    length: u64,
    wanted: &[Tag],
) -> Result<Scanned, ScanError> {
    scan_up_to(source, length, wanted, limits::HEADER_BYTES_MAX)
}

/// As [`scan`], keeping at most `bytes_max`: for objects whose content is in their elements.
pub(crate) fn scan_up_to(
    source: impl Read + Seek,
    length: u64,
    wanted: &[Tag],
    bytes_max: usize,
) -> Result<Scanned, ScanError> {
    scan_where(source, length, |tag| wanted.contains(&tag), bytes_max)
}

/// As [`scan_up_to`], with whatever `is_wanted`: for who changes a header and knows what is not to stay.
pub(crate) fn scan_where(
    source: impl Read + Seek,
    length: u64,
    is_wanted: impl Fn(Tag) -> bool,
    bytes_max: usize,
) -> Result<Scanned, ScanError> {
    if length == 0 {
        return Err(ScanError::Empty);
    }
    let mut walker = Walker::new(BufReader::new(source), length, bytes_max);
    let syntax = walker.read_prologue()?;
    if !syntax.is_deflated {
        return walker.scan(syntax, is_wanted);
    }
    let start = walker.position;
    let inflated = inflate(walker.reader)?;
    let length = inflated.len() as u64;
    let reader = BufReader::new(Cursor::new(inflated));
    let scanned = Walker::new(reader, length, bytes_max).scan(syntax, is_wanted)?;
    Ok(Scanned { deflated_from: Some(start), ..scanned })
}

/// Reads the `wanted` top-level elements of a message's data set, which has no meta group: how it is encoded
/// was negotiated.
pub(crate) fn scan_message(
    data_set: &[u8],
    syntax: &TransferSyntaxUid,
    wanted: &[Tag],
) -> Result<InMemDicomObject, ScanError> {
    // Messages are negotiated in plain transfer syntaxes only.
    let plain = TransferSyntax::find(syntax.as_str()).filter(|it| !it.is_deflated);
    let syntax = plain.ok_or_else(|| ScanError::TransferSyntax(syntax.to_string()))?;
    let (reader, length) = (BufReader::new(Cursor::new(data_set)), data_set.len() as u64);
    let walker = Walker::new(reader, length, limits::HEADER_BYTES_MAX);
    Ok(walker.scan(syntax, |tag| wanted.contains(&tag))?.object)
}

/// What a deflated data set is inflated to, up to [`limits::INFLATED_BYTES_MAX`].
pub(crate) fn inflate(source: impl Read) -> Result<Vec<u8>, ScanError> {
    let mut inflated = Vec::new();
    let read =
        DeflateDecoder::new(source).take(limits::INFLATED_BYTES_MAX + 1).read_to_end(&mut inflated);
    read.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            ScanError::NotDicom("it is not deflated as it says")
        }
        ErrorKind::UnexpectedEof => ScanError::PastEnd,
        _ => ScanError::Read(error),
    })?;
    if inflated.len() as u64 > limits::INFLATED_BYTES_MAX {
        return Err(ScanError::Inflated);
    }
    Ok(inflated)
}

/// What `dicom-object` reads and writes elements of an encoding with.
pub(crate) fn native(
    encoding: Encoding,
) -> &'static dicom_transfer_syntax_registry::TransferSyntax {
    let registered = TransferSyntaxRegistry.get(match encoding {
        Encoding::IMPLICIT_LE => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        Encoding::EXPLICIT_BE => EXPLICIT_VR_BIG_ENDIAN,
        _ => uids::EXPLICIT_VR_LITTLE_ENDIAN,
    });
    registered.expect("the registry has native ones")
}

struct Header {
    tag: Tag,
    vr: VR,
    length: u32,
}

impl Header {
    /// Whether `dicom-object` would look for items inside.
    fn is_sequence(&self) -> bool {
        self.vr == VR::SQ || self.length == UNDEFINED
    }
}

/// A sequence or an item that is open; the end of one of undefined length is its delimiter.
struct Level {
    end: Option<u64>,
    encoding: Encoding,
}

struct Walker<R: Read + Seek> {
    reader: BufReader<R>,
    position: u64,
    length: u64,
    bytes_max: usize,
    /// Where Specific Character Set stands in the element that is walked into, and how it is encoded.
    character_sets: Vec<(u64, Encoding)>,
}

impl<R: Read + Seek> Walker<R> {
    fn new(reader: BufReader<R>, length: u64, bytes_max: usize) -> Self {
        Self { reader, position: 0, length, bytes_max, character_sets: Vec::new() }
    }

    fn scan(
        mut self,
        syntax: &'static TransferSyntax,
        is_wanted: impl Fn(Tag) -> bool,
    ) -> Result<Scanned, ScanError> {
        let mut kept = Vec::new();
        let mut pixel_data = None;
        let mut pixel_element = None;
        let mut has_character_set = false;
        while self.length - self.position >= 8 {
            let start = self.position;
            let header = self.read_header(syntax.encoding)?;
            if header.tag.group() == ITEM_GROUP {
                return Err(ScanError::NotDicom("an item stands outside a sequence"));
            }
            if header.tag == tags::PIXEL_DATA {
                let found = self.pixel_data(&header, syntax)?;
                let end = match &found {
                    PixelData::Native(range) => range.end,
                    PixelData::Encapsulated(_) => self.position,
                };
                (pixel_data, pixel_element) = (Some(found), Some(start..end));
                break;
            }
            // Floating-point pixels, signatures and padding come after it; none of them is wanted.
            if header.tag.group() > PIXEL_GROUP {
                break;
            }
            let keep = is_wanted(header.tag);
            self.note_character_set(keep, header.tag, start, syntax.encoding)?;
            self.walk_value(&header, syntax.encoding, keep)?;
            if keep {
                let from = kept.len();
                self.copy_back(start, &mut kept)?;
                if syntax.encoding == Encoding::EXPLICIT_LE {
                    name_known(&header, &mut kept, from);
                }
                has_character_set |= !self.character_sets.is_empty();
                for (place, encoding) in self.character_sets.drain(..) {
                    // Within what was copied, so it fits.
                    let at = usize::try_from(place - start).unwrap_or(usize::MAX);
                    unicode::hide_character_set(&mut kept, from.saturating_add(at), encoding);
                }
            }
        }
        let object = InMemDicomObject::read_dataset_with_ts(&kept[..], native(syntax.encoding))
            .map_err(|source| ScanError::Parse(Box::new(source)))?;
        let object = if has_character_set { unicode::decode_texts(object) } else { object };
        Ok(Scanned { object, syntax, pixel_data, pixel_element, deflated_from: None })
    }

    /// Where pixel data is, without reading it.
    fn pixel_data(
        &mut self,
        header: &Header,
        syntax: &TransferSyntax,
    ) -> Result<PixelData, ScanError> {
        let is_native = syntax.pixels == PixelCoding::Native;
        if is_native != (header.length != UNDEFINED) {
            return Err(ScanError::TransferSyntax(format!(
                "{} with {} pixel data",
                syntax.uid,
                if is_native { "encapsulated" } else { "native" }
            )));
        }
        if is_native {
            let end = self.position + u64::from(header.length);
            if end > self.length {
                return Err(ScanError::PastEnd);
            }
            return Ok(PixelData::Native(self.position..end));
        }
        let mut ranges = Vec::new();
        let mut offsets = None;
        loop {
            let item = self.read_header(syntax.encoding)?;
            let start = self.position;
            match item.tag {
                SEQUENCE_END => break,
                ITEM if item.length != UNDEFINED => self.move_to(start + u64::from(item.length))?,
                _ => return Err(ScanError::NotDicom("pixel data holds something else than items")),
            }
            if offsets.is_none() {
                offsets = Some(self.offset_table(start)?);
            } else if ranges.len() == limits::FRAGMENTS_MAX {
                return Err(ScanError::Fragments);
            } else {
                ranges.push(start..self.position);
            }
        }
        let offsets = offsets.unwrap_or_default();
        Ok(PixelData::Encapsulated(Fragments { offsets, ranges }))
    }

    /// The Basic Offset Table between `start` and here.
    fn offset_table(&mut self, start: u64) -> Result<Vec<u32>, ScanError> {
        let n_bytes = self.position - start;
        if n_bytes > 4 * limits::FRAGMENTS_MAX as u64 {
            return Err(ScanError::Fragments);
        }
        let mut bytes = Vec::new();
        self.copy_back(start, &mut bytes)?;
        let offset = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(bytes.chunks_exact(4).map(offset).collect())
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ScanError::PastEnd,
            _ => ScanError::Read(error),
        })?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn move_to(&mut self, position: u64) -> Result<(), ScanError> {
        if position > self.length {
            return Err(ScanError::PastEnd);
        }
        let by = i64::try_from(position)
            .ok()
            .zip(i64::try_from(self.position).ok())
            .map(|(to, from)| to - from)
            .ok_or(ScanError::PastEnd)?;
        self.reader.seek_relative(by).map_err(ScanError::Read)?;
        self.position = position;
        Ok(())
    }

    /// Appends what was walked over since `start`.
    fn copy_back(&mut self, start: u64, to: &mut Vec<u8>) -> Result<(), ScanError> {
        let end = self.position;
        let too_large = || ScanError::TooLarge(self.bytes_max);
        let n_bytes = usize::try_from(end - start).map_err(|_| too_large())?;
        if to.len() + n_bytes > self.bytes_max {
            return Err(too_large());
        }
        self.move_to(start)?;
        let from = to.len();
        to.resize(from + n_bytes, 0);
        self.reader.read_exact(&mut to[from..]).map_err(ScanError::Read)?;
        self.position = end;
        Ok(())
    }

    /// Preamble and meta group, or whatever stands in their place; says how the data set is encoded.
    fn read_prologue(&mut self) -> Result<&'static TransferSyntax, ScanError> {
        const NO_DICOM: ScanError = ScanError::NotDicom("it does not begin like a data set");
        let mut start = 0;
        if self.length >= PREAMBLE_LEN + 4 {
            self.move_to(PREAMBLE_LEN)?;
            if &self.read::<4>()? == b"DICM" {
                start = PREAMBLE_LEN + 4;
            }
        }
        self.move_to(start)?;
        let mut declared = None;
        while self.length - self.position >= 8 {
            let element_start = self.position;
            let bytes = self.read::<8>()?;
            self.move_to(element_start)?;
            if u16::from_le_bytes([bytes[0], bytes[1]]) != META_GROUP {
                return match declared {
                    Some(syntax) => Ok(syntax),
                    None => guess_syntax(bytes).ok_or(NO_DICOM),
                };
            }
            let header = self.read_header(Encoding::EXPLICIT_LE)?;
            let end = self.position + u64::from(header.length);
            if header.tag == tags::TRANSFER_SYNTAX_UID && header.length <= 64 {
                let mut value = Vec::new();
                let value_start = self.position;
                self.move_to(end)?;
                self.copy_back(value_start, &mut value)?;
                let uid = String::from_utf8_lossy(&value);
                let uid = uid.trim_end_matches(['\0', ' ']).to_owned();
                let syntax = TransferSyntax::find(&uid);
                declared = Some(syntax.ok_or(ScanError::TransferSyntax(uid))?);
            }
            self.move_to(end)?;
        }
        Err(NO_DICOM)
    }

    fn read_header(&mut self, encoding: Encoding) -> Result<Header, ScanError> {
        let u16_of = |bytes| encoding.u16(bytes);
        let u32_of = |bytes| encoding.u32(bytes);
        let tag = Tag(u16_of(self.read()?), u16_of(self.read()?));
        if tag.group() == ITEM_GROUP {
            return Ok(Header { tag, vr: VR::UN, length: u32_of(self.read()?) });
        }
        if !encoding.explicit {
            let vr =
                StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed());
            return Ok(Header { tag, vr, length: u32_of(self.read()?) });
        }
        let vr = VR::from_binary(self.read()?).unwrap_or(VR::UN);
        let length_field: [u8; 2] = self.read()?;
        let length = if has_long_length(vr) {
            u32_of(self.read()?)
        } else {
            u32::from(u16_of(length_field))
        };
        Ok(Header { tag, vr, length })
    }

    /// Moves behind a value. What is kept is walked into, so that its depth is known before a
    /// recursive parser sees it; what is not kept is jumped over where its length allows.
    fn walk_value(
        &mut self,
        header: &Header,
        encoding: Encoding,
        keep: bool,
    ) -> Result<(), ScanError> {
        let mut open = Vec::new();
        self.enter(header, encoding, keep, &mut open)?;
        while let Some(Level { end, encoding }) = open.last() {
            let encoding = *encoding;
            match *end {
                Some(end) if self.position == end => {
                    open.pop();
                    continue;
                }
                Some(end) if self.position > end => return Err(ScanError::PastEnd),
                _ => {}
            }
            let start = self.position;
            let inner = self.read_header(encoding)?;
            self.note_character_set(keep, inner.tag, start, encoding)?;
            match inner.tag {
                ITEM_END | SEQUENCE_END => {
                    // Some writers close defined lengths too; only an undefined one ends here.
                    if end.is_none() {
                        open.pop();
                    }
                }
                _ => self.enter(&inner, encoding, keep, &mut open)?,
            }
        }
        Ok(())
    }

    fn note_character_set(
        &mut self,
        keep: bool,
        tag: Tag,
        start: u64,
        encoding: Encoding,
    ) -> Result<(), ScanError> {
        if !keep || tag != tags::SPECIFIC_CHARACTER_SET {
            return Ok(());
        }
        if self.character_sets.len() == self.bytes_max / 8 {
            return Err(ScanError::TooLarge(self.bytes_max));
        }
        self.character_sets.push((start, encoding));
        Ok(())
    }

    fn enter(
        &mut self,
        header: &Header,
        encoding: Encoding,
        keep: bool,
        open: &mut Vec<Level>,
    ) -> Result<(), ScanError> {
        let is_item = header.tag == ITEM;
        let is_whole = header.length.is_multiple_of(value_bytes(header.vr));
        if keep && !is_whole && header.length != UNDEFINED {
            return Err(ScanError::NotDicom("a value is cut within a number"));
        }
        let end = (header.length != UNDEFINED).then(|| self.position + u64::from(header.length));
        match end {
            Some(end) if !keep || !(header.is_sequence() || is_item) => self.move_to(end),
            Some(end) if end > self.length => Err(ScanError::PastEnd),
            _ if open.len() >= limits::SEQUENCE_DEPTH_MAX => Err(ScanError::TooDeep),
            _ => {
                // A sequence sent as UN with undefined length is implicit inside (PS3.5 6.2.2).
                let unknown = header.vr == VR::UN && !is_item;
                let encoding = if unknown { Encoding::IMPLICIT_LE } else { encoding };
                open.push(Level { end, encoding });
                Ok(())
            }
        }
    }
}

/// Whether the length of such an explicit element has four bytes, after two reserved (PS3.5 7.1.2); that of
/// an unknown one has, too.
fn has_long_length(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::SQ | VR::SV | VR::UC)
        || matches!(vr, VR::UN | VR::UR | VR::UT | VR::UV)
}

/// Bytes of one value of a binary VR (PS3.5 table 6.2-1). `dicom-object` reads whole values: of a length that is no
/// multiple it leaves the rest, and takes it for the next element.
fn value_bytes(vr: VR) -> u32 {
    match vr {
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        VR::AT | VR::FL | VR::OF | VR::OL | VR::SL | VR::UL => 4,
        VR::OW | VR::SS | VR::US => 2,
        _ => 1,
    }
}

/// Gives an element that a gateway sent as UN, from byte `from` on, the value representation that the
/// dictionary knows (PS3.5 6.2.2), where that has a short length.
fn name_known(header: &Header, kept: &mut Vec<u8>, from: usize) {
    const UN_HEAD_BYTES: usize = 12;
    let known = StandardDataDictionary.by_tag(header.tag).map(|entry| entry.vr().relaxed());
    let Some(vr) = known.filter(|vr| !has_long_length(*vr) && header.vr == VR::UN) else { return };
    if let Ok(length) = u16::try_from(header.length)
        && header.length.is_multiple_of(value_bytes(vr))
    {
        let head = [&vr.to_bytes()[..], &length.to_le_bytes()].concat();
        kept.splice(from + 4..from + UN_HEAD_BYTES, head);
    }
}

/// The syntax of a data set that does not say: group 0008 first, then maybe letters for a VR.
fn guess_syntax(bytes: [u8; 8]) -> Option<&'static TransferSyntax> {
    let explicit = bytes[4..6].iter().all(u8::is_ascii_uppercase);
    TransferSyntax::find(match [bytes[0], bytes[1]] {
        [0x08, 0x00] if explicit => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        [0x08, 0x00] => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        [0x00, 0x08] if explicit => EXPLICIT_VR_BIG_ENDIAN,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "dataset_scan_tests.rs"]
mod tests;
