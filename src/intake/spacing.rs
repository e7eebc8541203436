//! Whether positions along a line are evenly spaced, and if not, in what way. Pure.

use crate::imaging::geometry::{dot, norm};
use crate::reason::Reason;

/// Smallest deviation that counts, mm: some scanners round positions to 0.1 mm.
const DEVIATION_MM_MIN: f64 = 0.1;
/// The same as a part of the spacing: thick slices show less of an error.
const DEVIATION_PART: f64 = 0.02;
/// Distance below which two positions are one, mm. The thinnest CT slices are 0.2 mm apart.
const SAME_POSITION_MM: f64 = 0.05;

/// Largest angle between directions that count as one, degrees. Three decimals of a cosine are
/// 0.05 degrees; a gantry is set in steps of 0.5.
const SAME_DIRECTION_DEGREES: f64 = 0.25;

/// First position and step of the straight line through evenly spaced positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Position of slice 0 on the line.
    pub origin: [f64; 3],
    /// From each slice to the next. It need not be along the normal: a tilted gantry shears.
    pub step: [f64; 3],
}

/// Whether two unit vectors point the same way.
#[must_use]
pub fn is_same_direction(a: &[f64; 3], b: &[f64; 3]) -> bool {
    dot(a, b) >= SAME_DIRECTION_DEGREES.to_radians().cos()
}

/// Whether two places along the normal are the same slice's, mm.
#[must_use]
pub fn is_same_position(a_mm: f64, b_mm: f64) -> bool {
    (a_mm - b_mm).abs() < SAME_POSITION_MM
}

/// The median of the distances between neighbours, mm; `None` for fewer than two places.
fn median_gap(places_mm: &[f64]) -> Option<f64> {
    let mut gaps: Vec<f64> = places_mm.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

/// Checks places along the normal, ascending and distinct, mm.
///
/// # Errors
/// [`Reason::MissingSlice`] when each wide gap is a whole number of steps, otherwise
/// [`Reason::IrregularSpacing`].
pub fn check_gaps(places_mm: &[f64]) -> Result<(), Reason> {
    let Some(median) = median_gap(places_mm) else { return Ok(()) };
    let tolerance = tolerance_mm(median);
    let mut missing = false;
    for pair in places_mm.windows(2) {
        let gap = pair[1] - pair[0];
        let n_steps = (gap / median).round();
        // Rounding of positions does not grow with the gap, error of the median does.
        if n_steps < 1.0 || (gap - n_steps * median).abs() > tolerance * n_steps.sqrt() {
            return Err(Reason::IrregularSpacing);
        }
        missing |= n_steps > 1.0;
    }
    if missing { Err(Reason::MissingSlice) } else { Ok(()) }
}

/// The line nearest to all positions (least squares), if none is further from it than the
/// tolerance: along the line a drifting table, across it a drifting centre would show.
///
/// # Errors
/// [`Reason::IrregularSpacing`] when one is; [`Reason::TooFewSlices`] for fewer than two.
pub fn fit_line(positions: &[[f64; 3]]) -> Result<Line, Reason> {
    if positions.len() < 2 {
        return Err(Reason::TooFewSlices);
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let at = |n: usize| n as f64;
    let n = at(positions.len());
    let middle = (n - 1.0) / 2.0;
    let spread: f64 = (0..positions.len()).map(|i| (at(i) - middle).powi(2)).sum();
    let mean: [f64; 3] =
        std::array::from_fn(|axis| positions.iter().map(|p| p[axis]).sum::<f64>() / n);
    let step: [f64; 3] = std::array::from_fn(|axis| {
        let moment = |(i, p): (usize, &[f64; 3])| (at(i) - middle) * (p[axis] - mean[axis]);
        positions.iter().enumerate().map(moment).sum::<f64>() / spread
    });
    let origin = std::array::from_fn(|axis| mean[axis] - middle * step[axis]);
    let tolerance = tolerance_mm(norm(&step));
    let is_near = |(i, p): (usize, &[f64; 3])| {
        let off: [f64; 3] = std::array::from_fn(|a| p[a] - origin[a] - at(i) * step[a]);
        norm(&off) <= tolerance
    };
    if positions.iter().enumerate().all(is_near) {
        Ok(Line { origin, step })
    } else {
        Err(Reason::IrregularSpacing)
    }
}

fn tolerance_mm(spacing_mm: f64) -> f64 {
    DEVIATION_MM_MIN.max(DEVIATION_PART * spacing_mm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_apart() {
        let check = |places: &[f64], expected: Result<(), Reason>| {
            assert_eq!(check_gaps(places), expected, "{places:?}");
        };
        check(&[], Ok(()));
        check(&[3.0], Ok(()));
        check(&[0.0, 5.0, 10.0, 15.0], Ok(()));
        check(&[0.0, 0.6, 1.3, 1.9, 2.5, 3.1, 3.8], Ok(()));
        check(&[0.0, 5.0, 10.0, 20.0], Err(Reason::MissingSlice));
        check(&[0.0, 1.0, 2.0, 3.0, 9.0, 10.0], Err(Reason::MissingSlice));
        check(&[0.0, 1.0, 2.0, 3.4, 4.4], Err(Reason::IrregularSpacing));
        check(&[0.0, 5.0, 10.0, 12.5, 17.5], Err(Reason::IrregularSpacing));
    }

    #[test]
    fn a_line_may_be_oblique_but_not_bent() {
        let tilted: Vec<[f64; 3]> =
            (0..9).map(|i| [1.0, 0.5, 2.0].map(|s| s * f64::from(i))).collect();
        let line = fit_line(&tilted).unwrap();
        assert!(norm(&line.origin) < 1e-9 && (line.step[1] - 0.5).abs() < 1e-9);
        let mut bent = tilted.clone();
        bent[4][0] += 0.5;
        assert_eq!(fit_line(&bent), Err(Reason::IrregularSpacing));
        // Each gap is within its tolerance, yet they add up.
        let drifting: Vec<[f64; 3]> =
            (0..40).map(f64::from).map(|i| [0.0, 0.0, i + 0.001 * i * i]).collect();
        assert_eq!(fit_line(&drifting), Err(Reason::IrregularSpacing));
        assert_eq!(fit_line(&tilted[..1]), Err(Reason::TooFewSlices));
    }
}
