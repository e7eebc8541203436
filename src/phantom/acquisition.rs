//! How a phantom is scanned: two sites that differ, two protocols, and what goes into the headers.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "slice counts and matrix sides are small positive numbers"
)]

use rand::Rng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use super::frame::Frame;
use crate::imaging::{Geometry, PatientPoint};

/// One of two imaging centres; they differ in kernel, noise, pixel and slice spacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// Soft kernel, little noise, 1.25 to 3 mm slices.
    A,
    /// Sharper kernel, more noise, 0.6 to 5 mm slices.
    B,
}

impl Site {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// `A` or `B`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// What the scan was made for, which decides how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// From the orbits to the shoulders: both glands inside.
    Neck,
    /// From the vertex to below the mastoid tip: the glands may be cut.
    Head,
}

impl Protocol {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Neck, Self::Head];

    /// `neck` or `head`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neck => "neck",
            Self::Head => "head",
        }
    }
}

/// How one phantom was scanned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acquisition {
    /// Where.
    pub site: Site,
    /// Institution Name (0008,0080).
    pub institution_name: String,
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model_name: String,
    /// Convolution Kernel (0018,1210).
    pub kernel_name: String,
    /// KVP (0018,0060).
    pub kvp: f64,
    /// X-Ray Tube Current (0018,1151), mA.
    pub tube_current_ma: f64,
    /// Whether contrast medium was given.
    pub contrast: bool,
    /// Distance between slices.
    pub slice_spacing_mm: f64,
    /// Extent of a slice; may differ from the spacing.
    pub slice_thickness_mm: f64,
    /// Distance between pixels, the same along rows and columns.
    pub pixel_spacing_mm: f64,
    /// Rows and columns.
    pub matrix: usize,
    /// Number of slices.
    pub n_slices: usize,
    /// Patient height (LPS z) of the lowest slice's centre, mm.
    pub bottom_z_mm: f64,
    /// Standard deviation of the noise in the middle of the head, HU.
    pub noise_hu: f64,
    /// Reach of the noise's correlation in plane: the mark of the kernel.
    pub noise_mm: f64,
    /// Blur in plane.
    pub blur_mm: f64,
}

/// What to scan differently from the site's own choice; `None` keeps that.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// Rows and columns over the same field of view.
    pub matrix: Option<usize>,
    /// Distance between slices; the thickness follows.
    pub slice_spacing_mm: Option<f64>,
    /// At most so many slices, around the parotids.
    pub n_slices_max: Option<usize>,
}

/// Thickest overlapping slice that a site makes.
const THICKNESS_MM_MAX: f64 = 6.0;
/// Height of the parotids' middle in the head's frame.
const PAROTID_Z: f64 = -34.0;

impl Acquisition {
    pub(super) fn sample(
        rng: &mut impl Rng,
        site: Site,
        protocol: Protocol,
        frame: &Frame,
        overrides: Overrides,
    ) -> Self {
        let spacings: &[f64] = match site {
            Site::A => &[1.25, 1.25, 2.0, 2.5, 2.5, 3.0],
            Site::B => &[0.6, 0.75, 1.0, 1.0, 1.5, 3.0, 5.0],
        };
        let slice_spacing_mm = *spacings.choose(rng).expect("the lists above are not empty");
        let overlap = if rng.random_bool(0.15) { 1.25 } else { 1.0 };
        let slice_spacing_mm = overrides.slice_spacing_mm.unwrap_or(slice_spacing_mm);
        let slice_thickness_mm =
            (slice_spacing_mm * overlap).min(THICKNESS_MM_MAX.max(slice_spacing_mm));
        let field_mm: f64 = match site {
            Site::A => rng.random_range(240.0..262.0),
            Site::B => rng.random_range(232.0..275.0),
        };
        let matrix = overrides.matrix.unwrap_or(512).max(8);
        let (top, bottom) = match protocol {
            Protocol::Neck => (rng.random_range(18.0..40.0), rng.random_range(-212.0..-180.0)),
            Protocol::Head => (rng.random_range(134.0..142.0), rng.random_range(-95.0..-42.0)),
        };
        let range_z = [bottom, top].map(|z| frame.patient_z(z));
        let stack = Stack::new(range_z, frame.patient_z(PAROTID_Z), slice_spacing_mm, overrides);
        Self::of_site(rng, site, stack, slice_thickness_mm, field_mm / matrix as f64, matrix)
    }

