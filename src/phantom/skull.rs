//! Skull, teeth and what lies inside the skull.

use super::form::{Form, Vector};
use super::person::{Person, Tooth};
use super::scene::Scene;
use super::tissue::{Texture, Tissue};

/// Brain, skull, face and mandible, each over what was there.
pub(super) fn add(scene: &mut Scene, person: &Person) {
    add_vault(scene, person);
    add_brain(scene, person);
    add_orbits(scene, person);
    add_face(scene, person);
    add_temporal_bones(scene, person);
    add_mandible(scene, person);
    add_teeth(scene, person);
}

fn cavity() -> Form {
    Form::Meet(vec![
        Form::ellipsoid([0.0, -3.0, 48.0], [64.0, 86.0, 71.5]),
        Form::AboveSkullFloor(0.0),
    ])
}

fn add_vault(scene: &mut Scene, person: &Person) {
    let outer = Form::ellipsoid([0.0, -3.0, 48.0], [71.0, 92.5, 78.5]);
    let bone = Form::Meet(vec![outer, Form::AboveSkullFloor(6.0)]).minus(cavity());
    scene.add(bone, Tissue::bone(person.bone_hu, 1.6, 0.38 * person.bone_hu));
}

fn add_brain(scene: &mut Scene, person: &Person) {
    let sulci = 0.55 * person.atrophy;
    scene.add(cavity(), Tissue { hu: 30.0, texture: Texture::Brain { sulci } });
    let falx = Form::block([0.0, 0.0, 85.0], [0.7, 80.0, 36.0], 0.5);
    scene.add(Form::Meet(vec![falx, cavity()]), Tissue::plain(48.0));
    let fluid = Tissue::plain(7.0);
    let wide = 3.0 + 2.6 * person.atrophy;
    let lateral = Form::flat_chain(
        &[
            ([9.0, -38.0, 50.0], wide),
            ([9.0, -8.0, 66.0], wide),
            ([16.0, 28.0, 60.0], 1.3 * wide),
            ([26.0, 26.0, 42.0], 0.9 * wide),
            ([34.0, 2.0, 30.0], 0.6 * wide),
        ],
        [1.15, 1.0, 0.85],
    );
    scene.add_pair(lateral, fluid);
    scene.add(Form::ellipsoid([0.0, -4.0, 42.0], [1.5 + person.atrophy, 15.0, 11.0]), fluid);
    scene.add(Form::ellipsoid([0.0, 33.0, 8.0], [7.0, 5.0, 9.0]), fluid);
    // The cisterns around the brain stem.
    scene.add(Form::ellipsoid([0.0, 3.0, 16.0], [22.0, 11.0, 9.0]), fluid);
    let stem = Form::flat_chain(
        &[([0.0, 8.0, 32.0], 14.0), ([0.0, 10.0, 6.0], 13.0), ([0.0, 20.0, -30.0], 7.0)],
        [0.95, 1.1, 1.0],
    );
    scene.add(stem, Tissue::plain(31.0));
    let plexus = Form::ellipsoid([24.0, 28.0, 46.0], [2.5, 4.0, 3.0]);
    scene.add_pair(plexus, Tissue::plain(90.0));
}

