//! Cervical and upper thoracic spine, cord, ribs and collar bones.

use super::form::{Form, Vector};
use super::person::Person;
use super::scene::Scene;
use super::tissue::Tissue;

/// Heights of the vertebral bodies C2 to T3 and how far back each lies: the neck's lordosis.
const BODIES: [[f64; 2]; 9] = [
    [-57.0, 5.0],
    [-74.0, 4.0],
    [-91.0, 3.0],
    [-108.0, 4.0],
    [-125.0, 7.0],
    [-143.0, 12.0],
    [-163.0, 19.0],
    [-184.0, 26.0],
    [-205.0, 32.0],
];

pub(super) fn add(scene: &mut Scene, person: &Person) {
    let bone = Tissue::bone(0.8 * person.bone_hu, 1.3, 0.24 * person.bone_hu);
    for [z, y] in BODIES {
        add_vertebra(scene, bone, [0.0, y + person.spine_back_mm, z]);
    }
    add_atlas(scene, bone, person.spine_back_mm);
    add_canal(scene, person);
    add_chest(scene, person);
}

fn add_vertebra(scene: &mut Scene, bone: Tissue, [_, y, z]: Vector) {
    scene.add(Form::block([0.0, y, z - 8.5], [9.0, 7.5, 10.0], 4.0), Tissue::plain(85.0));
    scene.add(Form::block([0.0, y, z], [11.0, 8.5, 6.5], 2.5), bone);
    scene.add_pair(Form::ellipsoid([18.5, y + 10.0, z], [6.5, 7.0, 7.5]), bone);
    scene.add_pair(Form::chain(&[([10.0, y, z], 3.5), ([22.0, y + 1.0, z - 2.0], 3.0)]), bone);
    let arch = [([18.0, y + 14.0, z], 3.6), ([4.0, y + 28.0, z - 4.0], 3.2)];
    scene.add_pair(Form::chain(&arch), bone);
    let spine = [([0.0, y + 28.0, z - 4.0], 3.6), ([0.0, y + 44.0, z - 10.0], 3.8)];
    scene.add(Form::chain(&spine), bone);
}

fn add_atlas(scene: &mut Scene, bone: Tissue, back: f64) {
    let at = |x: f64, y: f64, z: f64| [x, y + back, z];
    scene.add_pair(Form::ellipsoid(at(20.0, 9.0, -39.0), [9.0, 9.5, 7.0]), bone);
    let front = [(at(0.0, -3.0, -40.0), 4.0), (at(16.0, 5.0, -39.0), 4.0)];
    scene.add_pair(Form::chain(&front), bone);
    let arch =
        [(at(22.0, 16.0, -40.0), 3.5), (at(12.0, 34.0, -40.0), 3.2), (at(0.0, 38.0, -40.0), 3.4)];
    scene.add_pair(Form::chain(&arch), bone);
    let process = [(at(20.0, 9.0, -40.0), 5.0), (at(37.0, 11.0, -40.0), 4.0)];
    scene.add_pair(Form::chain(&process), bone);
    scene.add(Form::chain(&[(at(0.0, 5.0, -52.0), 5.5), (at(0.0, 4.5, -36.0), 4.5)]), bone);
    // Occipital condyles.
    scene.add_pair(Form::ellipsoid(at(19.0, 10.0, -29.0), [8.0, 11.0, 5.0]), bone);
}

fn add_canal(scene: &mut Scene, person: &Person) {
    let [canal, cord] = canal_and_cord(person.spine_back_mm);
    scene.add(canal, Tissue::plain(12.0));
    scene.add(cord, Tissue::plain(40.0));
}

/// Both lie so many mm further back than drawn.
pub(super) fn canal_and_cord(back: f64) -> [Form; 2] {
    let mut points = vec![([0.0, 20.0 + back, -24.0], 11.0), ([0.0, 21.0 + back, -44.0], 9.5)];
    points.extend(BODIES.map(|[z, y]| ([0.0, y + back + 17.0, z], 8.5)));
    let cord = points.iter().map(|(p, _)| (*p, 5.2)).collect::<Vec<_>>();
    [Form::flat_chain(&points, [0.85, 1.1, 1.0]), Form::flat_chain(&cord, [0.85, 1.15, 1.0])]
}

fn add_chest(scene: &mut Scene, person: &Person) {
    let bone = Tissue::bone(0.9 * person.bone_hu, 1.6, 0.25 * person.bone_hu);
    let collar = [
        ([12.0, -32.0, -206.0], 8.0),
        ([60.0, -38.0, -196.0], 6.0),
        ([110.0, -12.0, -188.0], 6.0),
        ([150.0, 10.0, -186.0], 6.5),
    ];
    scene.add_pair(Form::chain(&collar), bone);
    scene.add_pair(Form::ellipsoid([172.0, 22.0, -205.0], [22.0, 22.0, 22.0]), bone);
    let blade =
        [([150.0, 45.0, -190.0], 6.0), ([90.0, 85.0, -196.0], 4.0), ([75.0, 88.0, -240.0], 4.0)];
    scene.add_pair(Form::chain(&blade), bone);
    let rib = [
        ([22.0, 34.0, -184.0], 5.0),
        ([48.0, 32.0, -190.0], 4.5),
        ([52.0, 4.0, -200.0], 4.5),
        ([32.0, -24.0, -212.0], 4.5),
    ];
    scene.add_pair(Form::flat_chain(&rib, [1.0, 1.0, 0.9]), bone);
    let lung = Form::ellipsoid([42.0, 12.0, -232.0], [30.0, 36.0, 44.0]);
    scene.add_pair(lung, Tissue { hu: -850.0, ..Tissue::muscle(0.0) });
}
