//! Skin, fat, ears and muscles.

use super::form::{Form, Vector};
use super::person::Person;
use super::scene::Scene;
use super::tissue::{Texture, Tissue};

/// A body of skin over fat, with nose, lips and ears.
pub(super) fn body(person: &Person, seed: u64) -> Scene {
    let plump = person.plump_mm;
    let neck = [
        ([0.0, 24.0, -15.0], 62.0 + plump),
        ([0.0, 18.0, -90.0], 56.0 + plump),
        ([0.0, 18.0, -130.0], 57.0 + 1.4 * plump),
        ([0.0, 26.0, -175.0], 66.0 + 2.0 * plump),
    ];
    let nape = Form::chain(&[
        ([34.0, 54.0, -44.0], 29.0 + plump),
        ([34.0, 50.0, -110.0], 30.0 + 1.3 * plump),
    ]);
    let body = Form::Join(
        vec![
            Form::ellipsoid([0.0, -3.0, 46.0], [77.0, 99.0, 86.0]),
            Form::ellipsoid([0.0, -15.0, -28.0], [77.0 + plump, 88.0 + 0.5 * plump, 74.0]),
            Form::ellipsoid([0.0, -76.0, -78.0], [33.0, 27.0 + 0.5 * plump, 27.0]),
            Form::flat_chain(&neck, [1.0, 0.97, 1.0]),
            nape.mirrored(),
            nape,
            Form::ellipsoid([0.0, 45.0, -168.0], [100.0, 42.0, 48.0]),
            Form::ellipsoid([0.0, 33.0, -235.0], [205.0, 82.0 + plump, 66.0]),
        ],
        22.0,
    );
    let skin = Texture::SkinAndFat { skin_hu: 25.0, strand_hu: person.strand_hu };
    let mut scene = Scene::new(seed, body, Tissue { hu: person.fat_hu, texture: skin });
    let nose = Form::chain(&[([0.0, -98.0, 8.0], 9.0), ([0.0, -114.0, -28.0], 10.0)]);
    scene.add_outer(nose, Tissue::plain(15.0));
    scene.add_outer_pair(
        Form::chain(&[([6.0, -102.0, -46.0], 6.0), ([20.0, -95.0, -52.0], 5.0)]),
        Tissue::plain(20.0),
    );
    scene.add_outer_pair(
        Form::chain(&[([6.0, -102.0, -60.0], 6.0), ([18.0, -96.0, -58.0], 5.0)]),
        Tissue::plain(20.0),
    );
    let ear = Form::ellipsoid([78.5, 13.0, 2.0], [5.5, 16.0, 31.0]).turned([0.0, -8.0, 24.0]);
    let hollow = Form::ellipsoid([84.0, 8.0, 4.0], [6.0, 12.0, 24.0]).turned([0.0, -8.0, 24.0]);
    scene.add_outer_pair(ear.minus(hollow), Tissue::plain(10.0));
    scene
}

/// Muscles that the parotid does not touch; added before it.
pub(super) fn add_deep_muscles(scene: &mut Scene, person: &Person) {
    let muscle = Tissue::muscle(person.muscle_hu + person.enhancement());
    add_neck_muscles(scene, person, muscle);
    add_shoulders(scene, muscle);
    add_mouth_and_temple(scene, muscle, person.muscle_size);
}

/// A muscle along some points; `size` scales its thickness.
fn shaft(size: f64, points: &[(Vector, f64)], squash: Vector) -> Form {
    let sized: Vec<(Vector, f64)> = points.iter().map(|(p, r)| (*p, size * r)).collect();
    Form::flat_chain(&sized, squash)
}

