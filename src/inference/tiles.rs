//! How a volume that is too large to compute at once is cut along its slices.

use std::ops::Range;

use super::input::SIDE_MULTIPLE;

/// Slices that are computed together, and those of them that nothing past the margin can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) core: Range<usize>,
    pub(super) with_margin: Range<usize>,
}

/// Cuts a volume into tiles of about so many slices, for a network that sees so far before and behind.
pub(super) fn tiles(n_slices: usize, wanted: usize, [before, behind]: [usize; 2]) -> Vec<Tile> {
    // No more margin than what it is for. All start where the coarsest level has a voxel of its own.
    let core = wanted.saturating_sub(before + behind).max(before.max(behind));
    let core = core.next_multiple_of(SIDE_MULTIPLE);
    let tile = |start: usize| {
        let core = start..(start + core).min(n_slices);
        let first = core.start.saturating_sub(before) / SIDE_MULTIPLE * SIDE_MULTIPLE;
        let end = (core.end + behind).next_multiple_of(SIDE_MULTIPLE).min(n_slices);
        Tile { core, with_margin: first..end }
    };
    (0..n_slices).step_by(core).map(tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cores_follow_each_other_within_their_margins(
            n_slices in 1_usize..40, wanted in 1_usize..400, reach in prop::array::uniform2(0_usize..150),
        ) {
            let n_slices = n_slices * SIDE_MULTIPLE;
            let mut next = 0;
            for Tile { core, with_margin } in tiles(n_slices, wanted, reach) {
                prop_assert_eq!(core.start, next);
                next = core.end;
                prop_assert_eq!([with_margin.start, with_margin.end].map(|it| it % SIDE_MULTIPLE), [0; 2]);
                prop_assert!(with_margin.start <= core.start.saturating_sub(reach[0]));
                prop_assert!(with_margin.end >= (core.end + reach[1]).min(n_slices));
            }
            prop_assert_eq!(next, n_slices);
        }
    }
}
