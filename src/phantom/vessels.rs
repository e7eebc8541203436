//! Arteries and veins of the neck, with or without contrast medium.

use super::form::Form;
use super::person::Person;
use super::scene::{Role, Scene};
use super::tissue::Tissue;

pub(super) fn add(scene: &mut Scene, person: &Person) {
    let artery = Tissue::plain(42.0 + person.contrast_hu);
    let vein = Tissue::plain(42.0 + 0.85 * person.contrast_hu);
    let carotid = [
        ([26.0, -2.0, -6.0], 2.6),
        ([27.0, 0.0, -40.0], 2.7),
        ([27.0, -6.0, -84.0], 4.0),
        ([22.0, -10.0, -130.0], 3.5),
        ([20.0, -8.0, -200.0], 3.8),
    ];
    scene.add_pair(Form::chain(&carotid), artery);
    let vertebral =
        [([15.0, 10.0, -200.0], 1.8), ([20.0, 4.0, -150.0], 1.8), ([19.0, 5.0, -60.0], 1.8)];
    scene.add_pair(Form::chain(&vertebral), artery);
    let external = [
        ([30.0, -12.0, -86.0], 2.4),
        ([40.0, -8.0, -60.0], 2.0),
        ([45.0, -5.0, -34.0], 1.7),
        ([48.0, -4.0, -18.0], 1.4),
    ];
    scene.add_as(Role::WithinGland, Form::chain(&external).mirrored(), artery);
    scene.add_as(Role::WithinGland, Form::chain(&external), artery);
    let retromandibular = [
        ([52.0, -4.0, -10.0], 1.8),
        ([51.0, -3.0, -36.0], 2.4),
        ([53.0, -4.0, -66.0], 2.6),
        ([50.0, -2.0, -92.0], 2.2),
    ];
    scene.add_as(Role::WithinGland, Form::chain(&retromandibular).mirrored(), vein);
    scene.add_as(Role::WithinGland, Form::chain(&retromandibular), vein);
    // The jugular veins are rarely of one size.
    for (mirrored, size) in [(false, 0.9), (true, 1.15)] {
        let jugular = Form::chain(&[
            ([30.0, 7.0, -8.0], 3.5 * size),
            ([33.0, 8.0, -40.0], 4.0 * size),
            ([35.0, 3.0, -90.0], 5.0 * size),
            ([29.0, -4.0, -140.0], 6.0 * size),
            ([26.0, -6.0, -200.0], 6.5 * size),
        ]);
        scene.add(if mirrored { jugular.mirrored() } else { jugular }, vein);
    }
    let superficial =
        [([58.0, 4.0, -68.0], 1.8), ([48.0, 6.0, -110.0], 2.2), ([38.0, 2.0, -170.0], 2.4)];
    scene.add_pair(Form::chain(&superficial), vein);
    let facial =
        [([46.0, -58.0, -72.0], 1.6), ([42.0, -36.0, -88.0], 2.0), ([38.0, -14.0, -98.0], 2.2)];
    scene.add_pair(Form::chain(&facial), vein);
    // Lymph nodes along the jugular vein.
    let node = Tissue::plain(45.0 + 0.3 * person.contrast_hu);
    for (x, y, z, size) in
        [(41.0, -6.0, -74.0, 3.6), (43.0, 8.0, -88.0, 3.0), (38.0, 10.0, -115.0, 2.6)]
    {
        scene.add_pair(Form::ellipsoid([x, y, z], [size, 0.9 * size, 1.9 * size]), node);
    }
}
