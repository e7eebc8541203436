//! Whether a probability means what it says: of the voxels that were given 0.3, are three in ten mass?

use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap;
use super::{Interval, Observation};
use crate::evaluation::outcome::RELIABILITY_BINS;

/// How many voxels fell into each bin of probability, and how many of those are mass.
pub type Bins = [[u32; 2]; RELIABILITY_BINS];

/// The curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Bins with voxels, by probability.
    pub points: Vec<ReliabilityPoint>,
    /// Expected calibration error (Naeini 2015): distance of the share that is mass from the bin's
    /// middle, weighted by voxels. Most voxels have a probability near 0, not that of the first bin's
    /// middle, so this can't be small.
    pub calibration_error: f64,
    /// The same without the first bin: where the network saw something. `None` where it never did.
    pub calibration_error_above_first: Option<f64>,
    /// Voxels.
    pub n_voxels: u64,
    /// Patients they come from.
    pub n_patients: usize,
}

/// One bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityPoint {
    /// Middle of the bin.
    pub probability: f64,
    /// Share that is mass.
    pub share: f64,
    /// Bootstrap interval of the share over patients; voxels of one patient are alike.
    pub interval: Option<Interval>,
    /// Voxels.
    pub n_voxels: u64,
}

impl Reliability {
    /// Pooled over glands; `None` where there is no voxel.
    #[must_use]
    pub fn of(glands: &[Observation<Bins>]) -> Option<Self> {
        let points: Vec<ReliabilityPoint> =
            (0..RELIABILITY_BINS).filter_map(|bin| point(glands, bin)).collect();
        let first_edge = 1.0 / RELIABILITY_BINS as f64;
        let above: Vec<_> =
            points.iter().filter(|it| it.probability > first_edge).copied().collect();
        let mut patients: Vec<&str> = glands.iter().map(|it| it.patient).collect();
        patients.sort_unstable();
        patients.dedup();
        Some(Self {
            calibration_error: calibration_error(&points)?,
            calibration_error_above_first: calibration_error(&above),
            n_voxels: points.iter().map(|it| it.n_voxels).sum(),
            n_patients: patients.len(),
            points,
        })
    }
}

fn point(glands: &[Observation<Bins>], bin: usize) -> Option<ReliabilityPoint> {
    let counts: Vec<Observation<[u32; 2]>> =
        glands.iter().map(|it| Observation { patient: it.patient, value: it.value[bin] }).collect();
    let n_voxels = counts.iter().map(|it| u64::from(it.value[0])).sum();
    let share = bootstrap(&counts, |drawn| {
        let (all, mass) = drawn.iter().fold((0.0, 0.0), |(all, mass), [n, hit]| {
            (all + f64::from(*n), mass + f64::from(*hit))
        });
        (all > 0.0).then(|| mass / all)
    })?;
    let probability = (bin as f64 + 0.5) / RELIABILITY_BINS as f64;
    Some(ReliabilityPoint { probability, share: share.value, interval: share.interval, n_voxels })
}

fn calibration_error(points: &[ReliabilityPoint]) -> Option<f64> {
    let n: f64 = points.iter().map(|it| it.n_voxels as f64).sum();
    let distance = |it: &ReliabilityPoint| (it.share - it.probability).abs() * it.n_voxels as f64;
    (n > 0.0).then(|| points.iter().map(distance).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    fn bins(filled: &[(usize, u32, u32)]) -> Bins {
        let mut bins = [[0; 2]; RELIABILITY_BINS];
        for (bin, n, hit) in filled {
            bins[*bin] = [*n, *hit];
        }
        bins
    }

    #[test]
    fn bins_are_pooled_over_glands() {
        let glands = [
            Observation { patient: "a", value: bins(&[(0, 900, 9), (9, 60, 57)]) },
            Observation { patient: "b", value: bins(&[(0, 100, 1), (9, 40, 28)]) },
        ];
        let curve = Reliability::of(&glands).unwrap();
        assert_eq!(curve.points.len(), 2);
        assert_near(curve.points[0].share, 0.01, 1e-12);
        assert_near(curve.points[1].share, 0.85, 1e-12);
        assert_near(curve.calibration_error_above_first.unwrap(), 0.10, 1e-12);
        assert_near(curve.calibration_error, (1000.0 * 0.04 + 100.0 * 0.10) / 1100.0, 1e-12);
        let interval = curve.points[1].interval.unwrap();
        assert_near(interval.low, 0.70, 1e-12);
        assert_near(interval.high, 0.95, 1e-12);
    }

    #[test]
    fn nothing_seen_has_no_curve() {
        assert_eq!(Reliability::of(&[]), None);
        assert_eq!(Reliability::of(&[Observation { patient: "a", value: bins(&[]) }]), None);
        let below = [Observation { patient: "a", value: bins(&[(0, 5, 0)]) }];
        assert_eq!(Reliability::of(&below).unwrap().calibration_error_above_first, None);
    }
}
