//! Painting a mass into a CT.

use super::TumorSpec;
use super::shape::Outline;
use crate::imaging::geometry::{dot, norm};
use crate::imaging::{BoundingBox, Mask, PatientPoint, Volume};
use crate::phantom::noise::{Noise, derive_seed, white};
use crate::units::Hounsfield;

/// Voxels above are bone, teeth or metal and stay.
const BONE_HU: f32 = 300.0;
/// Voxels below are air and stay.
const AIR_HU: f32 = -500.0;
/// Most that the outline may be scaled up to make good for bone and air inside it.
const GROWTH_MAX: f64 = 1.25;
/// Displaced tissue reaches out to this multiple of the radius.
const DISPLACEMENT_REACH: f64 = 1.9;
/// Skin that is left between the mass and air.
const SKIN_MM: f64 = 1.6;

/// Draws the mass into `volume` and returns its true mask on the volume's grid.
///
/// Edge voxels are blended by the share of them inside the outline and belong to the mask from one
/// half on. Voxels above 300 HU or below -500 HU are neither changed nor in the mask, nor is a thin
/// skin; where they cut into the outline it is scaled up (by at most a quarter) to keep the volume.
/// Soft tissue around is pushed aside. Noise is kept: the scan's own fine residual stays on top of
/// the mass. `gland`, on the same grid, only sets the HU that the contrast is added to.
///
/// # Panics
/// When `gland` has another shape than `volume`.
pub fn draw_tumor(volume: &mut Volume<Hounsfield>, gland: &Mask, spec: &TumorSpec) -> Mask {
    assert_eq!(volume.shape(), gland.shape(), "the gland mask lies on the volume's grid");
    let mut mask = Mask::filled(*volume.geometry(), 0);
    let outline = Outline::new(spec);
    let reach = outline.radius_max_mm() * GROWTH_MAX * DISPLACEMENT_REACH;
    let Some(window) = window_around(volume, spec.center, reach) else { return mask };
    let source = Source::new(volume, &window);
    let sites = tumor_sites(volume, &source, &outline, spec);
    let growth = solve_growth(&sites, volume.geometry().voxel_mm3(), spec);
    let interior = Interior::new(spec, &outline, mean_hu(volume, gland, spec));
    let grain = source.grain(&sites);

    push_aside(volume, &source, &outline, spec, growth);
    for site in &sites {
        let share = site.coverage(growth, spec.edge_mm.0) * site.weight;
        if share <= 0.0 {
            continue;
        }
        let residual = f64::from(source.residual(site.index)) * grain;
        let painted = interior.hu(site, growth) + residual.clamp(-90.0, 90.0);
        let voxel = &mut volume.voxels_mut()[site.offset];
        let behind = f64::from(voxel.to_f32());
        *voxel = Hounsfield::from_f32((behind + (painted - behind) * share) as f32);
        mask.voxels_mut()[site.offset] = u8::from(share >= 0.5);
    }
    mask
}

/// A voxel that the mass may reach.
struct Site {
    offset: usize,
    index: [usize; 3],
    /// From the mass's centre, LPS, mm.
    position: [f64; 3],
    distance_mm: f64,
    /// Radius of the unscaled outline in this direction.
    radius_mm: f64,
    /// Extent of the voxel in this direction.
    width_mm: f64,
    /// 1 in soft tissue, 0 in bone, air and skin.
    weight: f64,
}

impl Site {
    /// Share of the voxel inside the outline: the edge is taken as a plane across the voxel.
    fn coverage(&self, growth: f64, edge_mm: f64) -> f64 {
        let depth = self.radius_mm * growth - self.distance_mm;
        let t = (0.5 + depth / self.width_mm.hypot(edge_mm)).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    }
}

/// The untouched scan around the mass.
struct Source {
    hu: Volume<Hounsfield>,
    window: BoundingBox,
    /// Half side of the in-slice square whose mean is taken off to get the residual, in voxels.
    half: usize,
    skin_steps: [usize; 2],
}

