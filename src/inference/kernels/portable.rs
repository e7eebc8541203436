//! No instruction set: what every other one is measured against, bit for bit in 8 bits.

use std::array;

use super::vector::{LaneRange, Task, Vector};

const N: usize = 8;

/// Arrays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

// SAFETY: every method touches the units that the trait says, and needs no instruction.
unsafe impl Vector for Portable {
    const N: usize = N;
    const QUADS: usize = 1;
    const POSITIONS: usize = 1;
    type Units = [u32; N];
    type Floats = [f32; N];
    type Factors = [u32; 4];

    #[inline(never)]
    unsafe fn compiled<T: Task>(task: T) {
        // SAFETY: the caller's promises.
        unsafe { task.run() }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> [u32; N] {
        // SAFETY: the caller's promise; an array is as aligned as its `u32`.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn load_lanes(mut units: [u32; N], from: *const u32, lanes: LaneRange) -> [u32; N] {
        for (at, unit) in units[lanes.first..][..lanes.n].iter_mut().enumerate() {
            // SAFETY: the caller's promise of these lanes.
            *unit = unsafe { *from.add(at) };
        }
        units
    }

    #[inline(always)]
    unsafe fn store_lanes(to: *mut u32, units: [u32; N], lanes: LaneRange) {
        for (at, unit) in units[lanes.first..][..lanes.n].iter().enumerate() {
            // SAFETY: the caller's promise of these lanes.
            unsafe { *to.add(at) = *unit };
        }
    }

    #[inline(always)]
    fn prefetch(_: *const u32) {}

    #[inline(always)]
    fn prefetch_far(_: *const u32) {}

    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> [u32; N] {
        [unit; N]
    }

    #[inline(always)]
    unsafe fn interleave(a: [u32; N], b: [u32; N]) -> [[u32; N]; 2] {
        let pair = |at: usize| if at.is_multiple_of(2) { a[at / 2] } else { b[at / 2] };
        [array::from_fn(pair), array::from_fn(|at| pair(N + at))]
    }

    #[inline(always)]
    unsafe fn deinterleave(a: [u32; N], b: [u32; N]) -> [[u32; N]; 2] {
        let both = |at: usize| if at < N { a[at] } else { b[at - N] };
        [array::from_fn(|n| both(2 * n)), array::from_fn(|n| both(2 * n + 1))]
    }

    #[inline(always)]
    unsafe fn factors(from: *const u32) -> [u32; 4] {
        // SAFETY: the caller's promise; an array is as aligned as its `u32`.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn dot<const CHANNEL: usize>(
        sums: [u32; N],
        bytes: [u32; N],
        factors: [u32; 4],
    ) -> [u32; N] {
        let weights = factors[CHANNEL].to_le_bytes();
        array::from_fn(|n| {
            let products = bytes[n].to_le_bytes().into_iter().zip(weights);
            let sum = products.fold(sums[n].cast_signed(), |sum, (byte, weight)| {
                sum + i32::from(byte) * i32::from(weight.cast_signed())
            });
            sum.cast_unsigned()
        })
    }

    #[inline(always)]
    unsafe fn add_whole(a: [u32; N], b: [u32; N]) -> [u32; N] {
        array::from_fn(|n| a[n].wrapping_add(b[n]))
    }

    #[inline(always)]
    unsafe fn to_floats(whole: [u32; N]) -> [f32; N] {
        whole.map(|value| value.cast_signed() as f32)
    }

    #[inline(always)]
    unsafe fn byte(units: [u32; N], channel: usize) -> [f32; N] {
        units.map(|unit| f32::from(unit.to_le_bytes()[channel]))
    }

    #[inline(always)]
    unsafe fn to_bytes(channels: [[f32; N]; 4]) -> [u32; N] {
        array::from_fn(|n| {
            u32::from_le_bytes(channels.map(|values| values[n].round_ties_even() as u8))
        })
    }

    #[inline(always)]
    unsafe fn floats(units: [u32; N]) -> [f32; N] {
        units.map(f32::from_bits)
    }

    #[inline(always)]
    unsafe fn bits(floats: [f32; N]) -> [u32; N] {
        floats.map(f32::to_bits)
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; N] {
        [value; N]
    }

    #[inline(always)]
    unsafe fn add(a: [f32; N], b: [f32; N]) -> [f32; N] {
        array::from_fn(|n| a[n] + b[n])
    }

    #[inline(always)]
    unsafe fn multiply(a: [f32; N], b: [f32; N]) -> [f32; N] {
        array::from_fn(|n| a[n] * b[n])
    }

    #[inline(always)]
    unsafe fn multiply_add<const CHANNEL: usize>(
        sums: [f32; N],
        values: [f32; N],
        factors: [u32; 4],
    ) -> [f32; N] {
        array::from_fn(|n| values[n] * f32::from_bits(factors[CHANNEL]) + sums[n])
    }

    #[inline(always)]
    unsafe fn max(a: [f32; N], b: [f32; N]) -> [f32; N] {
        array::from_fn(|n| a[n].max(b[n]))
    }

    #[inline(always)]
    unsafe fn min(a: [f32; N], b: [f32; N]) -> [f32; N] {
        array::from_fn(|n| a[n].min(b[n]))
    }
}
