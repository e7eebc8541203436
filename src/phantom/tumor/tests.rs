//! What a drawn mass must be: as large as specified, where it was put, and nowhere else.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::imaging::{Geometry, Volume};
use crate::units::Hounsfield;

const CENTER: PatientPoint = PatientPoint { x: 52.0, y: 10.0, z: -20.0 };

/// Gland-like tissue all around and a ball of gland, on a grid that holds both halves of a head.
fn soft_tissue(spacing: [f64; 3]) -> (Volume<Hounsfield>, Mask) {
    let shape = [70.0 / spacing[0], 90.0 / spacing[1], 180.0 / spacing[2]].map(|n: f64| n as usize);
    let grid =
        Geometry::axis_aligned(PatientPoint::new(-90.0, -35.0, -55.0), spacing, shape).unwrap();
    let volume = Volume::filled(grid, Hounsfield(-20));
    let mut gland = Mask::filled(grid, 0);
    for offset in 0..grid.n_voxels() {
        let at = grid.to_patient(gland.index_of(offset).map(|n| n as f64));
        gland.voxels_mut()[offset] = u8::from(at.distance(CENTER) < 18.0);
    }
    (volume, gland)
}

fn spec(seed: u64, gland: &Mask) -> TumorSpec {
    TumorSpec::sample(&mut ChaCha8Rng::seed_from_u64(seed), gland)
}

#[test]
fn the_mask_has_the_specified_volume() {
    for spacing in [[1.0; 3], [2.5, 1.2, 1.2]] {
        let (volume, gland) = soft_tissue(spacing);
        for seed in 0..12 {
            let mut spec = spec(seed, &gland);
            spec.center = CENTER;
            spec.volume_cm3.0 = spec.volume_cm3.0.min(16.0);
            let mask = draw_tumor(&mut volume.clone(), &gland, &spec);
            let drawn = mask.mm3() / 1000.0;
            let wanted = spec.volume_cm3.0;
            assert!((drawn / wanted - 1.0).abs() < 0.10, "seed {seed}: {drawn} of {wanted} cm3");
        }
    }
}

#[test]
fn the_same_specification_draws_the_same_voxels() {
    let (volume, gland) = soft_tissue([2.0, 1.5, 1.5]);
    let draw = |seed| {
        let mut drawn = volume.clone();
        let mask = draw_tumor(&mut drawn, &gland, &spec(seed, &gland));
        (drawn, mask)
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3).1, draw(4).1);
}

#[test]
fn bone_and_air_stay_and_are_not_in_the_mask() {
    let (mut volume, gland) = soft_tissue([1.0; 3]);
    for offset in 0..volume.voxels().len() {
        let [_, row, column] = volume.index_of(offset);
        let hu = match (row % 14, column % 16) {
            (0..3, _) => 700,
            (_, 0..3) => -900,
            _ => 30,
        };
        volume.voxels_mut()[offset] = Hounsfield(hu);
    }
    let mut spec = spec(5, &gland);
    spec.volume_cm3.0 = 8.0;
    let mut drawn = volume.clone();
    let mask = draw_tumor(&mut drawn, &gland, &spec);
    assert!(mask.n_inside() > 1000);
    for (offset, before) in volume.voxels().iter().enumerate() {
        if before.0 != 30 {
            assert_eq!(drawn.voxels()[offset], *before);
            assert_eq!(mask.voxels()[offset], 0);
        }
    }
}

#[test]
fn volumes_are_log_normal_and_every_place_occurs() {
    let (_, gland) = soft_tissue([3.0, 3.0, 3.0]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let specs: Vec<TumorSpec> = (0..600).map(|_| TumorSpec::sample(&mut rng, &gland)).collect();
    let mut volumes: Vec<f64> = specs.iter().map(|s| s.volume_cm3.0).collect();
    volumes.sort_by(f64::total_cmp);
    assert!((3.9..5.4).contains(&volumes[300]), "median {}", volumes[300]);
    assert!(volumes[0] >= VOLUME_CM3_MIN && volumes[599] <= VOLUME_CM3_MAX);
    let share = |place| specs.iter().filter(|s| s.place == place).count() as f64 / 600.0;
    assert!((0.06..0.16).contains(&share(TumorPlace::Deep)));
    assert!((0.1..0.3).contains(&share(TumorPlace::Exophytic)));
    assert!((0.02..0.2).contains(&share(TumorPlace::Replacing)));
    for deep in specs.iter().filter(|s| s.place == TumorPlace::Deep) {
        assert!(deep.center.x < CENTER.x, "the deep lobe is medial");
    }
}

#[test]
fn a_deep_mass_lies_towards_the_middle_and_leaves_some_gland() {
    let (_, gland) = soft_tissue([3.0, 3.0, 3.0]);
    for seed in 0..200 {
        let spec = TumorSpec::sample_deep(&mut ChaCha8Rng::seed_from_u64(seed), &gland);
        assert_eq!(spec.place, TumorPlace::Deep);
        assert!(spec.center.x < CENTER.x, "the deep lobe is medial");
        assert!((VOLUME_CM3_MIN..=REPLACING_CM3).contains(&spec.volume_cm3.0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_center_and_grid_is_drawn_without_panic(
        at in prop::array::uniform3(-150.0..150.0_f64), seed in 0_u64..1000, coarse in 2.0..5.0_f64,
    ) {
        let (mut volume, gland) = soft_tissue([coarse, 3.0, 3.0]);
        let mut spec = spec(seed, &gland);
        spec.center = at.into();
        let mask = draw_tumor(&mut volume, &gland, &spec);
        for (voxel, inside) in volume.voxels().iter().zip(mask.voxels()) {
            prop_assert!(*inside == 1 || (-120..500).contains(&voxel.0));
        }
    }
}
