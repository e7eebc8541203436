//! ONNX weights as the kernels read them: channels in quads, phases apart, scales and zero points in
//! each quad's terms.

#![allow(
    clippy::cast_possible_truncation,
    reason = "whole numbers of 8 bits in f32, f64 back to the f32 that it was computed from"
)]

use tract_onnx::pb::NodeProto;

use super::kernels::{Kind, Tap, Terms, Weights};
use super::onnx_graph::{Unknown, attribute};

/// A convolution's constants.
pub(super) struct Constants {
    pub(super) shape: [usize; 5],
    /// `[out, in, slice, row, column]`; whole numbers for bytes.
    pub(super) weights: Vec<f32>,
    /// A step for each output channel; 1 for f32.
    pub(super) scales: Vec<f32>,
    pub(super) biases: Vec<f32>,
}

/// What turns ONNX weights into the kernels'.
pub(super) struct Packing<'a> {
    pub(super) constants: &'a Constants,
    pub(super) is_int8: bool,
    pub(super) step_in: f32,
    pub(super) zero_point: u8,
    pub(super) step_out: f32,
    pub(super) step_skip: f32,
}

/// Places inside a coarse voxel, `[slice, row, column]`, column fastest.
const PHASES: [[usize; 3]; 8] =
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]];

fn taps_of([slices, rows, columns]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..slices * rows * columns)
        .map(move |at| [at / (rows * columns), at / columns % rows, at % columns])
}

/// Taps of a kernel of odd sides around its middle.
fn same_taps(kernel: [usize; 3]) -> Vec<([usize; 3], Tap)> {
    let step = |tap: usize, side: usize| tap as isize - (side / 2) as isize;
    taps_of(kernel).map(|tap| (tap, [0, 1, 2].map(|axis| step(tap[axis], kernel[axis])))).collect()
}

