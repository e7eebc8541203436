//! The signs: one shape a state, so that colour is never the only difference.

use embedded_graphics::pixelcolor::Rgb888;

use crate::display::layout::Sign;
use crate::display::pen::{Pen, arc};
use crate::display::theme;

const CENTER: (f32, f32) = (50.0, 50.0);
const STROKE: f32 = 6.0;
const BOLD: f32 = 9.0;

/// Draws a sign.
pub(super) fn draw(pen: &mut Pen<'_>, sign: Sign, color: Rgb888) {
    match sign {
        Sign::Dots => {
            frame(pen, color);
            for x in [30.0, 50.0, 70.0] {
                pen.disc((x, 50.0), 6.5, color);
            }
        }
        Sign::Disc => {
            frame(pen, color);
            pen.disc(CENTER, 21.0, color);
        }
        Sign::ArrowDown => {
            frame(pen, color);
            pen.stroke(&[(50.0, 24.0), (50.0, 66.0)], BOLD, color);
            pen.stroke(&[(32.0, 51.0), (50.0, 69.0), (68.0, 51.0)], BOLD, color);
        }
        Sign::Magnifier => {
            pen.stroke(&[(64.0, 64.0), (90.0, 90.0)], 13.0, color);
            pen.ring((42.0, 42.0), 33.0, 8.0, color);
            for (y, half) in [(30.0, 15.0), (42.0, 19.0), (54.0, 15.0)] {
                pen.stroke(&[(42.0 - half, y), (42.0 + half, y)], 5.0, color);
            }
        }
        Sign::Check => {
            frame(pen, color);
            pen.stroke(&[(30.0, 52.0), (44.0, 66.0), (71.0, 36.0)], BOLD, color);
        }
        Sign::Question => question(pen, color),
        Sign::Envelope => envelope(pen, color),
        Sign::Pause => {
            frame(pen, color);
            for x in [40.0, 60.0] {
                pen.stroke(&[(x, 36.0), (x, 64.0)], BOLD, color);
            }
        }
        Sign::Stop => {
            frame(pen, color);
            pen.rectangle((34.0, 34.0), (32.0, 32.0), 4.0, color);
        }
        Sign::Warning => warning(pen, color),
        Sign::StepDone => pen.stroke(&[(12.0, 54.0), (38.0, 80.0), (88.0, 24.0)], 16.0, color),
        Sign::StepCurrent => {
            pen.convex(&[(18.0, 8.0), (92.0, 50.0), (18.0, 92.0)], color);
        }
        Sign::StepPending => pen.ring(CENTER, 32.0, 11.0, color),
    }
}

fn frame(pen: &mut Pen<'_>, color: Rgb888) {
    pen.ring(CENTER, 46.0, STROKE, color);
}

/// A question mark in a diamond: neither the ring of an answer nor the triangle of a warning.
fn question(pen: &mut Pen<'_>, color: Rgb888) {
    let corners = [(50.0, 5.0), (95.0, 50.0), (50.0, 95.0), (5.0, 50.0), (50.0, 5.0)];
    pen.stroke(&corners, STROKE, color);
    let mut hook = arc((50.0, 40.0), (12.0, 12.0), -180.0, 50.0);
    hook.extend([(50.5, 55.0), (50.0, 60.0)]);
    pen.stroke(&hook, 7.5, color);
    pen.disc((50.0, 73.0), 5.0, color);
}

/// A letter that did not leave: a cross on its corner.
fn envelope(pen: &mut Pen<'_>, color: Rgb888) {
    let sheet = [(8.0, 22.0), (92.0, 22.0), (92.0, 78.0), (8.0, 78.0), (8.0, 22.0)];
    pen.stroke(&sheet, STROKE, color);
    pen.stroke(&[(10.0, 26.0), (50.0, 54.0), (90.0, 26.0)], STROKE, color);
    pen.disc((80.0, 76.0), 23.0, theme::GROUND);
    pen.disc((80.0, 76.0), 18.0, color);
    for ends in [[(73.0, 69.0), (87.0, 83.0)], [(87.0, 69.0), (73.0, 83.0)]] {
        pen.stroke(&ends, 5.5, theme::GROUND);
    }
}

fn warning(pen: &mut Pen<'_>, color: Rgb888) {
    let corners = [(50.0, 12.0), (93.0, 86.0), (7.0, 86.0), (50.0, 12.0)];
    pen.stroke(&corners, 7.0, color);
    pen.stroke(&[(50.0, 38.0), (50.0, 60.0)], 8.5, color);
    pen.disc((50.0, 73.0), 5.0, color);
}
