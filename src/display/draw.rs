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
use crate::display::theme::Palette;
use crate::display::{head, key_slice, sign};

/// Draws everything of a scene.
#[must_use]
pub fn draw(scene: &Scene) -> Canvas {
    let mut canvas = Canvas::new(scene.size, scene.palette.ground);
    let palette: &Palette = scene.palette;
    for item in &scene.items {
        match item {
            Item::Text(label) => text(&mut canvas, label),
            Item::Panel { area, radius, color } => panel(&mut canvas, *area, *radius, *color),
            Item::Sign { area, sign, color } => {
                let ground = palette.ground;
                let draw = |fine: &mut Canvas, _| {
                    sign::draw(&mut Pen::new(fine), *sign, *color, ground);
                };
                canvas.smooth(*area, draw);
            }
            Item::Head { area, sides, color } => {
                let draw = |fine: &mut Canvas, _| {
                    head::draw(&mut Pen::new(fine), sides, *color, palette);
                };
                canvas.smooth(*area, draw);
            }
            Item::KeySlice { area, picture, color } => {
                key_slice::draw(&mut canvas, *area, picture, *color, palette);
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
