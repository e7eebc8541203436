//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cohort;
mod intake;
mod segmentation;
