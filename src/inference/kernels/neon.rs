//! NEON: every arm64; with dot products of bytes from ARMv8.2 on where there are (`asimddp`).

use std::arch::aarch64::*;
use std::arch::asm;

use super::vector::{LaneRange, Task, Vector};

/// 4 lanes, 32 registers; `DOT` where the machine has `sdot`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon<const DOT: bool>;

const LANES: usize = 4;

/// One lane in all of them.
///
/// # Safety
/// None: NEON is part of arm64.
#[inline(always)]
unsafe fn lane<const LANE: usize>(units: uint32x4_t) -> uint32x4_t {
    // SAFETY: NEON is part of arm64.
    unsafe {
        match LANE {
            0 => vdupq_laneq_u32::<0>(units),
            1 => vdupq_laneq_u32::<1>(units),
            2 => vdupq_laneq_u32::<2>(units),
            _ => vdupq_laneq_u32::<3>(units),
        }
    }
}

/// Adds products of signed bytes and those of one lane of `weights`: the intrinsic is not stable yet.
///
/// # Safety
/// `asimddp`.
#[inline(always)]
unsafe fn sdot<const LANE: usize>(
    sums: uint32x4_t,
    bytes: uint32x4_t,
    weights: uint32x4_t,
) -> uint32x4_t {
    let mut sums = sums;
    // SAFETY: the caller's promise; it touches no memory.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {bytes:v}.16b, {weights:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            bytes = in(vreg) bytes,
            weights = in(vreg) weights,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// See [`Vector::compiled`].
///
/// # Safety
/// The task's, and `asimddp`.
#[target_feature(enable = "neon,dotprod")]
#[inline(never)]
unsafe fn with_dot<T: Task>(task: T) {
    // SAFETY: the caller's promises.
    unsafe { task.run() }
}

/// See [`Vector::compiled`].
///
/// # Safety
/// The task's, and nothing else.
#[target_feature(enable = "neon")]
#[inline(never)]
unsafe fn without_dot<T: Task>(task: T) {
    // SAFETY: the caller's promises.
    unsafe { task.run() }
}

// SAFETY: every method touches the units that the trait says; its intrinsics are NEON's, and with `DOT`
// that of `asimddp`.
unsafe impl<const DOT: bool> Vector for Neon<DOT> {
    const N: usize = LANES;
    const QUADS: usize = if DOT { 2 } else { 1 };
    const POSITIONS: usize = 3;
    const IS_SIGNED: bool = true;
    type Units = uint32x4_t;
    type Floats = float32x4_t;
    type Factors = uint32x4_t;

    #[inline(always)]
    unsafe fn compiled<T: Task>(task: T) {
        // SAFETY: the caller's promises.
        unsafe { if DOT { with_dot(task) } else { without_dot(task) } }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> uint32x4_t {
        // SAFETY: the caller's promise.
        unsafe { vld1q_u32(from) }
    }

    #[inline(always)]
    unsafe fn load_lanes(units: uint32x4_t, from: *const u32, lanes: LaneRange) -> uint32x4_t {
        // SAFETY: the caller's promise.
        unsafe {
            if lanes.n == LANES {
                return vld1q_u32(from);
            }
            let mut all = [0; LANES];
            vst1q_u32(all.as_mut_ptr(), units);
            for n in 0..lanes.n {
                all[lanes.first + n] = *from.add(n);
            }
            vld1q_u32(all.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_lanes(to: *mut u32, units: uint32x4_t, lanes: LaneRange) {
        // SAFETY: the caller's promise.
        unsafe {
            if lanes.n == LANES {
                return vst1q_u32(to, units);
            }
            let mut all = [0; LANES];
            vst1q_u32(all.as_mut_ptr(), units);
            for n in 0..lanes.n {
                *to.add(n) = all[lanes.first + n];
            }
        }
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        // SAFETY: a prefetch never faults; the intrinsic is not stable yet.
        unsafe {
            asm!("prfm pstl1keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags));
        }
    }

    #[inline(always)]
    fn prefetch_far(at: *const u32) {
        // SAFETY: as above.
        unsafe {
            asm!("prfm pldl2keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> uint32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vdupq_n_u32(unit) }
    }

    #[inline(always)]
    unsafe fn interleave(a: uint32x4_t, b: uint32x4_t) -> [uint32x4_t; 2] {
        // SAFETY: NEON is part of arm64.
        unsafe { [vzip1q_u32(a, b), vzip2q_u32(a, b)] }
    }

    #[inline(always)]
    unsafe fn deinterleave(a: uint32x4_t, b: uint32x4_t) -> [uint32x4_t; 2] {
        // SAFETY: NEON is part of arm64.
        unsafe { [vuzp1q_u32(a, b), vuzp2q_u32(a, b)] }
    }

    #[inline(always)]
    unsafe fn factors(from: *const u32) -> uint32x4_t {
        // SAFETY: the caller's promise of four weights.
        unsafe { vld1q_u32(from) }
    }

    #[inline(always)]
    unsafe fn dot<const CHANNEL: usize>(
        sums: uint32x4_t,
        bytes: uint32x4_t,
        factors: uint32x4_t,
    ) -> uint32x4_t {
        // SAFETY: NEON is part of arm64, and `sdot` exists with `DOT`.
        unsafe {
            let bytes = veorq_u32(bytes, vdupq_n_u32(0x8080_8080));
            if DOT {
                return match CHANNEL {
                    0 => sdot::<0>(sums, bytes, factors),
                    1 => sdot::<1>(sums, bytes, factors),
                    2 => sdot::<2>(sums, bytes, factors),
                    _ => sdot::<3>(sums, bytes, factors),
                };
            }
            // Two products of signed bytes, at most 128 * 127 each, add up in 16 bits.
            let bytes = vreinterpretq_s8_u32(bytes);
            let weights = vreinterpretq_s8_u32(lane::<CHANNEL>(factors));
            let first = vmull_s8(vget_low_s8(bytes), vget_low_s8(weights));
            let second = vmull_high_s8(bytes, weights);
            let pairs = vpaddq_s16(first, second);
            vreinterpretq_u32_s32(vpadalq_s16(vreinterpretq_s32_u32(sums), pairs))
        }
    }

    #[inline(always)]
    unsafe fn multiply_add<const CHANNEL: usize>(
        sums: float32x4_t,
        values: float32x4_t,
        factors: uint32x4_t,
    ) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe {
            let factors = vreinterpretq_f32_u32(factors);
            match CHANNEL {
                0 => vfmaq_laneq_f32::<0>(sums, values, factors),
                1 => vfmaq_laneq_f32::<1>(sums, values, factors),
                2 => vfmaq_laneq_f32::<2>(sums, values, factors),
                _ => vfmaq_laneq_f32::<3>(sums, values, factors),
            }
        }
    }

    #[inline(always)]
    unsafe fn add_whole(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vaddq_u32(a, b) }
    }

    #[inline(always)]
    unsafe fn to_floats(whole: uint32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vcvtq_f32_s32(vreinterpretq_s32_u32(whole)) }
    }

    #[inline(always)]
    unsafe fn byte(units: uint32x4_t, channel: usize) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe {
            let shifted = vshlq_u32(units, vdupq_n_s32(-8 * channel as i32));
            vcvtq_f32_u32(vandq_u32(shifted, vdupq_n_u32(0xff)))
        }
    }

    #[inline(always)]
    unsafe fn to_bytes([a, b, c, d]: [float32x4_t; 4]) -> uint32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe {
            let low = vorrq_u32(vcvtnq_u32_f32(a), vshlq_n_u32::<8>(vcvtnq_u32_f32(b)));
            let [c, d] = [vcvtnq_u32_f32(c), vcvtnq_u32_f32(d)];
            vorrq_u32(low, vorrq_u32(vshlq_n_u32::<16>(c), vshlq_n_u32::<24>(d)))
        }
    }

    #[inline(always)]
    unsafe fn floats(units: uint32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vreinterpretq_f32_u32(units) }
    }

    #[inline(always)]
    unsafe fn bits(floats: float32x4_t) -> uint32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vreinterpretq_u32_f32(floats) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is part of arm64.
        unsafe { vminq_f32(a, b) }
    }
}
