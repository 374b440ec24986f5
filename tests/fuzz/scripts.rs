//! What is fuzzed of the script host: each function takes anything and must come back.

use host_api::{Engine, Limits, Manifest, Module};
use std::sync::LazyLock;

/// Small, so that more is tried in a second.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let limits = Limits {
        component_bytes: 256 << 10,
        fuel_instantiate: 1_000_000,
        fuel_base: 300_000,
        fuel_per_call: 1_000_000,
        deadline_load_epochs: 40,
        ..Limits::default()
    };
    Engine::new(limits, None).expect("this machine runs scripts")
});

/// A component without anything, and the start of a section of notes in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
const SECTION: &[u8] = b"\x0dlore:manifest";

/// The bytes are those of a candidate.
#[allow(dead_code, reason = "each target uses one of these")]
pub fn module(bytes: &[u8]) {
    if let Err(error) = Module::load(&ENGINE, bytes) {
        assert!(!error.to_string().is_empty());
    }
}

/// The bytes are the JSON of a manifest, and a candidate.
#[allow(dead_code, reason = "each target uses one of these")]
pub fn manifest(bytes: &[u8]) {
    drop(Manifest::read(bytes));
    let mut component = EMPTY.to_vec();
    component.push(0);
    let mut length = SECTION.len() + bytes.len();
    while length > 0x7f {
        component.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    component.push(length as u8);
    component.extend_from_slice(SECTION);
    component.extend_from_slice(bytes);
    match Manifest::read(&component) {
        // What is understood says the same when it is written again.
        Ok(manifest) => {
            assert_eq!(Manifest::read(&Manifest::embed(EMPTY, &manifest)).expect("its own"), manifest);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
