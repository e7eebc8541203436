//! `View` to `Scene`: where each thing stands, for any landscape size from 320x240. Still no pixels.
//!
//! ```text
//! +--------------------------------------------+ accent band
//! |  art      headline                         |
//! |           lead, measure, detail            | hero
//! |  [figure] [figure] [figure]   or   steps   | strip, where the view has one
//! |  ! notice                                  | where the view has one
//! +--------------------------------------------+ hairline
//! |  disclaimer                       versions | footer
//! +--------------------------------------------+
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use crate::display::text::{Font, Weight};
use crate::display::theme;
use crate::display::view::{Figure, Page, Steps, View};
use crate::units::Side;

/// Everything on one picture, in drawing order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Picture size.
    pub size: Size,
    /// What to draw.
    pub items: Vec<Item>,
}

/// One thing on the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A line of text in its box.
    Text(Label),
    /// A filled box with round corners.
    Panel {
        /// Where.
        area: Rectangle,
        /// Corner radius, pixels.
        radius: u32,
        /// Fill.
        color: Rgb888,
    },
    /// A drawn sign.
    Sign {
        /// Where; signs are square.
        area: Rectangle,
        /// Which.
        sign: Sign,
        /// Ink.
        color: Rgb888,
    },
    /// A head seen from the front: the patient's right is on the left.
    Head {
        /// Where; as high as wide.
        area: Rectangle,
        /// Sides to mark.
        sides: Vec<Side>,
        /// Ink of the marks.
        color: Rgb888,
    },
}

/// A line of text in its box, centred in its height.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The box.
    pub area: Rectangle,
    /// The line.
    pub text: String,
    /// Size and weight.
    pub font: Font,
    /// Ink.
    pub color: Rgb888,
    /// Where in the box's width.
    pub align: Align,
}

/// Where a line stands in its box's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Align {
    Left,
    Center,
    Right,
}

/// The signs: a different shape for each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say what is drawn")]
pub enum Sign {
    Dots,
    Disc,
    ArrowDown,
    Magnifier,
    Check,
    Question,
    Envelope,
    Pause,
    Stop,
    Warning,
    StepDone,
    StepCurrent,
    StepPending,
}

impl Scene {
    /// Lays a view out.
    #[must_use]
    pub fn new(view: &View, size: Size) -> Self {
        let mut plan = Plan::new(size, theme::accent(&view.page));
        plan.frame(view);
        if let Some(notice) = &view.notice {
            plan.notice(notice);
        }
        if let Some(steps) = &view.steps {
            plan.steps(steps);
        }
        if !view.figures.is_empty() {
            plan.figures(&view.figures);
        }
        plan.hero(view);
        Self { size, items: plan.items }
    }
}

/// Height of a line of text, in heights of its capitals: room for descenders and accents.
const LINE: f32 = 1.55;
/// Sizes of the body that are tried, largest first.
const BODY_SCALES: [f32; 7] = [1.2, 1.1, 1.0, 0.9, 0.8, 0.72, 0.65];
/// Heights of the headline's capitals that are tried, largest first, in units.
const HEADLINE_CAPS: [f32; 8] = [3.6, 3.2, 2.9, 2.6, 2.3, 2.0, 1.8, 1.6];

/// What is left to lay out, from the footer up.
struct Plan {
    items: Vec<Item>,
    accent: Rgb888,
    /// A twenty-fourth of the height, or a thirty-second of the width: all lengths are multiples.
    unit: f32,
    left: i32,
    width: u32,
    top: i32,
    bottom: i32,
    size: Size,
}

impl Plan {
    fn new(size: Size, accent: Rgb888) -> Self {
        let unit = (size.height as f32 / 24.0).min(size.width as f32 / 32.0);
        let margin = (1.5 * unit) as i32;
        Self {
            items: Vec::new(),
            accent,
            unit,
            left: margin,
            width: size.width - 2 * margin as u32,
            top: 0,
            bottom: size.height as i32,
            size,
        }
    }

    fn px(&self, units: f32) -> i32 {
        (units * self.unit).round() as i32
    }

