//! The medical answer: gland regions, candidates, measures, decision, report.

pub mod report;

pub use report::{Decision, ScreeningReport};
