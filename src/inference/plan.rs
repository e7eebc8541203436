//! A network's layers as steps between buffers, for inputs of one shape.
//!
//! Tensors stay in buffers that the next input uses again: fresh memory for each would cost as much time as
//! the arithmetic.

use std::sync::{Arc, Mutex, PoisonError};

use super::kernels::volume::{Steps, pack_bytes, pack_floats};
use super::kernels::{Blocks, Convolution, InstructionSet, Program, Step};
use super::layers::Layers;
use crate::limits::MODEL_SCRATCH_MAX;

/// A whole network for one shape of input.
#[derive(Debug)]
pub(super) struct Plan {
    volume: Blocks,
    steps: Option<Steps>,
    set: InstructionSet,
    program: Program,
    /// Sets of tensors that nobody computes with.
    idle: Mutex<Vec<Vec<Vec<u32>>>>,
}

impl Plan {
    pub(super) fn new(layers: &Layers, shape: [usize; 3], set: InstructionSet) -> Self {
        let volume = Blocks { n_groups: 1, shape };
        // Number and shape of each tensor: the volume, then what each layer gives.
        let mut tensors = vec![(0, volume)];
        let mut n_tensors = 1;
        let mut steps = Vec::new();
        // A layer whose output only the next one reads, and what it reads itself.
        let mut waiting: Option<(usize, Convolution)> = None;
        for (number, layer) in layers.layers.iter().enumerate() {
            let (input, blocks) = tensors[layer.input];
            let convolution =
                Convolution::new(Arc::clone(&layer.kind), layers.arithmetic(), blocks);
            let output_blocks = convolution.output();
            if layers.feeds_next(number) {
                tensors.push((usize::MAX, output_blocks));
                waiting = Some((input, convolution));
                continue;
            }
            let (input, feeder) = match waiting.take() {
                Some((input, feeder)) => (input, Some(feeder)),
                None => (input, None),
            };
            let skip = layer.skip.map(|skip| tensors[skip].0);
            // Sums are added where the skip is, unless only a channel of them is kept.
            let output = match skip {
                Some(skip) if !layer.kind.has_logits() => skip,
                _ => n_tensors,
            };
            n_tensors = n_tensors.max(output + 1);
            tensors.push((output, output_blocks));
            steps.push(Step { convolution, feeder, input, skip, output });
        }
        let program = Program::new(steps);
        Self { volume, steps: layers.steps, set, program, idle: Mutex::default() }
    }

    /// Sides of its input.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.volume.shape
    }

    /// What it runs on.
    pub(super) fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    /// Logits of a volume.
    pub(super) fn run(&self, values: &[f32]) -> Vec<f32> {
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
