//! The only place that knows DICOM tags and bytes.

pub mod received;
pub mod uid;
