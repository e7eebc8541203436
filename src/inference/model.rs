//! One network: its file checked against its manifest, and plans to run it.
//!
//! A plan is the network for one input shape. It takes milliseconds to make and tens
//! of megabytes to keep, so the last few are kept and older ones make way.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use sha2::{Digest, Sha256};
use tract_onnx::prelude::*;

use super::input::SIDE_MULTIPLE;
use super::kernels::{InstructionSet, NoInstructions};
use super::layers::Layers;
use super::manifest::ModelManifest;
use super::op::{self, tensor_shape};
use super::tiles::{Tile, tiles};
use crate::error::{Dispose, Disposition};
use crate::limits::{MODEL_BYTES_MAX, MODEL_PLANS_MAX, TILE_VOXELS_MAX};

/// Why a network cannot be used, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not what this version understands.
    #[error("could not understand the manifest of the {stage}")]
    Manifest {
        /// `localizer` or `segmenter`.
        stage: String,
        /// Where and why.
        source: toml::de::Error,
    },
    /// The network is not the one that its manifest describes.
    #[error("the {stage} has SHA-256 {found}, its manifest says {stated}")]
    Hash {
        /// `localizer` or `segmenter`.
        stage: String,
        /// Of the file.
        found: String,
        /// In the manifest.
        stated: String,
    },
    /// The network was made for another input than this program prepares.
    #[error("the {stage} was made for another input: {what}")]
    Unfit {
        /// `localizer` or `segmenter`.
        stage: String,
        /// What differs.
        what: &'static str,
    },
    /// The network could not be made ready for a shape.
    #[error("could not plan the {stage} for an input of {shape:?} voxels")]
    Plan {
        /// `localizer` or `segmenter`.
        stage: String,
        /// `[slice, row, column]`.
        shape: [usize; 3],
        /// Why.
        source: Cause,
    },
    /// The network failed on an input.
    #[error("could not run the {stage} on an input of {shape:?} voxels")]
    Run {
        /// `localizer` or `segmenter`.
        stage: String,
        /// `[slice, row, column]`.
        shape: [usize; 3],
        /// Why.
        source: Cause,
    },
}

/// What the inference library says went wrong.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Dispose for ModelError {
    fn disposition(&self) -> Disposition {
        Disposition::Fatal
    }
}

type Plan = Arc<TypedRunnableModel>;

/// One checked network.
pub struct Model {
    stage: String,
    manifest: ModelManifest,
    onnx: Cow<'static, [u8]>,
    /// What the kernels compute; `None` for a graph that they do not know, which tract then runs as it
    /// is.
    layers: Option<Layers>,
    /// What the kernels run on.
    set: InstructionSet,
    /// Newest last.
    plans: Mutex<VecDeque<([usize; 3], Plan)>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("stage", &self.stage)
            .field("version", &self.manifest.version)
            .field("sha256", &self.manifest.sha256)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads `<stage>.toml` and `<stage>.onnx` of a folder.
    ///
    /// # Errors
    /// When a file cannot be read, or the network is not the one that the manifest describes.
    pub fn load(dir: &Path, stage: &str) -> Result<Self, ModelError> {
        let bytes = |extension: &str| {
            let path = dir.join(stage).with_extension(extension);
            read(&path).map_err(|source| ModelError::Read { path, source })
        };
        let manifest = bytes("toml")?;
        Self::from_bytes(stage, &String::from_utf8_lossy(&manifest), bytes("onnx")?.into())
    }

    /// Checks a network that is in memory.
    ///
    /// # Errors
    /// When the network is not the one that the manifest describes.
    pub fn from_bytes(
        stage: &str,
        manifest: &str,
        onnx: Cow<'static, [u8]>,
    ) -> Result<Self, ModelError> {
        let stage = stage.to_owned();
        let manifest: ModelManifest = match toml::from_str(manifest) {
            Ok(manifest) => manifest,
            Err(source) => return Err(ModelError::Manifest { stage, source }),
        };
        let found = sha256(&onnx);
        if found != manifest.sha256 {
            return Err(ModelError::Hash { stage, found, stated: manifest.sha256 });
        }
        let layers = match read_layers(&onnx) {
            Ok(layers) => Some(layers),
            Err(unknown) => {
                tracing::warn!(%stage, %unknown, "the network runs without its own kernels: slowly");
                None
            }
        };
        let set = InstructionSet::detect();
        Ok(Self { stage, manifest, onnx, layers, set, plans: Mutex::default() })
    }

    /// The same on other instructions than the fastest that this machine has.
    ///
    /// # Errors
    /// When this machine does not have them.
    pub fn with_instruction_set(self, set: InstructionSet) -> Result<Self, NoInstructions> {
        Ok(Self { set: set.on_this_machine()?, plans: Mutex::default(), ..self })
    }