/// Muscles of the neck from deep to superficial: points with radii, and the flattening.
const NECK_MUSCLES: [(&[(Vector, f64)], Vector); 7] = [
    (
        &[([14.0, 40.0, -38.0], 12.0), ([14.0, 36.0, -80.0], 12.0), ([16.0, 46.0, -200.0], 14.0)],
        [1.0, 1.0, 1.0],
    ),
    (
        &[([18.0, 58.0, -28.0], 11.0), ([14.0, 54.0, -80.0], 12.0), ([16.0, 62.0, -200.0], 12.0)],
        [0.8, 1.2, 1.0],
    ),
    (
        &[([42.0, 40.0, -24.0], 9.0), ([34.0, 48.0, -80.0], 10.0), ([18.0, 66.0, -190.0], 9.0)],
        [1.1, 0.9, 1.0],
    ),
    (
        &[([36.0, 20.0, -44.0], 7.0), ([36.0, 30.0, -100.0], 9.0), ([60.0, 60.0, -195.0], 9.0)],
        [1.0, 1.0, 1.0],
    ),
    (
        &[
            ([12.0, 68.0, -45.0], 4.0),
            ([20.0, 70.0, -100.0], 5.0),
            ([80.0, 62.0, -180.0], 9.0),
            ([150.0, 40.0, -190.0], 10.0),
        ],
        [0.6, 1.3, 1.0],
    ),
    (
        &[([25.0, 6.0, -75.0], 5.0), ([34.0, 10.0, -130.0], 9.0), ([48.0, 6.0, -195.0], 11.0)],
        [1.0, 1.0, 1.0],
    ),
    (
        &[([8.0, -6.0, -28.0], 5.5), ([9.0, -7.0, -90.0], 5.5), ([9.0, 4.0, -170.0], 6.0)],
        [0.8, 1.2, 1.0],
    ),
];

fn add_neck_muscles(scene: &mut Scene, person: &Person, muscle: Tissue) {
    let m = person.muscle_size;
    // The muscles of the neck lie in a bed of thinner ones that are not drawn singly.
    let thin = |fat| Tissue { hu: person.muscle_hu, texture: Texture::Lobules { fat } };
    let face = Form::ellipsoid([0.0, -30.0, -42.0], [54.0, 58.0, 50.0]);
    scene.add(face, thin(person.deep_fat));
    let bed = thin(0.12 + 0.45 * person.deep_fat);
    scene.add(
        shaft(
            m,
            &[
                ([0.0, 47.0, -30.0], 34.0),
                ([0.0, 42.0, -80.0], 37.0),
                ([0.0, 48.0, -150.0], 42.0),
                ([0.0, 58.0, -210.0], 42.0),
            ],
            [0.70, 1.12, 1.0],
        ),
        bed,
    );
    scene.add(
        shaft(
            m,
            &[
                ([0.0, -2.0, -34.0], 20.0),
                ([0.0, 2.0, -80.0], 24.0),
                ([0.0, 4.0, -140.0], 34.0),
                ([0.0, 8.0, -210.0], 48.0),
            ],
            [0.9, 1.2, 1.0],
        ),
        bed,
    );
    for (points, squash) in NECK_MUSCLES {
        scene.add_pair(shaft(m, points, squash), muscle);
    }
}

fn add_shoulders(scene: &mut Scene, muscle: Tissue) {
    scene.add_pair(Form::ellipsoid([172.0, 22.0, -212.0], [34.0, 40.0, 42.0]), muscle);
    scene.add_pair(Form::ellipsoid([95.0, -32.0, -238.0], [70.0, 14.0, 36.0]), muscle);
    scene.add_pair(Form::ellipsoid([105.0, 70.0, -225.0], [70.0, 22.0, 38.0]), muscle);
}

