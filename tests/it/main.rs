//! The program as its users meet it: one binary of integration tests.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
