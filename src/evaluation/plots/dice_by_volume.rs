//! Dice of each mass by its volume, with median and quartiles of the classes of volume.

use super::axis::Axis;
use super::chart::Chart;
use super::sheet::{BLUE, Caption, DrawError, FAINT_INK, INK, Key, Mark, VERMILION};
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::figures::dice::{MassPoint, SIZES, SPHERE_10_MM};

const SIZE: [u32; 2] = [820, 600];

pub(super) fn draw(
    caption: &Caption,
    figures: &CohortFigures,
) -> Result<Option<String>, DrawError> {
    let masses = &figures.dice.masses;
    if masses.is_empty() {
        return Ok(None);
    }
    let (deep, other): (Vec<_>, Vec<_>) =
        masses.iter().partition(|it: &&MassPoint| it.deep.unwrap_or_default());
    caption.sheet(SIZE, &keys(&deep, &other), |area| {
        let cm3 = masses.iter().map(|it| it.cm3);
        let x = Axis::logarithmic(cm3.chain([0.5, 10.0]), "volume of the mass, cm³ (logarithmic)");
        let mut chart = Chart::new(area, x, Axis::unit("Dice").with_room_above(0.14))?;
        draw_classes(&mut chart, figures)?;
        chart.dashes_up(SPHERE_10_MM.to_cubic_centimeters().0, FAINT_INK)?;
        chart.label_up("sphere of 10 mm", SPHERE_10_MM.to_cubic_centimeters().0, FAINT_INK)?;
        let at = |masses: &[&MassPoint]| -> Vec<_> {
            masses.iter().map(|it| (it.cm3, it.dice)).collect()
        };
        chart.dots(&at(&other), BLUE, 4)?;
        chart.rings(&at(&deep), VERMILION, 4)
    })
}

fn keys(deep: &[&MassPoint], other: &[&MassPoint]) -> Vec<Key> {
    let key = |mark, color, text: String| Key { mark, color, text };
    let mut keys = vec![key(Mark::Dot, BLUE, format!("one mass ({})", other.len()))];
    if !deep.is_empty() {
        keys.push(key(
            Mark::Ring,
            VERMILION,
            format!("one mass in the deep lobe ({})", deep.len()),
        ));
    }
    keys.push(key(Mark::Box, INK, "median and quartiles of a class of volume".to_owned()));
    keys
}

fn draw_classes(chart: &mut Chart, figures: &CohortFigures) -> Result<(), DrawError> {
    let cm3 = |voxels: u32| f64::from(voxels) / 1000.0;
    let (low, high) = (10_f64.powf(chart.x.low()), 10_f64.powf(chart.x.high()));
    for (class, (_, from, below)) in figures.dice.by_size.iter().zip(SIZES) {
        let Some(dice) = class.dice else { continue };
        let (from, below) = (cm3(from).max(low), cm3(below).min(high));
        chart.rectangle((from, dice.q1), (below, dice.q3), INK, 0.10)?;
        chart.line(&[(from, dice.median), (below, dice.median)], INK, 2)?;
        chart.label(&format!("median {:.2}", dice.median), (below, 1.07), INK)?;
        chart.label(&format!("n = {}", dice.n), (below, 1.02), FAINT_INK)?;
    }
    Ok(())
}
