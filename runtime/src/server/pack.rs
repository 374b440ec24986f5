//! What a server starts with: the modules and content of a pack, with what was pushed since in
//! place of the pack's own.

use super::restore::{earlier_versions, restore_changes, restore_former};
use crate::content::{self, ContentErrors};
use crate::reload::{Archive, ContentFiles, Layout, LiveContent, LiveModule, LiveSet, Misfit, fits};
use host_api::{Engine, Former, Generation, GenerationError, LoadError, Module};
use sim::content::Content;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Modules and content, not yet checked against each other.
pub struct Pack {
    /// Component bytes, with the file's name for errors.
    pub modules: Vec<(PathBuf, Vec<u8>)>,
    /// Texts of the definitions.
    pub content: ContentFiles,
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
    /// A module was taken out of the running world before, and there is no other version to run.
    #[error(
        "{label} was quarantined and there is no earlier version to go back to; correct it and build it again: \
         another build has another digest. It {reason}"
    )]
    Quarantined {
        /// Which.
        label: String,
        /// Why it was.
        reason: String,
    },
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
    #[error("there is no component (*.wasm) in {}; `lore build` makes them", .0.display())]
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
        Ok(Self { modules, content: content::read_files(content)? })
    }
}

/// What a server runs from its start.
pub struct Assembled {
    /// Modules that go together, and candidates that some zones try.
    pub layout: Layout,
    /// Content that goes with them.
    pub content: Arc<Content>,
    /// What of it was pushed, and how far the changes are.
    pub set: LiveSet,
    /// Earlier versions that there is a way back to, oldest first.
    pub replaced: Vec<Module>,
    /// Who is asked about state of schemas that are not live.
    pub former: Former,
}

impl Assembled {
    /// What a zone runs. Zones that try a candidate have a number of their own.
    ///
    /// # Errors
    /// None: it was checked when it was assembled.
    pub fn generation(&self, zone: &str) -> Result<Generation, GenerationError> {
        let trunk = &self.layout.trunk;
        let tries = self.layout.overlays.iter().any(|overlay| overlay.zones.contains(zone));
        if tries { self.layout.of(zone, self.set.generation) } else { Ok(trunk.clone()) }
    }
}

/// Compiles the modules of a pack; those that were replaced by a push, and whose base in the pack
/// is still the same, are taken from the archive, as are those the pack never had. In the place of a
/// module that was quarantined the last good version runs. If what was live does not go together any more,
/// the pack's own runs.
///
/// # Errors
/// See [`PackError`].
pub fn assemble(
    engine: &Engine,
    pack: Pack,
    archive: &Archive,
    mut set: LiveSet,
) -> Result<Assembled, PackError> {
    let Pack { modules, content: files } = pack;
    let (content, _) = content::load_files(&files)?;
    // A replay needs what ran, also of a pack that was replaced since.
    let kept = archive.keep_content(content.digest, &files);
    kept.map_err(|source| PackError::Io { path: PathBuf::from("DATA/content"), source })?;
    set.generation += 1;
    let mut bases = Vec::new();
    for (file, bytes) in modules {
        let base = Module::load(engine, &bytes)
            .map_err(|source| PackError::Module { file: file.clone(), source })?;
        archive.keep_module(&base.digest(), &bytes).map_err(|source| PackError::Io { path: file, source })?;
        bases.push(base);
    }
    set.trusted.extend(bases.iter().map(Module::digest).filter(|digest| !set.quarantined.holds(digest)));
    let plain = LiveSet { modules: Default::default(), content: None, ..set.clone() };
    match restore(engine, &bases, &content, archive, set) {
        Ok(mut restored) => {
            restore_changes(engine, archive, &mut restored);
            restore_former(engine, archive, &mut restored);
            return Ok(restored);
        }
        // Its own cannot run in the place of what was live: it would bring back what was quarantined.
        Err(error) if bases.iter().any(|base| plain.quarantined.holds(&base.digest())) => return Err(error),
        Err(error) => tracing::error!(%error, "what was live does not fit any more; the pack's own runs"),
    }
    let generation = Generation::new(plain.generation, bases)?;
    fits(&generation, &content)?;
    let layout = Layout { trunk: generation, overlays: Vec::new() };
    let content = Arc::new(content);
    let (replaced, former) = (Vec::new(), Former::default());
    let mut assembled = Assembled { layout, content, set: plain, replaced, former };
    restore_changes(engine, archive, &mut assembled);
    restore_former(engine, archive, &mut assembled);
    Ok(assembled)
}

