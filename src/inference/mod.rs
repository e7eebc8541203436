//! The two networks behind two functions.

pub mod input;
