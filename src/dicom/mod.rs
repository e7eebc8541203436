//! The only place that knows DICOM tags and bytes.

pub mod received;
pub mod uid;

pub mod dimse;
pub mod header;
pub mod part10;
pub mod store_scp;
pub mod store_scu;
pub mod upper_layer;
