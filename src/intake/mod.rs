//! From instances to a volume: spool, series, eligibility, assembly, pixels decoded ahead.

pub mod completeness;
pub mod ct_volume;
pub mod decode_ahead;
pub mod eligibility;
pub mod scan;
pub mod series;
#[cfg(test)]
mod series_tests;
pub mod spacing;
pub mod spool;