fn add_orbits(scene: &mut Scene, person: &Person) {
    let cone = Form::ellipsoid([30.0, -67.0, 13.0], [19.0, 27.0, 18.0]).turned([0.0, 0.0, -14.0]);
    scene.add_pair(cone.clone().shell(1.6), Tissue::plain(0.75 * person.bone_hu));
    scene.add_pair(cone.clone(), Tissue::plain(-95.0));
    scene.add_pair(cone.shell(1.3), Tissue::plain(0.6 * person.bone_hu));
    // The front of the cone is open: lids and fat.
    let lids = Form::ellipsoid([33.0, -92.0, 13.0], [17.0, 9.0, 13.0]);
    scene.add_outer_pair(lids, Tissue::plain(10.0));
    let muscle = Tissue::plain(person.muscle_hu);
    let rectus = |x: f64, z: f64| {
        Form::chain(&[([24.0, -46.0, 13.0], 1.8), ([x, -66.0, z], 2.4), ([x, -78.0, z], 1.2)])
    };
    for (x, z) in [(19.5, 13.0), (43.0, 13.0), (31.0, 24.0), (31.0, 2.0)] {
        scene.add_pair(rectus(x, z), muscle);
    }
    scene.add_pair(
        Form::chain(&[([22.0, -44.0, 13.0], 2.0), ([31.0, -72.0, 13.0], 2.2)]),
        Tissue::plain(32.0),
    );
    scene.add_outer_pair(
        Form::ellipsoid([32.0, -83.0, 13.0], [12.2, 12.2, 12.0]),
        Tissue::plain(42.0),
    );
    scene.add_outer_pair(
        Form::ellipsoid([32.0, -83.0, 13.0], [11.0, 11.0, 10.8]),
        Tissue::plain(9.0),
    );
    scene
        .add_outer_pair(Form::ellipsoid([32.0, -91.0, 13.0], [4.6, 2.2, 4.6]), Tissue::plain(85.0));
}

fn add_face(scene: &mut Scene, person: &Person) {
    let cortical = Tissue::plain(0.85 * person.bone_hu);
    let spongy = Tissue::bone(0.8 * person.bone_hu, 1.4, 0.3 * person.bone_hu);
    let arch = Form::flat_chain(
        &[
            ([33.0, -86.0, -8.0], 5.0),
            ([50.0, -74.0, -8.0], 4.5),
            ([64.0, -50.0, -9.0], 3.6),
            ([66.0, -25.0, -6.0], 3.4),
            ([60.0, -6.0, -1.0], 4.0),
        ],
        [1.25, 1.0, 0.75],
    );
    scene.add_pair(arch, spongy);
    scene
        .add_pair(Form::chain(&[([46.0, -76.0, -4.0], 4.0), ([50.0, -74.0, 22.0], 3.2)]), cortical);
    // Maxilla: the walls of the sinus, the alveolar process, the hard palate.
    let sinus = Form::ellipsoid([29.0, -68.0, -20.0], [15.0, 18.0, 18.0]);
    scene.add_pair(sinus.shell(1.5), cortical);
    let alveolar = Form::flat_chain(
        &[
            ([0.0, -91.0, -46.0], 5.5),
            ([15.0, -85.0, -46.0], 5.5),
            ([25.0, -66.0, -46.0], 6.0),
            ([28.0, -52.0, -44.0], 5.0),
        ],
        [1.1, 1.1, 0.75],
    );
    scene.add_pair(alveolar, spongy);
    scene.add(Form::ellipsoid([0.0, -66.0, -40.0], [25.0, 26.0, 2.6]), cortical);
    // Pterygoid plates.
    scene.add_pair(Form::block([17.0, -37.0, -24.0], [1.3, 7.0, 15.0], 0.8), cortical);
    scene.add_pair(Form::block([24.0, -36.0, -22.0], [1.2, 8.0, 14.0], 0.8), cortical);
    let clivus =
        Form::flat_chain(&[([0.0, -14.0, 4.0], 9.0), ([0.0, 4.0, -24.0], 5.5)], [0.6, 1.0, 1.0]);
    scene.add(clivus, spongy);
    scene.add(Form::chain(&[([0.0, -96.0, 14.0], 3.5), ([0.0, -108.0, -4.0], 2.0)]), cortical);
}

