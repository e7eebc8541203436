//! From instances to a volume: spool, series, eligibility, assembly.

pub mod completeness;
pub mod ct_volume;
pub mod eligibility;
mod folder_sync;
pub mod scan;
pub mod series;
pub mod spacing;
pub mod spool;
