//! `lore build`: from script sources to components with a manifest.
//!
//! cargo compiles Rust (and decides what is stale), `zig cc` compiles C, QuickJS is put into a component
//! for TypeScript; `wit-component` wraps what is no component yet. The result lies in
//! `scripts/target/lore/NAME.wasm`. Nothing is run or checked against a host here.

mod c;
mod cargo;
mod component;
mod language;
mod stale;
mod tool;
mod toolchain;
mod typescript;
mod wit;
mod workspace;

pub use language::Language;
pub use tool::{INSTALL_NPM, INSTALL_ZIG, diagnose_languages};
pub use toolchain::{Choice, Finding, Toolchain, diagnose};
pub use workspace::{Script, find_workspace, scripts_of};

use host_api::{Api, Kind};
use std::io;
use std::path::{Path, PathBuf};

/// One component that is ready to be pushed.
#[derive(Clone, Debug)]
pub struct BuiltScript {
    /// As content names it: `script/NAME`.
    pub name: String,
    /// Of its Cargo.toml or lore.toml.
    pub version: semver::Version,
    /// What it decides.
    pub kind: Kind,
    /// The component.
    pub path: PathBuf,
    /// Of the component's bytes, manifest included.
    pub digest: blake3::Hash,
    /// Bytes of the component.
    pub bytes: u64,
    /// Whether the file differs from what was there before.
    pub changed: bool,
}

/// What to build, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order<'a> {
    /// Only this script.
    pub only: Option<&'a str>,
    /// Keep line tables (about 1.5 MB a script), so that every trap names the author's line.
    pub lines: bool,
    /// Which toolchain.
    pub toolchain: Choice,
}

/// What is going on, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A toolchain was found.
    Toolchain(&'a Toolchain),
    /// Something takes a while for this reason.
    Waiting(&'a str),
    /// A crate was compiled or found fresh; counted from 1.
    Crate(usize, &'a str),
    /// The compiler has something to say, with file and line.
    Diagnostic(&'a str),
    /// A component is ready.
    Script(&'a BuiltScript),
}

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No scripts here.
    #[error("no `scripts/Cargo.toml` in {} or above it; run this inside the project, or name the folder with --scripts", .0.display())]
    NoWorkspace(PathBuf),
    /// cargo cannot read the workspace.
    #[error(
        "cargo cannot read the scripts' workspace: {0}; correct scripts/Cargo.toml or the crate it names"
    )]
    Workspace(String),
    /// A `lore.toml` is wrong.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// Two crates give their script the same name.
    #[error("two scripts are named `{name}`: {} and {}; rename one in its lore.toml", first.display(), second.display())]
    SameName {
        /// The name.
        name: String,
        /// Folder of one.
        first: PathBuf,
        /// Folder of the other.
        second: PathBuf,
    },
    /// No script of that name.
    #[error("there is no script `{name}`{hint}; there are: {known}")]
    UnknownScript {
        /// As asked.
        name: String,
        /// A name that is close, as a question.
        hint: String,
        /// All names.
        known: String,
    },
    /// Nothing on this machine can compile for WebAssembly.
    #[error("this machine cannot compile Rust to WebAssembly:\n{}\n{INSTALL}", .0.join("\n"))]
    NoToolchain(Vec<String>),
    /// The compiler refused the sources; it has said why.
    #[error("the scripts do not compile ({errors} error(s), see above)")]
    Compile {
        /// Errors reported by the compiler.
        errors: usize,
    },
    /// A language whose tools are not on this machine.
    #[error("this machine has no tools for {language}; {install}")]
    NoTools {
        /// Which.
        language: Language,
        /// What to do about it.
        install: &'static str,
    },
    /// A language's tool failed for another reason than the sources.
    #[error("{tool} failed: {said}")]
    Tool {
        /// Which.
        tool: &'static str,
        /// The end of what it said.
        said: String,
    },
    /// The files in `wit/` cannot be used.
    #[error("{}: {reason}; take these files from the version of `lore` you use", folder.display())]
    Interface {
        /// Where they are.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// cargo failed for another reason than the sources.
    #[error("cargo failed: {0}")]
    Cargo(String),
    /// The compiled module is not a script of the kind its manifest says.
    #[error(
        "{script} is no component of its kind: {reason}; export the world of the `kind` in its lore.toml, or correct that"
    )]
    Component {
        /// Which.
        script: String,
        /// What `wit-component` says.
        reason: String,
    },
    /// The bindings in the code are of another version of the script interface than `lore.toml` says.
    #[error(
        "{script}: its lore.toml says `api = \"{says}\"`, but its code is generated from the files of {have} in \
         `wit/`; correct the one or the `path` of `wit_bindgen::generate!`"
    )]
    OtherVersion {
        /// Which.
        script: String,
        /// By its lore.toml.
        says: String,
        /// By its code.
        have: Api,
    },
    /// A file could not be read or written, or a program not started.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

