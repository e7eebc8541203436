//! Every bound of the program, with its reason. Nothing waits or grows without one of these.

use std::time::Duration;

/// Largest image side accepted, in voxels. CT is 512 or 1024; reformats reach 2048.
pub const IMAGE_SIDE_MAX: usize = 2048;
/// Most instances in one series.
pub const SERIES_INSTANCES_MAX: usize = 4096;
/// Fewest slices that can be a volume.
pub const SERIES_SLICES_MIN: usize = 8;
/// Most voxels of one source volume: 1.2 GiB in 16 bit, what the 8 GB board can hold beside the rest.
pub const VOLUME_VOXELS_MAX: usize = 640 * 1024 * 1024;
/// Most voxels of the localizer's grid; a larger field of view is refused.
pub const LOCALIZER_VOXELS_MAX: usize = 4 * 1024 * 1024;

/// Largest instance accepted over DICOM, in bytes (a large enhanced CT).
pub const INSTANCE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest DIMSE command set, in bytes. Real ones are below 1 KiB.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Largest PDU accepted, in bytes.
pub const PDU_BYTES_MAX: u32 = 256 * 1024;
/// Most associations at once, whatever the configuration says.
pub const ASSOCIATIONS_MAX: usize = 64;
/// Time from the TCP connection to a complete A-ASSOCIATE-RQ (the ARTIM timer of PS3.8 9.1.5).
pub const ARTIM: Duration = Duration::from_secs(30);

/// Messages waiting for the database thread.
pub const DB_QUEUE_MAX: usize = 1024;
/// Time a statement waits for SQLite's lock.
pub const DB_BUSY: Duration = Duration::from_secs(10);
/// Arrivals waiting for the series assembler.
pub const ARRIVALS_QUEUE_MAX: usize = 4096;

/// Attempts at one job before its series is not assessable.
pub const JOB_ATTEMPTS_MAX: u32 = 2;
/// Shortest wait before a delivery is tried again.
pub const RETRY_WAIT_MIN: Duration = Duration::from_secs(1);
/// Longest wait before a delivery is tried again.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Time for one delivery attempt.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a destination's answer that are kept as the receipt.
pub const RECEIPT_BYTES_MAX: usize = 4096;

/// Time the daemon takes to finish what it is doing after SIGTERM.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Candidates reported a gland, largest first.
pub const CANDIDATES_MAX: usize = 16;

/// Deepest nesting of sequences in a header. An enhanced CT needs 4; a parser recurses on each.
pub const SEQUENCE_DEPTH_MAX: usize = 32;
/// Most bytes of the header elements that are kept: an enhanced CT of 4096 frames needs 8 MiB.
pub const HEADER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest folder below a path that is searched for instances.
pub const SCAN_DEPTH_MAX: usize = 16;
/// Most files looked at in one search for instances.
pub const SCAN_FILES_MAX: usize = 200_000;
/// Most segments read from one segmentation; each is a mask of the whole grid.
pub const SEGMENTS_MAX: usize = 16;

const _: () = assert!(RETRY_WAIT_MIN.as_secs() < RETRY_WAIT_MAX.as_secs());
const _: () = assert!(VOLUME_VOXELS_MAX <= i32::MAX as usize);
