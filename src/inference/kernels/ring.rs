//! Two convolutions at once, with a ring of a few slices between them that stays in the cache.
//!
//! A whole tensor between them would go to memory and come back; at full resolution it is larger than any
//! cache.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::blocks::Blocks;
use super::convolution::Convolution;
use super::instruction_set::InstructionSet;
use super::work::Work;

/// What computes another convolution's input as that goes on.
#[derive(Debug)]
pub(super) struct Feeder {
    pub(super) convolution: Convolution,
    /// Rings that nobody computes with; as many as threads have computed at the same time. Borders are 0.
    idle: Mutex<Vec<Vec<u32>>>,
}

impl Feeder {
    pub(super) fn new(convolution: Convolution) -> Self {
        Self { convolution, idle: Mutex::default() }
    }

    /// Some slices of `work`, whose input is what this gives for what stands as its input.
    ///
    /// # Safety
    /// As for [`Work::job`], of these slices.
    pub(super) unsafe fn run(&self, set: InstructionSet, work: &Work, slices: Range<usize>) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let blocks = self.convolution.output;
        let mut ring = idle.unwrap_or_else(|| vec![0; blocks.n_units()]);
        let reach = work.convolution.reach();
        // Slice `n` has the number `n + reach`: the first ones lie before the tensor.
        let first = slices.start;
        let mut made = first;
        for slice in slices {
            while made <= slice + 2 * reach {
                let n_slots = blocks.shape[0];
                let is_inside = (reach..reach + self.convolution.n_slices).contains(&made);
                if is_inside {
                    let output = ring.as_mut_ptr();
                    let feed = Work { convolution: &self.convolution, output, ..*work };
                    // SAFETY: the caller's promises; the ring is ours alone.
                    unsafe { set.job(&feed, made - reach, 0..self.convolution.n_quads()) };
                } else {
                    clear(&mut ring, &blocks, (made + n_slots - reach) % n_slots);
                }
                made += 1;
            }
            let fed = Work { input: ring.as_ptr(), ..*work };
            // SAFETY: the caller's promises.
            unsafe { set.job(&fed, slice, 0..work.convolution.n_quads()) };
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(ring);
    }
}

/// Makes a slice what lies beyond a tensor.
fn clear(ring: &mut [u32], blocks: &Blocks, slot: usize) {
    for group in ring[..blocks.group() * blocks.n_groups].chunks_exact_mut(blocks.group()) {
        group[(slot + 1) * blocks.slice()..][..blocks.slice()].fill(0);
    }
}
