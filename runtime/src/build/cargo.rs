//! The call of cargo: arguments, environment, and its messages passed on as they come.

use super::toolchain::{TARGET, Toolchain};
use super::workspace::Script;
use super::{BuildError, Step, io_error};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

/// Bytes of cargo's plain output that are kept for an error message.
const STDERR_TAIL: usize = 4 << 10;

/// The messages of `--message-format=json` that matter here.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact { manifest_path: PathBuf, target: Target, filenames: Vec<PathBuf> },
    #[serde(rename = "compiler-message")]
    Said { message: Diagnostic },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

/// Compiles the scripts; returns the core module of each by the path of its Cargo.toml.
pub(super) fn compile(
    toolchain: &Toolchain,
    workspace_dir: &Path,
    scripts: &[Script],
    lines: bool,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<BTreeMap<PathBuf, PathBuf>, BuildError> {
    let workspace_dir = workspace_dir
        .canonicalize()
        .map_err(io_error(|| format!("cannot open {}", workspace_dir.display())))?;
    if matches!(toolchain, Toolchain::Distro { .. }) && !workspace_dir.join("target").join(TARGET).exists() {
        progress(Step::Waiting("first build: Rust's library is compiled from source, a few minutes"));
    }
    let mut child = command(toolchain, &workspace_dir, scripts, lines)
        .spawn()
        .map_err(io_error(|| "cannot start cargo; is Rust installed?".into()))?;
    let complaints = child.stderr.take().map(read_tail);
    let mut modules = BTreeMap::new();
    let (mut crates, mut errors) = (0, 0);
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(io_error(|| "cannot read what cargo says".into()))?;
            // Lines that are no JSON come from build scripts; they are no business of ours.
            match serde_json::from_str(&line).unwrap_or(Message::Other) {
                Message::Artifact { manifest_path, target, filenames } => {
                    crates += 1;
                    progress(Step::Crate(crates, &target.name));
                    let is_module = |file: &PathBuf| file.extension().is_some_and(|end| end == "wasm");
                    if let Some(module) = filenames.into_iter().find(is_module) {
                        modules.insert(manifest_path, module);
                    }
                }
                Message::Said { message } => {
                    errors += usize::from(message.level == "error");
                    if let Some(rendered) = message.rendered {
                        progress(Step::Diagnostic(&clickable(&rendered, &workspace_dir)));
                    }
                }
                Message::Other => {}
            }
        }
    }
    let status = child.wait().map_err(io_error(|| "cannot wait for cargo".into()))?;
    let tail = complaints.and_then(|reader| reader.join().ok()).unwrap_or_default();
    if status.success() {
        Ok(modules)
    } else if errors > 0 {
        Err(BuildError::Compile { errors })
    } else {
        Err(BuildError::Cargo(tail.trim().to_owned()))
    }
}

fn command(toolchain: &Toolchain, workspace_dir: &Path, scripts: &[Script], lines: bool) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--message-format=json", "--target", TARGET])
        .arg("--target-dir")
        .arg(workspace_dir.join("target"))
        .args(scripts.iter().map(|script| format!("--package={}", script.package)))
        .current_dir(workspace_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(workspace_dir))
        // This may itself run under `cargo run`; what that sets for the host is not for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if lines {
        // Not a profile of its own: that would compile the macros of the guests once more.
        command
            .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
            .env("CARGO_PROFILE_RELEASE_STRIP", "none");
    }
    if let Toolchain::Distro { rustc, linker, .. } = toolchain {
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    command
}

/// The same source gives the same component on every machine, and no component names a home folder.
fn remapped_paths(workspace_dir: &Path) -> String {
    let mut flags = vec![format!("--remap-path-prefix={}=scripts", workspace_dir.display())];
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    if let Some(cargo_home) = cargo_home.or(home) {
        flags.push(format!("--remap-path-prefix={}=registry", cargo_home.join("registry/src").display()));
    }
    flags.join("\x1f")
}

/// The compiler names files from the workspace's folder; an author's editor opens them from the
/// current one.
fn clickable(rendered: &str, workspace_dir: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let Ok(prefix) = workspace_dir.strip_prefix(&here) else { return rendered.to_owned() };
    let mut text = String::with_capacity(rendered.len());
    for line in rendered.split_inclusive('\n') {
        match line.split_once("--> ") {
            Some((margin, place)) if margin.trim().is_empty() && !place.starts_with('/') => {
                text.push_str(&format!("{margin}--> {}", prefix.join(place).display()));
            }
            _ => text.push_str(line),
        }
    }
    text
}

/// Keeps the end of cargo's plain output and so lets it go on writing.
fn read_tail(stderr: ChildStderr) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut chunk = [0; 1024];
        let mut stderr = stderr;
        while let Ok(read @ 1..) = stderr.read(&mut chunk) {
            kept.extend_from_slice(&chunk[..read]);
            if kept.len() > 2 * STDERR_TAIL {
                kept.drain(..kept.len() - STDERR_TAIL);
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_from_the_current_folder() {
        let here = std::env::current_dir().unwrap();
        let said = "error: no\n  --> combat/src/lib.rs:3:5\n   |\n  --> /registry/a.rs:1:1\n";
        let expected = "error: no\n  --> scripts/combat/src/lib.rs:3:5\n   |\n  --> /registry/a.rs:1:1\n";
        assert_eq!(clickable(said, &here.join("scripts")), expected);
        assert_eq!(clickable(said, Path::new("/elsewhere/scripts")), said);
    }

    #[test]
    fn messages_of_no_interest_are_skipped() {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or(Message::Other);
        assert!(matches!(parse(r#"{"reason":"build-finished","success":true}"#), Message::Other));
        assert!(matches!(parse("not json"), Message::Other));
        let artifact = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","target":{"name":"a"},"filenames":["/a.wasm"],"fresh":true}"#;
        assert!(matches!(parse(artifact), Message::Artifact { .. }));
    }
}
