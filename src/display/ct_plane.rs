//! An axial plane of a CT as gray pixels, and outlines over it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "picture coordinates stay below `PICTURE_SIDE_MAX`"
)]

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::primitives::Rectangle;

use crate::display::canvas::Canvas;
use crate::imaging::{Mask, PatientPoint, Volume};
use crate::units::Hounsfield;

/// Soft tissue: window centre and width in HU.
pub(super) const WINDOW_HU: (f32, f32) = (40.0, 350.0);
/// How far an outline is smoothed, mm: a voxel of the segmenter's grid, so that its steps do not show.
const SMOOTH_MM: f64 = 1.0;

/// A rectangle of a picture that shows part of an axial plane. Radiological convention: the patient's
/// right is on the left, anterior is up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pane {
    /// Where it is in the picture.
    pub(super) area: Rectangle,
    /// What its middle shows.
    pub(super) center: PatientPoint,
    /// Size of a pixel.
    pub(super) mm_per_px: f64,
}

impl Pane {
    /// The patient's point under a pixel's middle; `at` is relative to the area.
    fn to_patient(self, at: (f64, f64)) -> PatientPoint {
        let Size { width, height } = self.area.size;
        let mm = |pixel: f64, side: u32| (pixel + 0.5 - f64::from(side) / 2.0) * self.mm_per_px;
        PatientPoint {
            x: self.center.x + mm(at.0, width),
            y: self.center.y + mm(at.1, height),
            z: self.center.z,
        }
    }

    /// The picture's point that shows a patient's point; may lie outside the area.
    pub(super) fn to_picture(self, at: PatientPoint) -> Point {
        let Size { width, height } = self.area.size;
        let px = |mm: f64, side: u32| (mm / self.mm_per_px + f64::from(side) / 2.0) as i32;
        let offset = Point::new(px(at.x - self.center.x, width), px(at.y - self.center.y, height));
        self.area.top_left + offset
    }

    /// Draws the CT; what was not scanned is black.
    pub(super) fn draw_ct(self, canvas: &mut Canvas, volume: &Volume<Hounsfield>) {
        for (at, x, y) in self.pixels() {
            let index = volume.geometry().to_index(self.to_patient((x, y)));
            let gray = volume.interpolate(index).map_or(0, windowed);
            canvas.blend(at, Rgb888::new(gray, gray, gray), u8::MAX);
        }
    }

