//! From instances to a volume: spool, series, eligibility, assembly.

mod folder_sync;
pub mod series;
pub mod spool;
