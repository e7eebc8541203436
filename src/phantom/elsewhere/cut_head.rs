//! The part of a head-and-neck phantom that lies above or below the parotid glands.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::acquisition::{Acquisition, Overrides, Site};
use super::super::build_scene;
use super::super::frame::Frame;
use super::super::noise::derive_seed;
use super::super::person::Person;
use super::super::scanner::{self, Setup};
use super::super::scene::Sampling;
use super::{BodyPart, BodyPhantom};
use crate::imaging::{BoundingBox, Mask, Volume};
use crate::units::Hounsfield;

/// Fewer slices than the smallest scan are not left over.
const N_SLICES_MIN: usize = 2;

/// A brain, or larynx and shoulders, without a voxel of parotid gland.
pub(super) fn generate(part: BodyPart, site: Site, seed: u64, overrides: Overrides) -> BodyPhantom {
    let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(seed, 3));
    let frame = Frame::sample(&mut rng);
    let person = Person::sample(&mut rng, None);
    let range = match part {
        BodyPart::Brain => [rng.random_range(4.0..42.0), rng.random_range(128.0..140.0)],
        _ => [rng.random_range(-225.0..-185.0), rng.random_range(-105.0..-75.0)],
    };
    let range_z = range.map(|z| frame.patient_z(z));
    let mut acquisition =
        Acquisition::sample_elsewhere(&mut rng, site, range_z, [200.0, 330.0], overrides);
    acquisition.contrast = person.contrast_hu > 0.0;
    let origin = frame.origin();
    let grid = acquisition.grid(origin[0], origin[1] - 8.0 * frame.mean_scale());
    let sampling = Sampling {
        slice_thickness_mm: acquisition.slice_thickness_mm,
        blur_mm: acquisition.blur_mm,
    };
    let scene = build_scene(&person, derive_seed(seed, 2));
    let (volume, glands) = scene.render(&frame, &grid, sampling);
    let mut volume = without_glands(&volume, &glands, part == BodyPart::Brain);
    acquisition.n_slices = volume.shape()[0];
    acquisition.bottom_z_mm = volume.geometry().origin().z;
    scanner::scan(&mut volume, &acquisition, &Setup::Head, origin, seed);
    BodyPhantom { part, volume, acquisition }
}

/// The slices above (or below) every voxel of gland.
fn without_glands(
    volume: &Volume<Hounsfield>,
    glands: &[Mask; 2],
    above: bool,
) -> Volume<Hounsfield> {
    let [n_slices, n_rows, n_columns] = volume.shape();
    let holds = |slice: &usize| glands.iter().any(|gland| gland.slice(*slice).contains(&1));
    let kept = if above {
        let first = (0..n_slices).rev().find(holds).map_or(0, |last| last + 1);
        first.min(n_slices.saturating_sub(N_SLICES_MIN))..n_slices
    } else {
        0..(0..n_slices).find(holds).unwrap_or(n_slices).max(N_SLICES_MIN.min(n_slices))
    };
    volume.cut(&BoundingBox { start: [kept.start, 0, 0], end: [kept.end, n_rows, n_columns] })
}
