//! What a scanner is checked with, and the table alone.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::super::form::{Form, Vector};
use super::super::frame::Frame;
use super::super::scene::Scene;
use super::super::tissue::{Texture, Tissue};
use super::Subject;

/// HU of the plastics and of what stands for bone and contrast medium in test objects: air, PMP,
/// LDPE, polystyrene, water, acrylic, Delrin, Teflon, solutions of iodine.
const INSERTS_HU: [f64; 11] =
    [-1000.0, -200.0, -100.0, -35.0, 0.0, 120.0, 340.0, 990.0, 60.0, 220.0, 700.0];
const ACRYLIC_HU: f64 = 120.0;

/// One number without any structure.
fn even(hu: f64) -> Tissue {
    Tissue { hu, texture: Texture::Clouds { mm: 40.0, hu: 0.5 } }
}

/// A rigid frame: test objects are as they were drawn.
fn rigid(rng: &mut impl Rng, tilt: f64) -> Frame {
    let origin = [
        rng.random_range(-25.0..25.0),
        rng.random_range(-35.0..35.0),
        rng.random_range(-300.0..300.0),
    ];
    let degrees = [0; 3].map(|_| rng.random_range(-tilt..tilt));
    Frame::placed(rng, origin, [0.0; 3], degrees, [1.0; 3], 1e-6)
}

fn subject(rng: &mut impl Rng, scene: Scene, half_length: f64, radius: f64) -> Subject {
    let frame = rigid(rng, 3.0);
    // Some scans reach beyond the object's ends.
    let reach = half_length * rng.random_range(0.6..1.15);
    let shift = rng.random_range(-0.2..0.2) * half_length;
    let middle = [rng.random_range(-12.0..12.0), rng.random_range(-12.0..12.0)];
    let fields_mm = [(2.1 * radius).clamp(200.0, 480.0), 500.0];
    Subject {
        scene,
        frame,
        range_z: [shift - reach, shift + reach],
        fields_mm,
        middle,
        contrast: false,
    }
}

/// Rods of different plastics on a ring.
fn add_rods(scene: &mut Scene, rng: &mut impl Rng, ring: f64, half_length: f64) {
    let n = rng.random_range(0..13_u8);
    let start: f64 = rng.random_range(0.0..360.0);
    let same_radius: f64 = rng.random_range(3.0..14.0);
    for k in 0..n {
        let angle = (start + 360.0 * f64::from(k) / f64::from(n)).to_radians();
        let (sin, cos) = angle.sin_cos();
        let hu = *INSERTS_HU.choose(rng).expect("the list above is not empty");
        let z = if rng.random_bool(0.7) { 0.0 } else { rng.random_range(-0.4..0.4) * half_length };
        let length = if z == 0.0 { half_length - 4.0 } else { 12.0 };
        scene.add_outer(Form::cylinder([ring * cos, ring * sin, z], same_radius, length), even(hu));
    }
}

/// Water, or a plastic like it, in an acrylic cylinder.
pub(super) fn water(rng: &mut impl Rng, seed: u64) -> Subject {
    let radius: f64 = rng.random_range(75.0..165.0);
    let half_length: f64 = rng.random_range(50.0..140.0);
    let wall: f64 = rng.random_range(4.0..12.0);
    let outer = Form::cylinder([0.0; 3], radius, half_length);
    let mut scene = Scene::new(seed, outer, even(ACRYLIC_HU));
    let filling = if rng.random_bool(0.7) { 0.0 } else { rng.random_range(-30.0..110.0) };
    scene.add_outer(Form::cylinder([0.0; 3], radius - wall, half_length - wall), even(filling));
    let ring = radius * rng.random_range(0.45..0.7);
    add_rods(&mut scene, rng, ring, half_length - wall);
    if rng.random_bool(0.5) {
        add_lines(&mut scene, rng, 0.6 * radius);
    }
    if rng.random_bool(0.4) {
        // Thin wires that slices are measured with.
        for x in [-1.0, 1.0] {
            let wire =
                [([x * 0.3 * radius, -20.0, -20.0], 0.4), ([x * 0.3 * radius, 20.0, 20.0], 0.4)];
            scene.add_outer(Form::chain(&wire), even(2400.0));
        }
    }
    if rng.random_bool(0.3) {
        // A bubble on top.
        let bubble = Form::ellipsoid([0.0, 6.0 - radius + wall, 0.0], [25.0, 8.0, 30.0]);
        scene.add_outer(bubble, even(-1000.0));
    }
    subject(rng, scene, half_length, radius)
}