    /// What it is.
    #[must_use]
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// Refuses a network whose training tensors were not made as this program makes inputs.
    pub(super) fn check_input(
        self,
        spacing_mm: f64,
        window_hu: [f32; 2],
        shape: Option<[usize; 3]>,
    ) -> Result<Self, ModelError> {
        let input = &self.manifest.input;
        let differs = [
            ("spacing_mm", (input.spacing_mm - spacing_mm).abs() > 1e-9),
            ("hu_min", (input.hu_min - window_hu[0]).abs() > 1e-3),
            ("hu_max", (input.hu_max - window_hu[1]).abs() > 1e-3),
            ("multiple", input.multiple != SIDE_MULTIPLE),
            ("shape", input.shape != shape),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(ModelError::Unfit { stage: self.stage, what }),
            None => Ok(self),
        }
    }

    /// Makes the plan for a shape now, so that the first input need not wait for it.
    ///
    /// # Errors
    /// When the network does not take that shape.
    pub fn prepare(&self, shape: [usize; 3]) -> Result<(), ModelError> {
        self.plan(shape).map(|_| ())
    }

    /// Logits of one input, both `[slice, row, column]`, column fastest.
    ///
    /// The same input gives the same bytes, whatever else runs. A large one is computed in tiles that overlap
    /// as far as the network sees, to the same bytes.
    ///
    /// # Errors
    /// When the shape is not one the network takes.
    ///
    /// # Panics
    /// When there are not as many values as the shape has voxels.
    pub fn logits(&self, values: &[f32], shape: [usize; 3]) -> Result<Vec<f32>, ModelError> {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "one value a voxel");
        match &self.layers {
            Some(layers) if values.len() > TILE_VOXELS_MAX => {
                let n_slices = TILE_VOXELS_MAX / (shape[1] * shape[2]);
                self.tiled(values, shape, &tiles(shape[0], n_slices, layers.reach()))
            }
            _ => self.whole(values, shape),
        }
    }

    fn whole(&self, values: &[f32], shape: [usize; 3]) -> Result<Vec<f32>, ModelError> {
        let plan = self.plan(shape)?;
        infer(&plan, values, shape).map_err(|source| ModelError::Run {
            stage: self.stage.clone(),
            shape,
            source: source.into(),
        })
    }

    /// The same logits, of one tile after the other.
    fn tiled(
        &self,
        values: &[f32],
        [_, n_rows, n_columns]: [usize; 3],
        tiles: &[Tile],
    ) -> Result<Vec<f32>, ModelError> {
        let n_plane = n_rows * n_columns;
        let mut logits = Vec::with_capacity(values.len());
        for Tile { core, with_margin } in tiles {
            let part = &values[with_margin.start * n_plane..with_margin.end * n_plane];
            let found = self.whole(part, [with_margin.len(), n_rows, n_columns])?;
            let first = core.start - with_margin.start;
            logits.extend_from_slice(&found[first * n_plane..(first + core.len()) * n_plane]);
        }
        Ok(logits)
    }

    /// Probabilities of one input: the logistic function of [`Model::logits`].
    ///
    /// # Errors
    /// As [`Model::logits`].
    pub fn probabilities(&self, values: &[f32], shape: [usize; 3]) -> Result<Vec<f32>, ModelError> {
        let mut values = self.logits(values, shape)?;
        values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + libm::expf(-*value)));
        Ok(values)
    }

    fn plan(&self, shape: [usize; 3]) -> Result<Plan, ModelError> {
        // Held while a plan is made: two threads that need the same one make it once. A plan is put
        // in whole or not at all, so a panic of another thread leaves nothing half done.
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == shape) {
            return Ok(Arc::clone(plan));
        }
        let made = match &self.layers {
            Some(layers) => op::model(layers, shape, self.set).and_then(TypedModel::into_runnable),
            None => plan_as_it_is(&self.onnx, shape),
        };
        let plan = made.map_err(|source| ModelError::Plan {
            stage: self.stage.clone(),
            shape,
            source: source.into(),
        })?;
        while plans.len() >= MODEL_PLANS_MAX {
            plans.pop_front();
        }
        plans.push_back((shape, Arc::clone(&plan)));
        Ok(plan)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let n_bytes = fs::metadata(path)?.len();
    if n_bytes > MODEL_BYTES_MAX {
        return Err(io::Error::other(format!("{n_bytes} bytes are too many for a model file")));
    }
    fs::read(path)
}

