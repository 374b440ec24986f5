//! The first look at a candidate's bytes: is it a component, is it small enough to compile, what
//! does it import and export, who does it say it is. Nothing is compiled or run here.
//!
//! Compiling cannot be interrupted, so everything that makes it long is bounded before; `census` counts it.

mod census;

use crate::api::Api;
use crate::capability::{Capability, Grants};
use crate::limits::Limits;
use crate::manifest::{Kind, Manifest, ManifestError};
use census::{Census, at_most};
use wasmparser::{Parser, Payload};

/// What every script may import, in any version that is served: it holds no functions.
const TYPES: &str = "lore:script/types";
/// Imports, and exports, that are looked at; the worlds have two and a few.
const NAMES: u64 = 100;

/// Why a candidate's bytes are refused.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Larger than any script should be.
    #[error("{bytes} bytes, at most {max} are accepted; build in release mode and strip debug sections")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Something else altogether.
    #[error("not WebAssembly; push what `lore build` made")]
    NotWasm,
    /// Truncated or damaged.
    #[error("not a readable WebAssembly component: {message} (at byte {offset:#x}); build it again")]
    Malformed {
        /// What the parser says.
        message: String,
        /// Where.
        offset: u64,
    },
    /// A core module: what a compiler makes before `lore build` wraps it.
    #[error("a core module, not a component; build the script with `lore build`")]
    CoreModule,
    /// Something there is too much of to compile in reasonable time.
    #[error("{count} {what}, at most {max} are accepted; {}", remedy(what))]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many were seen before the scan stopped.
        count: u64,
        /// The limit.
        max: u64,
    },
    /// Threads and 64-bit memories are not part of the script platform.
    #[error("a {what} memory; build for wasm32 without threads")]
    Memory {
        /// `shared` or `64-bit`.
        what: &'static str,
    },
    /// Something no script can have.
    #[error("imports `{name}`, which no script can have: {hint}")]
    Import {
        /// The import.
        name: String,
        /// How to get rid of it.
        hint: &'static str,
    },
    /// An import that the manifest does not declare.
    #[error(
        "{name} imports `{import}` without declaring it; add `capabilities = [\"{capability}\"]` to its lore.toml"
    )]
    Undeclared {
        /// The script.
        name: String,
        /// What it imports.
        import: String,
        /// What that is called.
        capability: Capability,
    },
    /// The operator does not let scripts have it.
    #[error(
        "{name} needs the capability `{capability}`, this server grants {granted}; build it without, or ask who \
         runs the server for `{name} = [\"{capability}\"]` in `[scripts.grant-to]` of its settings (`grant` in \
         `[scripts]` is for all scripts)"
    )]
    NotGranted {
        /// The script.
        name: String,
        /// What it needs.
        capability: Capability,
        /// What is granted to it.
        granted: String,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The component implements another world than its manifest says.
    #[error(
        "{name} says it is of kind `{kind}`, but does not export `{missing}`; it exports {found}. \
         Build it for the world `{kind}-script` or correct its kind"
    )]
    WrongWorld {
        /// The script.
        name: String,
        /// Its kind by the manifest.
        kind: Kind,
        /// The interface that is not there.
        missing: String,
        /// What is there.
        found: String,
    },
    /// The component exports its interface in another version than its manifest says.
    #[error(
        "{name} says it is built for script API {says}, but exports `{export}`, which is of {have}; \
         set `api = \"{have}\"` in its lore.toml or build it against the files of {says} in `wit/`"
    )]
    OtherVersion {
        /// The script.
        name: String,
        /// By its manifest.
        says: Api,
        /// What is there.
        export: String,
        /// Of which version that is.
        have: Api,
    },
}

/// What makes less of what there is too much of.
fn remedy(what: &str) -> &'static str {
    match what {
        "bytes of debug sections" => "build without --lines",
        "bytes of data" => "shorten its tables and texts, or let content hold them",
        "branches of one function" | "branches of functions, squared" | "bytes of one function" => {
            "split the function, or make a table of its largest `match` or `switch`"
        }
        "locals of one function" => "split the function",
        "memories in one module" | "levels of nesting" => "build the script with `lore build`",
        "imports" | "exports" => "export and import only what is in the world of its kind",
        _ => "split the script or leave out what it does not use",
    }
}

