//! `lore serve --dev`: what is saved in `scripts/` or `content/` becomes live.

use super::{Author, Pipeline, Plan, PushError};
use crate::build::{self, Order, build_scripts};
use notify::{RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Editors write a file in several steps; this long after the last one it is looked at.
const QUIET: Duration = Duration::from_millis(120);
/// Changed paths that may wait; beyond it everything is built.
const PATHS: usize = 1_024;

/// What to watch.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The scripts' workspace.
    pub scripts: PathBuf,
    /// The content.
    pub content: PathBuf,
}

/// Rebuilds and pushes what changes, and says on standard error what became live, until `stop`.
///
/// # Errors
/// The folders cannot be watched.
pub async fn watch_loop(
    pipeline: Arc<Pipeline>,
    folders: Folders,
    stop: CancellationToken,
) -> notify::Result<()> {
    let overflow = Arc::new(AtomicBool::new(false));
    let (missed, scripts) = (Arc::clone(&overflow), folders.scripts.clone());
    let (changed, mut changes) = mpsc::channel::<PathBuf>(PATHS);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, notify::EventKind::Access(_)) {
            return;
        }
        for path in event.paths.into_iter().filter(|path| !is_built(path, &scripts)) {
            if changed.try_send(path).is_err() {
                missed.store(true, Ordering::Release);
            }
        }
    })?;
    watcher.watch(&folders.scripts, RecursiveMode::Recursive)?;
    watcher.watch(&folders.content, RecursiveMode::Recursive)?;
    eprintln!("watching {} and {}", folders.scripts.display(), folders.content.display());
    let mut misfits = Misfits::default();
    loop {
        let mut paths = BTreeSet::new();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            path = changes.recv() => paths.extend(path),
        }
        while let Ok(Some(path)) = tokio::time::timeout(QUIET, changes.recv()).await {
            paths.insert(path);
        }
        let what = match overflow.swap(false, Ordering::AcqRel) {
            true => Changed::everything(),
            false => Changed::of(&paths, &folders),
        };
        push_saved(&pipeline, &folders, what, &mut misfits).await;
    }
}

/// Whether a path is in the `target` or the packages of the scripts: a build writes thousands of files
/// there.
fn is_built(path: &Path, scripts: &Path) -> bool {
    let Ok(inner) = path.strip_prefix(scripts) else { return false };
    inner.components().next() == Some(Component::Normal("target".as_ref()))
        || inner.components().any(|part| part == Component::Normal("node_modules".as_ref()))
}

/// What a set of paths means.
struct Changed {
    content: bool,
    any_script: bool,
    /// The folder of the one script that changed, if it was one.
    only_script: Option<String>,
}

impl Changed {
    fn everything() -> Self {
        Self { content: true, any_script: true, only_script: None }
    }

    fn of(paths: &BTreeSet<PathBuf>, folders: &Folders) -> Self {
        let mut scripts = BTreeSet::new();
        let mut content = false;
        for path in paths {
            if path.starts_with(&folders.content) {
                content |= path.extension().is_none_or(|end| end == "toml");
            } else if let Ok(inner) = path.strip_prefix(&folders.scripts) {
                let end = inner.extension().and_then(OsStr::to_str).unwrap_or_default();
                let source = ["rs", "toml", "ts", "c", "h", "json"].contains(&end);
                if let Some(Component::Normal(first)) = inner.components().next()
                    && first != "target"
                    && source
                {
                    scripts.insert(first.to_string_lossy().into_owned());
                }
            }
        }
        let only_script = if scripts.len() == 1 { scripts.first().cloned() } else { None };
        Self { content, any_script: !scripts.is_empty(), only_script }
    }
}

/// What was refused because it does not fit the other side: it is tried again when that has changed.
#[derive(Default)]
struct Misfits {
    content: bool,
    /// Components by the names of their scripts.
    scripts: BTreeMap<String, Vec<u8>>,
}

/// Components that are ready to be pushed.
struct Ready {
    /// By the names of their scripts.
    scripts: BTreeMap<String, Vec<u8>>,
    /// When their author began to wait for them.
    since: Instant,
    /// Why they are pushed now.
    why: String,
}

/// Scripts first: content names them. But a script may require what is in the content saved with it.
async fn push_saved(pipeline: &Pipeline, folders: &Folders, what: Changed, misfits: &mut Misfits) {
    let mut content = what.content;
    if what.any_script
        && let Some(ready) = build_saved(&folders.scripts, what.only_script).await
    {
        let any_live = push_scripts(pipeline, ready, &mut misfits.scripts).await;
        content |= any_live && misfits.content;
    }
    if content && push_content(pipeline, &folders.content, &mut misfits.content).await {
        let scripts = std::mem::take(&mut misfits.scripts);
        let why = "fits the content now".to_owned();
        push_scripts(pipeline, Ready { scripts, since: Instant::now(), why }, &mut misfits.scripts).await;
    }
}

