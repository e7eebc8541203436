//! The picture of one gland for the radiologist: where, how large, how sure of which side.
//!
//! ```text
//!  +----------------------+-----------+
//!  | R   whole axial    L |  gland,   |
//!  |     slice, outline   |  outline  |
//!  |     and the frame of +-----------+
//!  |     the close-up     |  gland,   |
//!  |  5 cm ---            |  bare     |
//!  +----------------------+-----------+
//!  | side, volume, diameter           |
//!  | versions          NOT FOR ..     |
//!  +----------------------------------+
//! ```
//! Holds no patient data. The bare close-up lets the reader judge what the outline would hide.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{Line, Primitive, PrimitiveStyle, Rectangle};

use crate::display::canvas::Canvas;
use crate::display::ct_plane::{Pane, WINDOW_HU, body_center};
use crate::display::text::{Font, NO_BREAK_SPACE};
use crate::display::theme::DAY;
use crate::imaging::{PatientPoint, Volume};
use crate::screening::report::GlandReport;
use crate::screening::{Decision, Outline, ScreeningReport};
use crate::units::{Hounsfield, Side};

/// Side of the whole slice, pixels and millimetres.
const WHOLE_PX: u32 = 640;
const WHOLE_MM: f64 = 240.0;
/// Side of a close-up, pixels and millimetres: the segmenter's crop and a little around it.
const CLOSE_PX: u32 = 319;
const CLOSE_MM: f64 = 80.0;
/// Between the panes.
const GAP: i32 = 2;
const CAPTION_PX: u32 = 104;
const PICTURE: Size = Size::new(WHOLE_PX + CLOSE_PX + GAP as u32, WHOLE_PX + CAPTION_PX);
const MARGIN: i32 = 14;

/// The line around a mass: on gray, and on the glare of teeth.
const CONTOUR: Rgb888 = Rgb888::new(0xff, 0xd5, 0x2e);
/// Width of that line, pixels.
const CONTOUR_PX: f32 = 1.6;
/// Marks on the CT.
const MARK: Rgb888 = DAY.text;

/// The picture of one gland; `None` where it was not found.
///
/// `outlines` are those of the report's kept candidates, of both sides.
#[must_use]
pub fn key_image(
    volume: &Volume<Hounsfield>,
    report: &ScreeningReport,
    outlines: &[Outline],
    side: Side,
) -> Option<Canvas> {
    let gland = report.glands.iter().find(|gland| gland.side == side)?;
    let largest = outlines.iter().find(|outline| outline.side == side);
    let center = largest.map(|outline| outline.center).or(gland.center_mm)?;
    let center = on_slice(volume, center);
    let [whole, close, bare] = panes(volume, center);
    let mut canvas = Canvas::new(PICTURE, Rgb888::BLACK);
    // What the panes leave free of it are the lines between them.
    let panes_area = Rectangle::new(Point::zero(), Size::new(PICTURE.width, WHOLE_PX));
    // A canvas cannot fail: its error has no value.
    let _ = canvas.fill_solid(&panes_area, DAY.outline);
    for pane in [whole, close, bare] {
        pane.draw_ct(&mut canvas, volume);
    }
    for pane in [whole, close] {
        for outline in outlines {
            pane.draw_contour(&mut canvas, &outline.mask, CONTOUR, CONTOUR_PX);
        }
    }
    frame_of_close_up(&mut canvas, whole, close);
    for (pane, bar_mm, label) in [(whole, 50.0, "5\u{a0}cm"), (close, 20.0, "2\u{a0}cm")] {
        side_marks(&mut canvas, pane);
        scale_bar(&mut canvas, pane, bar_mm, label);
    }
    caption(&mut canvas, report, gland, center);
    Some(canvas)
}

/// The same place in the nearest slice that was scanned: between two there is only a mixture.
fn on_slice(volume: &Volume<Hounsfield>, at: PatientPoint) -> PatientPoint {
    let [slice, row, column] = volume.geometry().to_index(at);
    PatientPoint { z: volume.geometry().to_patient([slice.round(), row, column]).z, ..at }
}

fn panes(volume: &Volume<Hounsfield>, center: PatientPoint) -> [Pane; 3] {
    let body = body_center(volume, center);
    // All of the close-up stays within the whole slice, however the patient lies.
    let slack = (WHOLE_MM - CLOSE_MM) / 2.0;
    let whole_center = PatientPoint {
        x: body.x.clamp(center.x - slack, center.x + slack),
        y: body.y.clamp(center.y - slack, center.y + slack),
        z: center.z,
    };
    let pane = |left: i32, top: i32, side: u32, center: PatientPoint, mm: f64| Pane {
        area: Rectangle::new(Point::new(left, top), Size::new_equal(side)),
        center,
        mm_per_px: mm / f64::from(side),
    };
    let left = WHOLE_PX as i32 + GAP;
    [
        pane(0, 0, WHOLE_PX, whole_center, WHOLE_MM),
        pane(left, 0, CLOSE_PX, center, CLOSE_MM),
        pane(left, CLOSE_PX as i32 + GAP, CLOSE_PX, center, CLOSE_MM),
    ]
}

/// Corners in the whole slice around what the close-up shows.
fn frame_of_close_up(canvas: &mut Canvas, whole: Pane, close: Pane) {
    const ARM: i32 = 12;
    let half = CLOSE_MM / 2.0;
    let corner = |x: f64, y: f64| {
        let at = PatientPoint { x: close.center.x + x, y: close.center.y + y, ..close.center };
        whole.to_picture(at)
    };
    for (sx, sy) in [(-1, -1), (1, -1), (-1, 1), (1, 1)] {
        let at = corner(half * f64::from(sx), half * f64::from(sy));
        line(canvas, at, at - Point::new(sx * ARM, 0), DAY.text_quiet);
        line(canvas, at, at - Point::new(0, sy * ARM), DAY.text_quiet);
    }
}

