//! Shapes in a box of 100 by 100, drawn with round ends and joins.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{
    Circle, CornerRadii, Ellipse, Line, PrimitiveStyle, Rectangle, RoundedRectangle, Triangle,
};

use crate::display::canvas::Canvas;

/// A point of the box: x to the right, y down, 0..=100.
pub type At = (f32, f32);

/// Draws on one square of a canvas.
#[derive(Debug)]
pub struct Pen<'a> {
    canvas: &'a mut Canvas,
    scale: f32,
}

impl<'a> Pen<'a> {
    /// A pen for a canvas that is the box.
    pub fn new(canvas: &'a mut Canvas) -> Self {
        let scale = canvas.size().width as f32 / 100.0;
        Self { canvas, scale }
    }

    fn px(&self, length: f32) -> u32 {
        (length * self.scale).round().max(1.0) as u32
    }

    fn point(&self, at: At) -> Point {
        Point::new((at.0 * self.scale).round() as i32, (at.1 * self.scale).round() as i32)
    }

    fn put(&mut self, shape: impl Drawable<Color = Rgb888>) {
        // A canvas cannot fail: its error has no value.
        let _ = shape.draw(self.canvas);
    }

    /// A filled circle.
    pub fn disc(&mut self, center: At, radius: f32, color: Rgb888) {
        let circle = Circle::with_center(self.point(center), self.px(2.0 * radius));
        self.put(circle.into_styled(PrimitiveStyle::with_fill(color)));
    }

    /// A circle's outline; `radius` is to the middle of the stroke.
    pub fn ring(&mut self, center: At, radius: f32, stroke: f32, color: Rgb888) {
        let circle = Circle::with_center(self.point(center), self.px(2.0 * radius));
        self.put(circle.into_styled(PrimitiveStyle::with_stroke(color, self.px(stroke))));
    }

    /// A filled ellipse with half axes `radii`.
    pub fn ellipse(&mut self, center: At, radii: At, color: Rgb888) {
        let size = Size::new(self.px(2.0 * radii.0), self.px(2.0 * radii.1));
        let ellipse = Ellipse::with_center(self.point(center), size);
        self.put(ellipse.into_styled(PrimitiveStyle::with_fill(color)));
    }

    /// A stroke through points.
    pub fn stroke(&mut self, points: &[At], stroke: f32, color: Rgb888) {
        for pair in points.windows(2) {
            let line = Line::new(self.point(pair[0]), self.point(pair[1]));
            self.put(line.into_styled(PrimitiveStyle::with_stroke(color, self.px(stroke))));
        }
        for &end in points {
            self.disc(end, stroke / 2.0, color);
        }
    }

    /// A filled box with round corners.
    pub fn rectangle(&mut self, corner: At, size: At, radius: f32, color: Rgb888) {
        let area = Rectangle::new(self.point(corner), Size::new(self.px(size.0), self.px(size.1)));
        let radii = CornerRadii::new(Size::new_equal((radius * self.scale) as u32));
        let shape = RoundedRectangle::new(area, radii);
        self.put(shape.into_styled(PrimitiveStyle::with_fill(color)));
    }

    /// A filled triangle.
    pub fn triangle(&mut self, corners: [At; 3], color: Rgb888) {
        let [a, b, c] = corners.map(|corner| self.point(corner));
        self.put(Triangle::new(a, b, c).into_styled(PrimitiveStyle::with_fill(color)));
    }
}

/// Points on an ellipse's edge, clockwise from `from` to `to` in degrees; 0 is to the right.
#[must_use]
pub fn arc(center: At, radii: At, from: f32, to: f32) -> Vec<At> {
    let n_pieces = ((to - from).abs() / 4.0).ceil().max(1.0) as u32;
    (0..=n_pieces)
        .map(|piece| {
            let degrees = from + (to - from) * piece as f32 / n_pieces as f32;
            let (sin, cos) = degrees.to_radians().sin_cos();
            (center.0 + radii.0 * cos, center.1 + radii.1 * sin)
        })
        .collect()
}
