//! Frames of a client, and whatever else happens to its session.
#![no_main]

#[path = "../session.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| session::frame(bytes));