fn add_temporal_bones(scene: &mut Scene, person: &Person) {
    let petrous =
        Form::flat_chain(&[([52.0, 10.0, 1.0], 11.0), ([16.0, -8.0, 4.0], 7.0)], [1.0, 1.0, 1.0]);
    scene.add_pair(petrous, Tissue::bone(1.1 * person.bone_hu, 4.0, 0.8 * person.bone_hu));
    let mastoid = Form::Join(
        vec![
            Form::ellipsoid([56.0, 20.0, -4.0], [12.0, 17.0, 17.0]),
            Form::ellipsoid([53.0, 17.0, -18.0], [8.5, 10.0, 14.0]),
        ],
        6.0,
    );
    let cells = Texture::AirCells { air: person.mastoid_air };
    scene.add_pair(mastoid, Tissue { hu: 0.7 * person.bone_hu, texture: cells });
    scene.add_pair(Form::ellipsoid([40.0, 4.0, 1.0], [4.0, 5.0, 6.0]), Tissue::plain(-800.0));
    let canal = Form::chain(&[([80.0, 1.0, -2.0], 4.0), ([44.0, 2.0, 0.0], 3.0)]);
    scene.add_pair(canal, Tissue::plain(-990.0));
    let styloid = Form::chain(&[
        ([44.0, 3.0, -12.0], 2.6),
        ([41.0, -2.0, -24.0], 1.9),
        ([35.0, -10.0, -42.0], 1.3),
    ]);
    scene.add_pair(styloid, Tissue::plain(0.75 * person.bone_hu));
    // The bone in front of the ear canal that the jaw hangs from.
    let socket = Form::ellipsoid([52.0, -12.0, 4.0], [13.0, 12.0, 4.0]);
    scene.add_pair(socket, Tissue::plain(0.8 * person.bone_hu));
}

fn add_mandible(scene: &mut Scene, person: &Person) {
    let bone = Tissue::bone(1.1 * person.bone_hu, 2.2, 0.35 * person.bone_hu);
    scene.add_pair(mandible(), bone);
}

/// The left half of the mandible.
pub(super) fn mandible() -> Form {
    let body = Form::flat_chain(
        &[
            ([0.0, -93.0, -79.0], 6.8),
            ([17.0, -88.0, -79.0], 6.8),
            ([32.0, -64.0, -76.0], 6.8),
            ([42.0, -38.0, -70.0], 6.8),
            ([47.0, -20.0, -63.0], 6.2),
        ],
        [1.2, 1.2, 0.62],
    );
    let ramus = Form::block([49.0, -25.0, -40.0], [3.8, 15.0, 25.0], 3.0).turned([9.0, -6.0, 12.0]);
    let neck = Form::chain(&[([51.0, -17.0, -20.0], 4.5), ([52.0, -12.0, -8.0], 4.0)]);
    let coronoid = Form::chain(&[([48.0, -34.0, -22.0], 4.0), ([49.0, -38.0, -8.0], 2.5)]);
    let condyle = Form::ellipsoid([52.0, -12.0, -6.0], [9.5, 4.8, 4.5]).turned([0.0, 0.0, -15.0]);
    Form::Join(vec![body, ramus, neck, coronoid, condyle], 3.0)
}

fn add_teeth(scene: &mut Scene, person: &Person) {
    for (n, tooth) in person.teeth.iter().enumerate() {
        let Some((center, radii)) = tooth_place(n, person.mouth_open) else { continue };
        let hu = match tooth {
            Tooth::Missing => continue,
            Tooth::Natural => 1900.0,
            Tooth::Metal => 3000.0,
        };
        scene.add(Form::ellipsoid(center, radii), Tissue::plain(hu));
    }
}

/// Centre and half extents of a tooth: seven a quadrant, upper right, upper left, lower right, left.
pub(super) fn tooth_place(n: usize, mouth_open: bool) -> Option<(Vector, Vector)> {
    const ARCH: [[f64; 2]; 7] = [
        [4.5, -93.0],
        [12.0, -90.0],
        [18.5, -84.0],
        [22.5, -76.0],
        [25.5, -68.5],
        [28.0, -59.5],
        [30.0, -49.5],
    ];
    let [x, y] = *ARCH.get(n % 7)?;
    let side = if (n / 7).is_multiple_of(2) { -1.0 } else { 1.0 };
    let gap = if mouth_open { 7.0 } else { 0.0 };
    let z = if n < 14 { -54.0 } else { -65.0 - gap };
    let wide = if n % 7 > 4 { 5.0 } else { 3.6 };
    Some(([side * x, y, z], [wide, wide, 7.0]))
}
