//! Where the parotid glands are: a heatmap over the body.

use super::input::{LOCALIZER_SPACING_MM, LOCALIZER_WINDOW_HU, SIDE_MULTIPLE, normalize};
use super::kernels::{InstructionSet, NoInstructions};
use super::manifest::ModelManifest;
use super::model::{Model, ModelError};
use crate::imaging::Volume;

/// The network that finds the glands.
#[derive(Debug)]
pub struct Localizer(Model);

impl Localizer {
    /// Takes a network that was made for the localizer's grid.
    ///
    /// # Errors
    /// When it was made for another.
    pub fn new(model: Model) -> Result<Self, ModelError> {
        Ok(Self(model.check_input(LOCALIZER_SPACING_MM, LOCALIZER_WINDOW_HU, None)?))
    }

    /// See [`Model::with_instruction_set`].
    ///
    /// # Errors
    /// When this machine does not have the instructions.
    pub fn with_instruction_set(self, set: InstructionSet) -> Result<Self, NoInstructions> {
        self.0.with_instruction_set(set).map(Self)
    }

    /// What it is.
    #[must_use]
    pub fn manifest(&self) -> &ModelManifest {
        self.0.manifest()
    }

    /// The heatmap, the probability that a voxel is parotid gland of either side, from HU on the grid
    /// that [`super::input::localizer_hu`] makes, and on the same grid.
    ///
    /// # Errors
    /// When the network fails.
    pub fn localize(&self, hu: &Volume<f32>) -> Result<Volume<f32>, ModelError> {
        let padded_shape = hu.shape().map(|side| side.next_multiple_of(SIDE_MULTIPLE));
        let probability = self.0.probabilities(&pad(hu, padded_shape), padded_shape)?;
        Ok(Volume::new(*hu.geometry(), cut(&probability, padded_shape, hu.shape()))
            .expect("the cut has the shape of the grid"))
    }
}

/// Normalized input, with air past the end of each axis.
fn pad(hu: &Volume<f32>, padded: [usize; 3]) -> Vec<f32> {
    let mut values = vec![-1.0; padded.iter().product()];
    for (source, target) in rows(hu.shape(), padded) {
        for (value, &hu) in values[target..].iter_mut().zip(&hu.voxels()[source]) {
            *value = normalize(hu, LOCALIZER_WINDOW_HU);
        }
    }
    values
}

/// The inverse of [`pad`]: what lies inside `shape`.
fn cut(values: &[f32], padded: [usize; 3], shape: [usize; 3]) -> Vec<f32> {
    let mut voxels = Vec::with_capacity(shape.iter().product());
    for (row, start) in rows(shape, padded) {
        voxels.extend_from_slice(&values[start..start + row.len()]);
    }
    voxels
}

/// Each row of a volume of `shape`: its voxels, and where the same row starts in one of `padded`.
fn rows(
    shape: [usize; 3],
    padded: [usize; 3],
) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
    let [n_slices, n_rows, n_columns] = shape;
    (0..n_slices * n_rows).map(move |line| {
        let (slice, row) = (line / n_rows, line % n_rows);
        let start = line * n_columns;
        (start..start + n_columns, (slice * padded[1] + row) * padded[2])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Geometry, PatientPoint};
    use crate::inference::Models;
    use crate::inference::input::localizer_hu;
    use crate::units::Hounsfield;
    use proptest::prelude::*;

    fn volume(shape: [usize; 3], spacing_mm: f64, hu: i16) -> Volume<Hounsfield> {
        let spacing = [spacing_mm; 3];
        let grid = Geometry::axis_aligned(PatientPoint::default(), spacing, shape).unwrap();
        Volume::filled(grid, Hounsfield(hu))
    }

    proptest! {
        #[test]
        fn what_is_padded_is_cut_again(shape in prop::array::uniform3(1_usize..20)) {
            let padded = shape.map(|side| side.next_multiple_of(SIDE_MULTIPLE));
            let mut hu = volume(shape, 5.0, 0).map(|v| v.to_f32());
            for (n, voxel) in hu.voxels_mut().iter_mut().enumerate() {
                *voxel = (n % 1000) as f32 - 500.0;
            }
            let expected: Vec<f32> =
                hu.voxels().iter().map(|&v| normalize(v, LOCALIZER_WINDOW_HU)).collect();
            prop_assert_eq!(cut(&pad(&hu, padded), padded, shape), expected);
        }
    }

    #[test]
    fn air_has_no_body_and_a_body_gets_a_heatmap_of_its_own_grid() {
        let models = Models::embedded().unwrap();
        assert!(localizer_hu(&volume([10, 20, 20], 5.0, -1000)).is_none());
        let hu = localizer_hu(&volume([12, 33, 20], 4.0, 40)).unwrap();
        let heatmap = models.localizer.localize(&hu).unwrap();
        assert_eq!(heatmap.geometry(), hu.geometry());
        assert_eq!(hu.shape(), [9, 26, 16]);
        assert!(heatmap.voxels().iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
