//! The program as its users meet it: one binary of integration tests.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "tests use small numbers"
)]

mod appliance;
mod certificates;
mod cli;
mod cohort;
mod conformance;
mod daemon;
mod deidentify;
mod deliveries;
mod display;
mod evaluate;
mod export;
mod hl7;
mod intake;
mod labels;
mod made_results;
mod objects;
mod onnx;
mod onnxruntime;
mod outage;
mod outbox;
mod peers;
mod pictures;
mod real_ct;
mod results;
mod ris;
mod segmentation;
mod sticks;
mod tidy;
mod transfer_syntaxes;
mod units;
mod whole_box;
mod wire;
mod worklist;
