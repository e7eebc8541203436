//! Type of any size from two bitmap faces: measured, wrapped and drawn with smooth edges.
//!
//! The largest Free Universal face of the u8g2 collection is drawn into a bit mask, and the mask's
//! coverage of each picture pixel becomes the ink's opacity.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::{BinaryColor, Rgb888};
use u8g2_fonts::FontRenderer;
use u8g2_fonts::fonts::{u8g2_font_fub42_tf, u8g2_font_fur42_tf};
use u8g2_fonts::types::{FontColor, VerticalPosition};

use crate::display::canvas::Canvas;

const BOLD: FontRenderer = FontRenderer::new::<u8g2_font_fub42_tf>();
const REGULAR: FontRenderer = FontRenderer::new::<u8g2_font_fur42_tf>();

/// Height of the faces' capitals, in their own pixels; held by a test.
const FACE_CAP: f32 = 42.0;
/// Room above the capitals for accents and below the baseline, in the faces' own pixels.
const FACE_ABOVE: u32 = 60;
const FACE_BELOW: u32 = 16;
/// Sub-samples a side of a pixel for the coverage.
const SAMPLES: u32 = 4;
/// A face drawn larger than this share of its own size would show its steps.
const SMOOTH_FROM_SCALE: f32 = 0.5;
/// Width of the blur that takes the steps away, in the face's own pixels.
const BLUR: f32 = 1.8;
/// Keeps a number and its unit on one line.
pub const NO_BREAK_SPACE: char = '\u{a0}';
/// Stands where a text was cut.
const CUT: &str = "...";

/// Thickness of the strokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For headlines and numbers.
    Bold,
    /// For sentences.
    Regular,
}

impl Weight {
    fn face(self) -> FontRenderer {
        match self {
            Self::Bold => BOLD,
            Self::Regular => REGULAR,
        }
    }
}

/// A weight and the height of its capitals in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Font {
    /// Thickness.
    pub weight: Weight,
    /// Height of a capital letter, pixels.
    pub cap: f32,
}

impl Font {
    /// A bold font.
    #[must_use]
    pub fn bold(cap: f32) -> Self {
        Self { weight: Weight::Bold, cap }
    }

    /// A regular font.
    #[must_use]
    pub fn regular(cap: f32) -> Self {
        Self { weight: Weight::Regular, cap }
    }

    fn scale(self) -> f32 {
        self.cap / FACE_CAP
    }

    /// Width of a line, in whole pixels, up.
    #[must_use]
    pub fn width(self, text: &str) -> u32 {
        (self.face_width(text) as f32 * self.scale()).ceil() as u32
    }

    fn face_width(self, text: &str) -> u32 {
        let text = printable(self.weight, text);
        let width = |dimensions: u8g2_fonts::types::RenderedDimensions| {
            let ink =
                dimensions.bounding_box.map_or(0, |ink| ink.top_left.x + ink.size.width as i32);
            ink.max(dimensions.advance.x).max(0) as u32
        };
        self.weight
            .face()
            .get_rendered_dimensions(text.as_str(), Point::zero(), VerticalPosition::Baseline)
            .map_or(0, width)
    }

    /// `text` in at most `n_lines_max` lines no wider than `width`, broken at spaces but not at no-break
    /// spaces; what does not fit is cut and ends in `...`. The flag says whether all of it fits.
    #[must_use]
    pub fn wrap(self, text: &str, width: u32, n_lines_max: usize) -> (Vec<String>, bool) {
        let lines = self.fill(text, width);
        let fits = lines.len() <= n_lines_max && lines.iter().all(|l| self.width(l) <= width);
        if fits && lines.len() > 1 {
            return (self.balance(text, width, lines), true);
        }
        (self.cut_to(lines, width, n_lines_max), fits)
    }

    /// The same number of lines of about the same length: no word stands alone on the last one.
    fn balance(self, text: &str, width: u32, lines: Vec<String>) -> Vec<String> {
        const STEPS: u32 = 12;
        let mut best = lines;
        for step in 1..STEPS / 2 {
            let narrower = width - width * step / STEPS;
            let tried = self.fill(text, narrower);
            if tried.len() > best.len() || tried.iter().any(|l| self.width(l) > narrower) {
                break;
            }
            best = tried;
        }
        best
    }

