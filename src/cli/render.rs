//! `parotidd render`: pictures of the display's views.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use embedded_graphics::geometry::Size;

use crate::display::headless::write_png;
use crate::display::view::View;
use crate::display::{render_view, samples};
use crate::limits::{PICTURE_HEIGHT_MIN, PICTURE_SIDE_MAX, PICTURE_WIDTH_MIN};

/// Draw a view of the display as a PNG, with invented content
///
/// For documents, and to see what a display of another size will show.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RenderArgs {
    /// Which view
    #[arg(value_parser = PossibleValuesParser::new(samples::names()), required_unless_present = "all")]
    view: Option<String>,
    /// Draw every view; --out is then a folder
    #[arg(long, conflicts_with = "view")]
    all: bool,
    /// PNG to write
    #[arg(long, value_name = "PNG")]
    out: PathBuf,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "800x480", value_parser = size)]
    size: Size,
}

/// Runs the command.
///
/// # Errors
/// When a picture cannot be written.
pub fn run(args: &RenderArgs) -> Result<()> {
    match &args.view {
        Some(name) => {
            let view = samples::view(name).expect("clap knows the names");
            write(&view, args.size, &args.out)
        }
        None => {
            fs::create_dir_all(&args.out)
                .with_context(|| format!("could not create `{}`", args.out.display()))?;
            samples::views().iter().try_for_each(|(name, view)| {
                write(view, args.size, &args.out.join(format!("{name}.png")))
            })
        }
    }
}

fn write(view: &View, size: Size, path: &Path) -> Result<()> {
    write_png(&render_view(view, size), path)
        .with_context(|| format!("could not write `{}`", path.display()))
}

/// `WxH` in pixels, within what the views are made for.
fn size(text: &str) -> Result<Size, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let Some((width, height)) = sides else { return Err("write it as 800x480".to_owned()) };
    let good = (PICTURE_WIDTH_MIN..=PICTURE_SIDE_MAX).contains(&width)
        && (PICTURE_HEIGHT_MIN..=PICTURE_SIDE_MAX).contains(&height);
    good.then_some(Size::new(width, height)).ok_or_else(|| {
        format!(
            "from {PICTURE_WIDTH_MIN}x{PICTURE_HEIGHT_MIN} to {PICTURE_SIDE_MAX}x{PICTURE_SIDE_MAX}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers_within_limits() {
        let check = |text, expected: Option<(u32, u32)>| {
            assert_eq!(size(text).ok(), expected.map(|(w, h)| Size::new(w, h)), "{text}");
        };
        check("800x480", Some((800, 480)));
        check("320x240", Some((320, 240)));
        check("2048x2048", Some((2048, 2048)));
        check("319x240", None);
        check("320x239", None);
        check("2049x480", None);
        check("800", None);
        check("-800x480", None);
        check("800x480x2", None);
    }
}
