//! The reload pipeline: a candidate is checked and compiled off the tick, then every zone swaps
//! at a tick boundary; on any failure what was live stays live. A live module that keeps failing
//! is replaced by the last good one.
//!
//! What does not live here: running scripts (`host_api`), applying a swap (`zone`), HTTP (`admin`).

mod archive;
mod check;
mod strikes;
pub mod watch;

pub use archive::{Archive, ContentFiles, HistoryEntry, LiveContent, LiveModule, LiveSet};
pub use check::{Misfit, can_follow, fits, missing_content};
pub use strikes::{FailureRow, Strikes, strikes_loop};

use crate::zone::{Applied, InboxError, Message, Swap, ZoneHandle, ZoneRules, Zones};
use host_api::{Engine, Generation, GenerationError, LoadError, Module, RulesError, ScriptRules};
use serde::Serialize;
use sim::content::Content;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Older versions of a script kept for rollback.
const VERSIONS: usize = 8;
/// Entries of the history kept in memory; all are in `reload.log`.
const HISTORY: usize = 500;
/// How long a zone may take to swap: it does so within a tick, unless it stands still.
const SWAP_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest module taken.
pub const MODULE_BYTES: usize = 32 << 20;

/// Why a candidate did not become live. What was live still is.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The module was refused; says which script, export and line.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not fit the other modules.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// It does not fit the content.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The content has errors, with file and line.
    #[error("{0}")]
    Content(String),
    /// It was taken out of the running world before.
    #[error("{label} was quarantined: {reason}")]
    Quarantined {
        /// Which.
        label: String,
        /// Why.
        reason: String,
    },
    /// There is no module of this name, or nothing before it.
    #[error("there is no earlier version of `{0}` to go back to")]
    NothingBefore(String),
    /// An instance could not be prepared.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A zone could not take it now, because the store does not answer or an earlier change is under
    /// way.
    #[error("the zone {0} stands still or has not taken the change before; try again later")]
    Zone(String),
    /// What was pushed could not be kept on disk.
    #[error("the data folder cannot be written: {0}")]
    Archive(#[from] std::io::Error),
    /// A task of ours died.
    #[error("the pipeline hit a defect")]
    Defect,
}

/// Who asks for a change, for the history.
#[derive(Clone, Debug, Default)]
pub struct Author {
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A change that is live.
#[derive(Clone, Debug, Serialize)]
pub struct Pushed {
    /// Label of what is live now.
    pub label: String,
    /// What it replaced.
    pub before: Option<String>,
    /// Number of the generation.
    pub generation: u64,
    /// First tick with it, by zone.
    pub zones: Vec<SwappedZone>,
    /// Zones that have not taken it yet, and will when they go on.
    pub pending: Vec<String>,
    /// From receiving it to ready to swap, milliseconds.
    pub prepare_ms: f64,
    /// From receiving it to live in the last zone but the pending ones, milliseconds.
    pub live_ms: f64,
    /// Nothing was done: it was live already.
    pub unchanged: bool,
}

impl Pushed {
    fn unchanged(label: String, generation: u64, started: Instant) -> Self {
        let (prepare_ms, live_ms) = (millis(started), millis(started));
        Self {
            label,
            before: None,
            generation,
            zones: Vec::new(),
            pending: Vec::new(),
            prepare_ms,
            live_ms,
            unchanged: true,
        }
    }
}

/// One zone of a swap.
#[derive(Clone, Debug, Serialize)]
pub struct SwappedZone {
    /// Its name.
    pub zone: String,
    /// First tick with the new generation.
    pub tick: u64,
}

/// What is live.
struct Live {
    generation: Generation,
    /// By script name, newest last.
    earlier: HashMap<String, VecDeque<Module>>,
    set: LiveSet,
    history: VecDeque<HistoryEntry>,
}

/// The clonable front of the pipeline.
pub struct Pipeline {
    engine: Engine,
    zones: Arc<Zones>,
    archive: Arc<Archive>,
    /// Held while one change goes from checked to live: changes happen one after the other.
    changing: tokio::sync::Mutex<()>,
    live: Mutex<Live>,
    /// The live definitions, for those who wait for changes.
    content: tokio::sync::watch::Sender<Arc<Content>>,
    /// What the scripts of the running world have failed at.
    pub strikes: Strikes,
}

impl Pipeline {
    /// A pipeline for zones that run `generation` with `content`; `replaced` is what was live before
    /// the newest versions.
    pub fn new(
        engine: Engine,
        zones: Arc<Zones>,
        archive: Archive,
        set: LiveSet,
        generation: Generation,
        content: Arc<Content>,
        replaced: Vec<Module>,
    ) -> Arc<Self> {
        let earlier =
            replaced.into_iter().map(|module| (module.name().to_owned(), [module].into())).collect();
        let history = archive.recent(HISTORY).unwrap_or_else(|error| {
            tracing::warn!(%error, "the history of earlier runs cannot be read");
            VecDeque::new()
        });
        let live = Live { generation, earlier, set, history };
        Arc::new(Self {
            engine,
            zones,
            archive: Arc::new(archive),
            changing: tokio::sync::Mutex::new(()),
            live: Mutex::new(live),
            content: tokio::sync::watch::Sender::new(content),
            strikes: Strikes::default(),
        })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The modules that are live.
    pub fn generation(&self) -> Generation {
        self.live().generation.clone()
    }

    /// The definitions that are live.
    pub fn content(&self) -> Arc<Content> {
        Arc::clone(&self.content.borrow())
    }

    /// Told of new definitions.
    pub fn watch_content(&self) -> tokio::sync::watch::Receiver<Arc<Content>> {
        self.content.subscribe()
    }

    /// Newest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        self.live().history.iter().rev().cloned().collect()
    }