impl Source {
    fn new(volume: &Volume<Hounsfield>, window: &BoundingBox) -> Self {
        let geometry = volume.geometry().cut(window);
        let [_, n_rows, n_columns] = window.shape();
        let mut voxels = Vec::with_capacity(geometry.n_voxels());
        for slice in window.start[0]..window.end[0] {
            for row in window.start[1]..window.end[1] {
                let start = volume.offset([slice, row, window.start[2]]);
                voxels.extend_from_slice(&volume.voxels()[start..start + n_columns]);
            }
        }
        debug_assert_eq!(voxels.len(), window.shape()[0] * n_rows * n_columns);
        let spacing = volume.geometry().spacing_mm();
        Self {
            hu: Volume::new(geometry, voxels).expect("the window was copied whole"),
            window: *window,
            half: (1.6 / spacing[2]).round().clamp(1.0, 3.0) as usize,
            skin_steps: [1, 2].map(|axis| (SKIN_MM / spacing[axis]).round() as usize),
        }
    }

    fn inner(&self, index: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|a| index[a] - self.window.start[a])
    }

    fn at(&self, index: [usize; 3]) -> f32 {
        self.hu.at(self.inner(index)).to_f32()
    }

    /// How freely a voxel may be painted: 0 in bone, air and skin, a ramp at their edges.
    fn weight(&self, index: [usize; 3]) -> f64 {
        let hu = self.at(index);
        if hu >= BONE_HU || hu <= AIR_HU || self.is_skin(index) {
            return 0.0;
        }
        let ramp = ((BONE_HU - hu) / 80.0).min((hu - AIR_HU) / 200.0);
        f64::from(ramp.clamp(0.0, 1.0))
    }

    fn is_skin(&self, index: [usize; 3]) -> bool {
        let [dr, dc] = self.skin_steps;
        let steps = [(-1, 0), (1, 0), (0, -1), (0, 1)];
        steps.into_iter().any(|(r, c)| {
            let row = index[1].checked_add_signed(r * dr as isize);
            let column = index[2].checked_add_signed(c * dc as isize);
            match (row, column) {
                (Some(row), Some(column))
                    if (self.window.start[1]..self.window.end[1]).contains(&row)
                        && (self.window.start[2]..self.window.end[2]).contains(&column) =>
                {
                    self.at([index[0], row, column]) < AIR_HU
                }
                _ => false,
            }
        })
    }

    /// What is finer than a few millimetres at a voxel: mostly noise. Also the local spread.
    fn residual_and_spread(&self, index: [usize; 3]) -> (f32, f32) {
        let [slice, row, column] = self.inner(index);
        let [_, n_rows, n_columns] = self.hu.shape();
        let mut sums = [0.0_f32; 3];
        for r in row.saturating_sub(self.half)..(row + self.half + 1).min(n_rows) {
            for c in column.saturating_sub(self.half)..(column + self.half + 1).min(n_columns) {
                let hu = self.hu.at([slice, r, c]).to_f32();
                if hu < BONE_HU && hu > AIR_HU {
                    sums = [sums[0] + 1.0, sums[1] + hu, sums[2] + hu * hu];
                }
            }
        }
        let n = sums[0].max(1.0);
        let mean = sums[1] / n;
        (self.at(index) - mean, (sums[2] / n - mean * mean).max(0.0).sqrt())
    }

    fn residual(&self, index: [usize; 3]) -> f32 {
        self.residual_and_spread(index).0
    }

    /// The factor on the residual that leaves the scan's noise but not the texture of what was there.
    ///
    /// The noise is the spread of the quieter voxels around: a mass without noise, or one with the
    /// gland's fat lobules in it, would be known by that alone.
    fn grain(&self, sites: &[Site]) -> f64 {
        let mut spreads: Vec<f32> = self
            .hu
            .voxels()
            .iter()
            .enumerate()
            .step_by(7)
            .filter(|(_, hu)| (-160.0..160.0).contains(&hu.to_f32()))
            .map(|(offset, _)| {
                let inner = self.hu.index_of(offset);
                let index = std::array::from_fn(|a| inner[a] + self.window.start[a]);
                self.residual_and_spread(index).1
            })
            .collect();
        let inside: Vec<f64> = sites
            .iter()
            .filter(|site| site.weight >= 1.0)
            .map(|site| f64::from(self.residual(site.index)).powi(2))
            .collect();
        if spreads.is_empty() || inside.is_empty() {
            return 0.0;
        }
        spreads.sort_by(f32::total_cmp);
        let noise = 1.2 * f64::from(spreads[spreads.len() / 5]);
        let present = (inside.iter().sum::<f64>() / inside.len() as f64).sqrt();
        (noise / present.max(0.1)).min(1.0)
    }
}

