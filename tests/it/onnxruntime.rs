//! The shipped networks here and in onnxruntime: the same files, the same volumes, the same answers.
//!
//! Distances are in quanta: the most that a logit can change when each value before the last convolution is
//! one step off. Here 8-bit sums are whole numbers; onnxruntime adds in f32. A value that lies midway between
//! two steps may so fall to either side, and moves what is behind it. Small volumes of noise often have no such
//! value, and then answers are equal. Larger ones have some, and are held to a tolerance.
//!
//! onnxruntime runs the file as it is written. What its own optimizations make of it is another network on each
//! processor: on one it stays within 2 quanta of the file, on another the same release is 26 away.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{Array3, ArrayView3};
use parotidd::imaging::Volume;
use parotidd::inference::Model;
use parotidd::inference::input::{
    LOCALIZER_WINDOW_HU, SEGMENTER_SHAPE, SEGMENTER_WINDOW_HU, SIDE_MULTIPLE, localizer_hu,
    normalize, segmenter_grid, segmenter_hu,
};
use parotidd::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use parotidd::units::Side;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Where the training recipe and `make peers` have onnxruntime.
const PYTHONS: [&str; 2] = ["models/training/.venv/bin/python", "target/bench-venv/bin/python"];

/// Small volumes, and how many of them at least must be equal. Measured: nine of each network.
const N_SMALL: u64 = 12;
const N_EQUAL_MIN: usize = 4;
/// What equal is, in quanta: f32 in the last convolution. Measured: 5e-6.
const EQUAL_MAX: f32 = 1e-4;
/// The most that small volumes are apart. Measured: 0.30.
const SMALL_MAX: f32 = 1.0;
/// Larger ones, file as written. Measured: 1.45, 0.098, 3.1e-4, 1.5e-5.
const AS_WRITTEN: Apart = Apart { largest: 2.0, mean: 0.15, beyond: 1e-3, flipped: 1e-4 };
/// In f32, of the largest logit. Measured: 6e-7.
const FLOAT_MAX: f32 = 1e-5;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A network's file, volumes and onnxruntime's answers to them.
struct Peer {
    stage: &'static str,
    folder: TempDir,
    quantum: f32,
}

fn has_onnxruntime(python: &Path) -> bool {
    let import = Command::new(python).args(["-c", "import onnx, onnxruntime"]).output();
    import.is_ok_and(|output| output.status.success())
}

/// How far our logits of a volume are from onnxruntime's.
#[derive(Debug)]
struct Apart {
    largest: f32,
    mean: f32,
    /// Share of voxels that are more than 1 apart.
    beyond: f32,
    /// Share of voxels on the other side of a probability of 1/2.
    flipped: f32,
}