    /// For what holds no parotid gland: any spacing, a field of view in the given range of mm, slices
    /// between two patient heights, around their middle where there are fewer.
    pub(super) fn sample_elsewhere(
        rng: &mut impl Rng,
        site: Site,
        range_z: [f64; 2],
        fields_mm: [f64; 2],
        overrides: Overrides,
    ) -> Self {
        const SPACINGS_MM: [f64; 10] = [1.0, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.0, 4.0, 5.0];
        let spacing = *SPACINGS_MM.choose(rng).expect("the list above is not empty");
        let overlap = if rng.random_bool(0.25) { 1.25 } else { 1.0 };
        let field_mm = rng.random_range(fields_mm[0]..=fields_mm[1]);
        let spacing = overrides.slice_spacing_mm.unwrap_or(spacing);
        let matrix = overrides.matrix.unwrap_or(512).max(8);
        let middle_z = 0.5 * (range_z[0] + range_z[1]);
        let stack = Stack::new(range_z, middle_z, spacing, overrides);
        let thickness = (spacing * overlap).min(THICKNESS_MM_MAX.max(spacing));
        Self::of_site(rng, site, stack, thickness, field_mm / matrix as f64, matrix)
    }

    fn of_site(
        rng: &mut impl Rng,
        site: Site,
        stack: Stack,
        slice_thickness_mm: f64,
        pixel_spacing_mm: f64,
        matrix: usize,
    ) -> Self {
        let sharp = site == Site::B;
        let dose: f64 = rng.random_range(0.8..1.3);
        let noise_hu: f64 =
            dose * if sharp { 11.0 } else { 6.5 } * (2.5 / slice_thickness_mm).powf(0.35);
        let text = |a: &str, b: &str| String::from(if sharp { b } else { a });
        Self {
            site,
            institution_name: text("Phantom Site A", "Phantom Site B"),
            manufacturer: text("Phantom Works", "Synthetic Imaging"),
            model_name: text("PW-64", "SI-128"),
            kernel_name: text("STANDARD", "H45s"),
            kvp: if rng.random_bool(0.8) { 120.0 } else { 100.0 },
            tube_current_ma: (220.0 / dose).round(),
            contrast: false,
            slice_spacing_mm: stack.spacing_mm,
            slice_thickness_mm,
            pixel_spacing_mm,
            matrix,
            n_slices: stack.n,
            bottom_z_mm: stack.bottom_z_mm,
            noise_hu: noise_hu.min(22.0),
            noise_mm: if sharp { 0.38 } else { 0.75 },
            blur_mm: if sharp { 0.55 } else { 1.0 },
        }
    }

    /// The voxel grid: head first, supine, slices to superior, centred on the head.
    pub(super) fn grid(&self, center_x: f64, center_y: f64) -> Geometry {
        let half = 0.5 * (self.matrix as f64 - 1.0) * self.pixel_spacing_mm;
        let origin = PatientPoint::new(center_x - half, center_y - half, self.bottom_z_mm);
        let spacing = [self.slice_spacing_mm, self.pixel_spacing_mm, self.pixel_spacing_mm];
        let shape = [self.n_slices, self.matrix, self.matrix];
        Geometry::axis_aligned(origin, spacing, shape).expect("spacings and counts are positive")
    }
}

/// Slices one over the other.
#[derive(Debug, Clone, Copy)]
struct Stack {
    spacing_mm: f64,
    n: usize,
    bottom_z_mm: f64,
}

impl Stack {
    /// As many slices as fit between two patient heights; where only fewer are wanted, around
    /// `middle_z`.
    fn new([bottom, top]: [f64; 2], middle_z: f64, spacing_mm: f64, overrides: Overrides) -> Self {
        let whole = ((top - bottom) / spacing_mm).floor().max(1.0) as usize;
        let n = whole.min(overrides.n_slices_max.unwrap_or(usize::MAX)).max(1);
        let lowest = middle_z - 0.5 * n as f64 * spacing_mm;
        let highest_start = bottom + (whole - n) as f64 * spacing_mm;
        let bottom_z_mm = if n == whole { bottom } else { lowest.clamp(bottom, highest_start) };
        Self { spacing_mm, n, bottom_z_mm }
    }
}
