//! The medical answer: gland regions, candidates, measures, decision, report.

pub mod decision;
pub mod features;
pub mod gland;
pub mod measure;
pub mod report;
pub mod screener;
pub mod stopwatch;
pub mod svm;

pub use decision::DecisionPolicy;
pub use measure::Outline;
pub use report::{Decision, ScreeningReport};
pub use screener::{Screened, Screener};
