//! Direct 3D convolutions in 8 bits and in f32, for the two networks' own layers.
//!
//! ```text
//! volume --pack--> [1 group] --Plain--> [..] --Plain, stride 2--> .. --Upsampled + skip--> .. --Logits--> f32
//! ```
//!
//! A tensor lies in memory as [`blocks`] says. [`tile`] keeps the sums of a few vectors of voxels in
//! registers while it runs over channels and taps; [`convolution`] finishes them (scale, bias, ReLU, skip,
//! rounding) on their way to memory, so that nothing is written twice. Each is written once over
//! [`vector::Vector`] and compiled for every instruction set; [`InstructionSet::detect`] picks at run time.
//!
//! 8 bits are exact: every instruction set gives the same bytes. This room has the program's only
//! `unsafe` besides the framebuffer: intrinsics, and pointers that several threads write slices through.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "bytes are clamped before they are cut; sums of 8 bits stay below 2^24 in the range that counts"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod blocks;
mod convolution;
mod instruction_set;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod tile;
mod vector;
pub mod volume;
mod weights;

pub use blocks::Blocks;
pub use convolution::{Convolution, Kind};
pub use instruction_set::{Arithmetic, InstructionSet};
pub use vector::Terms;
pub use weights::{Tap, Weights};

use convolution::Work;
use rayon::prelude::*;

/// Computes one convolution on the current rayon pool.
///
/// `skip` counts for [`Kind::Upsampled`] alone and then has the output's shape. The output's border is
/// left as it is.
///
/// # Panics
/// When a tensor does not have the size that the convolution says, or this machine lacks the set.
pub fn compute(
    set: InstructionSet,
    arithmetic: Arithmetic,
    convolution: &Convolution,
    input: &[u32],
    skip: &[u32],
    output: &mut [u32],
) {
    assert!(set.exists(), "this machine has no {set:?}");
    convolution.check(arithmetic, input.len(), skip.len(), output.len());
    let work = Work::new(convolution, input.as_ptr(), skip.as_ptr(), output.as_mut_ptr());
    (0..work.n_slices()).into_par_iter().for_each(|slice| {
        // SAFETY: sizes and the set were checked, each slice comes once.
        unsafe { set.slice(arithmetic, &work, slice) };
    });
}

#[cfg(test)]
mod tests;
