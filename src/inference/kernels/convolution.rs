//! What is convolved: shapes and weights that fit each other.

use std::sync::Arc;

use super::blocks::Blocks;
use super::instruction_set::Arithmetic;
use super::tile::CHANNELS;
use super::weights::Weights;

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
    /// Nearest upsampling, a convolution and ReLU in sub-pixel form, added to the skip that the output
    /// held before.
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

impl Kind {
    /// All weights: one, or one a place inside a coarse voxel.
    pub(super) fn weights(&self) -> &[Weights] {
        match self {
            Self::Plain { weights, .. } | Self::Logits { weights } => std::slice::from_ref(weights),
            Self::Upsampled { phases } => phases,
        }
    }

    /// Voxels of the input from one job's or row's to the next.
    pub(super) fn stride(&self) -> usize {
        if let Self::Plain { stride, .. } = self { *stride } else { 1 }
    }
}

/// One convolution for an input of a shape.
#[derive(Debug, Clone)]
pub struct Convolution {
    pub(super) kind: Arc<Kind>,
    pub(super) arithmetic: Arithmetic,
    pub(super) input: Blocks,
    pub(super) output: Blocks,
    /// How far each tap of each group is from a place, units; those of each phase.
    pub(super) taps: Vec<Vec<isize>>,
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
        let all = kind.weights();
        let n_quads = all.first().map_or(0, |it| it.terms.len());
        let fits = |weights: &Weights| {
            weights.n_groups == input.n_groups
                && weights.terms.len() == n_quads
                && weights.units.len() == n_quads * weights.quad()
                && weights.taps.iter().flatten().all(|step| (-1..=1).contains(step))
        };
        let kind_fits = match &*kind {
            Kind::Plain { stride, .. } => matches!(stride, 1 | 2),
            Kind::Upsampled { phases } => matches!(phases.len(), 4 | 8),
            // Of several, each would write the same voxels.
            Kind::Logits { .. } => n_quads == 1,
        };
        assert!(
            kind_fits && n_quads > 0 && !input.shape.contains(&0) && all.iter().all(fits),
            "weights of another input than {input:?}"
        );
        let (n_groups, shape) = match &*kind {
            Kind::Plain { stride, .. } => {
                (n_quads * units, input.shape.map(|side| side.div_ceil(*stride)))
            }
            Kind::Upsampled { .. } => (n_quads * units, input.shape.map(|side| 2 * side)),
            Kind::Logits { .. } => (1, input.shape),
        };
        let offsets = |weights: &Weights| {
            let taps = |group| weights.taps.iter().map(move |tap| input.offset(group, *tap));
            (0..weights.n_groups).flat_map(taps).collect()
        };
        let taps = all.iter().map(offsets).collect();
        Self { arithmetic, input, output: Blocks { n_groups, shape }, taps, kind }
    }

    /// Shape of the output.
    #[must_use]
    pub fn output(&self) -> Blocks {
        self.output
    }

    /// Units of the output: a tensor with its border, or dense logits.
    pub(super) fn n_output_units(&self) -> usize {
        match *self.kind {
            Kind::Logits { .. } => self.output.shape.iter().product(),
            Kind::Plain { .. } | Kind::Upsampled { .. } => self.output.n_units(),
        }
    }

    /// Output channels in quads; the logits' quad has one that counts.
    pub(super) fn n_quads(&self) -> usize {
        self.kind.weights()[0].terms.len()
    }

    /// Slices that may be computed each by itself.
    pub(super) fn n_slices(&self) -> usize {
        match *self.kind {
            Kind::Upsampled { .. } => self.input.shape[0],
            Kind::Plain { .. } | Kind::Logits { .. } => self.output.shape[0],
        }
    }

    /// How far past its own slice the last one is that a slice needs.
    pub(super) fn reach(&self) -> usize {
        let steps = self.kind.weights().iter().flat_map(|it| &it.taps).map(|tap| tap[0]);
        steps.max().map_or(0, isize::cast_unsigned)
    }
}
