//! Legs and arms.

use rand::Rng;

use super::super::form::{Form, Vector};
use super::super::person::Person;
use super::super::scene::Scene;
use super::super::tissue::{Texture, Tissue};
use super::figure::{ArmPose, Figure};
use super::{Subject, placed};
use crate::imaging::geometry::{cross, norm};

/// Between two points, at a share of the way.
fn along(a: &Vector, b: &Vector, share: f64) -> Vector {
    std::array::from_fn(|n| a[n] + share * (b[n] - a[n]))
}

fn plus(a: &Vector, b: &Vector, times: f64) -> Vector {
    std::array::from_fn(|n| a[n] + times * b[n])
}

/// Unit vector across the way from `a` to `b`.
fn across(a: &Vector, b: &Vector, near: Vector) -> Vector {
    let way: Vector = std::array::from_fn(|n| b[n] - a[n]);
    let found = cross(&way, &near);
    let length = norm(&found).max(1e-6);
    found.map(|v| v / length)
}

/// Knee and ankle of one leg; the hip's place is fixed.
struct Leg {
    side: f64,
    hip: Vector,
    knee: Vector,
    ankle: Vector,
    toes: Vector,
}

impl Leg {
    fn both(figure: &Figure) -> [Self; 2] {
        let apart = figure.legs_apart;
        [-1.0, 1.0].map(|side| Self {
            side,
            hip: [side * 98.0, 4.0, -40.0],
            knee: [side * (70.0 + 45.0 * apart), 6.0, -425.0],
            ankle: [side * (62.0 + 75.0 * apart), 22.0, -805.0],
            toes: [side * (80.0 + 150.0 * apart), -135.0 + 30.0 * apart, -862.0],
        })
    }

    fn heel(&self) -> Vector {
        plus(&self.ankle, &[-self.side * 4.0, 34.0, -48.0], 1.0)
    }

    /// Thigh and calf, moved inward by so many mm.
    fn flesh(&self, inward: f64, thick: f64) -> Vec<Form> {
        let r = |mm: f64| (thick * mm - inward).max(3.0);
        let calf = plus(&along(&self.knee, &self.ankle, 0.27), &[0.0, 12.0, 0.0], 1.0);
        vec![
            Form::chain(&[
                (self.hip, r(80.0)),
                (along(&self.hip, &self.knee, 0.35), r(76.0)),
                (along(&self.hip, &self.knee, 0.85), r(56.0)),
                (self.knee, r(54.0)),
                (calf, r(54.0)),
                (along(&self.knee, &self.ankle, 0.75), r(38.0)),
                (self.ankle, r(35.0)),
            ]),
            Form::chain(&[
                (self.ankle, r(34.0)),
                (along(&self.ankle, &self.toes, 0.6), r(31.0)),
                (self.toes, r(17.0)),
            ]),
            Form::chain(&[(self.ankle, r(33.0)), (self.heel(), r(28.0))]),
        ]
    }
}

/// The skin of both legs.
pub(super) fn leg_skins(figure: &Figure) -> Vec<Form> {
    let thick = 0.9 + 0.006 * figure.fat_mm;
    Leg::both(figure).iter().map(|leg| Form::Join(leg.flesh(0.0, thick), 10.0)).collect()
}

pub(super) fn add_legs(scene: &mut Scene, figure: &Figure) {
    let person = &figure.person;
    let bed = Tissue { hu: person.muscle_hu, texture: Texture::Lobules { fat: 0.2 } };
    for leg in Leg::both(figure) {
        let thick = 0.9 + 0.006 * figure.fat_mm;
        for form in leg.flesh(6.0 + 0.45 * figure.fat_mm, thick) {
            scene.add(form, bed);
        }
        add_leg_muscles(scene, figure, &leg);
        add_leg_bones(scene, person, &leg);
    }
}

