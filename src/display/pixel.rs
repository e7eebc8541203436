//! A picture into a framebuffer's bytes: any layout of 16, 24 or 32 bits. Pure, so that it is tested
//! without a device.

use embedded_graphics::geometry::{OriginDimensions, Point};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;

/// Where a colour's bits stand in a pixel (`struct fb_bitfield`, Linux `linux/fb.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// Lowest bit.
    pub offset: u32,
    /// How many, 1..=8.
    pub length: u32,
}

impl Bits {
    fn place(self, channel: u8) -> u32 {
        (u32::from(channel) >> (8 - self.length)) << self.offset
    }
}

/// How a framebuffer lays out its pixels; little endian, as every board here is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelLayout {
    /// 2, 3 or 4.
    pub n_bytes: usize,
    /// Red.
    pub red: Bits,
    /// Green.
    pub green: Bits,
    /// Blue.
    pub blue: Bits,
    /// Opacity, where the hardware has one: set to full.
    pub alpha: Option<Bits>,
}

impl PixelLayout {
    /// 32 bits, blue lowest, the highest byte unused.
    pub const XRGB8888: Self = Self {
        n_bytes: 4,
        red: Bits { offset: 16, length: 8 },
        green: Bits { offset: 8, length: 8 },
        blue: Bits { offset: 0, length: 8 },
        alpha: None,
    };
    /// 16 bits, blue lowest.
    pub const RGB565: Self = Self {
        n_bytes: 2,
        red: Bits { offset: 11, length: 5 },
        green: Bits { offset: 5, length: 6 },
        blue: Bits { offset: 0, length: 5 },
        alpha: None,
    };

    /// A layout that [`pack`] can write, or nothing.
    #[must_use]
    pub fn new(bits_per_pixel: u32, rgb: [Bits; 3], alpha: Option<Bits>) -> Option<Self> {
        let n_bytes = match bits_per_pixel {
            16 => 2,
            24 => 3,
            32 => 4,
            _ => return None,
        };
        let fits = |bits: Bits| {
            (1..=8).contains(&bits.length)
                && bits.offset.checked_add(bits.length).is_some_and(|end| end <= bits_per_pixel)
        };
        let [red, green, blue] = rgb;
        let alpha = alpha.filter(|bits| bits.length > 0);
        (rgb.into_iter().chain(alpha).all(fits)).then_some(Self {
            n_bytes,
            red,
            green,
            blue,
            alpha,
        })
    }

    /// The first [`PixelLayout::n_bytes`] bytes are the pixel.
    fn bytes(&self, color: Rgb888) -> [u8; 4] {
        let opaque = self.alpha.map_or(0, |alpha| alpha.place(u8::MAX));
        let word = self.red.place(color.r())
            | self.green.place(color.g())
            | self.blue.place(color.b())
            | opaque;
        word.to_le_bytes()
    }
}

