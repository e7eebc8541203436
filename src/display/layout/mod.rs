//! `View` to `Scene`: where each thing stands, for any size from 320x240 and upright from 240x320. Still no pixels.
//!
//! ```text
//! +--------------------------------------------+ accent band    +----------------+
//! |  art      headline                         |                |      art       |
//! |           lead, measure, detail            | hero           |    headline    |
//! |  [figure] [figure] [figure]   or   steps   | strip          |  lead, detail  |
//! |  destinations, worklist       or progress  | row            | figure         |
//! |  ! notice                                  |                | figure         |
//! +--------------------------------------------+ hairline       |  ! notice      |
//! |  disclaimer                       versions | footer         +----------------+
//! +--------------------------------------------+                |   disclaimer   |
//! ```
//! A strip, a row and a notice stand there where the view has them; the hero takes what is left.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

mod hero;
mod plan;
mod rows;

use std::sync::Arc;

use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use self::plan::Plan;
use crate::display::text::Font;
use crate::display::theme::Palette;
use crate::display::view::View;
use crate::status::KeySlice;
use crate::units::Side;

/// Everything on one picture, in drawing order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Picture size.
    pub size: Size,
    /// The colours it is made of.
    pub palette: &'static Palette,
    /// What to draw.
    pub items: Vec<Item>,
    /// Whether every word found room.
    pub is_whole: bool,
}

/// One thing on the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A line of text in its box.
    Text(Label),
    /// A filled box with round corners.
    Panel {
        /// Where.
        area: Rectangle,
        /// Corner radius, pixels.
        radius: u32,
        /// Fill.
        color: Rgb888,
    },
    /// A drawn sign.
    Sign {
        /// Where; signs are square.
        area: Rectangle,
        /// Which.
        sign: Sign,
        /// Ink.
        color: Rgb888,
    },
    /// A head seen from the front: the patient's right is on the left.
    Head {
        /// Where; as high as wide.
        area: Rectangle,
        /// Sides to mark.
        sides: Vec<Side>,
        /// Ink of the marks.
        color: Rgb888,
    },
    /// A part of an axial plane with the outline of a mass.
    KeySlice {
        /// Where; as high as wide.
        area: Rectangle,
        /// The picture.
        picture: Arc<KeySlice>,
        /// Ink of the outline.
        color: Rgb888,
    },
}

/// A line of text in its box, centred in its height.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The box.
    pub area: Rectangle,
    /// The line.
    pub text: String,
    /// Size and weight.
    pub font: Font,
    /// Ink.
    pub color: Rgb888,
    /// What is under it.
    pub ground: Rgb888,
    /// Where in the box's width.
    pub align: Align,
}

/// Where a line stands in its box's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Align {
    Left,
    Center,
    Right,
}

/// The signs: a different shape for each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say what is drawn")]
pub enum Sign {
    Dots,
    Disc,
    ArrowDown,
    Magnifier,
    Check,
    Question,
    Bell,
    Envelope,
    Disk,
    Clock,
    Thermometer,
    Arrows,
    Key,
    Pause,
    Stop,
    Warning,
    StepDone,
    StepCurrent,
    StepPending,
}

impl Scene {
    /// Lays a view out.
    #[must_use]
    pub fn new(view: &View, size: Size, palette: &'static Palette) -> Self {
        let mut plan = Plan::new(size, palette, palette.accent(&view.page));
        plan.frame(view);
        if let Some(notice) = &view.notice {
            plan.notice(notice);
        }
        if !view.links.is_empty() {
            plan.links(&view.links);
        }
        if let Some(steps) = &view.steps {
            plan.steps(steps);
        }
        if !view.figures.is_empty() {
            plan.figures(&view.figures);
        }
        if let Some(progress) = &view.progress {
            plan.progress(progress);
        }
        plan.hero(view);
        Self { size, palette, items: plan.items, is_whole: plan.is_whole }
    }
}
