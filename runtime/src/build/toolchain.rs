//! Which Rust can compile for WebAssembly here.
//!
//! In order: the rustc on the path, if the target's library is installed; the same after `rustup
//! target add`; the distribution's rustc, which builds the library from its sources.

use super::{BuildError, Step};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target of all scripts: `std` for it imports nothing from its host.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// Where a distribution puts its Rust.
const DISTRO_RUSTC: &str = "/usr/bin/rustc";

/// Which toolchain to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// The first that works.
    #[default]
    Auto,
    /// The rustc on the path with its own library for the target.
    Rustup,
    /// The distribution's rustc, which builds the library from source.
    Distro,
}

/// How to call cargo so that it compiles for WebAssembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The rustc on the path has the target.
    Installed {
        /// What `rustc --version` says.
        version: String,
    },
    /// The distribution's rustc with its library source.
    Distro {
        /// What it calls itself.
        version: String,
        /// The compiler.
        rustc: PathBuf,
        /// Something that links WebAssembly.
        linker: PathBuf,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed { version } => write!(f, "{version} with its own {TARGET} library"),
            Self::Distro { version, .. } => write!(f, "{version} of the system, library built from source"),
        }
    }
}

/// One line of `lore doctor`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it can be used.
    pub ok: bool,
    /// Version and place, or what is missing.
    pub detail: String,
}

/// Looks at everything a build could use, without changing the machine. The first usable
/// toolchain is what a build would take.
pub fn diagnose() -> (Option<Toolchain>, Vec<Finding>) {
    let mut chosen = None;
    let mut findings = Vec::new();
    let mut note = |what: &str, result: Result<Toolchain, String>| {
        let ok = result.is_ok();
        let detail = match &result {
            Ok(toolchain) => toolchain.to_string(),
            Err(missing) => missing.clone(),
        };
        findings.push(Finding { what: what.to_owned(), ok, detail });
        if let (None, Ok(toolchain)) = (&chosen, result) {
            chosen = Some(toolchain);
        }
    };
    note("installed WebAssembly target", installed());
    note("system Rust with library source", distro());
    let (ok, detail) = match version_of("cargo") {
        Some(version) => (true, version),
        None => (false, "not found; no build is possible without it".to_owned()),
    };
    if !ok {
        chosen = None;
    }
    findings.insert(0, Finding { what: "cargo".to_owned(), ok, detail });
    (chosen, findings)
}

/// The toolchain for a build; may install the target through rustup.
pub(super) fn choose(choice: Choice, progress: &mut dyn FnMut(Step<'_>)) -> Result<Toolchain, BuildError> {
    let mut tried = Vec::new();
    if choice != Choice::Distro {
        match installed() {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => tried.push(format!("- installed target: {reason}")),
        }
        match add_target(progress).and_then(|()| installed()) {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => tried.push(format!("- rustup target add: {reason}")),
        }
    }
    if choice != Choice::Rustup {
        match distro() {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => tried.push(format!("- system Rust: {reason}")),
        }
    }
    Err(BuildError::NoToolchain(tried))
}

fn installed() -> Result<Toolchain, String> {
    let version = version_of("rustc").ok_or("there is no rustc on the path")?;
    let libdir = output_of(Command::new("rustc").args(["--print=target-libdir", "--target", TARGET]))?;
    let has_core = std::fs::read_dir(libdir.trim()).is_ok_and(|files| {
        files.flatten().any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    });
    if has_core { Ok(Toolchain::Installed { version }) } else { Err(format!("{version} has no {TARGET} library")) }
}

fn add_target(progress: &mut dyn FnMut(Step<'_>)) -> Result<(), String> {
    if version_of("rustup").is_none() {
        return Err("there is no rustup".to_owned());
    }
    progress(Step::Waiting("installing the WebAssembly target: rustup target add wasm32-unknown-unknown"));
    output_of(Command::new("rustup").args(["target", "add", TARGET])).map(drop)
}

fn distro() -> Result<Toolchain, String> {
    let rustc = PathBuf::from(DISTRO_RUSTC);
    let version = version_of(DISTRO_RUSTC).ok_or(format!("there is no {DISTRO_RUSTC}"))?;
    let sysroot = sysroot_of(DISTRO_RUSTC)?;
    let source = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if !source.is_file() {
        return Err(format!("{version} has no library source ({} is missing)", source.display()));
    }
    let linker = linker().ok_or("no linker for WebAssembly (rust-lld or wasm-ld)")?;
    Ok(Toolchain::Distro { version, rustc, linker })
}

/// `rust-lld` of any Rust here, else `wasm-ld` of LLVM.
fn linker() -> Option<PathBuf> {
    for rustc in ["rustc", DISTRO_RUSTC] {
        let (Ok(sysroot), Some(host)) = (sysroot_of(rustc), host_of(rustc)) else { continue };
        let lld = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        if lld.is_file() {
            return Some(lld);
        }
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("wasm-ld")).find(|file| file.is_file())
}

fn sysroot_of(rustc: &str) -> Result<PathBuf, String> {
    let sysroot = output_of(Command::new(rustc).arg("--print=sysroot"))?;
    Ok(Path::new(sysroot.trim()).to_path_buf())
}

fn host_of(rustc: &str) -> Option<String> {
    let verbose = output_of(Command::new(rustc).arg("-vV")).ok()?;
    verbose.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}

fn version_of(program: &str) -> Option<String> {
    output_of(Command::new(program).arg("--version")).ok().map(|line| line.trim().to_owned())
}

/// What a program prints; its complaint when it fails.
fn output_of(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("failed without a word");
    Err(format!("{name}: {}", last.trim()))
}
