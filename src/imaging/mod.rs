//! Volumes in patient space: geometry, resampling, crops, masks, connected components. Pure.
//!
//! Axes everywhere: index order is `[slice, row, column]` (column fastest in memory); patient
//! coordinates are LPS in millimetres (x grows to the patient's left, y to posterior, z to superior;
//! DICOM PS3.3 C.7.6.2.1.1). A [`Geometry`] joins the two by an affine that may shear (gantry tilt)
//! or mirror (the left gland's crop).

pub mod components;
pub mod contours;
pub mod crop;
pub mod geometry;
pub mod mask;
pub mod midline;
pub mod polygon;
pub mod resample;
mod separable;
pub mod volume;

pub use components::{Component, connected_components};
pub use crop::{gland_crop_grid, resample_body};
pub use geometry::{BoundingBox, Geometry, PatientPoint};
pub use mask::Mask;
pub use midline::midline_x;
pub use resample::resample;
pub use volume::{Sample, Volume};
