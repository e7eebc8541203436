//! A network of kernels as one tract operator.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::input::SIDE_MULTIPLE;
use super::kernels::InstructionSet;
use super::layers::Layers;
use super::plan::Plan;

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
        Ok(vec![format!("{:?}", self.0.instruction_set())])
    }

    op_as_typed_op!();
}

impl EvalOp for Network {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let logits = self.0.run(inputs[0].try_as_plain_ram()?.as_slice()?);
        let logits = tract_ndarray::Array::from_shape_vec(tensor_shape(self.0.shape()), logits)?;
        Ok(tvec!(logits.into_tvalue()))
    }
}

impl TypedOp for Network {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(tensor_shape(self.0.shape()))))
    }

    as_op!();
}
