//! An axis: its range, where its ticks stand and what they say.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::evaluation::wording;

#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    /// In drawn units: the logarithm on a logarithmic axis.
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// 0 to 1.
    pub(super) fn unit(label: &str) -> Self {
        let ticks =
            (0..=5).map(|i| f64::from(i) / 5.0).map(|at| (at, format!("{at:.1}"))).collect();
        Self { label: label.to_owned(), low: 0.0, high: 1.0, ticks, logarithmic: false }
    }

    /// The same with so much more above its last tick.
    pub(super) fn with_room_above(self, room: f64) -> Self {
        Self { high: self.high + room, ..self }
    }

    /// Holds all values, with some room; ticks at round numbers.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, label: &str) -> Self {
        let (low, high) = bounds(values);
        let room = ((high - low) * 0.06).max(1e-6);
        let (low, high) = (low - room, high + room);
        let step = round_step((high - low) / 7.0);
        let digits = if step >= 1.0 { 0 } else { 1 + usize::from(step < 0.1) };
        let first = (low / step).ceil();
        let ticks = (0..20)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|at| *at <= high)
            .map(|at| (at, wording::decimal(at, digits)))
            .collect();
        Self { label: label.to_owned(), low, high, ticks, logarithmic: false }
    }

    /// Holds all positive values, with some room; ticks at 1, 2 and 5 of each decade.
    pub(super) fn logarithmic(values: impl IntoIterator<Item = f64>, label: &str) -> Self {
        let positive = values.into_iter().filter(|it| *it > 0.0).map(f64::log10);
        let (low, high) = bounds(positive);
        let room = ((high - low) * 0.06).max(0.1);
        let (low, high) = (low - room, high + room);
        let wide = high - low > 3.0;
        let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = (-12..=12)
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
            .map(|value| (value.log10(), tick_text(value)))
            .filter(|(at, _)| (low..=high).contains(at))
            .collect();
        Self { label: label.to_owned(), low, high, ticks, logarithmic: true }
    }

    /// Ticks at these whole numbers, half a step of room on both sides.
    pub(super) fn whole(values: &[f64], label: &str) -> Self {
        let (low, high) = bounds(values.iter().copied());
        let ticks = values.iter().map(|at| (*at, tick_text(*at))).collect();
        let label = label.to_owned();
        Self { label, low: low - 0.5, high: high + 0.5, ticks, logarithmic: false }
    }

    /// Where a value stands, in drawn units.
    pub(super) fn at(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }
}

/// In drawn units.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[allow(clippy::cast_possible_truncation, reason = "a place on a sheet of some hundred pixels")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(at: &f64) -> String {
        at.to_string()
    }

    fn format_ext(&self, at: &f64) -> String {
        let distance = |tick: &&(f64, String)| (tick.0 - at).abs();
        let nearest = self.ticks.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// Least and largest; 0 and 1 of nothing.
fn bounds(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let finite = values.into_iter().filter(|it| it.is_finite());
    let (low, high) = finite.fold(start, |(low, high), it| (low.min(it), high.max(it)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// The next of 1, 2, 5, 10, .. from there on.
fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|it| it * decade);
    steps.into_iter().find(|it| *it >= step * 0.999).unwrap_or(decade * 10.0)
}

/// As short as it can be: 0.2, 5, 20k.
fn tick_text(value: f64) -> String {
    let text = |value: f64| {
        let text = format!("{value:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value {
        it if it >= 1e6 => format!("{}M", text(it / 1e6)),
        it if it >= 1e4 => format!("{}k", text(it / 1e3)),
        it => text(it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let check = |axis: Axis, expected: &[&str]| {
            let texts: Vec<_> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected);
            assert!(axis.ticks.iter().all(|(at, _)| (axis.low..=axis.high).contains(at)));
        };
        check(Axis::unit(""), &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(Axis::linear([-3.0, 7.0], ""), &["−2", "0", "2", "4", "6"]);
        check(Axis::logarithmic([0.6, 20.0], ""), &["0.5", "1", "2", "5", "10", "20"]);
        check(Axis::logarithmic([1.0, 2e6], ""), &["1", "10", "100", "1000", "10k", "100k", "1M"]);
        check(Axis::whole(&[1.0, 2.0], ""), &["1", "2"]);
    }

    #[test]
    fn any_values_make_an_axis() {
        let check = |axis: Axis| assert!(axis.low < axis.high && axis.low.is_finite());
        check(Axis::linear([], ""));
        check(Axis::linear([3.0], ""));
        check(Axis::linear([f64::NAN, f64::INFINITY, 2.0], ""));
        check(Axis::logarithmic([], ""));
        check(Axis::logarithmic([0.0, -1.0, 5.0], ""));
    }
}
