//! From the images of one series to one volume, or the reason why not.
//!
//! ```text
//!  images -> slices, set aside: localizer, no position
//!         -> groups of one orientation, size, spacing, frame of reference; the largest stays
//!         -> sorted along the slice normal (never by Instance Number)
//!         -> one image a position: doubles and older acquisitions are set aside
//!         -> evenly spaced on a straight line -> geometry (sheared where the gantry was tilted)
//!         -> fit to be screened -> VolumePlan -> load -> Volume<Hounsfield>
//! ```
//!
//! One Series Instance UID is no promise of one volume. Nothing here guesses: what is ambiguous is
//! refused, and what is left out is listed.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::decode_ahead::DecodeAhead;
use super::eligibility;
use super::spacing::{Line, check_gaps, fit_line, is_same_direction, is_same_position};
use crate::dicom::ct_image::{CtImage, CtImageError, ImagePlane};
use crate::dicom::ct_pixels::decode_pixels;
use crate::dicom::uid::SopInstanceUid;
use crate::error::{Dispose, Disposition};
use crate::imaging::geometry::{cross, dot};
use crate::imaging::{Geometry, Volume};
use crate::limits;
use crate::reason::Reason;
use crate::units::Hounsfield;

/// Largest relative difference of pixel spacings that count as one: their rounding.
const SAME_SPACING_PART: f64 = 1e-3;
/// A second group with at least this part of the largest one's images makes the choice a guess.
const RIVAL_PART: f64 = 0.5;
/// Most images of one place that are compared pixel by pixel; more are a film of it.
const COMPARED_MAX: usize = 8;

/// Why an image of the series is not in its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetAside {
    /// A planning radiograph.
    Localizer,
    /// It does not say where it is.
    NoPosition,
    /// Turned another way than the volume's slices.
    OtherOrientation,
    /// Other rows, columns or pixel spacing.
    OtherSize,
    /// Its positions are in another coordinate system.
    OtherFrameOfReference,
    /// The same image again.
    Double,
    /// Its place was scanned again later.
    OlderAcquisition,
}

/// An image that is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The image.
    pub image: CtImage,
    /// Why.
    pub why: SetAside,
}

/// A volume that can be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumePlan {
    /// One image a slice, in the order of the geometry's slices. Never empty.
    pub slices: Vec<CtImage>,
    /// Where the volume is.
    pub geometry: Geometry,
    /// What is not in it.
    pub left_out: Vec<LeftOut>,
}

/// Why a series is no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the series is not assessable ({reason}; {n_images} images)")]
pub struct Refusal {
    /// The stable code.
    pub reason: Reason,
    /// How many images there were.
    pub n_images: usize,
}

