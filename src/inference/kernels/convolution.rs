//! Convolutions over a whole tensor: which places make a tile, and where its sums go.

use std::array;
use std::sync::Arc;

use super::blocks::Blocks;
use super::instruction_set::Arithmetic;
use super::tile::{CHANNELS, sums};
use super::vector::{Lanes, Terms, Vector};
use super::weights::Weights;

/// One convolution between two tensors.
#[derive(Debug, Clone)]
pub struct Convolution {
    /// What it is.
    pub kind: Arc<Kind>,
    /// Shape of the input.
    pub input: Blocks,
    /// Shape of the output.
    pub output: Blocks,
}

/// The three kinds that the networks are made of.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Padded by one, with ReLU; a stride of 1, or of 2 on all axes.
    Plain {
        /// The weights.
        weights: Weights,
        /// 1 or 2.
        stride: usize,
    },
    /// Nearest upsampling, a convolution and ReLU in sub-pixel form, and the addition of a skip.
    Upsampled {
        /// One of each place inside a coarse voxel, column fastest; four where slices are repeated.
        phases: Vec<Weights>,
    },
    /// One output channel, without ReLU, as f32 without a border.
    Logits {
        /// Weights of one tap; only the first channel counts.
        weights: Weights,
    },
}

impl Convolution {
    /// Refuses tensors and weights that would let a kernel read or write beyond them.
    ///
    /// # Panics
    /// When one does not fit.
    pub(super) fn check(&self, arithmetic: Arithmetic, input: usize, skip: usize, output: usize) {
        let Self { kind, input: from, output: to } = self;
        let units = match arithmetic {
            Arithmetic::Int8 => 1,
            Arithmetic::Float => CHANNELS,
        };
        let n_groups = |weights: &Weights| weights.terms.len() * units;
        let fine = from.shape.map(|side| 2 * side);
        let n_dense: usize = to.shape.iter().product();
        let fits = match &**kind {
            Kind::Plain { weights, stride } => {
                let shape = from.shape.map(|side| side.div_ceil(*stride));
                matches!(stride, 1 | 2)
                    && (to.shape, to.n_groups) == (shape, n_groups(weights))
                    && output == to.n_units()
            }
            Kind::Upsampled { phases } => {
                matches!(phases.len(), 4 | 8)
                    && phases.iter().all(|it| (to.shape, to.n_groups) == (fine, n_groups(it)))
                    && [skip, output] == [to.n_units(); 2]
            }
            Kind::Logits { .. } => to.shape == from.shape && output == n_dense,
        };
        let weights_fit = self.kind.weights().iter().all(|weights| {
            weights.n_groups == from.n_groups
                && !weights.terms.is_empty()
                && weights.units.len() == weights.terms.len() * weights.quad()
                && weights.taps.iter().flatten().all(|step| (-1..=1).contains(step))
        });
        assert!(fits && weights_fit && input == from.n_units(), "tensors of {self:?}");
    }
}

impl Kind {
    /// All weights: one, or one a place inside a coarse voxel.
    fn weights(&self) -> &[Weights] {
        match self {
            Self::Plain { weights, .. } | Self::Logits { weights } => std::slice::from_ref(weights),
            Self::Upsampled { phases } => phases,
        }
    }
}

/// Weights, and where their taps are in units.
type Part<'a> = (&'a Weights, Vec<isize>);

/// Tensors of one convolution that is being computed.
pub(super) struct Work<'a> {
    convolution: &'a Convolution,
    /// One of each phase.
    parts: Vec<Part<'a>>,
    input: *const u32,
    skip: *const u32,
    output: *mut u32,
}

// SAFETY: threads compute slices of their own and share only what is read.
unsafe impl Sync for Work<'_> {}

/// A vector's place in a slice.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    /// Voxels of the row that it still holds.
    n: usize,
}

