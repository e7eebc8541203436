//! The only place that knows DICOM tags and bytes.

pub mod attributes;
pub mod codec;
mod codes;
pub mod commitment;
pub mod ct_image;
pub mod ct_pixels;
pub mod ct_series_writer;
mod dataset_scan;
pub mod dimse;
mod encapsulated;
pub mod header;
mod listener;
pub mod outline_object;
pub mod part10;
pub mod received;
pub mod result_segmentation;
pub mod segmentation;
pub mod segmentation_reader;
pub mod store_scp;
pub mod store_scu;
pub mod stow;
pub mod structure_set_reader;
pub mod transfer_syntax;
pub mod uid;
pub mod upper_layer;