fn add_leg_muscles(scene: &mut Scene, figure: &Figure, leg: &Leg) {
    let m = figure.person.muscle_size;
    let muscle = figure.muscle();
    let thigh = |share: f64, x: f64, y: f64| {
        plus(&along(&leg.hip, &leg.knee, share), &[leg.side * x, y, 0.0], 1.0)
    };
    let bellies = [
        [14.0, -38.0, 25.0],
        [34.0, -12.0, 24.0],
        [-20.0, -20.0, 20.0],
        [-34.0, 14.0, 24.0],
        [-8.0, 42.0, 21.0],
        [22.0, 36.0, 20.0],
    ];
    for [x, y, r] in bellies {
        let shaft = [
            (thigh(0.05, 0.7 * x, 0.7 * y), 0.7 * r * m),
            (thigh(0.45, x, y), r * m),
            (thigh(0.85, 0.6 * x, 0.6 * y), 0.5 * r * m),
        ];
        scene.add(Form::chain(&shaft), muscle);
    }
    let calf = |share: f64, x: f64, y: f64| {
        plus(&along(&leg.knee, &leg.ankle, share), &[leg.side * x, y, 0.0], 1.0)
    };
    for [x, y, r] in
        [[-16.0, 32.0, 22.0], [14.0, 32.0, 20.0], [0.0, 18.0, 20.0], [20.0, -16.0, 14.0]]
    {
        let shaft = [
            (calf(0.04, 0.8 * x, 0.6 * y), 0.5 * r * m),
            (calf(0.3, x, y), r * m),
            (calf(0.65, 0.5 * x, 0.6 * y), 0.5 * r * m),
            (calf(0.95, 0.3 * x, 0.9 * y), 4.5),
        ];
        scene.add(Form::chain(&shaft), muscle);
    }
    let iodine = figure.person.contrast_hu;
    let vessel = [
        (thigh(0.05, -16.0, -24.0), 4.5),
        (thigh(0.6, -26.0, 4.0), 4.0),
        (thigh(1.0, 0.0, 26.0), 3.5),
        (calf(0.5, -6.0, 18.0), 2.0),
    ];
    scene.add(Form::chain(&vessel), Tissue::plain(42.0 + 0.6 * iodine));
}

fn add_leg_bones(scene: &mut Scene, person: &Person, leg: &Leg) {
    let hu = person.bone_hu;
    let shaft = Tissue::bone(1.25 * hu, 5.0, -30.0);
    let spongy = Tissue::bone(0.85 * hu, 1.6, 0.25 * hu);
    let side = leg.side;
    let near_knee = plus(&leg.knee, &[0.0, 0.0, 45.0], 1.0);
    let top = [side * 122.0, 8.0, -32.0];
    scene.add(
        Form::chain(&[
            (top, 17.0),
            (along(&top, &near_knee, 0.15), 14.5),
            (along(&top, &near_knee, 0.85), 14.0),
        ]),
        shaft,
    );
    scene.add(Form::chain(&[(along(&top, &near_knee, 0.8), 14.0), (near_knee, 22.0)]), spongy);
    for x in [-1.0, 1.0] {
        scene.add(
            Form::ellipsoid(plus(&leg.knee, &[x * 21.0, 6.0, 26.0], 1.0), [18.0, 27.0, 22.0]),
            spongy,
        );
    }
    scene.add(
        Form::ellipsoid(plus(&leg.knee, &[0.0, -34.0, 24.0], 1.0), [21.0, 10.0, 22.0]),
        spongy,
    );
    let plateau = plus(&leg.knee, &[0.0, 2.0, -14.0], 1.0);
    let shin = plus(&along(&leg.knee, &leg.ankle, 0.12), &[-side * 2.0, -8.0, 0.0], 1.0);
    scene.add(Form::flat_chain(&[(plateau, 27.0), (shin, 17.0)], [0.8, 1.1, 1.0]), spongy);
    let low = plus(&leg.ankle, &[-side * 6.0, -4.0, 20.0], 1.0);
    scene.add(Form::chain(&[(shin, 15.0), (along(&shin, &low, 0.75), 11.0)]), shaft);
    scene.add(Form::chain(&[(along(&shin, &low, 0.7), 11.0), (low, 17.0)]), spongy);
    let fibula = [
        (plus(&leg.knee, &[side * 28.0, 16.0, -30.0], 1.0), 9.0),
        (plus(&along(&leg.knee, &leg.ankle, 0.5), &[side * 20.0, 14.0, 0.0], 1.0), 6.0),
        (plus(&leg.ankle, &[side * 24.0, 8.0, -6.0], 1.0), 8.5),
    ];
    scene.add(Form::chain(&fibula), Tissue::bone(1.1 * hu, 3.0, 0.0));
    scene.add(
        Form::ellipsoid(plus(&leg.ankle, &[0.0, -8.0, -14.0], 1.0), [19.0, 27.0, 15.0]),
        spongy,
    );
    scene.add(
        Form::chain(&[
            (plus(&leg.ankle, &[0.0, -6.0, -36.0], 1.0), 14.0),
            (plus(&leg.heel(), &[0.0, -4.0, 0.0], 1.0), 18.0),
        ]),
        spongy,
    );
    let instep = along(&leg.ankle, &leg.toes, 0.45);
    scene.add(Form::ellipsoid(plus(&instep, &[0.0, 4.0, -2.0], 1.0), [26.0, 18.0, 13.0]), spongy);
    for n in 0..5_u8 {
        let x = 11.0 * (f64::from(n) - 2.0);
        let ray = [
            (plus(&instep, &[x, -6.0, 0.0], 1.0), 6.0),
            (plus(&along(&instep, &leg.toes, 0.6), &[1.2 * x, 0.0, 0.0], 1.0), 5.5),
            (plus(&leg.toes, &[1.3 * x, 0.0, 0.0], 1.0), 4.5),
        ];
        scene.add(Form::chain(&ray), Tissue::bone(hu, 1.8, 0.2 * hu));
    }
}

