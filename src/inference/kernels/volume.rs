//! A network's input as its first convolution reads it.

use rayon::prelude::*;

use super::blocks::Blocks;

/// Added and taken away again, this rounds to whole numbers, halves to even, and vectorizes everywhere.
const ROUNDING: f32 = 12_582_912.0;

/// Bytes of a normalized volume of one channel: `round(value / step) + zero_point`, 0..=255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    /// One step of the input.
    pub step: f32,
    /// What 0.0 becomes.
    pub zero_point: u8,
}

/// Rounds a volume `[slice, row, column]` to bytes and puts three neighbours of a row, as a 3x3x3
/// kernel sees them, into each unit: with one channel alone three bytes of a unit would be idle.
///
/// # Panics
/// When the sizes do not fit.
pub fn pack_bytes(values: &[f32], blocks: &Blocks, steps: Steps, units: &mut [u32]) {
    let n_columns = blocks.shape[2];
    let border = u32::from(steps.zero_point) * 0x01_01_01;
    blocks.fill_border(units, border);
    let zero_point = f32::from(steps.zero_point);
    let border = vec![u32::from(steps.zero_point); n_columns + 2];
    for_each_row(values, blocks, units, &border, |bytes, values, units| {
        for (byte, value) in bytes[1..].iter_mut().zip(values) {
            let rounded = (value / steps.step + ROUNDING) - ROUNDING + zero_point;
            // Not a number becomes 0.
            *byte = rounded.clamp(0.0, 255.0) as u32;
        }
        for (unit, near) in units.iter_mut().zip(bytes.windows(3)) {
            *unit = near[0] | near[1] << 8 | near[2] << 16;
        }
    });
}

/// The same volume in f32.
///
/// # Panics
/// When the sizes do not fit.
pub fn pack_floats(values: &[f32], blocks: &Blocks, units: &mut [u32]) {
    blocks.fill_border(units, 0);
    for_each_row(values, blocks, units, &(), |(), values, units| {
        for (unit, value) in units.iter_mut().zip(values) {
            *unit = value.to_bits();
        }
    });
}

/// Packs rows on all threads of the current pool, each with a scratch of its own.
fn for_each_row<S: Clone + Send + Sync>(
    values: &[f32],
    blocks: &Blocks,
    units: &mut [u32],
    scratch: &S,
    pack: impl Fn(&mut S, &[f32], &mut [u32]) + Sync,
) {
    let [n_slices, n_rows, n_columns] = blocks.shape;
    assert_eq!(blocks.n_groups, 1, "a volume has one channel");
    assert_eq!(values.len(), n_slices * n_rows * n_columns, "one value a voxel");
    let slices = units[blocks.slice()..].par_chunks_exact_mut(blocks.slice());
    let work = values.par_chunks_exact(n_rows * n_columns).zip(slices);
    work.for_each_with(scratch.clone(), |scratch, (values, units)| {
        let rows = units[blocks.row()..].chunks_exact_mut(blocks.row());
        for (values, units) in values.chunks_exact(n_columns).zip(rows) {
            pack(scratch, values, &mut units[1..]);
        }
    });
}
