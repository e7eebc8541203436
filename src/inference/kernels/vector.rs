//! What an instruction set must be able to do for the kernels.

/// Neighbouring lanes of a vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneRange {
    pub(super) first: usize,
    pub(super) n: usize,
}

impl LaneRange {
    /// The part within `n_lanes` lanes from `start` on, counted from there.
    #[inline(always)]
    pub(super) fn within(self, start: usize, n_lanes: usize) -> Self {
        let end = start + n_lanes;
        let first = self.first.clamp(start, end);
        let n = (self.first + self.n).clamp(first, end) - first;
        Self { first: first - start, n }
    }
}

/// What is compiled by itself with the features of an instruction set.
///
/// Small ones, since in a long function the compiler runs out of registers in the loop that needs them all.
pub(super) trait Task {
    /// Does it.
    ///
    /// # Safety
    /// Its own, and that the instructions that it was compiled for exist.
    unsafe fn run(self);
}

/// A vector of 32-bit lanes, and what the kernels do with it.
///
/// Everything else is written once over this trait and compiled for each implementation inside a function
/// that has its target features; methods are `#[inline(always)]` so that none stays a call.
///
/// # Safety
/// An implementation's methods may be called only where its instructions exist. Pointers must be good
/// for the units that a method says it touches, and for no more.
pub(super) unsafe trait Vector: Copy + Send + Sync + 'static {
    /// Lanes.
    const N: usize;
    /// Quads of output channels that one tile keeps in registers where there are as many.
    const QUADS: usize;
    /// Vectors of output of each of its channels.
    const POSITIONS: usize;
    /// Whether [`Vector::dot`] takes 128 from each byte first; its sums then lack 128 times the weights.
    const IS_SIGNED: bool = false;
    /// Units, or whole numbers of 32 bits.
    type Units: Copy;
    /// The same lanes as f32.
    type Floats: Copy;
    /// A unit of weights for each channel of a quad, as multiplications read them.
    type Factors: Copy;

    /// Runs a task that was compiled with these instructions; a call that is never inlined.
    ///
    /// # Safety
    /// The task's, and that these instructions exist.
    unsafe fn compiled<T: Task>(task: T);

    /// `N` units.
    unsafe fn load(from: *const u32) -> Self::Units;
    /// `units` with those lanes loaded, the first of which is at `from`.
    unsafe fn load_lanes(units: Self::Units, from: *const u32, lanes: LaneRange) -> Self::Units;
    /// Writes those lanes, the first of them to `to`.
    unsafe fn store_lanes(to: *mut u32, units: Self::Units, lanes: LaneRange);
    /// Brings what is there nearer, before it is needed; any address will do.
    fn prefetch(at: *const u32);
    /// The same for what is needed later: into the second cache.
    fn prefetch_far(at: *const u32);
    /// One unit in all lanes.
    unsafe fn broadcast(unit: u32) -> Self::Units;
    /// `a0 b0 a1 b1 ..`, in two vectors.
    unsafe fn interleave(a: Self::Units, b: Self::Units) -> [Self::Units; 2];
    /// What [`Vector::interleave`] would undo: the even lanes of both, and the odd ones.
    unsafe fn deinterleave(first: Self::Units, second: Self::Units) -> [Self::Units; 2];

    /// Four units of weights.
    unsafe fn factors(from: *const u32) -> Self::Factors;
    /// Adds four products of unsigned bytes and a channel's signed ones to each lane's sum; exact.
    unsafe fn dot<const CHANNEL: usize>(
        sums: Self::Units,
        bytes: Self::Units,
        factors: Self::Factors,
    ) -> Self::Units;
    /// Adds the product with a channel's weight, rounded once or twice.
    unsafe fn multiply_add<const CHANNEL: usize>(
        sums: Self::Floats,
        values: Self::Floats,
        factors: Self::Factors,
    ) -> Self::Floats;
    /// Adds whole numbers.
    unsafe fn add_whole(a: Self::Units, b: Self::Units) -> Self::Units;
    /// Whole numbers as f32, rounded to the nearest, halves to even.
    unsafe fn to_floats(whole: Self::Units) -> Self::Floats;
    /// The byte of a channel as f32.
    unsafe fn byte(units: Self::Units, channel: usize) -> Self::Floats;
    /// Four channels' values, each within 0..=255 and rounded to the nearest, halves to even.
    unsafe fn to_bytes(channels: [Self::Floats; 4]) -> Self::Units;

    /// The bits as f32.
    unsafe fn floats(units: Self::Units) -> Self::Floats;
    /// f32 as bits.
    unsafe fn bits(floats: Self::Floats) -> Self::Units;
    /// One value in all lanes.
    unsafe fn splat(value: f32) -> Self::Floats;
    /// `a + b`.
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b`.
    unsafe fn multiply(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The larger one.
    unsafe fn max(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The smaller one.
    unsafe fn min(a: Self::Floats, b: Self::Floats) -> Self::Floats;
}

/// How channels are held and summed: one of [`Int8`] and [`Float`], on any [`Vector`].
///
/// # Safety
/// As for [`Vector`].
pub(super) unsafe trait Lanes: Copy + Send + Sync + 'static {
    /// The instructions.
    type V: Vector;
    /// Sums of a voxel a lane.
    type Sums: Copy;
    /// Units that four channels take: 1 for 8 bits, 4 for f32.
    const UNITS: usize;

    /// Sums of nothing.
    unsafe fn zero() -> Self::Sums;
    /// Adds the products of a unit's channels and their weights for one channel of a quad.
    unsafe fn add_product<const CHANNEL: usize>(
        sums: Self::Sums,
        units: Units<Self>,
        factors: <Self::V as Vector>::Factors,
    ) -> Self::Sums;
    /// Four channels' sums scaled, biased, rectified, added to a skip and rounded as the next convolution
    /// reads them, in the first [`Lanes::UNITS`] vectors.
    unsafe fn finish(
        sums: [Self::Sums; 4],
        terms: &Terms,
        skip: Option<[Units<Self>; 4]>,
    ) -> [Units<Self>; 4];
    /// The first channel's sums scaled and biased, as bits of f32.
    unsafe fn logits(sums: Self::Sums, terms: &Terms) -> Units<Self>;
}

/// A vector of units.
pub(super) type Units<L> = <<L as Lanes>::V as Vector>::Units;

/// What turns four channels' sums into the next tensor.
///
/// For 8 bits all are in steps of that tensor: `round(max(sum * scale + bias, 0) + skip * skip_scale)`,
/// halves to even, up to 255. Multiplications and additions are rounded each by itself, so that every
/// instruction set gives the same bits. For f32 there is nothing to scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// A channel's step of the sums.
    pub scale: [f32; 4],
    /// A channel's bias.
    pub bias: [f32; 4],
    /// 128 times the sum of a channel's weights: see [`Vector::IS_SIGNED`].
    pub offset: [i32; 4],
    /// Step of the skip.
    pub skip_scale: f32,
}

/// Unsigned bytes times signed ones, sums in 32 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Int8<V>(V);

/// f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Float<V>(V);

// SAFETY: every method touches what the vector's methods touch.
unsafe impl<V: Vector> Lanes for Int8<V> {
    type V = V;
    type Sums = V::Units;
    const UNITS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> V::Units {
        // SAFETY: the caller has these instructions.
        unsafe { V::broadcast(0) }
    }

    #[inline(always)]
    unsafe fn add_product<const CHANNEL: usize>(
        sums: V::Units,
        units: V::Units,
        factors: V::Factors,
    ) -> V::Units {
        // SAFETY: the caller has these instructions.
        unsafe { V::dot::<CHANNEL>(sums, units, factors) }
    }

    #[inline(always)]
    unsafe fn finish(
        sums: [V::Units; 4],
        terms: &Terms,
        skip: Option<[V::Units; 4]>,
    ) -> [V::Units; 4] {
        // SAFETY: the caller has these instructions.
        unsafe {
            // No closures here or in a tile: they would be compiled without the caller's instructions.
            let mut values = [V::splat(0.0); 4];
            for (channel, value) in values.iter_mut().enumerate() {
                let biased = scaled::<V>(sums[channel], terms, channel);
                *value = V::max(biased, *value);
                if let Some([skip, ..]) = skip {
                    let skip = V::multiply(V::byte(skip, channel), V::splat(terms.skip_scale));
                    *value = V::add(*value, skip);
                }
                *value = V::min(*value, V::splat(255.0));
            }
            [V::to_bytes(values); 4]
        }
    }

    #[inline(always)]
    unsafe fn logits(sums: V::Units, terms: &Terms) -> V::Units {
        // SAFETY: the caller has these instructions.
        unsafe { V::bits(scaled::<V>(sums, terms, 0)) }
    }
}

/// A channel's sums in steps of what comes next, with its bias.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn scaled<V: Vector>(sums: V::Units, terms: &Terms, channel: usize) -> V::Floats {
    // SAFETY: the caller has these instructions.
    unsafe {
        let sums = if V::IS_SIGNED {
            V::add_whole(sums, V::broadcast(terms.offset[channel].cast_unsigned()))
        } else {
            sums
        };
        let scaled = V::multiply(V::to_floats(sums), V::splat(terms.scale[channel]));
        V::add(scaled, V::splat(terms.bias[channel]))
    }
}

// SAFETY: every method touches what the vector's methods touch.
unsafe impl<V: Vector> Lanes for Float<V> {
    type V = V;
    type Sums = V::Floats;
    const UNITS: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> V::Floats {
        // SAFETY: the caller has these instructions.
        unsafe { V::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn add_product<const CHANNEL: usize>(
        sums: V::Floats,
        units: V::Units,
        factors: V::Factors,
    ) -> V::Floats {
        // SAFETY: the caller has these instructions.
        unsafe { V::multiply_add::<CHANNEL>(sums, V::floats(units), factors) }
    }

    #[inline(always)]
    unsafe fn finish(
        sums: [V::Floats; 4],
        terms: &Terms,
        skip: Option<[V::Units; 4]>,
    ) -> [V::Units; 4] {
        // SAFETY: the caller has these instructions.
        unsafe {
            let mut units = [V::broadcast(0); 4];
            for (channel, unit) in units.iter_mut().enumerate() {
                let biased = V::add(sums[channel], V::splat(terms.bias[channel]));
                let mut value = V::max(biased, V::splat(0.0));
                if let Some(skip) = skip {
                    value = V::add(value, V::floats(skip[channel]));
                }
                *unit = V::bits(value);
            }
            units
        }
    }

    #[inline(always)]
    unsafe fn logits(sums: V::Floats, terms: &Terms) -> V::Units {
        // SAFETY: the caller has these instructions.
        unsafe { V::bits(V::add(sums, V::splat(terms.bias[0]))) }
    }
}
