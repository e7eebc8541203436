//! What a scanner adds to the anatomy: head rest or table, metal streaks, beam hardening, noise.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixel counts are far below 2^52, HU fit into f32"
)]

use rayon::prelude::*;

use super::acquisition::Acquisition;
use super::form::Vector;
use super::noise::{Noise, derive_seed, white};
use crate::imaging::{Geometry, Volume};
use crate::units::Hounsfield;

/// Voxels above are metal; natural teeth stay below.
const METAL_HU: i16 = 2500;
/// Side of the squares that metal voxels are gathered in, mm.
const METAL_CELL_MM: f64 = 9.0;
/// The scale's upper end on a 12 bit scanner.
const HU_MAX: f32 = 3071.0;

/// Metal in one slice: where, and how much of it in mm2.
struct Metal {
    x: f64,
    y: f64,
    mm2: f64,
}

/// What lies in the scanner, and on what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Setup {
    /// A head in its rest, with shoulders below.
    Head,
    /// Anything else, on a table.
    Table(Table),
}

/// A carbon shell around foam. Lengths in mm, from the frame's origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Where the middle of its upper side lies.
    pub(super) top_y: f64,
    /// Where its middle lies.
    pub(super) middle_x: f64,
    pub(super) half_width: f64,
    pub(super) thickness: f64,
    pub(super) shell: f64,
    pub(super) shell_hu: f64,
    /// How far its edges stand above its middle; 0 is flat.
    pub(super) hollow: f64,
    /// Radius that the beam hardens in: the reach of the cupping.
    pub(super) body_radius: f64,
}

impl Setup {
    /// What stands outside the body at a place.
    fn around(&self, x: f64, y: f64) -> f64 {
        match self {
            Self::Head => head_rest(x, y),
            Self::Table(table) => table.hu(x, y),
        }
    }

    fn hardening(&self, x: f64, y: f64, z: f64) -> f64 {
        match self {
            Self::Head => hardening(x, y, z),
            Self::Table(table) => {
                let share = (x * x + y * y) / table.body_radius.powi(2);
                5.0 * (share - 0.5).clamp(-1.0, 1.0)
            }
        }
    }

    /// How much the shoulders starve the detector at a height, 0..=1.
    fn starvation(&self, z: f64) -> f64 {
        match self {
            Self::Head => starvation(z),
            Self::Table(_) => 0.0,
        }
    }
}

impl Table {
    fn hu(&self, x: f64, y: f64) -> f64 {
        let across = (x - self.middle_x) / self.half_width;
        if across.abs() > 1.0 {
            return -1000.0;
        }
        let depth = y - self.top_y + self.hollow * across * across;
        // The edges are closed: the underside rises towards them.
        let thickness = self.thickness * (1.0 - across.powi(6));
        match depth {
            d if d < 0.0 || d > thickness => -1000.0,
            d if d < self.shell || d > thickness - self.shell => self.shell_hu,
            _ => -955.0,
        }
    }
}

/// Adds what lies around the body, artefacts and noise in place. `origin` is the frame's origin in
/// patient space.
pub(super) fn scan(
    volume: &mut Volume<Hounsfield>,
    acquisition: &Acquisition,
    setup: &Setup,
    origin: Vector,
    seed: u64,
) {
    let grid = *volume.geometry();
    let [_, n_rows, n_columns] = grid.shape();
    let seed = derive_seed(seed, 77);
    volume.voxels_mut().par_chunks_mut(n_rows * n_columns).enumerate().for_each(|(slice, hu)| {
        let z = grid.to_patient([slice as f64, 0.0, 0.0]).z - origin[2];
        let metal = find_metal(&grid, slice, hu);
        let streaks = Noise::new(derive_seed(seed, 1 + slice as u64 / 3));
        let grain = noise_field(acquisition, n_rows, n_columns, derive_seed(seed, slice as u64));
        let tired = setup.starvation(z);
        for row in 0..n_rows {
            let band = white(derive_seed(seed, 5000 + slice as u64), row as u64);
            for column in 0..n_columns {
                let offset = row * n_columns + column;
                let at = grid.to_patient([slice as f64, row as f64, column as f64]);
                let (x, y) = (at.x - origin[0], at.y - origin[1]);
                let mut value = f64::from(hu[offset].to_f32());
                if value < -900.0 {
                    value = value.max(setup.around(x, y));
                } else if value < f64::from(METAL_HU) {
                    value += setup.hardening(x, y, z);
                }
                if !metal.is_empty() && value > -950.0 && value < f64::from(METAL_HU) {
                    value += streak(&metal, &streaks, at.x, at.y);
                }
                value += grain[offset] * acquisition.noise_hu * (1.0 + 1.2 * tired);
                value += 22.0 * tired * band * f64::from(u8::from(value > -900.0));
                hu[offset] = Hounsfield::from_f32((value as f32).clamp(-1024.0, HU_MAX));
            }
        }
    });
}

/// How much the shoulders starve the detector at a height below the ear canals, 0..=1.
fn starvation(z: f64) -> f64 {
    ((-150.0 - z) / 45.0).clamp(0.0, 1.0)
}

