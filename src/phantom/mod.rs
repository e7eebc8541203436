//! Seeded synthetic head-and-neck CT with ground truth.

pub mod noise;
pub mod tumor;

pub use tumor::{TumorPlace, TumorSpec, draw_tumor};
