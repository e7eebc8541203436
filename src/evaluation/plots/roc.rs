//! Receiver operating characteristic of cases and glands, with the operating points.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::chart::Chart;
use super::sheet::{BLUE, Caption, DrawError, FAINT_INK, Key, Mark, VERMILION};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::figures::screening::ScreeningFigures;
use crate::evaluation::statistics::Interval;
use crate::evaluation::wording;

const SIZE: [u32; 2] = [640, 760];

pub(super) fn draw(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let series = measured(figures);
    if series.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<Key> = series.iter().filter_map(key).collect();
    let text = "operating point with intervals".to_owned();
    keys.push(Key { mark: Mark::Dot, color: FAINT_INK, text });
    caption.sheet(SIZE, &keys, |area| {
        let axes = (Axis::unit("1 − specificity"), Axis::unit("sensitivity"));
        let mut chart = Chart::new(area, axes.0, axes.1)?;
        chart.dashes((0.0, 0.0), (1.0, 1.0), FAINT_INK)?;
        for (figures, _, color) in series.iter().rev() {
            let curve = figures.curves.iter().flat_map(|it| &it.roc);
            let points: Vec<_> =
                curve.map(|it| (it.false_positive_rate, it.true_positive_rate)).collect();
            chart.line(&points, *color, 3)?;
        }
        for (figures, _, color) in series.iter().rev() {
            draw_operating_point(&mut chart, figures, *color)?;
        }
        Ok(())
    })
}

/// What has curves: cases, glands.
pub(super) fn measured(
    figures: &CohortFigures,
) -> Vec<(&ScreeningFigures, &'static str, RGBColor)> {
    let all = [(&figures.by_case, "cases", BLUE), (&figures.by_gland, "glands", VERMILION)];
    all.into_iter().filter(|(it, ..)| it.curves.is_some()).collect()
}

fn key((figures, name, color): &(&ScreeningFigures, &str, RGBColor)) -> Option<Key> {
    let auc = figures.auc?;
    let text = format!(
        "{name}: AUC {}, {} with a mass, {} without",
        wording::with_interval(auc.value, auc.interval, 3),
        auc.n_positive,
        auc.n_negative
    );
    Some(Key { mark: Mark::Line, color: *color, text })
}

fn draw_operating_point(
    chart: &mut Chart,
    figures: &ScreeningFigures,
    color: RGBColor,
) -> Result<(), DrawError> {
    let rates = &figures.rates;
    let Some((sensitivity, specificity)) = rates.sensitivity.zip(rates.specificity) else {
        return Ok(());
    };
    let Interval { low, high } = specificity.interval;
    let across = Interval { low: 1.0 - high, high: 1.0 - low };
    let point = (1.0 - specificity.value, sensitivity.value);
    chart.cross(point, (across, sensitivity.interval), color)
}
