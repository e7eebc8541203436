//! The page's subject: its art, and the words beside or below it.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use super::plan::{LINE, Plan};
use super::{Align, Item, Sign};
use crate::display::text::Font;
use crate::display::view::{Page, View};
use crate::units::Side;

/// Sizes of the body that are tried, largest first.
const BODY_SCALES: [f32; 8] = [1.2, 1.1, 1.0, 0.9, 0.8, 0.72, 0.65, 0.6];
/// Heights of a headline's capitals that are tried on one line, largest first, in units.
const HEADLINE_CAPS: [f32; 6] = [3.6, 3.2, 2.9, 2.6, 2.3, 2.1];
/// The same on two lines, for words that would be small on one.
const HEADLINE_CAPS_OF_TWO: [f32; 6] = [2.4, 2.1, 1.9, 1.7, 1.5, 1.3];

#[derive(Clone)]
struct Line {
    text: String,
    font: Font,
    color: Rgb888,
    /// Pixels above it.
    gap: f32,
}

fn block_height(block: &[Line]) -> f32 {
    block.iter().map(|line| line.gap + line.font.cap * LINE).sum()
}

impl Plan {
    /// The art, and the words beside it, or below it where the picture is upright.
    pub(super) fn hero(&mut self, view: &View) {
        let (width, height) = (self.width as f32, (self.bottom - self.top).max(0) as f32);
        let (is_flagged, has_slice) =
            (matches!(view.page, Page::Flagged { .. }), view.key_slice.is_some());
        let gap = self.px(0.8);
        let n_gaps = i32::from(has_slice);
        let at = Point::new(self.left, self.top);
        if self.is_upright {
            let side = match (is_flagged, has_slice) {
                (true, true) => ((width - gap as f32) / 2.0).min(0.45 * height),
                (true, false) => (0.62 * width).min(0.45 * height),
                (false, _) => (0.36 * width).min(0.34 * height),
            } as i32;
            let used = (n_gaps + 1) * side + n_gaps * gap;
            let begin = at + Point::new((self.width as i32 - used) / 2, 0);
            self.arts(view, begin, side, Point::new(side + gap, 0));
            let below = side + self.px(0.6);
            let size = Size::new(self.width, (height as i32 - below).max(0) as u32);
            self.column(view, Rectangle::new(at + Point::new(0, below), size), Align::Center);
            return;
        }
        let side = match (is_flagged, has_slice) {
            (true, true) => (0.36 * width).min((height - gap as f32) / 2.0),
            (true, false) => (0.40 * width).min(height),
            (false, _) => (0.26 * width).min(0.8 * height),
        } as i32;
        let used = (n_gaps + 1) * side + n_gaps * gap;
        let begin = at + Point::new(0, (height as i32 - used) / 2);
        self.arts(view, begin, side, Point::new(0, side + gap));
        let indent = side + self.px(1.6);
        let size = Size::new(self.width - indent as u32, height as u32);
        self.column(view, Rectangle::new(at + Point::new(indent, 0), size), Align::Left);
    }

    /// The page's sign or head, and a `step` further the key slice.
    fn arts(&mut self, view: &View, at: Point, side: i32, step: Point) {
        let size = Size::new_equal(side.max(0) as u32);
        self.art(&view.page, Rectangle::new(at, size));
        if let Some(picture) = &view.key_slice {
            let (area, picture) = (Rectangle::new(at + step, size), picture.clone());
            self.items.push(Item::KeySlice { area, picture, color: self.accent });
        }
    }

    fn art(&mut self, page: &Page, area: Rectangle) {
        let sign = match page {
            Page::Flagged { sides, marks, .. } => {
                self.items.push(Item::Head { area, sides: sides.clone(), color: self.accent });
                self.marks(sides, marks, area);
                return;
            }
            Page::Starting => Sign::Dots,
            Page::Ready => Sign::Disc,
            Page::Receiving => Sign::ArrowDown,
            Page::Analysing => Sign::Magnifier,
            Page::NotFlagged => Sign::Check,
            Page::NotAssessable => Sign::Question,
            Page::Alert => Sign::Bell,
            Page::Undelivered => Sign::Envelope,
            Page::DiskLow => Sign::Disk,
            Page::ClockBad => Sign::Clock,
            Page::Hot => Sign::Thermometer,
            Page::Updating | Page::UpdateFailed => Sign::Arrows,
            Page::Setup => Sign::Key,
            Page::Stopping => Sign::Pause,
            Page::Stopped => Sign::Stop,
            Page::SelfTestFailed | Page::Fault => Sign::Warning,
        };
        self.items.push(Item::Sign { area, sign, color: self.accent });
    }

