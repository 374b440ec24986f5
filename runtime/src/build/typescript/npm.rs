//! The packages TypeScript is built with: `scripts/package.json` with its lock, installed beside it.

use super::super::tool;
use super::super::{BuildError, Step, io_error};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a workspace without packages is given.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../../../scripts/package.json")),
    ("package-lock.json", include_str!("../../../../scripts/package-lock.json")),
    ("tsconfig.json", include_str!("../../../../scripts/tsconfig.json")),
];
/// Inside `node_modules`: digest of the lock it was installed from.
const INSTALLED: &str = ".lore-installed";

/// The installed packages.
pub(super) struct Tools {
    bin: PathBuf,
    /// Text of the lock.
    pub(super) lock: String,
}

/// Puts `package.json`, its lock and `tsconfig.json` into a workspace that has none.
///
/// # Errors
/// A file cannot be written.
pub fn begin(workspace_dir: &Path) -> Result<(), BuildError> {
    for (name, text) in FILES {
        let path = workspace_dir.join(name);
        if !path.exists() {
            std::fs::write(&path, text).map_err(io_error(|| format!("cannot write {}", path.display())))?;
        }
    }
    Ok(())
}

impl Tools {
    /// Installs the packages, unless those of the lock are there.
    pub(super) fn ready(
        workspace_dir: &Path,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Result<Self, BuildError> {
        begin(workspace_dir)?;
        let workspace_dir = workspace_dir
            .canonicalize()
            .map_err(io_error(|| format!("cannot open {}", workspace_dir.display())))?;
        let lock =
            install(&workspace_dir, "installing the tools for TypeScript: npm ci in scripts/", progress)?;
        Ok(Self { bin: workspace_dir.join("node_modules/.bin"), lock })
    }

    /// Installs what the script itself depends on, from its own lock.
    pub(super) fn install_dependencies(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), BuildError> {
        let manifest = folder.join("package.json");
        let text = std::fs::read_to_string(&manifest)
            .map_err(io_error(|| format!("cannot read {}", manifest.display())))?;
        let wrong = |reason: String| BuildError::Manifest { path: manifest.clone(), reason };
        let package: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let depends = ["dependencies", "devDependencies"]
            .iter()
            .any(|group| package[group].as_object().is_some_and(|packages| !packages.is_empty()));
        if !depends {
            return Ok(());
        }
        if !folder.join("package-lock.json").is_file() {
            return Err(wrong(
                "it names packages but has no lock: run `npm install` beside it and keep \
                              package-lock.json"
                    .to_owned(),
            ));
        }
        install(folder, "installing the script's packages: npm ci", progress).map(drop)
    }

    /// One of the tools.
    pub(super) fn command(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }
}

/// `npm ci`, unless what the lock names is installed; returns the lock.
fn install(folder: &Path, doing: &str, progress: &mut dyn FnMut(Step<'_>)) -> Result<String, BuildError> {
    tool::node()?;
    let path = folder.join("package-lock.json");
    let lock =
        std::fs::read_to_string(&path).map_err(io_error(|| format!("cannot read {}", path.display())))?;
    let digest = blake3::hash(lock.as_bytes()).to_hex().to_string();
    let installed = folder.join("node_modules").join(INSTALLED);
    if std::fs::read_to_string(&installed).is_ok_and(|noted| noted == digest) {
        return Ok(lock);
    }
    progress(Step::Waiting(doing));
    // Scripts of packages are foreign code and none of these needs its own.
    let said = tool::run(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder),
    )?;
    if !said.ok {
        return Err(BuildError::Tool { tool: "npm ci", said: said.all().trim().to_owned() });
    }
    std::fs::write(&installed, digest)
        .map_err(io_error(|| format!("cannot write {}", installed.display())))?;
    Ok(lock)
}
