//! Orders from the RIS, and which series they belong to.

pub mod matching;
