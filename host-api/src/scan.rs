//! The first look at a candidate's bytes: is it a component, is it small enough to compile, what
//! does it import and export, who does it say it is. Nothing is compiled or run here.
//!
//! Compiling cannot be interrupted, so everything that makes it long is bounded here.

use crate::limits::Limits;
use crate::manifest::{API, Kind, Manifest, ManifestError};
use wasmparser::{Encoding, MemoryType, Parser, Payload};

/// Interfaces a script may import; `types` holds no functions.
const GRANTED: [&str; 2] = ["lore:script/log", "lore:script/types"];

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
    #[error("{count} {what}, at most {max} are accepted; split the script or leave out what it does not use")]
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
    /// Something a script is not granted.
    #[error("imports `{name}`, which no script is granted: {hint}")]
    Import {
        /// The import.
        name: String,
        /// How to get rid of it.
        hint: &'static str,
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
}

/// Scans a candidate.
///
/// # Errors
/// See [`ScanError`].
pub(crate) fn scan(bytes: &[u8], limits: &Limits) -> Result<Manifest, ScanError> {
    if bytes.len() > limits.component_bytes {
        return Err(ScanError::TooLarge { bytes: bytes.len(), max: limits.component_bytes });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(ScanError::NotWasm);
    }
    let mut census = Census { limits, depth: 0, functions: 0, types: 0, data_bytes: 0, exports: Vec::new() };
    for payload in Parser::new(0).parse_all(bytes) {
        census.admit(&payload?)?;
    }
    let manifest = Manifest::read(bytes)?;
    census.exports_fit(&manifest)?;
    Ok(manifest)
}

impl From<wasmparser::BinaryReaderError> for ScanError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed { message: error.message().to_owned(), offset: error.offset() }
    }
}

/// What was counted so far.
struct Census<'a> {
    limits: &'a Limits,
    depth: u32,
    functions: u64,
    types: u64,
    data_bytes: u64,
    /// Names exported by the outermost component.
    exports: Vec<String>,
}

impl Census<'_> {
    fn admit(&mut self, payload: &Payload<'_>) -> Result<(), ScanError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if self.depth == 0 => {
                return Err(ScanError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                at_most("levels of nesting", self.depth.into(), self.limits.nesting.into())?;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                at_most("functions", self.functions, self.limits.functions.into())?;
            }
            Payload::TypeSection(section) => self.add_types(section.count())?,
            Payload::ComponentTypeSection(section) => self.add_types(section.count())?,
            Payload::CoreTypeSection(section) => self.add_types(section.count())?,
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    plain_memory(memory?)?;
                }
            }
            Payload::DataSection(section) => {
                let range = section.range();
                self.data_bytes += range.end - range.start;
                at_most("bytes of data", self.data_bytes, self.limits.data_bytes as u64)?;
            }
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                for import in section.clone() {
                    granted(import?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 0 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.chars().take(100).collect());
                    at_most("exports", self.exports.len() as u64, 100)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_types(&mut self, count: u32) -> Result<(), ScanError> {
        self.types += u64::from(count);
        at_most("types", self.types, self.limits.types.into())
    }

    fn exports_fit(&self, manifest: &Manifest) -> Result<(), ScanError> {
        let interface = manifest.kind.interface();
        if self.exports.iter().any(|export| is_version_of(export, &interface)) {
            return Ok(());
        }
        let found = match self.exports.as_slice() {
            [] => "nothing".to_owned(),
            exports => format!("`{}`", exports.join("`, `")),
        };
        Err(ScanError::WrongWorld {
            name: manifest.name.clone(),
            kind: manifest.kind,
            missing: format!("{interface}@{API}.0"),
            found,
        })
    }
}

fn at_most(what: &'static str, count: u64, max: u64) -> Result<(), ScanError> {
    if count > max { Err(ScanError::TooMany { what, count, max }) } else { Ok(()) }
}

fn plain_memory(memory: MemoryType) -> Result<(), ScanError> {
    match memory {
        MemoryType { shared: true, .. } => Err(ScanError::Memory { what: "shared" }),
        MemoryType { memory64: true, .. } => Err(ScanError::Memory { what: "64-bit" }),
        _ => Ok(()),
    }
}

fn granted(name: &str) -> Result<(), ScanError> {
    if GRANTED.iter().any(|interface| is_version_of(name, interface)) {
        return Ok(());
    }
    let hint = if name.starts_with("wasi:") {
        "build without WASI (Rust: wasm32-unknown-unknown; JavaScript and Python: --stub-wasi)"
    } else if name.starts_with("lore:script/") {
        "this server does not have it; build with the SDK of this server's version"
    } else {
        "a script decides from its arguments alone and may only write to `lore:script/log`"
    };
    Err(ScanError::Import { name: name.chars().take(100).collect(), hint })
}

/// Whether `name` is `interface@0.1.x`.
fn is_version_of(name: &str, interface: &str) -> bool {
    name.strip_prefix(interface)
        .and_then(|rest| rest.strip_prefix('@'))
        .and_then(|version| version.strip_prefix(API))
        .is_some_and(|patch| patch.starts_with('.'))
}
