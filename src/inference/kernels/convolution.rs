//! What is convolved: shapes and weights that fit each other.

use std::sync::Arc;

use super::blocks::Blocks;
use super::instruction_set::Arithmetic;
use super::products::CHANNELS;
use super::weights::{Tap, Weights};

/// The two kinds that the networks are made of.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Padded by one, with ReLU; a stride of 1, or of 2 on all axes.
    Plain {
        /// The weights.
        weights: Weights,
        /// 1 or 2.
        stride: usize,
    },
    /// Nearest upsampling, a convolution and ReLU in sub-pixel form, added to the skip.
    Upsampled {
        /// One of each place inside a coarse voxel, column fastest; four where slices are repeated.
        phases: Vec<Weights>,
        /// Weights of one tap that make one channel of the sum, without ReLU: the output is then that
        /// alone, as f32 without a border. Only their first channel counts.
        logits: Option<Weights>,
    },
}

impl Kind {
    /// All weights but those of logits: one, or one a place inside a coarse voxel.
    pub(super) fn weights(&self) -> &[Weights] {
        match self {
            Self::Plain { weights, .. } => std::slice::from_ref(weights),
            Self::Upsampled { phases, .. } => phases,
        }
    }

    /// Whether logits are all that is kept.
    #[must_use]
    pub fn has_logits(&self) -> bool {
        self.logits().is_some()
    }

    pub(super) fn logits(&self) -> Option<&Weights> {
        if let Self::Upsampled { logits, .. } = self { logits.as_ref() } else { None }
    }

    /// Voxels of the input from one job's or row's to the next.
    pub(super) fn stride(&self) -> usize {
        if let Self::Plain { stride, .. } = self { *stride } else { 1 }
    }

    fn is_consistent(&self, units: usize) -> bool {
        let n_quads = self.weights().first().map_or(0, |it| it.terms.len());
        let fits = |weights: &Weights| {
            weights.n_groups == self.weights()[0].n_groups
                && weights.terms.len() == n_quads
                && weights.units.len() == n_quads * weights.quad()
                && weights.taps.iter().flatten().all(|step| (-1..=1).contains(step))
        };
        let kind_fits = match self {
            Self::Plain { stride, .. } => matches!(stride, 1 | 2),
            Self::Upsampled { phases, logits: None } => matches!(phases.len(), 4 | 8),
            Self::Upsampled { phases, logits: Some(it) } => {
                phases.len() == 8
                    && it.taps == [[0; 3]]
                    && it.n_groups == n_quads * units
                    && it.terms.len() == 1
                    && it.units.len() == it.quad()
            }
        };
        kind_fits && n_quads > 0 && self.weights().iter().all(fits)
    }
}

/// One convolution for an input of a shape.
#[derive(Debug, Clone)]
pub struct Convolution {
    pub(super) kind: Arc<Kind>,
    pub(super) arithmetic: Arithmetic,
    pub(super) input: Blocks,
    pub(super) output: Blocks,
    /// What the sums are added to; of the output's shape, and without logits the same.
    pub(super) skip: Blocks,
    /// Slices that may be computed each by itself.
    pub(super) n_slices: usize,
    /// How far each tap of each group is from a place, units, for each phase; one of these for each slice of
    /// a ring.
    pub(super) taps: Vec<Vec<Vec<isize>>>,
    /// Whether the input is a ring: see [`Convolution::through_ring`].
    pub(super) is_fed: bool,
}

impl Convolution {
    /// Fits weights to an input.
    ///
    /// # Panics
    /// When they were made for another one, or do not fit each other.
    #[must_use]
    pub fn new(kind: Arc<Kind>, arithmetic: Arithmetic, input: Blocks) -> Self {
        let units = match arithmetic {
            Arithmetic::Int8 => 1,
            Arithmetic::Float => CHANNELS,
        };
        assert!(
            kind.is_consistent(units)
                && !input.shape.contains(&0)
                && kind.weights()[0].n_groups == input.n_groups,
            "weights of another input than {input:?}"
        );
        let n_groups = kind.weights()[0].terms.len() * units;
        let (n_slices, shape) = match &*kind {
            Kind::Plain { stride, .. } => {
                let shape = input.shape.map(|side| side.div_ceil(*stride));
                (shape[0], shape)
            }
            Kind::Upsampled { .. } => (input.shape[0], input.shape.map(|side| 2 * side)),
        };
        let skip = Blocks { n_groups, shape };
        let output = if kind.has_logits() { Blocks { n_groups: 1, shape } } else { skip };
        let taps = vec![offsets(&kind, &input, |tap| tap)];
        Self { arithmetic, input, output, skip, n_slices, taps, is_fed: false, kind }
    }

    /// A convolution and the one that reads what it gives, with only as many slices between them as the
    /// latter sees at once: slice `n` of that tensor lies where slice `n % n_slots` of the ring is, and the
    /// ring is the output of the first and the input of the second.
    ///
    /// # Panics
    /// When one does not give what the other reads, or these are not plain convolutions, the second of stride 1.
    pub(super) fn through_ring(mut self, mut next: Self) -> [Self; 2] {
        let is_plain = matches!(*self.kind, Kind::Plain { .. })
            && matches!(*next.kind, Kind::Plain { stride: 1, .. });
        assert!(is_plain && self.output == next.input, "no convolutions that follow each other");
        let n_slots = 2 * next.reach() + 1;
        let [_, n_rows, n_columns] = next.input.shape;
        let ring = Blocks { shape: [n_slots, n_rows, n_columns], ..next.input };
        let around = |slot: usize, [slice, row, column]: Tap| {
            let from = (slot.cast_signed() + slice).rem_euclid(n_slots.cast_signed());
            [from - slot.cast_signed(), row, column]
        };
        next.taps =
            (0..n_slots).map(|slot| offsets(&next.kind, &ring, |tap| around(slot, tap))).collect();
        next.is_fed = true;
        (self.output, next.input) = (ring, ring);
        [self, next]
    }

    /// Shape of the output.
    #[must_use]
    pub fn output(&self) -> Blocks {
        self.output
    }

    /// Whether something is added to what it gives.
    pub(super) fn adds(&self) -> bool {
        matches!(*self.kind, Kind::Upsampled { .. })
    }

    /// Units of the output: a tensor with its border, or dense logits.
    pub(super) fn n_output_units(&self) -> usize {
        if self.kind.has_logits() {
            self.output.shape.iter().product()
        } else {
            self.output.n_units()
        }
    }

    /// Output channels in quads, or those that logits are made of.
    pub(super) fn n_quads(&self) -> usize {
        self.kind.weights()[0].terms.len()
    }

    /// How far from its own slice those are that one needs.
    #[must_use]
    pub fn reach(&self) -> usize {
        let steps = self.kind.weights().iter().flat_map(|it| &it.taps).map(|tap| tap[0]);
        steps.map(isize::unsigned_abs).max().unwrap_or(0)
    }
}

/// Taps of each phase and group as distances in a tensor.
fn offsets(kind: &Kind, input: &Blocks, tap: impl Fn(Tap) -> Tap) -> Vec<Vec<isize>> {
    let of_weights = |weights: &Weights| {
        let taps = |group| weights.taps.iter().map(move |it| (group, *it));
        let all = (0..weights.n_groups).flat_map(taps);
        all.map(|(group, it)| input.offset(group, tap(it))).collect()
    };
    kind.weights().iter().map(of_weights).collect()
}
