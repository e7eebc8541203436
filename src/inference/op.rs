//! A network of kernels as one tract operator.
//!
//! Tensors between the convolutions never leave it: they stay in buffers that the next input uses again, since
//! fresh memory for each would cost as much time as the arithmetic.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::input::SIDE_MULTIPLE;
use super::kernels::volume::{Steps, pack_bytes, pack_floats};
use super::kernels::{Blocks, Convolution, InstructionSet, Program, Step};
use super::layers::Layers;
use crate::limits::MODEL_SCRATCH_MAX;

/// The network for volumes of a shape.
///
/// # Errors
/// When a side is no multiple of [`SIDE_MULTIPLE`].
pub(super) fn model(
    layers: &Layers,
    shape: [usize; 3],
    set: InstructionSet,
) -> TractResult<TypedModel> {
    let fits = |side: usize| side > 0 && side.is_multiple_of(SIDE_MULTIPLE);
    ensure!(shape.into_iter().all(fits), "sides must be multiples of {SIDE_MULTIPLE}");
    let mut model = TypedModel::default();
    let volume = model.add_source("volume", f32::fact(tensor_shape(shape)))?;
    let network = Network(Arc::new(Plan::new(layers, shape, set)));
    let logits = model.wire_node("network", network, &[volume])?;
    model.select_output_outlets(&logits)?;
    Ok(model)
}

/// `[1, 1, slice, row, column]`, as networks read and write volumes.
pub(super) fn tensor_shape([slices, rows, columns]: [usize; 3]) -> [usize; 5] {
    [1, 1, slices, rows, columns]
}

/// A whole network for one shape of input.
#[derive(Debug, Clone)]
struct Network(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    shape: [usize; 3],
    volume: Blocks,
    steps: Option<Steps>,
    set: InstructionSet,
    program: Program,
    /// Sets of tensors that nobody computes with.
    idle: Mutex<Vec<Vec<Vec<u32>>>>,
}

impl Plan {
    fn new(layers: &Layers, shape: [usize; 3], set: InstructionSet) -> Self {
        let volume = Blocks { n_groups: 1, shape };
        // Number and shape of each tensor: the volume, then what each layer gives.
        let mut tensors = vec![(0, volume)];
        let mut n_tensors = 1;
        let mut steps = Vec::new();
        for layer in &layers.layers {
            let (input, blocks) = tensors[layer.input];
            let convolution =
                Convolution::new(Arc::clone(&layer.kind), layers.arithmetic(), blocks);
            // Sums are added where the skip is.
            let output = layer.skip.map_or(n_tensors, |skip| tensors[skip].0);
            n_tensors = n_tensors.max(output + 1);
            tensors.push((output, convolution.output()));
            steps.push(Step { convolution, input, output });
        }
        let program = Program::new(steps);
        Self { shape, volume, steps: layers.steps, set, program, idle: Mutex::default() }
    }

    /// Logits of a volume.
    fn run(&self, values: &[f32]) -> Vec<f32> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Borders are 0 and stay so: kernels write voxels alone.
        let mut tensors = idle.unwrap_or_else(|| self.program.tensors());
        match self.steps {
            Some(steps) => pack_bytes(values, &self.volume, steps, &mut tensors[0]),
            None => pack_floats(values, &self.volume, &mut tensors[0]),
        }
        self.program.run(self.set, &mut tensors);
        let logits = tensors.last().map(|it| it.iter().map(|bits| f32::from_bits(*bits)).collect());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MODEL_SCRATCH_MAX {
            idle.push(tensors);
        }
        logits.unwrap_or_default()
    }
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Network {}

impl Op for Network {
    fn name(&self) -> StaticName {
        "ParotiddNetwork".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{:?}", self.0.set)])
    }

    op_as_typed_op!();
}

impl EvalOp for Network {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let logits = self.0.run(inputs[0].try_as_plain_ram()?.as_slice()?);
        let logits = tract_ndarray::Array::from_shape_vec(tensor_shape(self.0.shape), logits)?;
        Ok(tvec!(logits.into_tvalue()))
    }
}

impl TypedOp for Network {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(tensor_shape(self.0.shape))))
    }

    as_op!();
}
