//! The two network files as they are shipped: the study's network, the manifest's bytes, and the same
//! answer from tract as from the runtime of the recipe.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use parotidd::inference::{Model, ModelError};
use prost::Message;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

/// The study's own two figures.
const N_CONVOLUTIONS: usize = 15;
const N_PARAMETERS: usize = 578_089;

/// Largest difference of a logit between tract and onnxruntime on the same file, in standard deviations
/// of the logits. Both compute in f32 between roundings to 8 bits; where a value lies on the edge of two
/// steps they may round apart. onnxruntime with and without its fused kernels differs from itself by
/// 0.20 at most, 0.022 on average.
const PARITY_MAX: f32 = 0.3;
/// The same on average over voxels.
const PARITY_MEAN: f32 = 0.03;
/// Least standard deviation of the golden logits: a flat answer would compare nothing.
const GOLDEN_DEVIATION_MIN: f32 = 0.5;

const STAGES: [&str; 2] = ["localizer", "segmenter"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read_onnx(stage: &str) -> ModelProto {
    let bytes = std::fs::read(folder("models").join(stage).with_extension("onnx")).unwrap();
    ModelProto::decode(bytes.as_slice()).unwrap()
}

/// What a convolution's description says of how it was trained.
struct Trained {
    kernel: Vec<usize>,
    phases: usize,
    batch_norm: bool,
}

fn trained(node: &NodeProto) -> Trained {
    let facts: HashMap<&str, &str> =
        node.doc_string.split(' ').map(|fact| fact.split_once('=').unwrap()).collect();
    Trained {
        kernel: facts["trained_kernel"].split('x').map(|side| side.parse().unwrap()).collect(),
        phases: facts["phases"].parse().unwrap(),
        batch_norm: facts["batch_norm"] == "1",
    }
}

/// Trained parameters of one convolution, as Keras counts: weights, biases and four values a channel of
/// batch normalization. The stored weight must be what such a kernel turns into.
fn n_parameters(node: &NodeProto, stored: &TensorProto) -> usize {
    let Trained { kernel, phases, batch_norm } = trained(node);
    let dims: Vec<usize> = stored.dims.iter().map(|&n| usize::try_from(n).unwrap()).collect();
    let axes = dims[2..].iter().zip(&kernel);
    if phases == 1 {
        assert_eq!(dims[2..], kernel[..], "{}", node.name);
    } else {
        // On the coarse grid two of three taps see the same voxel, and each such axis has two phases.
        assert!(axes.clone().all(|(&stored, &trained)| stored == trained.min(2)), "{}", node.name);
        assert_eq!(phases, axes.map(|(&stored, _)| stored).product::<usize>(), "{}", node.name);
    }
    assert_eq!(dims[0] % phases, 0);
    let n_out = dims[0] / phases;
    n_out * dims[1] * kernel.iter().product::<usize>()
        + n_out
        + if batch_norm { 4 * n_out } else { 0 }
}

#[test]
fn both_files_hold_the_network_of_the_study() {
    for stage in STAGES {
        let graph = read_onnx(stage).graph.unwrap();
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        // A quantized weight stands behind the node that makes real numbers of it.
        let dequantized: HashMap<&str, &str> = graph
            .node
            .iter()
            .filter(|node| node.op_type == "DequantizeLinear")
            .map(|node| (node.output[0].as_str(), node.input[0].as_str()))
            .collect();
        let convolutions: Vec<&NodeProto> =
            graph.node.iter().filter(|node| node.op_type == "Conv").collect();
        assert_eq!(convolutions.len(), N_CONVOLUTIONS, "{stage}");
        let n: usize = convolutions
            .iter()
            .map(|node| n_parameters(node, constants[dequantized[node.input[1].as_str()]]))
            .sum();
        assert_eq!(n, N_PARAMETERS, "{stage}");
    }
}

#[test]
fn weights_and_activations_are_eight_bit() {
    const INT8: i32 = 3;
    for stage in STAGES {
        let graph = read_onnx(stage).graph.unwrap();
        let n_weights =
            graph.initializer.iter().filter(|t| t.data_type == INT8 && t.dims.len() == 5);
        assert_eq!(n_weights.count(), N_CONVOLUTIONS, "{stage}");
        let n_rounded = graph.node.iter().filter(|node| node.op_type == "QuantizeLinear").count();
        assert_eq!(n_rounded, N_CONVOLUTIONS, "{stage}: each convolution's input is rounded once");
    }
}

#[test]
fn a_changed_file_is_refused_and_both_hashes_are_told() {
    let models = folder("models");
    for stage in STAGES {
        let model = Model::load(&models, stage).unwrap();
        let manifest = std::fs::read_to_string(models.join(stage).with_extension("toml")).unwrap();
        let mut bytes = std::fs::read(models.join(stage).with_extension("onnx")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let error = Model::from_bytes(stage, &manifest, bytes.into()).unwrap_err();
        assert!(matches!(&error, ModelError::Hash { .. }));
        assert!(error.to_string().contains(&model.manifest().sha256));
        let unknown = format!("surprise = 1\n{manifest}");
        let error = Model::from_bytes(stage, &unknown, Vec::new().into()).unwrap_err();
        assert!(matches!(error, ModelError::Manifest { .. }));
    }
    assert!(matches!(Model::load(&folder("tests"), "localizer"), Err(ModelError::Read { .. })));
}

/// The golden pair of a stage: input, and onnxruntime's logits on the same file.
fn golden(stage: &str) -> [Array3<f32>; 2] {
    ["input", "logits"].map(|kind| {
        ndarray_npy::read_npy(folder("tests/golden").join(format!("{stage}_{kind}.npy"))).unwrap()
    })
}

#[test]
fn tract_answers_as_onnxruntime_does_and_the_same_each_time() {
    for stage in STAGES {
        let model = Model::load(&folder("models"), stage).unwrap();
        let [input, logits] = golden(stage);
        let shape: [usize; 3] = input.shape().try_into().unwrap();
        let values: Vec<f32> = input.iter().copied().collect();
        let deviation = logits.std(0.0);
        assert!(deviation > GOLDEN_DEVIATION_MIN, "{stage}: the golden answer is flat");
        let answer = model.logits(&values, shape).unwrap();
        let differences: Vec<f32> =
            answer.iter().zip(&logits).map(|(a, b)| (a - b).abs() / deviation).collect();
        let largest = differences.iter().copied().fold(0.0, f32::max);
        let mean = differences.iter().sum::<f32>() / differences.len() as f32;
        assert!(largest <= PARITY_MAX && mean <= PARITY_MEAN, "{stage}: {largest}, {mean}");

        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(model.logits(&values, shape).unwrap(), answer));
            }
        });
    }
}

#[test]
fn shapes_that_are_no_multiple_of_sixteen_are_an_error() {
    let model = Model::load(&folder("models"), "localizer").unwrap();
    assert!(model.logits(&vec![0.0; 17 * 16 * 16], [17, 16, 16]).is_err());
}