impl Peer {
    /// Has onnxruntime answer; `None` where it is not installed.
    fn ask(stage: &'static str, volumes: &[(String, Array3<f32>)]) -> Option<Self> {
        let from_environment = std::env::var_os("BENCH_PYTHON").map(PathBuf::from);
        let known = PYTHONS.map(|python| root().join(python));
        let python = from_environment.into_iter().chain(known).find(|it| has_onnxruntime(it));
        let Some(python) = python else {
            eprintln!("skipped: onnxruntime is not installed (`make peers` does that)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        for (name, volume) in volumes {
            ndarray_npy::write_npy(folder.path().join(format!("{name}.npy")), volume).unwrap();
        }
        let output = Command::new(python)
            .arg(root().join("tests/bench/answers.py"))
            .arg(root().join("models").join(stage).with_extension("onnx"))
            .arg(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        Some(Self { stage, folder, quantum: text.trim().parse().unwrap() })
    }

    fn ours(&self, onnx: Cow<'static, [u8]>) -> Model {
        let manifest = root().join("models").join(self.stage).with_extension("toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        Model::from_bytes(self.stage, &with_hash_of(&manifest, &onnx), onnx).unwrap()
    }

    fn int8(&self) -> Model {
        let path = root().join("models").join(self.stage).with_extension("onnx");
        self.ours(std::fs::read(path).unwrap().into())
    }

    fn f32(&self) -> Model {
        self.ours(std::fs::read(self.folder.path().join("f32.onnx")).unwrap().into())
    }

    fn logits(&self, name: &str, kind: &str) -> Array3<f32> {
        ndarray_npy::read_npy(self.folder.path().join(format!("{name}.{kind}.npy"))).unwrap()
    }
}

/// The manifest with the hash of this file.
fn with_hash_of(manifest: &str, onnx: &[u8]) -> String {
    let hash: String = Sha256::digest(onnx).iter().map(|byte| format!("{byte:02x}")).collect();
    let line = |line: &str| {
        if line.starts_with("sha256") { format!("sha256 = \"{hash}\"") } else { line.to_owned() }
    };
    manifest.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn answer(model: &Model, volume: &Array3<f32>) -> Vec<f32> {
    model.logits(volume.as_slice().unwrap(), volume.dim().into()).unwrap()
}

impl Apart {
    fn is_within(&self, bounds: &Self) -> bool {
        self.largest <= bounds.largest
            && self.mean <= bounds.mean
            && self.beyond <= bounds.beyond
            && self.flipped <= bounds.flipped
    }
}

/// In units of `unit`.
fn apart(ours: &[f32], theirs: &Array3<f32>, unit: f32) -> Apart {
    assert_eq!(ours.len(), theirs.len());
    let n = ours.len() as f32;
    let pairs = || ours.iter().zip(theirs);
    let differences: Vec<f32> = pairs().map(|(a, b)| (a - b).abs() / unit).collect();
    Apart {
        largest: differences.iter().copied().fold(0.0, f32::max),
        mean: differences.iter().sum::<f32>() / n,
        beyond: differences.iter().filter(|&&it| it > 1.0).count() as f32 / n,
        flipped: pairs().filter(|&(a, b)| (*a >= 0.0) != (*b >= 0.0)).count() as f32 / n,
    }
}

fn noise(shape: [usize; 3], seed: u64) -> Array3<f32> {
    let mut state = seed;
    Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    })
}

fn air(shape: [usize; 3]) -> Array3<f32> {
    Array3::from_elem(shape, -1.0)
}

/// What the localizer and the segmenter see of a phantom with a mass on the right.
fn head(seed: u64) -> [Array3<f32>; 2] {
    let side = Side::Right;
    let spec = PhantomSpec { seed, site: Site::A, protocol: Protocol::Neck, tumor: Some(side) };
    let overrides =
        Overrides { matrix: Some(192), slice_spacing_mm: Some(2.5), n_slices_max: Some(60) };
    let phantom = generate_with(&spec, overrides);
    let center = phantom.glands[side as usize].centroid().unwrap();
    let body = localizer_hu(&phantom.volume).unwrap();
    let gland = segmenter_hu(&phantom.volume, &segmenter_grid(center, side, 0));
    let body = normalized(&body, LOCALIZER_WINDOW_HU);
    let shape: [usize; 3] = body.dim().into();
    let mut padded = air(shape.map(|side| side.next_multiple_of(SIDE_MULTIPLE)));
    padded.slice_mut(ndarray::s![..body.dim().0, ..body.dim().1, ..body.dim().2]).assign(&body);
    [padded, normalized(&gland, SEGMENTER_WINDOW_HU)]
}

fn normalized(hu: &Volume<f32>, window: [f32; 2]) -> Array3<f32> {
    ArrayView3::from_shape(hu.shape(), hu.voxels()).unwrap().mapv(|hu| normalize(hu, window))
}

/// Compares a network on large volumes, and on small ones of noise.
fn compare(stage: &'static str, large: [(&str, Array3<f32>); 3]) {
    let large = large.map(|(name, volume)| (name.to_owned(), volume));
    let small = (1..=N_SMALL).map(|seed| (format!("small{seed}"), noise([16; 3], seed)));
    let volumes: Vec<_> = large.into_iter().chain(small).collect();
    let Some(peer) = Peer::ask(stage, &volumes) else { return };
    let [int8, float] = [peer.int8(), peer.f32()];
    let mut n_equal = 0;
    for (name, volume) in &volumes {
        let ours = answer(&int8, volume);
        let as_written = apart(&ours, &peer.logits(name, "int8"), peer.quantum);
        eprintln!("{stage} {name}: {as_written:?}");
        if name.starts_with("small") {
            assert!(as_written.largest <= SMALL_MAX, "{stage} {name}: {as_written:?}");
            n_equal += usize::from(as_written.largest <= EQUAL_MAX);
        } else {
            assert!(as_written.is_within(&AS_WRITTEN), "{stage} {name}: {as_written:?}");
        }
        let theirs = peer.logits(name, "f32");
        let peak = theirs.iter().fold(0.0, |peak: f32, logit| peak.max(logit.abs()));
        let in_f32 = apart(&answer(&float, volume), &theirs, peak);
        assert!(in_f32.largest <= FLOAT_MAX, "{stage} {name} in f32: {in_f32:?}");
    }
    assert!(n_equal >= N_EQUAL_MIN, "{stage}: {n_equal} of {N_SMALL} small volumes are equal");
}

#[test]
fn the_localizer_answers_as_in_onnxruntime() {
    let [body, _] = head(3);
    let large = [("body", body), ("noise", noise([64, 64, 96], 7)), ("air", air([32, 16, 48]))];
    compare("localizer", large);
}

#[test]
fn the_segmenter_answers_as_in_onnxruntime() {
    let [_, gland] = head(3);
    let large =
        [("gland", gland), ("noise", noise(SEGMENTER_SHAPE, 7)), ("air", air(SEGMENTER_SHAPE))];
    compare("segmenter", large);
}
