//! Lungs, heart, great vessels, windpipe and gullet.

use rand::Rng;

use super::super::form::{Form, Vector};
use super::super::scene::Scene;
use super::super::tissue::{Texture, Tissue};
use super::bones::{cage, spine_y};
use super::figure::Figure;

/// Lungs inside the rib cage, and the domes of the diaphragm that rise into them; under the domes is
/// the belly's fat.
pub(super) fn add_lungs(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let texture = Texture::Lung { vessel_hu: rng.random_range(450.0..950.0) };
    let lung = Tissue { hu: rng.random_range(-900.0..-720.0), texture };
    let heights = [262.0, 300.0, 360.0, 420.0, 455.0, 485.0, 510.0, 526.0];
    let inside = |inward: f64| {
        let points = heights.map(|z| ([0.0, 4.0, z], cage(z) - inward));
        Form::flat_chain(&points, [1.0, 1.43, 1.0]).between([236.0, 548.0])
    };
    scene.add(inside(8.0), lung);
    if rng.random_bool(0.2) {
        // Fluid gathers at the back; on one side, or on both.
        let depth = rng.random_range(20.0..80.0);
        let x = [-100.0, 0.0, 100.0][rng.random_range(0..3)];
        let back = Form::block([x, 100.0, 340.0], [100.0, depth, 130.0], 20.0);
        scene.add(Form::Meet(vec![inside(8.0), back]), Tissue::plain(12.0));
    }
    if rng.random_bool(0.2) {
        // A consolidation or a mass.
        let place = [
            rng.random_range(40.0..90.0) * if rng.random_bool(0.5) { 1.0 } else { -1.0 },
            rng.random_range(-30.0..60.0),
            rng.random_range(330.0..480.0),
        ];
        let radii = [0; 3].map(|_| rng.random_range(6.0..40.0));
        let mass = Tissue { hu: 25.0, texture: Texture::Clouds { mm: 6.0, hu: 30.0 } };
        scene.add(Form::Meet(vec![Form::ellipsoid(place, radii), inside(8.0)]), mass);
    }
    let breath: f64 = rng.random_range(-25.0..18.0);
    let fat = Tissue { hu: -100.0, texture: Texture::Clouds { mm: 12.0, hu: 14.0 } };
    for (x, top) in [(-62.0, 362.0), (62.0, 350.0)] {
        let dome = Form::ellipsoid([x, 0.0, 262.0], [76.0, 92.0, top + breath - 262.0]);
        scene.add(Form::Meet(vec![dome.clone(), inside(6.0)]), figure.muscle());
        scene.add(Form::Meet(vec![dome, inside(9.0)]), fat);
    }
}

pub(super) fn add_mediastinum(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let fat = Tissue { hu: -95.0, texture: Texture::Clouds { mm: 8.0, hu: 16.0 } };
    let middle = [
        ([6.0, -8.0, 345.0], 26.0),
        ([2.0, -4.0, 420.0], 29.0),
        ([0.0, 2.0, 480.0], 30.0),
        ([0.0, 4.0, 540.0], 30.0),
    ];
    scene.add(Form::flat_chain(&middle, [0.95, 0.52, 1.0]), fat);
    add_heart(scene, figure, rng);
    add_vessels(scene, figure);
    add_branches(scene, figure, rng);
    let wall = Tissue::muscle(figure.person.muscle_hu);
    let gullet: Vec<_> =
        [300.0, 380.0, 460.0, 530.0, 600.0].map(|z| ([5.0, spine_y(z) - 30.0, z], 7.5)).to_vec();
    scene.add(Form::flat_chain(&gullet, [0.85, 1.2, 1.0]), wall);
    let air = Tissue::plain(-990.0);
    let windpipe =
        [([0.0, -12.0, 640.0], 9.0), ([0.0, 0.0, 540.0], 9.0), ([0.0, 12.0, 462.0], 9.0)];
    let thicker = windpipe.map(|(p, r)| (p, r + 2.0));
    scene.add(Form::chain(&thicker), Tissue::plain(55.0));
    for x in [-1.0, 1.0] {
        let bronchus = [
            ([0.0, 12.0, 464.0], 7.0),
            ([x * 32.0, 14.0, 435.0], 5.5),
            ([x * 50.0, 20.0, 412.0], 3.0),
        ];
        scene.add(Form::chain(&bronchus.map(|(p, r)| (p, r + 1.8))), Tissue::plain(40.0));
        scene.add(Form::chain(&bronchus), air);
    }
    scene.add(Form::chain(&windpipe), air);
    let thyroid = Form::ellipsoid([18.0, -14.0, 570.0], [9.0, 11.0, 22.0]);
    scene.add_pair(thyroid, Tissue::plain(95.0 + 0.5 * figure.person.contrast_hu));
}

