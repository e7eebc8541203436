//! Salivary glands: the parotids with both lobes, what is in them, and the submandibular glands.

use super::form::{Form, Vector};
use super::person::Person;
use super::scene::{Role, Scene, side_index};
use super::tissue::{Texture, Tissue};
use crate::units::Side;

/// Middle of the left parotid in the head's frame, and its half extents.
const CENTER: Vector = [55.0, 0.0, -34.0];
const HALF: Vector = [15.0, 17.0, 27.0];

/// The parotids alone: whatever presses on them is added later and cuts into them.
pub(super) fn add_parotids(scene: &mut Scene, person: &Person) {
    for side in Side::BOTH {
        let n = side_index(side);
        let form = parotid(&Build::new(person, n), person.accessory_gland);
        let form = if side == Side::Right { form.mirrored() } else { form };
        let fat = person.gland_fat[n];
        let parenchyma = 42.0 + 0.22 * person.contrast_hu;
        let tissue = Tissue { hu: parenchyma, texture: Texture::Lobules { fat } };
        scene.add_as(Role::Gland(side), form, tissue);
    }
}

/// How a person's gland differs from the drawn left one.
struct Build {
    scale: Vector,
    center: Vector,
}

impl Build {
    fn new(person: &Person, side: usize) -> Self {
        Self {
            scale: person.gland_stretch.map(|stretch| person.gland_size[side] * stretch),
            center: std::array::from_fn(|a| CENTER[a] + person.gland_shift_mm[a]),
        }
    }

    fn at(&self, p: Vector) -> Vector {
        std::array::from_fn(|a| self.center[a] + self.scale[a] * (p[a] - CENTER[a]))
    }

    fn ellipsoid(&self, center: Vector, radii: Vector) -> Form {
        Form::ellipsoid(self.at(center), std::array::from_fn(|a| self.scale[a] * radii[a]))
    }
}

/// The left parotid: superficial lobe, the sheet over the masseter, the part behind the ramus, the
/// deep lobe reaching to the parapharyngeal fat, and the tail.
fn parotid(build: &Build, accessory: bool) -> Form {
    let lobe = |center, radii| build.ellipsoid(center, radii);
    let mut lobes = vec![
        lobe([61.0, -1.0, -33.0], [11.0, 17.0, 27.0]).turned([-8.0, 4.0, 0.0]),
        lobe([66.0, -23.0, -32.0], [4.5, 17.0, 17.0]).turned([0.0, 0.0, 8.0]),
        lobe([49.0, 1.0, -35.0], [13.0, 9.5, 21.0]),
        lobe([39.5, -3.5, -36.0], [8.5, 7.0, 15.0]),
        lobe([58.0, 7.0, -58.0], [8.0, 10.0, 13.0]),
    ];
    if accessory {
        lobes.push(lobe([63.0, -45.0, -24.0], [4.0, 9.0, 6.5]));
    }
    Form::Join(lobes, 6.0)
}

/// Nodes, cysts and stones below 10 mm.
pub(super) fn add_mimics(scene: &mut Scene, person: &Person) {
    for mimic in &person.mimics {
        let build = Build::new(person, mimic.side);
        // Towards the lateral part, where there is gland for sure.
        let offset = [5.0, 0.0, 0.0];
        let place = std::array::from_fn(|a| CENTER[a] + offset[a] + mimic.place[a] * HALF[a] * 0.8);
        // Not scaled with the gland: a node's size is its own.
        let short = mimic.roundness * mimic.radius_mm;
        let form = Form::ellipsoid(build.at(place), [short, short, mimic.radius_mm]);
        let form = if mimic.side == 0 { form.mirrored() } else { form };
        scene.add_as(Role::WithinGland, form, Tissue::plain(mimic.hu));
    }
}

pub(super) fn add_submandibular(scene: &mut Scene, person: &Person) {
    let form = Form::ellipsoid([37.0, -36.0, -84.0], [9.0, 15.0, 13.0]).turned([10.0, 0.0, 18.0]);
    let fat = 0.4 * person.gland_fat[0];
    let tissue = Tissue { hu: 52.0 + 0.35 * person.contrast_hu, texture: Texture::Lobules { fat } };
    scene.add_pair(form, tissue);
}
