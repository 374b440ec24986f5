//! Compiled code on disk: found after a restart, never trusted when damaged.

use crate::fixture::Guest;
use host_api::{Engine, EngineError, Kind, Limits, Module};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn engine(directory: &Path) -> Engine {
    Engine::new(Limits::default(), Some(directory)).unwrap()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_restart_finds_what_was_compiled() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let bytes = Guest::new(Kind::Combat).bytes();

    let first = engine(&cache);
    let label = Module::load(&first, &bytes).unwrap().label().to_owned();
    assert_eq!(first.cache_hits(), 0);
    drop(first);

    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    let second = engine(&cache);
    assert_eq!(Module::load(&second, &bytes).unwrap().label(), label);
    assert_eq!((second.cache_hits(), entries(&cache).len()), (1, 1));
}

#[test]
fn a_damaged_entry_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let bytes = Guest::new(Kind::Combat).bytes();
    Module::load(&engine(&cache), &bytes).unwrap();
    let entry = entries(&cache).remove(0);
    let sound = fs::read(&entry).unwrap();

    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    for damaged in [flipped, sound[..sound.len() / 2].to_vec(), Vec::new(), b"noise".to_vec()] {
        fs::write(&entry, damaged).unwrap();
        let engine = engine(&cache);
        Module::load(&engine, &bytes).unwrap();
        assert_eq!(engine.cache_hits(), 0);
        assert_eq!(fs::read(&entry).unwrap().len(), sound.len(), "the entry was not written again");
    }
}

#[test]
fn a_directory_others_may_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Engine::new(Limits::default(), Some(directory.path())).unwrap_err();
    assert!(matches!(&error, EngineError::Cache { .. }));
    assert!(error.to_string().contains("chmod 700"), "{error}");
}