impl Dispose for Refusal {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// Finds the volume in the images of one series, whatever their order.
///
/// `same_pixels` says whether two images of one place show the same; it is asked only when there
/// are such.
///
/// # Errors
/// The [`Refusal`] names the first thing that is wrong with it.
pub fn assemble(
    images: Vec<CtImage>,
    same_pixels: impl Fn(&CtImage, &CtImage) -> bool,
) -> Result<VolumePlan, Refusal> {
    let n_images = images.len();
    find_volume(images, same_pixels).map_err(|reason| Refusal { reason, n_images })
}

/// Decodes the slices, in parallel, each straight into its place. Those that were decoded `ahead` are taken from
/// there.
///
/// # Errors
/// The first image that can't be decoded.
pub fn load(
    plan: &VolumePlan,
    ahead: Option<&DecodeAhead>,
) -> Result<Volume<Hounsfield>, CtImageError> {
    let mut volume = Volume::filled(plan.geometry, Hounsfield::AIR);
    let [_, n_rows, n_columns] = plan.geometry.shape();
    let n_ready = AtomicUsize::new(0);
    volume.voxels_mut().par_chunks_mut(n_rows * n_columns).zip(&plan.slices).try_for_each(
        |(slice, image)| match ahead {
            Some(ahead) if ahead.take(image, slice) => {
                n_ready.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            _ => decode_pixels(image, slice),
        },
    )?;
    tracing::debug!(n = n_ready.into_inner(), "slices were decoded ahead");
    Ok(volume)
}

fn find_volume(
    mut images: Vec<CtImage>,
    same_pixels: impl Fn(&CtImage, &CtImage) -> bool,
) -> Result<VolumePlan, Reason> {
    if images.len() > limits::SERIES_INSTANCES_MAX {
        return Err(Reason::TooLarge);
    }
    // Whatever order they came in, the answer is the same.
    fn key(image: &CtImage) -> (&SopInstanceUid, usize, &Path) {
        (&image.instance.sop_instance_uid, image.frame, &image.instance.path)
    }
    images.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut left_out = Vec::new();
    let slices = take_slices(images, &mut left_out)?;
    let slices = take_main_group(slices, &mut left_out)?;
    if !eligibility::is_axial(&slices[0].normal()) {
        return Err(Reason::NotAxial);
    }
    let slices = take_one_a_place(slices, same_pixels, &mut left_out)?;
    let places: Vec<f64> = slices.iter().map(|slice| slice.place_mm).collect();
    check_gaps(&places)?;
    let positions: Vec<[f64; 3]> = slices.iter().map(|slice| slice.plane.position).collect();
    let geometry = grid(&slices[0], fit_line(&positions)?, slices.len())?;
    match eligibility::refusal(&geometry, slices[0].plane.slice_thickness_mm) {
        Some(reason) => Err(reason),
        None => {
            let slices = slices.into_iter().map(|slice| slice.image).collect();
            Ok(VolumePlan { slices, geometry, left_out })
        }
    }
}

fn grid(first: &Slice, line: Line, n_slices: usize) -> Result<Geometry, Reason> {
    let ImagePlane { row_direction, column_direction, pixel_spacing_mm, .. } = first.plane;
    let [row_mm, column_mm] = pixel_spacing_mm;
    // Going down a column changes the row, and the other way round.
    let steps =
        [line.step, column_direction.map(|c| c * row_mm), row_direction.map(|c| c * column_mm)];
    let shape = [n_slices, first.image.instance.rows, first.image.instance.columns];
    Geometry::new(line.origin.into(), steps, shape).ok_or(Reason::BadAttribute)
}

/// An image that has a place.
struct Slice {
    image: CtImage,
    plane: ImagePlane,
    /// Along the normal of the group's first slice; 0 until the group is known.
    place_mm: f64,
}

impl Slice {
    fn normal(&self) -> [f64; 3] {
        cross(&self.plane.row_direction, &self.plane.column_direction)
    }

    /// In what the two differ so much that they can't be of one volume.
    fn difference(&self, other: &Self) -> Option<SetAside> {
        let [a, b] = [&self.image.instance, &other.image.instance];
        let same_spacing = (0..2).all(|axis| {
            let [p, q] = [self, other].map(|slice| slice.plane.pixel_spacing_mm[axis]);
            (p - q).abs() <= SAME_SPACING_PART * p
        });
        if !is_same_direction(&self.plane.row_direction, &other.plane.row_direction)
            || !is_same_direction(&self.plane.column_direction, &other.plane.column_direction)
        {
            Some(SetAside::OtherOrientation)
        } else if [a.rows, a.columns] != [b.rows, b.columns] || !same_spacing {
            Some(SetAside::OtherSize)
        } else if a.frame_of_reference_uid != b.frame_of_reference_uid {
            Some(SetAside::OtherFrameOfReference)
        } else {
            None
        }
    }
}

fn take_slices(images: Vec<CtImage>, left_out: &mut Vec<LeftOut>) -> Result<Vec<Slice>, Reason> {
    let mut slices = Vec::with_capacity(images.len());
    let mut unplaced = false;
    for image in images {
        match image.plane {
            _ if image.is_localizer() => left_out.push(LeftOut { image, why: SetAside::Localizer }),
            Some(plane) => slices.push(Slice { image, plane, place_mm: 0.0 }),
            None => {
                unplaced = true;
                left_out.push(LeftOut { image, why: SetAside::NoPosition });
            }
        }
    }
    match (slices.is_empty(), unplaced) {
        (false, _) => Ok(slices),
        (true, true) => Err(Reason::BadAttribute),
        (true, false) => Err(Reason::NoImages),
    }
}

/// The largest group of images that fit together, unless another one is nearly as large.
fn take_main_group(slices: Vec<Slice>, left_out: &mut Vec<LeftOut>) -> Result<Vec<Slice>, Reason> {
    let mut groups: Vec<Vec<Slice>> = Vec::new();
    for slice in slices {
        match groups.iter_mut().find(|group| group[0].difference(&slice).is_none()) {
            Some(group) => group.push(slice),
            None => groups.push(vec![slice]),
        }
    }
    // The sort is stable, so the answer does not hang on which of two equals came first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut groups = groups.into_iter();
    let main = groups.next().ok_or(Reason::NoImages)?;
    for group in groups {
        let why = main[0].difference(&group[0]).expect("groups differ in something");
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        if group.len() as f64 >= RIVAL_PART * main.len() as f64 {
            return Err(match why {
                SetAside::OtherSize => Reason::MixedImageSize,
                SetAside::OtherFrameOfReference => Reason::MixedFrameOfReference,
                _ => Reason::MixedOrientation,
            });
        }
        left_out.extend(group.into_iter().map(|slice| LeftOut { image: slice.image, why }));
    }
    Ok(main)
}

/// Sorts along the normal and leaves one slice a place.
fn take_one_a_place(
    mut slices: Vec<Slice>,
    same_pixels: impl Fn(&CtImage, &CtImage) -> bool,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Slice>, Reason> {
    let normal = slices[0].normal();
    for slice in &mut slices {
        slice.place_mm = dot(&normal, &slice.plane.position);
    }
    slices.sort_by(|a, b| a.place_mm.total_cmp(&b.place_mm));
    let mut places: Vec<Vec<Slice>> = Vec::new();
    for slice in slices {
        let Some(place) =
            places.last_mut().filter(|p| is_same_position(p[0].place_mm, slice.place_mm))
        else {
            places.push(vec![slice]);
            continue;
        };
        let n_there = place.len();
        let is_double = |other: &Slice| {
            let [a, b] = [&other.image, &slice.image];
            let same_uid = a.instance.sop_instance_uid == b.instance.sop_instance_uid;
            same_uid && a.frame == b.frame
                || n_there <= COMPARED_MAX && other.plane == slice.plane && same_pixels(a, b)
        };
        if place.iter().any(is_double) {
            left_out.push(LeftOut { image: slice.image, why: SetAside::Double });
        } else {
            place.push(slice);
        }
    }
    if places.iter().all(|place| place.len() == 1) {
        return Ok(places.into_iter().flatten().collect());
    }
    take_last_acquisition(places, left_out)
}

/// Where places were scanned more than once: the last acquisition, if it covers all of them alone.
/// Slices of two acquisitions are never mixed; the patient may have moved between them.
fn take_last_acquisition(
    places: Vec<Vec<Slice>>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Slice>, Reason> {
    let number = |slice: &Slice| slice.image.acquisition_number;
    let last = places.iter().flatten().filter_map(number).max();
    let covers = |place: &Vec<Slice>| place.iter().filter(|s| number(s) == last).count() == 1;
    // Many images of one place are a bolus being watched, not a volume.
    if last.is_none() || places.len() < 2 || !places.iter().all(covers) {
        return Err(Reason::DuplicatePosition);
    }
    let (kept, older): (Vec<_>, Vec<_>) =
        places.into_iter().flatten().partition(|slice| number(slice) == last);
    left_out.extend(
        older
            .into_iter()
            .map(|slice| LeftOut { image: slice.image, why: SetAside::OlderAcquisition }),
    );
    Ok(kept)
}
