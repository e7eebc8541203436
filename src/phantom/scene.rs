//! Solids with tissues in order of priority, and their picture on a voxel grid.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixel counts are far below 2^52, HU fit into f32"
)]

use rayon::prelude::*;

use super::form::{Form, Vector};
use super::frame::{Frame, Level};
use super::noise::Noise;
use super::tissue::Tissue;
use crate::imaging::geometry::norm;
use crate::imaging::{Geometry, Mask, Volume};
use crate::units::{Hounsfield, Side};

/// Side of the squares that share one list of solids, mm.
const TILE_MM: f64 = 6.0;
/// What is not reached by any solid.
const AIR_HU: f64 = -1000.0;
/// Skin and fat over muscles and glands, at least.
const SKIN_MM: f64 = 3.6;
/// Below this share nothing more is painted.
const CLEAR: f64 = 0.004;

/// How a solid counts for the truth about the glands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Takes the place of whatever lies under it.
    Opaque,
    /// Is gland.
    Gland(Side),
    /// Lies inside a gland and counts as gland: a vein, a node.
    WithinGland,
}

/// A solid of one tissue.
#[derive(Debug, Clone)]
pub(super) struct Part {
    form: Form,
    tissue: Tissue,
    role: Role,
    /// Width of the boundary itself, mm.
    edge_mm: f64,
    /// Cut off at the skin.
    under_skin: bool,
    center: Vector,
    radius: f64,
}

/// What may show near a point.
#[derive(Debug)]
struct Near<'a> {
    /// Topmost first.
    parts: Vec<&'a Part>,
    /// Whether the skin is near.
    skin: bool,
}

/// Parts, later ones over earlier ones.
#[derive(Debug)]
pub(super) struct Scene {
    parts: Vec<Part>,
    /// The body's outline.
    skin: Form,
    noise: Noise,
}

/// How a scanner samples: extent of a voxel along the slice axis and blur in plane, mm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    pub(super) slice_thickness_mm: f64,
    pub(super) blur_mm: f64,
}

impl Scene {
    /// A body of fat and skin.
    pub(super) fn new(seed: u64, skin: Form, tissue: Tissue) -> Self {
        let mut scene = Self { parts: Vec::new(), skin: skin.clone(), noise: Noise::new(seed) };
        scene.add_outer(skin, tissue);
        scene
    }

    /// Adds a solid over all others. Soft tissue stays under the skin; bone and air need not.
    pub(super) fn add(&mut self, form: Form, tissue: Tissue) {
        self.add_as(Role::Opaque, form, tissue);
    }

    /// Adds a solid that may stand out from the body.
    pub(super) fn add_outer(&mut self, form: Form, tissue: Tissue) {
        self.add(form, tissue);
        if let Some(part) = self.parts.last_mut() {
            part.under_skin = false;
        }
    }

    /// Adds a solid that may stand out from the body, and its mirror image.
    pub(super) fn add_outer_pair(&mut self, form: Form, tissue: Tissue) {
        self.add_outer(form.mirrored(), tissue);
        self.add_outer(form, tissue);
    }

    /// Adds a solid and its mirror image.
    pub(super) fn add_pair(&mut self, form: Form, tissue: Tissue) {
        self.add(form.mirrored(), tissue);
        self.add(form, tissue);
    }

    pub(super) fn add_as(&mut self, role: Role, form: Form, tissue: Tissue) {
        let (center, radius) = form.bound();
        let edge_mm = if tissue.hu.abs() < 200.0 { 0.6 } else { 0.2 };
        let under_skin = (-150.0..400.0).contains(&tissue.hu);
        self.parts.push(Part { form, tissue, role, edge_mm, under_skin, center, radius });
    }

