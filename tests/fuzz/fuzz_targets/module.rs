//! The bytes of a candidate.
#![no_main]

#[path = "../scripts.rs"]
mod scripts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scripts::module(bytes));