    /// As many words as go on each line.
    fn fill(self, text: &str, width: u32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split([' ', '\n', '\t']).filter(|word| !word.is_empty()) {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}")) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    fn cut_to(self, mut lines: Vec<String>, width: u32, n_lines_max: usize) -> Vec<String> {
        if lines.len() > n_lines_max {
            lines.truncate(n_lines_max);
            if let Some(last) = lines.last_mut() {
                last.push_str(CUT);
            }
        }
        lines.into_iter().map(|line| self.cut(line, width)).collect()
    }

    fn cut(self, line: String, width: u32) -> String {
        if self.width(&line) <= width {
            return line;
        }
        let mut kept: Vec<char> = line.trim_end_matches(CUT).chars().collect();
        while kept.pop().is_some() {
            let cut = kept.iter().collect::<String>().trim_end().to_owned() + CUT;
            if self.width(&cut) <= width {
                return cut;
            }
        }
        String::new()
    }

    /// Draws one line; `at` is the left end of its baseline.
    pub fn draw(self, canvas: &mut Canvas, text: &str, at: Point, color: Rgb888) {
        let mask = Mask::of(self.weight, text, self.face_width(text));
        let scale = self.scale();
        let pixels = |face: u32| (face as f32 * scale).ceil() as i32;
        for y in -pixels(FACE_ABOVE)..pixels(FACE_BELOW) {
            for x in 0..pixels(mask.size.width) {
                let covered = mask.coverage(x, y, scale);
                if covered > 0 {
                    canvas.blend(at + Point::new(x, y), color, covered);
                }
            }
        }
    }
}

/// `text` with what the face has no glyph for as `?`, and control characters as spaces.
fn printable(weight: Weight, text: &str) -> String {
    let face = weight.face();
    let known = |c: char| {
        face.get_rendered_dimensions(c, Point::zero(), VerticalPosition::Baseline).is_ok()
    };
    text.chars()
        .map(|c| match c {
            NO_BREAK_SPACE => ' ',
            c if c.is_control() => ' ',
            c if known(c) => c,
            _ => '?',
        })
        .collect()
}

/// A line of text as bits.
struct Mask {
    size: Size,
    bits: Vec<bool>,
}

impl Mask {
    fn of(weight: Weight, text: &str, width: u32) -> Self {
        let size = Size::new(width.max(1), FACE_ABOVE + FACE_BELOW);
        let mut mask = Self { size, bits: vec![false; (size.width * size.height) as usize] };
        let baseline = Point::new(0, FACE_ABOVE as i32);
        let ink = FontColor::Transparent(BinaryColor::On);
        weight
            .face()
            .render(
                printable(weight, text).as_str(),
                baseline,
                VerticalPosition::Baseline,
                ink,
                &mut mask,
            )
            .expect("a mask cannot fail, and `printable` left only known glyphs");
        mask
    }

    fn bit(&self, x: i32, y: i32) -> bool {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return false };
        x < self.size.width && y < self.size.height && self.bits[(y * self.size.width + x) as usize]
    }

    /// How much of a picture pixel is ink, 0..=255; `y` counts from the baseline down.
    fn coverage(&self, x: i32, y: i32, scale: f32) -> u8 {
        if scale > SMOOTH_FROM_SCALE {
            self.smooth_coverage(x, y, scale)
        } else {
            self.sampled_coverage(x, y, scale)
        }
    }

    fn face_point(x: f32, y: f32, scale: f32) -> (f32, f32) {
        (x / scale, y / scale + FACE_ABOVE as f32)
    }

    /// The share of sub-samples that hit ink.
    fn sampled_coverage(&self, x: i32, y: i32, scale: f32) -> u8 {
        let offset = |n: u32| (n as f32 + 0.5) / SAMPLES as f32;
        let n_hit = (0..SAMPLES * SAMPLES)
            .filter(|sample| {
                let (dx, dy) = (offset(sample % SAMPLES), offset(sample / SAMPLES));
                let (u, v) = Self::face_point(x as f32 + dx, y as f32 + dy, scale);
                self.bit(u.floor() as i32, v.floor() as i32)
            })
            .count() as u32;
        (n_hit * 255 / (SAMPLES * SAMPLES)) as u8
    }

    /// The mask blurred over its stair steps, then cut again where half is ink: a slope, not stairs.
    fn smooth_coverage(&self, x: i32, y: i32, scale: f32) -> u8 {
        let (u, v) = Self::face_point(x as f32 + 0.5, y as f32 + 0.5, scale);
        let reach = (1.5 * BLUR).ceil() as i32;
        let (column, row) = (u.floor() as i32, v.floor() as i32);
        let (mut ink, mut sum) = (0.0, 0.0);
        for j in row - reach..=row + reach {
            let weight_v = spline((j as f32 + 0.5 - v) / BLUR);
            for i in column - reach..=column + reach {
                let weight = weight_v * spline((i as f32 + 0.5 - u) / BLUR);
                sum += weight;
                ink += if self.bit(i, j) { weight } else { 0.0 };
            }
        }
        // Across a straight edge the blur rises by 0.75 in `BLUR` face pixels; the ink's edge is one
        // picture pixel wide.
        let gain = (BLUR * scale / 0.75).max(1.0);
        let share = 0.5 + (ink / sum - 0.5) * gain;
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    }
}

