//! Shapes in a box of 100 by 100, drawn with round ends and joins.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{AnchorPoint, AnchorX, AnchorY};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, PrimitiveStyle, Rectangle};

use crate::display::canvas::Canvas;

/// A point of the box: x to the right, y down, 0..=100.
pub(super) type At = (f32, f32);

/// Draws on one square of a canvas.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    canvas: &'a mut Canvas,
    scale: f32,
}

impl<'a> Pen<'a> {
    /// A pen for a canvas that is the box.
    pub(super) fn new(canvas: &'a mut Canvas) -> Self {
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
    pub(super) fn disc(&mut self, center: At, radius: f32, color: Rgb888) {
        let circle = Circle::with_center(self.point(center), self.px(2.0 * radius));
        self.put(circle.into_styled(PrimitiveStyle::with_fill(color)));
    }

    /// A circle's outline; `radius` is to the middle of the stroke.
    pub(super) fn ring(&mut self, center: At, radius: f32, stroke: f32, color: Rgb888) {
        let circle = Circle::with_center(self.point(center), self.px(2.0 * radius));
        self.put(circle.into_styled(PrimitiveStyle::with_stroke(color, self.px(stroke))));
    }

    /// A filled ellipse with half axes `radii`.
    pub(super) fn ellipse(&mut self, center: At, radii: At, color: Rgb888) {
        self.convex(&arc(center, radii, 0.0, 360.0), color);
    }

    /// A stroke through points.
    pub(super) fn stroke(&mut self, points: &[At], stroke: f32, color: Rgb888) {
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let half = stroke / 2.0 / dx.hypot(dy).max(f32::EPSILON);
            let (nx, ny) = (-dy * half, dx * half);
            let corners = [
                (a.0 + nx, a.1 + ny),
                (b.0 + nx, b.1 + ny),
                (b.0 - nx, b.1 - ny),
                (a.0 - nx, a.1 - ny),
            ];
            self.convex(&corners, color);
        }
        for &end in points {
            self.disc(end, stroke / 2.0, color);
        }
    }

    /// A filled box with round corners.
    pub(super) fn rectangle(&mut self, corner: At, size: At, radius: f32, color: Rgb888) {
        let size = Size::new(self.px(size.0), self.px(size.1));
        let area = Rectangle::new(self.point(corner), size);
        rounded(self.canvas, area, (radius * self.scale) as u32, color);
    }

    /// A filled convex polygon, row by row. embedded-graphics' own triangles, thick lines and ellipses
    /// overflow 32 bits at the sizes that smooth drawing needs.
    pub(super) fn convex(&mut self, corners: &[At], color: Rgb888) {
        let scaled = corners.iter().map(|at| (at.0 * self.scale, at.1 * self.scale));
        let corners: Vec<At> = scaled.collect();
        let top = corners.iter().map(|at| at.1).fold(f32::INFINITY, f32::min).floor() as i32;
        let bottom = corners.iter().map(|at| at.1).fold(0.0, f32::max).ceil() as i32;
        for y in top..bottom {
            let middle = y as f32 + 0.5;
            let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
            for (n, &a) in corners.iter().enumerate() {
                let b = corners[(n + 1) % corners.len()];
                if (a.1 <= middle) != (b.1 <= middle) {
                    let x = a.0 + (middle - a.1) / (b.1 - a.1) * (b.0 - a.0);
                    (left, right) = (left.min(x), right.max(x));
                }
            }
            if left < right {
                let (left, right) = (left.round() as i32, right.round() as i32);
                let row =
                    Rectangle::new(Point::new(left, y), Size::new((right - left).max(0) as u32, 1));
                // A canvas cannot fail: its error has no value.
                let _ = self.canvas.fill_solid(&row, color);
            }
        }
    }
}

/// A filled box with round corners, in pixels.
pub(super) fn rounded(canvas: &mut Canvas, area: Rectangle, radius: u32, color: Rgb888) {
    let fill = PrimitiveStyle::with_fill(color);
    let side = 2 * radius.min(area.size.width / 2).min(area.size.height / 2);
    let upright = area.resized_width(area.size.width - side, AnchorX::Center);
    let flat = area.resized_height(area.size.height - side, AnchorY::Center);
    // A canvas cannot fail: its error has no value.
    let _ = upright.into_styled(fill).draw(canvas);
    let _ = flat.into_styled(fill).draw(canvas);
    for anchor in [
        AnchorPoint::TopLeft,
        AnchorPoint::TopRight,
        AnchorPoint::BottomLeft,
        AnchorPoint::BottomRight,
    ] {
        let corner = area.resized(Size::new_equal(side), anchor);
        let _ = Circle::new(corner.top_left, side).into_styled(fill).draw(canvas);
    }
}

/// Points on an ellipse's edge, clockwise from `from` to `to` in degrees; 0 is to the right.
#[must_use]
pub(super) fn arc(center: At, radii: At, from: f32, to: f32) -> Vec<At> {
    let n_pieces = ((to - from).abs() / 4.0).ceil().max(1.0) as u32;
    (0..=n_pieces)
        .map(|piece| {
            let degrees = from + (to - from) * piece as f32 / n_pieces as f32;
            let (sin, cos) = degrees.to_radians().sin_cos();
            (center.0 + radii.0 * cos, center.1 + radii.1 * sin)
        })
        .collect()
}
