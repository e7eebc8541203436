//! The networks' layers as the kernels compute them, read from the ONNX graph.
//!
//! Known is the graph of the study's U-Net in sub-pixel form (`models/training/training/graph.py`), in f32
//! or with QuantizeLinear and DequantizeLinear around each tensor. Anything else is refused with what is
//! unknown about it, and runs in tract as it is.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::kernels::volume::Steps;
use super::kernels::{Arithmetic, Kind, Weights};
use super::onnx_graph::{Constant, OnnxGraph, Unknown};
use super::packing::{Constants, Packing};

/// Work of a layer by that of one whose slices may be computed twice.
const FEEDER_SHARE: usize = 4;

/// One convolution, and the tensors it reads: 0 is the packed volume, n what layer n - 1 gives.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) kind: Arc<Kind>,
    pub(super) input: usize,
    pub(super) skip: Option<usize>,
}

/// A network: layers in an order in which they can be computed; the last one gives the logits.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// How a volume becomes bytes; `None` for f32.
    pub(super) steps: Option<Steps>,
    pub(super) layers: Vec<Layer>,
}

impl Layers {
    pub(super) fn arithmetic(&self) -> Arithmetic {
        if self.steps.is_some() { Arithmetic::Int8 } else { Arithmetic::Float }
    }

    /// Slices of the volume before and behind its own that a logit depends on.
    pub(super) fn reach(&self) -> [usize; 2] {
        // Of each tensor: voxels of the volume a voxel, and how far those that one depends on go from the
        // first of them.
        let mut tensors = vec![(1, [0, 0])];
        for layer in &self.layers {
            let (scale, reach) = tensors[layer.input];
            let (scale, mut reach) = reach_of(&layer.kind, scale, reach);
            if let Some(skip) = layer.skip {
                let (_, other) = tensors[skip];
                reach = [0, 1].map(|side| reach[side].max(other[side]));
            }
            tensors.push((scale, reach));
        }
        tensors.last().map_or([0, 0], |(_, reach)| reach.map(isize::unsigned_abs))
    }

    /// Whether what a layer gives is best kept in a ring: the next one alone reads it, and computing some
    /// slices of it twice, where several threads meet, costs little.
    pub(super) fn feeds_next(&self, number: usize) -> bool {
        let tensor = number + 1;
        let readers = self.layers.iter().filter(|it| it.input == tensor || it.skip == Some(tensor));
        let [kind, next] = match &self.layers[number..] {
            [layer, next, ..] if next.input == tensor && readers.count() == 1 => {
                [&*layer.kind, &*next.kind]
            }
            _ => return false,
        };
        let (Kind::Plain { weights, .. }, Kind::Plain { weights: of_next, stride: 1 }) =
            (kind, next)
        else {
            return false;
        };
        let is_flat = of_next.taps.iter().all(|tap| tap[0] == 0);
        is_flat || FEEDER_SHARE * weights.units.len() <= of_next.units.len()
    }

    /// Reads a graph.
    ///
    /// # Errors
    /// What is unknown about it.
    pub(super) fn read(graph: &GraphProto) -> Result<Self, Unknown> {
        let graph = OnnxGraph::new(graph)?;
        let mut reader = Reader { tensors: HashMap::new(), layers: Vec::new(), steps: None, graph };
        reader.head()?;
        let layers = Self { steps: reader.steps, layers: reader.layers };
        layers.check_skips()?;
        Ok(layers)
    }

    /// Refuses a tensor that is read again after it was added to: sums are added in its place.
    fn check_skips(&self) -> Result<(), Unknown> {
        for (number, layer) in self.layers.iter().enumerate() {
            let Some(skip) = layer.skip else { continue };
            let mut later = self.layers[number + 1..].iter();
            if layer.input == skip || later.any(|it| it.input == skip || it.skip == Some(skip)) {
                return Err(format!("what layer {skip} gives is read again after layer {number}"));
            }
        }
        Ok(())
    }
}

/// What [`Layers::reach`] keeps of a tensor, for what a convolution makes of it.
fn reach_of(kind: &Kind, scale: isize, [before, behind]: [isize; 2]) -> (isize, [isize; 2]) {
    let ends = |weights: &Weights| {
        let steps = || weights.taps.iter().map(|tap| tap[0]);
        [steps().min().unwrap_or(0), steps().max().unwrap_or(0)]
    };
    match kind {
        Kind::Plain { weights, stride } => {
            let [first, last] = ends(weights);
            (scale * stride.cast_signed(), [before - first * scale, behind + last * scale])
        }
        Kind::Upsampled { phases, .. } => {
            let fine = scale / 2;
            // The second fine slice of a coarse one begins half of it later.
            let places = phases.iter().enumerate().flat_map(|(number, weights)| {
                let starts = if phases.len() == 8 { [number / 4; 2] } else { [0, 1] };
                starts.map(|start| (start.cast_signed() * fine, ends(weights)))
            });
            places.fold((fine, [0, 0]), |(fine, reach), (start, [first, last])| {
                let of_place = [before - first * scale + start, behind + last * scale - start];
                (fine, [reach[0].max(of_place[0]), reach[1].max(of_place[1])])
            })
        }
    }
}

