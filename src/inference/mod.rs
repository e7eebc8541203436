//! The two networks behind two functions.
//!
//! ```text
//! HU around the body --Localizer::localize--> heatmap         (5 mm, the whole body)
//! a gland's centre   --Segmenter::segment --> Segmentation   (1 mm, one gland's crop)
//! ```
//!
//! Only this room names tract. [`Models`] holds both networks, built into the program or read from a
//! folder; either way each file must have the SHA-256 that its manifest states.

pub mod input;
pub mod kernels;
mod layers;
pub mod localizer;
pub mod manifest;
pub mod model;
mod onnx_graph;
mod op;
mod packing;
mod plan;
pub mod segmenter;
mod tiles;

use std::path::Path;

pub use kernels::{InstructionSet, NoInstructions};
pub use localizer::Localizer;
pub use manifest::ModelManifest;
pub use model::{Model, ModelError};
pub use segmenter::{Segmentation, Segmenter};

/// Both networks, ready to run. Share it by reference: all methods of both may run at once.
#[derive(Debug)]
pub struct Models {
    /// Finds the glands.
    pub localizer: Localizer,
    /// Outlines a mass in one gland's crop.
    pub segmenter: Segmenter,
}

impl Models {
    /// The networks that are part of the program.
    ///
    /// # Errors
    /// When a file is not the one its manifest describes, which would be a broken build.
    pub fn embedded() -> Result<Self, ModelError> {
        Ok(Self {
            localizer: Localizer::new(Model::from_bytes(
                "localizer",
                include_str!("../../models/localizer.toml"),
                include_bytes!("../../models/localizer.onnx").as_slice().into(),
            )?)?,
            segmenter: Segmenter::new(Model::from_bytes(
                "segmenter",
                include_str!("../../models/segmenter.toml"),
                include_bytes!("../../models/segmenter.onnx").as_slice().into(),
            )?)?,
        })
    }

    /// The networks in a folder: `localizer.onnx`, `segmenter.onnx` and their `.toml` manifests.
    ///
    /// # Errors
    /// When a file cannot be read, is not the one its manifest describes, or was made for another grid.
    pub fn from_dir(dir: &Path) -> Result<Self, ModelError> {
        Ok(Self {
            localizer: Localizer::new(Model::load(dir, "localizer")?)?,
            segmenter: Segmenter::new(Model::load(dir, "segmenter")?)?,
        })
    }

    /// The same on other instructions than the fastest that this machine has; answers in 8 bits are the same
    /// on all.
    ///
    /// # Errors
    /// When this machine does not have them.
    pub fn with_instruction_set(self, set: InstructionSet) -> Result<Self, NoInstructions> {
        let Self { localizer, segmenter } = self;
        Ok(Self {
            localizer: localizer.with_instruction_set(set)?,
            segmenter: segmenter.with_instruction_set(set)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared<T: Send + Sync>() {}

    #[test]
    fn the_embedded_networks_load_and_may_be_shared() {
        shared::<Models>();
        let models = Models::embedded().unwrap();
        assert_eq!(models.localizer.manifest().name, "parotidd-localizer");
        assert_eq!(models.segmenter.manifest().name, "parotidd-segmenter");
    }
}
