//! The innermost loop: sums of four output channels at a few places, kept in registers.

use super::vector::{Lanes, Vector};

/// Output channels a tile.
pub(super) const CHANNELS: usize = 4;

/// Sums of four channels at `P` places, each a vector of voxels.
///
/// `weights` are `[tap][channel]`, a unit each; a tap's voxel lies `taps[tap]` units from its place.
/// With `EVEN` a place's voxels are every second one of a row.
///
/// # Safety
/// `L`'s instructions exist, every place is good for reading at every tap, a vector of units or with `EVEN`
/// two, and there are four units of weights a tap.
#[inline(always)]
pub(super) unsafe fn sums<L: Lanes, const P: usize, const EVEN: bool>(
    places: [*const u32; P],
    taps: &[isize],
    weights: *const u32,
) -> [[L::Sums; CHANNELS]; P] {
    // SAFETY: the caller's promises, which are those of each method.
    unsafe {
        let mut sums = [[L::zero(); CHANNELS]; P];
        let mut weight = weights;
        for &tap in taps {
            let mut factors = [L::V::broadcast(0); CHANNELS];
            for (channel, factor) in factors.iter_mut().enumerate() {
                *factor = L::V::broadcast(*weight.add(channel));
            }
            for (sums, place) in sums.iter_mut().zip(places) {
                let mut units = L::V::load(place.offset(tap));
                if EVEN {
                    let next = L::V::load(place.offset(tap).add(L::V::N));
                    [units, _] = L::V::deinterleave(units, next);
                }
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum = L::add_product(*sum, units, factor);
                }
            }
            weight = weight.add(CHANNELS);
        }
        sums
    }
}
