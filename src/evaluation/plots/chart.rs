//! Two axes and what is drawn between them, in the figures' own units.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::sheet::{Area, DrawError, FAINT_INK, FONT, GRID, INK};
use crate::evaluation::statistics::Interval;

type Context<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

pub(super) struct Chart<'a, 'b> {
    context: Context<'a, 'b>,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl<'a, 'b> Chart<'a, 'b> {
    /// Axes with a faint grid.
    pub(super) fn new(area: &'a Area<'b>, x: Axis, y: Axis) -> Result<Self, DrawError> {
        let mut context = ChartBuilder::on(area)
            .margin_top(6)
            .margin_right(10)
            .x_label_area_size(46)
            .y_label_area_size(58)
            .build_cartesian_2d(x.clone(), y.clone())?;
        context
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT_INK)
            .label_style((FONT, 13).into_font().color(&INK))
            .axis_desc_style((FONT, 14).into_font().color(&INK))
            .x_desc(&x.label)
            .y_desc(&y.label)
            .draw()?;
        Ok(Self { context, x, y })
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    fn stroke(
        &mut self,
        points: impl IntoIterator<Item = (f64, f64)>,
        color: RGBColor,
        width: u32,
    ) -> Result<(), DrawError> {
        self.context.draw_series(LineSeries::new(points, color.stroke_width(width)))?;
        Ok(())
    }

    fn dash(&mut self, ends: [(f64, f64); 2], color: RGBColor) -> Result<(), DrawError> {
        self.context.draw_series(DashedLineSeries::new(ends, 6, 4, color.stroke_width(1)))?;
        Ok(())
    }

    /// The ends of a line across the whole chart.
    fn across(&self, y: f64) -> [(f64, f64); 2] {
        [(self.x.low(), self.y.at(y)), (self.x.high(), self.y.at(y))]
    }

    pub(super) fn line(
        &mut self,
        points: &[(f64, f64)],
        color: RGBColor,
        width: u32,
    ) -> Result<(), DrawError> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        self.stroke(points, color, width)
    }

    pub(super) fn dashes(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.dash([from, to].map(|end| self.at(end)), color)
    }

    /// Across the whole chart.
    pub(super) fn dashes_across(&mut self, y: f64, color: RGBColor) -> Result<(), DrawError> {
        self.dash(self.across(y), color)
    }

    /// From bottom to top.
    pub(super) fn dashes_up(&mut self, x: f64, color: RGBColor) -> Result<(), DrawError> {
        let x = self.x.at(x);
        self.dash([(x, self.y.low()), (x, self.y.high())], color)
    }

    /// Across the whole chart.
    pub(super) fn line_across(&mut self, y: f64, color: RGBColor) -> Result<(), DrawError> {
        self.stroke(self.across(y), color, 2)
    }

    /// Between two values across the whole chart.
    pub(super) fn band_across(&mut self, y: Interval, color: RGBColor) -> Result<(), DrawError> {
        let corners = [(self.x.low(), self.y.at(y.low)), (self.x.high(), self.y.at(y.high))];
        self.context.draw_series([Rectangle::new(corners, color.mix(0.12).filled())])?;
        Ok(())
    }

    pub(super) fn rectangle(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
        opacity: f64,
    ) -> Result<(), DrawError> {
        let corners = [self.at(from), self.at(to)];
        self.context.draw_series([Rectangle::new(corners, color.mix(opacity).filled())])?;
        Ok(())
    }

    /// Between the bounds at each x.
    pub(super) fn band(
        &mut self,
        bounds: &[(f64, Interval)],
        color: RGBColor,
    ) -> Result<(), DrawError> {
        let upper = bounds.iter().map(|(x, y)| self.at((*x, y.high)));
        let lower = bounds.iter().rev().map(|(x, y)| self.at((*x, y.low)));
        let outline: Vec<_> = upper.chain(lower).collect();
        if bounds.len() > 1 {
            self.context.draw_series([Polygon::new(outline, color.mix(0.13))])?;
        }
        Ok(())
    }

    pub(super) fn dots(
        &mut self,
        points: &[(f64, f64)],
        color: RGBColor,
        size: u32,
    ) -> Result<(), DrawError> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        let dots = points.iter().map(|at| Circle::new(*at, size, color.filled()));
        self.context.draw_series(dots)?;
        let rims = points.iter().map(|at| Circle::new(*at, size, WHITE.stroke_width(1)));
        self.context.draw_series(rims)?;
        Ok(())
    }

    pub(super) fn rings(
        &mut self,
        points: &[(f64, f64)],
        color: RGBColor,
        size: u32,
    ) -> Result<(), DrawError> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        let rings = points.iter().map(|at| Circle::new(*at, size, color.stroke_width(2)));
        self.context.draw_series(rings)?;
        Ok(())
    }

    /// A dot with an interval along either axis.
    pub(super) fn cross(
        &mut self,
        (x, y): (f64, f64),
        (across, up): (Interval, Interval),
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.whisker(x, up, color)?;
        self.line(&[(across.low, y), (across.high, y)], color, 2)?;
        self.dots(&[(x, y)], color, 7)
    }

    /// An interval's line up and down.
    pub(super) fn whisker(
        &mut self,
        x: f64,
        y: Interval,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.line(&[(x, y.low), (x, y.high)], color, 2)
    }

    /// Text whose right end is there, above it.
    pub(super) fn label(
        &mut self,
        text: &str,
        at: (f64, f64),
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.write(text, self.at(at), color, Pos::new(HPos::Right, VPos::Bottom))
    }

    /// Text at the chart's right edge, above that value.
    pub(super) fn label_across(
        &mut self,
        text: &str,
        y: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        let at = (self.x.high(), self.y.at(y));
        self.write(text, at, color, Pos::new(HPos::Right, VPos::Bottom))
    }

    /// Text at the chart's lower edge, right of that value.
    pub(super) fn label_up(
        &mut self,
        text: &str,
        x: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        let at = (self.x.at(x), self.y.low());
        self.write(text, at, color, Pos::new(HPos::Left, VPos::Bottom))
    }

    fn write(
        &mut self,
        text: &str,
        at: (f64, f64),
        color: RGBColor,
        anchor: Pos,
    ) -> Result<(), DrawError> {
        let style = (FONT, 12).into_font().color(&color).pos(anchor);
        // A little off the line it belongs to.
        let shift = if matches!(anchor.h_pos, HPos::Left) { 5 } else { -4 };
        let element = EmptyElement::at(at) + Text::new(text.to_owned(), (shift, -4), style);
        self.context.draw_series([element])?;
        Ok(())
    }
}
