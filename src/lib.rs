//! parotidd screens head and neck CT for parotid tumours beside the scanner.
//!
//! Not a medical device; not for diagnostic use. `ARCHITECTURE.md` is the map; in short, from the
//! ground up: `units limits phi clock error reason secret_file verdict status`, `report_text` (radiologists' reports),
//! `hl7` (messages of other systems), `imaging` (volumes), `inference` (the two
//! networks), `screening` (the medical answer) and `phantom`, `dicom` (the only place that knows
//! DICOM's bytes), `intake` (instances to volumes), `db` (SQLite), `evaluation` (labelled cohorts),
//! `delivery` (durable outbox), `worklist` (orders), `display`, `console` (pages behind links), `review`
//! (answers beside radiologists' reports), `system`, `panel` (lamps, buzzer and
//! button), then `worker`, `export` (de-identified cohorts), `appliance` (what the box's operating system is told, and what a stick asks),
//! `daemon` and `cli`.

#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "tests use small numbers"
    )
)]

pub mod appliance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod daemon;
pub mod db;
pub mod delivery;
pub mod dicom;
pub mod disk;
pub mod display;
pub mod error;
pub mod evaluation;
pub mod export;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod heartbeat;
pub mod hl7;
pub mod imaging;
pub mod inference;
pub mod intake;
pub mod keeping;
pub mod limits;
pub mod panel;
pub mod phantom;
pub mod phi;
pub mod reason;
pub mod report_text;
pub mod review;
pub mod screening;
pub mod secret_file;
pub mod status;
pub mod status_writer;
pub mod system;
pub mod units;
pub mod verdict;
pub mod worker;
pub mod worklist;