/// The pack with everything that was live in the place of its own.
fn restore(
    engine: &Engine,
    bases: &[Module],
    content: &Content,
    archive: &Archive,
    mut set: LiveSet,
) -> Result<Assembled, PackError> {
    let content = content_since(content, archive, &mut set).unwrap_or_else(|| content.clone());
    let (mut loaded, mut replaced) = (Vec::new(), Vec::new());
    for base in bases {
        let reason = set.quarantined.why(&base.digest()).map(str::to_owned);
        let instead = match reason {
            Some(reason) => Some(last_good(engine, base, archive, &mut set, reason)?),
            None => pushed_since(engine, base, archive, &mut set),
        };
        match instead {
            Some(module) => {
                replaced.extend(earlier_versions(engine, archive, &set, base, &module));
                loaded.push(module);
            }
            None => loaded.push(base.clone()),
        }
    }
    let beside = |name: &String| bases.iter().all(|base| base.name() != name);
    let added: Vec<(String, LiveModule)> = set
        .modules
        .iter()
        .filter(|(name, _)| beside(name))
        .map(|(name, live)| (name.clone(), live.clone()))
        .collect();
    for (name, live) in added {
        // The pack had it and dropped it, or it must not run.
        if live.base.is_some() || set.quarantined.holds(&live.digest) {
            set.modules.remove(&name);
            continue;
        }
        match from_archive(engine, archive, &live.digest) {
            Ok(module) => loaded.push(module),
            Err(error) => {
                tracing::error!(
                    script = name,
                    digest = live.digest,
                    error,
                    "what was live cannot be restored"
                );
            }
        }
    }
    let generation = Generation::new(set.generation, loaded)?;
    fits(&generation, &content)?;
    let layout = Layout { trunk: generation, overlays: Vec::new() };
    Ok(Assembled { layout, content: Arc::new(content), set, replaced, former: Former::default() })
}

pub(super) fn from_archive(engine: &Engine, archive: &Archive, digest: &str) -> Result<Module, String> {
    let bytes = archive.module(digest).map_err(|error| error.to_string())?;
    let module = Module::load(engine, &bytes).map_err(|error| error.to_string())?;
    tracing::info!(label = module.label(), "restored what was live");
    Ok(module)
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

/// The version that runs in the place of `base`, which was quarantined: what was live when the server last
/// ran, else the newest trusted one, else the newest.
fn last_good(
    engine: &Engine,
    base: &Module,
    archive: &Archive,
    set: &mut LiveSet,
    reason: String,
) -> Result<Module, PackError> {
    let (script, barred) = (base.name(), base.label());
    let live = set.modules.get(script).map(|live| &live.digest);
    let earlier = || set.earlier.get(script).into_iter().flatten().rev();
    let trusted = earlier().filter(|digest| set.trusted.contains(*digest));
    let known = live.into_iter().chain(trusted).chain(earlier());
    let found = known.filter(|digest| !set.quarantined.holds(digest)).find_map(|digest| {
        from_archive(engine, archive, digest)
            .inspect_err(|error| tracing::error!(script, digest, error, "a version cannot be restored"))
            .ok()
    });
    let Some(module) = found else {
        return Err(PackError::Quarantined { label: barred.to_owned(), reason });
    };
    let label = module.label();
    tracing::error!(barred, label, reason, "what the pack has was quarantined; the last good version runs");
    // As if it had been pushed over what the pack has, until the pack has another.
    let base = Some(base.digest());
    set.modules.insert(script.to_owned(), LiveModule { digest: module.digest(), base });
    Ok(module)
}

/// The module that was live in the place of `base` when the server last ran.
fn pushed_since(engine: &Engine, base: &Module, archive: &Archive, set: &mut LiveSet) -> Option<Module> {
    let LiveModule { digest, base: pushed_over } = set.modules.get(base.name())?.clone();
    if pushed_over.as_ref() != Some(&base.digest()) || set.quarantined.holds(&digest) {
        // The pack has moved on: its own version counts.
        set.modules.remove(base.name());
        return None;
    }
    match from_archive(engine, archive, &digest) {
        Ok(module) => Some(module),
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
