//! A body's outline, build and posture.

use rand::Rng;

use super::super::form::{Form, Vector};
use super::super::person::Person;
use super::super::scene::Scene;
use super::super::tissue::{Texture, Tissue};
use super::limbs;

/// Heights with half widths of the trunk without its subcutaneous fat, mm.
const TRUNK: [[f64; 2]; 13] = [
    [-40.0, 148.0],
    [0.0, 155.0],
    [60.0, 148.0],
    [120.0, 132.0],
    [180.0, 129.0],
    [240.0, 134.0],
    [300.0, 141.0],
    [360.0, 147.0],
    [420.0, 150.0],
    [460.0, 148.0],
    [495.0, 120.0],
    [525.0, 86.0],
    [550.0, 60.0],
];
/// How much wider than deep a trunk is.
const FLATNESS: f64 = 1.42;

/// Where the trunk ends between the legs.
const GROIN_Z: f64 = -78.0;

/// Where the arms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArmPose {
    Beside,
    Raised,
    OnBelly,
}

/// One body.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) person: Person,
    pub(super) arms: ArmPose,
    /// Subcutaneous fat of the trunk.
    pub(super) fat_mm: f64,
    /// How far the belly stands out.
    belly_mm: f64,
    female: bool,
    /// Knees apart, feet turned outward: 0..=1.
    pub(super) legs_apart: f64,
    /// A joint of metal in the right and in the left hip.
    pub(super) metal_hip: [bool; 2],
}

impl Figure {
    pub(super) fn sample(rng: &mut impl Rng) -> Self {
        let lean: f64 = rng.random_range(0.0..1.0_f64);
        Self {
            person: Person::sample(rng, None),
            arms: match rng.random_range(0..5) {
                0 | 1 => ArmPose::Raised,
                2 | 3 => ArmPose::Beside,
                _ => ArmPose::OnBelly,
            },
            fat_mm: 5.0 + 38.0 * lean.powi(2),
            belly_mm: rng.random_range(0.0..60.0) * lean,
            female: rng.random_bool(0.5),
            legs_apart: rng.random_range(0.0..1.0),
            metal_hip: [0; 2].map(|_| rng.random_bool(0.06)),
        }
    }

    /// The trunk's muscles, moved inward by so many mm.
    pub(super) fn trunk(&self, inward: f64) -> Form {
        let points = TRUNK.map(|[z, x]| ([0.0, 4.0, z], x - inward));
        Form::flat_chain(&points, [1.0, FLATNESS, 1.0]).between([GROIN_Z + inward, 700.0])
    }

    /// Half width and half depth of the trunk's muscles at a height.
    pub(super) fn trunk_half(z: f64) -> [f64; 2] {
        let x = interpolate(&TRUNK, z);
        [x, x / FLATNESS]
    }

    /// A body of skin over fat with the trunk's wall and what fills it.
    pub(super) fn scene(&self, seed: u64) -> Scene {
        let mut scene = Scene::new(seed, self.skin(), self.skin_and_fat());
        let muscle = self.muscle();
        let m = self.person.muscle_size;
        scene.add(self.trunk(0.0), muscle);
        scene.add(Form::chain(&[([0.0, 20.0, 520.0], 47.0), ([0.0, 16.0, 660.0], 46.0)]), muscle);
        scene.add_pair(Form::ellipsoid([176.0, 8.0, 498.0], [36.0 * m, 42.0 * m, 56.0]), muscle);
        scene.add_pair(
            Form::ellipsoid([104.0, 64.0, 440.0], [50.0, 21.0 * m, 72.0]).turned([0.0, 0.0, 30.0]),
            muscle,
        );
        scene.add_pair(Form::ellipsoid([80.0, -78.0, 450.0], [62.0, 16.0 * m, 45.0]), muscle);
        let gluteal = Form::ellipsoid([72.0, 70.0, 20.0], [66.0, 42.0 * m, 85.0]);
        scene.add_pair(gluteal, muscle);
        if self.female {
            let breast = Tissue { hu: 35.0, texture: Texture::Lobules { fat: 0.65 } };
            scene.add_pair(Form::ellipsoid([88.0, -112.0, 395.0], [46.0, 20.0, 42.0]), breast);
        }
        let fat = Tissue { hu: -100.0, texture: Texture::Clouds { mm: 12.0, hu: 14.0 } };
        scene.add(self.trunk(15.0).between([-30.0, 300.0]), fat);
        scene
    }

