//! Synthetic CT of what holds no parotid gland: trunk, limbs, heads and necks cut beside the glands,
//! test objects, an empty table. What the localizer must answer with *gland not found*.
//!
//! Trunk and limbs are one body, written in a frame whose origin lies midway between the hip joints;
//! a part is a range of heights in it. The same part, seed and overrides give the same bytes.

mod belly;
mod bones;
mod chest;
mod cut_head;
mod figure;
mod limbs;
mod test_object;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::acquisition::{Acquisition, Overrides, Site};
use super::form::Vector;
use super::frame::Frame;
use super::noise::derive_seed;
use super::scanner::{self, Setup, Table};
use super::scene::{Sampling, Scene};
use crate::imaging::{Geometry, Volume};
use crate::units::Hounsfield;
use figure::Figure;

/// Denser than this is body that lies on the table, HU.
const BODY_HU_MIN: i16 = -300;

/// What is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyPart {
    /// Lungs, heart, great vessels; arms beside the body or raised.
    Chest,
    /// Liver, spleen, kidneys, bowel.
    Abdomen,
    /// Hips, bladder, bowel.
    Pelvis,
    /// One or both, somewhere between hip and toes.
    Legs,
    /// One or both, somewhere between shoulder and fingers.
    Arms,
    /// Larynx to shoulders, all of it below the parotids.
    LowerNeck,
    /// A head above the parotids.
    Brain,
    /// Water in a plastic shell with rods, as scanners are checked with.
    WaterPhantom,
    /// A test object of a head's size: acrylic, or a ring like bone around something like brain.
    HeadPhantom,
    /// A table with nobody on it.
    Table,
}

impl BodyPart {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Chest,
        Self::Abdomen,
        Self::Pelvis,
        Self::Legs,
        Self::Arms,
        Self::LowerNeck,
        Self::Brain,
        Self::WaterPhantom,
        Self::HeadPhantom,
        Self::Table,
    ];

    /// `chest`, `lower_neck`, ..
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chest => "chest",
            Self::Abdomen => "abdomen",
            Self::Pelvis => "pelvis",
            Self::Legs => "legs",
            Self::Arms => "arms",
            Self::LowerNeck => "lower_neck",
            Self::Brain => "brain",
            Self::WaterPhantom => "water_phantom",
            Self::HeadPhantom => "head_phantom",
            Self::Table => "table",
        }
    }

    /// Body Part Examined (0018,0015) that a scanner would write (PS3.16 Annex L); a test object is
    /// scanned with the protocol of a head or of an abdomen.
    #[must_use]
    pub fn examined(self) -> &'static str {
        match self {
            Self::Chest => "CHEST",
            Self::Abdomen | Self::WaterPhantom | Self::Table => "ABDOMEN",
            Self::Pelvis => "PELVIS",
            Self::Legs => "LEG",
            Self::Arms => "ARM",
            Self::LowerNeck => "NECK",
            Self::Brain | Self::HeadPhantom => "HEAD",
        }
    }

    fn number(self) -> u64 {
        Self::ALL.iter().zip(0..).find(|(part, _)| **part == self).map_or(0, |(_, n)| n)
    }
}

/// A synthetic CT that holds no parotid gland.
#[derive(Debug)]
pub struct BodyPhantom {
    /// What it shows.
    pub part: BodyPart,
    /// The CT, LPS, slices to superior.
    pub volume: Volume<Hounsfield>,
    /// How it was scanned; the seed decides at which site.
    pub acquisition: Acquisition,
}

/// The phantom of a part for a seed: 512 x 512 where `overrides` says nothing else; fewer slices are
/// those around the middle of the scan.
#[must_use]
pub fn generate_body(part: BodyPart, seed: u64, overrides: Overrides) -> BodyPhantom {
    let seed = derive_seed(seed, 900 + part.number());
    let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(seed, 1));
    let site = Site::BOTH[usize::from(rng.random_bool(0.5))];
    if matches!(part, BodyPart::LowerNeck | BodyPart::Brain) {
        return cut_head::generate(part, site, seed, overrides);
    }
    let subject = subject(&mut rng, part, seed);
    let acquisition = subject.acquisition(&mut rng, site, overrides);
    let volume = subject.scan(&mut rng, &acquisition, seed);
    BodyPhantom { part, volume, acquisition }
}

fn subject(rng: &mut ChaCha8Rng, part: BodyPart, seed: u64) -> Subject {
    let scene_seed = derive_seed(seed, 2);
    match part {
        BodyPart::WaterPhantom => test_object::water(rng, scene_seed),
        BodyPart::HeadPhantom => test_object::head(rng, scene_seed),
        BodyPart::Table => test_object::nothing(rng, scene_seed),
        BodyPart::Arms => limbs::arms_alone(rng, scene_seed),
        _ => body(rng, part, scene_seed),
    }
}

/// What lies in the scanner and how much of it is scanned.
struct Subject {
    scene: Scene,
    frame: Frame,
    /// Heights in the frame.
    range_z: [f64; 2],
    /// Fields of view that are used for it, mm.
    fields_mm: [f64; 2],
    /// Place in the frame that the field of view is centred on.
    middle: [f64; 2],
    contrast: bool,
}

impl Subject {
    fn acquisition(&self, rng: &mut ChaCha8Rng, site: Site, overrides: Overrides) -> Acquisition {
        let range_z = self.range_z.map(|z| self.frame.patient_z(z));
        let mut acquisition =
            Acquisition::sample_elsewhere(rng, site, range_z, self.fields_mm, overrides);
        acquisition.contrast = self.contrast;
        // Wide bodies stop more photons than heads do.
        acquisition.noise_hu *= rng.random_range(0.7..1.8);
        acquisition
    }

