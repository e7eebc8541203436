//! Whether the drawn glands lie within the spread of real ones.
//!
//! Real: 35 planning CTs of TCIA collections, organs outlined by an oncologist (Nikolov et al. 2018,
//! arXiv 1809.04430; github.com/deepmind/tcia-ct-scan-dataset, CC BY 4.0), 70 glands. HU: 359 glands
//! of OpenKBP (Babier et al. 2021, doi 10.1002/mp.14845), with the brain stem taken as 33 HU.

use super::*;
use crate::imaging::Geometry;
use form::Form;
use scene::Role;
use tissue::Tissue;

const N_SEEDS: u64 = 16;
const SPACING_MM: [f64; 3] = [3.0, 2.5, 2.5];

/// Mean, standard deviation, smallest and largest.
type Spread = [f64; 4];

/// Glands of real people, mm and cm3. Offsets are from the centroid of the mandible (left is away
/// from the middle) and of the spinal canal at the gland's height.
const REAL: [(&str, Spread); 15] = [
    ("volume cm3", [29.8, 8.8, 13.2, 52.5]),
    ("extent x", [39.4, 5.2, 26.5, 53.8]),
    ("extent y", [57.3, 10.2, 33.3, 74.5]),
    ("extent z", [60.6, 8.9, 37.5, 85.0]),
    ("lateral of mandible", [58.9, 6.5, 34.5, 81.2]),
    ("behind mandible", [45.6, 6.0, 32.0, 58.9]),
    ("above mandible", [14.4, 6.8, -0.4, 28.1]),
    ("lateral of canal", [59.0, 5.1, 45.2, 70.2]),
    ("behind canal", [-28.6, 5.8, -42.3, -17.6]),
    ("right to left", [117.8, 9.3, 97.5, 137.8]),
    ("asymmetry", [0.11, 0.08, 0.0, 0.31]),
    ("median HU", [1.0, 28.0, -62.0, 79.0]),
    ("mandible width", [120.1, 7.2, 96.7, 132.8]),
    ("mandible depth", [97.7, 10.6, 76.2, 120.6]),
    ("mandible height", [83.1, 10.3, 62.5, 107.5]),
];

/// HU without noise; right gland, left gland, mandible, spinal canal.
fn masks(seed: u64) -> (Volume<Hounsfield>, [Mask; 4]) {
    let (frame, person) = patient(seed, None);
    let origin = frame.origin();
    let corner = PatientPoint::new(origin[0] - 100.0, origin[1] - 135.0, origin[2] - 130.0);
    let grid = Geometry::axis_aligned(corner, SPACING_MM, [59, 88, 81]).unwrap();
    let sampling = Sampling { slice_thickness_mm: 3.0, blur_mm: 0.8 };
    let (volume, [right, left]) = build_scene(&person, seed).render(&frame, &grid, sampling);
    let [canal, _] = spine::canal_and_cord(person.spine_back_mm);
    let mut landmarks = Scene::new(seed, Form::ellipsoid([0.0; 3], [1.0; 3]), Tissue::plain(0.0));
    let bone = Tissue::plain(700.0);
    landmarks.add_as(Role::Gland(Side::Right), skull::mandible(), bone);
    landmarks.add_as(Role::Gland(Side::Right), skull::mandible().mirrored(), bone);
    landmarks.add_as(Role::Gland(Side::Left), canal, bone);
    let (_, [mandible, canal]) = landmarks.render(&frame, &grid, sampling);
    (volume, [right, left, mandible, canal])
}

fn points(mask: &Mask) -> Vec<[f64; 3]> {
    let inside = mask.voxels().iter().enumerate().filter(|(_, v)| **v == 1);
    inside
        .map(|(offset, _)| {
            let at = mask.geometry().to_patient(mask.index_of(offset).map(|n| n as f64));
            [at.x, at.y, at.z]
        })
        .collect()
}

fn mean(points: &[[f64; 3]]) -> [f64; 3] {
    std::array::from_fn(|a| points.iter().map(|p| p[a]).sum::<f64>() / points.len() as f64)
}

fn extent(points: &[[f64; 3]], spacing: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|a| {
        let values = points.iter().map(|p| p[a]);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        values.fold(f64::NEG_INFINITY, f64::max) - low + spacing[a]
    })
}

/// The table's values for both glands of a seed.
fn measure(seed: u64) -> Vec<[f64; 15]> {
    let (volume, masks) = masks(seed);
    let hu = [0, 1].map(|side| median_hu(&volume, &masks[side]));
    let [right, left, mandible, canal] = masks.each_ref().map(points);
    let [slices, rows, columns] = SPACING_MM;
    let spacing = [columns, rows, slices];
    let [jaw, jaw_extent] = [mean(&mandible), extent(&mandible, spacing)];
    let [right_mean, left_mean] = [mean(&right), mean(&left)];
    let cm3 = [&right, &left]
        .map(|gland| gland.len() as f64 * SPACING_MM.iter().product::<f64>() / 1000.0);
    [(&right, -1.0), (&left, 1.0)]
        .iter()
        .zip(cm3.into_iter().zip(hu))
        .map(|((gland, side), (volume, hu))| {
            let center = mean(gland);
            let near: Vec<_> =
                canal.iter().filter(|p| (p[2] - center[2]).abs() < 10.0).copied().collect();
            let canal = mean(&near);
            let [x, y, z] = extent(gland, spacing);
            let from =
                |other: [f64; 3]| -> [f64; 3] { std::array::from_fn(|a| center[a] - other[a]) };
            let [jaw, canal] = [from(jaw), from(canal)];
            [
                volume,
                x,
                y,
                z,
                side * jaw[0],
                jaw[1],
                jaw[2],
                side * canal[0],
                canal[1],
                left_mean[0] - right_mean[0],
                2.0 * (cm3[0] - cm3[1]).abs() / (cm3[0] + cm3[1]),
                hu,
                jaw_extent[0],
                jaw_extent[1],
                jaw_extent[2],
            ]
        })
        .collect()
}

fn median_hu(volume: &Volume<Hounsfield>, gland: &Mask) -> f64 {
    let inside = volume.voxels().iter().zip(gland.voxels()).filter(|(_, g)| **g == 1);
    let mut hu: Vec<i16> = inside.map(|(hu, _)| hu.0).collect();
    hu.sort_unstable();
    f64::from(hu[hu.len() / 2])
}

fn spread(values: &[f64]) -> Spread {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    [mean, variance.sqrt(), low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}

#[test]
fn glands_lie_as_real_ones_do() {
    let all: Vec<[f64; 15]> = (0..N_SEEDS).flat_map(measure).collect();
    for (n, (name, real)) in REAL.iter().enumerate() {
        let found = spread(&all.iter().map(|row| row[n]).collect::<Vec<_>>());
        let [mean, deviation, low, high] = found;
        let text = format!("{name}: real {real:.2?}, phantom {found:.2?}");
        eprintln!("{text}");
        assert!((mean - real[0]).abs() < 0.7 * real[1], "{text}");
        assert!((0.55..1.7).contains(&(deviation / real[1])), "{text}");
        // What is common in patients must occur; jaws are only what glands are measured from.
        let reaches = low < real[0] - 0.8 * real[1] && high > real[0] + 0.8 * real[1];
        assert!(reaches || name.starts_with("mandible"), "{text}");
    }
}
