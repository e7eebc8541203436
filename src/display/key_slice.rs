//! The thumbnail of a mass: made by the worker, drawn by the display.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{PointsIter, Rectangle};

use crate::display::canvas::Canvas;
use crate::display::ct_plane::Pane;
use crate::display::theme::Palette;
use crate::imaging::{Mask, PatientPoint, Volume};
use crate::limits::KEY_SLICE_PX;
use crate::status::KeySlice;
use crate::units::Hounsfield;

/// Side of what is shown: jaw, ear and neck of one side, and a mass large enough to see.
const FIELD_MM: f64 = 100.0;

/// Width of the outline: still a line where the picture is shown at a third of its size.
const CONTOUR_PX: f32 = 4.0;

/// The scanned slice nearest to `center`, with the outline of `mask` in it. No name and no mark is in it.
#[must_use]
pub fn key_slice(volume: &Volume<Hounsfield>, mask: &Mask, center: PatientPoint) -> KeySlice {
    let [slice, row, column] = volume.geometry().to_index(center);
    let z = volume.geometry().to_patient([slice.round(), row, column]).z;
    let size = Size::new_equal(KEY_SLICE_PX);
    let pane = Pane {
        area: Rectangle::new(Point::zero(), size),
        center: PatientPoint { z, ..center },
        mm_per_px: FIELD_MM / f64::from(KEY_SLICE_PX),
    };
    let mut plane = Canvas::new(size, Rgb888::BLACK);
    pane.draw_ct(&mut plane, volume);
    let mut line = Canvas::new(size, Rgb888::BLACK);
    pane.draw_contour(&mut line, mask, Rgb888::WHITE, CONTOUR_PX);
    let reds = |canvas: &Canvas| canvas.rows().flatten().map(RgbColor::r).collect();
    KeySlice { side_px: KEY_SLICE_PX, gray: reds(&plane), outline: reds(&line) }
}

/// Draws it into a square.
pub(super) fn draw(
    canvas: &mut Canvas,
    area: Rectangle,
    picture: &KeySlice,
    color: Rgb888,
    palette: &Palette,
) {
    let scale = picture.side_px as f32 / area.size.width.max(1) as f32;
    for at in area.points() {
        let offset = at - area.top_left;
        let from = |pixel: i32| (pixel as f32 * scale, (pixel + 1) as f32 * scale);
        let (x, y) = (from(offset.x), from(offset.y));
        let gray = mean(&picture.gray, picture.side_px, x, y) as u16;
        let gray = (gray * u16::from(palette.picture_percent) / 100) as u8;
        canvas.blend(at, Rgb888::new(gray, gray, gray), u8::MAX);
        // What is made smaller gets a thinner line: it is made stronger again.
        let ink = mean(&picture.outline, picture.side_px, x, y) * scale.max(1.0);
        canvas.blend(at, color, ink.min(255.0) as u8);
    }
}

/// Mean of the samples that a pixel covers, or what lies between two where it covers less than one.
fn mean(samples: &[u8], side_px: u32, x: (f32, f32), y: (f32, f32)) -> f32 {
    const STEPS: u32 = 3;
    let at = |x: f32, y: f32| {
        let last = side_px.saturating_sub(1) as f32;
        let (x, y) = ((x - 0.5).clamp(0.0, last), (y - 0.5).clamp(0.0, last));
        let (left, top) = (x.floor(), y.floor());
        let sample = |column: f32, row: f32| {
            let (column, row) = (column.min(last) as u32, row.min(last) as u32);
            samples.get((row * side_px + column) as usize).map_or(0.0, |&value| f32::from(value))
        };
        let (u, v) = (x - left, y - top);
        let upper = sample(left, top) * (1.0 - u) + sample(left + 1.0, top) * u;
        let lower = sample(left, top + 1.0) * (1.0 - u) + sample(left + 1.0, top + 1.0) * u;
        upper * (1.0 - v) + lower * v
    };
    let step =
        |(from, to): (f32, f32), n: u32| from + (to - from) * (n as f32 + 0.5) / STEPS as f32;
    let n_samples = STEPS * STEPS;
    let sum: f32 = (0..n_samples).map(|n| at(step(x, n % STEPS), step(y, n / STEPS))).sum();
    sum / n_samples as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::theme::{DAY, NIGHT};
    use crate::imaging::Geometry;

    fn picture() -> KeySlice {
        let origin = PatientPoint::new(-60.0, -60.0, -4.0);
        let grid = Geometry::axis_aligned(origin, [2.0; 3], [5, 61, 61]).unwrap();
        let n_voxels = 5 * 61 * 61;
        let volume = Volume::new(grid, vec![Hounsfield(40); n_voxels]).unwrap();
        let inside = |index: usize| {
            let (row, column) = (index / 61 % 61, index % 61);
            (25..36).contains(&row) && (25..36).contains(&column)
        };
        let mask =
            Mask::new(grid, (0..n_voxels).map(|index| u8::from(inside(index))).collect()).unwrap();
        key_slice(&volume, &mask, PatientPoint::new(0.0, 0.0, 0.3))
    }

    #[test]
    fn it_is_gray_with_a_closed_line() {
        let picture = picture();
        let n_pixels = (KEY_SLICE_PX * KEY_SLICE_PX) as usize;
        assert_eq!((picture.gray.len(), picture.outline.len()), (n_pixels, n_pixels));
        // 40 HU is the middle of the window.
        assert_eq!(picture.gray[n_pixels / 2], 128);
        let middle = &picture.outline[n_pixels / 2..][..KEY_SLICE_PX as usize];
        let n_crossings = middle.windows(2).filter(|two| two[0] < 128 && two[1] >= 128).count();
        assert_eq!(n_crossings, 2);
    }

    #[test]
    fn it_is_drawn_in_its_square_alone_and_darker_at_night() {
        let area = Rectangle::new(Point::new(3, 4), Size::new_equal(40));
        let shown = |palette| {
            let mut canvas = Canvas::new(Size::new(50, 50), Rgb888::BLACK);
            draw(&mut canvas, area, &picture(), Rgb888::WHITE, palette);
            canvas
        };
        let day = shown(&DAY);
        for (y, row) in day.rows().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let at = Point::new(x as i32, y as i32);
                assert_eq!(*pixel != Rgb888::BLACK, area.contains(at), "{at}");
            }
        }
        let corner = area.top_left;
        assert_eq!(day.pixel(corner).unwrap().r(), 128);
        assert_eq!(shown(&NIGHT).pixel(corner).unwrap().r(), 76);
    }
}
