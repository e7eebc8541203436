//! The innermost loop: sums of a few output channels at a few places, kept in registers.

use super::vector::{Lanes, Units, Vector};

/// Output channels a quad, which share a vector of weights.
pub(super) const CHANNELS: usize = 4;

/// Sums of `Q` quads of channels at `P` places, each a vector of voxels, as `[place][quad][channel]`.
///
/// A quad's weights are `[tap][channel]`, a unit each; a tap's voxel lies `taps[tap]` units from its place.
/// With `EVEN` a place's voxels are every second one of a row, and `next` units on is what the vector's
/// second half is made of.
///
/// # Safety
/// `L`'s instructions exist, every place is good for reading a vector of units at every tap, and with
/// `EVEN` another one `next` units on, and there are four units of weights a tap.
#[inline(always)]
pub(super) unsafe fn sums<L: Lanes, const Q: usize, const P: usize, const EVEN: bool>(
    places: [*const u32; P],
    next: usize,
    taps: &[isize],
    mut weights: [*const u32; Q],
) -> [[[L::Sums; CHANNELS]; Q]; P] {
    // SAFETY: the caller's promises, which are those of each method.
    unsafe {
        let mut sums = [[[L::zero(); CHANNELS]; Q]; P];
        for &tap in taps {
            let mut units = [L::V::broadcast(0); P];
            for (units, place) in units.iter_mut().zip(places) {
                let from = place.offset(tap);
                *units = L::V::load(from);
                if EVEN {
                    [*units, _] = L::V::deinterleave(*units, L::V::load(from.add(next)));
                }
            }
            for (quad, weights) in weights.iter_mut().enumerate() {
                let factors = L::V::factors(*weights);
                *weights = weights.add(CHANNELS);
                // Written out: an instruction may name its lane of weights, and no compiler unrolls that.
                channel::<L, Q, P, 0>(&mut sums, quad, units, factors);
                channel::<L, Q, P, 1>(&mut sums, quad, units, factors);
                channel::<L, Q, P, 2>(&mut sums, quad, units, factors);
                channel::<L, Q, P, 3>(&mut sums, quad, units, factors);
            }
        }
        sums
    }
}

/// Adds the products of one tap for one channel.
///
/// # Safety
/// `L`'s instructions exist.
#[inline(always)]
unsafe fn channel<L: Lanes, const Q: usize, const P: usize, const CHANNEL: usize>(
    sums: &mut [[[L::Sums; CHANNELS]; Q]; P],
    quad: usize,
    units: [Units<L>; P],
    factors: <L::V as Vector>::Factors,
) {
    for (sums, units) in sums.iter_mut().zip(units) {
        let sum = &mut sums[quad][CHANNEL];
        // SAFETY: the caller's promise.
        *sum = unsafe { L::add_product::<CHANNEL>(*sum, units, factors) };
    }
}
