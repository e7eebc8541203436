//! How tensors lie in memory while a network runs.
//!
//! A tensor is `[group][slice][row][column]` of 32-bit units, column fastest, with a border of one unit
//! around each of the three axes; the one behind a row is also the one before the next. A unit holds the
//! four neighbouring channels `4 g .. 4 g + 4` of one voxel in 8 bits each, the first in the lowest byte, or
//! one channel in f32. So one unit times four weights is one step of an integer dot product, neighbouring
//! columns fill a vector, and no kernel asks where the edge is.

/// Units behind the last group that a kernel may read: past a short last vector, and past the border below a
/// slice by one of the short rows that share a vector. The widest vectors have 16 units, strided loads take
/// two of them.
pub const SLACK: usize = 64;

/// Sides of a tensor without its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// Units a voxel: channels, or a quarter of them.
    pub n_groups: usize,
    /// `[slice, row, column]`.
    pub shape: [usize; 3],
}

impl Blocks {
    /// Units from one row to the next.
    #[must_use]
    pub fn row(&self) -> usize {
        self.shape[2] + 1
    }

    /// Units from one slice to the next.
    #[must_use]
    pub fn slice(&self) -> usize {
        self.row() * (self.shape[1] + 2)
    }

    /// Units from one group to the next.
    #[must_use]
    pub fn group(&self) -> usize {
        self.slice() * (self.shape[0] + 2)
    }

    /// Units in all, border and slack included.
    #[must_use]
    pub fn n_units(&self) -> usize {
        self.group() * self.n_groups + SLACK
    }

    /// Where a voxel's unit is.
    #[must_use]
    pub fn at(&self, group: usize, [slice, row, column]: [usize; 3]) -> usize {
        group * self.group() + (slice + 1) * self.slice() + (row + 1) * self.row() + column + 1
    }

    /// How far a tap is from the unit it belongs to; every offset is -1, 0 or 1.
    #[must_use]
    pub fn offset(&self, group: usize, [slice, row, column]: [isize; 3]) -> isize {
        let sides = [self.slice(), self.row(), self.group() * group];
        let [slices, rows, groups] = sides.map(usize::cast_signed);
        groups + slice * slices + row * rows + column
    }

    /// Writes `fill` to the border and the slack, and leaves the voxels.
    ///
    /// # Panics
    /// When there are not [`Blocks::n_units`].
    pub fn fill_border(&self, units: &mut [u32], fill: u32) {
        assert_eq!(units.len(), self.n_units(), "one tensor with its slack");
        let (body, slack) = units.split_at_mut(self.group() * self.n_groups);
        slack.fill(fill);
        let row = self.row();
        for group in body.chunks_exact_mut(self.group()) {
            let (first, rest) = group.split_at_mut(self.slice());
            let (slices, last) = rest.split_at_mut(rest.len() - self.slice());
            first.fill(fill);
            last.fill(fill);
            for slice in slices.chunks_exact_mut(self.slice()) {
                let end = slice.len() - row;
                slice[..row].fill(fill);
                slice[end..].fill(fill);
                slice[row..end].iter_mut().step_by(row).for_each(|first| *first = fill);
            }
        }
    }
}
