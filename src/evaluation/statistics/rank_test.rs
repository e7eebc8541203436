//! Whether two samples lie apart: the rank test of Mann and Whitney (1947), which is Wilcoxon's.

use serde::{Deserialize, Serialize};

use super::normal_share_below;
use crate::limits::EXACT_RANK_TEST_MAX;

/// How a p value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All orders counted.
    Exact,
    /// Normal distribution, corrected for ties and continuity.
    Normal,
}

/// The test's answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RankTest {
    /// How many pairs have the first sample's value above the second's, ties half.
    pub u: f64,
    /// Two-sided p value of no difference.
    pub p: f64,
    /// How it was computed.
    pub method: Method,
}

impl RankTest {
    /// Compares two samples; `None` where one is empty.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        if first.is_empty() || second.is_empty() {
            return None;
        }
        let both: Vec<f64> = first.iter().chain(second).copied().collect();
        let ranks = midranks(&both);
        let (n1, n2) = (first.len() as f64, second.len() as f64);
        let rank_sum: f64 = ranks[..first.len()].iter().sum();
        let u = rank_sum - n1 * (n1 + 1.0) / 2.0;
        let larger = u.max(n1 * n2 - u);
        let ties = tie_sum(&both);
        let exact = ties == 0.0 && first.len().min(second.len()) <= EXACT_RANK_TEST_MAX;
        let (p, method) = if exact {
            (exact_tail(first.len(), second.len(), larger), Method::Exact)
        } else {
            (normal_tail(n1, n2, larger, ties), Method::Normal)
        };
        Some(Self { u, p: (2.0 * p).min(1.0), method })
    }
}

/// Ranks from 1; equal values share the mean of theirs.
#[must_use]
pub fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        for index in tied {
            ranks[*index] = rank;
        }
        before += tied.len();
    }
    ranks
}

/// Sum of t^3 - t over groups of t equal values.
fn tie_sum(values: &[f64]) -> f64 {
    let sorted = super::quantile::sorted(values.iter().copied());
    let groups = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq());
    groups.map(|group| (group.len() as f64).powi(3) - group.len() as f64).sum()
}

/// Probability of so large a U or a larger one.
fn normal_tail(n1: f64, n2: f64, u: f64, ties: f64) -> f64 {
    let n = n1 + n2;
    let variance = n1 * n2 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        // All values are equal.
        return 0.5;
    }
    normal_share_below(-(u - n1 * n2 / 2.0 - 0.5) / variance.sqrt())
}

/// As [`normal_tail`], by counting: the number of orders for each U are the coefficients of the
/// product of (1 - q^(n2 + i)) / (1 - q^i), i from 1 to n1.
fn exact_tail(n1: usize, n2: usize, u: f64) -> f64 {
    let (small, large) = (n1.min(n2), n1.max(n2));
    let mut counts = vec![0.0_f64; small * large + 1];
    counts[0] = 1.0;
    for i in 1..=small {
        for k in (large + i..counts.len()).rev() {
            counts[k] -= counts[k - large - i];
        }
        for k in i..counts.len() {
            counts[k] += counts[k - i];
        }
    }
    let total: f64 = counts.iter().sum();
    let tail = counts.iter().enumerate().filter(|(k, _)| *k as f64 >= u).map(|(_, n)| n);
    tail.sum::<f64>() / total
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    #[test]
    fn p_values_are_those_of_scipy() {
        let check = |first: &[f64], second: &[f64], u, p, method| {
            let test = RankTest::of(first, second).unwrap();
            assert_near(test.u, u, 1e-12);
            assert_near(test.p, p, 1e-9);
            assert_eq!(test.method, method);
        };
        // scipy.stats.mannwhitneyu(first, second)
        let (a, b) = (&[0.71, 0.82, 0.55, 0.64, 0.9], &[0.5, 0.62, 0.45, 0.7, 0.3, 0.58]);
        check(a, b, 26.0, 0.051_948_051_948_051_95, Method::Exact);
        check(&[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6], 0.0, 0.1, Method::Exact);
        let tied = [0.7, 0.7, 0.8, 0.0, 0.0, 0.6, 0.65, 0.9, 0.5, 0.85];
        let other = [0.0, 0.5, 0.6, 0.7, 0.3, 0.0, 0.45, 0.55, 0.2, 0.75, 0.81, 0.1];
        check(&tied, &other, 80.0, 0.196_481_919_493_835_64, Method::Normal);
        let low: Vec<f64> = (1..20).map(|i| f64::from(i) / 100.0).collect();
        let high: Vec<f64> = (0..12).map(|i| 0.055 + f64::from(i) / 50.0).collect();
        check(&low, &high, 56.0, 0.019_704_219_861_882_17, Method::Normal);
    }

    #[test]
    fn equal_values_do_not_differ() {
        assert_near(RankTest::of(&[0.5; 5], &[0.5; 9]).unwrap().p, 1.0, 1e-12);
        assert_eq!(RankTest::of(&[], &[0.5]), None);
        assert_near(RankTest::of(&[0.1], &[0.5]).unwrap().p, 1.0, 1e-12);
    }

    #[test]
    fn ties_share_their_rank() {
        assert_eq!(midranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }
}
