//! Labelled cohorts: reading them, training tensors from them, and their figures.

pub mod case;
pub mod openkbp;
pub mod tensors;