/// Strap muscles, tongue, floor of the mouth, cheek, temple.
fn add_mouth_and_temple(scene: &mut Scene, muscle: Tissue, m: f64) {
    scene.add_pair(
        shaft(
            m,
            &[
                ([7.0, -44.0, -96.0], 4.0),
                ([10.0, -40.0, -130.0], 4.5),
                ([12.0, -34.0, -195.0], 5.0),
            ],
            [0.7, 1.4, 1.0],
        ),
        muscle,
    );
    scene.add(Form::ellipsoid([0.0, -54.0, -66.0], [26.0, 34.0, 21.0]), muscle);
    scene.add(Form::ellipsoid([0.0, -60.0, -56.0], [27.0, 29.0, 13.0]), muscle);
    scene.add(Form::ellipsoid([0.0, -56.0, -84.0], [30.0, 32.0, 7.0]), muscle);
    scene.add_pair(
        shaft(m, &[([5.0, -86.0, -90.0], 4.5), ([14.0, -50.0, -92.0], 4.0)], [1.0, 1.0, 1.0]),
        muscle,
    );
    scene.add_pair(
        shaft(
            m,
            &[
                ([36.0, -82.0, -54.0], 3.0),
                ([42.0, -58.0, -54.0], 3.0),
                ([40.0, -42.0, -54.0], 3.0),
            ],
            [1.0, 1.0, 0.25],
        ),
        muscle,
    );
    scene.add_pair(
        Form::ellipsoid([65.0, -34.0, 28.0], [8.0 * m, 36.0, 36.0]).turned([0.0, 9.0, 20.0]),
        muscle,
    );
    scene.add_pair(
        shaft(m, &[([58.0, -38.0, 2.0], 9.0), ([50.0, -38.0, -16.0], 5.0)], [1.2, 0.8, 1.0]),
        muscle,
    );
}

/// Fat and muscles around the parotid; those added after it press into it.
pub(super) fn add_parapharyngeal_fat(scene: &mut Scene, person: &Person) {
    let fat = Tissue { hu: person.fat_hu + 6.0, texture: Texture::Clouds { mm: 8.0, hu: 12.0 } };
    scene.add_pair(Form::ellipsoid([28.5, -15.0, -36.0], [6.5, 11.0, 23.0]), fat);
}

/// Masseter, pterygoids, sternocleidomastoid and digastric.
pub(super) fn add_bordering_muscles(scene: &mut Scene, person: &Person) {
    let muscle = Tissue::muscle(person.muscle_hu + person.enhancement());
    let m = person.muscle_size;
    let masseter =
        Form::block([57.5, -31.0, -41.0], [6.6 * m, 16.5 * m, 29.0], 6.0).turned([9.0, -8.0, 14.0]);
    scene.add_pair(masseter, muscle);
    let medial =
        Form::block([38.5, -25.0, -46.0], [6.2 * m, 12.5, 24.0], 5.5).turned([10.0, -14.0, 12.0]);
    scene.add_pair(medial, muscle);
    let lateral = Form::flat_chain(
        &[([28.0, -36.0, -14.0], 9.0 * m), ([47.0, -16.0, -9.0], 5.0 * m)],
        [1.0, 1.0, 0.85],
    );
    scene.add_pair(lateral, muscle);
    let sternocleidomastoid = Form::flat_chain(
        &[
            ([59.0, 25.0, -26.0], 8.0 * m),
            ([55.0, 20.0, -62.0], 10.0 * m),
            ([47.0, 6.0, -105.0], 10.5 * m),
            ([32.0, -18.0, -160.0], 8.5 * m),
            ([16.0, -32.0, -202.0], 6.0 * m),
        ],
        [1.15, 0.8, 1.0],
    );
    scene.add_pair(sternocleidomastoid, muscle);
    let digastric = [
        ([48.0, 16.0, -28.0], 5.2 * m),
        ([42.0, 2.0, -62.0], 4.4 * m),
        ([24.0, -34.0, -92.0], 3.0),
    ];
    scene.add_pair(Form::chain(&digastric), muscle);
    let styloid_muscles =
        [([40.0, -3.0, -28.0], 3.2), ([32.0, -12.0, -56.0], 3.6), ([20.0, -28.0, -78.0], 3.0)];
    scene.add_pair(Form::chain(&styloid_muscles), muscle);
}
