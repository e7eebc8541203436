//! Where the edges of a slice lie in the patient: letters that come from the images' orientation, never from a habit.

use crate::imaging::Geometry;

/// The letter of a direction in patient space, `[x, y, z]` of LPS: the axis that it is nearest to.
fn letter(direction: [f64; 3]) -> char {
    const LETTERS: [[char; 2]; 3] = [['R', 'L'], ['A', 'P'], ['F', 'H']];
    let axis = (0..3).max_by(|&a, &b| direction[a].abs().total_cmp(&direction[b].abs()));
    let axis = axis.expect("three axes");
    LETTERS[axis][usize::from(direction[axis] > 0.0)]
}

/// Letters at the left, right, upper and lower edge of every slice (`R`, `L`, `A`, `P`, `H`, `F`).
pub(super) fn edges(grid: &Geometry) -> [char; 4] {
    let [_, down, along] = grid.steps();
    let back = |it: [f64; 3]| it.map(|value| -value);
    [letter(back(along)), letter(along), letter(back(down)), letter(down)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::PatientPoint;

    #[test]
    fn the_patients_right_is_where_the_images_say() {
        let grid = |row: [f64; 3], column: [f64; 3]| {
            let steps = [[0.0, 0.0, 1.0], row, column];
            Geometry::new(PatientPoint::default(), steps, [2, 4, 4]).unwrap()
        };
        // Supine, head first, as most are shown.
        assert_eq!(edges(&grid([0.0, 1.0, 0.0], [1.0, 0.0, 0.0])), ['R', 'L', 'A', 'P']);
        // Prone.
        assert_eq!(edges(&grid([0.0, -1.0, 0.0], [-1.0, 0.0, 0.0])), ['L', 'R', 'P', 'A']);
        // A tilted gantry.
        assert_eq!(edges(&grid([0.0, 0.9, -0.4], [1.0, 0.0, 0.0])), ['R', 'L', 'A', 'P']);
    }
}
