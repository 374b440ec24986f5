//! The committed corpus of the fuzz targets, through the same functions. See `tests/fuzz/Cargo.toml`.

use crate::live::root;

#[path = "fuzz/replay.rs"]
mod replay;
#[path = "fuzz/scripts.rs"]
mod scripts;

/// Runs every file of a target's corpus; a failure names the file.
fn run(target: &str, function: fn(&[u8])) {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{target}: {files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| function(&bytes)) {
            eprintln!("{}", file.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn modules() {
    run("module", scripts::module);
}

#[test]
fn manifests() {
    run("manifest", scripts::manifest);
}

#[test]
fn replay_logs() {
    run("replay", replay::read);
}