/// What to install, by preference.
pub const INSTALL: &str = "install one of these:\n  \
    rustup (https://rustup.rs), then: rustup target add wasm32-unknown-unknown\n  \
    Debian or Ubuntu, beside rustup: apt-get install --no-install-recommends rustc-web libstd-rust-web-dev rust-web-src";

/// Builds all scripts of a workspace, or one. Blocks until cargo is done; `progress` is called on
/// this thread.
///
/// # Errors
/// See [`BuildError`]. Components that were finished before the error stay.
pub fn build_scripts(
    workspace_dir: &Path,
    order: Order<'_>,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<BuiltScript>, BuildError> {
    let scripts = workspace::select(scripts_of(workspace_dir)?, order.only)?;
    let out_dir = workspace_dir.join("target/lore");
    std::fs::create_dir_all(&out_dir).map_err(io_error(|| format!("cannot create {}", out_dir.display())))?;
    let (crates, others): (Vec<Script>, Vec<Script>) =
        scripts.into_iter().partition(|script| script.language == Language::Rust);
    let mut built = Vec::with_capacity(crates.len() + others.len());
    if !crates.is_empty() {
        build_crates(workspace_dir, &crates, order, &out_dir, progress, &mut built)?;
    }
    for script in &others {
        let ready = match script.language {
            Language::TypeScript => typescript::build(workspace_dir, script, &out_dir, progress)?,
            Language::C => c::build(workspace_dir, script, &out_dir, progress)?,
            Language::Rust => continue,
        };
        progress(Step::Script(&ready));
        built.push(ready);
    }
    built.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(built)
}

/// Generates what an editor needs for scripts of one kind: declarations, headers, the packages' list.
///
/// # Errors
/// The interface cannot be read or a file not be written.
pub fn prepare(workspace_dir: &Path, kind: Kind, language: Language) -> Result<(), BuildError> {
    match language {
        Language::Rust => Ok(()),
        Language::TypeScript => {
            typescript::begin(workspace_dir)?;
            typescript::declare(workspace_dir, &wit::Wit::read(workspace_dir)?, kind)
        }
        Language::C => c::bind(workspace_dir, &wit::Wit::read(workspace_dir)?, kind).map(drop),
    }
}

/// Builds the scripts in Rust with one call of cargo.
fn build_crates(
    workspace_dir: &Path,
    scripts: &[Script],
    order: Order<'_>,
    out_dir: &Path,
    progress: &mut dyn FnMut(Step<'_>),
    built: &mut Vec<BuiltScript>,
) -> Result<(), BuildError> {
    let toolchain = toolchain::choose(order.toolchain, progress)?;
    progress(Step::Toolchain(&toolchain));
    let modules = cargo::compile(&toolchain, workspace_dir, scripts, order.lines, progress)?;
    for script in scripts {
        let module = modules.get(&script.folder().join("Cargo.toml")).ok_or_else(|| {
            BuildError::Cargo(format!("{} made no .wasm; its crate-type must hold \"cdylib\"", script.name()))
        })?;
        let core = std::fs::read(module).map_err(io_error(|| format!("cannot read {}", module.display())))?;
        let ready = component::write(script, &component::wrap(script, &core)?, out_dir)?;
        progress(Step::Script(&ready));
        built.push(ready);
    }
    Ok(())
}

/// Writes what is generated, unless it is there already: what did not change keeps its time.
fn write_changed(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(io_error(|| format!("cannot write {}", path.display())))
}

/// Names what was tried when an I/O error comes back.
fn io_error(what: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> BuildError {
    move |source| BuildError::Io { what: what(), source }
}
