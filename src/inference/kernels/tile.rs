//! A few quads of channels at a few places: their sums, and where these go.

use std::array;
use std::marker::PhantomData;

use super::blocks::Blocks;
use super::convolution::{Convolution, Kind};
use super::place::Place;
use super::products::{CHANNELS, sums};
use super::vector::{LaneRange, Lanes, Task, Vector};
use super::work::{Job, Work};

/// `Q` quads from `quad` on at `P` places of a job.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, L, const Q: usize, const P: usize> {
    pub(super) work: Work<'a>,
    pub(super) job: Job,
    pub(super) places: [Place; P],
    /// Of phases, where there are any.
    pub(super) pair: usize,
    pub(super) quad: usize,
    lanes: PhantomData<L>,
}

impl<'a, L: Lanes, const Q: usize, const P: usize> Tile<'a, L, Q, P> {
    pub(super) fn new(
        work: Work<'a>,
        job: Job,
        places: [Place; P],
        pair: usize,
        quad: usize,
    ) -> Self {
        Self { work, job, places, pair, quad, lanes: PhantomData }
    }

    /// Sums of a phase, `[place][quad][channel]`.
    ///
    /// # Safety
    /// As for [`Work::job`], with `EVEN` for a stride of 2.
    #[inline(always)]
    pub(super) unsafe fn sums<const EVEN: bool>(
        &self,
        phase: usize,
    ) -> [[[L::Sums; CHANNELS]; Q]; P] {
        let Convolution { kind, input, taps, .. } = self.work.convolution;
        let weights = &kind.weights()[phase];
        let stride = 1 + usize::from(EVEN);
        // SAFETY: the caller's promises; border and slack are read beyond the voxels.
        unsafe {
            let from = self.places.map(|place| {
                let at = [self.job.read, stride * place.row, stride * place.column];
                self.work.input.add(input.at(0, at))
            });
            let all = weights.units.as_ptr();
            let of_quads = array::from_fn(|q| all.add((self.quad + q) * weights.quad()));
            sums::<L, Q, P, EVEN>(from, self.job.next, &taps[self.job.slot][phase], of_quads)
        }
    }

    /// A convolution whose sums become the next tensor as they are.
    #[inline(always)]
    unsafe fn plain<const EVEN: bool>(&self) {
        let output = &self.work.convolution.output;
        let weights = &self.work.convolution.kind.weights()[0];
        let at = |q: usize, row: usize, column: usize| {
            let group = (self.quad + q) * L::UNITS;
            self.work.output.wrapping_add(output.at(group, [self.job.write, row, column]))
        };
        for place in self.places {
            for q in 0..Q {
                prefetch_groups::<L>(at(q, place.row, place.column), output);
            }
        }
        // SAFETY: the caller's promises; places and channels are inside the tensors.
        unsafe {
            let sums = self.sums::<EVEN>(0);
            for (place, sums) in self.places.into_iter().zip(sums) {
                for (q, sums) in sums.into_iter().enumerate() {
                    let units = L::finish(sums, &weights.terms[self.quad + q], None);
                    for it in self.job.dealing.segments(place) {
                        let to = at(q, it.row, it.column);
                        let lanes = LaneRange { first: it.lane, n: it.n };
                        for (n, units) in units.into_iter().enumerate().take(L::UNITS) {
                            L::V::store_lanes(to.add(n * output.group()), units, lanes);
                        }
                    }
                }
            }
        }
    }
}

impl<L: Lanes, const Q: usize, const P: usize> Task for Tile<'_, L, Q, P> {
    #[inline(always)]
    unsafe fn run(self) {
        // SAFETY: the caller's promises.
        unsafe {
            match &*self.work.convolution.kind {
                Kind::Plain { stride: 1, .. } => self.plain::<false>(),
                Kind::Plain { .. } => self.plain::<true>(),
                Kind::Upsampled { .. } => self.upsampled(),
            }
        }
    }
}

/// Asks for a vector of each of a quad's groups.
#[inline(always)]
pub(super) fn prefetch_groups<L: Lanes>(from: *const u32, blocks: &Blocks) {
    for n in 0..L::UNITS {
        L::V::prefetch(from.wrapping_add(n * blocks.group()));
    }
}
