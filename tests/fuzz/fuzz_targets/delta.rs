//! Frames of a server.
#![no_main]

#[path = "../replica.rs"]
mod replica;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| replica::delta(bytes));