/// The quadratic B-spline: a bell that is zero from 1.5 on.
fn spline(distance: f32) -> f32 {
    match distance.abs() {
        near if near < 0.5 => 0.75 - near * near,
        far if far < 1.5 => 0.5 * (1.5 - far) * (1.5 - far),
        _ => 0.0,
    }
}

impl OriginDimensions for Mask {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Mask {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        for Pixel(at, color) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { continue };
            if x < self.size.width && y < self.size.height {
                self.bits[(y * self.size.width + x) as usize] = color.is_on();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::strings::Language;

    #[test]
    fn capitals_are_as_high_as_the_face_says() {
        for weight in [Weight::Bold, Weight::Regular] {
            let ink = weight
                .face()
                .get_rendered_dimensions("H", Point::zero(), VerticalPosition::Baseline)
                .unwrap()
                .bounding_box
                .unwrap();
            assert!((ink.size.height as f32 - FACE_CAP).abs() <= 1.0, "{weight:?} {ink:?}");
        }
    }

    #[test]
    fn every_text_has_its_glyphs() {
        for language in Language::ALL {
            for (name, text) in language.texts().all() {
                let text = &text.replace(NO_BREAK_SPACE, " ");
                assert_eq!(&printable(Weight::Bold, text), text, "{name}");
                assert_eq!(&printable(Weight::Regular, text), text, "{name}");
            }
        }
    }

    #[test]
    fn lines_break_between_words_and_are_cut_at_the_end() {
        let font = Font::regular(10.0);
        let check = |text: &str, width_of: &str, n, lines: &[&str], fits| {
            let (got, got_fits) = font.wrap(text, font.width(width_of), n);
            assert_eq!((got, got_fits), (lines.iter().map(|&l| l.to_owned()).collect(), fits));
        };
        check("one two three", "one two", 2, &["one two", "three"], true);
        check("one two three", "one two three", 1, &["one two three"], true);
        check("one two three", "one two...", 1, &["one two..."], false);
        check("unbreakable", "unb...", 1, &["unb..."], false);
        check("a 3\u{a0}cm", "3 cmi", 2, &["a", "3\u{a0}cm"], true);
        check("", "x", 1, &[], true);
    }

    #[test]
    fn odd_characters_become_question_marks() {
        assert_eq!(printable(Weight::Bold, "a\u{4e2d}\n\u{0}b³é"), "a?  b³é");
    }

    #[test]
    fn ink_stays_inside_the_measured_width() {
        let font = Font::bold(20.0);
        let width = font.width("Mg");
        let mut canvas = Canvas::new(Size::new(width + 20, 60), Rgb888::new(0, 0, 0));
        font.draw(&mut canvas, "Mg", Point::new(10, 40), Rgb888::new(255, 255, 255));
        let black = Rgb888::new(0, 0, 0);
        let inked = |x: u32| canvas.rows().any(|row| row[x as usize] != black);
        assert!((0..9).all(|x| !inked(x)) && (width + 11..width + 20).all(|x| !inked(x)));
        assert!((10..width + 10).any(inked));
    }
}
