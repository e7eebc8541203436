//! How figures are worded, in the report and in the plots alike.

use super::figures::CohortFigures;
use super::outcome::CohortKind;
use super::statistics::proportion::Proportion;
use super::statistics::quantile::Quartiles;
use super::statistics::{Estimate, Interval};

/// What stands where there is no figure.
pub(super) const NOT_MEASURED: &str = "not measured";

/// What a kind of cohort is.
pub(super) fn kind(kind: CohortKind) -> &'static str {
    match kind {
        CohortKind::Phantom => "synthetic phantoms with drawn masses",
        CohortKind::DrawnIntoReal => "real CT with drawn masses",
        CohortKind::Real => "real CT",
        CohortKind::NoGland => "images without a parotid gland",
    }
}

/// Name and kind of a cohort, as every row and plot gives them.
pub(super) fn cohort(figures: &CohortFigures) -> String {
    format!("{}: {}", figures.name, kind(figures.kind))
}

/// How large a cohort is.
pub(super) fn size(figures: &CohortFigures) -> String {
    let counts = &figures.counts;
    [
        plural(counts.n_patients, "patient", "patients"),
        plural(counts.n_cases, "case", "cases"),
        plural(counts.n_glands, "outlined gland", "outlined glands"),
        plural(counts.n_masses, "mass", "masses"),
    ]
    .join(", ")
}

pub(super) fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// So many decimals; a minus sign as wide as a plus.
pub(super) fn decimal(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    // What rounds to nil has no sign.
    let unsigned = text.strip_prefix('-').filter(|it| it.chars().all(|c| "0.".contains(c)));
    unsigned.map_or_else(|| text.replace('-', "−"), str::to_owned)
}

/// `low–high`; "to" where a bound is negative.
pub(super) fn range(interval: Interval, digits: usize) -> String {
    let [low, high] = [interval.low, interval.high].map(|bound| decimal(bound, digits));
    if low.starts_with('−') { format!("{low} to {high}") } else { format!("{low}–{high}") }
}

/// `0.900 (0.769–0.960)`
pub(super) fn with_interval(value: f64, interval: Option<Interval>, digits: usize) -> String {
    let interval = interval.map_or_else(|| "no interval".to_owned(), |it| range(it, digits));
    format!("{} ({interval})", decimal(value, digits))
}

/// `0.900 (0.769–0.960)`
pub(super) fn proportion(share: Option<Proportion>) -> String {
    or_not_measured(share, |it| with_interval(it.value, Some(it.interval), 3))
}

/// `0.725 (0.610–0.780)`
pub(super) fn median(quartiles: Option<Quartiles>, digits: usize) -> String {
    or_not_measured(quartiles, |it| with_interval(it.median, it.interval, digits))
}

/// `0.650 (0.610–0.680)`
pub(super) fn estimate(estimate: Option<Estimate>, digits: usize) -> String {
    or_not_measured(estimate, |it| with_interval(it.value, it.interval, digits))
}

/// `p = 0.035`
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

pub(super) fn or_not_measured<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |text: String, expected: &str| assert_eq!(text, expected);
        check(decimal(-0.0004, 3), "0.000");
        check(decimal(-1.25, 1), "−1.2");
        check(range(Interval { low: -1.0, high: 2.0 }, 1), "−1.0 to 2.0");
        check(proportion(Proportion::wilson(36, 40)), "0.900 (0.769–0.960)");
        check(proportion(None), NOT_MEASURED);
        check(with_interval(1.0, None, 3), "1.000 (no interval)");
        check(p_value(0.0004), "p < 0.001");
        check(p_value(0.0349), "p = 0.035");
        check(plural(1, "mass", "masses"), "1 mass");
    }
}
