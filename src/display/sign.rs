//! The signs: one shape a state, so that colour is never the only difference.

use embedded_graphics::pixelcolor::Rgb888;

use crate::display::layout::Sign;
use crate::display::pen::{Pen, arc};

const CENTER: (f32, f32) = (50.0, 50.0);
const STROKE: f32 = 6.0;
const BOLD: f32 = 9.0;

/// Draws a sign.
pub(super) fn draw(pen: &mut Pen<'_>, sign: Sign, color: Rgb888, ground: Rgb888) {
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
        Sign::Envelope => envelope(pen, color, ground),
        Sign::Bell => bell(pen, color),
        Sign::Disk => disk(pen, color),
        Sign::Clock => clock(pen, color),
        Sign::Thermometer => thermometer(pen, color, ground),
        Sign::Arrows => arrows(pen, color),
        Sign::Key => key(pen, color),
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
fn envelope(pen: &mut Pen<'_>, color: Rgb888, ground: Rgb888) {
    let sheet = [(8.0, 22.0), (92.0, 22.0), (92.0, 78.0), (8.0, 78.0), (8.0, 22.0)];
    pen.stroke(&sheet, STROKE, color);
    pen.stroke(&[(10.0, 26.0), (50.0, 54.0), (90.0, 26.0)], STROKE, color);
    pen.disc((80.0, 76.0), 23.0, ground);
    pen.disc((80.0, 76.0), 18.0, color);
    for ends in [[(73.0, 69.0), (87.0, 83.0)], [(87.0, 69.0), (73.0, 83.0)]] {
        pen.stroke(&ends, 5.5, ground);
    }
}

fn warning(pen: &mut Pen<'_>, color: Rgb888) {
    let corners = [(50.0, 12.0), (93.0, 86.0), (7.0, 86.0), (50.0, 12.0)];
    pen.stroke(&corners, 7.0, color);
    pen.stroke(&[(50.0, 38.0), (50.0, 60.0)], 8.5, color);
    pen.disc((50.0, 73.0), 5.0, color);
}

/// A bell that rings.
fn bell(pen: &mut Pen<'_>, color: Rgb888) {
    let mut left = vec![(22.0, 74.0), (30.0, 60.0)];
    left.extend(arc((50.0, 42.0), (20.0, 24.0), 180.0, 270.0));
    let right: Vec<_> = left.iter().map(|&(x, y)| (100.0 - x, y)).collect();
    pen.stroke(&left, STROKE, color);
    pen.stroke(&right, STROKE, color);
    pen.stroke(&[(22.0, 74.0), (78.0, 74.0)], STROKE, color);
    pen.stroke(&[(50.0, 10.0), (50.0, 17.0)], STROKE, color);
    pen.stroke(&arc((50.0, 80.0), (9.0, 9.0), 10.0, 170.0), STROKE, color);
    for (from, to) in [(150.0, 215.0), (-35.0, 30.0)] {
        pen.stroke(&arc((50.0, 42.0), (38.0, 38.0), from, to), STROKE, color);
    }
}

/// Three plates, the lower two full.
fn disk(pen: &mut Pen<'_>, color: Rgb888) {
    for (n, y) in [16.0, 41.0, 66.0].into_iter().enumerate() {
        if n > 0 {
            pen.rectangle((12.0, y), (76.0, 20.0), 6.0, color);
        } else {
            let corners = [(15.0, y), (85.0, y), (85.0, y + 17.0), (15.0, y + 17.0), (15.0, y)];
            pen.stroke(&corners, STROKE, color);
        }
    }
}

fn clock(pen: &mut Pen<'_>, color: Rgb888) {
    frame(pen, color);
    pen.stroke(&[(50.0, 22.0), (50.0, 52.0), (70.0, 64.0)], 7.5, color);
}

fn thermometer(pen: &mut Pen<'_>, color: Rgb888, ground: Rgb888) {
    pen.stroke(&[(42.0, 18.0), (42.0, 74.0)], 24.0, color);
    pen.disc((42.0, 76.0), 20.0, color);
    pen.stroke(&[(42.0, 18.0), (42.0, 74.0)], 12.0, ground);
    pen.disc((42.0, 76.0), 14.0, ground);
    pen.stroke(&[(42.0, 32.0), (42.0, 74.0)], 6.0, color);
    pen.disc((42.0, 76.0), 9.5, color);
    for y in [20.0, 34.0, 48.0] {
        pen.stroke(&[(66.0, y), (80.0, y)], 5.0, color);
    }
}

/// Two arrows that go round.
fn arrows(pen: &mut Pen<'_>, color: Rgb888) {
    for (from, to, tip) in [
        (195.0, 330.0, [(92.0, 18.0), (88.0, 46.0), (64.0, 34.0)]),
        (15.0, 150.0, [(8.0, 82.0), (12.0, 54.0), (36.0, 66.0)]),
    ] {
        pen.stroke(&arc((50.0, 50.0), (36.0, 36.0), from, to), BOLD, color);
        pen.convex(&tip, color);
    }
}

fn key(pen: &mut Pen<'_>, color: Rgb888) {
    pen.ring((30.0, 50.0), 19.0, 10.0, color);
    pen.stroke(&[(52.0, 50.0), (92.0, 50.0)], 10.0, color);
    for x in [76.0, 90.0] {
        pen.stroke(&[(x, 50.0), (x, 66.0)], 9.0, color);
    }
}
