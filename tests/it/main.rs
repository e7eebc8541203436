//! The program from outside: one binary for all integration tests.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod display;
mod units;
