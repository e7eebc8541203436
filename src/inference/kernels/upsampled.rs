//! Tiles of convolutions that make two voxels of each one along every axis.

use std::hint::black_box;
use std::marker::PhantomData;

use super::place::{Place, Segment};
use super::products::CHANNELS;
use super::tile::{Tile, prefetch_groups};
use super::vector::{LaneRange, Lanes, Task, Units, Vector};
use super::weights::Weights;
use super::work::{Job, Work};

/// Something for the even columns of a place's fine voxels, and for the odd ones.
type Columns<T> = [T; 2];

/// A fine slice, and what is added to twice the coarse row.
type Row = [usize; 2];

impl<L: Lanes, const Q: usize, const P: usize> Tile<'_, L, Q, P> {
    /// Writes both columns, added to the skip.
    ///
    /// # Safety
    /// As for [`Work::job`].
    #[inline(always)]
    pub(super) unsafe fn upsampled(&self) {
        let output = self.work.convolution.output;
        // Two places of slices inside a coarse voxel, or one for both of them.
        let is_cube = self.work.convolution.kind.weights().len() == 8;
        let slices = if is_cube { self.pair / 2..self.pair / 2 + 1 } else { 0..2 };
        let rows = slices.map(|fine| [self.job.write + fine, self.pair % 2]);
        rows.clone().for_each(|at| self.prefetch_skip(at));
        // SAFETY: the caller's promises; places and channels are inside the tensors.
        unsafe {
            let sums = self.columns();
            for p in 0..P {
                for (q, at) in (0..Q).flat_map(|q| rows.clone().map(move |at| (q, at))) {
                    let [even, odd] = self.finish(&sums, [p, q], at);
                    for n in 0..L::UNITS {
                        let units = L::V::interleave(even[n], odd[n]);
                        let group = (self.quad + q) * L::UNITS + n;
                        store::<L>(self.job, self.places[p], units, |row, column| {
                            let at = [at[0], 2 * row + at[1], column];
                            self.work.output.wrapping_add(output.at(group, at))
                        });
                    }
                }
            }
        }
    }

    /// Adds what these quads contribute to one channel.
    #[inline(always)]
    unsafe fn add_logits(&self, head: &Weights, logits: &mut [Columns<L::Sums>; P]) {
        let at = [self.job.write + self.pair / 2, self.pair % 2];
        self.prefetch_skip(at);
        // SAFETY: the caller's promises; the head has weights for each group of the skip.
        unsafe {
            let sums = self.columns();
            for (p, logits) in logits.iter_mut().enumerate() {
                for q in 0..Q {
                    let units = self.finish(&sums, [p, q], at);
                    for n in 0..L::UNITS {
                        let group = (self.quad + q) * L::UNITS + n;
                        let factors = L::V::factors(head.units.as_ptr().add(CHANNELS * group));
                        for (sum, units) in logits.iter_mut().zip(units) {
                            *sum = L::add_product::<0>(*sum, units[n], factors);
                        }
                    }
                }
            }
        }
    }

    /// Sums of the phase of even columns and of the one of odd columns.
    #[inline(always)]
    unsafe fn columns(&self) -> Columns<[[[L::Sums; CHANNELS]; Q]; P]> {
        // SAFETY: the caller's promises.
        unsafe {
            let mut even = self.sums::<false>(2 * self.pair);
            // They wait in memory: the other sums need all registers, and the compiler would make some of those
            // wait there with each step of the loop.
            black_box(&mut even);
            [even, self.sums::<false>(2 * self.pair + 1)]
        }
    }

    /// Where a quad's first group of the skip is at a fine voxel.
    #[inline(always)]
    fn skip(&self, q: usize, at: [usize; 3]) -> *const u32 {
        let group = (self.quad + q) * L::UNITS;
        self.work.skip.wrapping_add(self.work.convolution.skip.at(group, at))
    }

    /// Asks for the skip of a fine slice and of every second row.
    #[inline(always)]
    fn prefetch_skip(&self, [slice, row]: Row) {
        let skip = &self.work.convolution.skip;
        for place in self.places {
            for q in 0..Q {
                let from = self.skip(q, [slice, 2 * place.row + row, 2 * place.column]);
                prefetch_groups::<L>(from, skip);
                prefetch_groups::<L>(from.wrapping_add(L::V::N), skip);
            }
        }
    }

    /// Finishes a quad's sums of both columns at a place, each with its part of the skip.
    #[inline(always)]
    unsafe fn finish(
        &self,
        sums: &Columns<[[[L::Sums; CHANNELS]; Q]; P]>,
        [p, q]: [usize; 2],
        [slice, row]: Row,
    ) -> Columns<[Units<L>; 4]> {
        let phases = self.work.convolution.kind.weights();
        let group = self.work.convolution.skip.group();
        // SAFETY: the caller's places are inside the tensors.
        unsafe {
            let mut skips = [[L::V::broadcast(0); 2]; 4];
            for it in self.job.dealing.segments(self.places[p]) {
                let from = self.skip(q, [slice, 2 * it.row + row, 2 * it.column]);
                for (n, skip) in skips.iter_mut().enumerate().take(L::UNITS) {
                    for (half, lanes) in halves::<L>(it).into_iter().enumerate() {
                        let from = from.add(n * group + lanes.from);
                        skip[half] = L::V::load_lanes(skip[half], from, lanes.lanes);
                    }
                }
            }
            for skip in skips.iter_mut().take(L::UNITS) {
                *skip = L::V::deinterleave(skip[0], skip[1]);
            }
            let terms = [0, 1].map(|column| &phases[2 * self.pair + column].terms[self.quad + q]);
            [
                L::finish(sums[0][p][q], terms[0], Some(each(skips, 0))),
                L::finish(sums[1][p][q], terms[1], Some(each(skips, 1))),
            ]
        }
    }
}

