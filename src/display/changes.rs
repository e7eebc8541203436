//! What of a picture differs from the one before, as a few rectangles. Pure.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;

/// Rows that are looked at together: a line of small text.
const BAND_ROWS: usize = 16;

/// Rectangles that hold every pixel that differs, one above the other. All of the picture where there was none, or
/// one of another size.
#[must_use]
pub fn changes(before: Option<&Canvas>, now: &Canvas) -> Vec<Rectangle> {
    let Some(before) = before.filter(|before| before.size() == now.size()) else {
        return vec![Rectangle::new(Point::zero(), now.size())];
    };
    let rows: Vec<_> = before.rows().zip(now.rows()).collect();
    let mut areas: Vec<Rectangle> = Vec::new();
    for (n, band) in rows.chunks(BAND_ROWS).enumerate() {
        let Some(area) = band_change(band, n * BAND_ROWS) else { continue };
        match areas.last_mut() {
            // Bands that touch and change alike are one.
            Some(last) if is_continued_by(*last, area) => {
                last.size.height += area.size.height;
            }
            _ => areas.push(area),
        }
    }
    areas
}

fn is_continued_by(above: Rectangle, below: Rectangle) -> bool {
    let end = above.top_left.y + above.size.height as i32;
    let is_alike = above.top_left.x == below.top_left.x && above.size.width == below.size.width;
    is_alike && end == below.top_left.y
}

fn band_change(band: &[(&[Rgb888], &[Rgb888])], top: usize) -> Option<Rectangle> {
    let mut bounds: Option<[usize; 4]> = None;
    for (row, (before, now)) in band.iter().enumerate() {
        let differs = |(a, b): (&Rgb888, &Rgb888)| a != b;
        let Some(left) = before.iter().zip(*now).position(differs) else { continue };
        let right = before.iter().zip(*now).rposition(differs).unwrap_or(left);
        let [x0, y0, x1, _] = bounds.unwrap_or([left, row, right, row]);
        bounds = Some([x0.min(left), y0, x1.max(right), row]);
    }
    let [x0, y0, x1, y1] = bounds?;
    let size = Size::new((x1 - x0 + 1) as u32, (y1 - y0 + 1) as u32);
    Some(Rectangle::new(Point::new(x0 as i32, (top + y0) as i32), size))
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::RgbColor;
    use proptest::prelude::*;

    use super::*;

    const SIZE: Size = Size::new(60, 70);

    #[test]
    fn the_first_picture_is_all_new() {
        let canvas = Canvas::new(SIZE, Rgb888::BLACK);
        let whole = vec![Rectangle::new(Point::zero(), SIZE)];
        assert_eq!(changes(None, &canvas), whole);
        let smaller = Canvas::new(Size::new(10, 10), Rgb888::BLACK);
        assert_eq!(changes(Some(&smaller), &canvas), whole);
        assert_eq!(changes(Some(&canvas), &canvas), []);
    }

    proptest! {
        #[test]
        fn every_change_is_in_one_rectangle_and_none_is_wider_than_it_must(
            points in prop::collection::vec((0_i32..60, 0_i32..70), 0..12)
        ) {
            let before = Canvas::new(SIZE, Rgb888::BLACK);
            let mut now = before.clone();
            for &(x, y) in &points {
                now.blend(Point::new(x, y), Rgb888::WHITE, 255);
            }
            let areas = changes(Some(&before), &now);
            for &(x, y) in &points {
                let n = areas.iter().filter(|area| area.contains(Point::new(x, y))).count();
                prop_assert_eq!(n, 1);
            }
            for area in areas {
                let inside = points.iter().filter(|&&(x, y)| area.contains(Point::new(x, y)));
                let xs: Vec<_> = inside.map(|&(x, _)| x).collect();
                prop_assert_eq!(xs.iter().min(), Some(&area.top_left.x));
            }
        }
    }
}
