//! `Status` to pixels: view, theme, and the backends that show them.

pub mod backend;
pub mod canvas;
mod ct_plane;
pub mod draw;
pub mod framebuffer;
mod head;
pub mod headless;
pub mod key_image;
pub mod layout;
mod pen;
pub mod pixel;
pub mod samples;
mod sign;
pub mod strings;
pub mod task;
pub mod text;
pub mod theme;
pub mod view;

use embedded_graphics::geometry::Size;

use crate::display::canvas::Canvas;
use crate::display::layout::Scene;
use crate::display::view::View;

/// The sizes every view is designed and tested for.
pub const SIZES: [Size; 4] =
    [Size::new(320, 240), Size::new(480, 320), Size::new(800, 480), Size::new(1024, 600)];

/// The picture of a view.
#[must_use]
pub fn render_view(view: &View, size: Size) -> Canvas {
    draw::draw(&Scene::new(view, size))
}
