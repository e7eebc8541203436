//! A whole network of convolutions between tensors in memory, on all threads of the current pool.

use std::ops::Range;

use rayon::prelude::*;

use super::convolution::Convolution;
use super::instruction_set::InstructionSet;
use super::work::Work;

/// Jobs that a step is cut into where it can be: enough for each thread of a small machine to end with the
/// others.
const JOBS_MIN: usize = 32;

/// One convolution, and the numbers of the tensors that it reads and writes.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is computed.
    pub convolution: Convolution,
    /// The tensor that it reads.
    pub input: usize,
    /// The tensor that it writes.
    pub output: usize,
}

/// Steps one after the other.
#[derive(Debug)]
pub struct Program {
    steps: Vec<Step>,
    /// Units of each tensor.
    n_units: Vec<usize>,
}

impl Program {
    /// Plans the steps.
    ///
    /// # Panics
    /// When a step writes what it reads, or two steps mean different shapes by one tensor.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        let n_tensors = steps.iter().map(|it| it.input.max(it.output) + 1).max().unwrap_or(0);
        let mut n_units = vec![0; n_tensors];
        for Step { convolution, input, output } in &steps {
            assert_ne!(input, output, "a step writes the tensor that it reads");
            let sizes = [convolution.input.n_units(), convolution.n_output_units()];
            for (tensor, size) in [*input, *output].into_iter().zip(sizes) {
                assert!([0, size].contains(&n_units[tensor]), "tensor {tensor} has two shapes");
                n_units[tensor] = size;
            }
        }
        Self { steps, n_units }
    }

    /// Tensors as steps read and write them: borders, and everything else, are 0.
    #[must_use]
    pub fn tensors(&self) -> Vec<Vec<u32>> {
        self.n_units.iter().map(|n_units| vec![0; *n_units]).collect()
    }

    /// Computes all steps. Borders are left as they are.
    ///
    /// The result is the same for any number of threads.
    ///
    /// # Panics
    /// When a tensor does not have the size that its steps say, or this machine lacks the set.
    pub fn run(&self, set: InstructionSet, tensors: &mut [Vec<u32>]) {
        assert!(set.exists(), "this machine has no {set:?}");
        let n_units: Vec<usize> = tensors.iter().map(Vec::len).collect();
        assert_eq!(n_units, self.n_units, "tensors of other sizes");
        let pointers: Vec<*mut u32> = tensors.iter_mut().map(|it| it.as_mut_ptr()).collect();
        let works = self.steps.iter().map(|Step { convolution, input, output }| Work {
            convolution,
            input: pointers[*input],
            output: pointers[*output],
        });
        let works: Vec<Work> = works.collect();
        // On one of the pool's own threads, so that steps need not wake it one by one.
        rayon::scope(|_| {
            for work in &works {
                let n_runs = n_runs(work.convolution);
                (0..work.convolution.n_slices() * n_runs).into_par_iter().for_each(|job| {
                    let quads = quads(work.convolution.n_quads(), job % n_runs, n_runs);
                    // SAFETY: sizes and the set were checked; each slice's quads come once, and what they
                    // read the steps before have written.
                    unsafe { set.job(work, job / n_runs, quads) };
                });
            }
        });
    }
}

/// Runs that a convolution's quads are cut into. Pairs of quads share what they load and stay together.
fn n_runs(convolution: &Convolution) -> usize {
    JOBS_MIN.div_ceil(convolution.n_slices()).min(convolution.n_quads().div_ceil(2))
}

/// One of a few runs of quads, all of about the same length.
fn quads(n_quads: usize, run: usize, n_runs: usize) -> Range<usize> {
    let n_pairs = n_quads.div_ceil(2);
    let [first, end] = [run, run + 1].map(|run| 2 * (run * n_pairs / n_runs));
    first..end.min(n_quads)
}
