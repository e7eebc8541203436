//! The TOML file beside each network: what it is, what it takes, how it was made and measured.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A network's manifest. An unknown key is an error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the ONNX file, lower-case hex.
    pub sha256: String,
    /// What it takes.
    pub input: InputManifest,
    /// What its answer means.
    pub output: OutputManifest,
    /// How it was made.
    pub training: TrainingManifest,
    /// What was measured, a table a cohort. Every cohort's name says what it is.
    pub figures: BTreeMap<String, BTreeMap<String, f64>>,
}

/// The tensor a network takes: `[1, 1, slice, row, column]` of HU scaled to -1..=1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputManifest {
    /// Grid, mm isotropic.
    pub spacing_mm: f64,
    /// HU that becomes -1; what is less becomes -1 too.
    pub hu_min: f32,
    /// HU that becomes 1; what is more becomes 1 too.
    pub hu_max: f32,
    /// Every side is a multiple of this.
    pub multiple: usize,
    /// The one shape it is used with, `[slice, row, column]`; none where any will do.
    pub shape: Option<[usize; 3]>,
}

/// The tensor a network gives: logits of the input's shape.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputManifest {
    /// A voxel is inside from this probability on.
    pub probability_min: f32,
}

/// How a network was made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingManifest {
    /// Names of the data it was trained on.
    pub data: Vec<String>,
    /// Patients or phantoms of each.
    pub n_patients: Vec<u32>,
    /// Pairs of input and target.
    pub n_tensors: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Examples a step.
    pub batch: u32,
    /// Time it took.
    pub minutes: f64,
    /// Day of the export, `YYYY-MM-DD`.
    pub date: String,
}
