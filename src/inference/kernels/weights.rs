//! Weights as the kernels read them.

use super::products::CHANNELS;
use super::vector::Terms;

/// Where a tap is, `[slice, row, column]`, each -1, 0 or 1.
pub type Tap = [isize; 3];

/// One convolution's weights: a whole one, or what one place inside a coarse voxel gets of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Groups of input channels.
    pub n_groups: usize,
    /// Taps of each group.
    pub taps: Vec<Tap>,
    /// `[quad][group][tap][channel]`, a unit each.
    pub units: Vec<u32>,
    /// A quad of output channels each.
    pub terms: Vec<Terms>,
}

impl Weights {
    /// Packs weights whose unit for `[output channel, group, tap]` is `unit(..)`.
    ///
    /// # Panics
    /// When there are no output channels for the terms.
    pub fn pack(
        n_groups: usize,
        taps: Vec<Tap>,
        terms: Vec<Terms>,
        unit: impl Fn([usize; 3]) -> u32,
    ) -> Self {
        assert!(!terms.is_empty(), "a convolution has output channels");
        let mut units = Vec::with_capacity(terms.len() * n_groups * taps.len() * CHANNELS);
        for quad in 0..terms.len() {
            for group in 0..n_groups {
                for tap in 0..taps.len() {
                    units.extend((0..CHANNELS).map(|n| unit([quad * CHANNELS + n, group, tap])));
                }
            }
        }
        Self { n_groups, taps, units, terms }
    }

    /// Units of weights for four output channels.
    pub(super) fn quad(&self) -> usize {
        self.n_groups * self.taps.len() * CHANNELS
    }
}
