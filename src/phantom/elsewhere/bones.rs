//! The trunk's bones: spine, ribs, breastbone, shoulder blades, pelvis.

use super::super::form::{Form, Vector};
use super::super::scene::Scene;
use super::super::tissue::Tissue;
use super::figure::{Figure, interpolate};

/// Heights of the vertebral bodies from L5 up to C6, and how far back each lies.
const BODIES: [[f64; 2]; 19] = [
    [95.0, 30.0],
    [131.0, 25.0],
    [167.0, 24.0],
    [203.0, 27.0],
    [238.0, 32.0],
    [270.0, 38.0],
    [299.0, 43.0],
    [326.0, 47.0],
    [352.0, 50.0],
    [377.0, 52.0],
    [401.0, 53.0],
    [425.0, 53.0],
    [447.0, 51.0],
    [469.0, 48.0],
    [490.0, 43.0],
    [511.0, 37.0],
    [531.0, 30.0],
    [550.0, 24.0],
    [568.0, 20.0],
];
/// The place of T12 in [`BODIES`]; T1 lies eleven further.
const T12: usize = 5;
/// Half width of the rib cage by height.
const CAGE: [[f64; 2]; 9] = [
    [230.0, 118.0],
    [300.0, 130.0],
    [360.0, 135.0],
    [420.0, 130.0],
    [455.0, 117.0],
    [485.0, 96.0],
    [510.0, 72.0],
    [530.0, 48.0],
    [545.0, 34.0],
];
/// How much less deep than wide a rib cage is.
const CAGE_DEPTH: f64 = 0.7;

/// Half width of the rib cage at a height.
pub(super) fn cage(z: f64) -> f64 {
    interpolate(&CAGE, z)
}

/// How far back the spine lies at a height.
pub(super) fn spine_y(z: f64) -> f64 {
    interpolate(&BODIES, z)
}

pub(super) fn add_trunk(scene: &mut Scene, figure: &Figure) {
    let hu = figure.person.bone_hu;
    let spongy = Tissue::bone(0.75 * hu, 1.4, 0.2 * hu);
    for (n, [z, y]) in BODIES.into_iter().enumerate() {
        add_vertebra(scene, spongy, [0.0, y, z], n);
    }
    add_canal(scene);
    add_ribs(scene, figure, spongy);
    add_shoulders(scene, spongy);
    add_pelvis(scene, figure, spongy);
}

/// Bodies grow smaller from L5 upward.
fn add_vertebra(scene: &mut Scene, bone: Tissue, [_, y, z]: Vector, number: usize) {
    let size = 1.0 - 0.034 * f64::from(u8::try_from(number).unwrap_or(u8::MAX));
    let s = |mm: f64| size * mm;
    scene.add(
        Form::block([0.0, y, z - s(18.0)], [s(22.0), s(16.0), s(8.0)], s(6.0)),
        Tissue::plain(80.0),
    );
    scene.add(Form::block([0.0, y, z], [s(25.0), s(18.0), s(13.5)], s(7.0)), bone);
    let pedicle =
        [([s(16.0), y + s(12.0), z + s(4.0)], s(6.5)), ([s(19.0), y + s(30.0), z], s(6.0))];
    scene.add_pair(Form::chain(&pedicle), bone);
    let process =
        [([s(19.0), y + s(28.0), z], s(5.5)), ([s(42.0), y + s(32.0), z + s(2.0)], s(4.0))];
    scene.add_pair(Form::chain(&process), bone);
    let arch =
        [([s(18.0), y + s(31.0), z - s(4.0)], s(6.0)), ([0.0, y + s(44.0), z - s(8.0)], s(4.5))];
    scene.add_pair(Form::chain(&arch), bone);
    let spine =
        [([0.0, y + s(44.0), z - s(8.0)], s(4.5)), ([0.0, y + s(68.0), z - s(14.0)], s(5.0))];
    scene.add(Form::chain(&spine), bone);
}

fn add_canal(scene: &mut Scene) {
    let canal = BODIES.map(|[z, y]| ([0.0, y + 25.0, z], 9.5));
    scene.add(Form::flat_chain(&canal, [0.9, 1.1, 1.0]), Tissue::plain(10.0));
    let cord = BODIES[4..].iter().map(|[z, y]| ([0.0, y + 25.0, *z], 5.0)).collect::<Vec<_>>();
    scene.add(Form::flat_chain(&cord, [0.85, 1.15, 1.0]), Tissue::plain(38.0));
}