/// Groups of plates, finer from group to group.
fn add_lines(scene: &mut Scene, rng: &mut impl Rng, radius: f64) {
    let z = rng.random_range(-30.0..30.0);
    for group in 0..6_u8 {
        let angle = f64::from(group).mul_add(50.0, 20.0).to_radians();
        let gap = 5.0 - 0.7 * f64::from(group);
        for n in -2..=2_i8 {
            let (sin, cos) = angle.sin_cos();
            let aside = gap * f64::from(n);
            let at: Vector = [radius * cos - aside * sin, radius * sin + aside * cos, z];
            let plate =
                Form::block(at, [7.0, gap / 4.0, 8.0], 0.0).turned([0.0, 0.0, -angle.to_degrees()]);
            scene.add_outer(plate, even(1400.0));
        }
    }
}

/// An acrylic disc with holes for a dose meter, or a skull of one thickness around even tissue.
pub(super) fn head(rng: &mut impl Rng, seed: u64) -> Subject {
    if rng.random_bool(0.4) {
        return dose_disc(rng, seed);
    }
    let [x, y]: [f64; 2] = [rng.random_range(68.0..80.0), rng.random_range(85.0..100.0)];
    let half_length: f64 = rng.random_range(70.0..125.0);
    let shape = |inward: f64| {
        Form::flat_chain(
            &[([0.0, 0.0, -half_length], y - inward), ([0.0, 0.0, half_length - y], y - inward)],
            [y / x, 1.0, 1.0],
        )
        .between([-half_length, half_length])
    };
    let skin = rng.random_range(2.0..9.0);
    let bone: f64 = rng.random_range(4.0..9.0);
    let bone_hu = rng.random_range(600.0..1300.0);
    let mut scene = Scene::new(seed, shape(0.0), even(rng.random_range(-20.0..110.0)));
    scene.add_outer(shape(skin), even(bone_hu));
    scene.add_outer(shape(skin + bone), even(rng.random_range(5.0..45.0)));
    add_rods(&mut scene, rng, 0.55 * x, half_length);
    if rng.random_bool(0.5) {
        for n in 0..5_u8 {
            // Balls of a contrast that can just be seen.
            let at = [16.0 * (f64::from(n) - 2.0), rng.random_range(-25.0..25.0), 0.0];
            let radius = 2.0 + 1.5 * f64::from(n);
            scene.add_outer(Form::ellipsoid(at, [radius; 3]), even(rng.random_range(30.0..70.0)));
        }
    }
    subject(rng, scene, half_length, y)
}

fn dose_disc(rng: &mut impl Rng, seed: u64) -> Subject {
    let radius = 80.0;
    let half_length = rng.random_range(70.0..80.0);
    let disc = Form::cylinder([0.0; 3], radius, half_length);
    let mut scene = Scene::new(seed, disc, even(ACRYLIC_HU));
    let open: bool = rng.random_bool(0.5);
    for [x, y] in [[0.0, 0.0], [70.0, 0.0], [-70.0, 0.0], [0.0, 70.0], [0.0, -70.0]] {
        let hu = if open || rng.random_bool(0.3) { -1000.0 } else { ACRYLIC_HU + 15.0 };
        scene.add_outer(Form::cylinder([x, y, 0.0], 6.5, half_length + 1.0), even(hu));
    }
    subject(rng, scene, half_length, radius)
}

/// A table, with nothing or a folded blanket on it.
pub(super) fn nothing(rng: &mut impl Rng, seed: u64) -> Subject {
    let blanket = rng.random_bool(0.5);
    let place: Vector = if blanket { [0.0, 60.0, 0.0] } else { [0.0, 60.0, 5000.0] };
    let half = [rng.random_range(60.0..200.0), rng.random_range(4.0..25.0), 180.0];
    let cloth = Tissue {
        hu: rng.random_range(-930.0..-780.0),
        texture: Texture::Clouds { mm: 9.0, hu: 60.0 },
    };
    let scene = Scene::new(seed, Form::block(place, half, 3.0), cloth);
    let length: f64 = rng.random_range(60.0..220.0);
    subject(rng, scene, length, 240.0)
}
