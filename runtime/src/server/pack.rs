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
/// module that was quarantined the last good version runs; where there is none, it rests. If what was live
/// does not go together any more, the pack's own runs.
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
    let plain = LiveSet {
        modules: Default::default(),
        content: None,
        earlier_content: Default::default(),
        ..set.clone()
    };
    match restore(engine, &bases, &content, archive, set) {
        Ok(mut restored) => {
            restore_changes(engine, archive, &mut restored);
            restore_former(engine, archive, &mut restored);
            return Ok(restored);
        }
        Err(error) => tracing::error!(%error, "what was live does not fit any more; the pack's own runs"),
    }
    let generation = with_rest(Generation::new(plain.generation, bases)?, &plain);
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
            Some(reason) => last_good(engine, base, archive, &mut set, &reason)
                .or_else(|| rested_since(engine, base, archive, &set)),
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
        // The pack had it and dropped it.
        if live.base.is_some() {
            set.modules.remove(&name);
            continue;
        }
        match from_archive(engine, archive, &live.digest) {
            Ok(module) => {
                replaced.extend(earlier_versions(engine, archive, &set, &module, &module));
                loaded.push(module);
            }
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
    let generation = with_rest(Generation::new(set.generation, loaded)?, &set);
    fits(&generation, &content)?;
    let layout = Layout { trunk: generation, overlays: Vec::new() };
    Ok(Assembled { layout, content: Arc::new(content), set, replaced, former: Former::default() })
}

/// What is among these modules although it was quarantined rests: it is all there is of its script.
fn with_rest(generation: Generation, set: &LiveSet) -> Generation {
    let generation = generation.resting(|module| set.quarantined.holds(&module.digest()));
    for module in generation.modules().filter(|module| generation.rests(module)) {
        let (label, reason) = (module.label(), set.quarantined.why(&module.digest()));
        tracing::error!(label, reason, "there is no other version: it rests until a repaired one is pushed");
    }
    generation
}

pub(super) fn from_archive(engine: &Engine, archive: &Archive, digest: &str) -> Result<Module, String> {
    let bytes = archive.module(digest).map_err(|error| error.to_string())?;
    let module = Module::load(engine, &bytes).map_err(|error| error.to_string())?;
    tracing::info!(label = module.label(), "restored what was live");
    Ok(module)
}

/// The content that was live in the place of `base` when the server last ran.
fn content_since(base: &Content, archive: &Archive, set: &mut LiveSet) -> Option<Content> {
    let own = format!("{:016x}", base.digest);
    if let Some(reason) = set.quarantined.why(&own).map(str::to_owned) {
        return last_good_content(own, archive, set, &reason);
    }
    let LiveContent { digest, base: pushed_over } = set.content.clone()?;
    if pushed_over != own {
        // The pack has moved on: its own counts, and what was before it is no way back from it.
        set.content = None;
        set.earlier_content = Default::default();
        return None;
    }
    match content_from_archive(archive, &digest) {
        Ok(content) => Some(content),
        Err(error) => {
            tracing::error!(digest, error, "the live content cannot be restored; the pack's content runs");
            None
        }
    }
}

fn content_from_archive(archive: &Archive, digest: &str) -> Result<Content, String> {
    let files = archive.content(digest).map_err(|error| error.to_string())?;
    content::load_files(&files).map(|(content, _)| content).map_err(|errors| errors.to_string())
}