fn add_ribs(scene: &mut Scene, figure: &Figure, bone: Tissue) {
    let cartilage = Tissue::plain(110.0);
    for number in 1..=12_u8 {
        let [head_z, head_y] = BODIES[T12 + 12 - usize::from(number)];
        let end = match number {
            12 => 62.0,
            11 => 90.0,
            8..=10 => 122.0,
            _ => 138.0,
        };
        let drop = if number == 1 { 22.0 } else { 62.0 };
        let place = |degrees: f64| -> Vector {
            let z = head_z - drop * degrees / 138.0;
            let (sin, cos) = degrees.to_radians().sin_cos();
            [cage(z) * sin, 4.0 + CAGE_DEPTH * cage(z) * cos, z]
        };
        let mut points = vec![([20.0, head_y + 6.0, head_z], 5.0), (place(28.0), 5.0)];
        points.extend(
            (2..=6).map(|n| 28.0 + (end - 28.0) * f64::from(n) / 6.0).map(|a| (place(a), 4.8)),
        );
        scene.add_pair(Form::flat_chain(&points, [1.15, 1.15, 0.72]), bone);
        if number <= 8 {
            let [x, y, z] = place(end);
            let rise = if number > 5 { 30.0 } else { 8.0 };
            let top = (z + rise).clamp(345.0, 490.0);
            let link = [([x, y, z], 5.0), ([15.0, breastbone_y(top) + 2.0, top], 5.0)];
            scene.add_pair(Form::chain(&link), cartilage);
        }
    }
    let hu = figure.person.bone_hu;
    let plate = [345.0, 420.0, 494.0].map(|z| ([0.0, breastbone_y(z), z], 8.5));
    let breastbone = Form::flat_chain(&plate, [0.5, 1.2, 1.0]);
    scene.add(breastbone, Tissue::bone(0.7 * hu, 1.2, 0.15 * hu));
}

fn breastbone_y(z: f64) -> f64 {
    interpolate(&[[330.0, -92.0], [420.0, -88.0], [500.0, -64.0]], z)
}

fn add_shoulders(scene: &mut Scene, bone: Tissue) {
    let collar = [
        ([14.0, -64.0, 504.0], 9.0),
        ([60.0, -62.0, 514.0], 6.0),
        ([115.0, -22.0, 524.0], 6.0),
        ([160.0, 8.0, 532.0], 7.0),
    ];
    scene.add_pair(Form::chain(&collar), bone);
    let blade = Form::block([106.0, 66.0, 440.0], [38.0, 2.6, 60.0], 2.5).turned([0.0, 0.0, 30.0]);
    scene.add_pair(blade, bone);
    let ridge =
        [([80.0, 92.0, 478.0], 5.0), ([135.0, 68.0, 505.0], 6.0), ([165.0, 30.0, 530.0], 8.0)];
    scene.add_pair(Form::chain(&ridge), bone);
    scene.add_pair(Form::ellipsoid([146.0, 28.0, 500.0], [10.0, 14.0, 20.0]), bone);
}

fn add_pelvis(scene: &mut Scene, figure: &Figure, bone: Tissue) {
    let wing = Form::block([98.0, 26.0, 78.0], [5.0, 56.0, 52.0], 4.5).turned([0.0, -18.0, -30.0]);
    let crest = Form::chain(&[
        ([118.0, -30.0, 95.0], 7.0),
        ([126.0, 0.0, 128.0], 7.0),
        ([104.0, 45.0, 130.0], 7.0),
        ([62.0, 78.0, 100.0], 8.0),
    ]);
    let socket = Form::ellipsoid([82.0, 4.0, 6.0], [30.0, 34.0, 34.0]);
    let column = Form::chain(&[([78.0, 10.0, 20.0], 17.0), ([72.0, 55.0, 70.0], 13.0)]);
    let pubis = Form::chain(&[([62.0, -22.0, 12.0], 10.0), ([10.0, -48.0, -8.0], 10.0)]);
    let lower = Form::chain(&[([12.0, -44.0, -20.0], 7.0), ([48.0, 12.0, -68.0], 8.0)]);
    let seat = Form::chain(&[([76.0, 34.0, -8.0], 13.0), ([56.0, 28.0, -62.0], 15.0)]);
    let whole = Form::Join(vec![wing, crest, socket, column, pubis, lower, seat], 6.0);
    scene.add_pair(whole, bone);
    let sacrum = Form::flat_chain(
        &[([0.0, 42.0, 74.0], 24.0), ([0.0, 72.0, 36.0], 19.0), ([0.0, 84.0, -4.0], 8.0)],
        [0.52, 1.35, 1.0],
    );
    scene.add(sacrum, bone);
    scene.add(Form::chain(&[([0.0, 84.0, -8.0], 6.0), ([0.0, 72.0, -34.0], 4.0)]), bone);
    let cartilage = Tissue::plain(70.0);
    scene.add_pair(Form::ellipsoid([88.0, 0.0, 0.0], [26.5, 26.5, 26.5]), cartilage);
    for (metal, side) in figure.metal_hip.into_iter().zip([-1.0, 1.0]) {
        add_hip(scene, figure, side, metal);
    }
}

/// Head and neck of the thigh bone, or what took their place.
fn add_hip(scene: &mut Scene, figure: &Figure, side: f64, metal: bool) {
    let hu = figure.person.bone_hu;
    let neck = [([side * 90.0, 0.0, 0.0], 13.0), ([side * 124.0, 8.0, -28.0], 16.0)];
    if metal {
        let alloy = Tissue::plain(3000.0);
        scene.add(Form::ellipsoid([side * 88.0, 0.0, 0.0], [17.0, 17.0, 17.0]), alloy);
        let stem = [
            ([side * 88.0, 0.0, 0.0], 6.5),
            ([side * 122.0, 8.0, -30.0], 8.0),
            ([side * 112.0, 5.0, -150.0], 5.0),
        ];
        scene.add(Form::chain(&stem), alloy);
    } else {
        let bone = Tissue::bone(0.8 * hu, 1.6, 0.28 * hu);
        let head = Form::ellipsoid([side * 88.0, 0.0, 0.0], [23.5, 23.5, 23.5]);
        scene.add(Form::Join(vec![head, Form::chain(&neck)], 5.0), bone);
    }
}
