//! A slice on its way to the browser: 16 bits a pixel, made small.
//!
//! Each pixel is written as its difference from its left neighbour (the first of a row: from the one above), the low bytes
//! of all first, then the high ones. What is left is mostly small numbers and zeros, which gzip at its fastest makes
//! much smaller. `slices.js` undoes it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::units::Hounsfield;

/// Packs a slice, row by row, `n_columns` each.
pub(in crate::console) fn pack(slice: &[Hounsfield], n_columns: usize) -> Vec<u8> {
    let n = slice.len();
    let mut bytes = vec![0; 2 * n];
    let (low, high) = bytes.split_at_mut(n);
    for (at, value) in slice.iter().enumerate() {
        let before = if at % n_columns != 0 {
            slice[at - 1].0
        } else {
            at.checked_sub(n_columns).map_or(0, |above| slice[above].0)
        };
        let [a, b] = value.0.wrapping_sub(before).to_le_bytes();
        low[at] = a;
        high[at] = b;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(n), Compression::fast());
    encoder.write_all(&bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let values = [-1024, 3071, i16::MIN, i16::MAX, 0, -1];
        let slice = values.map(Hounsfield);
        let mut bytes = Vec::new();
        GzDecoder::new(&*pack(&slice, 3)).read_to_end(&mut bytes).unwrap();
        let mut out = [0_i16; 6];
        for at in 0..6 {
            let before = match at {
                0 => 0,
                3 => out[0],
                _ => out[at - 1],
            };
            out[at] = i16::from_le_bytes([bytes[at], bytes[at + 6]]).wrapping_add(before);
        }
        assert_eq!(out, values);
    }
}
