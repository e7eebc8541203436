//! Encapsulated pixel data: which bytes of a file are a frame (PS3.5 annex A.4).

use std::ops::Range;

/// A frame's fragments, byte ranges of the file in their order.
pub(super) type Frame = Vec<Range<u64>>;

/// What stands in the place of Pixel Data's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragments {
    /// Basic Offset Table: where each frame's first item is, from the first item after the table; may be empty.
    pub(super) offsets: Vec<u32>,
    /// Values of the items after it.
    pub(super) ranges: Vec<Range<u64>>,
}

impl Fragments {
    /// The fragments of each of `n_frames`, or `None` where nothing says which belong together.
    pub(super) fn frames(&self, n_frames: usize) -> Option<Vec<Frame>> {
        if self.ranges.len() == n_frames {
            return Some(self.ranges.iter().map(|range| vec![range.clone()]).collect());
        }
        if n_frames == 1 && !self.ranges.is_empty() {
            return Some(vec![self.ranges.clone()]);
        }
        if self.offsets.len() != n_frames {
            return None;
        }
        let base = self.ranges.first()?.start;
        let mut frames: Vec<Frame> = Vec::with_capacity(n_frames);
        for range in &self.ranges {
            let starts = self.offsets.get(frames.len()).map(|offset| base + u64::from(*offset));
            if starts == Some(range.start) {
                frames.push(Frame::new());
            }
            frames.last_mut()?.push(range.clone());
        }
        (frames.len() == n_frames).then_some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_by_number_or_by_offsets() {
        let first = 100..110;
        // Eight bytes of tag and length stand before each.
        let second = 118..124;
        let third = 132..136;
        let ranges = vec![first.clone(), second.clone(), third.clone()];
        let check = |offsets: Vec<u32>, n_frames: usize, expected: Option<Vec<Frame>>| {
            let fragments = Fragments { offsets, ranges: ranges.clone() };
            assert_eq!(fragments.frames(n_frames), expected);
        };
        let [a, b, c] = [&first, &second, &third];
        check(vec![], 3, Some(vec![vec![a.clone()], vec![b.clone()], vec![c.clone()]]));
        check(vec![], 1, Some(vec![ranges.clone()]));
        check(vec![0, 32], 2, Some(vec![vec![a.clone(), b.clone()], vec![c.clone()]]));
        check(vec![0, 18], 2, Some(vec![vec![a.clone()], vec![b.clone(), c.clone()]]));
        // Neither says it, or offsets lead between the items.
        check(vec![], 2, None);
        check(vec![0, 17], 2, None);
        check(vec![18, 32], 2, None);
        check(vec![], 4, None);
        assert_eq!(Fragments { offsets: vec![], ranges: vec![] }.frames(1), None);
    }
}
