//! AVX-512 with VNNI: Intel from Ice Lake on, AMD from Zen 4 on.

use std::arch::x86_64::*;

use super::vector::{LaneRange, Task, Vector};

/// 16 lanes, 32 registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512;

/// Bits of some of 16 lanes.
#[inline(always)]
fn mask(lanes: LaneRange) -> __mmask16 {
    (((1_u32 << lanes.n) - 1) << lanes.first) as u16
}

// SAFETY: every method touches the units that the trait says; its intrinsics are AVX-512 F, BW and VNNI.
unsafe impl Vector for Avx512 {
    const N: usize = 16;
    const QUADS: usize = 2;
    const POSITIONS: usize = 3;
    type Units = __m512i;
    type Floats = __m512;
    type Factors = *const u32;

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[inline(never)]
    unsafe fn compiled<T: Task>(task: T) {
        // SAFETY: the caller's promises.
        unsafe { task.run() }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_lanes(units: __m512i, from: *const u32, lanes: LaneRange) -> __m512i {
        // SAFETY: the caller's promise; lanes without their bit are not read.
        unsafe {
            let from = from.wrapping_sub(lanes.first);
            _mm512_mask_loadu_epi32(units, mask(lanes), from.cast())
        }
    }

    #[inline(always)]
    unsafe fn store_lanes(to: *mut u32, units: __m512i, lanes: LaneRange) {
        // SAFETY: the caller's promise; lanes without their bit are not written.
        unsafe {
            _mm512_mask_storeu_epi32(to.wrapping_sub(lanes.first).cast(), mask(lanes), units);
        }
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        // SAFETY: SSE is part of x86-64, and a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn prefetch_far(at: *const u32) {
        // SAFETY: SSE is part of x86-64, and a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> __m512i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_set1_epi32(unit.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn interleave(a: __m512i, b: __m512i) -> [__m512i; 2] {
        // SAFETY: the caller has these instructions.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            [_mm512_permutex2var_epi32(a, low, b), _mm512_permutex2var_epi32(a, high, b)]
        }
    }

    #[inline(always)]
    unsafe fn deinterleave(a: __m512i, b: __m512i) -> [__m512i; 2] {
        // SAFETY: the caller has these instructions.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            [_mm512_permutex2var_epi32(a, even, b), _mm512_permutex2var_epi32(a, odd, b)]
        }
    }

    #[inline(always)]
    unsafe fn factors(from: *const u32) -> *const u32 {
        from
    }

    #[inline(always)]
    unsafe fn dot<const CHANNEL: usize>(
        sums: __m512i,
        bytes: __m512i,
        factors: *const u32,
    ) -> __m512i {
        // SAFETY: the caller has these instructions, and four weights.
        unsafe { _mm512_dpbusd_epi32(sums, bytes, Self::broadcast(*factors.add(CHANNEL))) }
    }

    #[inline(always)]
    unsafe fn multiply_add<const CHANNEL: usize>(
        sums: __m512,
        values: __m512,
        factors: *const u32,
    ) -> __m512 {
        // SAFETY: the caller has these instructions, and four weights.
        unsafe {
            let factor = Self::floats(Self::broadcast(*factors.add(CHANNEL)));
            _mm512_fmadd_ps(values, factor, sums)
        }
    }

    #[inline(always)]
    unsafe fn add_whole(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn to_floats(whole: __m512i) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_cvtepi32_ps(whole) }
    }

    #[inline(always)]
    unsafe fn byte(units: __m512i, channel: usize) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe {
            let shifted = _mm512_srlv_epi32(units, _mm512_set1_epi32(8 * channel as i32));
            _mm512_cvtepi32_ps(_mm512_and_si512(shifted, _mm512_set1_epi32(0xff)))
        }
    }

    #[inline(always)]
    unsafe fn to_bytes([a, b, c, d]: [__m512; 4]) -> __m512i {
        // SAFETY: the caller has these instructions.
        unsafe {
            let low = _mm512_or_si512(
                _mm512_cvtps_epi32(a),
                _mm512_slli_epi32::<8>(_mm512_cvtps_epi32(b)),
            );
            let high = _mm512_or_si512(
                _mm512_slli_epi32::<16>(_mm512_cvtps_epi32(c)),
                _mm512_slli_epi32::<24>(_mm512_cvtps_epi32(d)),
            );
            _mm512_or_si512(low, high)
        }
    }

    #[inline(always)]
    unsafe fn floats(units: __m512i) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_castsi512_ps(units) }
    }

    #[inline(always)]
    unsafe fn bits(floats: __m512) -> __m512i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_castps_si512(floats) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm512_min_ps(a, b) }
    }
}
