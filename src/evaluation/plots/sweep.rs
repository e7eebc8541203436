//! How the answers change with the size from which a mass flags, or with gamma.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::chart::Chart;
use super::sheet::{BLUE, Caption, DrawError, FAINT_INK, GREEN, Key, Mark, PURPLE, VERMILION};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::figures::sweep::SweepRow;
use crate::evaluation::statistics::Interval;

const SIZE: [u32; 2] = [820, 640];

/// A figure of a row, with its interval.
type Read = fn(&SweepRow) -> Option<(f64, Option<Interval>)>;

type Series = (&'static str, RGBColor, Read);

const SERIES: [Series; 4] = [
    ("sensitivity (cases)", BLUE, |row| row.sensitivity.map(|it| (it.value, Some(it.interval)))),
    ("specificity (cases)", GREEN, |row| row.specificity.map(|it| (it.value, Some(it.interval)))),
    ("Dice of masses, median", PURPLE, |row| row.dice.map(|it| (it.median, it.interval))),
    ("PPV in this cohort (cases)", VERMILION, |row| {
        row.ppv.map(|it| (it.value, Some(it.interval)))
    }),
];

pub(super) fn draw_sizes(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let rows = &figures.size_sweep;
    let label = "smallest mass that flags, voxels of 1 mm³ (1000 are 1 cm³)";
    let x = Axis::linear(rows.iter().map(|row| row.at), label);
    // The share of masses is the cohort's own choice, and so is how PPV goes with size.
    draw(caption, rows, &SERIES[..3], x, |chart, points, color, _| {
        let bounds: Vec<_> = points.iter().filter_map(|(x, _, it)| Some((*x, (*it)?))).collect();
        chart.band(&bounds, color)?;
        chart.line(&points.iter().map(|(x, y, _)| (*x, *y)).collect::<Vec<_>>(), color, 3)
    })
}

pub(super) fn draw_gammas(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let rows = &figures.gamma_sweep;
    let gammas: Vec<f64> = rows.iter().map(|row| row.at).collect();
    let x = Axis::whole(&gammas, "gamma");
    draw(caption, rows, &SERIES, x, |chart, points, color, index| {
        // Side by side, so that no interval hides another.
        let shift = 0.12 * (f64::from(index) - 1.5);
        let shifted: Vec<_> = points.iter().map(|(x, y, _)| (x + shift, *y)).collect();
        chart.line(&shifted, color, 1)?;
        for (x, _, interval) in points {
            if let Some(interval) = interval {
                chart.whisker(x + shift, *interval, color)?;
            }
        }
        chart.dots(&shifted, color, 5)
    })
}

type Points<'a> = &'a [(f64, f64, Option<Interval>)];

fn draw(
    caption: &Caption,
    rows: &[SweepRow],
    read: &[Series],
    x: Axis,
    series: impl Fn(&mut Chart, Points, RGBColor, i32) -> Result<(), DrawError>,
) -> Result<Option<String>, DrawError> {
    let points = |read: Read| -> Vec<_> {
        rows.iter().filter_map(|row| read(row).map(|(y, it)| (row.at, y, it))).collect()
    };
    let measured: Vec<_> = read
        .iter()
        .zip(0..)
        .map(|((name, color, read), index)| (*name, *color, points(*read), index))
        .filter(|(_, _, points, _)| !points.is_empty())
        .collect();
    if measured.is_empty() {
        return Ok(None);
    }
    let key = |(name, color, _, _): &(&str, RGBColor, _, i32)| Key {
        mark: Mark::Line,
        color: *color,
        text: (*name).to_owned(),
    };
    let keys: Vec<Key> = measured.iter().map(key).collect();
    caption.sheet(SIZE, &keys, |area| {
        let mut chart = Chart::new(area, x, Axis::unit("share, or Dice"))?;
        if let Some(row) = rows.iter().find(|row| row.is_operating_point) {
            chart.dashes_up(row.at, FAINT_INK)?;
            chart.label_up("operating point", row.at, FAINT_INK)?;
        }
        for (_, color, points, index) in &measured {
            series(&mut chart, points, *color, *index)?;
        }
        Ok(())
    })
}
