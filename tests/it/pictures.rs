//! `docs/phantoms.png`: phantoms beside a real CT, so that anybody can judge how alike they are.
//!
//! Upper row: axial planes at the height of the parotid glands; middle row: coronal planes through
//! them. From the left: the one real CT, a phantom brought to the real one's coarse grid, two phantoms
//! as scanned, the second with a mass in the left gland. Lower row: phantoms without glands. The real
//! CT is VTK's `headsq` (Kitware, Apache-2.0), whose values are about HU + 1024.

use std::fs;
use std::io::BufWriter;
use std::path::Path;

use parotidd::imaging::{Geometry, PatientPoint, Volume, resample};
use parotidd::phantom::elsewhere::{BodyPart, generate_body};
use parotidd::phantom::{Overrides, Phantom, PhantomSpec, Protocol, Site, generate_with};
use parotidd::units::{Hounsfield, Side};

/// Side of one picture, pixels.
const SIDE: usize = 220;
/// Window centre and width, HU.
const WINDOW_HU: [f64; 2] = [40.0, 400.0];
const HEADSQ_SHAPE: [usize; 3] = [93, 64, 64];
const HEADSQ_SPACING_MM: [f64; 3] = [1.5, 3.2, 3.2];
/// The slice in the middle of its glands, counted from below, and a column and row in its middle.
const HEADSQ_GLANDS: [f64; 3] = [46.0, 37.0, 31.5];

/// A CT and where its glands are.
struct Shown {
    volume: Volume<Hounsfield>,
    center: PatientPoint,
    field_mm: f64,
}

impl Shown {
    fn axial(&self) -> Vec<u8> {
        self.plane(|right, down, c| PatientPoint { x: c.x + right, y: c.y + down, ..c })
    }

    fn coronal(&self) -> Vec<u8> {
        self.plane(|right, down, c| PatientPoint { x: c.x + right, z: c.z - down, ..c })
    }

    /// A plane of gray values; the patient's right is on the left.
    fn plane(&self, at: impl Fn(f64, f64, PatientPoint) -> PatientPoint) -> Vec<u8> {
        let mm = |pixel: usize| (pixel as f64 / SIDE as f64 - 0.5) * self.field_mm;
        let places = (0..SIDE * SIDE).map(|n| at(mm(n % SIDE), mm(n / SIDE), self.center));
        let hu = places.map(|at| self.volume.interpolate(self.volume.geometry().to_index(at)));
        hu.map(|hu| gray(f64::from(hu.unwrap_or(-1000.0)))).collect()
    }
}

fn gray(hu: f64) -> u8 {
    let [center, width] = WINDOW_HU;
    let share = (hu - center) / width + 0.5;
    #[allow(clippy::cast_sign_loss, reason = "clamped")]
    let gray = (255.0 * share).clamp(0.0, 255.0) as u8;
    gray
}

/// Files `quarter.1` (the top) to `quarter.93`, 64 x 64 little-endian 16-bit numbers each.
fn headsq(folder: &Path) -> Shown {
    let slices = (1..=HEADSQ_SHAPE[0]).rev().map(|n| folder.join(format!("quarter.{n}")));
    let bytes: Vec<u8> = slices.flat_map(|path| fs::read(path).unwrap()).collect();
    let hu = bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]) - 1024);
    let grid =
        Geometry::axis_aligned(PatientPoint::default(), HEADSQ_SPACING_MM, HEADSQ_SHAPE).unwrap();
    let volume = Volume::new(grid, hu.map(Hounsfield).collect()).unwrap();
    Shown { center: grid.to_patient(HEADSQ_GLANDS), volume, field_mm: 205.0 }
}

fn head(seed: u64, tumor: Option<Side>) -> Shown {
    let spec = PhantomSpec { seed, site: Site::A, protocol: Protocol::Neck, tumor };
    let overrides =
        Overrides { matrix: Some(320), slice_spacing_mm: Some(1.5), n_slices_max: Some(120) };
    let Phantom { volume, glands, .. } = generate_with(&spec, overrides);
    let [right, left] = glands.map(|gland| gland.centroid().unwrap());
    let middle = |a: f64, b: f64| f64::midpoint(a, b);
    let center = PatientPoint {
        x: middle(right.x, left.x),
        y: middle(right.y, left.y),
        z: middle(right.z, left.z),
    };
    Shown { volume, center, field_mm: 205.0 }
}

/// As if it had been scanned like the real one.
fn coarse(fine: &Shown) -> Shown {
    let [z, y, x] = HEADSQ_SPACING_MM;
    let PatientPoint { x: left, y: back, z: up } = fine.center;
    let half = |n: usize, mm: f64| (n as f64 / 2.0 - 0.5) * mm;
    let origin = PatientPoint::new(
        left - half(HEADSQ_SHAPE[2], x),
        back - half(HEADSQ_SHAPE[1], y),
        up - half(HEADSQ_SHAPE[0], z),
    );
    let grid = Geometry::axis_aligned(origin, HEADSQ_SPACING_MM, HEADSQ_SHAPE).unwrap();
    let hu = resample(&fine.volume, &grid, -1024.0);
    Shown { volume: hu.map(|hu| Hounsfield::from_f32(*hu)), ..*fine }
}

fn body(part: BodyPart, seed: u64) -> Shown {
    let overrides =
        Overrides { matrix: Some(256), slice_spacing_mm: Some(3.0), n_slices_max: Some(20) };
    let volume = generate_body(part, seed, overrides).volume;
    let grid = *volume.geometry();
    let center = grid.to_patient(grid.shape().map(|n| (n as f64 - 1.0) / 2.0));
    let field_mm = grid.spacing_mm()[2] * grid.shape()[2] as f64;
    Shown { volume, center, field_mm }
}

#[test]
#[ignore = "writes docs/phantoms.png from a real CT that a plain checkout does not have"]
fn phantoms_beside_a_real_ct() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let real = root.join("../shared/data/vtk_headsq_quarter");
    if !real.join("quarter.1").exists() {
        eprintln!("skipped: no real CT at {}", real.display());
        return;
    }
    let phantom = head(21, None);
    let heads = [headsq(&real), coarse(&phantom), phantom, head(24, Some(Side::Left))];
    let bodies = [
        body(BodyPart::Chest, 2),
        body(BodyPart::Abdomen, 1),
        body(BodyPart::Pelvis, 8),
        body(BodyPart::WaterPhantom, 1),
    ];
    let rows = [
        heads.each_ref().map(Shown::axial),
        heads.each_ref().map(Shown::coronal),
        bodies.each_ref().map(Shown::axial),
    ];
    let line =
        |row: usize| rows[row / SIDE].each_ref().map(|tile| &tile[row % SIDE * SIDE..][..SIDE]);
    let pixels: Vec<u8> = (0..rows.len() * SIDE).flat_map(|row| line(row).concat()).collect();

    let path = root.join("docs/phantoms.png");
    let (width, height) = ((heads.len() * SIDE) as u32, (rows.len() * SIDE) as u32);
    let mut encoder =
        png::Encoder::new(BufWriter::new(fs::File::create(&path).unwrap()), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::High);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    assert!((50_000..600_000).contains(&bytes), "{bytes} bytes");
}
