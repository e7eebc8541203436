//! The rows around the hero: frame and footer, notice, strip, progress.

use std::cmp::Ordering;

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

use super::plan::{Plan, inset};
use super::{Align, Item, Sign};
use crate::display::text::{Font, Weight};
use crate::display::view::{Figure, Link, Progress, Steps, View};

/// Sizes of what stands in the footer, in units.
const FOOTER_CAPS: [f32; 4] = [0.85, 0.8, 0.75, 0.7];

impl Plan {
    /// Accent band above, hairline and footer below.
    pub(super) fn frame(&mut self, view: &View) {
        let band = Rectangle::new(Point::zero(), Size::new(self.size.width, self.px(0.5) as u32));
        self.items.push(Item::Panel { area: band, radius: 0, color: self.accent });
        self.top = band.size.height as i32 + self.px(1.0);

        let footer = self.take_row(if self.is_upright { 3.8 } else { 2.4 }, 0.0);
        let line = Rectangle::new(footer.top_left, Size::new(self.width, 1));
        self.items.push(Item::Panel { area: line, radius: 0, color: self.palette.outline });
        self.bottom -= self.px(0.8);
        let (strong, quiet) = (self.palette.text, self.palette.text_quiet);
        let (disclaimer, versions) = (&view.disclaimer, &view.versions);
        if self.is_upright {
            let lines = self.lines(inset(footer, 0, self.px(0.3)), 2);
            let (text, font) = self.one_line(disclaimer, Weight::Bold, self.width, &FOOTER_CAPS);
            self.text(lines[0], &text, font, strong, Align::Center);
            let (text, font) = self.one_line(versions, Weight::Regular, self.width, &FOOTER_CAPS);
            self.text(lines[1], &text, font, quiet, Align::Center);
            return;
        }
        let gap = self.px(1.0) as u32;
        let bold = Font::bold(0.85 * self.unit);
        let left = Size::new(bold.width(disclaimer), footer.size.height);
        let right = Size::new(footer.size.width.saturating_sub(left.width + gap), left.height);
        let (versions, font) = self.one_line(versions, Weight::Regular, right.width, &FOOTER_CAPS);
        let right_at = footer.top_left + Point::new((left.width + gap) as i32, 0);
        let left_area = Rectangle::new(footer.top_left, left);
        self.text(left_area, disclaimer, bold, strong, Align::Left);
        self.text(Rectangle::new(right_at, right), &versions, font, quiet, Align::Right);
    }

    /// A warning in a panel, on two lines where one would be small.
    pub(super) fn notice(&mut self, notice: &str) {
        let side = self.px(1.7);
        let indent = self.px(0.8) + side + self.px(0.7);
        let width = self.width - indent as u32 - self.px(0.6) as u32;
        let caps: &[f32] = if self.is_upright { &[1.2, 1.1] } else { &[1.2, 1.1, 1.0, 0.9] };
        let one = caps.iter().map(|cap| Font::bold(cap * self.unit));
        let font = one.into_iter().find(|font| font.wrap(notice, width, 1).1);
        let (n_lines, font) = match font {
            Some(font) => (1, font),
            None => {
                let smaller = [1.1, 1.0, 0.9, 0.8].map(|cap| Font::bold(cap * self.unit));
                let fits = smaller.into_iter().find(|font| font.wrap(notice, width, 2).1);
                (2, fits.unwrap_or(smaller[3]))
            }
        };
        let (texts, fits) = font.wrap(notice, width, n_lines);
        self.is_whole &= fits;
        let row = self.take_row(if n_lines == 1 { 3.0 } else { 4.2 }, 0.8);
        self.panel(row);
        let sign_at = Point::new(self.px(0.8), (row.size.height as i32 - side) / 2);
        let area = Rectangle::new(row.top_left + sign_at, Size::new_equal(side as u32));
        let (ink, ground) = (self.palette.text, self.palette.panel);
        self.items.push(Item::Sign { area, sign: Sign::Warning, color: ink });
        let column =
            Rectangle::new(row.top_left + Point::new(indent, 0), Size::new(width, row.size.height));
        let column = inset(column, 0, if n_lines == 1 { 0 } else { self.px(0.4) });
        for (text, line) in texts.iter().zip(self.lines(column, texts.len())) {
            self.text_on(ground, line, text, font, ink, Align::Left);
        }
    }

    /// Numbers: cells side by side, upright a table.
    pub(super) fn figures(&mut self, figures: &[Figure]) {
        let values = figures.iter().map(|figure| figure.value.as_str());
        let labels = figures.iter().map(|figure| figure.label.as_str());
        let (ground, ink, quiet) = (self.palette.panel, self.palette.text, self.palette.text_quiet);
        if self.is_upright {
            let row = self.take_row(0.6 + 2.1 * figures.len() as f32, 0.8);
            self.panel(row);
            let table = inset(row, self.px(0.8), self.px(0.3));
            let half = table.size.width / 2;
            let value_font = self.common_font(values, Weight::Bold, half, &[1.2, 1.0, 0.9]);
            let label_font = self.common_font(labels, Weight::Regular, half, &[1.0, 0.9, 0.8]);
            for (figure, line) in figures.iter().zip(self.lines(table, figures.len())) {
                let left = Rectangle::new(line.top_left, Size::new(half, line.size.height));
                let right = Rectangle::new(line.top_left + Point::new(half as i32, 0), left.size);
                self.text_on(ground, left, &figure.label, label_font, quiet, Align::Left);
                self.text_on(ground, right, &figure.value, value_font, ink, Align::Right);
            }
            return;
        }
        let row = self.take_row(4.8, 0.8);
        let cells = self.cells(row, figures.len(), 0.8);
        let Some(width) = cells.first().map(|cell| inset(*cell, self.px(0.8), 0).size.width) else {
            return;
        };
        let value_font = self.common_font(values, Weight::Bold, width, &[1.8, 1.5, 1.2, 0.9]);
        let label_font = self.common_font(labels, Weight::Regular, width, &[0.95, 0.85, 0.75]);
        for (figure, cell) in figures.iter().zip(cells) {
            self.panel(cell);
            let at = inset(cell, self.px(0.8), self.px(0.45)).top_left;
            let value_area = Rectangle::new(at, Size::new(width, self.px(2.6) as u32));
            self.text_on(ground, value_area, &figure.value, value_font, ink, Align::Left);
            let label_area = Rectangle::new(
                at + Point::new(0, self.px(2.6)),
                Size::new(width, self.px(1.4) as u32),
            );
            self.text_on(ground, label_area, &figure.label, label_font, quiet, Align::Left);
        }
    }

