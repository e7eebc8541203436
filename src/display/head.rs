//! A head seen from the front, with the parotid glands before and below the ears.
//!
//! Radiological convention: the patient faces the reader, so the patient's right is on the left.

use embedded_graphics::pixelcolor::Rgb888;

use crate::display::pen::{At, Pen, arc};
use crate::display::theme::Palette;
use crate::units::Side;

const STROKE: f32 = 2.2;
/// A gland's centre, for the patient's right; the left is its mirror image.
const GLAND: At = (29.5, 60.0);
/// Half the neck's width.
const NECK: f32 = 15.0;

/// Draws the head and marks the flagged sides.
pub(super) fn draw(pen: &mut Pen<'_>, sides: &[Side], color: Rgb888, palette: &Palette) {
    contour(pen, palette);
    for side in Side::BOTH {
        let center = (towards(side, GLAND.0), GLAND.1);
        if sides.contains(&side) {
            pen.ellipse(center, (8.5, 12.0), color);
            let arrow = [(17.0, 0.0), (5.0, -8.0), (5.0, 8.0)];
            pen.convex(&arrow.map(|(x, y)| (towards(side, x), GLAND.1 + y)), color);
        } else {
            pen.stroke(&arc(center, (6.5, 10.0), 0.0, 360.0), 1.6, palette.contour);
        }
    }
}

/// The x of a point that is given for the patient's right.
fn towards(side: Side, x_right: f32) -> f32 {
    match side {
        Side::Right => x_right,
        Side::Left => 100.0 - x_right,
    }
}

/// Neck, then the union of ears, skull and jaw before it: each once in the line's colour and once
/// smaller in the ground's. Eyes, nose and mouth say that the patient faces the reader.
fn contour(pen: &mut Pen<'_>, palette: &Palette) {
    // Of what only says which way the head looks.
    let feature = palette.outline;
    let layers = [(0.0, palette.contour), (STROKE, palette.ground)];
    for (inset, color) in layers {
        let width = 2.0 * (NECK - inset);
        pen.rectangle((50.0 - NECK + inset, 70.0), (width, 30.0), 0.0, color);
    }
    for (inset, color) in layers {
        for side in Side::BOTH {
            pen.ellipse((towards(side, 20.5), 42.0), (5.0 - inset, 9.0 - inset), color);
        }
        pen.ellipse((50.0, 36.0), (30.0 - inset, 34.0 - inset), color);
        pen.ellipse((50.0, 52.0), (27.5 - inset, 35.0 - inset), color);
    }
    for side in Side::BOTH {
        pen.stroke(&[(towards(side, 44.0), 38.0), (towards(side, 36.0), 38.0)], 2.2, feature);
    }
    pen.stroke(&[(50.0, 44.0), (48.0, 56.0), (52.0, 56.0)], 2.0, feature);
    pen.stroke(&[(44.0, 69.0), (56.0, 69.0)], 2.2, feature);
}
