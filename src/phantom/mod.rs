//! Seeded synthetic head-and-neck CT with ground truth.