    /// Draws the edge of a mask as a line.
    pub(super) fn draw_contour(
        self,
        canvas: &mut Canvas,
        mask: &Mask,
        color: Rgb888,
        width_px: f32,
    ) {
        let share = |x: f64, y: f64| {
            let index = mask.geometry().to_index(self.to_patient((x, y)));
            mask.interpolate(index).unwrap_or(0.0)
        };
        let reach = SMOOTH_MM / self.mm_per_px;
        let smooth = |x: f64, y: f64| {
            // A 3 x 3 binomial kernel, its steps in millimetres.
            let row = |y| (share(x - reach, y) + 2.0 * share(x, y) + share(x + reach, y)) / 4.0;
            (row(y - reach) + 2.0 * row(y) + row(y + reach)) / 4.0
        };
        for (at, x, y) in self.pixels() {
            let here = smooth(x, y);
            if here <= 0.0 || here >= 1.0 {
                continue;
            }
            let across = (smooth(x + 1.0, y) - smooth(x - 1.0, y)) / 2.0;
            let down = (smooth(x, y + 1.0) - smooth(x, y - 1.0)) / 2.0;
            let slope = across.hypot(down);
            if slope > f32::EPSILON {
                // How far the line is, in pixels, to first order.
                let distance = (here - 0.5).abs() / slope;
                let ink = (width_px / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                canvas.blend(at, color, (ink * 255.0).round() as u8);
            }
        }
    }

    /// Every pixel of the area, with its place in it.
    fn pixels(self) -> impl Iterator<Item = (Point, f64, f64)> {
        let Size { width, height } = self.area.size;
        (0..height).flat_map(move |y| {
            (0..width).map(move |x| {
                let at = self.area.top_left + Point::new(x as i32, y as i32);
                (at, f64::from(x), f64::from(y))
            })
        })
    }
}

/// The linear window function of PS3.3 C.11.2.1.2.1.
fn windowed(hu: f32) -> u8 {
    let (center, width) = WINDOW_HU;
    let share = (hu - (center - 0.5)) / (width - 1.0) + 0.5;
    (share.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// Middle of the body in the axial plane at `near`, its bounds' in x and y; `near` where all is air.
///
/// Looks at every few millimetres: it only centres a picture.
pub(super) fn body_center(volume: &Volume<Hounsfield>, near: PatientPoint) -> PatientPoint {
    const STEP_MM: f64 = 3.0;
    const BODY_HU_MIN: f32 = -300.0;
    let geometry = volume.geometry();
    let (low, high) = geometry.extent();
    let [n_columns, n_rows] =
        [high.x - low.x, high.y - low.y].map(|mm| (mm / STEP_MM).max(0.0) as u32);
    let mut sum = [0.0_f64; 2];
    let mut n = 0.0_f64;
    for row in 0..=n_rows {
        for column in 0..=n_columns {
            let [x, y] = [low.x + f64::from(column) * STEP_MM, low.y + f64::from(row) * STEP_MM];
            let index = geometry.to_index(PatientPoint { x, y, z: near.z });
            if volume.interpolate(index).is_some_and(|hu| hu > BODY_HU_MIN) {
                sum = [sum[0] + x, sum[1] + y];
                n += 1.0;
            }
        }
    }
    if n == 0.0 { near } else { PatientPoint { x: sum[0] / n, y: sum[1] / n, z: near.z } }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::RgbColor;

    use super::*;
    use crate::imaging::Geometry;

    fn pane() -> Pane {
        Pane {
            area: Rectangle::new(Point::new(10, 20), Size::new(40, 40)),
            center: PatientPoint::new(5.0, -5.0, 10.0),
            mm_per_px: 0.5,
        }
    }

    fn grid() -> Geometry {
        let origin = PatientPoint::new(-15.0, -25.0, 0.0);
        Geometry::axis_aligned(origin, [1.0; 3], [21, 41, 41]).unwrap()
    }

    #[test]
    fn the_window_is_the_standards() {
        let check = |hu, gray| assert_eq!(windowed(hu), gray);
        check(-1000.0, 0);
        check(-135.0, 0);
        check(39.5, 128);
        check(214.0, 255);
        check(3000.0, 255);
    }

    #[test]
    fn the_patients_right_is_on_the_left_and_anterior_is_up() {
        let pane = pane();
        let middle = pane.to_picture(pane.center);
        assert_eq!(middle, Point::new(30, 40));
        let right = pane.to_picture(PatientPoint::new(0.0, -5.0, 10.0));
        let anterior = pane.to_picture(PatientPoint::new(5.0, -10.0, 10.0));
        assert_eq!((right, anterior), (Point::new(20, 40), Point::new(30, 30)));
    }

    #[test]
    fn a_contour_is_a_ring_at_the_masks_edge() {
        let mut mask = Mask::filled(grid(), 0);
        for offset in 0..mask.voxels().len() {
            let at = grid().to_patient(mask.index_of(offset).map(|n| n as f64));
            mask.voxels_mut()[offset] = u8::from(at.distance(pane().center) <= 6.0);
        }
        let mut canvas = Canvas::new(Size::new(60, 80), Rgb888::new(0, 0, 0));
        pane().draw_contour(&mut canvas, &mask, Rgb888::new(255, 255, 255), 1.6);
        let mut n_inked = 0.0_f64;
        for (at, _, _) in pane().pixels() {
            let ink = canvas.pixel(at).unwrap().g();
            if ink > 0 {
                let offset = at - Point::new(30, 40);
                let radius_mm = f64::from(offset.x).hypot(f64::from(offset.y)) * 0.5;
                assert!((radius_mm - 6.0).abs() < 1.5, "{radius_mm}");
                n_inked += 1.0;
            }
        }
        // A ring of 24 pixels across, between one and four pixels thick.
        let around = 24.0 * std::f64::consts::PI;
        assert!((around..4.0 * around).contains(&n_inked), "{n_inked}");
    }

    #[test]
    fn the_body_is_centred() {
        let mut volume = Volume::filled(grid(), Hounsfield(-1000));
        let air = PatientPoint::new(1.0, 1.0, 10.0);
        assert_eq!(body_center(&volume, air), air);
        for offset in 0..volume.voxels().len() {
            let at = grid().to_patient(volume.index_of(offset).map(|n| n as f64));
            if (at.x - 12.0).hypot(at.y + 9.0) < 9.0 {
                volume.voxels_mut()[offset] = Hounsfield(40);
            }
        }
        let center = body_center(&volume, air);
        assert!(center.distance(PatientPoint::new(12.0, -9.0, 10.0)) < 1.0, "{center:?}");
    }
}