impl Place {
    /// The `number`-th of a slice of rows of `n_columns`.
    fn of<L: Lanes>(number: usize, n_columns: usize) -> Self {
        let a_row = n_columns.div_ceil(L::V::N);
        let column = number % a_row * L::V::N;
        Self { row: number / a_row, column, n: (n_columns - column).min(L::V::N) }
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(
        convolution: &'a Convolution,
        input: *const u32,
        skip: *const u32,
        output: *mut u32,
    ) -> Self {
        let offsets = |weights: &Weights| {
            let taps =
                |group| weights.taps.iter().map(move |tap| convolution.input.offset(group, *tap));
            (0..weights.n_groups).flat_map(taps).collect()
        };
        let parts =
            convolution.kind.weights().iter().map(|weights| (weights, offsets(weights))).collect();
        Self { convolution, parts, input, skip, output }
    }

    /// Slices that may be computed each by itself.
    pub(super) fn n_slices(&self) -> usize {
        match *self.convolution.kind {
            Kind::Upsampled { .. } => self.convolution.input.shape[0],
            Kind::Plain { .. } | Kind::Logits { .. } => self.convolution.output.shape[0],
        }
    }

    /// Computes one of [`Work::n_slices`].
    ///
    /// # Safety
    /// `L`'s instructions exist, tensors have the shapes that the convolution says, and nobody else
    /// computes this slice.
    #[inline(always)]
    pub(super) unsafe fn slice<L: Lanes>(&self, slice: usize) {
        let coarse = match *self.convolution.kind {
            Kind::Upsampled { .. } => self.convolution.input.shape,
            Kind::Plain { .. } | Kind::Logits { .. } => self.convolution.output.shape,
        };
        let n_places = coarse[1] * coarse[2].div_ceil(L::V::N);
        let mut first = 0;
        while first < n_places {
            // SAFETY: the caller's promises.
            first += unsafe { self.some::<L>(slice, first, n_places - first) };
        }
    }

    /// As many places at once as registers hold and are left; how many.
    #[inline(always)]
    unsafe fn some<L: Lanes>(&self, slice: usize, first: usize, left: usize) -> usize {
        // SAFETY: the caller's promises.
        unsafe {
            match &*self.convolution.kind {
                Kind::Plain { stride, .. } => match (stride, left.min(L::V::POSITIONS)) {
                    (1, 6..) => self.plain::<L, 6, false>(slice, first),
                    (1, 3..) => self.plain::<L, 3, false>(slice, first),
                    (1, 2) => self.plain::<L, 2, false>(slice, first),
                    (1, _) => self.plain::<L, 1, false>(slice, first),
                    (_, 6..) => self.plain::<L, 6, true>(slice, first),
                    (_, 3..) => self.plain::<L, 3, true>(slice, first),
                    (_, 2) => self.plain::<L, 2, true>(slice, first),
                    _ => self.plain::<L, 1, true>(slice, first),
                },
                Kind::Upsampled { .. } => match left.min(L::V::POSITIONS) {
                    6.. => self.upsampled::<L, 6>(slice, first),
                    3.. => self.upsampled::<L, 3>(slice, first),
                    2 => self.upsampled::<L, 2>(slice, first),
                    _ => self.upsampled::<L, 1>(slice, first),
                },
                Kind::Logits { .. } => self.logits::<L>(slice, first),
            }
        }
    }

    #[inline(always)]
    unsafe fn plain<L: Lanes, const P: usize, const EVEN: bool>(
        &self,
        slice: usize,
        first: usize,
    ) -> usize {
        let Convolution { input, output, .. } = self.convolution;
        let stride = 1 + usize::from(EVEN);
        let places: [Place; P] = array::from_fn(|p| Place::of::<L>(first + p, output.shape[2]));
        let part = &self.parts[0];
        // SAFETY: places and channels are inside the tensors, whose border and slack are read beyond.
        unsafe {
            let from = places.map(|place| {
                let at = [slice, place.row, place.column].map(|at| at * stride);
                self.input.add(input.at(0, at))
            });
            for (quad, terms) in part.0.terms.iter().enumerate() {
                let sums = quad_sums::<L, P, EVEN>(from, part, quad);
                for (place, sums) in places.into_iter().zip(sums) {
                    let units = L::finish(sums, terms, None);
                    for (n, units) in units.into_iter().enumerate().take(L::UNITS) {
                        let at = output.at(quad * L::UNITS + n, [slice, place.row, place.column]);
                        L::V::store_some(self.output.add(at), units, place.n);
                    }
                }
            }
        }
        P
    }

    #[inline(always)]
    unsafe fn upsampled<L: Lanes, const P: usize>(&self, slice: usize, first: usize) -> usize {
        let Convolution { input, output, .. } = self.convolution;
        let places: [Place; P] = array::from_fn(|p| Place::of::<L>(first + p, input.shape[2]));
        // SAFETY: places and channels are inside the tensors, whose border and slack are read beyond.
        unsafe {
            let from =
                places.map(|place| self.input.add(input.at(0, [slice, place.row, place.column])));
            for (phase, pair) in self.parts.chunks_exact(2).enumerate() {
                let [even, odd] = [&pair[0], &pair[1]];
                for quad in 0..even.0.terms.len() {
                    let sums = [
                        quad_sums::<L, P, false>(from, even, quad),
                        quad_sums::<L, P, false>(from, odd, quad),
                    ];
                    let terms = [&even.0.terms[quad], &odd.0.terms[quad]];
                    for p in 0..P {
                        let at = [2 * slice, 2 * places[p].row + phase % 2, 2 * places[p].column];
                        let sums = [sums[0][p], sums[1][p]];
                        // Two places of slices inside a coarse voxel, or one for both of them.
                        let slices =
                            if self.parts.len() == 8 { phase / 2..phase / 2 + 1 } else { 0..2 };
                        for fine in slices {
                            let start = output.at(quad * L::UNITS, [at[0] + fine, at[1], at[2]]);
                            self.put_pairs::<L>(sums, terms, start, 2 * places[p].n);
                        }
                    }
                }
            }
        }
        P
    }

    /// Finishes even and odd columns, each with its part of the skip, and writes `n` of them in order.
    #[inline(always)]
    unsafe fn put_pairs<L: Lanes>(
        &self,
        sums: [[L::Sums; CHANNELS]; 2],
        terms: [&Terms; 2],
        start: usize,
        n: usize,
    ) {
        let group = self.convolution.output.group();
        let [n_first, n_second] = [n.min(L::V::N), n.saturating_sub(L::V::N)];
        // SAFETY: the caller's places are inside the output, and the skip has its shape.
        unsafe {
            let mut skips = [[L::V::broadcast(0); 2]; 4];
            for (unit, skip) in skips.iter_mut().enumerate().take(L::UNITS) {
                let from = self.skip.add(start + unit * group);
                let first = L::V::load_some(from, n_first);
                let second = L::V::load_some(from.add(L::V::N), n_second);
                *skip = L::V::deinterleave(first, second);
            }
            let even = L::finish(sums[0], terms[0], Some(skips.map(|pair| pair[0])));
            let odd = L::finish(sums[1], terms[1], Some(skips.map(|pair| pair[1])));
            for unit in 0..L::UNITS {
                let to = self.output.add(start + unit * group);
                let [low, high] = L::V::interleave(even[unit], odd[unit]);
                L::V::store_some(to, low, n_first);
                L::V::store_some(to.add(L::V::N), high, n_second);
            }
        }
    }

    #[inline(always)]
    unsafe fn logits<L: Lanes>(&self, slice: usize, first: usize) -> usize {
        let Convolution { input, output, .. } = self.convolution;
        let [_, n_rows, n_columns] = output.shape;
        let place = Place::of::<L>(first, n_columns);
        let (weights, taps) = &self.parts[0];
        // SAFETY: the place is inside the tensors; the output has no border.
        unsafe {
            let from = self.input.add(input.at(0, [slice, place.row, place.column]));
            let [[sums, ..]] = sums::<L, 1, false>([from], taps, weights.units.as_ptr());
            let terms = &weights.terms[0];
            let at = (slice * n_rows + place.row) * n_columns + place.column;
            let units = L::logits(sums, terms);
            L::V::store_some(self.output.add(at), units, place.n);
        }
        1
    }
}

/// Sums of a quad of output channels.
///
/// # Safety
/// As for [`sums`], of weights that fit their taps.
#[inline(always)]
unsafe fn quad_sums<L: Lanes, const P: usize, const EVEN: bool>(
    places: [*const u32; P],
    (weights, taps): &Part,
    quad: usize,
) -> [[L::Sums; CHANNELS]; P] {
    // SAFETY: the caller's promises.
    unsafe { sums::<L, P, EVEN>(places, taps, weights.units.as_ptr().add(quad * weights.quad())) }
}
