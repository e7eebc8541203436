//! Every page on one picture, for documents.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a few dozen pictures of 320x240"
)]

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;

use crate::display::canvas::Canvas;
use crate::display::strings::Language;
use crate::display::theme::DAY;
use crate::display::{SIZES, render_view, samples};

/// Between the pages.
const GROUND: Rgb888 = Rgb888::new(0x70, 0x70, 0x70);
const GAP: u32 = 6;
const N_COLUMNS: u32 = 4;

/// Every sample in the smallest size, in reading order.
#[must_use]
pub fn sheet(language: Language) -> Canvas {
    let views = samples::views(language);
    let n_rows = (views.len() as u32).div_ceil(N_COLUMNS);
    let page = SIZES[0];
    let side = |n: u32, length: u32| n * (length + GAP) + GAP;
    let size = Size::new(side(N_COLUMNS, page.width), side(n_rows, page.height));
    let mut sheet = Canvas::new(size, GROUND);
    for n in 0..n_rows * N_COLUMNS {
        let (column, row) = (n % N_COLUMNS, n / N_COLUMNS);
        let at = Point::new(side(column, page.width) as i32, side(row, page.height) as i32);
        match views.get(n as usize) {
            Some((_, view)) => sheet.place(&render_view(view, page), at),
            None => sheet.place(&Canvas::new(page, DAY.ground), at),
        }
    }
    sheet
}
