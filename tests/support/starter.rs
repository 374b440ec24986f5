//! The starter pack as a server loads it: the scripts of the repository, built by the builder, and
//! the content beside them.

use crate::live::root;
use host_api::{Engine, Generation, Limits, Module, ScriptRules};
use runtime::build::{INSTALL, Order, build_scripts, diagnose};
use sim::content::Content;
use std::sync::{Arc, OnceLock};

/// The modules, compiled once for all stories. `None`, with the reason printed, on a machine that
/// cannot build scripts; that is a failure where `CI` is set.
pub fn generation() -> Option<Generation> {
    static GENERATION: OnceLock<Option<Generation>> = OnceLock::new();
    GENERATION.get_or_init(build).clone()
}

/// What compiles and runs the modules. Its clock is patient: what a busy machine takes its time for must not
/// decide a story about determinism; fuel does.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Limits { deadline_epochs: 4_000, ..Limits::default() }, None).unwrap())
}

/// New instances of all modules.
pub fn rules(generation: &Generation) -> ScriptRules {
    ScriptRules::new(generation).unwrap()
}

/// The definitions.
pub fn content() -> Arc<Content> {
    let loaded = runtime::content::load(&root().join("content"));
    Arc::new(loaded.unwrap_or_else(|errors| panic!("{errors}")).0)
}

/// Whether scripts can be built here; says so if not.
///
/// # Panics
/// If they cannot and `CI` is set, where everything must be tested.
pub fn can_build() -> bool {
    let (toolchain, findings) = diagnose();
    if toolchain.is_none() {
        assert!(std::env::var_os("CI").is_none(), "scripts must be built here: {findings:?}");
        eprintln!("skipped: nothing here compiles Rust to WebAssembly; {INSTALL}");
    }
    toolchain.is_some()
}

fn build() -> Option<Generation> {
    if !can_build() {
        return None;
    }
    let built = build_scripts(&root().join("scripts"), Order::default(), &mut |_| {});
    let built = built.unwrap_or_else(|error| panic!("{error}"));
    let modules = built.iter().map(|script| {
        let bytes = std::fs::read(&script.path).unwrap();
        Module::load(engine(), &bytes).unwrap_or_else(|error| panic!("{error}"))
    });
    Some(Generation::new(1, modules).unwrap())
}
