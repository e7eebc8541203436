//! Labelled cohorts: reading them, training tensors from them, and their figures.

pub mod case;
pub mod cohort;
pub mod labels;
pub mod openkbp;
pub mod outcome;
pub mod phantom_files;
pub mod tensors;