    /// Who is there and who is not: a tick or a warning, never colour alone.
    pub(super) fn links(&mut self, links: &[Link]) {
        let n_rows = if self.is_upright { links.len() } else { 1 };
        let row = self.take_row(1.8 * n_rows as f32, 0.4);
        let cells = if self.is_upright {
            self.lines(row, n_rows)
        } else {
            self.cells(row, links.len(), 0.8)
        };
        let side = self.px(1.1);
        let start = self.px(0.8);
        let indent = start + side + self.px(0.6);
        let Some(width) = cells.first().map(|cell| cell.size.width - indent as u32) else { return };
        let labels = links.iter().map(|link| link.label.as_str());
        let font = self.common_font(labels, Weight::Regular, width, &[1.0, 0.9, 0.8, 0.7]);
        for (link, cell) in links.iter().zip(cells) {
            let (sign, color) = if link.is_up {
                (Sign::StepDone, self.accent)
            } else {
                (Sign::Warning, self.palette.text)
            };
            let at = Point::new(start, (cell.size.height as i32 - side) / 2);
            let area = Rectangle::new(cell.top_left + at, Size::new_equal(side as u32));
            self.items.push(Item::Sign { area, sign, color });
            let area = Rectangle::new(
                cell.top_left + Point::new(indent, 0),
                Size::new(width, cell.size.height),
            );
            self.text(area, &link.label, font, self.palette.text_quiet, Align::Left);
        }
    }

    /// How much is here, in words over a bar.
    pub(super) fn progress(&mut self, progress: &Progress) {
        let row = self.take_row(3.7, 1.0);
        let caps = [1.5, 1.3, 1.1, 0.9];
        let (text, font) = self.one_line(&progress.label, Weight::Bold, self.width, &caps);
        let words = Rectangle::new(row.top_left, Size::new(self.width, self.px(2.3) as u32));
        self.text(words, &text, font, self.palette.text, Align::Left);
        let thick = self.px(1.1) as u32;
        let at = row.top_left + Point::new(0, row.size.height as i32 - thick as i32);
        let bar = |width: u32| Rectangle::new(at, Size::new(width, thick));
        let done = (u64::from(self.width) * progress.permille / 1000) as u32;
        let color = self.palette.outline;
        self.items.push(Item::Panel { area: bar(self.width), radius: thick / 2, color });
        if done > thick {
            let color = self.accent;
            self.items.push(Item::Panel { area: bar(done), radius: thick / 2, color });
        }
    }

    /// A bar a step over its name; done, current and pending differ in shape. Upright there is no room for
    /// the names: the lead says which it is.
    pub(super) fn steps(&mut self, steps: &Steps) {
        let row = self.take_row(if self.is_upright { 3.2 } else { 4.2 }, 0.8);
        let cells = self.cells(row, steps.labels.len(), 0.6);
        let side = self.px(1.4);
        let indent = side + self.px(0.4);
        let Some(width) = cells.first().map(|cell| cell.size.width - indent as u32) else { return };
        let labels = steps.labels.iter().map(String::as_str);
        let cap = if self.is_upright {
            self.unit
        } else {
            self.common_font(labels, Weight::Bold, width, &[1.1, 1.0, 0.9, 0.8, 0.7]).cap
        };
        for (n, cell) in cells.into_iter().enumerate() {
            let (accent, outline) = (self.accent, self.palette.outline);
            let (ink, quiet) = (self.palette.text, self.palette.text_quiet);
            let (sign, bar, color, ink, weight) = match n.cmp(&steps.current) {
                Ordering::Less => (Sign::StepDone, accent, accent, quiet, Weight::Regular),
                Ordering::Equal => (Sign::StepCurrent, accent, accent, ink, Weight::Bold),
                Ordering::Greater => (Sign::StepPending, outline, quiet, quiet, Weight::Regular),
            };
            let thick = self.px(if n == steps.current { 0.8 } else { 0.4 });
            let bar_area = Rectangle::new(
                cell.top_left + Point::new(0, self.px(0.8) - thick),
                Size::new(cell.size.width, thick as u32),
            );
            self.items.push(Item::Panel { area: bar_area, radius: thick as u32 / 2, color: bar });
            let centre = if self.is_upright { (cell.size.width as i32 - side) / 2 } else { 0 };
            let line = cell.top_left + Point::new(centre, self.px(1.7));
            let area = Rectangle::new(line, Size::new_equal(side as u32));
            self.items.push(Item::Sign { area, sign, color });
            if !self.is_upright {
                let size = Size::new(width, self.px(1.5) as u32);
                let area = Rectangle::new(line + Point::new(indent, 0), size);
                self.text(area, &steps.labels[n], Font { weight, cap }, ink, Align::Left);
            }
        }
    }
}
