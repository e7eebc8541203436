//! The images of a series for a browser: what it has to know first, and slices as they are asked for.
//!
//! ```text
//!  spool --headers--> VolumePlan --+
//!  results/<uid>/seg.dcm --masks---+--> OpenSeries, the last few kept --> volume (JSON: grid, outlines, findings)
//!                                                `--decode one image--> slice (16 bits, packed)
//! ```
//! No volume is held in memory: a slice is decoded when it is asked for, and the browser keeps what it has seen.

mod directions;
mod open_series;
mod packing;
mod shelf;
mod volume_view;

pub(super) use self::packing::pack;
pub(super) use self::shelf::Shelf;
pub(super) use self::volume_view::VolumeView;