/// The content that runs in the place of the pack's `own`, which was quarantined: what was live when the server
/// last ran, else the newest before it. If none can be had, the pack's own runs: a world needs one.
fn last_good_content(own: String, archive: &Archive, set: &mut LiveSet, reason: &str) -> Option<Content> {
    let live = set.content.iter().map(|live| live.digest.as_str());
    let known = live.chain(set.earlier_content.digests().rev());
    let found = known.filter(|digest| !set.quarantined.holds(digest)).find_map(|digest| {
        let content = content_from_archive(archive, digest);
        let content =
            content.inspect_err(|error| tracing::error!(digest, error, "a content cannot be restored"));
        Some((digest.to_owned(), content.ok()?))
    });
    let Some((digest, content)) = found else {
        tracing::error!(
            digest = own,
            reason,
            "the pack's content was quarantined and runs, as there is no other"
        );
        set.content = None;
        return None;
    };
    tracing::error!(
        barred = own,
        digest,
        reason,
        "the pack's content was quarantined; the last good one runs"
    );
    set.earlier_content.went_back_to(&digest);
    // As if it had been pushed over what the pack has, until the pack has another.
    set.content = Some(LiveContent { digest, base: own });
    Some(content)
}

/// The version that runs in the place of `base`, which was quarantined: what was live when the server last
/// ran, else the newest trusted one, else the newest; `None` if there is nothing but what was quarantined.
fn last_good(
    engine: &Engine,
    base: &Module,
    archive: &Archive,
    set: &mut LiveSet,
    reason: &str,
) -> Option<Module> {
    let (script, barred) = (base.name(), base.label());
    let live = set.modules.get(script).map(|live| &live.digest);
    let earlier = || set.earlier.get(script).into_iter().flatten().rev();
    let trusted = earlier().filter(|digest| set.trusted.contains(*digest));
    let known = live.into_iter().chain(trusted).chain(earlier());
    let module = known.filter(|digest| !set.quarantined.holds(digest)).find_map(|digest| {
        from_archive(engine, archive, digest)
            .inspect_err(|error| tracing::error!(script, digest, error, "a version cannot be restored"))
            .ok()
    })?;
    let label = module.label();
    tracing::error!(barred, label, reason, "what the pack has was quarantined; the last good version runs");
    // As if it had been pushed over what the pack has, until the pack has another.
    let base = Some(base.digest());
    set.modules.insert(script.to_owned(), LiveModule { digest: module.digest(), base });
    Some(module)
}

/// The module that was pushed over `base` and rests like it: the state there is was written by it.
fn rested_since(engine: &Engine, base: &Module, archive: &Archive, set: &LiveSet) -> Option<Module> {
    let script = base.name();
    let LiveModule { digest, base: pushed_over } = set.modules.get(script)?;
    if pushed_over.as_ref() != Some(&base.digest()) {
        return None;
    }
    from_archive(engine, archive, digest)
        .inspect_err(|error| tracing::error!(script, digest, error, "what was live cannot be restored"))
        .ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packs_content_that_was_quarantined_gives_way_to_the_last_good_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path()).expect("opens");
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        let files = content::read_files(&starter).expect("read");
        let kept = |name: &str| {
            let mut files = files.clone();
            files.insert("name.toml".to_owned(), format!("# {name}\n"));
            let (content, _) = content::load_files(&files).expect("good");
            archive.keep_content(content.digest, &files).expect("kept");
            content
        };
        let (good, bad, next) = (kept("good"), kept("bad"), kept("next"));
        let hex = |content: &Content| format!("{:016x}", content.digest);
        let runs = |base: &Content, set: &mut LiveSet| {
            content_since(base, &archive, set).map(|content| content.digest)
        };
        let mut set = LiveSet::default();
        set.quarantined.bar(hex(&bad), "made the wolf script fail".to_owned(), |_| true);
        assert_eq!(runs(&bad, &mut set), None, "there is no other");
        // It was pushed over another pack's, taken back, and is what the pack has now.
        set.content = Some(LiveContent { digest: hex(&good), base: "0123456789abcdef".to_owned() });
        for _ in 0..2 {
            assert_eq!(runs(&bad, &mut set), Some(good.digest));
            let live = set.content.clone().expect("as if it had been pushed");
            assert_eq!((live.digest, live.base), (hex(&good), hex(&bad)));
        }
        assert_eq!(runs(&next, &mut set), None, "the pack has moved on");
        assert!(set.content.is_none());
    }
}
