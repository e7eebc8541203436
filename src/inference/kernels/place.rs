//! How the voxels of a slice are dealt to the lanes of vectors.
//!
//! Rows that fill their vectors are dealt one by one. Short rows would leave lanes idle: the network's
//! coarse levels have rows of 4 to 24 voxels. They are joined to one long row, with the border unit between
//! two of them in a lane of its own, since a tap is as far from any of its voxels as from the first one. A
//! stride of 2 has no such long row; there two short rows share a vector, half each.

/// Where a vector's first lane is in its slice; the others go on from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Lanes of one vector that hold neighbouring voxels of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Segment {
    pub(super) row: usize,
    /// Of the first voxel.
    pub(super) column: usize,
    /// That holds it.
    pub(super) lane: usize,
    /// Voxels.
    pub(super) n: usize,
}

/// One way to deal the rows of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dealing {
    n_rows: usize,
    n_columns: usize,
    /// Lanes of a vector.
    n_lanes: usize,
    /// Rows dealt together.
    rows: usize,
    /// Lanes from the first voxel of one of them to that of the next.
    pitch: usize,
    /// Vectors that they take.
    vectors: usize,
}

impl Dealing {
    /// Each row by itself.
    fn apart([n_rows, n_columns]: [usize; 2], n_lanes: usize) -> Self {
        let vectors = n_columns.div_ceil(n_lanes);
        Self { n_rows, n_columns, n_lanes, rows: 1, pitch: vectors * n_lanes, vectors }
    }

    /// The way that takes fewer vectors where neighbours in memory are neighbours in the output.
    #[inline]
    pub(super) fn dense(sides: [usize; 2], n_lanes: usize) -> Self {
        let apart = Self::apart(sides, n_lanes);
        let [n_rows, pitch] = [sides[0], sides[1] + 1];
        let vectors = (n_rows * pitch - 1).div_ceil(n_lanes);
        let joined = Self { rows: n_rows, pitch, vectors, ..apart };
        if joined.n_places() < apart.n_places() { joined } else { apart }
    }

    /// The way that takes fewer vectors for a stride of 2.
    #[inline]
    pub(super) fn strided(sides: [usize; 2], n_lanes: usize) -> Self {
        let apart = Self::apart(sides, n_lanes);
        if 2 * sides[1] <= n_lanes && sides[0] > 1 {
            Self { rows: 2, pitch: n_lanes / 2, ..apart }
        } else {
            apart
        }
    }

    /// Whether vectors hold halves of two rows.
    pub(super) fn is_paired(&self) -> bool {
        self.rows == 2 && self.pitch == self.n_lanes / 2
    }

    /// Vectors a slice.
    pub(super) fn n_places(&self) -> usize {
        self.n_rows.div_ceil(self.rows) * self.vectors
    }

    /// One of [`Dealing::n_places`].
    #[inline]
    pub(super) fn place(&self, number: usize) -> Place {
        let lane = number % self.vectors * self.n_lanes;
        let row = number / self.vectors * self.rows + lane / self.pitch;
        Place { row, column: lane % self.pitch }
    }

    /// The voxels that a place holds.
    #[inline]
    pub(super) fn segments(&self, place: Place) -> Segments {
        Segments { dealing: *self, row: place.row, column: place.column, lane: 0 }
    }
}

/// See [`Dealing::segments`].
#[derive(Debug)]
pub(super) struct Segments {
    dealing: Dealing,
    row: usize,
    column: usize,
    lane: usize,
}

impl Iterator for Segments {
    type Item = Segment;

    #[inline]
    fn next(&mut self) -> Option<Segment> {
        let Dealing { n_rows, n_columns, n_lanes, rows, pitch, .. } = self.dealing;
        // Rows that are dealt one by one end with their vector.
        while self.lane < n_lanes && self.row < n_rows {
            let n = n_columns.saturating_sub(self.column).min(n_lanes - self.lane);
            let segment = Segment { row: self.row, column: self.column, lane: self.lane, n };
            self.lane = if rows == 1 { n_lanes } else { self.lane + pitch - self.column };
            self.row += 1;
            self.column = 0;
            if n > 0 {
                return Some(segment);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 256 }))]

        #[test]
        fn every_voxel_has_one_lane(
            sides in prop::array::uniform2(1_usize..40), n_lanes in prop::sample::select(vec![4, 8, 16]),
        ) {
            for dealing in [Dealing::dense(sides, n_lanes), Dealing::strided(sides, n_lanes)] {
                let mut times = vec![0; sides[0] * sides[1]];
                for number in 0..dealing.n_places() {
                    let place = dealing.place(number);
                    for it in dealing.segments(place) {
                        prop_assert!(it.lane + it.n <= n_lanes && it.column + it.n <= sides[1]);
                        for n in 0..it.n {
                            times[it.row * sides[1] + it.column + n] += 1;
                        }
                    }
                }
                prop_assert!(times.iter().all(|&n| n == 1), "{dealing:?}: {times:?}");
            }
        }
    }

    #[test]
    fn short_rows_leave_few_lanes_idle() {
        assert_eq!(Dealing::dense([10, 8], 16).n_places(), 6);
        assert_eq!(Dealing::dense([5, 4], 16).n_places(), 2);
        assert_eq!(Dealing::dense([16, 24], 16).n_places(), 25);
        assert_eq!(Dealing::dense([40, 32], 16).n_places(), 80);
        assert_eq!(Dealing::strided([10, 8], 16).n_places(), 5);
    }
}