/// A stretch of the legs.
pub(super) fn sample_legs_range(rng: &mut impl Rng) -> [f64; 2] {
    let length: f64 = rng.random_range(150.0..480.0);
    let bottom: f64 = rng.random_range(-910.0..-60.0 - length);
    [bottom, bottom + length]
}

/// One arm by its joints.
struct Arm {
    shoulder: Vector,
    elbow: Vector,
    wrist: Vector,
    tips: Vector,
}

impl Arm {
    fn both(figure: &Figure) -> [Self; 2] {
        let lift = 0.5 * figure.fat_mm;
        [-1.0, 1.0].map(|side| {
            let at = |x: f64, y: f64, z: f64| [side * (x + 0.6 * lift), y, z];
            let front = -95.0 - 2.0 * lift;
            match figure.arms {
                ArmPose::Beside => Self {
                    shoulder: at(178.0, 12.0, 505.0),
                    elbow: at(216.0, 28.0, 225.0),
                    wrist: at(228.0, 8.0, -15.0),
                    tips: at(226.0, -16.0, -180.0),
                },
                ArmPose::Raised => Self {
                    shoulder: at(172.0, 10.0, 516.0),
                    elbow: at(176.0, -10.0, 790.0),
                    wrist: at(90.0, -40.0, 1000.0),
                    tips: at(30.0, -40.0, 1140.0),
                },
                ArmPose::OnBelly => Self {
                    shoulder: at(178.0, 12.0, 505.0),
                    elbow: at(226.0, 32.0, 245.0),
                    wrist: at(92.0, front - 30.0, 190.0),
                    tips: [side * 4.0, front - 44.0, 225.0 + side * 22.0],
                },
            }
        })
    }

    fn flesh(&self, inward: f64) -> Vec<Form> {
        let r = |mm: f64| (mm - inward).max(3.0);
        let palm = along(&self.wrist, &self.tips, 0.45);
        let wide = across(&self.wrist, &self.tips, [0.3, 1.0, 0.1]);
        let mut forms = vec![
            Form::chain(&[
                (self.shoulder, r(46.0)),
                (along(&self.shoulder, &self.elbow, 0.45), r(46.0)),
                (self.elbow, r(38.0)),
            ]),
            Form::chain(&[
                (self.elbow, r(38.0)),
                (along(&self.elbow, &self.wrist, 0.2), r(41.0)),
                (self.wrist, r(27.0)),
            ]),
        ];
        for n in 0..4_u8 {
            let x = 9.0 * (1.5 - f64::from(n));
            forms.push(Form::chain(&[
                (plus(&self.wrist, &wide, 0.7 * x), r(18.0)),
                (plus(&palm, &wide, 1.7 * x), r(16.0)),
                (plus(&self.tips, &wide, 1.9 * x), r(8.5)),
            ]));
        }
        let thumb = plus(&palm, &wide, 38.0);
        forms.push(Form::chain(&[(along(&self.wrist, &palm, 0.2), r(18.0)), (thumb, r(11.0))]));
        forms
    }
}

/// The skin of both arms.
pub(super) fn arm_skins(figure: &Figure) -> Vec<Form> {
    Arm::both(figure).iter().flat_map(|arm| arm.flesh(-0.25 * figure.fat_mm)).collect()
}

