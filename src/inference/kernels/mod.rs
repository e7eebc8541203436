//! Direct 3D convolutions in 8 bits and in f32, for the two networks' own layers.
//!
//! ```text
//! volume --pack--> [1 group] --Plain--> [..] --Plain, stride 2--> .. --Upsampled + skip--> .. --+ logits--> f32
//! ```
//!
//! A tensor lies in memory as [`blocks`] says. [`work`] cuts a slice of a convolution into tiles: a few
//! channels at a few places, which [`place`] deals to vectors. [`products`] is the innermost loop, whose sums
//! stay in registers; [`tile`] and [`upsampled`] finish them (scale, bias, ReLU, skip, rounding, logits) on
//! their way to memory, so that nothing is written twice. [`program`] runs all layers on all threads, some
//! with no more than a [`ring`] of slices between them. Each is written once over [`vector::Vector`] and
//! compiled for every instruction set; [`InstructionSet::detect`] picks at run time.
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
mod place;
mod portable;
mod products;
mod program;
mod ring;
mod tile;
mod upsampled;
mod vector;
pub mod volume;
mod weights;
mod work;

pub use blocks::Blocks;
pub use convolution::{Convolution, Kind};
pub use instruction_set::{Arithmetic, InstructionSet, NoInstructions};
pub use program::{Program, Step};
pub use vector::Terms;
pub use weights::{Tap, Weights};

#[cfg(test)]
mod tests;