/// Scans a candidate of a server that grants this.
///
/// # Errors
/// See [`ScanError`].
pub(crate) fn scan(bytes: &[u8], limits: &Limits, grants: &Grants) -> Result<Manifest, ScanError> {
    if bytes.len() > limits.component_bytes {
        return Err(ScanError::TooLarge { bytes: bytes.len(), max: limits.component_bytes });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(ScanError::NotWasm);
    }
    let mut census = Census::new(limits);
    let mut names = Names::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        census.admit(&payload)?;
        if census.is_outermost() {
            names.admit(&payload)?;
        }
    }
    let manifest = Manifest::read(bytes)?;
    names.exports_fit(&manifest)?;
    names.imports_fit(&manifest, grants.of(&manifest.name))?;
    Ok(manifest)
}

impl From<wasmparser::BinaryReaderError> for ScanError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed { message: error.message().to_owned(), offset: error.offset() }
    }
}

/// What the outermost component imports and exports.
#[derive(Default)]
struct Names {
    exports: Vec<String>,
    /// With what that is called.
    imports: Vec<(Capability, String)>,
}

impl Names {
    fn admit(&mut self, payload: &Payload<'_>) -> Result<(), ScanError> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.add_import(import?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.chars().take(100).collect());
                    at_most("exports", self.exports.len() as u64, NAMES)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps what a script can have, refuses the rest.
    fn add_import(&mut self, name: &str) -> Result<(), ScanError> {
        let stands_for = |capability: &Capability| Api::of(name, capability.interface()).is_some();
        if let Some(capability) = Capability::ALL.into_iter().find(stands_for) {
            self.imports.push((capability, name.to_owned()));
            return at_most("imports", self.imports.len() as u64, NAMES);
        }
        if Api::of(name, TYPES).is_some() { Ok(()) } else { Err(unknown_import(name)) }
    }

    fn imports_fit(&self, manifest: &Manifest, grant: &[Capability]) -> Result<(), ScanError> {
        let name = || manifest.name.clone();
        let undeclared = self.imports.iter().find(|(capability, _)| !manifest.declares(*capability));
        if let Some((capability, import)) = undeclared {
            let (capability, import) = (*capability, import.clone());
            return Err(ScanError::Undeclared { name: name(), import, capability });
        }
        let imported = self.imports.iter().map(|(capability, _)| *capability);
        let refused = |capability: &Capability| !grant.contains(capability);
        match manifest.capabilities.iter().copied().chain(imported).find(refused) {
            Some(capability) => {
                let granted = Capability::list(grant);
                Err(ScanError::NotGranted { name: name(), capability, granted })
            }
            None => Ok(()),
        }
    }

    fn exports_fit(&self, manifest: &Manifest) -> Result<(), ScanError> {
        let interface = manifest.kind.interface();
        let says = manifest.api()?;
        if self.exports.iter().any(|export| says.has(export, &interface)) {
            return Ok(());
        }
        let other = self.exports.iter().find_map(|export| Some((export, Api::of(export, &interface)?)));
        if let Some((export, have)) = other {
            let (name, export) = (manifest.name.clone(), export.clone());
            return Err(ScanError::OtherVersion { name, says, export, have });
        }
        let found = match self.exports.as_slice() {
            [] => "nothing".to_owned(),
            exports => format!("`{}`", exports.join("`, `")),
        };
        Err(ScanError::WrongWorld {
            name: manifest.name.clone(),
            kind: manifest.kind,
            missing: says.interface(manifest.kind),
            found,
        })
    }
}

fn unknown_import(name: &str) -> ScanError {
    let hint = if name.starts_with("wasi:") {
        "build without WASI (Rust: wasm32-unknown-unknown; JavaScript and Python: --stub-wasi)"
    } else if name.starts_with("lore:script/") {
        "this server does not have it; build with the SDK of this server's version"
    } else {
        "a script decides from its arguments alone and may only write to `lore:script/log`"
    };
    ScanError::Import { name: name.chars().take(100).collect(), hint }
}
