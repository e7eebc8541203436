//! A head seen from the front, with the parotid glands before and below the ears.
//!
//! Radiological convention: the patient faces the reader, so the patient's right is on the left.

use embedded_graphics::pixelcolor::Rgb888;

use crate::display::pen::{At, Pen, arc};
use crate::display::theme;
use crate::units::Side;

const STROKE: f32 = 2.4;
/// A gland's centre, for the patient's right; the left is its mirror image.
const GLAND: At = (27.5, 57.0);

/// Draws the head and marks the flagged sides.
pub fn draw(pen: &mut Pen<'_>, sides: &[Side], color: Rgb888) {
    contour(pen);
    for side in Side::BOTH {
        let center = (towards(side, GLAND.0), GLAND.1);
        if sides.contains(&side) {
            pen.ellipse(center, (8.0, 11.0), color);
            pen.ring(center, 17.0, 3.4, color);
        } else {
            pen.stroke(&arc(center, (6.0, 9.0), 0.0, 360.0), 1.6, theme::CONTOUR);
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

/// The union of neck, ears, skull and jaw: once in the line's colour, once smaller in the ground's.
fn contour(pen: &mut Pen<'_>) {
    for (grow, color) in [(0.0, theme::CONTOUR), (STROKE, theme::GROUND)] {
        let g = grow;
        pen.rectangle((35.0 + g, 66.0), (30.0 - 2.0 * g, 40.0), 0.0, color);
        for side in Side::BOTH {
            pen.ellipse((towards(side, 21.0), 43.0), (5.5 - g, 9.5 - g), color);
        }
        pen.ellipse((50.0, 36.0), (29.0 - g, 34.0 - g), color);
        pen.ellipse((50.0, 55.0), (24.0 - g, 31.0 - g), color);
    }
    for side in Side::BOTH {
        let shoulder = [(64.0, 84.0), (66.0, 90.0), (72.0, 95.0), (76.0, 97.5)];
        let points = shoulder.map(|(x, y)| (towards(side, 100.0 - x), y));
        let _ = points;
        pen.stroke(
            &[(towards(side, 43.0), 38.0), (towards(side, 36.0), 38.0)],
            2.0,
            theme::OUTLINE,
        );
    }
    pen.stroke(&arc((50.0, 60.0), (4.5, 3.0), 20.0, 160.0), 2.0, theme::OUTLINE);
    pen.stroke(&arc((50.0, 66.0), (10.0, 5.0), 35.0, 145.0), 2.0, theme::OUTLINE);
}