fn add_heart(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let size: f64 = rng.random_range(0.85..1.25);
    let ball = |center: Vector, radii: Vector| {
        Form::ellipsoid(center, radii.map(|r| size * r)).turned([20.0, 15.0, 35.0])
    };
    let blood = Tissue::plain(40.0 + 0.9 * figure.person.contrast_hu);
    scene.add(ball([18.0, -32.0, 388.0], [62.0, 46.0, 52.0]), Tissue::plain(-80.0));
    scene.add(ball([18.0, -32.0, 388.0], [58.0, 42.0, 48.0]), figure.muscle());
    scene.add(ball([38.0, -30.0, 380.0], [28.0, 22.0, 26.0]), blood);
    scene.add(ball([0.0, -52.0, 380.0], [30.0, 18.0, 26.0]), blood);
    scene.add(ball([-26.0, -25.0, 395.0], [18.0, 22.0, 26.0]), blood);
    scene.add(ball([8.0, 4.0, 410.0], [30.0, 17.0, 20.0]), blood);
}

fn add_vessels(scene: &mut Scene, figure: &Figure) {
    let iodine = figure.person.contrast_hu;
    let [artery, vein] = [42.0 + iodine, 42.0 + 0.8 * iodine].map(Tissue::plain);
    let aorta = [
        ([6.0, -30.0, 420.0], 15.0),
        ([-10.0, -34.0, 455.0], 15.0),
        ([2.0, -10.0, 484.0], 13.0),
        ([20.0, 20.0, 470.0], 12.5),
        ([24.0, 26.0, 400.0], 12.0),
        ([14.0, 16.0, 300.0], 11.0),
        ([6.0, 0.0, 230.0], 10.0),
        ([4.0, -4.0, 140.0], 9.0),
    ];
    scene.add(Form::chain(&aorta), artery);
    for x in [-1.0, 1.0] {
        let iliac = [
            ([4.0, -4.0, 140.0], 6.0),
            ([x * 38.0, 14.0, 80.0], 5.5),
            ([x * 68.0, -34.0, 10.0], 5.0),
            ([x * 78.0, -30.0, -80.0], 4.5),
        ];
        scene.add(Form::chain(&iliac), artery);
        let iliac_vein = iliac.map(|(p, r)| ([p[0] - x * 9.0, p[1] + 8.0, p[2]], r + 1.0));
        scene.add(Form::chain(&iliac_vein), vein);
        let carotid = [
            ([x * 12.0, -14.0, 484.0], 4.5),
            ([x * 22.0, -4.0, 560.0], 3.6),
            ([x * 24.0, -4.0, 660.0], 3.6),
        ];
        scene.add(Form::chain(&carotid), artery);
        let arm = [
            ([x * 20.0, -12.0, 490.0], 4.5),
            ([x * 60.0, -14.0, 520.0], 4.5),
            ([x * 150.0, 2.0, 495.0], 4.0),
        ];
        scene.add(Form::chain(&arm), artery);
        let jugular = [([x * 30.0, -18.0, 500.0], 6.0), ([x * 34.0, -2.0, 660.0], 6.0)];
        scene.add(Form::chain(&jugular), vein);
    }
    let cava =
        [([-28.0, -22.0, 420.0], 9.5), ([-26.0, -26.0, 478.0], 9.0), ([30.0, -44.0, 496.0], 7.0)];
    scene.add(Form::chain(&cava), vein);
    let lower_cava =
        [([-22.0, -10.0, 372.0], 12.0), ([-22.0, 0.0, 300.0], 12.0), ([-20.0, 2.0, 140.0], 10.0)];
    scene.add(Form::flat_chain(&lower_cava, [0.9, 1.2, 1.0]), vein);
    let trunk = [([14.0, -46.0, 420.0], 13.0), ([18.0, -18.0, 450.0], 13.0)];
    scene.add(Form::chain(&trunk), vein);
    let branches = [
        ([-46.0, 2.0, 432.0], 8.0),
        ([-10.0, -8.0, 440.0], 9.0),
        ([18.0, -14.0, 450.0], 11.0),
        ([46.0, 8.0, 440.0], 8.0),
    ];
    scene.add(Form::chain(&branches), vein);
}

/// The first branches of the lungs' vessels.
fn add_branches(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let vein = Tissue::plain(40.0 + 0.8 * figure.person.contrast_hu);
    for n in 0..22_u8 {
        let side = if n % 2 == 0 { 1.0 } else { -1.0 };
        let hilum: Vector = [side * 44.0, 8.0, 425.0];
        let aim: Vector = [
            side * rng.random_range(55.0..105.0),
            rng.random_range(-50.0..75.0),
            rng.random_range(310.0..510.0),
        ];
        let bent: Vector =
            std::array::from_fn(|a| 0.5 * (hilum[a] + aim[a]) + rng.random_range(-8.0..8.0));
        scene.add(Form::chain(&[(hilum, 5.0), (bent, 3.4), (aim, 1.4)]), vein);
    }
}