    /// Digests that must not run again, and why.
    pub fn quarantined(&self) -> Vec<(String, String)> {
        self.live().set.quarantined.clone().into_iter().collect()
    }

    /// Makes a module live in every zone.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn push_module(&self, bytes: Vec<u8>, author: &Author) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let engine = self.engine.clone();
        let (module, bytes) =
            blocking(move || Module::load(&engine, &bytes).map(|module| (module, bytes))).await??;
        let digest = module.digest();
        let _turn = self.changing.lock().await;
        let (generation, content, before) = {
            let live = self.live();
            if let Some(reason) = live.set.quarantined.get(&digest) {
                return Err(PushError::Quarantined {
                    label: module.label().to_owned(),
                    reason: reason.clone(),
                });
            }
            let before = live.generation.module(module.name()).cloned();
            (live.generation.clone(), self.content(), before)
        };
        if before.as_ref().is_some_and(|before| before.digest() == digest) {
            return Ok(Pushed::unchanged(module.label().to_owned(), generation.number(), started));
        }
        let next = generation.with_module(generation.number() + 1, module.clone())?;
        fits(&next, &content)?;
        self.zones_keep_up(generation.number())?;
        let (archive, kept) = (Arc::clone(&self.archive), digest.clone());
        blocking(move || archive.keep_module(&kept, &bytes)).await??;
        let pushed = self.swap(next, &module, before.clone(), started).await?;
        self.remember(before);
        self.record("push", &pushed, &digest, author).await;
        Ok(pushed)
    }

    /// Keeps what a push has replaced, to go back to.
    fn remember(&self, before: Option<Module>) {
        let Some(before) = before else { return };
        let mut live = self.live();
        let versions = live.earlier.entry(before.name().to_owned()).or_default();
        versions.push_back(before);
        if versions.len() > VERSIONS {
            versions.pop_front();
        }
    }

