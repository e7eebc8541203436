//! One job at a time: load the volume, screen, commit the result.

pub mod series;