    /// Takes a full-width row off the bottom of what is left.
    fn take_row(&mut self, units: f32, gap_units: f32) -> Rectangle {
        let height = self.px(units);
        self.bottom -= height;
        let row = Rectangle::new(
            Point::new(self.left, self.bottom),
            Size::new(self.width, height as u32),
        );
        self.bottom -= self.px(gap_units);
        row
    }

    fn text(&mut self, area: Rectangle, text: &str, font: Font, color: Rgb888, align: Align) {
        self.items.push(Item::Text(Label { area, text: text.to_owned(), font, color, align }));
    }

    /// The first size at which the text fits on one line of that width, else the last, cut.
    fn one_line(&self, text: &str, weight: Weight, width: u32, units: &[f32]) -> (String, Font) {
        let fonts = units.iter().map(|cap| Font { weight, cap: cap * self.unit });
        let mut last = (String::new(), Font { weight, cap: self.unit });
        for font in fonts {
            let (lines, fits) = font.wrap(text, width, 1);
            last = (lines.into_iter().next().unwrap_or_default(), font);
            if fits {
                break;
            }
        }
        last
    }

    /// The largest size at which every text fits on one line, else the smallest.
    fn common_font<'t>(
        &self,
        texts: impl Iterator<Item = &'t str> + Clone,
        weight: Weight,
        width: u32,
        units: &[f32],
    ) -> Font {
        let fonts = units.iter().map(|cap| Font { weight, cap: cap * self.unit });
        let fit = |font: &Font| texts.clone().all(|text| font.width(text) <= width);
        let smallest = units.last().map_or(self.unit, |cap| cap * self.unit);
        fonts.clone().find(fit).unwrap_or(Font { weight, cap: smallest })
    }

    /// Accent band above, hairline and footer below.
    fn frame(&mut self, view: &View) {
        let band = Rectangle::new(Point::zero(), Size::new(self.size.width, self.px(0.5) as u32));
        self.items.push(Item::Panel { area: band, radius: 0, color: self.accent });
        self.top = band.size.height as i32 + self.px(1.0);

        let footer = self.take_row(2.4, 0.0);
        let line = Rectangle::new(footer.top_left, Size::new(self.width, 1));
        self.items.push(Item::Panel { area: line, radius: 0, color: theme::OUTLINE });
        self.bottom -= self.px(1.0);

        let gap = self.px(1.0) as u32;
        let bold = Font::bold(0.85 * self.unit);
        let left = Size::new(bold.width(&view.disclaimer), footer.size.height);
        let right = Size::new(footer.size.width.saturating_sub(left.width + gap), left.height);
        let (versions, font) =
            self.one_line(&view.versions, Weight::Regular, right.width, &[0.85, 0.75, 0.7]);
        let right_at = footer.top_left + Point::new((left.width + gap) as i32, 0);
        let (strong, quiet) = (theme::TEXT, theme::TEXT_QUIET);
        let left_area = Rectangle::new(footer.top_left, left);
        self.text(left_area, &view.disclaimer, bold, strong, Align::Left);
        self.text(Rectangle::new(right_at, right), &versions, font, quiet, Align::Right);
    }

    fn notice(&mut self, notice: &str) {
        let row = self.take_row(3.0, 0.8);
        self.panel(row);
        let side = self.px(1.7);
        let inset = (row.size.height as i32 - side) / 2;
        let sign = Rectangle::new(
            row.top_left + Point::new(self.px(0.8), inset),
            Size::new_equal(side as u32),
        );
        self.items.push(Item::Sign { area: sign, sign: Sign::Warning, color: theme::TEXT });
        let indent = self.px(0.8) + side + self.px(0.7);
        let width = row.size.width - indent as u32 - self.px(0.5) as u32;
        let area =
            Rectangle::new(row.top_left + Point::new(indent, 0), Size::new(width, row.size.height));
        let (text, font) = self.one_line(notice, Weight::Bold, width, &[1.2, 1.1, 1.0, 0.9]);
        self.text(area, &text, font, theme::TEXT, Align::Left);
    }

    fn panel(&mut self, area: Rectangle) {
        let radius = self.px(0.5) as u32;
        self.items.push(Item::Panel { area, radius, color: theme::PANEL });
    }

    /// Equal cells side by side.
    fn cells(&self, row: Rectangle, n_cells: usize, gap_units: f32) -> Vec<Rectangle> {
        let n_cells = n_cells as i32;
        let gap = self.px(gap_units);
        let width = (row.size.width as i32 - gap * (n_cells - 1)) / n_cells;
        let cell = |n| {
            let at = row.top_left + Point::new(n * (width + gap), 0);
            Rectangle::new(at, Size::new(width as u32, row.size.height))
        };
        (0..n_cells).map(cell).collect()
    }

    fn figures(&mut self, figures: &[Figure]) {
        let row = self.take_row(5.0, 0.8);
        let cells = self.cells(row, figures.len(), 0.8);
        let inset = Point::new(self.px(0.8), self.px(0.5));
        let Some(width) = cells.first().map(|cell| cell.size.width - 2 * inset.x as u32) else {
            return;
        };
        let values = figures.iter().map(|figure| figure.value.as_str());
        let value_font = self.common_font(values, Weight::Bold, width, &[1.8, 1.5, 1.2, 0.9]);
        let labels = figures.iter().map(|figure| figure.label.as_str());
        let label_font = self.common_font(labels, Weight::Regular, width, &[0.95, 0.85, 0.75]);
        for (figure, cell) in figures.iter().zip(cells) {
            self.panel(cell);
            let value_size = Size::new(width, self.px(2.6) as u32);
            let value_area = Rectangle::new(cell.top_left + inset, value_size);
            self.text(value_area, &figure.value, value_font, theme::TEXT, Align::Left);
            let label_area = Rectangle::new(
                value_area.top_left + Point::new(0, value_size.height as i32),
                Size::new(width, self.px(1.5) as u32),
            );
            self.text(label_area, &figure.label, label_font, theme::TEXT_QUIET, Align::Left);
        }
    }

    /// A bar a step over its name; done, current and pending differ in shape.
    fn steps(&mut self, steps: &Steps) {
        let row = self.take_row(4.2, 0.8);
        let cells = self.cells(row, steps.labels.len(), 0.6);
        let side = self.px(1.4);
        let indent = side + self.px(0.4);
        let Some(width) = cells.first().map(|cell| cell.size.width - indent as u32) else { return };
        let labels = steps.labels.iter().map(String::as_str);
        let sizes = [1.1, 1.0, 0.9, 0.8];
        let cap = self.common_font(labels, Weight::Bold, width, &sizes).cap;
        for (n, cell) in cells.into_iter().enumerate() {
            let (sign, bar, ink, weight) = match n.cmp(&steps.current) {
                std::cmp::Ordering::Less => {
                    (Sign::StepDone, self.accent, theme::TEXT_QUIET, Weight::Regular)
                }
                std::cmp::Ordering::Equal => {
                    (Sign::StepCurrent, self.accent, theme::TEXT, Weight::Bold)
                }
                std::cmp::Ordering::Greater => {
                    (Sign::StepPending, theme::OUTLINE, theme::TEXT_QUIET, Weight::Regular)
                }
            };
            let thick = self.px(if n == steps.current { 0.8 } else { 0.4 });
            let bar_area = Rectangle::new(
                cell.top_left + Point::new(0, self.px(0.8) - thick),
                Size::new(cell.size.width, thick as u32),
            );
            self.items.push(Item::Panel { area: bar_area, radius: thick as u32 / 2, color: bar });
            let line = cell.top_left + Point::new(0, self.px(1.7));
            let sign_area = Rectangle::new(line, Size::new_equal(side as u32));
            let color = if n > steps.current { theme::TEXT_QUIET } else { self.accent };
            self.items.push(Item::Sign { area: sign_area, sign, color });
            let area =
                Rectangle::new(line + Point::new(indent, 0), Size::new(width, self.px(1.5) as u32));
            self.text(area, &steps.labels[n], Font { weight, cap }, ink, Align::Left);
        }
    }

    /// The art, and the text column beside it.
    fn hero(&mut self, view: &View) {
        let height = (self.bottom - self.top) as f32;
        let width = self.width as f32;
        let side = match &view.page {
            Page::Flagged { .. } => (0.40 * width).min(height),
            _ => (0.26 * width).min(0.8 * height),
        } as u32;
        let art = Rectangle::new(
            Point::new(self.left, self.top + (height as i32 - side as i32) / 2),
            Size::new_equal(side),
        );
        self.art(&view.page, art);
        let indent = side as i32 + self.px(1.6);
        let column = Rectangle::new(
            Point::new(self.left + indent, self.top),
            Size::new(self.width - indent as u32, height as u32),
        );
        self.column(view, column);
    }

    fn art(&mut self, page: &Page, area: Rectangle) {
        let sign = match page {
            Page::Flagged { sides, marks } => {
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
            Page::Undelivered => Sign::Envelope,
            Page::Stopping => Sign::Pause,
            Page::Stopped => Sign::Stop,
            Page::Fault => Sign::Warning,
        };
        self.items.push(Item::Sign { area, sign, color: self.accent });
    }

    /// R and L in the head's lower corners; a flagged side's letter stands on a filled tile.
    fn marks(&mut self, sides: &[Side], marks: &[String; 2], area: Rectangle) {
        let tile = (area.size.width as f32 * 0.2) as u32;
        let y = area.top_left.y + (area.size.height - tile) as i32;
        let far = (area.size.width - tile) as i32;
        for ((side, mark), x) in Side::BOTH.iter().zip(marks).zip([0, far]) {
            let tile_area =
                Rectangle::new(Point::new(area.top_left.x + x, y), Size::new_equal(tile));
            let font = Font::bold(tile as f32 * 0.55);
            let ink = if sides.contains(side) {
                let radius = tile / 5;
                self.items.push(Item::Panel { area: tile_area, radius, color: self.accent });
                theme::GROUND
            } else {
                theme::TEXT_QUIET
            };
            self.text(tile_area, mark, font, ink, Align::Center);
        }
    }

    /// Headline, lead, measure and detail, as large as they fit, centred as one block.
    fn column(&mut self, view: &View, column: Rectangle) {
        let width = column.size.width;
        let (headline, font) = self.one_line(&view.headline, Weight::Bold, width, &HEADLINE_CAPS);
        let headline = Line { text: headline, font, color: theme::TEXT, gap: 0.0 };
        let mut block = Vec::new();
        for scale in BODY_SCALES {
            let (lines, fits) = self.body(view, width, scale);
            block = vec![headline.clone()];
            block.extend(lines);
            if fits && block_height(&block) <= column.size.height as f32 {
                break;
            }
        }
        // What is still too high loses its last lines: the headline and the lead stay.
        while block_height(&block) > column.size.height as f32 && block.len() > 1 {
            block.pop();
        }
        let free = column.size.height as f32 - block_height(&block);
        let mut y = column.top_left.y as f32 + free / 2.0;
        for line in block {
            y += line.gap;
            let height = line.font.cap * LINE;
            let area = Rectangle::new(
                Point::new(column.top_left.x, y as i32),
                Size::new(width, height as u32),
            );
            self.text(area, &line.text, line.font, line.color, Align::Left);
            y += height;
        }
    }

    fn body(&self, view: &View, width: u32, scale: f32) -> (Vec<Line>, bool) {
        let unit = self.unit * scale;
        let mut lines = Vec::new();
        let mut all_fit = true;
        let mut add = |text: &str, font: Font, color, gap: f32, n_lines_max| {
            let (wrapped, fits) = font.wrap(text, width, n_lines_max);
            all_fit &= fits;
            for (n, text) in wrapped.into_iter().enumerate() {
                let gap = if n == 0 { gap * unit } else { 0.0 };
                lines.push(Line { text, font, color, gap });
            }
        };
        match &view.measure {
            None => add(&view.lead, Font::regular(1.5 * unit), theme::TEXT, 0.5, 4),
            Some(measure) => {
                add(&view.lead, Font::bold(1.5 * unit), theme::TEXT, 0.5, 1);
                let sizes = [1.9, 1.6, 1.4, 1.2].map(|cap| cap * scale);
                let (measure, font) = self.one_line(measure, Weight::Bold, width, &sizes);
                add(&measure, font, self.accent, 0.5, 1);
            }
        }
        if let Some(detail) = &view.detail {
            add(detail, Font::regular(1.15 * unit), theme::TEXT_QUIET, 0.6, 4);
        }
        (lines, all_fit)
    }
}

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
