//! Whether there is anything to do: what a component was made of, kept beside it.
//!
//! cargo knows this by itself; the other languages' tools do not.

use super::workspace::Script;
use super::{BuildError, BuiltScript, component, io_error};
use std::path::{Path, PathBuf};

/// Folders below a script that hold nothing it is made of.
const NO_SOURCES: [&str; 3] = ["node_modules", "target", "tests"];

/// Everything that decides what a component will be.
pub(super) struct Inputs(blake3::Hasher);

impl Inputs {
    /// Begins with the version of this program, which generates bindings, and of the language's tools.
    pub(super) fn new(tools: &str) -> Self {
        let mut inputs = Self(blake3::Hasher::new());
        inputs.text(env!("CARGO_PKG_VERSION"));
        inputs.text(tools);
        inputs
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    /// Adds the names and bytes of all files below a folder.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<(), BuildError> {
        let unreadable = || format!("cannot read {}", folder.display());
        let mut entries = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(io_error(unreadable))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if name.starts_with('.') || NO_SOURCES.contains(&name.as_str()) {
                continue;
            }
            self.text(&name);
            if path.is_dir() {
                self.folder(&path)?;
            } else {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    /// Adds the bytes of a file.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), BuildError> {
        let bytes = std::fs::read(path).map_err(io_error(|| format!("cannot read {}", path.display())))?;
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(&bytes);
        Ok(())
    }

    /// The component of `script`, if it was made of exactly this and is there unchanged.
    pub(super) fn fresh(&self, script: &Script, out_dir: &Path) -> Option<BuiltScript> {
        let noted = std::fs::read_to_string(note(script, out_dir)).ok()?;
        let built = component::existing(script, out_dir)?;
        (noted == self.mark(&built)).then_some(built)
    }

    /// Notes that `built` was made of this.
    pub(super) fn made(
        &self,
        script: &Script,
        out_dir: &Path,
        built: &BuiltScript,
    ) -> Result<(), BuildError> {
        let path = note(script, out_dir);
        std::fs::write(&path, self.mark(built))
            .map_err(io_error(|| format!("cannot write {}", path.display())))
    }

    fn mark(&self, built: &BuiltScript) -> String {
        format!("{} {}\n", self.0.finalize().to_hex(), built.digest.to_hex())
    }
}

fn note(script: &Script, out_dir: &Path) -> PathBuf {
    out_dir.join(format!("{}.inputs", script.name()))
}
