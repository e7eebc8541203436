//! De-identification by the Basic Application Level Confidentiality Profile (PS3.15 annex E), of what we receive
//! and of the outlines made on it.
//!
//! ```text
//!  file --walk, what goes is not even read--> header --actions.tsv, then rules--> other header --+--> file
//!     `--------------------------------- pixel data, byte for byte ------------------------------'
//! ```
//!
//! UIDs are mapped by a key, so instances and outlines that are cleaned with the same key still refer to each other.
//! With [`Dates::Shifted`] dates stay, moved (option Retain Longitudinal Temporal Information with Modified Dates).
//! Devices, institutions, private attributes, curves, overlays and descriptions are not retained.
//!
//! **Pixels are not looked at.** An image that says that there is writing in it is refused, and so is one with
//! overlays hidden in its pixels. A face can be drawn from a CT of a head: that is for a person to judge.

mod data_set;
mod dates;
mod dummy;
mod file;
mod rules;
mod table;
mod uid_map;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

pub use self::dates::Dates;
use self::rules::Place;
pub use self::uid_map::UidMap;
use super::attributes::{integer, text};
use super::ct_image::{CT_SOP_CLASSES, MULTI_FRAME_CT_SOP_CLASSES};
use super::dataset_scan::{ScanError, Scanned, scan_where};
use super::part10::FileMeta;
use super::uid::{NameError, SopClassUid};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Overlay Bit Position (60xx,0102): where in a pixel an old overlay is; 0 where it is not in the pixels.
const OVERLAY_BIT_POSITION: u16 = 0x0102;
const OVERLAY_GROUPS: std::ops::RangeInclusive<u16> = 0x6000..=0x60FF;

/// How the objects of one patient are de-identified.
#[derive(Debug, Clone)]
pub struct Deidentifier {
    /// Other UIDs.
    pub uids: UidMap,
    /// What becomes of dates.
    pub dates: Dates,
    /// Patient ID and Patient's Name from now on; at most 64 characters.
    pub pseudonym: String,
}

/// An object was not de-identified; nothing of it was written, or what was written is no object.
#[derive(Debug, thiserror::Error)]
pub enum DeidentifyError {
    /// The file cannot be opened or read.
    #[error("could not read an instance")]
    Read(#[source] io::Error),
    /// The header is no DICOM, or hostile.
    #[error("could not read the header of an instance")]
    Header(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Larger than what we receive.
    #[error("an instance is larger than {} bytes", limits::INSTANCE_BYTES_MAX)]
    TooLarge,
    /// Neither a CT image nor a segmentation: nobody has looked at what else such an object may hold.
    #[error(
        "SOP class {0} is neither a CT image nor a segmentation; such objects are not de-identified"
    )]
    SopClass(String),
    /// Burned In Annotation (0028,0301) is YES.
    #[error(
        "an image has writing in its pixels (Burned In Annotation is YES), which may name the patient; \
         have the scanner send it without"
    )]
    BurnedIn,
    /// An overlay stands in bits of the pixels.
    #[error(
        "an image has an overlay in its pixels, which may name the patient; have it sent without"
    )]
    OverlayInPixels,
    /// No pixel data.
    #[error("an instance ends before its pixel data")]
    Truncated,
    /// No SOP Instance UID.
    #[error("an instance has no SOP Instance UID")]
    Uid(#[source] NameError),
    /// The de-identified header cannot be encoded.
    #[error("could not encode the header of an instance")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The new file cannot be written.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Dispose for DeidentifyError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) | Self::Write { .. } => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl From<ScanError> for DeidentifyError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Read(source) => Self::Read(source),
            ScanError::PastEnd => Self::Truncated,
            other => Self::Header(Box::new(other)),
        }
    }
}

impl Deidentifier {
    /// Writes the de-identified object of the file `from` to `to`, which must not be there yet, in the same transfer
    /// syntax. Says what it is called now.
    ///
    /// # Errors
    /// When it is no CT image or segmentation that can be read, has writing in its pixels, or the disk refuses; see
    /// [`DeidentifyError`].
    ///
    /// # Panics
    /// Never: a mapped UID and the standard's transfer syntaxes are valid UIDs.
    pub fn deidentify(&self, from: &Path, to: &Path) -> Result<FileMeta, DeidentifyError> {
        let source = File::open(from).map_err(DeidentifyError::Read)?;
        let length = source.metadata().map_err(DeidentifyError::Read)?.len();
        if length > limits::INSTANCE_BYTES_MAX {
            return Err(DeidentifyError::TooLarge);
        }
        // What kind of object it is decides what of it stays, and is not known yet.
        let stays = |tag, place| data_set::leaves_something(tag, place, self.dates);
        let is_wanted = |tag| {
            let places = [Place::TopOfImage, Place::TopOfMultiFrame];
            is_overlay_position(tag) || places.into_iter().any(|place| stays(tag, place))
        };
        let mut scanned = scan_where(&source, length, is_wanted, limits::HEADER_BYTES_MAX)?;
        let (sop_class, place) = kind(&scanned.object)?;
        check_pixels(&scanned)?;
        let header = std::mem::replace(&mut scanned.object, InMemDicomObject::new_empty());
        let mut header = data_set::cleaned(header, place, &self.uids, self.dates);
        data_set::put_method(&mut header, &self.pseudonym, self.dates);
        let instance = text(&header, tags::SOP_INSTANCE_UID).unwrap_or_default();
        let meta = FileMeta {
            sop_class,
            sop_instance: instance.parse().map_err(DeidentifyError::Uid)?,
            transfer_syntax: scanned.syntax.uid.parse().map_err(DeidentifyError::Uid)?,
            source_ae: None,
        };
        file::write(&meta, &header, &source, &scanned, to)?;
        Ok(meta)
    }
}

/// SOP class, and where its attributes stand.
fn kind(object: &InMemDicomObject) -> Result<(SopClassUid, Place), DeidentifyError> {
    let class = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
    let is_multi_frame = MULTI_FRAME_CT_SOP_CLASSES.contains(&class.as_str());
    let place = match class.as_str() {
        uids::SEGMENTATION_STORAGE => Place::TopOfMultiFrame,
        _ if is_multi_frame => Place::TopOfMultiFrame,
        it if CT_SOP_CLASSES.contains(&it) => Place::TopOfImage,
        _ => return Err(DeidentifyError::SopClass(class)),
    };
    Ok((class.parse().map_err(DeidentifyError::Uid)?, place))
}

fn is_overlay_position(tag: Tag) -> bool {
    OVERLAY_GROUPS.contains(&tag.group()) && tag.element() == OVERLAY_BIT_POSITION
}

/// Refuses pixels that may name the patient, as far as the header says so.
fn check_pixels(scanned: &Scanned) -> Result<(), DeidentifyError> {
    let object = &scanned.object;
    let burned_in = text(object, tags::BURNED_IN_ANNOTATION);
    if burned_in.is_some_and(|value| value.eq_ignore_ascii_case("YES")) {
        return Err(DeidentifyError::BurnedIn);
    }
    let mut overlays = object.tags().filter(|tag| is_overlay_position(*tag));
    if overlays.any(|tag| integer(object, tag).is_none_or(|position| position != 0)) {
        return Err(DeidentifyError::OverlayInPixels);
    }
    if scanned.pixel_element.is_none() {
        return Err(DeidentifyError::Truncated);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
