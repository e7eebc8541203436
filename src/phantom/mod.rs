//! Seeded synthetic head-and-neck CT with ground truth, for the demo, self-test, tests and training.
//!
//! Anatomy is written as solids in a head's frame ([`skull`], [`soft_tissue`], [`glands`], ..), the
//! seed decides size, position, age and disease, and a scanner model adds what scanners add. The same
//! specification gives the same bytes on any number of threads. LPS, head first, supine.

mod acquisition;
mod airway;
pub mod elsewhere;
mod form;
mod frame;
mod glands;
pub mod noise;
mod person;
mod scanner;
mod scene;
mod skull;
mod soft_tissue;
mod spine;
mod tissue;
pub mod tumor;
mod vessels;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use acquisition::{Acquisition, Overrides, Protocol, Site};
pub use tumor::{TumorPlace, TumorSpec, draw_tumor};

use crate::imaging::{Mask, PatientPoint, Volume};
use crate::units::{CubicCentimeters, Hounsfield, Side};
use frame::Frame;
use noise::derive_seed;
use person::Person;
use scene::{Sampling, Scene, side_index};

/// Places that are tried for a mass.
const TUMOR_TRIES_MAX: usize = 16;
/// Share of muscle in a mass's place that is good enough.
const MUSCLE_SHARE_MAX: f64 = 0.08;
/// Denser than fat, HU.
const FAT_HU_MAX: f32 = -20.0;

/// What decides a phantom; everything else follows from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhantomSpec {
    /// One patient a seed: the anatomy is the same at any site and for any protocol. A gland with a
    /// mass has no mimics; where exactly a mass is centred depends on the grid.
    pub seed: u64,
    /// Where it is scanned.
    pub site: Site,
    /// What for.
    pub protocol: Protocol,
    /// The side of the mass, if there is one.
    pub tumor: Option<Side>,
}

/// A synthetic CT and the truth about it.
#[derive(Debug)]
pub struct Phantom {
    /// The CT.
    pub volume: Volume<Hounsfield>,
    /// The right and the left parotid (with vessels and nodes in it, and with the part that a mass
    /// took the place of) on the volume's grid.
    pub glands: [Mask; 2],
    /// Size of the right and the left gland and how much of it the scan holds.
    pub coverage: [GlandCoverage; 2],
    /// The mass.
    pub tumor: Option<TumorTruth>,
    /// How it was scanned.
    pub acquisition: Acquisition,
}

/// A gland's size, whether the field of view holds it or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GlandCoverage {
    /// Volume of the whole gland, estimated on a 2.5 mm grid.
    pub volume_cm3: CubicCentimeters,
    /// Share of it between the first and the last slice; 1 is all of it.
    pub inside_share: f64,
}

/// The truth about a mass.
#[derive(Debug)]
pub struct TumorTruth {
    /// Its side.
    pub side: Side,
    /// Its voxels on the volume's grid; a head scan may cut it.
    pub mask: Mask,
    /// What it was drawn from.
    pub spec: TumorSpec,
}

/// The phantom of a specification, as its site scans it (512 x 512).
#[must_use]
pub fn generate(spec: &PhantomSpec) -> Phantom {
    generate_with(spec, Overrides::default())
}

/// The phantom of a specification on a smaller matrix, with other or fewer slices.
#[must_use]
pub fn generate_with(spec: &PhantomSpec, overrides: Overrides) -> Phantom {
    let (frame, person) = patient(spec.seed, spec.tumor);
    let site_seed = derive_seed(spec.seed, 12 + scan_number(spec));
    let mut rng = ChaCha8Rng::seed_from_u64(site_seed);
    let mut acquisition =
        Acquisition::sample(&mut rng, spec.site, spec.protocol, &frame, overrides);
    acquisition.contrast = person.contrast_hu > 0.0;

    let scene = build_scene(&person, derive_seed(spec.seed, 20));
    let origin = frame.origin();
    let grid = acquisition.grid(origin[0], origin[1] - 8.0 * frame.mean_scale());
    let sampling = Sampling {
        slice_thickness_mm: acquisition.slice_thickness_mm,
        blur_mm: acquisition.blur_mm,
    };
    let (mut volume, glands) = scene.render(&frame, &grid, sampling);
    let tumor = spec.tumor.map(|side| {
        let gland = &glands[side_index(side)];
        let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(spec.seed, 30));
        let spec = sample_tumor(&mut rng, &volume, gland);
        // Before the noise: the mass gets the same as everything else.
        let mask = draw_tumor(&mut volume, gland, &spec);
        TumorTruth { side, mask, spec }
    });
    scanner::scan(&mut volume, &acquisition, &scanner::Setup::Head, origin, site_seed);
    let half = 0.5 * acquisition.slice_spacing_mm;
    let (low, high) = grid.extent();
    let coverage = scene.gland_extent(&frame, [low.z - half, high.z + half]);
    let coverage = coverage.map(|(mm3, inside_share)| GlandCoverage {
        volume_cm3: CubicCentimeters(mm3 / 1000.0),
        inside_share,
    });
    Phantom { volume, glands, coverage, tumor, acquisition }
}

