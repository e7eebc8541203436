//! Type of any size from two bitmap faces: measured, wrapped and drawn with smooth edges.
//!
//! The largest Free Universal face of the u8g2 collection is drawn into a bit mask, its steps are
//! rounded where it has to grow, and the mask's coverage of each pixel becomes the ink's opacity.

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
/// A face drawn larger than this share of its own size has its steps rounded first.
const ROUND_FROM_SCALE: f32 = 0.45;
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

    /// `text` in at most `n_lines_max` lines no wider than `width`, broken between words; what does not
    /// fit is cut and ends in `...`. The flag says whether all of it fits.
    #[must_use]
    pub fn wrap(self, text: &str, width: u32, n_lines_max: usize) -> (Vec<String>, bool) {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}")) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        let fits = lines.len() <= n_lines_max && lines.iter().all(|l| self.width(l) <= width);
        if lines.len() > n_lines_max {
            lines.truncate(n_lines_max);
            if let Some(last) = lines.last_mut() {
                last.push_str(CUT);
            }
        }
        let lines = lines.into_iter().map(|line| self.cut(line, width)).collect();
        (lines, fits)
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
        let mut mask = Mask::of(self.weight, text, self.face_width(text));
        let mut scale = self.scale();
        let mut above = FACE_ABOVE as f32;
        if scale > ROUND_FROM_SCALE {
            mask = mask.rounded().rounded();
            scale /= 4.0;
            above *= 4.0;
        }
        let top = (above * scale).ceil() as i32;
        let width = (mask.size.width as f32 * scale).ceil() as i32;
        let bottom = (FACE_BELOW as f32 * self.scale()).ceil() as i32;
        for y in -top..bottom {
            for x in 0..width {
                let covered = mask.coverage(x, y, scale, above);
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

    /// Twice as large, with stair steps filled to slopes (the Scale2x rule).
    fn rounded(&self) -> Self {
        let size = self.size * 2;
        let mut bits = vec![false; (size.width * size.height) as usize];
        for (index, bit) in bits.iter_mut().enumerate() {
            let (x, y) = (index as u32 % size.width, index as u32 / size.width);
            let (cx, cy) = ((x / 2) as i32, (y / 2) as i32);
            let (dx, dy) = (if x % 2 == 0 { -1 } else { 1 }, if y % 2 == 0 { -1 } else { 1 });
            let (near_x, near_y) = (self.bit(cx + dx, cy), self.bit(cx, cy + dy));
            let (far_x, far_y) = (self.bit(cx - dx, cy), self.bit(cx, cy - dy));
            let is_corner = near_x == near_y && near_x != far_y && near_y != far_x;
            *bit = if is_corner { near_x } else { self.bit(cx, cy) };
        }
        Self { size, bits }
    }

    /// How much of a picture pixel is ink, 0..=255; `y` counts from the baseline down.
    fn coverage(&self, x: i32, y: i32, scale: f32, above: f32) -> u8 {
        let n_hit = (0..SAMPLES * SAMPLES)
            .filter(|sample| {
                let offset = |n: u32| (n as f32 + 0.5) / SAMPLES as f32;
                let u = (x as f32 + offset(sample % SAMPLES)) / scale;
                let v = (y as f32 + offset(sample / SAMPLES)) / scale + above;
                self.bit(u.floor() as i32, v.floor() as i32)
            })
            .count() as u32;
        (n_hit * 255 / (SAMPLES * SAMPLES)) as u8
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
                assert_eq!(printable(Weight::Bold, text), text, "{name}");
                assert_eq!(printable(Weight::Regular, text), text, "{name}");
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
