//! Inputs that look enough like CT to take its paths: a head in air, noise, specks.

use parotidd::imaging::{Geometry, Mask, PatientPoint, Volume};
use parotidd::units::Hounsfield;

/// A normalized input of a network.
pub(crate) fn network_input(shape: [usize; 3]) -> Vec<f32> {
    let n = shape.iter().product();
    (0..n).map(|at| f32::from(noise(at)) / f32::from(NOISE_HU) * 2.0 - 1.0).collect()
}

/// Noise is 0 to this, HU.
const NOISE_HU: i16 = 200;

/// The same each time: an offset times a prime, modulo another that no side of a volume divides.
fn noise(offset: usize) -> i16 {
    let spread = (offset * 7919 % 100_003) % usize::from(NOISE_HU.unsigned_abs() + 1);
    i16::try_from(spread).expect("at most the noise")
}

/// An elliptic cylinder of tissue in air along the whole of a field of view of 256 mm.
pub(crate) fn head([n_slices, n_rows, n_columns]: [usize; 3]) -> Volume<Hounsfield> {
    const SIDE_MM: f64 = 256.0;
    // 160 mm from ear to ear, 200 mm from front to back.
    const RADII_MM: [f64; 2] = [100.0, 80.0];
    let spacing = [n_slices, n_rows, n_columns].map(|n| SIDE_MM / side(n));
    let grid =
        Geometry::axis_aligned(PatientPoint::default(), spacing, [n_slices, n_rows, n_columns])
            .expect("sides are positive");
    let mut volume = Volume::filled(grid, Hounsfield::AIR);
    for offset in 0..volume.voxels().len() {
        let [_, row, column] = volume.index_of(offset);
        let from_middle = |at: usize, axis: usize| {
            (side(at) * spacing[axis] - SIDE_MM / 2.0) / RADII_MM[axis - 1]
        };
        let tissue = from_middle(row, 1).powi(2) + from_middle(column, 2).powi(2) < 1.0;
        let mean = if tissue { 0 } else { Hounsfield::AIR.0 };
        volume.voxels_mut()[offset] = Hounsfield(mean + noise(offset));
    }
    volume
}

/// The middle of a volume.
pub(crate) fn middle(volume: &Volume<Hounsfield>) -> PatientPoint {
    volume.geometry().to_patient(volume.shape().map(|n| side(n) / 2.0))
}

/// What is denser than air.
pub(crate) fn body(hu: &Volume<f32>) -> Mask {
    hu.map(|&hu| u8::from(hu > -300.0))
}

/// One voxel of a hundred, which makes many components of one to a few voxels each.
pub(crate) fn specks(hu: &Volume<f32>) -> Mask {
    let mut mask = hu.map(|_| 0);
    for (offset, voxel) in mask.voxels_mut().iter_mut().enumerate() {
        *voxel = u8::from(noise(offset) < NOISE_HU / 100);
    }
    mask
}

#[allow(clippy::cast_precision_loss, reason = "sides are far below 2^52")]
fn side(n: usize) -> f64 {
    n as f64
}