/// Whether the content is live now.
async fn push_content(pipeline: &Pipeline, folder: &Path, misfit: &mut bool) -> bool {
    *misfit = false;
    let files = match crate::content::read_files(folder) {
        Ok(files) => files,
        Err(errors) => {
            eprintln!("content: {errors}");
            return false;
        }
    };
    match pipeline.push_content(files, &as_saved(), &author("content saved")).await {
        Ok(pushed) => {
            eprintln!(
                "live: {} in {:.0} ms (generation {})",
                pushed.label, pushed.live_ms, pushed.generation
            );
            true
        }
        Err(error) => {
            *misfit = matches!(error, PushError::Misfit(_));
            eprintln!("content stays as it was:\n{error}");
            false
        }
    }
}

/// Builds the script of a folder, or all; `None`, with the reason printed, if that fails.
async fn build_saved(workspace: &Path, folder: Option<String>) -> Option<Ready> {
    let since = Instant::now();
    let workspace = workspace.to_owned();
    let built = tokio::task::spawn_blocking(move || {
        // The SDK is no script: everything that uses it is built then.
        let known = build::scripts_of(&workspace)?;
        let only = folder.and_then(|folder| {
            let script = known.iter().find(|script| script.folder().ends_with(&folder))?;
            Some(script.name())
        });
        let order = Order { only, lines: true, ..Order::default() };
        let built = build_scripts(&workspace, order, &mut |step| {
            if let build::Step::Diagnostic(text) = step {
                eprint!("{text}");
            }
        })?;
        let read = |script: build::BuiltScript| {
            let bytes = std::fs::read(&script.path);
            bytes.map(|bytes| (script.name, bytes)).map_err(|source| build::BuildError::Io {
                what: format!("cannot read {}", script.path.display()),
                source,
            })
        };
        built.into_iter().map(read).collect::<Result<BTreeMap<_, _>, _>>()
    });
    match built.await {
        Ok(Ok(scripts)) => {
            Some(Ready { scripts, since, why: format!("built in {} ms", since.elapsed().as_millis()) })
        }
        Ok(Err(error)) => {
            eprintln!("scripts stay as they were: {error}");
            None
        }
        Err(error) => {
            eprintln!("scripts stay as they were: the build hit a defect: {error}");
            None
        }
    }
}

/// Whether anything became live.
async fn push_scripts(pipeline: &Pipeline, ready: Ready, misfits: &mut BTreeMap<String, Vec<u8>>) -> bool {
    let Ready { scripts, since, why } = ready;
    let plan = as_saved();
    let mut any_live = false;
    for (name, bytes) in scripts {
        misfits.remove(&name);
        match pipeline.push_module(bytes.clone(), &plan, &author("script saved")).await {
            Ok(pushed) if pushed.unchanged => {}
            Ok(pushed) => {
                any_live = true;
                eprintln!(
                    "live: {} in {} ms ({why}, generation {})",
                    pushed.label,
                    since.elapsed().as_millis(),
                    pushed.generation
                );
            }
            Err(error) => {
                eprintln!("{name} stays as it was: {error}");
                if matches!(error, PushError::Misfit(_)) {
                    misfits.insert(name, bytes);
                }
            }
        }
    }
    any_live
}

/// Who saves wants to see it, however much it changes.
fn as_saved() -> Plan {
    Plan { skip_proof: true, ..Plan::default() }
}

fn author(why: &str) -> Author {
    Author { who: "lore serve --dev".to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_no_change_and_a_save_is() {
        let folders = Folders { scripts: "/w/scripts".into(), content: "/w/content".into() };
        assert!(is_built(Path::new("/w/scripts/target/lore/a.wasm"), &folders.scripts));
        assert!(!is_built(Path::new("/w/scripts/combat/src/target/mod.rs"), &folders.scripts));
        assert!(!is_built(Path::new("/w/content/target.toml"), &folders.scripts));
        assert!(is_built(Path::new("/w/scripts/node_modules/a/b.ts"), &folders.scripts));
        let saved = BTreeSet::from(["/w/scripts/combat/src/lib.rs".into()]);
        let what = Changed::of(&saved, &folders);
        assert_eq!(
            (what.content, what.any_script, what.only_script.as_deref()),
            (false, true, Some("combat"))
        );
    }
}
