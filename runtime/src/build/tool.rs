//! The other languages' tools: found, called, and what they said.

use super::language::Language;
use super::toolchain::Finding;
use super::{BuildError, io_error};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Bytes kept of what a tool says.
const SAID: usize = 16 << 10;

/// What to install for TypeScript.
pub const INSTALL_NPM: &str =
    "install Node.js 20 or later with npm (Debian or Ubuntu: apt-get install nodejs npm)";
/// What to install for C.
pub const INSTALL_ZIG: &str = "install Zig's C compiler: python3 -m pip install ziglang";

/// What a tool did.
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// Both streams, for tools that do not tell them apart.
    pub(super) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// Runs a tool to its end.
pub(super) fn run(command: &mut Command) -> Result<Said, BuildError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(io_error(|| format!("cannot start {name}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(SAID)]).into_owned();
    Ok(Said { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// A file as an author's editor opens it: from the current folder, if it lies below it.
pub(super) fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).map_or_else(|_| path.to_owned(), Path::to_owned)
}

/// How C is compiled here.
#[derive(Clone, Debug)]
pub(super) struct Zig {
    words: &'static [&'static str],
    /// What it calls itself.
    pub(super) version: String,
}

impl Zig {
    /// Zig of the path, else the one Python has.
    pub(super) fn find() -> Result<Self, BuildError> {
        const WAYS: [&[&str]; 3] = [&["zig"], &["python3", "-m", "ziglang"], &["python", "-m", "ziglang"]];
        WAYS.into_iter()
            .find_map(|words| Some(Self { words, version: version(words, "version")? }))
            .ok_or(BuildError::NoTools { language: Language::C, install: INSTALL_ZIG })
    }

    /// Folder of its headers and sources, absolute if it is not below `from`.
    pub(super) fn library(&self, from: &Path) -> Option<String> {
        let mut env = Command::new(self.words[0]);
        let output = env.args(&self.words[1..]).arg("env").current_dir(from).output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("lib_dir"))?;
        line.split('"').rev().nth(1).map(str::to_owned)
    }

    /// `zig cc`.
    pub(super) fn cc(&self) -> Command {
        let mut command = Command::new(self.words[0]);
        command.args(&self.words[1..]).arg("cc");
        command
    }
}

/// Versions of Node.js and npm.
pub(super) fn node() -> Result<(String, String), BuildError> {
    let found = version(&["node"], "--version").zip(version(&["npm"], "--version"));
    found.ok_or(BuildError::NoTools { language: Language::TypeScript, install: INSTALL_NPM })
}

/// What `lore doctor` says of the languages beside Rust.
pub fn diagnose_languages() -> Vec<Finding> {
    let finding = |what: &str, found: Result<String, BuildError>, missing: &str| Finding {
        what: what.to_owned(),
        ok: found.is_ok(),
        detail: found.unwrap_or_else(|_| missing.to_owned()),
    };
    vec![
        finding("TypeScript", node().map(|(node, npm)| format!("node {node}, npm {npm}")), INSTALL_NPM),
        finding(
            "C",
            Zig::find().map(|zig| format!("zig {} ({})", zig.version, zig.words.join(" "))),
            INSTALL_ZIG,
        ),
    ]
}

/// The first line a program answers when asked for its version.
fn version(words: &[&str], ask: &str) -> Option<String> {
    let output = Command::new(words[0]).args(&words[1..]).arg(ask).stdin(Stdio::null()).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