struct Reader<'a> {
    graph: OnnxGraph<'a>,
    /// Number of each tensor that a layer has read, by the name of what makes it.
    tensors: HashMap<&'a str, usize>,
    layers: Vec<Layer>,
    steps: Option<Steps>,
}

/// A tensor as a convolution reads it.
#[derive(Clone, Copy)]
struct Source<'a> {
    /// What makes it, before it is rounded.
    made: &'a str,
    /// Step and zero point of its bytes; `None` for f32.
    steps: Option<Steps>,
}

impl Source<'_> {
    /// For a convolution that reads it.
    fn packing<'b>(&self, constants: &'b Constants, step_out: f32, step_skip: f32) -> Packing<'b> {
        Packing {
            constants,
            is_int8: self.steps.is_some(),
            step_in: self.steps.map_or(1.0, |it| it.step),
            zero_point: self.steps.map_or(0, |it| it.zero_point),
            step_out,
            step_skip,
        }
    }
}

impl<'a> Reader<'a> {
    fn source(&self, tensor: &'a str) -> Result<Source<'a>, Unknown> {
        let Some(rounded) = self.graph.find(tensor, "DequantizeLinear") else {
            return Ok(Source { made: tensor, steps: None });
        };
        let bytes = self.graph.node(&rounded.input[0], "QuantizeLinear")?;
        if rounded.input[1..] != bytes.input[1..] {
            return Err(format!("`{tensor}` is read in other steps than it is written"));
        }
        let step = only(self.graph.floats(&bytes.input[1])?)?;
        let zero_point = only(self.graph.bytes(&bytes.input[2])?)?;
        Ok(Source { made: &bytes.input[0], steps: Some(Steps { step, zero_point }) })
    }

    /// The number of a tensor; reads the layers that make it where nobody did so far.
    fn tensor(&mut self, source: Source<'a>) -> Result<usize, Unknown> {
        if let Some(number) = self.tensors.get(source.made) {
            return Ok(*number);
        }
        let number = if source.made == self.graph.input {
            self.steps = source.steps;
            0
        } else if let Some(sum) = self.graph.find(source.made, "Add") {
            let convolution = self.interleaved(&sum.input[0])?;
            self.layer(convolution, Some(&sum.input[1]), source.steps)?
        } else {
            let rectified = self.graph.node(source.made, "Relu")?;
            let convolution = self.graph.node(&rectified.input[0], "Conv")?;
            self.layer(convolution, None, source.steps)?
        };
        self.tensors.insert(source.made, number);
        Ok(number)
    }

    /// Reads a convolution, what comes before it first; the number of what it gives.
    fn layer(
        &mut self,
        node: &'a NodeProto,
        skip: Option<&'a str>,
        output: Option<Steps>,
    ) -> Result<usize, Unknown> {
        let source = self.source(&node.input[0])?;
        let input = self.tensor(source)?;
        let skip = skip.map(|skip| self.source(skip)).transpose()?;
        let constants = self.constants(node, source.steps.is_some())?;
        let step = match output {
            Some(Steps { step, zero_point: 0 }) => step,
            Some(_) => return Err(format!("`{}` has a zero point", node.name)),
            None => 1.0,
        };
        let step_skip = skip.and_then(|it| it.steps).map_or(1.0, |it| it.step);
        let packing = source.packing(&constants, step, step_skip);
        let skip = skip.map(|skip| self.tensor(skip)).transpose()?;
        let kind = Arc::new(packing.kind(node, skip.is_some())?);
        self.layers.push(Layer { kind, input, skip });
        Ok(self.layers.len())
    }

    /// Reads the convolution that makes logits, all layers before it, and gives its weights to the last one.
    fn head(&mut self) -> Result<(), Unknown> {
        let node = self.graph.node(self.graph.output, "Conv")?;
        let source = self.source(&node.input[0])?;
        let number = self.tensor(source)?;
        let constants = self.constants(node, source.steps.is_some())?;
        let weights = source.packing(&constants, 1.0, 1.0).logits(node)?;
        let is_last = number == self.layers.len();
        let last = self.layers.last_mut().filter(|_| is_last);
        match last.map(|it| Arc::make_mut(&mut it.kind)) {
            Some(Kind::Upsampled { phases, logits }) if phases.len() == 8 => {
                *logits = Some(weights);
                Ok(())
            }
            _ => Err(format!("`{}` follows no upsampling along all axes", node.name)),
        }
    }

    fn constants(&self, node: &NodeProto, is_int8: bool) -> Result<Constants, Unknown> {
        let Constant { values: biases, .. } = self.graph.floats(&node.input[2])?;
        let (Constant { shape, values }, scales) = if is_int8 {
            let weight = self.graph.node(&node.input[1], "DequantizeLinear")?;
            let Constant { shape, values } = self.graph.signed_bytes(&weight.input[0])?;
            let zero_points = self.graph.signed_bytes(&weight.input[2])?;
            if zero_points.values.iter().any(|&it| it != 0) {
                return Err(format!("weights of `{}` have a zero point", node.name));
            }
            // Two products of -128 would not fit the 16 bits that some instructions sum them in.
            if values.contains(&i8::MIN) {
                return Err(format!("weights of `{}` go down to -128", node.name));
            }
            let values = values.into_iter().map(f32::from).collect();
            (Constant { shape, values }, self.graph.floats(&weight.input[1])?.values)
        } else {
            (self.graph.floats(&node.input[1])?, vec![1.0; biases.len()])
        };
        let shape: [usize; 5] =
            shape.try_into().map_err(|_| format!("weights of `{}` are not 5D", node.name))?;
        if [biases.len(), scales.len()] != [shape[0]; 2] {
            return Err(format!("`{}` has a bias or scale too few", node.name));
        }
        Ok(Constants { shape, weights: values, scales, biases })
    }

    /// The convolution whose phases a chain of Slice, Unsqueeze, Concat and Reshape puts in order.
    fn interleaved(&self, tensor: &'a str) -> Result<&'a NodeProto, Unknown> {
        let reshape = self.graph.node(tensor, "Reshape")?;
        let mut leaves = vec![reshape.input[0].as_str()];
        for axis in [3, 5, 7] {
            let mut next = Vec::new();
            for leaf in leaves {
                let joined = self.graph.node(leaf, "Concat")?;
                let [first, second] = joined.input.as_slice() else {
                    return Err(format!("`{leaf}` does not join two"));
                };
                if joined.attribute.iter().all(|it| it.name != "axis" || it.i != axis) {
                    return Err(format!("`{leaf}` is not joined along axis {axis}"));
                }
                next.extend([first.as_str(), second.as_str()]);
            }
            leaves = next;
        }
        let mut found: Option<&str> = None;
        let repeats = leaves[..4] == leaves[4..];
        for (place, leaf) in leaves.iter().enumerate() {
            let open = self.graph.node(leaf, "Unsqueeze")?;
            let cut = self.graph.node(&open.input[0], "Slice")?;
            let axes = [self.graph.integers(&open.input[1])?, self.graph.integers(&cut.input[3])?];
            let known = axes[0].values == [3, 5, 7] && axes[1].values == [1, 2, 3, 4];
            if !known || *found.get_or_insert(&cut.input[0]) != cut.input[0] {
                return Err(format!("`{leaf}` is cut otherwise"));
            }
            self.check_cut(cut, place, repeats)?;
        }
        let rectified = self.graph.node(found.unwrap_or_default(), "Relu")?;
        self.graph.node(&rectified.input[0], "Conv")
    }

    /// Refuses a slice that is not the phase of a place, `4 slice + 2 row + column`.
    fn check_cut(&self, cut: &NodeProto, place: usize, repeats: bool) -> Result<(), Unknown> {
        let [starts, ends] = [&cut.input[1], &cut.input[2]]
            .map(|name| self.graph.integers(name).map(|it| it.values));
        let (starts, ends) = (starts?, ends?);
        let [slice, row, column] = [place / 4, place / 2 % 2, place % 2];
        let slice = if repeats { 0 } else { slice };
        let phase = (4 * slice + 2 * row + column) as i64;
        let bits = [slice, row, column].map(|bit| bit as i64);
        let first = starts.first().copied().unwrap_or_default();
        let n_channels = ends.first().copied().unwrap_or_default() - first;
        let ends_fit = ends.iter().skip(1).zip(bits).enumerate().all(|(axis, (&end, bit))| {
            let whole = bit == 1 || (axis == 0 && repeats);
            if whole { end > i64::from(i32::MAX) / 2 } else { end == -1 }
        });
        let fits = starts.len() == 4
            && ends.len() == 4
            && n_channels > 0
            && first == phase * n_channels
            && starts[1..] == bits
            && ends_fit;
        if fits { Ok(()) } else { Err(format!("`{}` is not phase {phase}", cut.name)) }
    }
}

fn only<T: Copy>(constant: Constant<T>) -> Result<T, Unknown> {
    match constant.values.as_slice() {
        [value] => Ok(*value),
        _ => Err("a step for each channel of a tensor".to_owned()),
    }
}
