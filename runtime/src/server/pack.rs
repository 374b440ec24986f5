//! What a server starts with: the modules and content of a pack, with what was pushed since in
//! place of the pack's own.

use crate::content::{self, ContentErrors};
use crate::reload::{Archive, LiveContent, LiveModule, LiveSet, Misfit, fits};
use host_api::{Engine, Generation, GenerationError, LoadError, Module};
use sim::content::Content;
use std::path::{Path, PathBuf};

/// Modules and content, not yet checked against each other.
pub struct Pack {
    /// Component bytes, with the file's name for errors.
    pub modules: Vec<(PathBuf, Vec<u8>)>,
    /// Definitions.
    pub content: Content,
}

/// Why a pack cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A component is refused.
    #[error("{}: {source}", file.display())]
    Module {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// The modules do not go together.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// Modules and content do not go together.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The content has mistakes; all of them, with file and line.
    #[error("the content has mistakes:\n{0}")]
    Content(#[from] ContentErrors),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No component there.
    #[error("there is no component (*.wasm) in {}", .0.display())]
    Empty(PathBuf),
}

impl Pack {
    /// Reads components and a content folder.
    ///
    /// # Errors
    /// A file cannot be read, or the content has mistakes.
    pub fn read(components: &[PathBuf], content: &Path) -> Result<Self, PackError> {
        let modules = components
            .iter()
            .map(|path| match std::fs::read(path) {
                Ok(bytes) => Ok((path.clone(), bytes)),
                Err(source) => Err(PackError::Io { path: path.clone(), source }),
            })
            .collect::<Result<_, _>>()?;
        let (content, _) = content::load(content)?;
        Ok(Self { modules, content })
    }
}

/// Compiles the modules of a pack; those that were replaced by a push, and whose base in the pack
/// is still the same, are taken from the archive.
///
/// # Errors
/// See [`PackError`].
pub fn assemble(
    engine: &Engine,
    pack: Pack,
    archive: &Archive,
    mut set: LiveSet,
) -> Result<(Generation, Content, LiveSet), PackError> {
    let Pack { modules, content } = pack;
    let content = content_since(&content, archive, &mut set).unwrap_or(content);
    let mut loaded = Vec::new();
    for (file, bytes) in modules {
        let base = Module::load(engine, &bytes)
            .map_err(|source| PackError::Module { file: file.clone(), source })?;
        archive.keep_module(&base.digest(), &bytes).map_err(|source| PackError::Io { path: file, source })?;
        loaded.push(pushed_since(engine, &base, archive, &mut set).unwrap_or(base));
    }
    set.generation += 1;
    let generation = Generation::new(set.generation, loaded)?;
    fits(&generation, &content)?;
    Ok((generation, content, set))
}

/// The content that was live in the place of `base` when the server last ran.
fn content_since(base: &Content, archive: &Archive, set: &mut LiveSet) -> Option<Content> {
    let LiveContent { digest, base: pushed_over } = set.content.clone()?;
    if pushed_over != format!("{:016x}", base.digest) {
        set.content = None;
        return None;
    }
    let files = archive.content(&digest).map_err(|error| error.to_string());
    match files.and_then(|files| content::load_files(&files).map_err(|errors| errors.to_string())) {
        Ok((content, _)) => Some(content),
        Err(error) => {
            tracing::error!(digest, error, "the live content cannot be restored; the pack's content runs");
            None
        }
    }
}

/// The module that was live in the place of `base` when the server last ran.
fn pushed_since(engine: &Engine, base: &Module, archive: &Archive, set: &mut LiveSet) -> Option<Module> {
    let LiveModule { digest, base: pushed_over } = set.modules.get(base.name())?.clone();
    if pushed_over.as_ref() != Some(&base.digest()) || set.quarantined.contains_key(&digest) {
        // The pack has moved on: its own version counts.
        set.modules.remove(base.name());
        return None;
    }
    let module = archive
        .module(&digest)
        .map_err(|error| error.to_string())
        .and_then(|bytes| Module::load(engine, &bytes).map_err(|error| error.to_string()));
    match module {
        Ok(module) => {
            tracing::info!(label = module.label(), "restored what was live");
            Some(module)
        }
        Err(error) => {
            tracing::error!(
                script = base.name(),
                digest,
                error,
                "what was live cannot be restored; the pack's version runs"
            );
            None
        }
    }
}