/// A carbon cradle with a foam pad, fixed to the table.
fn head_rest(x: f64, y: f64) -> f64 {
    let radius = x.hypot(y + 6.0);
    match radius {
        r if y > 25.0 && (117.0..120.0).contains(&r) => -180.0,
        r if y > 40.0 && (96.0..117.0).contains(&r) => -945.0,
        _ => -1000.0,
    }
}

/// Cupping, and the dark band between the petrous bones.
fn hardening(x: f64, y: f64, z: f64) -> f64 {
    let cup = 4.0 * ((x * x + y * y) / 8100.0 - 0.5).min(1.0);
    let band = (-(y * y + z * z) / 160.0 - (x / 38.0).powi(4)).exp();
    cup - 14.0 * band
}

fn find_metal(grid: &Geometry, slice: usize, hu: &[Hounsfield]) -> Vec<Metal> {
    let n_columns = grid.shape()[2];
    let [_, row_mm, column_mm] = grid.spacing_mm();
    let mut cells: std::collections::BTreeMap<(i64, i64), Metal> =
        std::collections::BTreeMap::new();
    for (offset, _) in hu.iter().enumerate().filter(|(_, v)| v.0 > METAL_HU) {
        let index = [slice, offset / n_columns, offset % n_columns];
        let at = grid.to_patient(index.map(|n| n as f64));
        let key = [at.x, at.y].map(|v| (v / METAL_CELL_MM).floor() as i64);
        let cell = cells.entry((key[0], key[1])).or_insert(Metal { x: 0.0, y: 0.0, mm2: 0.0 });
        let area = row_mm * column_mm;
        cell.x += at.x * area;
        cell.y += at.y * area;
        cell.mm2 += area;
    }
    cells.into_values().map(|m| Metal { x: m.x / m.mm2, y: m.y / m.mm2, mm2: m.mm2 }).collect()
}

/// Bright and dark rays from each piece of metal, and dark bands between two of them.
fn streak(metal: &[Metal], noise: &Noise, x: f64, y: f64) -> f64 {
    let mut sum = 0.0;
    for (n, piece) in metal.iter().enumerate() {
        let (dx, dy) = (x - piece.x, y - piece.y);
        let distance = dx.hypot(dy);
        // A line through the metal shows on both sides of it.
        let angle = dy.atan2(dx).rem_euclid(std::f64::consts::PI);
        let ray = noise.rough([angle * 9.0, n as f64 * 13.7, 0.5]);
        let height = 26.0 * piece.mm2.sqrt() * (-distance / 45.0).exp();
        sum += height * ray * ray.abs() * 2.5;
        for other in &metal[n + 1..] {
            sum += band_between(piece, other, x, y);
        }
    }
    sum.clamp(-600.0, 700.0)
}

fn band_between(a: &Metal, b: &Metal, x: f64, y: f64) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx.hypot(dy).max(1.0);
    let along = ((x - a.x) * dx + (y - a.y) * dy) / length;
    let across = ((x - a.x) * dy - (y - a.y) * dx) / length;
    let inside = ((along / 8.0).min((length - along) / 8.0) + 0.5).clamp(0.0, 1.0);
    -10.0 * a.mm2.min(b.mm2).sqrt() * inside * (-(across / 4.0).powi(2)).exp()
}

/// Noise of unit spread for one slice, correlated in plane as far as the kernel reaches.
fn noise_field(acquisition: &Acquisition, n_rows: usize, n_columns: usize, seed: u64) -> Vec<f64> {
    let sigma = acquisition.noise_mm / acquisition.pixel_spacing_mm;
    let mut field: Vec<f64> = (0..(n_rows * n_columns) as u64)
        .map(|n| white(seed, 2 * n) + white(seed, 2 * n + 1))
        .collect();
    let weights: Vec<f64> =
        (-3..=3).map(|n| (-f64::from(n).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    // Two draws of variance 1/3 each; the blur takes the sum of squared weights of both passes.
    let kept: f64 = weights.iter().map(|w| w * w).sum();
    let coarse = (0.5 / acquisition.pixel_spacing_mm).min(1.0).powf(0.6);
    let scale = coarse / ((2.0_f64 / 3.0).sqrt() * kept);
    blur(&mut field, &weights, n_columns, 1);
    blur(&mut field, &weights, n_rows, n_columns);
    for value in &mut field {
        *value *= scale;
    }
    field
}

/// One pass along lines of `n` values that lie `stride` apart; the ends wrap around.
fn blur(field: &mut [f64], weights: &[f64], n: usize, stride: usize) {
    let half = weights.len() / 2;
    let n_lines = field.len() / n;
    let mut line = vec![0.0; n + 2 * half];
    for number in 0..n_lines {
        let start = if stride == 1 { number * n } else { number };
        for (k, value) in line.iter_mut().enumerate() {
            *value = field[start + (k + n - half % n) % n * stride];
        }
        for k in 0..n {
            field[start + k * stride] = weights.iter().zip(&line[k..]).map(|(w, v)| w * v).sum();
        }
    }
}
