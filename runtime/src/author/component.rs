//! Where a script's component lies, and the definitions its author knows by name.

use crate::build::{BuildError, Script, scripts_of};
use anyhow::{Context as _, bail};
use host_api::{Engine, EngineError, Limits, Module};
use std::path::{Path, PathBuf};

/// The component `lore build` makes of a script.
pub fn component_of(workspace: &Path, name: &str) -> PathBuf {
    workspace.join("target/lore").join(format!("{name}.wasm"))
}

/// A path as seen from the current folder, if it is below it: what an editor opens.
pub fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

/// Loads a component as a server would.
///
/// # Errors
/// It cannot be read, or is refused.
pub fn load(engine: &Engine, path: &Path) -> anyhow::Result<Module> {
    let bytes = std::fs::read(path).with_context(|| {
        format!("cannot read {}; `lore build` makes the components of scripts", path.display())
    })?;
    Module::load(engine, &bytes).with_context(|| path.display().to_string())
}

/// An engine that keeps what it compiles beside the workspace's components: a script in TypeScript takes
/// seconds, and is asked again and again. A folder that cannot be written to, or by others too, is done without.
///
/// # Errors
/// The machine cannot compile WebAssembly.
pub fn engine(workspace: Option<&Path>) -> anyhow::Result<Engine> {
    let kept = workspace.map(|workspace| workspace.join("target/lore/compiled"));
    match Engine::new(Limits::default(), kept.as_deref()) {
        Err(EngineError::Cache { .. }) => Ok(Engine::new(Limits::default(), None)?),
        made => Ok(made?),
    }
}

/// The scripts an argument means: all of the workspace, the one of this name, or the one a path belongs
/// to.
///
/// # Errors
/// There is no such script.
pub fn scripts_meant(workspace: &Path, wanted: Option<&str>) -> anyhow::Result<Vec<Script>> {
    let scripts = scripts_of(workspace)?;
    let Some(wanted) = wanted else { return Ok(scripts) };
    if let Some(script) = scripts.iter().find(|script| script.name() == wanted) {
        return Ok(vec![script.clone()]);
    }
    let known: Vec<&str> = scripts.iter().map(Script::name).collect();
    if let Ok(path) = Path::new(wanted).canonicalize() {
        let owns =
            |script: &&Script| script.folder().canonicalize().is_ok_and(|folder| path.starts_with(&folder));
        if let Some(script) = scripts.iter().find(owns) {
            return Ok(vec![script.clone()]);
        }
        bail!("{wanted} belongs to no script of {}; there are: {}", workspace.display(), known.join(", "));
    }
    Err(BuildError::UnknownScript {
        name: wanted.to_owned(),
        hint: crate::content::suggestion(wanted, known.iter().copied()),
        known: known.join(", "),
    })?
}
