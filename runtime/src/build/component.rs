//! From a core module to a component with its manifest.

use super::workspace::Script;
use super::{BuildError, BuiltScript, io_error};
use std::path::Path;
use wit_component::ComponentEncoder;

/// Wraps the module and writes `NAME.wasm`, unless the same bytes are there already.
pub(super) fn finish(script: &Script, module: &Path, out_dir: &Path) -> Result<BuiltScript, BuildError> {
    let core = std::fs::read(module).map_err(io_error(|| format!("cannot read {}", module.display())))?;
    let component = encode(&core)
        .map_err(|reason| BuildError::Component { script: script.name.clone(), reason: format!("{reason:#}") })?;
    let bytes = embed(component, script);
    let path = out_dir.join(format!("{}.wasm", script.name));
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
        name: script.name.clone(),
        version: script.version.clone(),
        kind: script.kind.clone(),
        path,
        digest,
        bytes: bytes.len() as u64,
        changed,
    })
}

fn encode(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default().module(core)?.validate(true).encode()
}

/// Appends the custom section `lore:manifest`, which `host_api::Manifest::read` reads back.
fn embed(mut component: Vec<u8>, script: &Script) -> Vec<u8> {
    const SECTION: &[u8] = b"lore:manifest";
    let json = serde_json::json!({
        "name": script.name,
        "version": script.version,
        "kind": script.kind,
        "api": script.api,
        "requires": script.requires,
    })
    .to_string();
    let mut body = vec![SECTION.len() as u8];
    body.extend_from_slice(SECTION);
    body.extend_from_slice(json.as_bytes());
    component.push(0);
    let mut length = body.len();
    while length > 0x7f {
        component.push(length as u8 | 0x80);
        length >>= 7;
    }
    component.push(length as u8);
    component.extend_from_slice(&body);
    component
}
