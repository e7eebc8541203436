//! Organs of abdomen and pelvis, and the muscles along the spine.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::super::form::{Form, Vector};
use super::super::scene::Scene;
use super::super::tissue::{Texture, Tissue};
use super::bones::spine_y;
use super::figure::Figure;

pub(super) fn add(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    add_muscles(scene, figure);
    add_bowel(scene, figure, rng);
    add_upper_organs(scene, figure, rng);
    add_kidneys(scene, figure, rng);
    add_pelvic_organs(scene, figure, rng);
}

fn add_muscles(scene: &mut Scene, figure: &Figure) {
    let m = figure.person.muscle_size;
    let muscle = figure.muscle();
    let back: Vec<_> = [40.0, 110.0, 200.0, 300.0, 400.0, 520.0]
        .map(|z| ([32.0, spine_y(z) + 48.0, z], 22.0 * m))
        .to_vec();
    scene.add_pair(Form::flat_chain(&back, [0.85, 1.1, 1.0]), muscle);
    let psoas = [
        ([34.0, spine_y(230.0), 230.0], 9.0 * m),
        ([44.0, spine_y(140.0) + 4.0, 140.0], 20.0 * m),
        ([66.0, -8.0, 60.0], 18.0 * m),
        ([84.0, -26.0, -10.0], 13.0 * m),
    ];
    scene.add_pair(Form::chain(&psoas), muscle);
    let square = [([62.0, 52.0, 140.0], 15.0 * m), ([56.0, 60.0, 230.0], 13.0 * m)];
    scene.add_pair(Form::chain(&square), muscle);
    let inner = [([66.0, 6.0, 30.0], 11.0 * m), ([70.0, 30.0, -40.0], 14.0 * m)];
    scene.add_pair(Form::chain(&inner), muscle);
}

fn lesion(rng: &mut impl Rng, center: Vector, reach: f64) -> Form {
    let at = std::array::from_fn(|a| center[a] + rng.random_range(-reach..reach));
    Form::ellipsoid(at, [0; 3].map(|_| rng.random_range(3.0..22.0)))
}

fn add_upper_organs(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let iodine = figure.person.contrast_hu;
    let mut size = || rng.random_range(0.88..1.12_f64);
    let [liver_size, spleen_size, stomach_size] = [size(), size(), size()];
    let ball =
        |center: Vector, radii: Vector, size: f64| Form::ellipsoid(center, radii.map(|r| size * r));
    let liver = Form::Join(
        vec![
            ball([-66.0, 2.0, 285.0], [62.0, 78.0, 70.0], liver_size),
            ball([-72.0, 12.0, 235.0], [50.0, 58.0, 55.0], liver_size),
            ball([-8.0, -36.0, 296.0], [60.0, 36.0, 36.0], liver_size),
        ],
        18.0,
    );
    let inside = figure.trunk(17.0);
    let liver = Form::Meet(vec![liver, inside]);
    // Fatty livers are as dark as water.
    let hu: f64 = if rng.random_bool(0.2) {
        rng.random_range(-5.0..40.0)
    } else {
        rng.random_range(50.0..65.0)
    };
    scene.add(liver, Tissue::plain(hu + 0.35 * iodine));
    for _ in 0..*[0, 0, 0, 1, 2, 5].choose(rng).unwrap_or(&0) {
        let hu = rng.random_range(0.0..70.0);
        scene.add(lesion(rng, [-70.0, 0.0, 270.0], 40.0), Tissue::plain(hu));
    }
    let portal =
        [([-10.0, -12.0, 240.0], 7.0), ([-45.0, -4.0, 272.0], 6.0), ([-75.0, 6.0, 292.0], 3.5)];
    scene.add(Form::chain(&portal), Tissue::plain(40.0 + 0.7 * iodine));
    let spleen =
        ball([94.0, 44.0, 290.0], [24.0, 40.0, 44.0], spleen_size).turned([0.0, 0.0, -25.0]);
    scene.add(spleen, Tissue::plain(48.0 + 0.5 * iodine));
    let pancreas =
        [([-28.0, -20.0, 215.0], 13.0), ([8.0, -26.0, 236.0], 9.0), ([62.0, 6.0, 262.0], 10.0)];
    scene.add(
        Form::chain(&pancreas),
        Tissue { hu: 40.0 + 0.3 * iodine, texture: Texture::Lobules { fat: 0.3 } },
    );
    scene.add(ball([-52.0, -46.0, 232.0], [14.0, 18.0, 24.0], 1.0), Tissue::plain(8.0));
    let stomach = Form::Join(
        vec![
            ball([52.0, -8.0, 308.0], [34.0, 38.0, 32.0], stomach_size),
            ball([34.0, -44.0, 264.0], [26.0, 24.0, 40.0], stomach_size),
            ball([-4.0, -50.0, 238.0], [26.0, 18.0, 18.0], stomach_size),
        ],
        12.0,
    );
    scene.add(stomach.clone(), Tissue::plain(42.0 + 0.3 * iodine));
    fill(scene, stomach, 5.0, [38.0, -30.0, 270.0], rng);
}