/// One channel of all quads at some places, both columns of a pair of phases.
#[derive(Clone, Copy)]
pub(super) struct LogitsTile<'a, L, const P: usize> {
    work: Work<'a>,
    job: Job,
    places: [Place; P],
    pair: usize,
    lanes: PhantomData<L>,
}

impl<'a, L: Lanes, const P: usize> LogitsTile<'a, L, P> {
    pub(super) fn new(work: Work<'a>, job: Job, places: [Place; P], pair: usize) -> Self {
        Self { work, job, places, pair, lanes: PhantomData }
    }

    fn quads<const Q: usize>(&self, quad: usize) -> Tile<'a, L, Q, P> {
        Tile::new(self.work, self.job, self.places, self.pair, quad)
    }
}

impl<L: Lanes, const P: usize> Task for LogitsTile<'_, L, P> {
    #[inline(always)]
    unsafe fn run(self) {
        let Self { work, job, places, pair, .. } = self;
        let [_, n_rows, n_columns] = work.convolution.output.shape;
        let n_quads = work.convolution.n_quads();
        let Some(head) = work.convolution.kind.logits() else { return };
        // SAFETY: the caller's promises; the output has no border.
        unsafe {
            let mut logits = [[L::zero(); 2]; P];
            let mut quad = 0;
            while quad < n_quads {
                // In memory, for the same reason.
                black_box(&mut logits);
                // An instruction set has one or two.
                if L::V::QUADS == 2 && quad + 2 <= n_quads {
                    self.quads::<2>(quad).add_logits(head, &mut logits);
                    quad += 2;
                } else {
                    self.quads::<1>(quad).add_logits(head, &mut logits);
                    quad += 1;
                }
            }
            for (place, [even, odd]) in places.into_iter().zip(logits) {
                let terms = &head.terms[0];
                let units = L::V::interleave(L::logits(even, terms), L::logits(odd, terms));
                store::<L>(job, place, units, |row, column| {
                    let row = (job.write + pair / 2) * n_rows + 2 * row + pair % 2;
                    work.output.wrapping_add(row * n_columns + column)
                });
            }
        }
    }
}

/// Writes a place's fine voxels of one row in order, to where `at` says that a coarse row's fine column is.
///
/// # Safety
/// `L`'s instructions exist, and these places may be written.
#[inline(always)]
unsafe fn store<L: Lanes>(
    job: Job,
    place: Place,
    units: [Units<L>; 2],
    at: impl Fn(usize, usize) -> *mut u32,
) {
    for it in job.dealing.segments(place) {
        let to = at(it.row, 2 * it.column);
        for (half, lanes) in halves::<L>(it).into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { L::V::store_lanes(to.add(lanes.from), units[half], lanes.lanes) };
        }
    }
}

/// Lanes of one of two vectors, and how many voxels of their segment lie before them.
#[derive(Clone, Copy)]
struct Half {
    lanes: LaneRange,
    from: usize,
}

/// Where the fine voxels of a segment lie in two vectors.
#[inline(always)]
fn halves<L: Lanes>(it: Segment) -> [Half; 2] {
    let both = LaneRange { first: 2 * it.lane, n: 2 * it.n };
    let [low, high] = [both.within(0, L::V::N), both.within(L::V::N, L::V::N)];
    [Half { lanes: low, from: 0 }, Half { lanes: high, from: low.n }]
}

#[inline(always)]
fn each<T: Copy>(pairs: [[T; 2]; 4], at: usize) -> [T; 4] {
    [pairs[0][at], pairs[1][at], pairs[2][at], pairs[3][at]]
}
