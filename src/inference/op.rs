//! The kernels as tract operators, and a network made of them.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::input::SIDE_MULTIPLE;
use super::kernels::volume::{Steps, pack_bytes, pack_floats};
use super::kernels::{self, Arithmetic, Blocks, Convolution, InstructionSet, Kind};
use super::layers::Layers;

/// A volume `[1, 1, slice, row, column]` to the units that the first convolution reads.
#[derive(Debug, Clone, PartialEq)]
struct Pack {
    blocks: Blocks,
    steps: Option<Steps>,
}

impl Eq for Pack {}

impl Op for Pack {
    fn name(&self) -> StaticName {
        "ParotiddPack".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Pack {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let volume = inputs[0].try_as_plain_ram()?;
        let mut units = vec![0; self.blocks.n_units()];
        match self.steps {
            Some(steps) => pack_bytes(volume.as_slice()?, &self.blocks, steps, &mut units),
            None => pack_floats(volume.as_slice()?, &self.blocks, &mut units),
        }
        Ok(tvec!(tensor1(&units).into_tvalue()))
    }
}

impl TypedOp for Pack {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(u32::fact([self.blocks.n_units()])))
    }

    as_op!();
}

/// One convolution between two tensors of units, or to logits `[1, 1, slice, row, column]`.
#[derive(Debug, Clone)]
struct Convolve {
    convolution: Arc<Convolution>,
    arithmetic: Arithmetic,
    set: InstructionSet,
}

impl PartialEq for Convolve {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.convolution, &other.convolution)
            && (self.arithmetic, self.set) == (other.arithmetic, other.set)
    }
}

impl Eq for Convolve {}

impl Convolve {
    fn is_last(&self) -> bool {
        matches!(*self.convolution.kind, Kind::Logits { .. })
    }
}

impl Op for Convolve {
    fn name(&self) -> StaticName {
        "ParotiddConvolve".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        let Convolution { input, output, .. } = &*self.convolution;
        Ok(vec![format!("{:?}, {:?}: {input:?} to {output:?}", self.set, self.arithmetic)])
    }

    op_as_typed_op!();
}

impl EvalOp for Convolve {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = inputs[0].try_as_plain_ram()?.as_slice::<u32>()?;
        let skip: &[u32] = match inputs.get(1) {
            Some(skip) => skip.try_as_plain_ram()?.as_slice()?,
            None => &[],
        };
        let blocks = &self.convolution.output;
        let n = if self.is_last() { blocks.shape.iter().product() } else { blocks.n_units() };
        let mut output = vec![0_u32; n];
        kernels::compute(self.set, self.arithmetic, &self.convolution, input, skip, &mut output);
        if !self.is_last() {
            return Ok(tvec!(tensor1(&output).into_tvalue()));
        }
        let logits: Vec<f32> = output.into_iter().map(f32::from_bits).collect();
        Ok(tvec!(Tensor::from_shape(&volume_shape(blocks.shape), &logits)?.into_tvalue()))
    }
}

impl TypedOp for Convolve {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let blocks = &self.convolution.output;
        Ok(tvec!(if self.is_last() {
            f32::fact(volume_shape(blocks.shape))
        } else {
            u32::fact([blocks.n_units()])
        }))
    }

    as_op!();
}

fn volume_shape([slices, rows, columns]: [usize; 3]) -> [usize; 5] {
    [1, 1, slices, rows, columns]
}

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
    let arithmetic = layers.arithmetic();
    let per_unit = match arithmetic {
        Arithmetic::Int8 => 4,
        Arithmetic::Float => 1,
    };
    let mut model = TypedModel::default();
    let volume = model.add_source("volume", f32::fact(volume_shape(shape)))?;
    let blocks = Blocks { n_groups: 1, shape };
    let pack = Pack { blocks, steps: layers.steps };
    let mut tensors = vec![(model.wire_node("pack", pack, &[volume])?[0], blocks)];
    for layer in &layers.layers {
        let (from, input) = tensors[layer.input];
        let (shape, n_channels) = match &*layer.kind {
            Kind::Plain { weights, stride } => {
                (input.shape.map(|side| side.div_ceil(*stride)), 4 * weights.terms.len())
            }
            Kind::Upsampled { phases } => {
                (input.shape.map(|side| 2 * side), 4 * phases[0].terms.len())
            }
            Kind::Logits { .. } => (input.shape, per_unit),
        };
        let output = Blocks { n_groups: n_channels / per_unit, shape };
        let convolution = Convolution { kind: Arc::clone(&layer.kind), input, output };
        let convolve = Convolve { convolution: Arc::new(convolution), arithmetic, set };
        let inputs: TVec<OutletId> =
            [Some(from), layer.skip.map(|skip| tensors[skip].0)].into_iter().flatten().collect();
        tensors.push((model.wire_node(&layer.name, convolve, &inputs)?[0], output));
    }
    let (logits, _) = tensors[layers.layers.len()];
    model.select_output_outlets(&[logits])?;
    Ok(model)
}
