//! Command sets, and the data sets of the services that have one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parotidd::fuzzing::dimse(bytes));
