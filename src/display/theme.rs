//! Colours: one calm dark ground, one accent a state, and nothing that is read below 7:1.
//!
//! Colour is never the only sign: each page has its own shape and its own word as well. At night the ground is
//! black and the inks have less than half the light, which is as dark as 7:1 allows.

use embedded_graphics::pixelcolor::{Rgb888, RgbColor};

use crate::display::view::Page;

/// The colours of a picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    /// The ground of every page: dark, because CT control rooms are.
    pub ground: Rgb888,
    /// Cells that stand out of the ground.
    pub panel: Rgb888,
    /// Hairlines and shapes that carry no meaning of their own.
    pub outline: Rgb888,
    /// The outline of the head.
    pub contour: Rgb888,
    /// Headlines and numbers.
    pub text: Rgb888,
    /// Everything else that is read.
    pub text_quiet: Rgb888,
    calm: Rgb888,
    busy: Rgb888,
    attention: Rgb888,
    unknown: Rgb888,
    broken: Rgb888,
    /// How bright a picture of a patient is, of what it is by itself.
    pub picture_percent: u8,
}

/// By day, and at night where somebody should come.
pub const DAY: Palette = Palette {
    ground: Rgb888::new(0x0b, 0x12, 0x1a),
    panel: Rgb888::new(0x15, 0x20, 0x2c),
    outline: Rgb888::new(0x3a, 0x4c, 0x5e),
    contour: Rgb888::new(0x9c, 0xae, 0xbe),
    text: Rgb888::new(0xf4, 0xf7, 0xf9),
    text_quiet: Rgb888::new(0xb9, 0xc6, 0xd2),
    calm: Rgb888::new(0x5f, 0xd6, 0xb3),
    busy: Rgb888::new(0x7c, 0xc4, 0xff),
    attention: Rgb888::new(0xff, 0xb8, 0x4d),
    unknown: Rgb888::new(0xd9, 0xc8, 0xff),
    broken: Rgb888::new(0xff, 0x9a, 0x8f),
    picture_percent: 100,
};

/// At night.
pub const NIGHT: Palette = Palette {
    ground: Rgb888::new(0x00, 0x00, 0x00),
    panel: Rgb888::new(0x04, 0x08, 0x0d),
    outline: Rgb888::new(0x1d, 0x28, 0x33),
    contour: Rgb888::new(0x8c, 0x9d, 0xab),
    text: Rgb888::new(0xad, 0xb0, 0xb1),
    text_quiet: Rgb888::new(0x93, 0x9e, 0xa8),
    calm: Rgb888::new(0x4e, 0xb3, 0x95),
    busy: Rgb888::new(0x69, 0xa8, 0xdb),
    attention: Rgb888::new(0xd2, 0x97, 0x3e),
    unknown: Rgb888::new(0xa9, 0x9b, 0xc7),
    broken: Rgb888::new(0xe4, 0x89, 0x7f),
    picture_percent: 60,
};

impl Palette {
    /// The accent of a page.
    #[must_use]
    pub fn accent(&self, page: &Page) -> Rgb888 {
        match page {
            Page::Ready | Page::NotFlagged => self.calm,
            Page::Receiving | Page::Analysing | Page::Updating | Page::Setup => self.busy,
            // Not the calm one: it is still no negative result.
            Page::Flagged { is_acknowledged: true, .. } => self.busy,
            Page::Flagged { .. } | Page::Alert | Page::Hot | Page::UpdateFailed => self.attention,
            Page::NotAssessable | Page::ClockBad => self.unknown,
            Page::Undelivered | Page::DiskLow | Page::SelfTestFailed | Page::Fault => self.broken,
            Page::Starting | Page::Stopping | Page::Stopped => self.text_quiet,
        }
    }
}

/// Relative luminance, WCAG 2.2.
fn luminance(color: Rgb888) -> f64 {
    let linear = |byte: u8| {
        let value = f64::from(byte) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

/// Contrast of two colours, WCAG 2.2: 1 to 21.
#[must_use]
pub fn contrast(a: Rgb888, b: Rgb888) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_at_least_seven_by_day_and_night() {
        assert!((contrast(Rgb888::BLACK, Rgb888::WHITE) - 21.0).abs() < 1e-9);
        for palette in [&DAY, &NIGHT] {
            let Palette {
                text, text_quiet, contour, calm, busy, attention, unknown, broken, ..
            } = palette;
            for ink in [text, text_quiet, contour, calm, busy, attention, unknown, broken] {
                for ground in [palette.ground, palette.panel] {
                    let ratio = contrast(*ink, ground);
                    assert!(ratio >= 7.0, "{ink:?} on {ground:?}: {ratio:.1}");
                }
            }
        }
    }

    #[test]
    fn the_night_has_less_than_half_the_light() {
        assert!(luminance(NIGHT.text) < luminance(DAY.text) / 2.0);
        assert!(luminance(NIGHT.ground) < luminance(DAY.ground) / 2.0);
    }
}