/// Writes an area of the picture into `memory`, whose rows start `stride` bytes apart. Says whether picture and
/// area fit; where they do not, nothing is written.
pub fn pack(
    canvas: &Canvas,
    layout: &PixelLayout,
    stride: usize,
    memory: &mut [u8],
    area: Rectangle,
) -> bool {
    let size = canvas.size();
    let row_bytes = size.width as usize * layout.n_bytes;
    let n_rows = size.height as usize;
    let end = n_rows.saturating_sub(1).saturating_mul(stride).saturating_add(row_bytes);
    let is_inside = area.intersection(&Rectangle::new(Point::zero(), size)) == area;
    if row_bytes > stride || end > memory.len() || !is_inside {
        return false;
    }
    let number = |value: i32| usize::try_from(value).unwrap_or(0);
    let (left, top) = (number(area.top_left.x), number(area.top_left.y));
    let (width, height) = (area.size.width as usize, area.size.height as usize);
    if width == 0 || row_bytes == 0 {
        return true;
    }
    for (row, line) in canvas.rows().zip(memory.chunks_mut(stride)).skip(top).take(height) {
        let bytes = line[left * layout.n_bytes..].chunks_exact_mut(layout.n_bytes);
        for (&color, bytes) in row[left..left + width].iter().zip(bytes) {
            bytes.copy_from_slice(&layout.bytes(color)[..layout.n_bytes]);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::Size;
    use proptest::prelude::*;

    use super::*;

    const fn bits(offset: u32, length: u32) -> Bits {
        Bits { offset, length }
    }

    fn rgb565() -> PixelLayout {
        PixelLayout::RGB565
    }

    fn xrgb8888() -> PixelLayout {
        PixelLayout::XRGB8888
    }

    fn whole(canvas: &Canvas) -> Rectangle {
        Rectangle::new(Point::zero(), canvas.size())
    }

    #[test]
    fn a_color_lands_in_its_bits() {
        let check = |layout: Option<PixelLayout>, color: (u8, u8, u8), bytes: &[u8]| {
            let layout = layout.unwrap();
            let color = Rgb888::new(color.0, color.1, color.2);
            assert_eq!(&layout.bytes(color)[..layout.n_bytes], bytes);
        };
        check(Some(rgb565()), (255, 0, 0), &[0x00, 0xf8]);
        check(Some(rgb565()), (0, 255, 0), &[0xe0, 0x07]);
        check(Some(rgb565()), (0, 0, 255), &[0x1f, 0x00]);
        check(Some(xrgb8888()), (1, 2, 3), &[3, 2, 1, 0]);
        let bgr24 = PixelLayout::new(24, [bits(0, 8), bits(8, 8), bits(16, 8)], None);
        check(bgr24, (1, 2, 3), &[1, 2, 3]);
        let argb = PixelLayout::new(32, [bits(16, 8), bits(8, 8), bits(0, 8)], Some(bits(24, 8)));
        check(argb, (1, 2, 3), &[3, 2, 1, 255]);
        let no_alpha =
            PixelLayout::new(32, [bits(16, 8), bits(8, 8), bits(0, 8)], Some(bits(0, 0)));
        check(no_alpha, (1, 2, 3), &[3, 2, 1, 0]);
    }

    #[test]
    fn impossible_layouts_are_refused() {
        let rgb = [bits(16, 8), bits(8, 8), bits(0, 8)];
        assert_eq!(PixelLayout::new(8, rgb, None), None);
        assert_eq!(PixelLayout::new(16, rgb, None), None);
        assert_eq!(PixelLayout::new(32, [bits(30, 8), rgb[1], rgb[2]], None), None);
        assert_eq!(PixelLayout::new(32, [bits(u32::MAX, 8), rgb[1], rgb[2]], None), None);
        assert_eq!(PixelLayout::new(32, [bits(0, 0), rgb[1], rgb[2]], None), None);
    }

    #[test]
    fn the_padding_of_a_row_is_left_alone() {
        let mut canvas = Canvas::new(Size::new(2, 2), Rgb888::new(255, 255, 255));
        canvas.blend(Point::new(1, 1), Rgb888::new(0, 0, 0), 255);
        let mut memory = [7; 5 + 4];
        assert!(pack(&canvas, &rgb565(), 5, &mut memory, whole(&canvas)));
        assert_eq!(memory, [255, 255, 255, 255, 7, 255, 255, 0, 0]);
    }

    #[test]
    fn only_the_area_is_written() {
        let canvas = Canvas::new(Size::new(4, 3), Rgb888::new(255, 255, 255));
        let area = Rectangle::new(Point::new(1, 1), Size::new(2, 1));
        let mut memory = [0; 8 * 3];
        assert!(pack(&canvas, &rgb565(), 8, &mut memory, area));
        let written: Vec<_> = (0..24).filter(|&at| memory[at] != 0).collect();
        assert_eq!(written, [10, 11, 12, 13]);
        let outside = Rectangle::new(Point::new(3, 1), Size::new(2, 1));
        assert!(!pack(&canvas, &rgb565(), 8, &mut memory, outside));
    }

    proptest! {
        #[test]
        fn memory_of_any_size_is_safe(
            width in 0_u32..9, height in 0_u32..9, stride in 0_usize..40, length in 0_usize..400,
        ) {
            let canvas = Canvas::new(Size::new(width, height), Rgb888::new(1, 2, 3));
            let mut memory = vec![9; length];
            let fits = pack(&canvas, &xrgb8888(), stride, &mut memory, whole(&canvas));
            let n_written = memory.iter().filter(|&&byte| byte != 9).count();
            prop_assert_eq!(n_written, if fits { (width * height * 4) as usize } else { 0 });
        }
    }
}
