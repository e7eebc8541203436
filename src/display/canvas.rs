//! A picture in memory: what everything draws on and every backend shows.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{PointsIter, Rectangle};

use crate::display::panel::Rotation;

/// Sub-samples a side of a pixel where shapes are drawn smoothly.
const SAMPLES: u32 = 4;

/// Pixels, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    size: Size,
    pixels: Vec<Rgb888>,
}

impl Canvas {
    /// A picture of one colour.
    #[must_use]
    pub fn new(size: Size, ground: Rgb888) -> Self {
        Self { size, pixels: vec![ground; (size.width * size.height) as usize] }
    }

    /// Rows of pixels, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[Rgb888]> {
        self.pixels.chunks_exact(self.size.width.max(1) as usize)
    }

    /// Red, green and blue of every pixel.
    #[must_use]
    pub fn to_rgb_bytes(&self) -> Vec<u8> {
        self.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect()
    }

    /// The pixel, or nothing outside.
    #[must_use]
    pub fn pixel(&self, at: Point) -> Option<Rgb888> {
        self.index(at).map(|index| self.pixels[index])
    }

    /// Mixes `color` in with weight `alpha` / 255.
    pub fn blend(&mut self, at: Point, color: Rgb888, alpha: u8) {
        if let Some(index) = self.index(at) {
            let mix = |below: u8, above: u8| {
                let sum = u16::from(below) * (255 - u16::from(alpha))
                    + u16::from(above) * u16::from(alpha);
                ((sum + 127) / 255) as u8
            };
            let below = self.pixels[index];
            self.pixels[index] = Rgb888::new(
                mix(below.r(), color.r()),
                mix(below.g(), color.g()),
                mix(below.b(), color.b()),
            );
        }
    }

    /// Draws with smooth edges: `draw` gets a canvas of `area` with several samples a pixel, and the
    /// number of samples a pixel side; their mean is what remains.
    pub fn smooth(&mut self, area: Rectangle, draw: impl FnOnce(&mut Canvas, u32)) {
        let mut fine = Self::new(area.size * SAMPLES, Rgb888::BLACK);
        for (index, pixel) in fine.pixels.iter_mut().enumerate() {
            let (x, y) = (index as u32 % fine.size.width, index as u32 / fine.size.width);
            let at = area.top_left + Point::new((x / SAMPLES) as i32, (y / SAMPLES) as i32);
            *pixel = self.pixel(at).unwrap_or(Rgb888::BLACK);
        }
        draw(&mut fine, SAMPLES);
        for at in area.points() {
            if let Some(index) = self.index(at) {
                let corner = (at - area.top_left) * SAMPLES as i32;
                self.pixels[index] = fine.mean(corner);
            }
        }
    }

    /// The same picture, turned.
    #[must_use]
    pub fn rotated(self, rotation: Rotation) -> Self {
        if rotation == Rotation::None {
            return self;
        }
        let size = rotation.drawn(self.size);
        let (right, bottom) = (size.width as i32 - 1, size.height as i32 - 1);
        // Where a pixel of the turned picture was before.
        let from = |x: i32, y: i32| match rotation {
            Rotation::None => Point::new(x, y),
            Rotation::Clockwise90 => Point::new(y, right - x),
            Rotation::Clockwise180 => Point::new(right - x, bottom - y),
            Rotation::Clockwise270 => Point::new(bottom - y, x),
        };
        self.mapped(size, from)
    }

    /// The picture moved by a few pixels; what it uncovers is as its edge.
    #[must_use]
    pub fn shifted(self, by: Point) -> Self {
        if by == Point::zero() {
            return self;
        }
        let (right, bottom) = (self.size.width as i32 - 1, self.size.height as i32 - 1);
        let size = self.size;
        self.mapped(size, |x, y| {
            Point::new((x - by.x).clamp(0, right), (y - by.y).clamp(0, bottom))
        })
    }

    /// Puts another picture over this one.
    pub fn place(&mut self, other: &Self, at: Point) {
        for (y, row) in other.rows().enumerate() {
            for (x, &color) in row.iter().enumerate() {
                if let Some(index) = self.index(at + Point::new(x as i32, y as i32)) {
                    self.pixels[index] = color;
                }
            }
        }
    }

    fn mapped(&self, size: Size, from: impl Fn(i32, i32) -> Point) -> Self {
        let at = |x: u32, y: u32| self.pixel(from(x as i32, y as i32)).unwrap_or(Rgb888::BLACK);
        let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        Self { size, pixels: rows.map(|(x, y)| at(x, y)).collect() }
    }

    fn mean(&self, corner: Point) -> Rgb888 {
        let block = Rectangle::new(corner, Size::new_equal(SAMPLES));
        let mut sum = [0_u32; 3];
        for pixel in block.points().filter_map(|at| self.pixel(at)) {
            sum[0] += u32::from(pixel.r());
            sum[1] += u32::from(pixel.g());
            sum[2] += u32::from(pixel.b());
        }
        let mean = sum.map(|channel| (channel / (SAMPLES * SAMPLES)) as u8);
        Rgb888::new(mean[0], mean[1], mean[2])
    }

    fn index(&self, at: Point) -> Option<usize> {
        let (x, y) = (u32::try_from(at.x).ok()?, u32::try_from(at.y).ok()?);
        (x < self.size.width && y < self.size.height).then(|| (y * self.size.width + x) as usize)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, color) in pixels {
            if let Some(index) = self.index(at) {
                self.pixels[index] = color;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::prelude::*;
    use embedded_graphics::primitives::PrimitiveStyle;

    use super::*;

    #[test]
    fn blending_goes_from_below_to_above() {
        let check = |alpha, gray| {
            let mut canvas = Canvas::new(Size::new(1, 1), Rgb888::new(10, 10, 10));
            canvas.blend(Point::zero(), Rgb888::new(210, 210, 210), alpha);
            assert_eq!(canvas.pixel(Point::zero()), Some(Rgb888::new(gray, gray, gray)));
        };
        check(0, 10);
        check(255, 210);
        check(128, 110);
    }

    #[test]
    fn a_smooth_edge_is_the_share_that_is_covered() {
        let mut canvas = Canvas::new(Size::new(3, 1), Rgb888::BLACK);
        canvas.smooth(Rectangle::new(Point::zero(), Size::new(3, 1)), |fine, samples| {
            Rectangle::new(Point::zero(), Size::new(samples + samples / 2, samples))
                .into_styled(PrimitiveStyle::with_fill(Rgb888::WHITE))
                .draw(fine)
                .expect("a canvas cannot fail");
        });
        let row: Vec<u8> = canvas.rows().next().unwrap().iter().map(|pixel| pixel.r()).collect();
        assert_eq!(row, [255, 127, 0]);
    }

    /// 3 x 2 pixels, numbered row by row.
    fn numbered() -> Canvas {
        let mut canvas = Canvas::new(Size::new(3, 2), Rgb888::BLACK);
        for (n, pixel) in canvas.pixels.iter_mut().enumerate() {
            *pixel = Rgb888::new(n as u8, 0, 0);
        }
        canvas
    }

    fn numbers(canvas: &Canvas) -> Vec<Vec<u8>> {
        canvas.rows().map(|row| row.iter().map(|pixel| pixel.r()).collect()).collect()
    }

    #[test]
    fn a_picture_is_turned_clockwise() {
        let check = |rotation, rows: &[&[u8]]| {
            assert_eq!(numbers(&numbered().rotated(rotation)), rows, "{rotation:?}");
        };
        check(Rotation::None, &[&[0, 1, 2], &[3, 4, 5]]);
        check(Rotation::Clockwise90, &[&[3, 0], &[4, 1], &[5, 2]]);
        check(Rotation::Clockwise180, &[&[5, 4, 3], &[2, 1, 0]]);
        check(Rotation::Clockwise270, &[&[2, 5], &[1, 4], &[0, 3]]);
    }

    #[test]
    fn a_moved_picture_goes_on_at_its_edge() {
        let moved = numbers(&numbered().shifted(Point::new(1, -1)));
        assert_eq!(moved, [[3, 3, 4], [3, 3, 4]]);
    }

    #[test]
    fn drawing_outside_is_cut_off() {
        let mut canvas = Canvas::new(Size::new(2, 2), Rgb888::BLACK);
        canvas.blend(Point::new(-1, 5), Rgb888::WHITE, 255);
        assert_eq!(canvas, Canvas::new(Size::new(2, 2), Rgb888::BLACK));
    }
}
