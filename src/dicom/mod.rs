//! The only place that knows DICOM tags and bytes.

pub mod uid;
