//! Labelled cohorts: reading them, and their figures.