impl Packing<'_> {
    /// The kernels' convolution for a node.
    ///
    /// # Errors
    /// What they do not know about it.
    pub(super) fn kind(&self, node: &NodeProto, has_skip: bool) -> Result<Kind, Unknown> {
        let [n_out, n_in, kernel @ ..] = self.constants.shape;
        let pads = kernel.map(|side| i64::from(side > 1));
        let strides = attribute(node, "strides");
        if attribute(node, "pads") != [pads, pads].concat() {
            return Err(format!("`{}` is padded otherwise", node.name));
        }
        let stride = match strides.as_slice() {
            [1, 1, 1] => 1,
            [2, 2, 2] => 2,
            _ => return Err(format!("`{}` has strides {strides:?}", node.name)),
        };
        let phases: &[[usize; 3]] = match (kernel, has_skip) {
            ([3, 3, 3] | [1, 3, 3], false) => {
                let weights = self.weights(0, n_out, &same_taps(kernel));
                return Ok(Kind::Plain { weights, stride });
            }
            ([2, 2, 2], true) if stride == 1 => &PHASES,
            ([1, 2, 2], true) if stride == 1 => &PHASES[..4],
            _ => return Err(format!("`{}` has a kernel of {kernel:?}", node.name)),
        };
        if !n_out.is_multiple_of(4 * phases.len()) || !n_in.is_multiple_of(4) {
            return Err(format!("`{}` has channels that fill no quad", node.name));
        }
        let n_channels = n_out / phases.len();
        let phases = phases.iter().enumerate().map(|(number, place)| {
            // Along an axis of two taps phase 0 sees the voxel before its own, phase 1 the one behind.
            let taps = taps_of(kernel).map(|tap| {
                let step = |a: usize| {
                    if kernel[a] == 2 { tap[a] as isize - 1 + place[a] as isize } else { 0 }
                };
                (tap, [step(0), step(1), step(2)])
            });
            self.weights(number * n_channels, n_channels, &taps.collect::<Vec<_>>())
        });
        Ok(Kind::Upsampled { phases: phases.collect(), logits: None })
    }

    /// The weights that make logits of channels.
    ///
    /// # Errors
    /// When a node does something else.
    pub(super) fn logits(&self, node: &NodeProto) -> Result<Weights, Unknown> {
        let [n_out, _, kernel @ ..] = self.constants.shape;
        let [pads, strides] = ["pads", "strides"].map(|name| attribute(node, name));
        if [n_out, kernel[0], kernel[1], kernel[2]] != [1; 4] || pads != [0; 6] || strides != [1; 3]
        {
            return Err(format!("`{}` makes no logits", node.name));
        }
        Ok(self.weights(0, 1, &same_taps(kernel)))
    }

    /// Output channels `first..first + n` with the taps that they see.
    fn weights(&self, first: usize, n: usize, taps: &[([usize; 3], Tap)]) -> Weights {
        let [_, n_in, ..] = self.constants.shape;
        let terms =
            (0..n.div_ceil(4)).map(|quad| self.terms(first + 4 * quad, first + n)).collect();
        let value = |out: usize, channel: usize, tap: [usize; 3]| {
            if out < n && channel < n_in { self.weight([first + out, channel], tap) } else { 0.0 }
        };
        if !self.is_int8 {
            let steps = taps.iter().map(|(_, step)| *step).collect();
            return Weights::pack(n_in, steps, terms, |[out, channel, tap]| {
                value(out, channel, taps[tap].0).to_bits()
            });
        }
        if n_in == 1 && taps.len().is_multiple_of(3) {
            // The packed volume has three neighbours of a row in a unit.
            let rows: Vec<_> = taps.chunks_exact(3).collect();
            let steps = rows.iter().map(|row| row[1].1).collect();
            return Weights::pack(1, steps, terms, |[out, _, row]| {
                unit(|n| rows[row].get(n).map_or(0.0, |(tap, _)| value(out, 0, *tap)))
            });
        }
        let steps = taps.iter().map(|(_, step)| *step).collect();
        Weights::pack(n_in.div_ceil(4), steps, terms, |[out, group, tap]| {
            unit(|n| value(out, 4 * group + n, taps[tap].0))
        })
    }

    fn weight(&self, [out, channel]: [usize; 2], [slice, row, column]: [usize; 3]) -> f32 {
        let [_, n_in, slices, rows, columns] = self.constants.shape;
        let at = (((out * n_in + channel) * slices + slice) * rows + row) * columns + column;
        self.constants.weights[at]
    }

    /// Of the four channels from `first` on, those before `end`.
    fn terms(&self, first: usize, end: usize) -> Terms {
        let mut terms = Terms { scale: [0.0; 4], bias: [0.0; 4], offset: [0; 4], skip_scale: 1.0 };
        let step_out = f64::from(self.step_out);
        for (n, channel) in (first..end.min(first + 4)).enumerate() {
            let step = f64::from(self.constants.scales[channel]) * f64::from(self.step_in);
            // The zero point's share of every sum is the same, borders have it too.
            let [_, n_in, slices, rows, columns] = self.constants.shape;
            let n_weights = n_in * slices * rows * columns;
            let weights = &self.constants.weights[channel * n_weights..][..n_weights];
            let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
            let bias =
                f64::from(self.constants.biases[channel]) - f64::from(self.zero_point) * sum * step;
            terms.scale[n] = (step / step_out) as f32;
            terms.bias[n] = (bias / step_out) as f32;
            if self.is_int8 {
                terms.offset[n] = 128 * sum as i32;
            }
        }
        terms.skip_scale = (f64::from(self.step_skip) / step_out) as f32;
        terms
    }
}

/// Four weights in a unit, the first in the lowest byte.
fn unit(weight: impl Fn(usize) -> f32) -> u32 {
    u32::from_le_bytes([0, 1, 2, 3].map(|n| (weight(n) as i8).cast_unsigned()))
}
