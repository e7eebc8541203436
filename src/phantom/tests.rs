//! What a phantom must be: the same for a seed, plausible, and true about itself.

use super::*;

const SMALL: Overrides =
    Overrides { matrix: Some(96), slice_spacing_mm: Some(4.0), n_slices_max: Some(28) };

fn phantom(seed: u64, tumor: Option<Side>) -> Phantom {
    let site = Site::BOTH[(seed % 2) as usize];
    generate_with(&PhantomSpec { seed, site, protocol: Protocol::Neck, tumor }, SMALL)
}

#[test]
fn glands_have_a_plausible_size_and_side() {
    for seed in 0..4 {
        let phantom = phantom(seed, None);
        let [right, left] = phantom.glands.each_ref().map(|gland| gland.centroid().unwrap());
        assert!((80.0..140.0).contains(&(left.x - right.x)), "{right:?} {left:?}");
        for (gland, coverage) in phantom.glands.iter().zip(phantom.coverage) {
            let cm3 = gland.mm3() / 1000.0;
            assert!((14.0..45.0).contains(&cm3), "seed {seed}: {cm3} cm3");
            assert!(coverage.inside_share > 0.97, "{coverage:?}");
            assert!((coverage.volume_cm3.0 / cm3 - 1.0).abs() < 0.2, "{coverage:?} {cm3}");
        }
        assert!(phantom.tumor.is_none());
    }
}

#[test]
fn a_tumor_lies_at_its_gland() {
    for (seed, side) in [(5, Side::Right), (6, Side::Left), (7, Side::Right)] {
        let phantom = phantom(seed, Some(side));
        let tumor = phantom.tumor.unwrap();
        let gland = &phantom.glands[side_index(side)];
        let both = tumor.mask.voxels().iter().zip(gland.voxels()).filter(|(t, g)| **t & **g == 1);
        assert!(both.count() > 0, "{:?}", tumor.spec);
        let center = tumor.mask.centroid().unwrap();
        assert_eq!(center.x < 0.0, side == Side::Right);
    }
}

#[test]
fn the_same_specification_gives_the_same_bytes_on_any_number_of_threads() {
    let with_threads = |n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| phantom(3, Some(Side::Left)))
    };
    let [one, three] = [1, 3].map(with_threads);
    assert_eq!(one.volume, three.volume);
    assert_eq!(one.glands, three.glands);
    assert_eq!(one.tumor.unwrap().mask, three.tumor.unwrap().mask);
    assert_ne!(one.volume, phantom(4, Some(Side::Left)).volume);
}

#[test]
fn tissues_have_their_hounsfield_units() {
    let phantom = phantom(2, None);
    let share = |low: i16, high: i16| {
        let n = phantom.volume.voxels().iter().filter(|v| (low..high).contains(&v.0)).count();
        n as f64 / phantom.volume.voxels().len() as f64
    };
    assert!((0.2..0.8).contains(&share(-1024, -900)), "air {}", share(-1024, -900));
    assert!((0.04..0.4).contains(&share(-140, -60)), "fat {}", share(-140, -60));
    assert!((0.05..0.4).contains(&share(20, 100)), "muscle {}", share(20, 100));
    assert!((0.01..0.2).contains(&share(300, 3072)), "bone {}", share(300, 3072));
    for gland in &phantom.glands {
        let inside = phantom.volume.voxels().iter().zip(gland.voxels()).filter(|(_, m)| **m == 1);
        let mut hu: Vec<i16> = inside.map(|(v, _)| v.0).collect();
        hu.sort_unstable();
        assert!((-75..75).contains(&hu[hu.len() / 2]), "gland median {}", hu[hu.len() / 2]);
    }
}

#[test]
fn a_head_scan_says_what_it_cuts() {
    let head = |seed| {
        let spec = PhantomSpec { seed, site: Site::A, protocol: Protocol::Head, tumor: None };
        let overrides = Overrides { n_slices_max: None, ..SMALL };
        generate_with(&spec, overrides)
    };
    for seed in 0..2 {
        let phantom = head(seed);
        for (gland, coverage) in phantom.glands.iter().zip(phantom.coverage) {
            let expected = coverage.volume_cm3.0 * coverage.inside_share;
            let cm3 = gland.mm3() / 1000.0;
            assert!((cm3 - expected).abs() < 0.15 * expected + 1.0, "{cm3} of {expected}");
        }
    }
}