/// The voxels within `reach` of `center` along every axis; `None` where the grid has none.
fn window_around(
    volume: &Volume<Hounsfield>,
    center: PatientPoint,
    reach: f64,
) -> Option<BoundingBox> {
    let geometry = volume.geometry();
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for corner in 0..8_u8 {
        let sign = |bit: u8| if corner >> bit & 1 == 1 { reach } else { -reach };
        let at = PatientPoint::new(center.x + sign(0), center.y + sign(1), center.z + sign(2));
        for (axis, value) in geometry.to_index(at).into_iter().enumerate() {
            low[axis] = low[axis].min(value);
            high[axis] = high[axis].max(value);
        }
    }
    let shape = geometry.shape();
    let start = low.map(|v| v.floor().max(0.0) as usize);
    let end = std::array::from_fn(|a| ((high[a].ceil() + 1.0).max(0.0) as usize).min(shape[a]));
    (0..3).all(|a| start[a] < end[a]).then_some(BoundingBox { start, end })
}

/// Calls `visit` for every voxel of the window with its index and its place from the centre, mm.
fn for_each_voxel(
    volume: &Volume<Hounsfield>,
    window: &BoundingBox,
    center: PatientPoint,
    mut visit: impl FnMut([usize; 3], [f64; 3]),
) {
    let center: [f64; 3] = center.into();
    for slice in window.start[0]..window.end[0] {
        for row in window.start[1]..window.end[1] {
            for column in window.start[2]..window.end[2] {
                let index = [slice, row, column];
                let at: [f64; 3] = volume.geometry().to_patient(index.map(|n| n as f64)).into();
                visit(index, std::array::from_fn(|a| at[a] - center[a]));
            }
        }
    }
}

fn tumor_sites(
    volume: &Volume<Hounsfield>,
    source: &Source,
    outline: &Outline,
    spec: &TumorSpec,
) -> Vec<Site> {
    let steps = volume.geometry().steps();
    let reach = outline.radius_max_mm() * GROWTH_MAX;
    let mut sites = Vec::new();
    for_each_voxel(volume, &source.window, spec.center, |index, position| {
        let distance_mm = norm(&position);
        if distance_mm > reach {
            return;
        }
        let direction = unit(&position);
        let radius_mm = outline.radius_mm(&direction);
        let width_mm: f64 = steps.iter().map(|step| dot(step, &direction).abs()).sum();
        if distance_mm - radius_mm * GROWTH_MAX > width_mm + spec.edge_mm.0 {
            return;
        }
        sites.push(Site {
            offset: volume.offset(index),
            index,
            position,
            distance_mm,
            radius_mm,
            width_mm,
            weight: source.weight(index),
        });
    });
    sites
}

fn unit(vector: &[f64; 3]) -> [f64; 3] {
    let length = norm(vector);
    if length < 1e-9 { [0.0, 0.0, 1.0] } else { vector.map(|v| v / length) }
}

/// Scale of the outline, 1..=[`GROWTH_MAX`], that gives the specified volume outside bone and air.
fn solve_growth(sites: &[Site], voxel_mm3: f64, spec: &TumorSpec) -> f64 {
    let wanted = spec.volume_cm3.0 * 1000.0;
    let drawn = |growth: f64| -> f64 {
        let shares = sites.iter().map(|s| s.coverage(growth, spec.edge_mm.0) * s.weight);
        voxel_mm3 * shares.sum::<f64>()
    };
    let mut range = [1.0, GROWTH_MAX];
    if drawn(range[0]) >= wanted {
        return range[0];
    }
    for _ in 0..10 {
        let middle = f64::midpoint(range[0], range[1]);
        if drawn(middle) < wanted {
            range[0] = middle;
        } else {
            range[1] = middle;
        }
    }
    range[1]
}

/// Mean HU of the solid part: the contrast above the gland, or above water for a fatty one.
fn mean_hu(volume: &Volume<Hounsfield>, gland: &Mask, spec: &TumorSpec) -> f64 {
    let inside = volume.voxels().iter().zip(gland.voxels()).filter(|(_, m)| **m != 0);
    let mut values: Vec<i16> =
        inside.map(|(hu, _)| hu.0).filter(|hu| (-200..200).contains(hu)).collect();
    values.sort_unstable();
    let gland_hu = values.get(values.len() / 2).copied().unwrap_or(0);
    (f64::from(gland_hu).max(0.0) + spec.contrast_hu).clamp(20.0, 110.0)
}

