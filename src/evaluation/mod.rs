//! Labelled cohorts: reading them, and their figures.

pub mod cohort;
