//! AVX2 with FMA: any x86-64 of the last ten years; with AVX-VNNI where there is.

use std::arch::x86_64::*;

use super::vector::{LaneRange, Task, Vector};

/// 8 lanes, 16 registers; `VNNI` where the machine has AVX-VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2<const VNNI: bool>;

/// All bits of some of 8 lanes.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn mask(lanes: LaneRange) -> __m256i {
    // SAFETY: the caller has these instructions.
    unsafe {
        let numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let [first, end] = [lanes.first as i32, (lanes.first + lanes.n) as i32];
        let is_before_end = _mm256_cmpgt_epi32(_mm256_set1_epi32(end), numbers);
        _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), numbers), is_before_end)
    }
}

/// See [`Vector::compiled`].
///
/// # Safety
/// The task's, and AVX2, FMA and AVX-VNNI.
#[target_feature(enable = "avx2,fma,avxvnni")]
#[inline(never)]
unsafe fn with_vnni<T: Task>(task: T) {
    // SAFETY: the caller's promises.
    unsafe { task.run() }
}

/// See [`Vector::compiled`].
///
/// # Safety
/// The task's, and AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn without_vnni<T: Task>(task: T) {
    // SAFETY: the caller's promises.
    unsafe { task.run() }
}

// SAFETY: every method touches the units that the trait says; its intrinsics are AVX2, FMA and with `VNNI`
// AVX-VNNI.
unsafe impl<const VNNI: bool> Vector for Avx2<VNNI> {
    const N: usize = 8;
    const QUADS: usize = 1;
    const POSITIONS: usize = 2;
    type Units = __m256i;
    type Floats = __m256;
    type Factors = *const u32;

    #[inline(always)]
    unsafe fn compiled<T: Task>(task: T) {
        // SAFETY: the caller's promises.
        unsafe { if VNNI { with_vnni(task) } else { without_vnni(task) } }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_lanes(units: __m256i, from: *const u32, lanes: LaneRange) -> __m256i {
        // SAFETY: the caller's promise; lanes without their mask are not read.
        unsafe {
            let mask = mask(lanes);
            let loaded = _mm256_maskload_epi32(from.wrapping_sub(lanes.first).cast(), mask);
            _mm256_blendv_epi8(units, loaded, mask)
        }
    }

    #[inline(always)]
    unsafe fn store_lanes(to: *mut u32, units: __m256i, lanes: LaneRange) {
        // SAFETY: the caller's promise; lanes without their mask are not written.
        unsafe {
            _mm256_maskstore_epi32(to.wrapping_sub(lanes.first).cast(), mask(lanes), units);
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
    unsafe fn broadcast(unit: u32) -> __m256i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_set1_epi32(unit.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn interleave(a: __m256i, b: __m256i) -> [__m256i; 2] {
        // SAFETY: the caller has these instructions.
        unsafe {
            let [low, high] = [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)];
            [
                _mm256_permute2x128_si256::<0x20>(low, high),
                _mm256_permute2x128_si256::<0x31>(low, high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn deinterleave(a: __m256i, b: __m256i) -> [__m256i; 2] {
        // SAFETY: the caller has these instructions.
        unsafe {
            let [a, b] = [_mm256_castsi256_ps(a), _mm256_castsi256_ps(b)];
            // Halves of both come out as a, b, a, b.
            let [even, odd] = [
                _mm256_shuffle_ps::<0b10_00_10_00>(a, b),
                _mm256_shuffle_ps::<0b11_01_11_01>(a, b),
            ];
            [even, odd].map(|it| _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(it)))
        }
    }

    #[inline(always)]
    unsafe fn factors(from: *const u32) -> *const u32 {
        from
    }

    #[inline(always)]
    unsafe fn dot<const CHANNEL: usize>(
        sums: __m256i,
        bytes: __m256i,
        factors: *const u32,
    ) -> __m256i {
        // SAFETY: the caller has these instructions, and four weights.
        unsafe {
            let weights = Self::broadcast(*factors.add(CHANNEL));
            if VNNI {
                return _mm256_dpbusd_avx_epi32(sums, bytes, weights);
            }
            // Bytes 0 and 2, then 1 and 3, in 16 bits each: `vpmaddubsw` would saturate.
            let even = _mm256_madd_epi16(
                _mm256_and_si256(bytes, _mm256_set1_epi16(0xff)),
                _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(weights)),
            );
            let odd =
                _mm256_madd_epi16(_mm256_srli_epi16::<8>(bytes), _mm256_srai_epi16::<8>(weights));
            _mm256_add_epi32(_mm256_add_epi32(sums, even), odd)
        }
    }

    #[inline(always)]
    unsafe fn multiply_add<const CHANNEL: usize>(
        sums: __m256,
        values: __m256,
        factors: *const u32,
    ) -> __m256 {
        // SAFETY: the caller has these instructions, and four weights.
        unsafe {
            let factor = Self::floats(Self::broadcast(*factors.add(CHANNEL)));
            _mm256_fmadd_ps(values, factor, sums)
        }
    }

    #[inline(always)]
    unsafe fn add_whole(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn to_floats(whole: __m256i) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_cvtepi32_ps(whole) }
    }

    #[inline(always)]
    unsafe fn byte(units: __m256i, channel: usize) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe {
            let shifted = _mm256_srlv_epi32(units, _mm256_set1_epi32(8 * channel as i32));
            _mm256_cvtepi32_ps(_mm256_and_si256(shifted, _mm256_set1_epi32(0xff)))
        }
    }

    #[inline(always)]
    unsafe fn to_bytes([a, b, c, d]: [__m256; 4]) -> __m256i {
        // SAFETY: the caller has these instructions.
        unsafe {
            let low = _mm256_or_si256(
                _mm256_cvtps_epi32(a),
                _mm256_slli_epi32::<8>(_mm256_cvtps_epi32(b)),
            );
            let high = _mm256_or_si256(
                _mm256_slli_epi32::<16>(_mm256_cvtps_epi32(c)),
                _mm256_slli_epi32::<24>(_mm256_cvtps_epi32(d)),
            );
            _mm256_or_si256(low, high)
        }
    }

    #[inline(always)]
    unsafe fn floats(units: __m256i) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_castsi256_ps(units) }
    }

    #[inline(always)]
    unsafe fn bits(floats: __m256) -> __m256i {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_castps_si256(floats) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has these instructions.
        unsafe { _mm256_min_ps(a, b) }
    }
}
