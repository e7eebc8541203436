//! The outline of a mass in one gland's crop.

use super::input::{
    SEGMENTER_SHAPE, SEGMENTER_SPACING_MM, SEGMENTER_WINDOW_HU, normalize, segmenter_grid,
    segmenter_hu,
};
use super::kernels::{InstructionSet, NoInstructions};
use super::manifest::ModelManifest;
use super::model::{Model, ModelError};
use crate::imaging::{Geometry, PatientPoint, Sample, Volume};
use crate::units::{Probability, Side};

/// What the segmenter saw and what it made of it, both on one gland's 1 mm crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// Probability that a voxel is part of a mass.
    pub probability: Volume<f32>,
    /// Attenuation, HU.
    pub hu: Volume<f32>,
}

impl Segmentation {
    /// The largest probability of all voxels.
    #[must_use]
    pub fn probability_max(&self) -> Probability {
        Probability(self.probability.voxels().iter().copied().fold(0.0, f32::max))
    }
}

/// The network that outlines a mass.
#[derive(Debug)]
pub struct Segmenter(Model);

impl Segmenter {
    /// Takes a network that was made for the segmenter's crops.
    ///
    /// # Errors
    /// When it was made for others.
    pub fn new(model: Model) -> Result<Self, ModelError> {
        let shape = Some(SEGMENTER_SHAPE);
        Ok(Self(model.check_input(SEGMENTER_SPACING_MM, SEGMENTER_WINDOW_HU, shape)?))
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

    /// Makes the plan now: crops have one shape, so the first need not wait for it.
    ///
    /// # Errors
    /// When the network does not take the crops' shape.
    pub fn prepare(&self) -> Result<(), ModelError> {
        self.0.prepare(SEGMENTER_SHAPE)
    }

    /// Probabilities of a mass in the crop around a gland's centre. Both glands may run at once.
    ///
    /// # Errors
    /// When the network fails.
    ///
    /// # Panics
    /// When the centre is not finite.
    pub fn segment<T: Sample>(
        &self,
        volume: &Volume<T>,
        center: PatientPoint,
        side: Side,
    ) -> Result<Segmentation, ModelError> {
        self.segment_grid(volume, &segmenter_grid(center, side, 0))
    }

    /// Probabilities of a mass on any grid of the segmenter's spacing whose sides are multiples of
    /// [`super::input::SIDE_MULTIPLE`].
    ///
    /// # Errors
    /// When the network fails.
    pub fn segment_grid<T: Sample>(
        &self,
        volume: &Volume<T>,
        grid: &Geometry,
    ) -> Result<Segmentation, ModelError> {
        let hu = segmenter_hu(volume, grid);
        let values: Vec<f32> =
            hu.voxels().iter().map(|&hu| normalize(hu, SEGMENTER_WINDOW_HU)).collect();
        let probability = Volume::new(*grid, self.0.probabilities(&values, grid.shape())?)
            .expect("the network answers each voxel");
        Ok(Segmentation { probability, hu })
    }
}
