//! What is left of a picture while it is laid out, from the footer up.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use super::{Align, Item, Label};
use crate::display::text::{Font, Weight};
use crate::display::theme::Palette;

/// Height of a line of text, in heights of its capitals: room for descenders and accents.
pub(super) const LINE: f32 = 1.55;

/// A picture that is being laid out.
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
    pub(super) is_whole: bool,
    pub(super) palette: &'static Palette,
    pub(super) accent: Rgb888,
    /// A twenty-fourth of the short side, or a thirty-second of the long one: all lengths are multiples.
    pub(super) unit: f32,
    pub(super) is_upright: bool,
    pub(super) left: i32,
    pub(super) width: u32,
    pub(super) top: i32,
    pub(super) bottom: i32,
    pub(super) size: Size,
}

impl Plan {
    pub(super) fn new(size: Size, palette: &'static Palette, accent: Rgb888) -> Self {
        let (short, long) = (size.width.min(size.height), size.width.max(size.height));
        let unit = (short as f32 / 24.0).min(long as f32 / 32.0);
        let margin = (1.5 * unit) as i32;
        Self {
            items: Vec::new(),
            is_whole: true,
            palette,
            accent,
            unit,
            is_upright: size.height > size.width,
            left: margin,
            width: size.width - 2 * margin as u32,
            top: 0,
            bottom: size.height as i32,
            size,
        }
    }

    pub(super) fn px(&self, units: f32) -> i32 {
        (units * self.unit).round() as i32
    }

    /// Takes a full-width row off the bottom of what is left.
    pub(super) fn take_row(&mut self, units: f32, gap_units: f32) -> Rectangle {
        let height = self.px(units);
        self.bottom -= height;
        let row = Rectangle::new(
            Point::new(self.left, self.bottom),
            Size::new(self.width, height as u32),
        );
        self.bottom -= self.px(gap_units);
        row
    }

    /// A line of text on the page's ground.
    pub(super) fn text(
        &mut self,
        area: Rectangle,
        text: &str,
        font: Font,
        color: Rgb888,
        align: Align,
    ) {
        self.text_on(self.palette.ground, area, text, font, color, align);
    }

    /// A line of text on something else.
    pub(super) fn text_on(
        &mut self,
        ground: Rgb888,
        area: Rectangle,
        text: &str,
        font: Font,
        color: Rgb888,
        align: Align,
    ) {
        let text = text.to_owned();
        self.items.push(Item::Text(Label { area, text, font, color, ground, align }));
    }

    pub(super) fn panel(&mut self, area: Rectangle) {
        let radius = self.px(0.5) as u32;
        self.items.push(Item::Panel { area, radius, color: self.palette.panel });
    }

    /// The first size at which the text fits on one line of that width, else the last, cut.
    pub(super) fn one_line(
        &mut self,
        text: &str,
        weight: Weight,
        width: u32,
        units: &[f32],
    ) -> (String, Font) {
        let fonts = units.iter().map(|cap| Font { weight, cap: cap * self.unit });
        let mut last = (String::new(), Font { weight, cap: self.unit });
        for font in fonts {
            let (lines, fits) = font.wrap(text, width, 1);
            last = (lines.into_iter().next().unwrap_or_default(), font);
            if fits {
                return last;
            }
        }
        self.is_whole = false;
        last
    }

    /// The largest size at which every text fits on one line, else the smallest.
    pub(super) fn common_font<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t str> + Clone,
        weight: Weight,
        width: u32,
        units: &[f32],
    ) -> Font {
        let unit = self.unit;
        let mut fonts = units.iter().map(|cap| Font { weight, cap: cap * unit });
        let fits = |font: &Font| texts.clone().all(|text| font.width(text) <= width);
        let smallest = units.last().map_or(unit, |cap| cap * unit);
        fonts.find(fits).unwrap_or_else(|| {
            self.is_whole = false;
            Font { weight, cap: smallest }
        })
    }

    /// Equal cells side by side.
    pub(super) fn cells(&self, row: Rectangle, n_cells: usize, gap_units: f32) -> Vec<Rectangle> {
        let n_cells = n_cells as i32;
        let gap = self.px(gap_units);
        let width = (row.size.width as i32 - gap * (n_cells - 1)) / n_cells;
        let cell = |n| {
            let at = row.top_left + Point::new(n * (width + gap), 0);
            Rectangle::new(at, Size::new(width as u32, row.size.height))
        };
        (0..n_cells).map(cell).collect()
    }

    /// Equal cells one below the other.
    pub(super) fn lines(&self, area: Rectangle, n_lines: usize) -> Vec<Rectangle> {
        let height = area.size.height / n_lines as u32;
        let line = |n: u32| {
            let at = area.top_left + Point::new(0, (n * height) as i32);
            Rectangle::new(at, Size::new(area.size.width, height))
        };
        (0..n_lines as u32).map(line).collect()
    }
}

/// What is left of a box when its sides are moved in.
pub(super) fn inset(area: Rectangle, x: i32, y: i32) -> Rectangle {
    let less = |side: u32, by: i32| side.saturating_sub(2 * by as u32);
    let size = Size::new(less(area.size.width, x), less(area.size.height, y));
    Rectangle::new(area.top_left + Point::new(x, y), size)
}