/// Fluid, food or oral contrast in a hollow organ with a wall, gas in front of it.
fn fill(scene: &mut Scene, organ: Form, wall: f64, center: Vector, rng: &mut impl Rng) {
    let hollow = organ.grown(-wall);
    let content = match rng.random_range(0..5) {
        0 => Tissue::plain(rng.random_range(120.0..420.0)),
        1 | 2 => Tissue { hu: 45.0, texture: Texture::Lobules { fat: 0.25 } },
        _ => Tissue::plain(rng.random_range(0.0..35.0)),
    };
    scene.add(hollow.clone(), content);
    if rng.random_bool(0.7) {
        let level = center[1] + rng.random_range(-22.0..12.0);
        let above = Form::block([center[0], level - 150.0, center[2]], [250.0, 150.0, 250.0], 0.0);
        scene.add(Form::Meet(vec![hollow, above]), Tissue::plain(-980.0));
    }
}

fn add_kidneys(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let iodine = figure.person.contrast_hu;
    for side in [-1.0, 1.0] {
        if rng.random_bool(0.03) {
            continue;
        }
        let z = if side < 0.0 { 215.0 } else { 228.0 } + rng.random_range(-15.0..15.0);
        let at = [side * 62.0, 42.0, z];
        let size: f64 = rng.random_range(0.85..1.12);
        let radii = [26.0, 28.0, 54.0].map(|r| size * r);
        let turn = [0.0, side * 10.0, side * -30.0];
        scene.add(Form::ellipsoid(at, radii).turned(turn), Tissue::plain(34.0 + 0.8 * iodine));
        let marrow = radii.map(|r| 0.68 * r);
        scene.add(Form::ellipsoid(at, marrow).turned(turn), Tissue::plain(30.0 + 0.5 * iodine));
        let pelvis = [at[0] - side * 10.0, at[1] - 4.0, at[2]];
        scene.add(Form::ellipsoid(pelvis, [9.0, 9.0, 22.0]), Tissue::plain(-85.0));
        if rng.random_bool(0.25) {
            let cyst = lesion(rng, [at[0] + side * 18.0, at[1], at[2]], 22.0);
            scene.add(cyst, Tissue::plain(rng.random_range(2.0..20.0)));
        }
    }
}

fn add_bowel(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let wall = Tissue::plain(40.0 + 0.35 * figure.person.contrast_hu);
    for _ in 0..rng.random_range(9..16) {
        let mut at: Vector = [
            rng.random_range(-75.0..75.0),
            rng.random_range(-60.0..10.0),
            rng.random_range(30.0..190.0),
        ];
        let radius: f64 = rng.random_range(9.0..15.0);
        let points: Vec<(Vector, f64)> = (0..6)
            .map(|_| {
                let here = at;
                let step = [0; 3].map(|_| rng.random_range(-34.0..34.0_f64));
                let limits = [[-92.0, 92.0], [-68.0, 14.0], [15.0, 205.0]];
                at = std::array::from_fn(|a| (at[a] + step[a]).clamp(limits[a][0], limits[a][1]));
                (here, radius * rng.random_range(0.8..1.2))
            })
            .collect();
        let middle = points[2].0;
        add_tube(scene, wall, &points, middle, rng);
    }
    let colon: [&[(Vector, f64)]; 4] = [
        &[([-92.0, -8.0, 55.0], 24.0), ([-100.0, 8.0, 130.0], 21.0), ([-94.0, 4.0, 195.0], 20.0)],
        &[([-88.0, -30.0, 200.0], 18.0), ([0.0, -66.0, 172.0], 17.0), ([84.0, -30.0, 232.0], 17.0)],
        &[([98.0, 18.0, 232.0], 15.0), ([104.0, 16.0, 140.0], 14.0), ([92.0, -8.0, 70.0], 14.0)],
        &[
            ([88.0, -10.0, 66.0], 14.0),
            ([20.0, 6.0, 62.0], 14.0),
            ([6.0, 44.0, 44.0], 16.0),
            ([0.0, 50.0, -20.0], 17.0),
        ],
    ];
    for points in colon {
        add_tube(scene, wall, points, points[1].0, rng);
    }
}

fn add_tube(
    scene: &mut Scene,
    wall: Tissue,
    points: &[(Vector, f64)],
    middle: Vector,
    rng: &mut impl Rng,
) {
    scene.add(Form::chain(points), wall);
    let stool = Tissue { hu: 60.0, texture: Texture::AirCells { air: rng.random_range(0.1..0.4) } };
    if rng.random_bool(0.3) {
        let inner: Vec<_> = points.iter().map(|(p, r)| (*p, r - 2.5)).collect();
        let content = if rng.random_bool(0.4) { Tissue::plain(-980.0) } else { stool };
        scene.add(Form::chain(&inner), content);
    } else {
        fill(scene, Form::chain(points), 2.5, middle, rng);
    }
}

fn add_pelvic_organs(scene: &mut Scene, figure: &Figure, rng: &mut impl Rng) {
    let iodine = figure.person.contrast_hu;
    let full: f64 = rng.random_range(0.5..1.3);
    let bladder = [44.0, 34.0, 32.0].map(|r| full * r);
    let at = [0.0, -26.0, 24.0 + 12.0 * full];
    scene.add(Form::ellipsoid(at, bladder.map(|r| r + 3.5)), figure.muscle());
    // Contrast medium gathers there late.
    let urine =
        if iodine > 0.0 && rng.random_bool(0.3) { rng.random_range(150.0..600.0) } else { 5.0 };
    scene.add(Form::ellipsoid(at, bladder), Tissue::plain(urine));
    let organ = Tissue::plain(45.0 + 0.35 * iodine);
    let behind = rng.random_range(14.0..30.0);
    scene.add(Form::ellipsoid([0.0, 12.0, 10.0], [behind, 15.0, 24.0]), organ);
}
