//! `parotidd render`: pictures of the display's views, as files or on a panel.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use embedded_graphics::geometry::Size;

use crate::display::canvas::Canvas;
use crate::display::headless::write_png;
use crate::display::panel::{Panel, Rotation, Target};
use crate::display::sheet::sheet;
use crate::display::strings::Language;
use crate::display::view::View;
use crate::display::{is_drawable, render, samples, theme};
use crate::limits::{PICTURE_HEIGHT_MIN, PICTURE_SIDE_MAX, PICTURE_WIDTH_MIN};

/// Draw a view of the display with invented content, as a PNG or on a panel
///
/// For documents, to see what a display of another size will show, and to try a panel:
///   parotidd render flagged_left --backend drm --hold 30
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RenderArgs {
    /// Which view
    #[arg(
        value_parser = PossibleValuesParser::new(samples::names()),
        required_unless_present_any = ["all", "sheet"],
        conflicts_with_all = ["all", "sheet"]
    )]
    view: Option<String>,
    /// Draw every view; --out is then a folder
    #[arg(long, conflicts_with_all = ["sheet", "backend"])]
    all: bool,
    /// Draw every view on one picture
    #[arg(long, conflicts_with = "backend")]
    sheet: bool,
    /// PNG to write
    #[arg(long, value_name = "PNG", required_unless_present = "backend")]
    out: Option<PathBuf>,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "800x480", value_parser = size)]
    size: Size,
    /// Language of the words
    #[arg(long, value_name = "CODE", default_value = "en", value_parser = language)]
    language: Language,
    /// The darker colours of the night
    #[arg(long)]
    night: bool,
    /// Show it on a panel instead, in the panel's size
    #[arg(long, value_enum, conflicts_with_all = ["out", "size"])]
    backend: Option<PanelBackend>,
    /// Such as /dev/dri/card0 or /dev/fb0; the first where it is left out
    #[arg(long, value_name = "PATH", requires = "backend")]
    device: Option<PathBuf>,
    /// Such as HDMI-A-1; the first with a panel where it is left out
    #[arg(long, value_name = "NAME", requires = "backend")]
    connector: Option<String>,
    /// Turn the picture clockwise: 0, 90, 180 or 270
    #[arg(long, value_name = "DEGREES", default_value = "0", value_parser = rotation)]
    rotate: Rotation,
    /// Keep it on the panel for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "backend")]
    hold: u64,
}

/// What drives the panel.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PanelBackend {
    Drm,
    Framebuffer,
}

/// Runs the command.
///
/// # Errors
/// When a picture cannot be written or shown.
pub fn run(args: &RenderArgs) -> Result<()> {
    let sample = |name: &String| samples::view(name, args.language).expect("clap knows the names");
    match (&args.view, &args.out) {
        (Some(name), None) => show(&sample(name), args),
        (Some(name), Some(out)) => write(&draw(&sample(name), args.size, args), out, args),
        (None, Some(out)) if args.sheet => write(&sheet(args.language), out, args),
        (None, Some(out)) => {
            fs::create_dir_all(out)
                .with_context(|| format!("could not create `{}`", out.display()))?;
            samples::views(args.language).iter().try_for_each(|(name, view)| {
                write(&draw(view, args.size, args), &out.join(format!("{name}.png")), args)
            })
        }
        (None, None) => Ok(()),
    }
}

fn draw(view: &View, size: Size, args: &RenderArgs) -> Canvas {
    let palette = if args.night { &theme::NIGHT } else { &theme::DAY };
    render(view, size, palette)
}

fn write(canvas: &Canvas, path: &Path, args: &RenderArgs) -> Result<()> {
    write_png(&canvas.clone().rotated(args.rotate), path)
        .with_context(|| format!("could not write `{}`", path.display()))
}

/// Puts a view on a panel, says what it is, and takes it down again.
fn show(view: &View, args: &RenderArgs) -> Result<()> {
    let (device, connector) = (args.device.clone(), args.connector.clone());
    let target = match args.backend {
        Some(PanelBackend::Framebuffer) => {
            Target::Framebuffer { device: device.unwrap_or_else(|| PathBuf::from("/dev/fb0")) }
        }
        Some(PanelBackend::Drm) | None => Target::Drm { device, connector },
    };
    let mut panel = Panel::new(target, args.rotate);
    let mut shown = Size::zero();
    panel
        .show(|size| {
            shown = size;
            draw(view, size, args)
        })
        .context("could not show the picture")?;
    eprintln!("parotidd: {}x{} is up for {} s", shown.width, shown.height, args.hold);
    thread::sleep(Duration::from_secs(args.hold));
    Ok(())
}

fn rotation(text: &str) -> Result<Rotation, String> {
    text.parse::<u16>().map_err(|_| "use 0, 90, 180 or 270".to_owned())?.try_into()
}

/// A language by its code.
fn language(text: &str) -> Result<Language, String> {
    let known = Language::ALL.iter().copied();
    known.clone().find(|language| language.code() == text).ok_or_else(|| {
        format!("use one of {}", known.map(Language::code).collect::<Vec<_>>().join(", "))
    })
}

/// `WxH` in pixels, within what the views are made for.
fn size(text: &str) -> Result<Size, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let Some((width, height)) = sides else { return Err("write it as 800x480".to_owned()) };
    let size = Size::new(width, height);
    is_drawable(size).then_some(size).ok_or_else(|| {
        format!(
            "from {PICTURE_WIDTH_MIN}x{PICTURE_HEIGHT_MIN}, or upright, to \
             {PICTURE_SIDE_MAX}x{PICTURE_SIDE_MAX}"
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
        check("240x320", Some((240, 320)));
        check("2048x2048", Some((2048, 2048)));
        check("319x240", None);
        check("320x239", None);
        check("239x320", None);
        check("2049x480", None);
        check("800", None);
        check("-800x480", None);
        check("800x480x2", None);
    }

    #[test]
    fn languages_and_angles_are_known_or_refused() {
        assert_eq!(language("fr"), Ok(Language::Fr));
        assert!(language("it").unwrap_err().contains("en, de, fr, es"));
        assert_eq!(rotation("90"), Ok(Rotation::Clockwise90));
        assert!(rotation("45").is_err() && rotation("up").is_err());
    }
}