pub(super) fn add_arms(scene: &mut Scene, figure: &Figure) {
    for arm in Arm::both(figure) {
        add_arm(scene, figure, &arm);
    }
}

fn add_arm(scene: &mut Scene, figure: &Figure, arm: &Arm) {
    let muscle = figure.muscle();
    for form in arm.flesh(4.0 + 0.1 * figure.fat_mm).into_iter().take(2) {
        scene.add(form, muscle);
    }
    let hu = figure.person.bone_hu;
    let shaft = Tissue::bone(1.2 * hu, 3.5, 0.0);
    let spongy = Tissue::bone(0.8 * hu, 1.5, 0.25 * hu);
    let Arm { shoulder, elbow, wrist, tips } = arm;
    scene.add(Form::ellipsoid(*shoulder, [23.0, 23.0, 23.0]), spongy);
    scene.add(Form::chain(&[(*shoulder, 13.0), (along(shoulder, elbow, 0.9), 10.5)]), shaft);
    let wide = across(shoulder, elbow, [0.2, 1.0, 0.0]);
    let joint = [(plus(elbow, &wide, -24.0), 11.0), (plus(elbow, &wide, 24.0), 10.0)];
    scene.add(Form::chain(&joint), spongy);
    let wide = across(elbow, wrist, [0.3, 1.0, 0.1]);
    for x in [-12.0, 12.0] {
        let bone = [
            (plus(elbow, &wide, x), 10.0),
            (plus(&along(elbow, wrist, 0.5), &wide, 1.1 * x), 7.0),
            (plus(&along(elbow, wrist, 0.97), &wide, x), 9.0),
        ];
        scene.add(Form::chain(&bone), shaft);
    }
    let wide = across(wrist, tips, [0.3, 1.0, 0.1]);
    let carpus = along(wrist, tips, 0.1);
    scene.add(
        Form::chain(&[(plus(&carpus, &wide, -13.0), 9.0), (plus(&carpus, &wide, 13.0), 9.0)]),
        spongy,
    );
    for n in 0..4_u8 {
        let x = 9.0 * (1.5 - f64::from(n));
        let [near, far, tip] = [(0.16, 1.0), (0.5, 1.75), (0.95, 1.9)]
            .map(|(share, spread)| plus(&along(wrist, tips, share), &wide, spread * x));
        scene.add(Form::chain(&[(near, 5.0), (along(&near, &far, 0.9), 4.5)]), spongy);
        scene.add(Form::chain(&[(far, 4.6), (tip, 3.0)]), spongy);
    }
}

/// One or two arms that lie on the table alone, as when they are raised over the head.
pub(super) fn arms_alone(rng: &mut impl Rng, seed: u64) -> Subject {
    let figure = Figure::sample(rng);
    let n_arms = if rng.random_bool(0.6) { 1 } else { 2 };
    let bend: f64 = rng.random_range(-60.0..60.0);
    let arms: Vec<Arm> = [-1.0, 1.0]
        .into_iter()
        .take(n_arms)
        .map(|side| {
            let x = if n_arms == 1 { 0.0 } else { side * rng.random_range(60.0..110.0) };
            Arm {
                shoulder: [x - 0.6 * bend, 0.0, 290.0],
                elbow: [x, rng.random_range(-15.0..15.0), 0.0],
                wrist: [x + bend, rng.random_range(-30.0..30.0), -245.0],
                tips: [x + 1.3 * bend, rng.random_range(-30.0..30.0), -430.0],
            }
        })
        .collect();
    let thick = -0.25 * figure.fat_mm;
    let forms = arms.iter().flat_map(|arm| arm.flesh(thick)).collect();
    let mut scene = Scene::new(seed, Form::Join(forms, 4.0), figure.skin_and_fat());
    for arm in &arms {
        add_arm(&mut scene, &figure, arm);
    }
    let length: f64 = rng.random_range(120.0..420.0);
    let bottom: f64 = rng.random_range(-440.0..280.0 - length);
    let range_z = [bottom, bottom + length];
    let frame = placed(rng, range_z, 20.0, [0.85, 1.1]);
    let middle = [rng.random_range(-20.0..20.0), rng.random_range(-20.0..20.0)];
    let contrast = figure.person.contrast_hu > 0.0;
    Subject { scene, frame, range_z, fields_mm: [200.0, 420.0], middle, contrast }
}