/// What looks like a mass and is none: a node or cyst of 3 to 9 mm in a gland.
#[must_use]
pub fn sample_mimic(rng: &mut ChaCha8Rng, volume: &Volume<Hounsfield>, gland: &Mask) -> TumorSpec {
    let diameter_mm: f64 = rng.random_range(3.0..9.0);
    let volume_cm3 = std::f64::consts::PI / 6.0 * diameter_mm.powi(3) / 1000.0;
    let spec = sample_tumor(rng, volume, gland);
    // A node is soft tissue, a cyst water: no room for a core or grains.
    TumorSpec {
        volume_cm3: CubicCentimeters(volume_cm3),
        core_fraction: 0.0,
        calcifications: 0,
        ..spec
    }
}

/// Who a seed is.
fn patient(seed: u64, tumor: Option<Side>) -> (Frame, Person) {
    let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(seed, 11));
    let frame = Frame::sample(&mut rng);
    let person = Person::sample(&mut rng, tumor);
    (frame, person)
}

/// A mass that grew in the gland.
#[must_use]
pub fn sample_tumor(rng: &mut ChaCha8Rng, volume: &Volume<Hounsfield>, gland: &Mask) -> TumorSpec {
    let first = TumorSpec::sample(rng, gland);
    clear_of_muscle(rng, volume, gland, first)
}

/// A mass that grew in the gland's deep lobe.
#[must_use]
pub fn sample_deep_tumor(
    rng: &mut ChaCha8Rng,
    volume: &Volume<Hounsfield>,
    gland: &Mask,
) -> TumorSpec {
    let first = TumorSpec::sample_deep(rng, gland);
    clear_of_muscle(rng, volume, gland, first)
}

/// Of the mass and others of its size and place the one that takes the place of the least muscle, since
/// a mass pushes muscle aside and does not become a part of it.
fn clear_of_muscle(
    rng: &mut ChaCha8Rng,
    volume: &Volume<Hounsfield>,
    gland: &Mask,
    first: TumorSpec,
) -> TumorSpec {
    let mut best = (muscle_share(&first, volume, gland), first);
    for _ in 1..TUMOR_TRIES_MAX {
        if best.0 <= MUSCLE_SHARE_MAX {
            break;
        }
        // The place stays: of deep masses, too, the best one is taken, not one that is not deep.
        let next = TumorSpec::sample_at(rng, gland, best.1.volume_cm3.0, best.1.place);
        let share = muscle_share(&next, volume, gland);
        if share < best.0 {
            best = (share, next);
        }
    }
    best.1
}

/// Share of a ball of the mass's size and place that is denser than fat and no gland.
fn muscle_share(spec: &TumorSpec, volume: &Volume<Hounsfield>, gland: &Mask) -> f64 {
    const STEPS: i32 = 6;
    let radius_mm = spec.diameter_mm().0 / 2.0;
    let at = |n: i32| f64::from(n) / f64::from(STEPS) * radius_mm;
    let [mut n_inside, mut n_muscle] = [0.0_f64; 2];
    for (z, y, x) in (-STEPS..=STEPS)
        .flat_map(|z| (-STEPS..=STEPS).flat_map(move |y| (-STEPS..=STEPS).map(move |x| (z, y, x))))
    {
        if x * x + y * y + z * z > STEPS * STEPS {
            continue;
        }
        let PatientPoint { x: left, y: back, z: up } = spec.center;
        let point = PatientPoint::new(left + at(x), back + at(y), up + at(z));
        let index = volume.geometry().to_index(point);
        n_inside += 1.0;
        let is_gland = gland.interpolate(index).is_some_and(|share| share >= 0.5);
        let is_dense = volume.interpolate(index).is_some_and(|hu| hu > FAT_HU_MAX);
        n_muscle += f64::from(u8::from(is_dense && !is_gland));
    }
    n_muscle / n_inside
}

fn scan_number(spec: &PhantomSpec) -> u64 {
    let site = u64::from(spec.site == Site::B);
    site * 2 + u64::from(spec.protocol == Protocol::Head)
}

/// The anatomy, from what is painted first to what lies over everything.
fn build_scene(person: &Person, seed: u64) -> Scene {
    let mut scene = soft_tissue::body(person, seed);
    soft_tissue::add_deep_muscles(&mut scene, person);
    soft_tissue::add_parapharyngeal_fat(&mut scene, person);
    glands::add_parotids(&mut scene, person);
    soft_tissue::add_bordering_muscles(&mut scene, person);
    glands::add_submandibular(&mut scene, person);
    glands::add_mimics(&mut scene, person);
    skull::add(&mut scene, person);
    spine::add(&mut scene, person);
    airway::add(&mut scene, person);
    vessels::add(&mut scene, person);
    scene
}

#[cfg(test)]
mod anatomy_tests;
#[cfg(test)]
mod tests;
