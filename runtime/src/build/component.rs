//! From a core module to a component with its manifest.

use super::workspace::Script;
use super::{BuildError, BuiltScript, io_error};
use host_api::{Api, Manifest};
use std::path::Path;
use wit_component::ComponentEncoder;

/// Wraps the module and writes `NAME.wasm`, unless the same bytes are there already.
pub(super) fn finish(script: &Script, module: &Path, out_dir: &Path) -> Result<BuiltScript, BuildError> {
    let core = std::fs::read(module).map_err(io_error(|| format!("cannot read {}", module.display())))?;
    let component = encode(&core).map_err(|reason| BuildError::Component {
        script: script.manifest.name.clone(),
        reason: format!("{reason:#}"),
    })?;
    let manifest = &script.manifest;
    if let Some(have) = Api::exported(&component, manifest.kind).filter(|have| have.name() != manifest.api) {
        let (script, says) = (manifest.name.clone(), manifest.api.clone());
        return Err(BuildError::OtherVersion { script, says, have });
    }
    let bytes = Manifest::embed(&component, manifest);
    let path = out_dir.join(format!("{}.wasm", manifest.name));
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

fn encode(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default().module(core)?.validate(true).encode()
}