    /// The parts that may show within `reach` of a point, topmost first.
    fn near(&self, p: &Vector, reach: f64) -> Near<'_> {
        let skin = self.skin.distance(p) > -SKIN_MM - 1.6 * reach;
        Near { parts: self.parts_near(p, reach), skin }
    }

    fn parts_near(&self, p: &Vector, reach: f64) -> Vec<&Part> {
        let mut found = Vec::with_capacity(24);
        for part in self.parts.iter().rev() {
            let away: Vector = std::array::from_fn(|a| p[a] - part.center[a]);
            if norm(&away) > part.radius + reach {
                continue;
            }
            let distance = part.form.distance(p);
            // Estimated distances err by less than this factor.
            if distance > 1.6 * reach {
                continue;
            }
            found.push(part);
            if distance < -1.6 * reach && part.role == Role::Opaque {
                break;
            }
        }
        found
    }

    /// HU and the shares of right and left gland at a point.
    fn sample(&self, near: &Near<'_>, p: &Vector, width: f64) -> (f64, [f64; 2]) {
        let (mut hu, mut clear, mut clear_of_gland) = (0.0, 1.0, 1.0);
        let mut glands = [0.0; 2];
        let skin = if near.skin { self.skin.distance(p) + SKIN_MM } else { f64::NEG_INFINITY };
        for part in &near.parts {
            let mut distance = part.form.distance(p);
            if part.under_skin {
                distance = distance.max(skin);
            }
            let t = (0.5 - distance / (width * width + part.edge_mm * part.edge_mm).sqrt())
                .clamp(0.0, 1.0);
            if t <= 0.0 {
                continue;
            }
            let share = t * t * (3.0 - 2.0 * t);
            if clear > CLEAR {
                hu += clear * share * part.tissue.hu_at(&self.noise, p, -distance);
            }
            clear *= 1.0 - share;
            match part.role {
                Role::WithinGland => continue,
                Role::Gland(side) => glands[side_index(side)] += clear_of_gland * share,
                Role::Opaque => {}
            }
            clear_of_gland *= 1.0 - share;
            if clear_of_gland < CLEAR && clear < CLEAR {
                break;
            }
        }
        (hu + clear * AIR_HU, glands)
    }

    /// The scene on a grid: HU without noise, and the masks of the right and the left gland.
    pub(super) fn render(
        &self,
        frame: &Frame,
        grid: &Geometry,
        sampling: Sampling,
    ) -> (Volume<Hounsfield>, [Mask; 2]) {
        let [_, n_rows, n_columns] = grid.shape();
        let mut hu = vec![Hounsfield::AIR; grid.n_voxels()];
        let mut right = vec![0_u8; grid.n_voxels()];
        let mut left = right.clone();
        let area = n_rows * n_columns;
        hu.par_chunks_mut(area)
            .zip(right.par_chunks_mut(area).zip(left.par_chunks_mut(area)))
            .enumerate()
            .for_each(|(slice, (hu, (right, left)))| {
                self.render_slice(frame, grid, sampling, slice, [n_rows, n_columns], |at, v, g| {
                    hu[at] = Hounsfield::from_f32(v as f32);
                    right[at] = u8::from(g[0] >= 0.5);
                    left[at] = u8::from(g[1] >= 0.5);
                });
            });
        let volume = |voxels| Mask::new(*grid, voxels).expect("one value for each voxel");
        let hu = Volume::new(*grid, hu).expect("one value for each voxel");
        (hu, [volume(right), volume(left)])
    }

    fn render_slice(
        &self,
        frame: &Frame,
        grid: &Geometry,
        sampling: Sampling,
        slice: usize,
        [n_rows, n_columns]: [usize; 2],
        mut put: impl FnMut(usize, f64, [f64; 2]),
    ) {
        let spacing = grid.spacing_mm();
        let n_sub = (sampling.slice_thickness_mm / 1.6).round().clamp(1.0, 4.0);
        let sub_mm = sampling.slice_thickness_mm / n_sub;
        let width = norm(&[0.9 * spacing[2], 0.45 * sub_mm, sampling.blur_mm]);
        let z = grid.to_patient([slice as f64, 0.0, 0.0]).z;
        let levels: Vec<(f64, Level<'_>)> = (0..n_sub as u8)
            .map(|n| z + (f64::from(n) + 0.5 - n_sub / 2.0) * sub_mm)
            .map(|z| (z, frame.level(z)))
            .collect();
        let pixel_mm = spacing[1].max(spacing[2]);
        let tile = (TILE_MM / pixel_mm).round().max(2.0) as usize;
        // A tile's half diagonal, with room for what the head's frame stretches.
        let reach = 1.25 * 0.71 * tile as f64 * pixel_mm + width;
        for top in (0..n_rows).step_by(tile) {
            for start in (0..n_columns).step_by(tile) {
                let rows = top..(top + tile).min(n_rows);
                let columns = start..(start + tile).min(n_columns);
                let middle = [(rows.start + rows.end - 1), (columns.start + columns.end - 1)];
                let middle = middle.map(|n| n as f64 / 2.0);
                let lists: Vec<Near<'_>> = levels
                    .iter()
                    .map(|(z, level)| {
                        let at = grid.to_patient([slice as f64, middle[0], middle[1]]);
                        self.near(&level.to_head(&[at.x, at.y, *z]), reach)
                    })
                    .collect();
                for row in rows {
                    for column in columns.clone() {
                        let at = grid.to_patient([slice as f64, row as f64, column as f64]);
                        let (mut hu, mut glands) = (0.0, [0.0; 2]);
                        for ((z, level), list) in levels.iter().zip(&lists) {
                            if list.parts.is_empty() {
                                hu += AIR_HU / n_sub;
                                continue;
                            }
                            let p = level.to_head(&[at.x, at.y, *z]);
                            let (v, g) = self.sample(list, &p, width);
                            hu += v / n_sub;
                            glands = [0, 1].map(|s| glands[s] + g[s] / n_sub);
                        }
                        put(row * n_columns + column, hu, glands);
                    }
                }
            }
        }
    }

    /// Volume of each gland in the patient, mm3, whether a field of view holds it or not, and the
    /// share of it between two patient heights.
    pub(super) fn gland_extent(&self, frame: &Frame, range_z: [f64; 2]) -> [(f64, f64); 2] {
        const STEP_MM: f64 = 2.5;
        let mut found = [(0.0, 0.0); 2];
        let n = |mm: f64| (mm / STEP_MM) as i32;
        let origin = frame.origin();
        for k in n(-120.0)..n(40.0) {
            let z = origin[2] + f64::from(k) * STEP_MM;
            let level = frame.level(z);
            for j in n(-75.0)..n(75.0) {
                for i in n(-100.0)..n(100.0) {
                    let at = [f64::from(i), f64::from(j)].map(|v| v * STEP_MM);
                    let p = level.to_head(&[origin[0] + at[0], origin[1] + at[1], z]);
                    let (_, shares) = self.gland_shares(&p);
                    for (total, share) in found.iter_mut().zip(shares) {
                        total.0 += share * STEP_MM.powi(3);
                        if (range_z[0]..=range_z[1]).contains(&z) {
                            total.1 += share * STEP_MM.powi(3);
                        }
                    }
                }
            }
        }
        found.map(|(whole, inside)| (whole, if whole > 0.0 { inside / whole } else { 0.0 }))
    }

    fn gland_shares(&self, p: &Vector) -> (f64, [f64; 2]) {
        let is_near = self
            .parts
            .iter()
            .any(|part| matches!(part.role, Role::Gland(_)) && part.form.distance(p) < 2.0);
        if is_near { self.sample(&self.near(p, 1.5), p, 1.5) } else { (0.0, [0.0; 2]) }
    }
}

/// Place of a side in arrays of `[right, left]`.
pub(super) fn side_index(side: Side) -> usize {
    match side {
        Side::Right => 0,
        Side::Left => 1,
    }
}
