//! The only place that knows DICOM tags and bytes.

pub mod attributes;
mod codes;
pub mod ct_image;
pub mod ct_pixels;
pub mod ct_series_writer;
mod dataset_scan;
pub mod segmentation;
pub mod segmentation_reader;
pub mod uid;
