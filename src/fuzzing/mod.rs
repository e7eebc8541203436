//! What the fuzz targets of `tests/fuzz` call: bytes of a stranger in, nothing out, no panic.
//!
//! Compiled for them alone. Whatever is found here could be sent by anyone who reaches a port.

mod association;

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

pub use self::association::association;
use crate::dicom::commitment::CommitmentRequest;
use crate::dicom::ct_image::read_images;
use crate::dicom::ct_pixels::decode_pixels;
use crate::dicom::dimse::Command;
use crate::dicom::header::InstanceIdentity;
use crate::dicom::mpps::StepChange;
use crate::dicom::part10::FileMeta;
use crate::dicom::transfer_syntax::TRANSFER_SYNTAXES;
use crate::dicom::worklist::ScheduledProcedureStep;
use crate::units::Hounsfield;

/// Pixels that are decoded of one image: the codecs' own fuzzers do more.
const PIXELS_MAX: usize = 256 * 256;
/// Images of a multi-frame instance whose pixels are decoded.
const IMAGES_MAX: usize = 4;

/// A command set, and what services read of their data sets.
pub fn dimse(bytes: &[u8]) {
    let _ = Command::parse(bytes);
    let _ = ScheduledProcedureStep::parse(bytes);
    for syntax in TRANSFER_SYNTAXES.iter().filter_map(|syntax| syntax.uid.parse().ok()) {
        let _ = CommitmentRequest::parse(bytes, &syntax);
        let _ = StepChange::of_create(bytes, &syntax);
        let _ = StepChange::of_set(bytes, &syntax);
    }
}

/// A CT image: the identity that reception reads, the header that screening reads, and its pixels.
pub fn ct_header(bytes: &[u8]) {
    for syntax in TRANSFER_SYNTAXES.iter().filter_map(|syntax| syntax.uid.parse().ok()) {
        let _ = InstanceIdentity::read(Cursor::new(bytes), &syntax);
    }
    if FileMeta::read(Cursor::new(bytes)).is_err() {
        return;
    }
    let path = memory_folder().join("image.dcm");
    fs::write(&path, bytes).expect("the folder in memory has room");
    for image in read_images(&path).unwrap_or_default().iter().take(IMAGES_MAX) {
        let n_pixels = image.instance.rows * image.instance.columns;
        if n_pixels <= PIXELS_MAX {
            let _ = decode_pixels(image, &mut vec![Hounsfield::default(); n_pixels]);
        }
    }
}

/// A folder of this process on a file system that is memory: a disk would be the measure of how many inputs
/// are tried.
fn memory_folder() -> PathBuf {
    let folder = PathBuf::from(format!("/dev/shm/parotidd-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("/dev/shm can be written to");
    folder
}
