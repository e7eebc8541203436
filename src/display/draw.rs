//! `Scene` to pixels.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{Dimensions, Point};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;
use crate::display::layout::{Align, Item, Label, Scene};
use crate::display::pen::{Pen, rounded};
use crate::display::{head, sign, theme};

/// Draws everything of a scene.
#[must_use]
pub fn draw(scene: &Scene) -> Canvas {
    let mut canvas = Canvas::new(scene.size, theme::GROUND);
    for item in &scene.items {
        match item {
            Item::Text(label) => text(&mut canvas, label),
            Item::Panel { area, radius, color } => panel(&mut canvas, *area, *radius, *color),
            Item::Sign { area, sign, color } => {
                canvas.smooth(*area, |fine, _| sign::draw(&mut Pen::new(fine), *sign, *color));
            }
            Item::Head { area, sides, color } => {
                canvas.smooth(*area, |fine, _| head::draw(&mut Pen::new(fine), sides, *color));
            }
        }
    }
    canvas
}

fn text(canvas: &mut Canvas, label: &Label) {
    let free = label.area.size.width as i32 - label.font.width(&label.text) as i32;
    let indent = match label.align {
        Align::Left => 0,
        Align::Center => free / 2,
        Align::Right => free,
    };
    let cap = label.font.cap.round() as i32;
    let baseline = (label.area.size.height as i32 + cap) / 2;
    let at = label.area.top_left + Point::new(indent, baseline);
    label.font.draw(canvas, &label.text, at, label.color);
}

fn panel(canvas: &mut Canvas, area: Rectangle, radius: u32, color: Rgb888) {
    canvas.smooth(area, |fine, samples| {
        let whole = fine.bounding_box();
        rounded(fine, whole, radius * samples, color);
    });
}
