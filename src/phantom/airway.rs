//! Sinuses, nose, mouth, throat, larynx and windpipe.

use super::form::Form;
use super::person::Person;
use super::scene::Scene;
use super::tissue::{Texture, Tissue};

pub(super) fn add(scene: &mut Scene, person: &Person) {
    add_walls(scene, person);
    let air = Tissue::plain(-990.0);
    scene.add_pair(Form::ellipsoid([29.0, -68.0, -20.0], [13.2, 16.2, 16.2]), air);
    let cells = Tissue { hu: 150.0, texture: Texture::AirCells { air: 0.95 } };
    scene.add(Form::block([0.0, -64.0, 13.0], [11.0, 22.0, 11.0], 5.0), cells);
    scene.add_pair(Form::ellipsoid([8.5, -27.0, 6.0], [7.5, 9.0, 9.0]), air);
    scene.add_pair(Form::ellipsoid([9.0, -91.0, 34.0], [7.5, 4.0, 9.0]), air);
    add_nose(scene, person);
    let throat = Form::flat_chain(
        &[
            ([0.0, -33.0, -14.0], 9.0),
            ([0.0, -26.0, -32.0], 9.5),
            ([0.0, -20.0, -52.0], 8.0),
            ([0.0, -20.0, -78.0], 8.5),
            ([0.0, -24.0, -92.0], 7.0),
        ],
        [0.8, 1.25, 1.0],
    );
    scene.add(throat, air);
    scene.add(Form::chain(&[([0.0, -24.0, -92.0], 6.0), ([0.0, -28.0, -106.0], 3.6)]), air);
    let windpipe = [
        ([0.0, -28.0, -108.0], 4.0),
        ([0.0, -27.0, -118.0], 8.0),
        ([0.0, -18.0, -160.0], 8.5),
        ([0.0, -4.0, -215.0], 8.5),
    ];
    scene.add(Form::chain(&windpipe), air);
    if person.mouth_open {
        scene.add(Form::ellipsoid([0.0, -64.0, -56.0], [19.0, 28.0, 5.0]), air);
    } else {
        scene.add(Form::ellipsoid([0.0, -62.0, -46.0], [15.0, 22.0, 1.6]), air);
    }
}

/// The soft walls of the throat, the soft palate, and the cartilages.
fn add_walls(scene: &mut Scene, person: &Person) {
    let muscle = Tissue::muscle(person.muscle_hu);
    let walls = Form::flat_chain(
        &[
            ([0.0, -28.0, -14.0], 15.0),
            ([0.0, -22.0, -34.0], 16.0),
            ([0.0, -18.0, -60.0], 15.0),
            ([0.0, -19.0, -92.0], 16.0),
        ],
        [0.8, 1.2, 1.0],
    );
    scene.add(walls, muscle);
    let palate = Form::chain(&[([0.0, -42.0, -40.0], 5.0), ([0.0, -30.0, -58.0], 4.0)]);
    scene.add(palate, muscle);
    let cartilage = Tissue::plain(130.0);
    let shield = Form::flat_chain(
        &[([0.0, -42.0, -108.0], 2.2), ([9.0, -36.0, -107.0], 2.2), ([17.0, -18.0, -106.0], 2.2)],
        [1.0, 1.0, 0.22],
    );
    let larynx = Form::chain(&[([0.0, -24.0, -96.0], 14.0), ([0.0, -26.0, -120.0], 14.0)]);
    scene.add(larynx, muscle);
    scene.add_pair(shield, cartilage);
    let hyoid = Form::chain(&[
        ([0.0, -46.0, -92.0], 3.2),
        ([14.0, -38.0, -91.0], 2.6),
        ([22.0, -18.0, -90.0], 2.0),
    ]);
    scene.add_pair(hyoid, Tissue::plain(600.0));
    let ring =
        [([0.0, -25.0, -118.0], 11.0), ([0.0, -17.0, -160.0], 10.5), ([0.0, -3.0, -215.0], 10.5)];
    scene.add(Form::chain(&ring), Tissue { hu: 70.0, ..Tissue::muscle(70.0) });
    let gullet =
        [([0.0, -8.0, -120.0], 6.0), ([2.0, 2.0, -165.0], 6.5), ([4.0, 12.0, -215.0], 6.5)];
    scene.add(Form::flat_chain(&gullet, [0.8, 1.2, 1.0]), muscle);
    let thyroid = Form::ellipsoid([16.0, -24.0, -136.0], [7.5, 10.0, 19.0]);
    scene.add_pair(thyroid, Tissue::plain(100.0 + 0.5 * person.contrast_hu));
    let isthmus = Form::ellipsoid([0.0, -35.0, -138.0], [12.0, 3.5, 6.0]);
    scene.add(isthmus, Tissue::plain(100.0 + 0.5 * person.contrast_hu));
}

fn add_nose(scene: &mut Scene, person: &Person) {
    let cavity = Form::ellipsoid([0.0, -68.0, -19.0], [14.5, 38.0, 18.5]);
    scene.add(cavity, Tissue::plain(-990.0));
    let septum = Form::block([0.3, -70.0, -18.0], [1.1, 34.0, 18.0], 0.6);
    scene.add(septum, Tissue::plain(0.25 * person.bone_hu));
    let mucosa = Tissue::plain(45.0 + person.enhancement());
    for (x, z, size) in [(9.5, -29.0, 4.2), (8.5, -15.0, 3.0)] {
        let turbinate =
            Form::flat_chain(&[([x, -90.0, z], size), ([x, -48.0, z], size)], [1.3, 1.0, 0.8]);
        scene.add_pair(turbinate, mucosa);
    }
    scene.add_pair(
        Form::chain(&[([6.0, -98.0, -30.0], 4.5), ([6.0, -112.0, -36.0], 3.8)]),
        Tissue::plain(-990.0),
    );
}
