//! One slice of a convolution: which places make a tile, and where its sums go.

use std::array;
use std::ops::Range;

use super::blocks::Blocks;
use super::convolution::{Convolution, Kind};
use super::place::{Dealing, Place, Segment};
use super::tile::{CHANNELS, sums};
use super::vector::{LaneRange, Lanes, Terms, Vector};

/// One convolution and the tensors that it is computed between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) convolution: &'a Convolution,
    pub(super) input: *const u32,
    pub(super) output: *mut u32,
}

// SAFETY: threads compute slices and quads of their own and share only what is read.
unsafe impl Sync for Work<'_> {}

/// Some quads of a slice, dealt to vectors.
#[derive(Clone, Copy)]
struct Job {
    slice: usize,
    first_quad: usize,
    end_quad: usize,
    dealing: Dealing,
    /// Where the second half of a strided vector comes from.
    next: usize,
    /// The slice that the next job reads and this one does not.
    new_slice: usize,
}

impl Work<'_> {
    /// Computes some quads of one of [`Convolution::n_slices`].
    ///
    /// # Safety
    /// `L`'s instructions exist, tensors have the shapes that the convolution says, nobody else computes
    /// these quads of this slice or writes what it reads.
    #[inline(always)]
    pub(super) unsafe fn job<L: Lanes>(&self, slice: usize, quads: Range<usize>) {
        let Convolution { kind, input, output, .. } = self.convolution;
        let sides = |blocks: &Blocks| [blocks.shape[1], blocks.shape[2]];
        let dealing = match &**kind {
            Kind::Plain { stride: 2, .. } => Dealing::strided(sides(output), L::V::N),
            Kind::Plain { .. } | Kind::Logits { .. } => Dealing::dense(sides(output), L::V::N),
            Kind::Upsampled { .. } => Dealing::dense(sides(input), L::V::N),
        };
        let next = if dealing.is_paired() { 2 * input.row() } else { L::V::N };
        let stride = kind.stride();
        let new_slice = stride * (slice + 1) + self.convolution.reach();
        let (first_quad, end_quad) = (quads.start, quads.end);
        let job = Job { slice, first_quad, end_quad, dealing, next, new_slice };
        let n_places = dealing.n_places();
        let mut at = 0;
        while at < n_places {
            // SAFETY: the caller's promises.
            at += unsafe { self.some_places::<L>(job, at, n_places - at) };
        }
    }

    /// As many places at once as registers hold and are left; how many.
    #[inline(always)]
    unsafe fn some_places<L: Lanes>(&self, job: Job, first: usize, left: usize) -> usize {
        // SAFETY: the caller's promises.
        unsafe {
            match left.min(L::V::POSITIONS) {
                6.. => self.places::<L, 6>(job, first),
                3.. => self.places::<L, 3>(job, first),
                2 => self.places::<L, 2>(job, first),
                _ => self.places::<L, 1>(job, first),
            }
        }
    }

    /// All quads of a job at some places.
    #[inline(always)]
    unsafe fn places<L: Lanes, const P: usize>(&self, job: Job, first: usize) -> usize {
        let places: [Place; P] = array::from_fn(|p| job.dealing.place(first + p));
        self.prefetch_next::<L, P>(job, places);
        // SAFETY: the caller's promises.
        unsafe {
            let mut quad = job.first_quad;
            while quad + L::V::QUADS <= job.end_quad {
                // An instruction set has one or two.
                if L::V::QUADS == 2 {
                    self.quads::<L, 2, P>(job, places, quad);
                } else {
                    self.quads::<L, 1, P>(job, places, quad);
                }
                quad += L::V::QUADS;
            }
            if quad < job.end_quad {
                self.quads::<L, 1, P>(job, places, quad);
            }
        }
        P
    }

    /// Asks for what the next slice will read there and this one does not.
    #[inline(always)]
    fn prefetch_next<L: Lanes, const P: usize>(&self, job: Job, places: [Place; P]) {
        let Convolution { input, .. } = self.convolution;
        let stride = self.convolution.kind.stride();
        for place in places {
            let at = [job.new_slice, stride * place.row, stride * place.column];
            let first = input.at(0, at);
            for group in 0..input.n_groups {
                let at = self.input.wrapping_add(first + group * input.group());
                L::V::prefetch_far(at);
                if stride == 2 {
                    L::V::prefetch_far(at.wrapping_add(L::V::N));
                    let below = at.wrapping_add(input.row());
                    L::V::prefetch_far(below);
                    L::V::prefetch_far(below.wrapping_add(L::V::N));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn quads<L: Lanes, const Q: usize, const P: usize>(
        &self,
        job: Job,
        places: [Place; P],
        quad: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe {
            match &*self.convolution.kind {
                Kind::Plain { stride: 1, .. } => self.plain::<L, Q, P, false>(job, places, quad),
                Kind::Plain { .. } => self.plain::<L, Q, P, true>(job, places, quad),
                Kind::Upsampled { .. } => self.upsampled::<L, Q, P>(job, places, quad),
                Kind::Logits { .. } => self.logits::<L, P>(job, places),
            }
        }
    }

    /// Sums of some quads of a phase's channels.
    ///
    /// # Safety
    /// As for [`sums`], of weights that fit their taps.
    #[inline(always)]
    unsafe fn sums<L: Lanes, const Q: usize, const P: usize, const EVEN: bool>(
        &self,
        part: usize,
        job: Job,
        places: [Place; P],
        quad: usize,
    ) -> [[[L::Sums; CHANNELS]; Q]; P] {
        let Convolution { kind, input, taps, .. } = self.convolution;
        let weights = &kind.weights()[part];
        let stride = 1 + usize::from(EVEN);
        // SAFETY: the caller's promises; border and slack are read beyond the voxels.
        unsafe {
            let from = places.map(|place| {
                let at = [job.slice, place.row, place.column].map(|at| at * stride);
                self.input.add(input.at(0, at))
            });
            let all = weights.units.as_ptr();
            let of_quads = array::from_fn(|q| all.add((quad + q) * weights.quad()));
            sums::<L, Q, P, EVEN>(from, job.next, &taps[part], of_quads)
        }
    }

    #[inline(always)]
    unsafe fn plain<L: Lanes, const Q: usize, const P: usize, const EVEN: bool>(
        &self,
        job: Job,
        places: [Place; P],
        quad: usize,
    ) {
        let output = &self.convolution.output;
        let weights = &self.convolution.kind.weights()[0];
        let at = |q: usize, row: usize, column: usize| {
            let group = (quad + q) * L::UNITS;
            self.output.wrapping_add(output.at(group, [job.slice, row, column]))
        };
        for place in places {
            for q in 0..Q {
                self.prefetch::<L>(at(q, place.row, place.column));
            }
        }
        // SAFETY: places and channels are inside the tensors.
        unsafe {
            let sums = self.sums::<L, Q, P, EVEN>(0, job, places, quad);
            for (place, sums) in places.into_iter().zip(sums) {
                for (q, sums) in sums.into_iter().enumerate() {
                    let units = L::finish(sums, &weights.terms[quad + q], None);
                    for it in job.dealing.segments(place) {
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

    /// Asks for a vector of each of a quad's groups.
    #[inline(always)]
    fn prefetch<L: Lanes>(&self, from: *const u32) {
        for n in 0..L::UNITS {
            L::V::prefetch(from.wrapping_add(n * self.convolution.output.group()));
        }
    }

    #[inline(always)]
    unsafe fn upsampled<L: Lanes, const Q: usize, const P: usize>(
        &self,
        job: Job,
        places: [Place; P],
        quad: usize,
    ) {
        let phases = self.convolution.kind.weights();
        for (phase, pair) in phases.chunks_exact(2).enumerate() {
            // Two places of slices inside a coarse voxel, or one for both of them.
            let slices = if phases.len() == 8 { phase / 2..phase / 2 + 1 } else { 0..2 };
            for place in places {
                for q in 0..Q {
                    for fine in slices.clone() {
                        let at =
                            [2 * job.slice + fine, 2 * place.row + phase % 2, 2 * place.column];
                        let from = self.fine::<L>(quad + q, at);
                        self.prefetch::<L>(from);
                        self.prefetch::<L>(from.wrapping_add(L::V::N));
                    }
                }
            }
            // SAFETY: places and channels are inside the tensors.
            unsafe {
                let sums = [
                    self.sums::<L, Q, P, false>(2 * phase, job, places, quad),
                    self.sums::<L, Q, P, false>(2 * phase + 1, job, places, quad),
                ];
                for p in 0..P {
                    for q in 0..Q {
                        let terms = [&pair[0].terms[quad + q], &pair[1].terms[quad + q]];
                        let sums = [sums[0][p][q], sums[1][p][q]];
                        for fine in slices.clone() {
                            let at = [2 * job.slice + fine, phase % 2];
                            self.put_pairs::<L>(job, sums, terms, places[p], quad + q, at);
                        }
                    }
                }
            }
        }
    }

    /// Where a quad's first group of a fine voxel is.
    #[inline(always)]
    fn fine<L: Lanes>(&self, quad: usize, at: [usize; 3]) -> *mut u32 {
        self.output.wrapping_add(self.convolution.output.at(quad * L::UNITS, at))
    }

    /// Finishes even and odd columns, each with its part of the skip, and writes them in order.
    #[inline(always)]
    unsafe fn put_pairs<L: Lanes>(
        &self,
        job: Job,
        sums: [[L::Sums; CHANNELS]; 2],
        terms: [&Terms; 2],
        place: Place,
        quad: usize,
        [slice, row]: [usize; 2],
    ) {
        let group = self.convolution.output.group();
        // SAFETY: the caller's places are inside the output.
        unsafe {
            let mut skips = [[L::V::broadcast(0); 2]; 4];
            for it in job.dealing.segments(place) {
                let from = self.fine::<L>(quad, [slice, 2 * it.row + row, 2 * it.column]);
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
            let even = L::finish(sums[0], terms[0], Some(each(skips, 0)));
            let odd = L::finish(sums[1], terms[1], Some(each(skips, 1)));
            for n in 0..L::UNITS {
                let units = L::V::interleave(even[n], odd[n]);
                for it in job.dealing.segments(place) {
                    let to = self.fine::<L>(quad, [slice, 2 * it.row + row, 2 * it.column]);
                    for (half, lanes) in halves::<L>(it).into_iter().enumerate() {
                        let to = to.add(n * group + lanes.from);
                        L::V::store_lanes(to, units[half], lanes.lanes);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn logits<L: Lanes, const P: usize>(&self, job: Job, places: [Place; P]) {
        let [_, n_rows, n_columns] = self.convolution.output.shape;
        let terms = &self.convolution.kind.weights()[0].terms[0];
        // SAFETY: the places are inside the tensors; the output has no border.
        unsafe {
            let sums = self.sums::<L, 1, P, false>(0, job, places, 0);
            for (place, [sums]) in places.into_iter().zip(sums) {
                let units = L::logits(sums[0], terms);
                for it in job.dealing.segments(place) {
                    let at = (job.slice * n_rows + it.row) * n_columns + it.column;
                    let lanes = LaneRange { first: it.lane, n: it.n };
                    L::V::store_lanes(self.output.add(at), units, lanes);
                }
            }
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
