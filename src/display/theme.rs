//! Colours: one calm dark ground, one accent a state, and nothing below 7:1.
//!
//! Colour is never the only sign: each page has its own shape and its own word as well.

use embedded_graphics::pixelcolor::Rgb888;

use crate::display::view::Page;

/// The ground of every page: dark, because CT control rooms are.
pub const GROUND: Rgb888 = Rgb888::new(0x0b, 0x12, 0x1a);
/// Cells that stand out of the ground.
pub const PANEL: Rgb888 = Rgb888::new(0x15, 0x20, 0x2c);
/// Hairlines and shapes that carry no meaning of their own.
pub const OUTLINE: Rgb888 = Rgb888::new(0x3a, 0x4c, 0x5e);
/// The outline of the head.
pub const CONTOUR: Rgb888 = Rgb888::new(0x9c, 0xae, 0xbe);
/// Headlines and numbers.
pub const TEXT: Rgb888 = Rgb888::new(0xf4, 0xf7, 0xf9);
/// Everything else that is read.
pub const TEXT_QUIET: Rgb888 = Rgb888::new(0xb9, 0xc6, 0xd2);

const CALM: Rgb888 = Rgb888::new(0x5f, 0xd6, 0xb3);
const BUSY: Rgb888 = Rgb888::new(0x7c, 0xc4, 0xff);
const ATTENTION: Rgb888 = Rgb888::new(0xff, 0xb8, 0x4d);
const UNKNOWN: Rgb888 = Rgb888::new(0xd9, 0xc8, 0xff);
const BROKEN: Rgb888 = Rgb888::new(0xff, 0x9a, 0x8f);

/// The accent of a page.
#[must_use]
pub fn accent(page: &Page) -> Rgb888 {
    match page {
        Page::Ready | Page::NotFlagged => CALM,
        Page::Receiving | Page::Analysing => BUSY,
        Page::Flagged { .. } => ATTENTION,
        Page::NotAssessable => UNKNOWN,
        Page::Undelivered | Page::Fault => BROKEN,
        Page::Starting | Page::Stopping | Page::Stopped => TEXT_QUIET,
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::RgbColor;

    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(color: Rgb888) -> f64 {
        let linear = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Rgb888, b: Rgb888) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn contrast_is_at_least_seven() {
        assert!((contrast(Rgb888::BLACK, Rgb888::WHITE) - 21.0).abs() < 1e-9);
        for ink in [TEXT, TEXT_QUIET, CONTOUR, CALM, BUSY, ATTENTION, UNKNOWN, BROKEN] {
            for ground in [GROUND, PANEL] {
                let ratio = contrast(ink, ground);
                assert!(ratio >= 7.0, "{ink:?} on {ground:?}: {ratio:.1}");
            }
        }
    }
}