fn side_marks(canvas: &mut Canvas, pane: Pane) {
    let font = Font::bold(15.0);
    let top_left = pane.area.top_left;
    let y = top_left.y + pane.area.size.height as i32 / 2;
    let right_end = top_left.x + pane.area.size.width as i32 - 8;
    shaded(canvas, font, "R", Point::new(top_left.x + 8, y));
    shaded(canvas, font, "L", Point::new(right_end - font.width("L") as i32, y));
}

/// A bar with end ticks at the lower left.
fn scale_bar(canvas: &mut Canvas, pane: Pane, mm: f64, label: &str) {
    const TICK: i32 = 4;
    let length = (mm / pane.mm_per_px).round() as i32;
    let bottom = pane.area.top_left.y + pane.area.size.height as i32 - MARGIN;
    let start = Point::new(pane.area.top_left.x + MARGIN, bottom);
    let end = start + Point::new(length, 0);
    for (offset, color) in [(Point::new(1, 1), Rgb888::BLACK), (Point::zero(), MARK)] {
        line(canvas, start + offset, end + offset, color);
        for at in [start + offset, end + offset] {
            line(canvas, at - Point::new(0, TICK), at + Point::new(0, TICK), color);
        }
    }
    shaded(canvas, Font::regular(11.0), label, start - Point::new(0, 10));
}

fn line(canvas: &mut Canvas, from: Point, to: Point, color: Rgb888) {
    // A canvas cannot fail: its error has no value.
    let _ = Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(color, 1)).draw(canvas);
}

/// Text that can be read on bone as on air.
fn shaded(canvas: &mut Canvas, font: Font, text: &str, at: Point) {
    for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)] {
        font.draw(canvas, text, at + Point::new(dx, dy), Rgb888::BLACK);
    }
    font.draw(canvas, text, at, MARK);
}

fn caption(
    canvas: &mut Canvas,
    report: &ScreeningReport,
    gland: &GlandReport,
    center: PatientPoint,
) {
    let headline = Font::bold(17.0);
    let quiet = Font::regular(10.5);
    let color = if gland.decision == Decision::Flagged { CONTOUR } else { DAY.text };
    let (window_center, window_width) = WINDOW_HU;
    let place = format!(
        "axial, z {:.1}{NO_BREAK_SPACE}mm   C {window_center:.0}  W {window_width:.0}",
        center.z
    );
    let models = &report.models;
    let [localizer, segmenter] =
        [&models.localizer, &models.segmenter].map(|it| format!("{} {}", it.name, it.version));
    let versions = format!(
        "parotidd {}   {localizer}   {segmenter}   decision {}",
        report.software_version, models.decision.version,
    );
    let notice = report.notice.to_uppercase();
    at_left(canvas, headline, &self::headline(report, gland), 33, color);
    at_left(canvas, quiet, &second_line(report, gland), 59, DAY.text_quiet);
    at_right(canvas, quiet, &place, 59, DAY.text_quiet);
    at_left(canvas, quiet, &versions, 84, DAY.text_quiet);
    at_right(canvas, Font::bold(12.0), &notice, 85, DAY.text);
}

/// A line of the caption; `y` is its baseline's.
fn at_left(canvas: &mut Canvas, font: Font, text: &str, y: i32, color: Rgb888) {
    font.draw(canvas, text, Point::new(MARGIN, WHOLE_PX as i32 + y), color);
}

fn at_right(canvas: &mut Canvas, font: Font, text: &str, y: i32, color: Rgb888) {
    let x = PICTURE.width as i32 - MARGIN - font.width(text) as i32;
    font.draw(canvas, text, Point::new(x, WHOLE_PX as i32 + y), color);
}

fn headline(report: &ScreeningReport, gland: &GlandReport) -> String {
    let name = match gland.side {
        Side::Right => "Right parotid gland",
        Side::Left => "Left parotid gland",
    };
    let largest = report.candidates.iter().find(|it| it.kept && it.side == gland.side);
    match (largest, gland.reason) {
        (Some(mass), _) => format!(
            "{name}: possible mass, {:.1}{NO_BREAK_SPACE}cm³, longest diameter {:.0}{NO_BREAK_SPACE}mm",
            mass.volume_cm3.0, mass.longest_diameter_mm.0
        ),
        (None, Some(_)) => format!("{name}: not assessable"),
        (None, None) => format!("{name}: no mass outlined"),
    }
}

/// What else there is to know.
fn second_line(report: &ScreeningReport, gland: &GlandReport) -> String {
    let kept: Vec<_> =
        report.candidates.iter().filter(|it| it.kept && it.side == gland.side).collect();
    let min = report.models.decision.tumor_voxels_min.to_cubic_centimeters().0;
    match (kept[..].split_first(), gland.reason) {
        (Some((mass, others)), reason) => {
            let others = match others.len() {
                0 => String::new(),
                1 => ", largest of 2 masses on this side".to_owned(),
                n => format!(", largest of {} masses on this side", n + 1),
            };
            let cut = if reason.is_some() { ", gland not seen whole" } else { "" };
            format!("mean {:.0} HU, score {:.2}{others}{cut}", mass.mean_hu, gland.score)
        }
        (None, Some(reason)) => reason.sentence().to_owned(),
        (None, None) => format!("nothing of {min:.1} cm³ or more, score {:.2}", gland.score),
    }
}
