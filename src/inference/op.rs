//! A network of kernels as one tract operator.
//!
//! Tensors between the convolutions never leave it: they stay in buffers that the next input uses again, since
//! fresh memory for each would cost as much time as the arithmetic.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::input::SIDE_MULTIPLE;
use super::kernels::volume::{Steps, pack_bytes, pack_floats};
use super::kernels::{self, Arithmetic, Blocks, Convolution, InstructionSet, Kind};
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
    arithmetic: Arithmetic,
    set: InstructionSet,
    /// The logits last.
    convolutions: Vec<Planned>,
    /// Shape of each buffer; the volume's is the first.
    buffers: Vec<Blocks>,
    /// Sets of buffers that nobody computes with.
    idle: Mutex<Vec<Vec<Vec<u32>>>>,
}

/// One convolution, and which buffers it reads and writes.
#[derive(Debug)]
struct Planned {
    convolution: Convolution,
    input: usize,
    skip: Option<usize>,
    /// `None` for the logits.
    output: Option<usize>,
}

impl Plan {
    fn new(layers: &Layers, shape: [usize; 3], set: InstructionSet) -> Self {
        let arithmetic = layers.arithmetic();
        let volume = Blocks { n_groups: 1, shape };
        let mut plan = Self {
            shape,
            volume,
            steps: layers.steps,
            arithmetic,
            set,
            convolutions: Vec::new(),
            buffers: vec![volume],
            idle: Mutex::default(),
        };
        // The buffer of each tensor: 0 is the volume, n what layer n - 1 gives.
        let mut places = vec![0];
        for (number, layer) in layers.layers.iter().enumerate() {
            let input = plan.buffers[places[layer.input]];
            let output = output_blocks(&layer.kind, input, arithmetic);
            let place = if matches!(*layer.kind, Kind::Logits { .. }) {
                None
            } else {
                let is_needed = |tensor: usize| {
                    let mut later = layers.layers[number..].iter();
                    later.any(|it| it.input == tensor || it.skip == Some(tensor))
                };
                let in_use: Vec<usize> =
                    (0..places.len()).filter(|n| is_needed(*n)).map(|n| places[n]).collect();
                Some(plan.buffer(output, &in_use))
            };
            plan.convolutions.push(Planned {
                convolution: Convolution { kind: Arc::clone(&layer.kind), input, output },
                input: places[layer.input],
                skip: layer.skip.map(|skip| places[skip]),
                output: place,
            });
            places.extend(place);
        }
        plan
    }

    /// A buffer of a shape that is not in use. Buffers of one shape have the same border, so a tensor may
    /// follow another one.
    fn buffer(&mut self, blocks: Blocks, in_use: &[usize]) -> usize {
        let is_free = |at: &usize| self.buffers[*at] == blocks && !in_use.contains(at);
        (1..self.buffers.len()).find(is_free).unwrap_or_else(|| {
            self.buffers.push(blocks);
            self.buffers.len() - 1
        })
    }

    /// Logits of a volume.
    fn run(&self, values: &[f32]) -> Vec<f32> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffers = idle.unwrap_or_else(|| {
            // Borders are 0 and stay so: kernels write voxels alone.
            self.buffers.iter().map(|blocks| vec![0; blocks.n_units()]).collect()
        });
        match self.steps {
            Some(steps) => pack_bytes(values, &self.volume, steps, &mut buffers[0]),
            None => pack_floats(values, &self.volume, &mut buffers[0]),
        }
        let mut logits = vec![0_u32; values.len()];
        for planned in &self.convolutions {
            let mut taken = planned.output.map(|at| std::mem::take(&mut buffers[at]));
            kernels::compute(
                self.set,
                self.arithmetic,
                &planned.convolution,
                &buffers[planned.input],
                planned.skip.map_or(&[], |skip| &buffers[skip]),
                taken.as_mut().unwrap_or(&mut logits),
            );
            if let (Some(at), Some(taken)) = (planned.output, taken) {
                buffers[at] = taken;
            }
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MODEL_SCRATCH_MAX {
            idle.push(buffers);
        }
        logits.into_iter().map(f32::from_bits).collect()
    }
}

fn output_blocks(kind: &Kind, input: Blocks, arithmetic: Arithmetic) -> Blocks {
    let units = match arithmetic {
        Arithmetic::Int8 => 1,
        Arithmetic::Float => 4,
    };
    match kind {
        Kind::Plain { weights, stride } => Blocks {
            n_groups: weights.terms.len() * units,
            shape: input.shape.map(|side| side.div_ceil(*stride)),
        },
        Kind::Upsampled { phases } => Blocks {
            n_groups: phases[0].terms.len() * units,
            shape: input.shape.map(|side| 2 * side),
        },
        Kind::Logits { .. } => Blocks { n_groups: 1, shape: input.shape },
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
        Ok(vec![format!("{:?}, {:?}", self.0.set, self.0.arithmetic)])
    }

    op_as_typed_op!();
}

impl EvalOp for Network {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let logits = self.0.run(inputs[0].try_as_plain_ram()?.as_slice()?);
        Ok(tvec!(Tensor::from_shape(&tensor_shape(self.0.shape), &logits)?.into_tvalue()))
    }
}

impl TypedOp for Network {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(tensor_shape(self.0.shape))))
    }

    as_op!();
}
