//! How fast the main paths are, with their spread: `make bench`.
//!
//! All on one thread, which is this one, with the machine's fastest instructions. Layers and networks
//! are counted in multiply-adds, and `peak NAME FRACTION` is what each reaches of what registers alone
//! would allow in the same moment; images are counted in voxels.

#![allow(clippy::print_stdout, reason = "its answers are what it prints")]

mod layers;
mod peak;
mod volumes;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use layers::{ARITHMETICS, LAYERS};
use parotidd::imaging::connected_components;
use parotidd::inference::Model;
use parotidd::inference::input::{SEGMENTER_SHAPE, localizer_hu, segmenter_grid, segmenter_hu};
use parotidd::inference::kernels::{Arithmetic, InstructionSet};
use parotidd::units::Side;

/// A body of 32 x 32 x 48 cm on the localizer's grid.
const LOCALIZER_SHAPE: [usize; 3] = [64, 64, 96];

/// A head and neck CT as scanners make them: 512 columns, slices of 2.5 mm.
const CT_SHAPE: [usize; 3] = [102, 512, 512];

/// Both networks, in all 15 convolutions, for each voxel of the input. A third are the first level's, a
/// quarter the last upsampling to it.
const NETWORK_MULTIPLY_ADDS: usize = 5589;

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("nobody used the pool before");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    println!("instructions {:?}", InstructionSet::detect());
    bench_layers(&mut criterion);
    bench_networks(&mut criterion);
    bench_images(&mut criterion);
    criterion.final_summary();
}

fn bench_layers(criterion: &mut Criterion) {
    let set = InstructionSet::detect();
    let mut group = criterion.benchmark_group("layers");
    for (suffix, arithmetic) in ARITHMETICS {
        for layer in LAYERS {
            let (program, mut tensors) = layer.program(arithmetic, SEGMENTER_SHAPE);
            let name = format!("{}_{suffix}", layer.name);
            let multiply_adds = layer.multiply_adds(SEGMENTER_SHAPE);
            against_peak(&mut group, &name, arithmetic, multiply_adds, || {
                program.run(set, &mut tensors);
            });
        }
    }
}

/// Whole answers of the shipped networks, which are of 8 bits.
fn bench_networks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("networks");
    for (stage, shape) in [("segmenter", SEGMENTER_SHAPE), ("localizer", LOCALIZER_SHAPE)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let model = Model::load(&folder, stage).expect("a network of ours");
        let values = volumes::network_input(shape);
        let multiply_adds = NETWORK_MULTIPLY_ADDS * values.len();
        against_peak(&mut group, stage, Arithmetic::Int8, multiply_adds, || {
            black_box(model.logits(&values, shape).expect("an answer"));
        });
    }
}

fn bench_images(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("images");
    let ct = volumes::head(CT_SHAPE);
    let grid = segmenter_grid(volumes::middle(&ct), Side::Left, 0);
    best(&mut group, "resample_crop", grid.n_voxels(), || {
        black_box(segmenter_hu(&ct, &grid));
    });
    best(&mut group, "resample_localizer", ct.voxels().len(), || {
        black_box(localizer_hu(&ct));
    });
    let body = volumes::body(&localizer_hu(&ct).expect("there is a body"));
    let specks = volumes::specks(&segmenter_hu(&ct, &grid));
    for (name, mask) in [("components_body", body), ("components_specks", specks)] {
        best(&mut group, name, mask.voxels().len(), || {
            black_box(connected_components(&mask));
        });
    }
}

/// Measures, and prints the fraction of the peak before or after, whichever is higher.
fn against_peak(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    arithmetic: Arithmetic,
    multiply_adds: usize,
    run: impl FnMut(),
) {
    let peak = || peak::peak(InstructionSet::detect(), arithmetic);
    let before = peak();
    let Some(seconds) = best(group, name, multiply_adds, run) else { return };
    let Some(peak) = before.into_iter().chain(peak()).reduce(f64::max) else { return };
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = multiply_adds as f64 / seconds;
    println!("peak {name} {:.3} ({:.1} of {:.1} Gelem/s)", rate / peak, rate / 1e9, peak / 1e9);
}

/// Measures; the smallest mean time of a sample, seconds, and `None` where the name was not asked for.
fn best(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    n_elements: usize,
    mut run: impl FnMut(),
) -> Option<f64> {
    let mut best: Option<f64> = None;
    group.throughput(Throughput::Elements(n_elements as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|n_runs| {
            let start = Instant::now();
            (0..n_runs).for_each(|_| run());
            let all = start.elapsed();
            #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
            let each = all.as_secs_f64() / n_runs as f64;
            best = Some(best.map_or(each, |best| best.min(each)));
            all
        });
    });
    best
}
