//! Runs one network on one input each time a line comes in, and answers with its times: the half of
//! `make bench-inference` that is ours. `inference.py` runs it and a peer in turn.
//!
//! `inference THREADS ONNX MANIFEST SLICES ROWS COLUMNS`, each thread bound to a core. Each answer is `CPU WALL`,
//! seconds; the first line is the instruction set.

#![allow(clippy::print_stdout, reason = "its answers are what it prints")]

use std::io::{BufRead, Write};
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use parotidd::inference::Model;
use parotidd::inference::kernels::InstructionSet;
use parotidd::system::threads;
use sha2::{Digest, Sha256};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let [n_threads, onnx, manifest, sides @ ..] = arguments.as_slice() else {
        // `cargo bench` alone has nothing to measure against.
        println!("run `make bench-inference`");
        return;
    };
    threads::start(n_threads.parse().expect("a number of threads"), true).expect("threads");
    let onnx = std::fs::read(onnx).expect("the network's file");
    let manifest = std::fs::read_to_string(manifest).expect("the manifest's file");
    let shape: Vec<usize> = sides.iter().map(|side| side.parse().expect("a side")).collect();
    let shape: [usize; 3] = shape.try_into().expect("three sides");
    let model = Model::from_bytes("bench", &with_hash_of(&manifest, &onnx), onnx.into())
        .expect("a network of ours");
    let n = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..n).map(|at| (at * 7919 % 2001) as f32 / 1000.0 - 1.0).collect();
    model.logits(&values, shape).expect("an answer");
    println!("{:?}", InstructionSet::detect());
    for line in std::io::stdin().lock().lines() {
        line.expect("a line");
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let logits = model.logits(&values, shape).expect("an answer");
        assert_eq!(logits.len(), n);
        println!("{} {}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        std::io::stdout().flush().expect("a reader");
    }
}

/// The manifest with the hash of this file: variants of a network have none of their own.
fn with_hash_of(manifest: &str, onnx: &[u8]) -> String {
    let hash: String = Sha256::digest(onnx).iter().map(|byte| format!("{byte:02x}")).collect();
    let line = |line: &str| {
        if line.starts_with("sha256") { format!("sha256 = \"{hash}\"") } else { line.to_owned() }
    };
    manifest.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Of all threads of the process.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9
}
