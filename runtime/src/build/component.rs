//! From a core module to a component with its manifest, and to its file.

use super::workspace::Script;
use super::{BuildError, BuiltScript, io_error};
use host_api::{Api, Manifest};
use std::path::{Path, PathBuf};
use wit_component::ComponentEncoder;

/// Wraps a core module that carries the type of its world.
pub(super) fn wrap(script: &Script, core: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encoded =
        ComponentEncoder::default().module(core).and_then(|encoder| encoder.validate(true).encode());
    encoded.map_err(|reason| BuildError::Component {
        script: script.manifest.name.clone(),
        reason: format!("{reason:#}"),
    })
}

/// Adds the manifest and writes `NAME.wasm`, unless the same bytes are there already.
pub(super) fn write(script: &Script, component: &[u8], out_dir: &Path) -> Result<BuiltScript, BuildError> {
    let manifest = &script.manifest;
    if let Some(have) = Api::exported(component, manifest.kind).filter(|have| have.name() != manifest.api) {
        let (script, says) = (manifest.name.clone(), manifest.api.clone());
        return Err(BuildError::OtherVersion { script, says, have });
    }
    let bytes = Manifest::embed(component, manifest);
    let path = path(script, out_dir);
    let digest = blake3::hash(&bytes);
    let changed = std::fs::read(&path).map_or(true, |old| blake3::hash(&old) != digest);
    if changed {
        // A watcher or a push must never see half a file.
        let partial = path.with_extension("wasm.partial");
        std::fs::write(&partial, &bytes)
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(io_error(|| format!("cannot write {}", path.display())))?;
    }
    Ok(BuiltScript {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind,
        path,
        digest,
        bytes: bytes.len() as u64,
        changed,
    })
}

/// The file as an earlier build left it.
pub(super) fn existing(script: &Script, out_dir: &Path) -> Option<BuiltScript> {
    let path = path(script, out_dir);
    let bytes = std::fs::read(&path).ok()?;
    let manifest = &script.manifest;
    Some(BuiltScript {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind,
        path,
        digest: blake3::hash(&bytes),
        bytes: bytes.len() as u64,
        changed: false,
    })
}

fn path(script: &Script, out_dir: &Path) -> PathBuf {
    out_dir.join(format!("{}.wasm", script.name()))
}
