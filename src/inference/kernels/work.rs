//! One slice of a convolution, cut into tiles.

use std::array;
use std::ops::Range;

use super::blocks::Blocks;
use super::convolution::{Convolution, Kind};
use super::place::{Dealing, Place};
use super::tile::Tile;
use super::upsampled::LogitsTile;
use super::vector::{Lanes, Vector};

/// One convolution and the tensors that it is computed between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) convolution: &'a Convolution,
    pub(super) input: *const u32,
    /// What is added; without meaning to a convolution that adds nothing.
    pub(super) skip: *const u32,
    pub(super) output: *mut u32,
}

// SAFETY: threads compute slices and quads of their own and share only what is read.
unsafe impl Sync for Work<'_> {}

/// Some quads of a slice, dealt to vectors.
#[derive(Clone, Copy)]
pub(super) struct Job {
    /// The slice of the input that its first tap is counted from.
    pub(super) read: usize,
    /// The taps that are meant for it there.
    pub(super) slot: usize,
    /// The first slice of the output that it writes.
    pub(super) write: usize,
    first_quad: usize,
    end_quad: usize,
    pub(super) dealing: Dealing,
    /// Where the second half of a strided vector comes from.
    pub(super) next: usize,
    /// The slice that the next job reads and this one does not.
    new_slice: usize,
}

impl Work<'_> {
    /// Computes some quads of one of `Convolution::n_slices`; for logits, all of them.
    ///
    /// # Safety
    /// `L`'s instructions exist, tensors have the shapes that the convolution says, nobody else computes
    /// these quads of this slice or writes what it reads.
    pub(super) unsafe fn job<L: Lanes>(&self, slice: usize, quads: Range<usize>) {
        let Convolution { kind, input, output, .. } = self.convolution;
        let sides = |blocks: &Blocks| [blocks.shape[1], blocks.shape[2]];
        let stride = kind.stride();
        let (dealing, write) = match &**kind {
            Kind::Plain { stride: 2, .. } => (Dealing::strided(sides(output), L::V::N), slice),
            Kind::Plain { .. } => (Dealing::dense(sides(output), L::V::N), slice),
            Kind::Upsampled { .. } => (Dealing::dense(sides(input), L::V::N), 2 * slice),
        };
        // Tensors that are rings have fewer slices than there are.
        let read = stride * slice % input.shape[0];
        let job = Job {
            read,
            slot: read % self.convolution.taps.len(),
            write: write % output.shape[0],
            first_quad: quads.start,
            end_quad: quads.end,
            dealing,
            next: if dealing.is_paired() { 2 * input.row() } else { L::V::N },
            new_slice: stride * (slice + 1) + self.convolution.reach(),
        };
        let n_places = dealing.n_places();
        // One pair of phases after the other, so that its weights stay in the first cache.
        for pair in 0..kind.weights().len().div_ceil(2) {
            let mut at = 0;
            while at < n_places {
                // As many places at once as registers hold and are left.
                // SAFETY: the caller's promises.
                at += unsafe {
                    match (n_places - at).min(L::V::POSITIONS) {
                        3.. => self.places::<L, 3>(job, pair, at),
                        2 => self.places::<L, 2>(job, pair, at),
                        _ => self.places::<L, 1>(job, pair, at),
                    }
                };
            }
        }
    }

    /// All quads of a pair of phases at some places; how many these are.
    #[inline(always)]
    unsafe fn places<L: Lanes, const P: usize>(
        &self,
        job: Job,
        pair: usize,
        first: usize,
    ) -> usize {
        let places: [Place; P] = array::from_fn(|p| job.dealing.place(first + p));
        if pair == 0 && !self.convolution.is_fed {
            self.prefetch_next::<L, P>(job, places);
        }
        // SAFETY: the caller's promises.
        unsafe {
            if self.convolution.kind.has_logits() {
                L::V::compiled(LogitsTile::<L, P>::new(*self, job, places, pair));
                return P;
            }
            let mut quad = job.first_quad;
            while quad < job.end_quad {
                // An instruction set has one or two.
                if L::V::QUADS == 2 && quad + 2 <= job.end_quad {
                    L::V::compiled(Tile::<L, 2, P>::new(*self, job, places, pair, quad));
                    quad += 2;
                } else {
                    L::V::compiled(Tile::<L, 1, P>::new(*self, job, places, pair, quad));
                    quad += 1;
                }
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
}
