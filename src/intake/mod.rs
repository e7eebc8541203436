//! From instances to a volume: spool, series, eligibility, assembly.

pub mod ct_volume;
pub mod eligibility;
pub mod scan;
pub mod series;
pub mod spacing;
pub mod spool;
