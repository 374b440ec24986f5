//! C: bindings generated from `wit/`, compiled by Zig's `zig cc`, wrapped like a module of Rust.
//!
//! Freestanding: the little of the standard library that scripts and bindings need is in `sdk/c`. A whole one
//! would take half a minute to compile, bring a megabyte of its own line tables, and ask for WASI.

use super::stale::Inputs;
use super::tool::{self, Zig, from_here};
use super::wit::Wit;
use super::workspace::Script;
use super::{BuildError, BuiltScript, Step, component, io_error, write_changed};
use host_api::Kind;
use std::path::{Path, PathBuf};
use wit_bindgen_core::Files;

/// Bytes of the script's own stack; Zig's default is 16 MiB.
const STACK_BYTES: u32 = 128 << 10;
/// Files of generated bindings are named after this: `lore.h`.
const BINDINGS: &str = "lore";

/// Builds one script, unless nothing it is made of has changed.
pub(super) fn build(
    workspace_dir: &Path,
    script: &Script,
    out_dir: &Path,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<BuiltScript, BuildError> {
    let zig = Zig::find()?;
    let workspace_dir = workspace_dir
        .canonicalize()
        .map_err(io_error(|| format!("cannot open {}", workspace_dir.display())))?;
    let wit = Wit::read(&workspace_dir)?;
    let bindings = bind(&workspace_dir, &wit, script.manifest.kind)?;
    let sdk = workspace_dir.join("sdk/c");
    let mut inputs = Inputs::new(&zig.version);
    inputs.folder(script.folder())?;
    inputs.folder(&sdk)?;
    inputs.folder(&wit.folder)?;
    if let Some(built) = inputs.fresh(script, out_dir) {
        return Ok(built);
    }
    progress(Step::Waiting(&format!("compiling {} with zig cc {}", script.name(), zig.version)));
    let core = compile(&zig, &workspace_dir, script, &bindings, &sdk, progress)?;
    let built = component::write(script, &component::wrap(script, &core)?, out_dir)?;
    inputs.made(script, out_dir, &built)?;
    Ok(built)
}

/// Generates the bindings of one kind; returns their folder.
pub(super) fn bind(workspace_dir: &Path, wit: &Wit, kind: Kind) -> Result<PathBuf, BuildError> {
    let folder = workspace_dir.join("target/lore/c").join(kind.name());
    let world = wit.world(kind)?;
    let broken = |reason: String| BuildError::Interface { folder: wit.folder.clone(), reason };
    let options = wit_bindgen_c::Opts {
        rename_world: Some(BINDINGS.to_owned()),
        rename: wit.interfaces(world).map(|(full, name)| (full, short(&name))).collect(),
        ..wit_bindgen_c::Opts::default()
    };
    let mut files = Files::default();
    let mut resolve = wit.resolve.clone();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| broken(format!("{error:#}")))?;
    for (name, bytes) in files.iter() {
        write_changed(&folder.join(name), bytes)?;
    }
    Ok(folder)
}

/// What begins the names of an interface's types and functions, instead of package and version.
fn short(interface: &str) -> String {
    match interface {
        "types" => BINDINGS.to_owned(),
        "log" => format!("{BINDINGS}_log"),
        kind => kind.replace('-', "_"),
    }
}

fn compile(
    zig: &Zig,
    workspace_dir: &Path,
    script: &Script,
    bindings: &Path,
    sdk: &Path,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<u8>, BuildError> {
    let module = bindings.with_file_name(format!("{}.module.wasm", script.name()));
    let mut command = zig.cc();
    command
        .args(["--target=wasm32-freestanding", "-nostdlib", "-mbulk-memory", "-std=c17", "-O2", "-g"])
        .args(["-Wall", "-Wextra", "-Wl,--no-entry"])
        // Or these would call themselves.
        .args(["-fno-builtin-strlen", "-fno-builtin-memcmp"])
        .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
        // Lines of the author's files stay in, paths of this machine do not.
        .arg(format!("-ffile-prefix-map={}=scripts", workspace_dir.display()))
        .args(zig.library(bindings).map(|folder| format!("-ffile-prefix-map={folder}=zig")))
        .arg("-isystem")
        .arg(bindings)
        .arg("-isystem")
        .arg(sdk.join("include"))
        .arg("-I")
        .arg(sdk)
        .args(sources(script.folder())?)
        .arg(sdk.join("memory.c"))
        .arg(bindings.join(format!("{BINDINGS}.c")))
        .arg(bindings.join(format!("{BINDINGS}_component_type.o")))
        .arg("-o")
        .arg(&module)
        .current_dir(bindings);
    let said = tool::run(&mut command)?;
    let text = clickable(&said.all(), workspace_dir);
    if !said.ok {
        // The linker has no lines; what it misses is a function of the standard library.
        let errors = text.matches("error:").count();
        if errors == 0 {
            return Err(BuildError::Tool { tool: "zig cc", said: text.trim().to_owned() });
        }
        progress(Step::Diagnostic(&text));
        return Err(BuildError::Compile { errors });
    }
    if !text.trim().is_empty() {
        progress(Step::Diagnostic(&text));
    }
    std::fs::read(&module).map_err(io_error(|| format!("cannot read {}", module.display())))
}

/// All C files of the folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io_error(|| format!("cannot read {}", folder.display())))?;
    let files = entries.into_iter().map(|entry| entry.path());
    let mut sources: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    sources.sort();
    Ok(sources)
}

/// Files as an editor opens them.
fn clickable(said: &str, workspace_dir: &Path) -> String {
    let full = format!("{}/", workspace_dir.display());
    said.replace(&full, &format!("{}/", from_here(workspace_dir).display()))
}
