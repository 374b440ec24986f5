//! What a candidate says of itself.
#![no_main]

#[path = "../scripts.rs"]
mod scripts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scripts::manifest(bytes));