/// SHA-256, lower-case hex.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read_layers(mut onnx: &[u8]) -> Result<Layers, String> {
    let model = tract_onnx::onnx().proto_model_for_read(&mut onnx);
    let graph = model.map_err(|error| error.to_string())?.graph.unwrap_or_default();
    Layers::read(&graph)
}

fn plan_as_it_is(mut onnx: &[u8], shape: [usize; 3]) -> TractResult<Plan> {
    tract_onnx::onnx()
        .model_for_read(&mut onnx)?
        .with_input_fact(0, f32::fact(tensor_shape(shape)).into())?
        .into_optimized()?
        .into_runnable()
}

fn infer(plan: &Plan, values: &[f32], shape: [usize; 3]) -> TractResult<Vec<f32>> {
    let input = Tensor::from_shape(&tensor_shape(shape), values)?;
    let mut outputs = plan.run(tvec!(input.into()))?;
    let logits = outputs.remove(0).into_tensor().into_plain_array::<f32>()?;
    Ok(logits.into_raw_vec_and_offset().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume([slices, rows, columns]: [usize; 3]) -> Vec<f32> {
        let mut state = 7_u64;
        (0..slices * rows * columns)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 / f32::from(1_u16 << 12).powi(2) * 2.0 - 1.0
            })
            .collect()
    }

    #[test]
    fn the_shipped_networks_answer_as_in_stock_tract_on_every_instruction_set() {
        for (stage, onnx) in [
            ("localizer", include_bytes!("../../models/localizer.onnx").as_slice()),
            ("segmenter", include_bytes!("../../models/segmenter.onnx").as_slice()),
        ] {
            let layers = read_layers(onnx).unwrap();
            let shape = [32, 16, 48];
            let values = volume(shape);
            let stock = infer(&plan_as_it_is(onnx, shape).unwrap(), &values, shape).unwrap();
            let mut first: Option<Vec<f32>> = None;
            for set in InstructionSet::available() {
                let plan = op::model(&layers, shape, set).unwrap().into_runnable().unwrap();
                let found = infer(&plan, &values, shape).unwrap();
                // A value midway between two steps may fall to either side, and then moves all behind it; what
                // one layer gives is held exactly by the kernels' own tests.
                let apart: Vec<f32> =
                    found.iter().zip(&stock).map(|(a, b)| (a - b).abs()).collect();
                let largest = |values: &[f32]| values.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
                let mean = apart.iter().sum::<f32>() / apart.len() as f32;
                let (worst, peak) = (largest(&apart), largest(&stock));
                assert!(worst < 0.03 * peak, "{stage} {set:?}: {worst} of {peak}");
                assert!(mean < 5e-3 * peak, "{stage} {set:?}: {mean} of {peak} on average");
                assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{set:?}");
            }
        }
    }

    #[test]
    fn answers_are_the_same_on_any_number_of_threads_and_each_time() {
        let manifest = include_str!("../../models/localizer.toml");
        let onnx = include_bytes!("../../models/localizer.onnx").as_slice();
        let model = Model::from_bytes("localizer", manifest, onnx.into()).unwrap();
        let shape = [48, 16, 32];
        let values = volume(shape);
        let expected = model.logits(&values, shape).unwrap();
        for n_threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                for _ in 0..3 {
                    assert_eq!(
                        model.logits(&values, shape).unwrap(),
                        expected,
                        "{n_threads} threads"
                    );
                }
            });
        }
    }

    #[test]
    fn tiles_give_what_the_whole_gives() {
        for (stage, manifest, onnx) in [
            (
                "localizer",
                include_str!("../../models/localizer.toml"),
                include_bytes!("../../models/localizer.onnx").as_slice(),
            ),
            (
                "segmenter",
                include_str!("../../models/segmenter.toml"),
                include_bytes!("../../models/segmenter.onnx").as_slice(),
            ),
        ] {
            let model = Model::from_bytes(stage, manifest, onnx.into()).unwrap();
            let reach = model.layers.as_ref().unwrap().reach();
            let shape = [16 * SIDE_MULTIPLE, SIDE_MULTIPLE, SIDE_MULTIPLE];
            let values = volume(shape);
            let whole = model.whole(&values, shape).unwrap();
            let cut = tiles(shape[0], 1, reach);
            assert!(cut.len() > 2, "{stage} sees {reach:?}: {cut:?}");
            assert_eq!(model.tiled(&values, shape, &cut).unwrap(), whole, "{stage} {cut:?}");
            // The margin is needed: with half of it something differs.
            let short = tiles(shape[0], 1, reach.map(|it| it / 2));
            assert_ne!(model.tiled(&values, shape, &short).unwrap(), whole, "{stage} {short:?}");
        }
    }
}
