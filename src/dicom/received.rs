//! One instance that is on disk: what the receiving side tells the rest of the house about it.

use std::path::PathBuf;

use super::uid::{
    AeTitle, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid, TransferSyntaxUid,
};

/// A SOP instance that lies complete and synced in the spool.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedInstance {
    /// SOP Instance UID (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: SopClassUid,
    /// Series Instance UID (0020,000E).
    pub series: SeriesInstanceUid,
    /// Study Instance UID (0020,000D).
    pub study: StudyInstanceUid,
    /// How the data set is encoded in the file.
    pub transfer_syntax: TransferSyntaxUid,
    /// Who sent it.
    pub calling_ae: AeTitle,
    /// The Part 10 file.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// When it was complete, milliseconds since 1970 UTC.
    pub received_unix_ms: i64,
}
