//! Labelled cohorts: reading them, training tensors from them, and their figures.

pub mod case;
pub mod cohort;
pub mod figures;
pub mod fine;
pub mod labels;
pub mod openkbp;
pub mod outcome;
pub mod phantom_files;
pub mod plots;
pub mod rejudge;
pub mod report;
pub mod screened;
pub mod sharpen;
pub mod sources;
pub mod statistics;
pub mod tensors;
pub mod whole_volume;
mod wording;
