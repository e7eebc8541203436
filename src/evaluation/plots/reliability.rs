//! Share of voxels that are mass by the probability they were given, and how many voxels that were.

use super::axis::Axis;
use super::chart::Chart;
use super::sheet::{Area, BLUE, Caption, DrawError, FAINT_INK, Key, Mark};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::outcome::RELIABILITY_BINS;
use crate::evaluation::statistics::reliability::Reliability;
use crate::evaluation::wording::{decimal, or_not_measured};

const SIZE: [u32; 2] = [640, 880];

pub(super) fn draw(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let Some(curve) = &figures.reliability else { return Ok(None) };
    let error = or_not_measured(curve.calibration_error_above_first, |it| decimal(it, 3));
    let key = |mark, color, text: String| Key { mark, color, text };
    let keys = [
        key(Mark::Dot, BLUE, "voxels of a tenth of probability, interval over patients".to_owned()),
        key(Mark::Dashes, FAINT_INK, format!("true probabilities; error above 0.1: {error}")),
    ];
    caption.sheet(SIZE, &keys, |area| {
        let (_, height) = area.dim_in_pixel();
        let (upper, lower) = area.split_vertically(height * 69 / 100);
        draw_curve(&upper, curve)?;
        draw_counts(&lower, curve)
    })
}

fn draw_curve(area: &Area, curve: &Reliability) -> Result<(), DrawError> {
    // The axis below has the label of both.
    let axes = (Axis::unit(""), Axis::unit("share that is mass"));
    let mut chart = Chart::new(area, axes.0, axes.1)?;
    chart.dashes((0.0, 0.0), (1.0, 1.0), FAINT_INK)?;
    let points: Vec<_> = curve.points.iter().map(|it| (it.probability, it.share)).collect();
    chart.line(&points, BLUE, 2)?;
    for point in &curve.points {
        if let Some(interval) = point.interval {
            chart.whisker(point.probability, interval, BLUE)?;
        }
    }
    chart.dots(&points, BLUE, 6)
}

fn draw_counts(area: &Area, curve: &Reliability) -> Result<(), DrawError> {
    let counts = curve.points.iter().map(|it| it.n_voxels as f64);
    let y = Axis::logarithmic(counts.chain([1.0]), "voxels (logarithmic)");
    let mut chart = Chart::new(area, Axis::unit("probability given"), y)?;
    let half_width = 0.4 / RELIABILITY_BINS as f64;
    let bottom = 10_f64.powf(chart.y.low());
    for point in &curve.points {
        let (left, right) = (point.probability - half_width, point.probability + half_width);
        chart.rectangle((left, bottom), (right, point.n_voxels as f64), BLUE, 0.45)?;
    }
    Ok(())
}
