//! Whether two shares differ: Fisher's exact test (1922) of a table of two by two.

use statrs::function::factorial::ln_binomial;

/// Two-sided p value of no difference between `hits[0]` of `all[0]` and `hits[1]` of `all[1]`: the
/// probability of all tables with these margins that are no likelier than this one.
///
/// `None` where a group is empty or has more hits than members.
#[must_use]
pub fn fisher_exact(hits: [usize; 2], all: [usize; 2]) -> Option<f64> {
    if all.contains(&0) || hits.iter().zip(all).any(|(hit, of)| *hit > of) {
        return None;
    }
    let [n1, n2] = all.map(|it| it as u64);
    let drawn = (hits[0] + hits[1]) as u64;
    let log_p = |first: u64| {
        ln_binomial(n1, first) + ln_binomial(n2, drawn - first) - ln_binomial(n1 + n2, drawn)
    };
    // Tables that are as likely must not be lost to rounding.
    let observed = log_p(hits[0] as u64) + 1e-7;
    let tables = drawn.saturating_sub(n2)..=drawn.min(n1);
    let p: f64 = tables.map(log_p).filter(|it| *it <= observed).map(f64::exp).sum();
    Some(p.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    #[test]
    fn p_values_are_those_of_scipy() {
        let check = |hits, all, p| assert_near(fisher_exact(hits, all).unwrap(), p, 1e-9);
        // scipy.stats.fisher_exact
        check([8, 1], [10, 6], 0.034_965_034_965);
        check([90, 80], [100, 100], 0.073_427_589_721);
        check([0, 3], [10, 12], 0.220_779_220_779);
        check([5, 5], [5, 9], 0.220_779_220_779);
        check([7, 7], [20, 20], 1.0);
        assert_eq!(fisher_exact([0, 1], [0, 3]), None);
        assert_eq!(fisher_exact([4, 1], [3, 3]), None);
    }
}
