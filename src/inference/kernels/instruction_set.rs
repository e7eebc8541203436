//! Which instructions this machine has, and the kernels compiled for each.

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::portable::Portable;
use super::vector::{Float, Int8, Vector};
use super::work::Work;

/// How channels are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Unsigned bytes times signed bytes, sums in 32 bits.
    Int8,
    /// f32.
    Float,
}

/// Instructions that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum InstructionSet {
    /// x86-64 with AVX-512 F, BW and VNNI.
    Avx512,
    /// x86-64 with AVX2, FMA and AVX-VNNI.
    Avx2Vnni,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// arm64 with dot products of bytes (`asimddp`).
    NeonDot,
    /// Any arm64.
    Neon,
    /// Any machine: no instructions but the compiler's choice.
    Portable,
}

/// Why the kernels cannot run on the instructions that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoInstructions {
    /// Nobody knows them.
    #[error("there is no instruction set `{name}`; use one of {}", names(&InstructionSet::ALL))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This machine does not have them.
    #[error("this machine has no `{name}`; it has {}", names(&InstructionSet::available()))]
    Missing {
        /// What was asked for.
        name: &'static str,
    },
}

fn names(sets: &[InstructionSet]) -> String {
    sets.iter().map(|set| set.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for InstructionSet {
    type Err = NoInstructions;

    fn from_str(name: &str) -> Result<Self, NoInstructions> {
        let found = Self::ALL.into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| NoInstructions::Unknown { name: name.to_owned() })
    }
}

impl TryFrom<String> for InstructionSet {
    type Error = NoInstructions;

    fn try_from(name: String) -> Result<Self, NoInstructions> {
        name.parse()
    }
}

impl From<InstructionSet> for String {
    fn from(set: InstructionSet) -> Self {
        set.name().to_owned()
    }
}

impl InstructionSet {
    const ALL: [Self; 6] =
        [Self::Avx512, Self::Avx2Vnni, Self::Avx2, Self::NeonDot, Self::Neon, Self::Portable];

    /// Those that this machine has, the fastest first; never empty.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|set| set.exists()).collect()
    }

    /// The fastest that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|set| set.exists()).unwrap_or(Self::Portable)
    }

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2Vnni => "avx2_vnni",
            Self::Avx2 => "avx2",
            Self::NeonDot => "neon_dot",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// Itself, where this machine has it.
    ///
    /// # Errors
    /// Where it has not.
    pub fn on_this_machine(self) -> Result<Self, NoInstructions> {
        if self.exists() { Ok(self) } else { Err(NoInstructions::Missing { name: self.name() }) }
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn exists(self) -> bool {
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match self {
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
            }
            Self::Avx2Vnni => has_avx2 && is_x86_feature_detected!("avxvnni"),
            Self::Avx2 => has_avx2,
            Self::NeonDot | Self::Neon => false,
            Self::Portable => true,
        }
    }

    #[cfg(target_arch = "aarch64")]
    pub(super) fn exists(self) -> bool {
        match self {
            Self::Avx512 | Self::Avx2Vnni | Self::Avx2 => false,
            Self::NeonDot => is_aarch64_feature_detected!("dotprod"),
            Self::Neon | Self::Portable => true,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn exists(self) -> bool {
        self == Self::Portable
    }

    /// Computes some quads of a slice.
    ///
    /// # Safety
    /// This machine has the set, and the promises of [`Work::job`].
    pub(super) unsafe fn job(self, work: &Work, slice: usize, quads: Range<usize>) {
        // SAFETY: the caller's promises.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => on::<Avx512>(work, slice, quads),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2Vnni => on::<Avx2<true>>(work, slice, quads),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => on::<Avx2<false>>(work, slice, quads),
                #[cfg(target_arch = "aarch64")]
                Self::NeonDot => on::<Neon<true>>(work, slice, quads),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => on::<Neon<false>>(work, slice, quads),
                // Sets of other machines never get here.
                _ => on::<Portable>(work, slice, quads),
            }
        }
    }
}

/// Some quads in either arithmetic.
///
/// # Safety
/// `V`'s instructions exist, and the promises of [`Work::job`].
unsafe fn on<V: Vector>(work: &Work, slice: usize, quads: Range<usize>) {
    // SAFETY: the caller's promises.
    unsafe {
        match work.convolution.arithmetic {
            Arithmetic::Int8 => work.job::<Int8<V>>(slice, quads),
            Arithmetic::Float => work.job::<Float<V>>(slice, quads),
        }
    }
}
