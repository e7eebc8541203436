//! The tables of one cohort: finding, outlining and measuring. Every row names it.

use super::screening;
use super::table::Table;
use crate::evaluation::figures::dice::Stratum;
use crate::evaluation::figures::{CohortFigures, TimingFigures};
use crate::evaluation::statistics::Estimate;
use crate::evaluation::statistics::agreement::{Agreement, Bound};
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::statistics::quantile::Quartiles;
use crate::evaluation::wording::{
    cohort, decimal, estimate, median, or_not_measured, plural, proportion, range, with_interval,
};

pub(super) fn write(text: &mut String, figures: &CohortFigures) {
    if figures.no_gland.is_some() {
        no_gland(text, figures);
        other(text, figures);
        return;
    }
    localizer(text, figures);
    dice(text, figures);
    screening::write(text, figures);
    other(text, figures);
}

/// `36 of 40`
pub(super) fn counts(share: Option<Proportion>) -> String {
    or_not_measured(share, |it| format!("{} of {}", it.n_hit, it.n))
}

fn share_row(table: &mut Table<4>, figures: &CohortFigures, name: &str, share: Option<Proportion>) {
    table.row([name.to_owned(), proportion(share), counts(share), cohort(figures)]);
}

fn no_gland(text: &mut String, figures: &CohortFigures) {
    let mut table = Table::new(["images without a gland", "share of cases", "cases", "cohort"]);
    share_row(&mut table, figures, "no gland found", figures.no_gland.and_then(|it| it.none_found));
    share_row(&mut table, figures, "not flagged", figures.no_gland.and_then(|it| it.not_flagged));
    table.write(text);
}

fn localizer(text: &mut String, figures: &CohortFigures) {
    let it = &figures.localizer;
    let mut table = Table::new(["finding the glands", "value", "n", "cohort"]);
    let mut share = |name: &str, value| share_row(&mut table, figures, name, value);
    share("both centres within 10 mm, a case", it.both_within_10_mm);
    share("centre within 10 mm, a gland", it.within_10_mm);
    share("not found, a gland", it.not_found);
    share("sides swapped, a found gland", it.sides_swapped);
    let n = or_not_measured(it.center_error_mm, |it| plural(it.n, "found gland", "found glands"));
    let mm = |value: String| if it.center_error_mm.is_some() { value + " mm" } else { value };
    table.row([
        "distance of the centre, median".to_owned(),
        mm(median(it.center_error_mm, 1)),
        n.clone(),
        cohort(figures),
    ]);
    table.row([
        "distance of the centre, 95th percentile".to_owned(),
        mm(estimate(it.center_error_mm_p95, 1)),
        n,
        cohort(figures),
    ]);
    table.write(text);
}

fn dice(text: &mut String, figures: &CohortFigures) {
    let dice = &figures.dice;
    let mut table = Table::new(["Dice of masses", "median", "quartiles", "masses", "cohort"]);
    let mut row = |name: &str, quartiles: Option<Quartiles>| {
        let middle = |it: Quartiles| format!("{}–{}", decimal(it.q1, 3), decimal(it.q3, 3));
        table.row([
            name.to_owned(),
            median(quartiles, 3),
            or_not_measured(quartiles, middle),
            quartiles.map_or(0, |it| it.n).to_string(),
            cohort(figures),
        ]);
    };
    row("all", dice.all);
    row("at least a sphere of 10 mm (523 voxels)", dice.from_10_mm);
    let mut rows = |what: &str, strata: &[Stratum]| {
        for stratum in strata {
            row(&format!("{what}{}", stratum.name), stratum.dice);
        }
    };
    rows("", &dice.by_size);
    rows("", &dice.by_place);
    rows("site: ", &dice.by_site);
    rows("protocol: ", &dice.by_protocol);
    table.write(text);

    let mut table = Table::new(["Dice of cases, mean", "value", "cases", "cohort"]);
    let left_out = match dice.mixed.n_negative_not_assessable {
        0 => String::new(),
        n => format!(" ({n} not assessable left out)"),
    };
    let with = format!("a case without mass and without outline counts 1{left_out}");
    let mut row = |name: String, value| {
        let n = or_not_measured(value, |it: Estimate| it.n.to_string());
        table.row([name, estimate(value, 3), n, cohort(figures)]);
    };
    row(with, dice.mixed.with_negatives);
    row("cases without mass left out".to_owned(), dice.mixed.without_negatives);
    table.write(text);
}

fn other(text: &mut String, figures: &CohortFigures) {
    let mut table = Table::new(["volume, probabilities, time", "value", "n", "cohort"]);
    let mut row = |name: &str, value: String, n: String| {
        table.row([name.to_owned(), value, n, cohort(figures)]);
    };
    let volume = &figures.volume;
    if figures.no_gland.is_none() {
        let n = format!("{} found, {} missed", volume.n_found, volume.n_missed);
        let bound = |agreement: Option<Agreement>, read: fn(Agreement) -> Bound, unit: &str| {
            or_not_measured(agreement.map(read), |it| {
                with_interval(it.value, Some(it.interval), 2) + unit
            })
        };
        let (difference, ratio) = (volume.difference_cm3, volume.ratio);
        row("outlined − true volume, bias", bound(difference, |it| it.bias, " cm³"), n.clone());
        row("lower limit of agreement", bound(difference, |it| it.low, " cm³"), n.clone());
        row("upper limit of agreement", bound(difference, |it| it.high, " cm³"), n.clone());
        row("outlined / true volume, geometric mean", bound(ratio, |it| it.bias, ""), n.clone());
        row("lower limit of agreement of the ratio", bound(ratio, |it| it.low, ""), n.clone());
        row("upper limit of agreement of the ratio", bound(ratio, |it| it.high, ""), n);
        let curve = figures.reliability.as_ref();
        let voxels = or_not_measured(curve, |it| plural(it.n_patients, "patient", "patients"));
        let above = curve.and_then(|it| it.calibration_error_above_first);
        let error = |value: Option<f64>| or_not_measured(value, |it| decimal(it, 3));
        row("calibration error, probabilities above 0.1", error(above), voxels.clone());
        row("calibration error, all voxels", error(curve.map(|it| it.calibration_error)), voxels);
    }
    let n = or_not_measured(figures.timing, |it| plural(it.total_ms.n, "case", "cases"));
    row("time a case, median", or_not_measured(figures.timing, timing), n);
    table.write(text);
}

fn timing(it: TimingFigures) -> String {
    let seconds = |ms: f64| decimal(ms / 1000.0, 1);
    let interval = it.total_ms.interval.map(|interval| interval.map(|ms| ms / 1000.0));
    let interval = interval.map(|it| format!(" ({})", range(it, 1))).unwrap_or_default();
    format!(
        "{} s{interval}; load {}, resample {}, localize {}, segment {}, decide {}",
        seconds(it.total_ms.median),
        seconds(it.load_ms),
        seconds(it.resample_ms),
        seconds(it.localize_ms),
        seconds(it.segment_ms),
        seconds(it.decide_ms)
    )
}
