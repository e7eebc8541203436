//! What one thread can compute at most: multiply-adds on registers alone, none waiting for another.

use std::hint::black_box;
use std::time::Instant;

use parotidd::inference::kernels::{Arithmetic, InstructionSet};

/// Sums that are added to in turn. Two or three multiply-adds a cycle of four or five cycles each need this
/// many to keep busy, and they fit 16 registers beside their factors.
const SUMS: usize = 12;

/// Turns of a round, which takes about a millisecond.
const TURNS: usize = 300_000;

/// Rounds, of which the fastest counts: whatever else the machine does only takes time.
const ROUNDS: usize = 30;

/// A round, and the multiply-adds of each of its steps.
type Round = (unsafe fn(), usize);

/// Multiply-adds a second; `None` for instructions that nobody chose, as those of the compiler.
pub(crate) fn peak(set: InstructionSet, arithmetic: Arithmetic) -> Option<f64> {
    let (round, multiply_adds) = round(set, arithmetic)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        // SAFETY: only sets that this machine has are detected.
        unsafe { round() };
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    #[allow(clippy::cast_precision_loss, reason = "some 10^9")]
    let all = (TURNS * SUMS * multiply_adds) as f64;
    Some(all / fastest)
}

/// A loop of one step, compiled with its features. The compiler knows neither the sums nor the factor, and
/// each step needs the one before, so none can be left out.
macro_rules! rounds {
    ($($name:ident, $features:literal, $vector:ty, |$sum:ident, $factor:ident| $step:expr;)*) => {$(
        #[target_feature(enable = $features)]
        pub(super) fn $name() {
            // SAFETY: all bits 0 are a value of every vector.
            let zero: $vector = unsafe { std::mem::zeroed() };
            let (mut sums, $factor) = (black_box([zero; SUMS]), black_box(zero));
            for _ in 0..TURNS {
                for sum in &mut sums {
                    let $sum = *sum;
                    *sum = $step;
                }
            }
            black_box(sums);
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod rounds {
    use std::arch::x86_64::*;

    use super::{SUMS, TURNS, black_box};

    rounds! {
        avx512_int8, "avx512f,avx512vnni", __m512i, |s, f| _mm512_dpbusd_epi32(s, f, f);
        avx512_f32, "avx512f", __m512, |s, f| _mm512_fmadd_ps(f, f, s);
        vnni_int8, "avx2,avxvnni", __m256i, |s, f| _mm256_dpbusd_avx_epi32(s, f, f);
        // Factors that do not change would be multiplied once, before the loop.
        avx2_int8, "avx2", __m256i, |s, f| _mm256_add_epi32(s, _mm256_madd_epi16(s, f));
        avx2_f32, "avx2,fma", __m256, |s, f| _mm256_fmadd_ps(f, f, s);
    }
}

#[cfg(target_arch = "aarch64")]
mod rounds {
    use std::arch::aarch64::*;
    use std::arch::asm;

    use super::{SUMS, TURNS, black_box};

    rounds! {
        dot_int8, "neon,dotprod", int32x4_t, |s, f| dot(s, f);
        // Factors that do not change would be multiplied once, before the loop.
        neon_int8, "neon", int32x4_t, |s, f| vmlal_s16(s, low(s), low(f));
        neon_f32, "neon", float32x4_t, |s, f| vfmaq_f32(s, f, f);
    }

    #[target_feature(enable = "neon")]
    fn low(units: int32x4_t) -> int16x4_t {
        vget_low_s16(vreinterpretq_s16_s32(units))
    }

    /// The intrinsic is not stable yet.
    #[target_feature(enable = "neon,dotprod")]
    fn dot(sums: int32x4_t, factor: int32x4_t) -> int32x4_t {
        let mut sums = sums;
        // SAFETY: the caller has the instruction; it touches no memory.
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {factor:v}.16b, {factor:v}.16b",
                sums = inout(vreg) sums,
                factor = in(vreg) factor,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }
}

fn round(set: InstructionSet, arithmetic: Arithmetic) -> Option<Round> {
    let round: Round = match (set, arithmetic) {
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, Arithmetic::Int8) => (rounds::avx512_int8, 64),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, Arithmetic::Float) => (rounds::avx512_f32, 16),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2Vnni, Arithmetic::Int8) => (rounds::vnni_int8, 32),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, Arithmetic::Int8) => (rounds::avx2_int8, 16),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2 | InstructionSet::Avx2Vnni, Arithmetic::Float) => {
            (rounds::avx2_f32, 8)
        }
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::NeonDot, Arithmetic::Int8) => (rounds::dot_int8, 16),
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::Neon, Arithmetic::Int8) => (rounds::neon_int8, 4),
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::NeonDot | InstructionSet::Neon, Arithmetic::Float) => {
            (rounds::neon_f32, 4)
        }
        _ => return None,
    };
    Some(round)
}
