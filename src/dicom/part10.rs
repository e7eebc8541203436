//! The front of a DICOM file (PS3.10 section 7): preamble, prefix and File Meta Information.
//!
//! The data set behind it stays as it came over the wire, byte for byte, so the front is all that
//! we write and all that we need to read.

use std::io::{self, Read, Seek};

use crate::dicom::header::{self, ElementWalk, HeaderError, Tag};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::uid::{AeTitle, SopClassUid, SopInstanceUid, TransferSyntaxUid};
use crate::error::{Dispose, Disposition};

/// Implementation Class UID (PS3.7 D.3.3.2) of this program, derived from its name once.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.70385091986645388922824613395717874557";
/// Implementation Version Name (PS3.7 D.3.3.2), at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str = concat!("PAROTIDD_", env!("CARGO_PKG_VERSION"));

const _: () = assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16);

/// Bytes of the preamble (PS3.10 7.1), which is left to the implementation.
pub const PREAMBLE_BYTES: usize = 128;
const PREFIX: &[u8; 4] = b"DICM";
const META_GROUP: u16 = 0x0002;
const MEDIA_STORAGE_SOP_CLASS: Tag = (META_GROUP, 0x0002);
const MEDIA_STORAGE_SOP_INSTANCE: Tag = (META_GROUP, 0x0003);
const TRANSFER_SYNTAX: Tag = (META_GROUP, 0x0010);
const SOURCE_AE_TITLE: Tag = (META_GROUP, 0x0016);
const META_TEXT_BYTES_MAX: u32 = 80;

/// Why a file's front could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Part10Error {
    /// The file could not be read.
    #[error("could not read the file's front")]
    Read(#[source] io::Error),
    /// No `DICM` where it should be.
    #[error("not a DICOM Part 10 file")]
    NotPart10,
    /// The File Meta Information is broken.
    #[error("the file meta information is broken")]
    Meta(#[source] HeaderError),
}

impl Dispose for Part10Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) | Self::Meta(HeaderError::Read(_)) => Disposition::Retry,
            Self::NotPart10 | Self::Meta(_) => Disposition::Reject,
        }
    }
}

/// What the File Meta Information says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: SopClassUid,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: SopInstanceUid,
    /// Transfer Syntax UID (0002,0010) of the data set behind it.
    pub transfer_syntax: TransferSyntaxUid,
    /// Source Application Entity Title (0002,0016): who sent it, where known.
    pub source_ae: Option<AeTitle>,
}

impl FileMeta {
    /// Preamble, prefix and File Meta Information; the data set goes right behind.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut group = Vec::with_capacity(256);
        let ob_version = [2, 0, 1, 0, b'O', b'B', 0, 0, 2, 0, 0, 0, 0, 1];
        group.extend_from_slice(&ob_version);
        push(&mut group, 0x0002, b"UI", self.sop_class.as_str());
        push(&mut group, 0x0003, b"UI", self.sop_instance.as_str());
        push(&mut group, 0x0010, b"UI", self.transfer_syntax.as_str());
        push(&mut group, 0x0012, b"UI", IMPLEMENTATION_CLASS_UID);
        push(&mut group, 0x0013, b"SH", IMPLEMENTATION_VERSION_NAME);
        if let Some(source_ae) = &self.source_ae {
            push(&mut group, 0x0016, b"AE", source_ae.as_str());
        }
        let length = u32::try_from(group.len()).expect("seven short elements");
        let mut bytes = vec![0; PREAMBLE_BYTES];
        bytes.extend_from_slice(PREFIX);
        bytes.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&group);
        bytes
    }

    /// Reads it from a file's start; also says at which byte the data set begins.
    pub fn read(mut source: impl Read + Seek) -> Result<(Self, u64), Part10Error> {
        let mut front = [0; PREAMBLE_BYTES + PREFIX.len()];
        source.read_exact(&mut front).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Part10Error::NotPart10,
            _ => Part10Error::Read(error),
        })?;
        if !front.ends_with(PREFIX) {
            return Err(Part10Error::NotPart10);
        }
        read_group(source).map_err(Part10Error::Meta)
    }
}

/// Reads elements up to the first of another group. The group length (0002,0000) is not believed.
fn read_group(source: impl Read + Seek) -> Result<(FileMeta, u64), HeaderError> {
    const WANTED: [Tag; 4] =
        [MEDIA_STORAGE_SOP_CLASS, MEDIA_STORAGE_SOP_INSTANCE, TRANSFER_SYNTAX, SOURCE_AE_TITLE];
    let mut walk = ElementWalk::new(source, Encoding::EXPLICIT_LE)?;
    let mut found: [Option<String>; 4] = Default::default();
    let mut data_set_start = walk.position();
    while let Some(tag) = walk.next_tag()? {
        if tag.0 != META_GROUP {
            break;
        }
        let head = walk.head(tag, Encoding::EXPLICIT_LE)?;
        match WANTED.iter().position(|wanted| *wanted == tag) {
            Some(index) => found[index] = Some(walk.text(head, META_TEXT_BYTES_MAX)?),
            None => walk.skip(head)?,
        }
        data_set_start = walk.position();
    }
    let [sop_class, sop_instance, transfer_syntax, source_ae] = found;
    let meta = FileMeta {
        sop_class: header::uid(sop_class, MEDIA_STORAGE_SOP_CLASS)?,
        sop_instance: header::uid(sop_instance, MEDIA_STORAGE_SOP_INSTANCE)?,
        transfer_syntax: header::uid(transfer_syntax, TRANSFER_SYNTAX)?,
        source_ae: source_ae.and_then(|title| title.parse().ok()),
    };
    Ok((meta, data_set_start))
}

fn push(group: &mut Vec<u8>, element: u16, vr: &[u8; 2], text: &str) {
    let padded = text.len() + text.len() % 2;
    group.extend_from_slice(&META_GROUP.to_le_bytes());
    group.extend_from_slice(&element.to_le_bytes());
    group.extend_from_slice(vr);
    group.extend_from_slice(&u16::try_from(padded).expect("texts are short").to_le_bytes());
    group.extend_from_slice(text.as_bytes());
    // UIDs are padded with NUL, all other text with a space (PS3.5 6.2).
    let padding = if vr == b"UI" { 0 } else { b' ' };
    group.resize(group.len() + padded - text.len(), padding);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn meta() -> FileMeta {
        FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            sop_instance: "1.2.3".parse().unwrap(),
            transfer_syntax: "1.2.840.10008.1.2".parse().unwrap(),
            source_ae: Some("CT1".parse().unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_back_here_and_by_dicom_object() {
        let mut bytes = meta().encode();
        let start = bytes.len() as u64;
        // An implicit data set whose first length would be no VR.
        bytes.extend([8, 0, 0x18, 0, 6, 0, 0, 0]);
        bytes.extend(b"1.2.3\0");
        assert_eq!(FileMeta::read(Cursor::new(&bytes)).unwrap(), (meta(), start));

        let object = dicom_object::from_reader(Cursor::new(&bytes)).unwrap();
        assert_eq!(object.meta().transfer_syntax(), "1.2.840.10008.1.2");
        assert_eq!(object.meta().media_storage_sop_instance_uid(), "1.2.3");
        assert_eq!(object.meta().source_application_entity_title.as_deref(), Some("CT1 "));
    }

    #[test]
    fn other_files_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = FileMeta::read(Cursor::new(bytes)).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        };
        check(b"", "NotPart10");
        check(&[0; 200], "NotPart10");
        let bytes = meta().encode();
        check(&bytes[..132], "Meta(Missing");
        check(&bytes[..150], "Meta(Truncated");
    }
}
