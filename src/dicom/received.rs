//! What is known of an instance once it lies in the spool.

use std::path::PathBuf;

use crate::dicom::series_hints::SeriesHints;
use crate::dicom::uid::{
    AeTitle, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid, TransferSyntaxUid,
};

/// One received instance: on disk and synced. Holds no patient data.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedInstance {
    /// SOP Instance UID (0008,0018), the same in command and data set.
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID (0008,0016), the same in command and data set.
    pub sop_class: SopClassUid,
    /// Series Instance UID (0020,000E).
    pub series: SeriesInstanceUid,
    /// Study Instance UID (0020,000D).
    pub study: StudyInstanceUid,
    /// How the data set is encoded.
    pub transfer_syntax: TransferSyntaxUid,
    /// Who sent it.
    pub calling_ae: AeTitle,
    /// The Part 10 file, relative to the spool's folder.
    pub path: PathBuf,
    /// Size of that file.
    pub bytes: u64,
    /// When it was complete, milliseconds since 1970 UTC.
    pub received_unix_ms: i64,
    /// What it says about its series. Not kept in the database.
    pub hints: SeriesHints,
}
