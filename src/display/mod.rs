//! `Status` to pixels: view, theme, and the backends that show them.

pub mod ambience;
pub mod backend;
pub mod canvas;
pub mod changes;
mod ct_plane;
pub mod draw;
pub mod drm;
pub mod drm_choice;
pub mod framebuffer;
mod head;
pub mod headless;
pub mod key_image;
pub mod key_slice;
pub mod layout;
pub mod panel;
pub mod patient;
mod pen;
pub mod pixel;
pub mod samples;
pub mod sheet;
mod sign;
pub mod strings;
pub mod task;
pub mod text;
pub mod theme;
pub mod view;

use embedded_graphics::geometry::Size;

use crate::display::canvas::Canvas;
use crate::display::layout::Scene;
use crate::display::theme::Palette;
use crate::display::view::View;
use crate::limits::is_picture;

/// The sizes every view is designed and tested for.
pub const SIZES: [Size; 8] = [
    Size::new(320, 240),
    Size::new(480, 320),
    Size::new(800, 480),
    Size::new(1024, 600),
    Size::new(240, 320),
    Size::new(320, 480),
    Size::new(480, 800),
    Size::new(600, 1024),
];

/// The picture of a view by day.
#[must_use]
pub fn render_view(view: &View, size: Size) -> Canvas {
    render(view, size, &theme::DAY)
}

/// The picture of a view.
#[must_use]
pub fn render(view: &View, size: Size, palette: &'static Palette) -> Canvas {
    draw::draw(&Scene::new(view, size, palette))
}

/// Whether pictures of a size can be drawn and read.
#[must_use]
pub fn is_drawable(size: Size) -> bool {
    is_picture(size.width, size.height)
}