/// What a mass looks like inside.
struct Interior<'a> {
    spec: &'a TumorSpec,
    mean_hu: f64,
    texture: Noise,
    /// Centre, radius in mm and HU of each calcified grain.
    grains: Vec<([f64; 3], f64, f64)>,
}

impl<'a> Interior<'a> {
    fn new(spec: &'a TumorSpec, outline: &Outline, mean_hu: f64) -> Self {
        let seed = derive_seed(spec.seed, 3);
        let grains = (0..u64::from(spec.calcifications)).map(|n| {
            let draw = |k: u64| white(seed, 8 * n + k);
            let direction = unit(&[draw(0), draw(1), draw(2)]);
            let distance = outline.radius_mm(&direction) * 0.75 * draw(3).abs();
            (direction.map(|v| v * distance), 1.2 + 0.7 * draw(4), 270.0 + 120.0 * draw(5))
        });
        let grains = grains.collect();
        Self { spec, mean_hu, texture: Noise::new(derive_seed(spec.seed, 4)), grains }
    }

    fn hu(&self, site: &Site, growth: f64) -> f64 {
        let at = site.position;
        let fine = self.texture.rough(at.map(|v| v / 4.5));
        let broad = self.texture.at(at.map(|v| v / 13.0 + 91.0));
        let mut hu = self.mean_hu + self.spec.texture_hu * (0.9 * fine + 1.1 * broad);
        if self.spec.core_fraction > 0.0 {
            let radius = site.radius_mm * growth;
            let core_mm = radius * self.spec.core_fraction * (1.0 + 0.25 * broad);
            let depth =
                (0.5 + (core_mm - site.distance_mm) / site.width_mm.max(2.0)).clamp(0.0, 1.0);
            let core = self.spec.core_hu + 0.4 * self.spec.texture_hu * fine;
            hu += (core - hu) * depth;
        }
        for &(center, radius, grain_hu) in &self.grains {
            let away: [f64; 3] = std::array::from_fn(|a| at[a] - center[a]);
            // A grain smaller than the voxel is diluted in it.
            let blurred = radius.hypot(0.5 * site.width_mm);
            let share = (radius / blurred).powi(3) * (-dot(&away, &away) / blurred.powi(2)).exp();
            hu += (grain_hu - hu).max(0.0) * share;
        }
        hu
    }
}

/// Moves soft tissue around the mass outward, as an incompressible medium would, fading out.
///
/// Voxels are moved whole: interpolating would smooth the noise there and so mark the mass.
fn push_aside(
    volume: &mut Volume<Hounsfield>,
    source: &Source,
    outline: &Outline,
    spec: &TumorSpec,
    growth: f64,
) {
    let geometry = *volume.geometry();
    let center: [f64; 3] = spec.center.into();
    let reach = outline.radius_max_mm() * growth * DISPLACEMENT_REACH;
    let mut moved = Vec::new();
    for_each_voxel(volume, &source.window, spec.center, |index, position| {
        let distance = norm(&position);
        if distance > reach {
            return;
        }
        let direction = unit(&position);
        let radius = outline.radius_mm(&direction) * growth;
        let away = (distance / radius - 1.0) / (DISPLACEMENT_REACH - 1.0);
        if away >= 1.0 || source.weight(index) < 1.0 {
            return;
        }
        let fade = (1.0 - away.max(0.0)).powi(2);
        let from = (distance.powi(3) - spec.displacement * fade * radius.powi(3)).max(0.0).cbrt();
        let at: [f64; 3] = std::array::from_fn(|a| center[a] + direction[a] * from);
        let near = geometry.to_index(at.into()).map(|n| n.round().max(0.0) as usize);
        let known =
            (0..3).all(|a| (source.window.start[a]..source.window.end[a]).contains(&near[a]));
        if known && source.weight(near) >= 1.0 {
            moved.push((index, source.at(near)));
        }
    });
    for (index, hu) in moved {
        let offset = volume.offset(index);
        volume.voxels_mut()[offset] = Hounsfield::from_f32(hu);
    }
}