    /// Makes the version before the live one live again.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn rollback(&self, script: &str, author: &Author) -> Result<Pushed, PushError> {
        let _turn = self.changing.lock().await;
        let module = self.earlier(script)?;
        self.replace_by_earlier("rollback", module, None, author).await
    }

    /// Takes a failing module out of the world, for good.
    async fn quarantine(&self, label: &str, reason: &str) -> Result<Pushed, PushError> {
        let _turn = self.changing.lock().await;
        let failing = self.live().generation.modules().find(|module| module.label() == label).cloned();
        let Some(failing) = failing else { return Err(PushError::NothingBefore(label.to_owned())) };
        let module = self.earlier(failing.name())?;
        let quarantined = Some((failing.digest(), reason.to_owned()));
        let author = Author { who: "loreforge".to_owned(), why: reason.to_owned() };
        self.replace_by_earlier("quarantine", module, quarantined, &author).await
    }

    /// The newest version of a script before the live one that may run.
    fn earlier(&self, script: &str) -> Result<Module, PushError> {
        let live = self.live();
        let mut versions = live.earlier.get(script).into_iter().flatten().rev();
        let good = versions.find(|module| !live.set.quarantined.contains_key(&module.digest()));
        good.cloned().ok_or_else(|| PushError::NothingBefore(script.to_owned()))
    }

    async fn replace_by_earlier(
        &self,
        action: &str,
        module: Module,
        quarantined: Option<(String, String)>,
        author: &Author,
    ) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let (generation, content) = (self.generation(), self.content());
        let before = generation.module(module.name()).cloned();
        let next = generation.with_module(generation.number() + 1, module.clone())?;
        fits(&next, &content)?;
        self.zones_keep_up(generation.number())?;
        let pushed = self.swap(next, &module, before, started).await?;
        {
            let mut live = self.live();
            live.set.quarantined.extend(quarantined);
            // What is live is not an earlier version, nor is what was passed over.
            if let Some(versions) = live.earlier.get_mut(module.name())
                && let Some(place) = versions.iter().rposition(|known| known.digest() == module.digest())
            {
                versions.truncate(place);
            }
        }
        self.record(action, &pushed, &module.digest(), author).await;
        Ok(pushed)
    }

    /// Makes content live in every zone.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn push_content(&self, files: ContentFiles, author: &Author) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let (content, files) = blocking(move || (crate::content::load_files(&files), files)).await?;
        let (content, _) = content.map_err(|errors| PushError::Content(errors.to_string()))?;
        let content = Arc::new(content);
        let _turn = self.changing.lock().await;
        let (generation, old) = (self.generation(), self.content());
        let label = format!("content+{:08x}", content.digest >> 32);
        let before = format!("content+{:08x}", old.digest >> 32);
        if old.digest == content.digest {
            return Ok(Pushed::unchanged(label, generation.number(), started));
        }
        can_follow(&old, &content)?;
        fits(&generation, &content)?;
        self.zones_keep_up(generation.number())?;
        let (archive, kept) = (Arc::clone(&self.archive), content.digest);
        blocking(move || archive.keep_content(kept, &files)).await??;
        // The same modules under a new number.
        let next = Generation::new(generation.number() + 1, generation.modules().cloned())?;
        let prepared = self.prepare(&next).await?;
        let prepare_ms = millis(started);
        let (zones, pending) = self.apply(prepared, Some(Arc::clone(&content)), next.number()).await;
        let number = next.number();
        {
            let mut live = self.live();
            live.generation = next;
            live.set.generation = number;
            let base = live.set.content.take().map_or_else(|| hex(old.digest), |content| content.base);
            live.set.content = Some(LiveContent { digest: hex(content.digest), base });
        }
        self.content.send_replace(content);
        let pushed = Pushed {
            label: label.clone(),
            before: Some(before),
            generation: number,
            zones,
            pending,
            prepare_ms,
            live_ms: millis(started),
            unchanged: false,
        };
        self.record("content", &pushed, &label, author).await;
        Ok(pushed)
    }

    async fn swap(
        &self,
        next: Generation,
        module: &Module,
        before: Option<Module>,
        started: Instant,
    ) -> Result<Pushed, PushError> {
        let prepared = self.prepare(&next).await?;
        let prepare_ms = millis(started);
        let number = next.number();
        let (zones, pending) = self.apply(prepared, None, number).await;
        let live_ms = millis(started);
        let before_label = before.as_ref().map(|before| before.label().to_owned());
        {
            let mut live = self.live();
            live.generation = next;
            live.set.generation = number;
            let base = match live.set.modules.get(module.name()) {
                // Without a base the pack has no such module.
                Some(live) => live.base.clone(),
                None => before.as_ref().map(Module::digest),
            };
            live.set.modules.insert(module.name().to_owned(), LiveModule { digest: module.digest(), base });
        }
        Ok(Pushed {
            label: module.label().to_owned(),
            before: before_label,
            generation: number,
            zones,
            pending,
            prepare_ms,
            live_ms,
            unchanged: false,
        })
    }

    /// Instances for every zone, made on a thread for slow work.
    async fn prepare(&self, generation: &Generation) -> Result<Vec<Box<dyn ZoneRules>>, PushError> {
        let zones = self.zones.iter().count();
        let generation = generation.clone();
        let make = move || {
            (0..zones)
                .map(|_| ScriptRules::new(&generation).map(|rules| Box::new(rules) as Box<dyn ZoneRules>))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(blocking(make).await??)
    }

    /// Refuses a change that not all zones could take now, before anything was done for it. What
    /// comes after this only waits for zones, it no longer fails.
    fn zones_keep_up(&self, generation: u64) -> Result<(), PushError> {
        let behind = |zone: &ZoneHandle| {
            zone.stats.stalled.load(Relaxed) || zone.stats.generation.load(Relaxed) != generation
        };
        match self.zones.iter().find(|(_, zone)| behind(zone)) {
            Some((_, zone)) => Err(PushError::Zone(zone.name.to_string())),
            None => Ok(()),
        }
    }

    /// Hands every zone its instances and waits until all have swapped, but not for ever: a zone that
    /// is late takes them when it goes on.
    async fn apply(
        &self,
        prepared: Vec<Box<dyn ZoneRules>>,
        content: Option<Arc<Content>>,
        generation: u64,
    ) -> (Vec<SwappedZone>, Vec<String>) {
        let deadline = tokio::time::Instant::now() + SWAP_TIMEOUT;
        let mut waiting = Vec::new();
        for ((_, zone), rules) in self.zones.iter().zip(prepared) {
            let swapped = hand_over(zone.clone(), rules, content.clone(), generation);
            waiting.push((zone.name.to_string(), tokio::spawn(swapped)));
        }
        let (mut zones, mut pending) = (Vec::new(), Vec::new());
        for (zone, swapped) in waiting {
            match tokio::time::timeout_at(deadline, swapped).await {
                Ok(Ok(Some(tick))) => zones.push(SwappedZone { zone, tick }),
                _ => {
                    tracing::warn!(zone, generation, "the zone has not taken the new generation yet");
                    pending.push(zone);
                }
            }
        }
        (zones, pending)
    }

    async fn record(&self, action: &str, pushed: &Pushed, digest: &str, author: &Author) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let entry = HistoryEntry {
            at_ms: now.as_millis() as u64,
            generation: pushed.generation,
            action: action.to_owned(),
            label: pushed.label.clone(),
            digest: digest.to_owned(),
            before: pushed.before.clone(),
            who: author.who.clone(),
            why: author.why.clone(),
            live_ms: pushed.live_ms,
        };
        tracing::info!(
            action,
            label = pushed.label,
            generation = pushed.generation,
            live_ms = pushed.live_ms,
            who = author.who,
            "a new generation is live"
        );
        metrics::counter!("game_generation_swaps_total", "action" => action.to_owned()).increment(1);
        metrics::histogram!("game_push_to_live_seconds").record(pushed.live_ms / 1_000.0);
        let set = {
            let mut live = self.live();
            self.strikes.keep_only(&live.generation.modules().map(Module::label).collect());
            if live.history.len() == HISTORY {
                live.history.pop_front();
            }
            live.history.push_back(entry.clone());
            live.set.clone()
        };
        // It is live already; a full disk must not undo it, but the operator must know.
        let archive = Arc::clone(&self.archive);
        let written = blocking(move || archive.log(&entry).and_then(|()| archive.set_live(&set))).await;
        if let Err(error) = written.and_then(|written| Ok(written?)) {
            tracing::error!(%error, "what is live could not be written down: a restart would bring back the version before");
        }
    }
}

/// Gives a zone its instances, however long it takes; `None` if the zone has ended.
async fn hand_over(
    zone: ZoneHandle,
    rules: Box<dyn ZoneRules>,
    content: Option<Arc<Content>>,
    generation: u64,
) -> Option<u64> {
    let (applied, answer) = oneshot::channel();
    let mut message = Message::Swap(Box::new(Swap { rules, content, generation, applied }));
    while let Err((error, returned)) = zone.submit(message) {
        if error == InboxError::Gone {
            return None;
        }
        message = returned;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Applied { tick, old } = answer.await.ok()?;
    // Instances unmap megabytes; nobody waits for that.
    tokio::task::spawn_blocking(move || drop(old));
    Some(tick)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PushError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "the pipeline hit a defect");
        PushError::Defect
    })
}

fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}

fn millis(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
