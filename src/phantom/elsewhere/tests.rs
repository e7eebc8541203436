//! What a phantom without glands must be: the same for a seed, of its own kind, empty of glands.

use super::*;

const SMALL: Overrides =
    Overrides { matrix: Some(56), slice_spacing_mm: Some(6.0), n_slices_max: Some(16) };

/// Share of voxels between two HU.
fn share(phantom: &BodyPhantom, low: i16, high: i16) -> f64 {
    let voxels = phantom.volume.voxels();
    let n = voxels.iter().filter(|hu| (low..high).contains(&hu.0)).count();
    n as f64 / voxels.len() as f64
}

#[test]
fn each_part_is_drawn_and_the_same_again() {
    for part in BodyPart::ALL {
        let [one, again] = [0; 2].map(|_| generate_body(part, 5, SMALL));
        assert_eq!(one.volume, again.volume, "{part:?}");
        assert_eq!(one.acquisition, again.acquisition);
        assert_eq!(one.volume.shape()[0], one.acquisition.n_slices);
        assert_ne!(one.volume, generate_body(part, 6, SMALL).volume, "{part:?}");
        assert!((1..=16).contains(&one.acquisition.n_slices));
    }
}

#[test]
fn parts_hold_their_tissues() {
    let check = |part, low, high, least: f64| {
        let shares = (0..4).map(|seed| share(&generate_body(part, seed, SMALL), low, high));
        let mean = shares.sum::<f64>() / 4.0;
        assert!(mean > least, "{part:?} {low}..{high}: {mean}");
    };
    check(BodyPart::Chest, -950, -650, 0.04);
    check(BodyPart::Chest, 200, 3072, 0.004);
    check(BodyPart::Abdomen, 20, 200, 0.08);
    check(BodyPart::Abdomen, -140, -60, 0.05);
    check(BodyPart::Pelvis, 200, 3072, 0.01);
    check(BodyPart::Legs, 400, 3072, 0.004);
    check(BodyPart::Arms, 400, 3072, 0.002);
    check(BodyPart::LowerNeck, 20, 200, 0.05);
    check(BodyPart::Brain, 0, 60, 0.1);
    check(BodyPart::WaterPhantom, -60, 60, 0.04);
    check(BodyPart::HeadPhantom, -60, 200, 0.05);
}

#[test]
fn a_table_is_all_that_is_left_of_nobody() {
    for seed in 0..4 {
        let phantom = generate_body(BodyPart::Table, seed, SMALL);
        assert!(share(&phantom, -1024, -700) > 0.85);
    }
}
