//! What `instructions.py` counts under callgrind: `make bench-instructions`. Each piece of work runs once
//! beforehand, so that plans and memory are there, and then in [`run_counted`]; its name is printed then.
//!
//! All on one thread, which is this one: a second would spin while it waits, as often as chance has it.

#![allow(clippy::print_stdout, reason = "its answers are what it prints")]

mod layers;
mod volumes;

use std::hint::black_box;
use std::path::Path;

use layers::{ARITHMETICS, LAYERS};
use parotidd::imaging::connected_components;
use parotidd::inference::Model;
use parotidd::inference::input::{localizer_hu, segmenter_grid, segmenter_hu};
use parotidd::inference::kernels::InstructionSet;
use parotidd::units::Side;

/// A fifth of a crop: rows and slices are whole, so that their ends weigh as much as they do there.
const SHAPE: [usize; 3] = [16, 80, 64];

/// A coarse CT: 2 mm, slices of 5 mm.
const CT_SHAPE: [usize; 3] = [51, 128, 128];

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("nobody used the pool before");
    // Networks last: reading them leaves free memory in pieces that differ from run to run, and to find some
    // for many small components takes more or fewer instructions then.
    count_images();
    count_layers();
    count_networks();
}

/// Networks run with the fastest instructions alone.
fn count_networks() {
    let set = lower_case(InstructionSet::detect());
    for stage in ["segmenter", "localizer"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let model = Model::load(&folder, stage).expect("a network of ours");
        let values = volumes::network_input(SHAPE);
        count(&format!("{stage}_{set}"), &mut || {
            black_box(model.logits(&values, SHAPE).expect("an answer"));
        });
    }
}

fn count_layers() {
    for set in InstructionSet::available() {
        for (suffix, arithmetic) in ARITHMETICS {
            for layer in LAYERS {
                let (program, mut tensors) = layer.program(arithmetic, SHAPE);
                count(&format!("{}_{suffix}_{}", layer.name, lower_case(set)), &mut || {
                    program.run(set, &mut tensors);
                });
            }
        }
    }
}

fn count_images() {
    let ct = volumes::head(CT_SHAPE);
    let grid = segmenter_grid(volumes::middle(&ct), Side::Left, 0);
    count("resample_crop", &mut || {
        black_box(segmenter_hu(&ct, &grid));
    });
    count("resample_localizer", &mut || {
        black_box(localizer_hu(&ct));
    });
    let body = volumes::body(&localizer_hu(&ct).expect("there is a body"));
    let specks = volumes::specks(&segmenter_hu(&ct, &grid));
    for (name, mask) in [("components_body", body), ("components_specks", specks)] {
        count(name, &mut || {
            black_box(connected_components(&mask));
        });
    }
}

fn count(name: &str, work: &mut dyn FnMut()) {
    work();
    run_counted(work);
    dump_counted();
    println!("{name}");
}

/// Callgrind counts inside; it finds this by its name.
#[inline(never)]
fn run_counted(work: &mut dyn FnMut()) {
    work();
    // The last call would be a jump, and this function's end nowhere.
    black_box(());
}

/// Callgrind writes down what it counted so far and starts anew.
#[inline(never)]
fn dump_counted() {
    black_box(());
}

fn lower_case(set: InstructionSet) -> String {
    format!("{set:?}").to_lowercase()
}
