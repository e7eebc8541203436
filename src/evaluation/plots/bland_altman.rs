//! Bland and Altman's plot of outlined and true volume: the difference, and the ratio, which a large
//! mass does not outweigh.

use super::axis::Axis;
use super::chart::Chart;
use super::sheet::{Area, BLUE, Caption, DrawError, FAINT_INK, INK, Key, Mark, VERMILION};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::statistics::agreement::Agreement;
use crate::evaluation::wording::decimal;

const SIZE: [u32; 2] = [980, 560];

pub(super) fn draw(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let volume = &figures.volume;
    let Some((difference, ratio)) = volume.difference_cm3.zip(volume.ratio) else {
        return Ok(None);
    };
    let key = |mark, color, text: String| Key { mark, color, text };
    let found = format!("one mass that was found ({}; {} missed)", volume.n_found, volume.n_missed);
    let keys = [
        key(Mark::Dot, BLUE, found),
        key(Mark::Line, INK, "bias, with its interval".to_owned()),
        key(
            Mark::Dashes,
            VERMILION,
            "limits of agreement of 95 %, with their intervals".to_owned(),
        ),
    ];
    let points = |y: fn(f64, f64) -> f64| -> Vec<(f64, f64)> {
        let mean = |a: f64, b: f64| f64::midpoint(a, b);
        let pairs = volume.pairs.iter().map(|it| (it.outlined_cm3, it.true_cm3));
        pairs.map(|(outlined, truth)| (mean(outlined, truth), y(outlined, truth))).collect()
    };
    caption.sheet(SIZE, &keys, |area| {
        let panels = area.split_evenly((1, 2));
        let [left, right] = panels.as_slice() else { return Ok(()) };
        let differences = points(|outlined, truth| outlined - truth);
        let y = Axis::linear(heights(&differences, &difference), "outlined − true, cm³");
        draw_panel(left, &differences, &difference, 0.0, y)?;
        let ratios = points(|outlined, truth| outlined / truth);
        let y = Axis::logarithmic(heights(&ratios, &ratio), "outlined / true (logarithmic)");
        draw_panel(right, &ratios, &ratio, 1.0, y)
    })
}

/// Everything that must be inside the panel.
fn heights(points: &[(f64, f64)], agreement: &Agreement) -> Vec<f64> {
    let mut values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    values.extend([agreement.low.interval.low, agreement.high.interval.high]);
    values
}

/// `none` is where nothing differs.
fn draw_panel(
    area: &Area,
    points: &[(f64, f64)],
    agreement: &Agreement,
    none: f64,
    y: Axis,
) -> Result<(), DrawError> {
    let x = Axis::logarithmic(points.iter().map(|(x, _)| *x), "mean of both, cm³ (logarithmic)");
    let mut chart = Chart::new(area, x, y)?;
    chart.line_across(none, super::sheet::GRID)?;
    for bound in [agreement.low, agreement.high] {
        chart.band_across(bound.interval, VERMILION)?;
        chart.dashes_across(bound.value, VERMILION)?;
    }
    chart.band_across(agreement.bias.interval, FAINT_INK)?;
    chart.line_across(agreement.bias.value, INK)?;
    chart.dots(points, BLUE, 4)?;
    for (bound, color) in
        [(agreement.low, VERMILION), (agreement.bias, INK), (agreement.high, VERMILION)]
    {
        chart.label_across(&decimal(bound.value, 2), bound.value, color)?;
    }
    Ok(())
}