    /// The sides' letters in the head's lower corners; a flagged side's stands on a filled tile.
    fn marks(&mut self, sides: &[Side], marks: &[String; 2], area: Rectangle) {
        let tile = (area.size.width as f32 * 0.2) as u32;
        let y = area.top_left.y + (area.size.height - tile) as i32;
        let far = (area.size.width - tile) as i32;
        for ((side, mark), x) in Side::BOTH.iter().zip(marks).zip([0, far]) {
            let tile_area =
                Rectangle::new(Point::new(area.top_left.x + x, y), Size::new_equal(tile));
            let font = Font::bold(tile as f32 * 0.55);
            let (ground, ink) = if sides.contains(side) {
                let radius = tile / 5;
                self.items.push(Item::Panel { area: tile_area, radius, color: self.accent });
                (self.accent, self.palette.ground)
            } else {
                (self.palette.ground, self.palette.text_quiet)
            };
            self.text_on(ground, tile_area, mark, font, ink, Align::Center);
        }
    }

    /// Headline, lead, measure and detail, as large as they fit, centred as one block.
    fn column(&mut self, view: &View, column: Rectangle, align: Align) {
        let height = column.size.height as f32;
        let (mut block, mut fits) = (Vec::new(), false);
        for scale in BODY_SCALES {
            (block, fits) = self.block(view, column.size.width, scale);
            fits &= block_height(&block) <= height;
            if fits {
                break;
            }
        }
        // What is still too high loses its last lines: the headline and the lead stay.
        while block_height(&block) > height && block.len() > 1 {
            block.pop();
        }
        self.is_whole &= fits;
        let mut y = column.top_left.y as f32 + (height - block_height(&block)) / 2.0;
        for line in block {
            y += line.gap;
            let height = line.font.cap * LINE;
            let area = Rectangle::new(
                Point::new(column.top_left.x, y as i32),
                Size::new(column.size.width, height as u32),
            );
            self.text(area, &line.text, line.font, line.color, align);
            y += height;
        }
    }

    /// The words in one size, and whether all of them are in it.
    fn block(&self, view: &View, width: u32, scale: f32) -> (Vec<Line>, bool) {
        let unit = self.unit * scale;
        let (mut lines, mut all_fit) = self.headline(&view.headline, width, scale);
        let (text, quiet) = (self.palette.text, self.palette.text_quiet);
        let mut add = |text: &str, font: Font, color, gap: f32, n_lines_max| {
            let (wrapped, fits) = font.wrap(text, width, n_lines_max);
            all_fit &= fits;
            for (n, text) in wrapped.into_iter().enumerate() {
                let gap = if n == 0 { gap * unit } else { 0.0 };
                lines.push(Line { text, font, color, gap });
            }
        };
        match &view.measure {
            None => add(&view.lead, Font::regular(1.5 * unit), text, 0.5, 4),
            Some(measure) => {
                // Rather smaller than on two lines: a side must not stand alone.
                let fonts = [1.5, 1.35, 1.2, 1.1].map(|cap| Font::bold(cap * unit));
                let fitting = fonts.into_iter().find(|font| font.wrap(&view.lead, width, 1).1);
                add(&view.lead, fitting.unwrap_or(fonts[1]), text, 0.5, 2);
                // A code is there to be copied: it is as large as it can be.
                let fonts = match view.page {
                    Page::Setup => [3.2, 2.6, 2.0, 1.5].map(|cap| Font::bold(cap * self.unit)),
                    _ => [1.9, 1.6, 1.4, 1.2].map(|cap| Font::bold(cap * unit)),
                };
                let fitting = fonts.into_iter().find(|font| font.wrap(measure, width, 1).1);
                add(measure, fitting.unwrap_or(fonts[3]), self.accent, 0.5, 1);
            }
        }
        if let Some(detail) = &view.detail {
            add(detail, Font::regular(1.15 * unit), quiet, 0.6, 4);
        }
        (lines, all_fit)
    }

    /// On one line, or on two where that makes it larger. It shrinks with the body only as far as it must.
    fn headline(&self, text: &str, width: u32, scale: f32) -> (Vec<Line>, bool) {
        let unit = self.unit * scale.max(0.8);
        let fonts = |caps: [f32; 6]| caps.map(|cap| Font::bold(cap * unit));
        let one = fonts(HEADLINE_CAPS).into_iter().map(|font| (font, 1));
        let two = fonts(HEADLINE_CAPS_OF_TWO).into_iter().map(|font| (font, 2));
        let fitting = one.chain(two).find(|(font, n_lines)| font.wrap(text, width, *n_lines).1);
        let smallest = (Font::bold(HEADLINE_CAPS_OF_TWO[5] * unit), 2);
        let (font, n_lines) = fitting.unwrap_or(smallest);
        let (texts, fits) = font.wrap(text, width, n_lines);
        let color = self.palette.text;
        let line = |text| Line { text, font, color, gap: 0.0 };
        (texts.into_iter().map(line).collect(), fits)
    }
}
