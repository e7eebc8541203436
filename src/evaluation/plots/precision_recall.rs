//! Precision against recall of cases and glands, with the operating points.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::chart::Chart;
use super::roc::measured;
use super::sheet::{Caption, DrawError, FAINT_INK, Key, Mark};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::figures::screening::ScreeningFigures;
use crate::evaluation::wording::decimal;

const SIZE: [u32; 2] = [640, 780];

pub(super) fn draw(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let series = measured(figures);
    if series.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<Key> = series.iter().filter_map(key).collect();
    let mut add =
        |mark, text: &str| keys.push(Key { mark, color: FAINT_INK, text: text.to_owned() });
    add(Mark::Dot, "operating point with intervals");
    add(Mark::Dashes, "share with a mass in this cohort: what a guess reaches");
    caption.sheet(SIZE, &keys, |area| {
        let axes = (Axis::unit("recall (sensitivity)"), Axis::unit("precision (PPV here)"));
        let mut chart = Chart::new(area, axes.0, axes.1)?;
        for (figures, _, color) in series.iter().rev() {
            draw_curve(&mut chart, figures, *color)?;
        }
        Ok(())
    })
}

fn key((figures, name, color): &(&ScreeningFigures, &str, RGBColor)) -> Option<Key> {
    let precision = decimal(figures.curves.as_ref()?.average_precision, 3);
    let text = format!("{name}: average precision {precision}");
    Some(Key { mark: Mark::Line, color: *color, text })
}

fn draw_curve(
    chart: &mut Chart,
    figures: &ScreeningFigures,
    color: RGBColor,
) -> Result<(), DrawError> {
    let Some(curves) = &figures.curves else { return Ok(()) };
    chart.dashes_across(curves.share_positive, color)?;
    // Steps, as the average precision counts them.
    let mut points = Vec::new();
    let mut recall = 0.0;
    for point in &curves.precision_recall {
        points.extend([(recall, point.precision), (point.recall, point.precision)]);
        recall = point.recall;
    }
    chart.line(&points, color, 3)?;
    if let Some((sensitivity, ppv)) = figures.rates.sensitivity.zip(figures.rates.ppv) {
        let point = (sensitivity.value, ppv.value);
        chart.cross(point, (sensitivity.interval, ppv.interval), color)?;
    }
    Ok(())
}