    pub(super) fn skin_and_fat(&self) -> Tissue {
        let texture = Texture::SkinAndFat { skin_hu: 25.0, strand_hu: self.person.strand_hu };
        Tissue { hu: self.person.fat_hu, texture }
    }

    pub(super) fn muscle(&self) -> Tissue {
        Tissue::muscle(self.person.muscle_hu + self.person.enhancement())
    }

    fn skin(&self) -> Form {
        let fat = self.fat_mm;
        let girth = |x: f64, y: f64, z: f64| [x + 0.5 * fat, y + 0.6 * fat, z + 0.3 * fat];
        let shoulder = Form::ellipsoid([174.0, 8.0, 496.0], girth(42.0, 50.0, 62.0));
        let blade = Form::ellipsoid([100.0, 62.0, 440.0], girth(62.0, 30.0, 84.0));
        let buttock = Form::ellipsoid([72.0, 66.0, 10.0], girth(76.0, 52.0, 96.0));
        let hip = Form::ellipsoid([110.0, 10.0, -20.0], girth(70.0, 72.0, 110.0));
        let mut trunk = vec![
            self.trunk(-fat),
            Form::chain(&[([0.0, 20.0, 520.0], 56.0), ([0.0, 16.0, 660.0], 54.0)]),
            Form::ellipsoid(
                [0.0, -30.0, 130.0],
                [120.0 + fat, 64.0 + 0.7 * fat + self.belly_mm, 130.0],
            ),
        ];
        for form in [shoulder, blade, buttock, hip] {
            trunk.extend([form.mirrored(), form]);
        }
        if self.female {
            let breast = Form::ellipsoid([90.0, -108.0, 392.0], girth(60.0, 30.0, 54.0));
            trunk.extend([breast.mirrored(), breast]);
        }
        let mut whole = vec![Form::Join(trunk, 24.0)];
        whole.extend(limbs::leg_skins(self));
        whole.extend(limbs::arm_skins(self));
        Form::Join(whole, 5.0)
    }

    /// Leads on the skin, a pacemaker, a catheter.
    pub(super) fn add_devices(&self, scene: &mut Scene, rng: &mut impl Rng) {
        let metal = Tissue::plain(3000.0);
        if rng.random_bool(0.2) {
            for _ in 0..rng.random_range(2..5) {
                let x: f64 = rng.random_range(-120.0..120.0);
                let z = rng.random_range(330.0..500.0);
                let [wide, deep] = Self::trunk_half(z);
                let y = -(1.0 - (x / wide).powi(2)).max(0.1).sqrt() * (deep + 0.7 * self.fat_mm);
                let pad = Form::ellipsoid([x, y - 1.0, z], [6.0, 2.0, 6.0]);
                scene.add_outer(pad, metal);
            }
        }
        if rng.random_bool(0.08) {
            let place: Vector = [95.0, -100.0 - 0.4 * self.fat_mm, 470.0];
            scene.add_outer(Form::block(place, [20.0, 3.5, 20.0], 3.0), metal);
            let lead = [
                (place, 1.2),
                ([40.0, -60.0, 500.0], 1.2),
                ([-22.0, -10.0, 470.0], 1.2),
                ([-15.0, -40.0, 390.0], 1.2),
            ];
            scene.add_outer(Form::chain(&lead), metal);
        }
    }
}

/// A value of a table of `[place, value]` by rising place.
pub(super) fn interpolate(table: &[[f64; 2]], at: f64) -> f64 {
    let links = table.windows(2).find(|ends| at <= ends[1][0]);
    match links {
        Some([a, b]) => a[1] + ((at - a[0]) / (b[0] - a[0])).max(0.0) * (b[1] - a[1]),
        _ => table.last().map_or(0.0, |last| last[1]),
    }
}
