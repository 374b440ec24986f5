//! The manifest in a custom section of its component.

use super::{Manifest, ManifestError};
use wasmparser::{Parser, Payload};

/// Name of the custom section, at the top level of the component.
const SECTION: &str = "lore:manifest";

impl Manifest {
    /// The component with this manifest appended. The component must not have one yet.
    pub fn embed(component: &[u8], manifest: &Self) -> Vec<u8> {
        let json = serde_json::to_vec(manifest).expect("a manifest has only strings as keys");
        let mut body = Vec::with_capacity(json.len() + SECTION.len() + 1);
        leb128(SECTION.len(), &mut body);
        body.extend_from_slice(SECTION.as_bytes());
        body.extend_from_slice(&json);
        let mut bytes = Vec::with_capacity(component.len() + body.len() + 8);
        bytes.extend_from_slice(component);
        bytes.push(0); // id of custom sections
        leb128(body.len(), &mut bytes);
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The manifest of a component, read without compiling or running anything.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn read(component: &[u8]) -> Result<Self, ManifestError> {
        let mut sections = Vec::new();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                    sections.push(section.data());
                }
                _ => {}
            }
        }
        match sections.as_slice() {
            [] => Err(ManifestError::Missing),
            [json] => Self::parse(json),
            _ => Err(ManifestError::Duplicate),
        }
    }
}

fn leb128(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
