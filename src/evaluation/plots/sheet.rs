//! The sheet a plot stands on: title, cohort and key above it, versions and notice below.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Plot;
use crate::evaluation::figures::{CohortFigures, Versions};
use crate::evaluation::wording;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;

/// Why a drawing failed.
pub(super) type DrawError = Box<dyn Error + Send + Sync>;
/// A part of the sheet.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) const INK: RGBColor = RGBColor(0x1f, 0x29, 0x33);
pub(super) const FAINT_INK: RGBColor = RGBColor(0x66, 0x70, 0x7a);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
// Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008).
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const PURPLE: RGBColor = RGBColor(0xaa, 0x4a, 0x8c);

pub(super) const FONT: &str = "DejaVu Sans, Helvetica, Arial, sans-serif";
const MARGIN: i32 = 24;
const LINE: i32 = 18;
const SMALL_LINE: i32 = 15;

/// What is written around a plot.
#[derive(Debug)]
pub(super) struct Caption {
    title: &'static str,
    cohort: String,
    size: String,
    versions: String,
}

/// One entry of the key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) mark: Mark,
    pub(super) color: RGBColor,
    pub(super) text: String,
}

/// How an entry is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Line,
    Dashes,
    Dot,
    Ring,
    Box,
}

impl Caption {
    pub(super) fn of(plot: Plot, figures: &CohortFigures, versions: &Versions) -> Self {
        Self {
            title: plot.title(),
            cohort: wording::cohort(figures),
            size: wording::size(figures),
            versions: versions.to_string(),
        }
    }

    /// Draws the sheet and, inside it, the plot.
    pub(super) fn sheet(
        &self,
        [width, height]: [u32; 2],
        keys: &[Key],
        plot: impl FnOnce(&Area) -> Result<(), DrawError>,
    ) -> Result<Option<String>, DrawError> {
        let mut svg = String::new();
        {
            let sheet = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            sheet.fill(&WHITE)?;
            let top = self.draw_head(&sheet, keys)?;
            let bottom = self.draw_foot(&sheet)?;
            let room = sheet.margin(top, bottom, 12, MARGIN);
            plot(&room)?;
            sheet.present()?;
        }
        Ok(Some(svg))
    }

    /// The height it took.
    fn draw_head(&self, sheet: &Area, keys: &[Key]) -> Result<i32, DrawError> {
        let (width, _) = sheet.dim_in_pixel();
        let mut y = MARGIN;
        sheet.draw(&text(self.title, 20, INK, FontStyle::Bold, (MARGIN, y)))?;
        y += 30;
        for part in [&self.cohort, &self.size] {
            for line in wrap(part, letters(width, 13)) {
                sheet.draw(&text(&line, 13, FAINT_INK, FontStyle::Normal, (MARGIN, y)))?;
                y += LINE;
            }
        }
        y += 6;
        for key in keys {
            draw_mark(sheet, key, (MARGIN, y + 6))?;
            sheet.draw(&text(&key.text, 13, INK, FontStyle::Normal, (MARGIN + 34, y)))?;
            y += LINE + 1;
        }
        Ok(y + 8)
    }

    /// The height it took.
    fn draw_foot(&self, sheet: &Area) -> Result<i32, DrawError> {
        let (width, height) = sheet.dim_in_pixel();
        let height = i32::try_from(height)?;
        let mut lines = wrap(&self.versions, letters(width, 10));
        lines.push(sentence(NOT_FOR_DIAGNOSTIC_USE));
        let depth = i32::try_from(lines.len())? * SMALL_LINE + 12;
        for (line, index) in lines.iter().zip(0..) {
            let at = (MARGIN, height - depth + index * SMALL_LINE);
            sheet.draw(&text(line, 10, FAINT_INK, FontStyle::Normal, at))?;
        }
        Ok(depth + 14)
    }
}

/// Text whose upper left corner is there.
pub(super) fn text<'a>(
    text: &'a str,
    size: i32,
    color: RGBColor,
    style: FontStyle,
    at: (i32, i32),
) -> Text<'a, (i32, i32), &'a str> {
    let anchor = Pos::new(HPos::Left, VPos::Top);
    let font = FontDesc::new(FontFamily::Name(FONT), f64::from(size), style);
    Text::new(text, at, font.color(&color).pos(anchor))
}

fn draw_mark(sheet: &Area, key: &Key, (x, y): (i32, i32)) -> Result<(), DrawError> {
    let line = key.color.stroke_width(3);
    match key.mark {
        Mark::Line => sheet.draw(&PathElement::new([(x, y), (x + 24, y)], line))?,
        Mark::Dashes => {
            for start in [x, x + 9, x + 18] {
                let line = key.color.stroke_width(2);
                sheet.draw(&PathElement::new([(start, y), (start + 6, y)], line))?;
            }
        }
        Mark::Dot => sheet.draw(&Circle::new((x + 12, y), 5, key.color.filled()))?,
        Mark::Ring => {
            sheet.draw(&Circle::new((x + 12, y), 5, key.color.stroke_width(2)))?;
        }
        Mark::Box => {
            let corners = [(x, y - 6), (x + 24, y + 6)];
            sheet.draw(&Rectangle::new(corners, key.color.mix(0.22).filled()))?;
        }
    }
    Ok(())
}

/// How many letters of that size fit.
fn letters(width: u32, size: u32) -> usize {
    // DejaVu Sans, the widest of the fonts named, takes 0.6 of its size a letter.
    let room = width.saturating_sub(2 * MARGIN.unsigned_abs());
    (room * 10 / (size * 6)) as usize
}

/// Lines of at most so many letters, broken between words. A longer word keeps its line.
fn wrap(text: &str, letters_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_between_words() {
        let check = |text, expected: &[&str]| assert_eq!(wrap(text, 10), expected);
        check("", &[]);
        check("one two three four", &["one two", "three four"]);
        check("incomprehensible word", &["incomprehensible", "word"]);
        assert_eq!(sentence("not for diagnostic use"), "Not for diagnostic use.");
    }
}
