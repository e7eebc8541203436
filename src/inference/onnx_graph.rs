//! An ONNX file's graph by names: who makes a tensor, and which are constants.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Why a graph is not one that the kernels compute.
pub(super) type Unknown = String;

/// A graph whose nodes and constants are found by the name of what they give.
pub(super) struct OnnxGraph<'a> {
    nodes: HashMap<&'a str, &'a NodeProto>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// The one input.
    pub(super) input: &'a str,
    /// The one output.
    pub(super) output: &'a str,
}

/// A constant and its shape.
pub(super) struct Constant<T> {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<T>,
}

impl<'a> OnnxGraph<'a> {
    pub(super) fn new(graph: &'a GraphProto) -> Result<Self, Unknown> {
        let ([input], [output]) = (graph.input.as_slice(), graph.output.as_slice()) else {
            return Err("not one input and one output".to_owned());
        };
        let outputs = graph
            .node
            .iter()
            .flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node)));
        Ok(Self {
            nodes: outputs.collect(),
            constants: graph.initializer.iter().map(|it| (it.name.as_str(), it)).collect(),
            input: &input.name,
            output: &output.name,
        })
    }

    /// The node that makes a tensor, which must be of a kind.
    pub(super) fn node(&self, tensor: &str, kind: &str) -> Result<&'a NodeProto, Unknown> {
        self.find(tensor, kind).ok_or_else(|| format!("`{tensor}` is not made by {kind}"))
    }

    /// The node that makes a tensor, if it is of a kind.
    pub(super) fn find(&self, tensor: &str, kind: &str) -> Option<&'a NodeProto> {
        self.nodes.get(tensor).copied().filter(|node| node.op_type == kind)
    }

    pub(super) fn floats(&self, name: &str) -> Result<Constant<f32>, Unknown> {
        self.constant(name, DataType::Float, &|it| &it.float_data, f32::from_le_bytes)
    }

    pub(super) fn signed_bytes(&self, name: &str) -> Result<Constant<i8>, Unknown> {
        self.constant(name, DataType::Int8, &|_| &[], i8::from_le_bytes)
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Constant<u8>, Unknown> {
        self.constant(name, DataType::Uint8, &|_| &[], u8::from_le_bytes)
    }

    pub(super) fn integers(&self, name: &str) -> Result<Constant<i64>, Unknown> {
        self.constant(name, DataType::Int64, &|it| &it.int64_data, i64::from_le_bytes)
    }

    fn constant<T: Copy, const N: usize>(
        &self,
        name: &str,
        kind: DataType,
        typed: &dyn Fn(&'a TensorProto) -> &'a [T],
        from_bytes: fn([u8; N]) -> T,
    ) -> Result<Constant<T>, Unknown> {
        let tensor = self.constants.get(name).ok_or_else(|| format!("no constant `{name}`"))?;
        let shape: Option<Vec<usize>> =
            tensor.dims.iter().map(|&side| usize::try_from(side).ok()).collect();
        let values: Vec<T> = if tensor.raw_data.is_empty() {
            typed(tensor).to_vec()
        } else {
            tensor.raw_data.as_chunks::<N>().0.iter().map(|bytes| from_bytes(*bytes)).collect()
        };
        let n_values = shape.as_ref().and_then(|shape| {
            shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side))
        });
        match shape {
            Some(shape) if tensor.data_type == kind as i32 && n_values == Some(values.len()) => {
                Ok(Constant { shape, values })
            }
            _ => Err(format!("constant `{name}` is not of {kind:?}")),
        }
    }
}

/// A list of integers among a node's attributes.
pub(super) fn attribute(node: &NodeProto, name: &str) -> Vec<i64> {
    node.attribute.iter().find(|it| it.name == name).map_or_else(Vec::new, |it| it.ints.clone())
}
