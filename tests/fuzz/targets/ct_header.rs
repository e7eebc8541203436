//! Headers of CT images in every transfer syntax.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parotidd::fuzzing::ct_header(bytes));
