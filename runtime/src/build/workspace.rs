//! The scripts' workspace: where it is, which scripts it has, what their `lore.toml` says.

use super::{BuildError, io_error};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Kinds of script, one world of `wit/worlds.wit` each.
const KINDS: [&str; 5] = ["ability", "combat", "dialog", "npc", "quest"];

/// One script crate.
#[derive(Clone, Debug)]
pub struct Script {
    /// Of its `lore.toml`.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// Version of the script interface.
    pub api: String,
    /// Content it needs.
    pub requires: Vec<String>,
    /// cargo's name of the crate.
    pub package: String,
    /// Of the crate.
    pub version: semver::Version,
    /// Its Cargo.toml.
    pub manifest_path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoreToml {
    name: String,
    kind: String,
    api: String,
    #[serde(default)]
    requires: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: semver::Version,
    manifest_path: PathBuf,
}

/// The nearest folder with `scripts/Cargo.toml`, from `from` upwards; returns its `scripts`.
///
/// # Errors
/// [`BuildError::NoWorkspace`] if there is none.
pub fn find_workspace(from: &Path) -> Result<PathBuf, BuildError> {
    let found = from.ancestors().map(|dir| dir.join("scripts")).find(|dir| dir.join("Cargo.toml").is_file());
    found.ok_or_else(|| BuildError::NoWorkspace(from.to_path_buf()))
}

/// All crates of the workspace that have a `lore.toml`, by name.
///
/// # Errors
/// If cargo cannot read the workspace or a `lore.toml` is wrong.
pub fn scripts_of(workspace_dir: &Path) -> Result<Vec<Script>, BuildError> {
    if !workspace_dir.join("Cargo.toml").is_file() {
        return Err(BuildError::NoWorkspace(workspace_dir.to_path_buf()));
    }
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(workspace_dir)
        .stdin(Stdio::null())
        .output()
        .map_err(io_error(|| "cannot start cargo; is Rust installed?".into()))?;
    if !output.status.success() {
        return Err(BuildError::Workspace(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| BuildError::Workspace(error.to_string()))?;
    let mut scripts = Vec::new();
    for package in metadata.packages {
        let path = package.manifest_path.with_file_name("lore.toml");
        if path.is_file() {
            scripts.push(read_script(package, path)?);
        }
    }
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}

fn read_script(package: Package, path: PathBuf) -> Result<Script, BuildError> {
    let text = std::fs::read_to_string(&path).map_err(io_error(|| format!("cannot read {}", path.display())))?;
    let manifest = toml::from_str::<LoreToml>(&text).map_err(|error| error.to_string()).and_then(check);
    match manifest {
        Ok(LoreToml { name, kind, api, requires }) => Ok(Script {
            name,
            kind,
            api,
            requires,
            package: package.name,
            version: package.version,
            manifest_path: package.manifest_path,
        }),
        Err(reason) => Err(BuildError::Manifest { path, reason }),
    }
}

fn check(manifest: LoreToml) -> Result<LoreToml, String> {
    let name = &manifest.name;
    let valid = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !valid {
        return Err(format!("name `{name}` must be 1 to 64 of a-z, 0-9 and `-`, starting with a letter"));
    }
    if !KINDS.contains(&manifest.kind.as_str()) {
        return Err(format!("kind `{}` is none of {}", manifest.kind, KINDS.join(", ")));
    }
    Ok(manifest)
}

/// All scripts, or the one that is asked for.
pub(super) fn select(scripts: Vec<Script>, only: Option<&str>) -> Result<Vec<Script>, BuildError> {
    let Some(name) = only else { return Ok(scripts) };
    let known: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
    if let Some(at) = known.iter().position(|known| *known == name) {
        return Ok(vec![scripts[at].clone()]);
    }
    let hint = crate::content::closest(name, known.iter().copied());
    Err(BuildError::UnknownScript {
        name: name.to_owned(),
        hint: hint.map(|close| format!(" (did you mean `{close}`?)")).unwrap_or_default(),
        known: known.join(", "),
    })
}