    fn scan(
        &self,
        rng: &mut ChaCha8Rng,
        acquisition: &Acquisition,
        seed: u64,
    ) -> Volume<Hounsfield> {
        let origin = self.frame.origin();
        let grid = acquisition.grid(origin[0] + self.middle[0], origin[1] + self.middle[1]);
        let sampling = Sampling {
            slice_thickness_mm: acquisition.slice_thickness_mm,
            blur_mm: acquisition.blur_mm,
        };
        let (mut volume, _) = self.scene.render(&self.frame, &grid, sampling);
        let table = sample_table(rng, &volume, origin);
        scanner::scan(&mut volume, acquisition, &Setup::Table(table), origin, seed);
        volume
    }
}

/// A table under whatever lies in the volume.
fn sample_table(rng: &mut impl Rng, volume: &Volume<Hounsfield>, origin: Vector) -> Table {
    let flat = rng.random_bool(0.3);
    let hollow: f64 = if flat { 0.0 } else { rng.random_range(15.0..70.0) };
    let foam: f64 = *[0.0, 0.0, 8.0, 25.0].get(rng.random_range(0..4)).unwrap_or(&0.0);
    let lowest = lowest_y(volume).map_or(rng.random_range(20.0..160.0), |y| y - origin[1]);
    Table {
        top_y: lowest + foam,
        middle_x: rng.random_range(-25.0..25.0),
        half_width: rng.random_range(195.0..270.0),
        thickness: rng.random_range(22.0..85.0),
        shell: rng.random_range(1.5..5.0),
        shell_hu: rng.random_range(-420.0..-40.0),
        hollow,
        body_radius: 160.0,
    }
}

/// How far back the body reaches, patient y.
fn lowest_y(volume: &Volume<Hounsfield>) -> Option<f64> {
    let grid: &Geometry = volume.geometry();
    let [n_slices, n_rows, n_columns] = grid.shape();
    let is_body = |row: usize| {
        (0..n_slices).any(|slice| {
            let line = &volume.slice(slice)[row * n_columns..][..n_columns];
            line.iter().any(|hu| hu.0 > BODY_HU_MIN)
        })
    };
    let row = (0..n_rows).rev().find(|row| is_body(*row))?;
    #[allow(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let y = grid.to_patient([0.0, row as f64, 0.0]).y;
    Some(y)
}

/// A frame that lies somewhere near the scanner's axis, turned a little; the middle of the range
/// stays where it is.
fn placed(rng: &mut impl Rng, range_z: [f64; 2], turn_max: f64, size: [f64; 2]) -> Frame {
    let size: f64 = rng.random_range(size[0]..size[1]);
    let scale = std::array::from_fn(|_| size * rng.random_range(0.94..1.06));
    let origin = [
        rng.random_range(-20.0..20.0),
        rng.random_range(-30.0..30.0),
        rng.random_range(-400.0..400.0),
    ];
    let degrees = [
        0.4 * rng.random_range(-turn_max..turn_max),
        0.4 * rng.random_range(-turn_max..turn_max),
        rng.random_range(-turn_max..turn_max),
    ];
    let pivot = [0.0, 0.0, 0.5 * (range_z[0] + range_z[1])];
    Frame::placed(rng, origin, pivot, degrees, scale, 1.8)
}

/// Chest, abdomen, pelvis, legs: ranges of one body.
fn body(rng: &mut ChaCha8Rng, part: BodyPart, scene_seed: u64) -> Subject {
    let figure = Figure::sample(rng);
    let (range_z, fields_mm) = match part {
        BodyPart::Chest => {
            ([rng.random_range(225.0..340.0), rng.random_range(470.0..585.0)], 300.0)
        }
        BodyPart::Abdomen => {
            ([rng.random_range(40.0..160.0), rng.random_range(290.0..400.0)], 300.0)
        }
        BodyPart::Pelvis => {
            ([rng.random_range(-130.0..-30.0), rng.random_range(80.0..190.0)], 280.0)
        }
        _ => (limbs::sample_legs_range(rng), 200.0),
    };
    let one_side = rng.random_bool(0.3);
    let turn_max = if rng.random_bool(0.2) { 25.0 } else { 7.0 };
    let frame = placed(rng, range_z, turn_max, [0.8, 1.12]);
    let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let (fields_mm, middle) = match (part, one_side) {
        (BodyPart::Legs, true) => ([200.0, 300.0], [side * 95.0, 10.0]),
        // A spine, a shoulder, a hip: a small field somewhere in the body.
        (_, true) => {
            ([200.0, 320.0], [side * rng.random_range(0.0..130.0), rng.random_range(-40.0..60.0)])
        }
        (_, false) => {
            ([fields_mm, 500.0], [rng.random_range(-15.0..15.0), rng.random_range(-20.0..30.0)])
        }
    };
    let mut scene = figure.scene(scene_seed);
    if part == BodyPart::Legs {
        limbs::add_legs(&mut scene, &figure);
    } else {
        chest::add_lungs(&mut scene, &figure, rng);
        belly::add(&mut scene, &figure, rng);
        chest::add_mediastinum(&mut scene, &figure, rng);
        limbs::add_legs(&mut scene, &figure);
        limbs::add_arms(&mut scene, &figure);
        bones::add_trunk(&mut scene, &figure);
        figure.add_devices(&mut scene, rng);
    }
    let contrast = figure.person.contrast_hu > 0.0;
    Subject { scene, frame, range_z, fields_mm, middle, contrast }
}

#[cfg(test)]
mod tests;
