//! A whole network of convolutions between tensors in memory, on all threads of the current pool.

use std::ops::Range;

use rayon::prelude::*;

use super::convolution::Convolution;
use super::instruction_set::InstructionSet;
use super::ring::Feeder;
use super::work::Work;

/// Jobs that a step is cut into where it can be: enough for each thread of a small machine to end with the
/// others.
const JOBS_MIN: usize = 32;

/// Runs of slices for each thread, where a run computes some slices of its input that its neighbours do too.
const RUNS_A_THREAD: usize = 2;

/// One convolution, and the numbers of the tensors that it reads and writes.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is computed.
    pub convolution: Convolution,
    /// What computes its input, where that is no tensor.
    pub feeder: Option<Convolution>,
    /// The tensor that it reads, or its feeder.
    pub input: usize,
    /// The tensor that is added; it may be the output.
    pub skip: Option<usize>,
    /// The tensor that it writes.
    pub output: usize,
}

/// A step as it is computed.
#[derive(Debug)]
struct Stage {
    convolution: Convolution,
    feeder: Option<Feeder>,
    /// Numbers of tensors; that of the skip is the output's where there is none.
    input: usize,
    skip: usize,
    output: usize,
}

/// Steps one after the other.
#[derive(Debug)]
pub struct Program {
    stages: Vec<Stage>,
    /// Units of each tensor.
    n_units: Vec<usize>,
}

impl Program {
    /// Plans the steps.
    ///
    /// # Panics
    /// When a step writes what it reads or lacks what it adds, or two steps mean different shapes by one tensor.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        let tensors = |it: &Step| [Some(it.input), it.skip, Some(it.output)];
        let numbers = steps.iter().flat_map(tensors).flatten();
        let mut n_units = vec![0; numbers.max().map_or(0, |last| last + 1)];
        for step @ Step { convolution, feeder, input, skip, output } in &steps {
            assert_ne!(input, output, "a step writes the tensor that it reads");
            assert_eq!(skip.is_some(), convolution.adds(), "something is added or not");
            let reader = feeder.as_ref().unwrap_or(convolution);
            let skip_units = convolution.skip.n_units();
            let sizes = [reader.input.n_units(), skip_units, convolution.n_output_units()];
            for (tensor, size) in tensors(step).into_iter().zip(sizes) {
                let Some(tensor) = tensor else { continue };
                assert!([0, size].contains(&n_units[tensor]), "tensor {tensor} has two shapes");
                n_units[tensor] = size;
            }
        }
        Self { stages: steps.into_iter().map(Stage::new).collect(), n_units }
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
        let works = self.stages.iter().map(|Stage { convolution, feeder, input, skip, output }| {
            let [input, skip, output] = [*input, *skip, *output].map(|it| pointers[it]);
            (Work { convolution, input, skip, output }, feeder.as_ref())
        });
        let works: Vec<(Work, Option<&Feeder>)> = works.collect();
        // On one of the pool's own threads, so that steps need not wake it one by one.
        rayon::scope(|_| {
            for (work, feeder) in &works {
                // SAFETY: sizes and the set were checked, and what a stage reads those before have written.
                unsafe {
                    match feeder {
                        Some(feeder) => run_fed(set, work, feeder),
                        None => run_alone(set, work),
                    }
                }
            }
        });
    }
}

impl Stage {
    fn new(step: Step) -> Self {
        let Step { convolution, feeder, input, skip, output } = step;
        let skip = skip.unwrap_or(output);
        let Some(feeder) = feeder else {
            return Self { convolution, feeder: None, input, skip, output };
        };
        let [feeder, convolution] = feeder.through_ring(convolution);
        Self { convolution, feeder: Some(Feeder::new(feeder)), input, skip, output }
    }
}

/// A convolution of a tensor.
///
/// # Safety
/// As for [`Work::job`], of all slices.
unsafe fn run_alone(set: InstructionSet, work: &Work) {
    let Convolution { n_slices, .. } = work.convolution;
    let n_runs = n_runs(work.convolution);
    (0..n_slices * n_runs).into_par_iter().for_each(|job| {
        let quads = quads(work.convolution.n_quads(), job % n_runs, n_runs);
        // SAFETY: the caller's promises; each slice's quads come once.
        unsafe { set.job(work, job / n_runs, quads) };
    });
}

/// A convolution of what another one gives.
///
/// # Safety
/// As for [`Work::job`], of all slices of both.
unsafe fn run_fed(set: InstructionSet, work: &Work, feeder: &Feeder) {
    let Convolution { n_slices, .. } = *work.convolution;
    let n_runs = match (work.convolution.reach(), rayon::current_num_threads()) {
        (0, _) => n_slices,
        (_, 1) => 1,
        (_, n_threads) => n_slices.min(RUNS_A_THREAD * n_threads),
    };
    (0..n_runs).into_par_iter().for_each(|run| {
        let [first, end] = [run, run + 1].map(|run| run * n_slices / n_runs);
        // SAFETY: the caller's promises; each slice comes once.
        unsafe { feeder.run(set, work, first..end) };
    });
}

/// Runs that a convolution's quads are cut into. Pairs of quads share what they load and stay together.
fn n_runs(convolution: &Convolution) -> usize {
    if convolution.kind.has_logits() {
        return 1;
    }
    JOBS_MIN.div_ceil(convolution.n_slices).min(convolution.n_quads().div_ceil(2))
}

/// One of a few runs of quads, all of about the same length.
fn quads(n_quads: usize, run: usize, n_runs: usize) -> Range<usize> {
    let n_pairs = n_quads.div_ceil(2);
    let [first, end] = [run, run + 1].map(|run| 2 * (run * n_pairs / n_runs));
    first..end.min(n_quads)
}
