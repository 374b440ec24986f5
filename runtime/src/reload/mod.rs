//! The reload pipeline: a candidate is checked and compiled off the tick, then every zone swaps
//! at a tick boundary; on any failure what was live stays live. What is live is watched, and the last
//! good version takes over from one that breaks a rule. Where there is none, what keeps failing rests.
//!
//! The life of a change is a pure state machine (`state`) over a record (`change`), with pure rules
//! (`rules`) and a pure picture of what runs where (`layout`). What drives it: `push`, `operate` and
//! `probation`; what is particular about content: `content`; what they move: `swap`; what outlives a restart:
//! `archive`, `history`, `calls` and `quarantine`, and for how long: `tidy`.
//!
//! What does not live here: running scripts (`host_api`), applying a swap (`zone`), HTTP (`admin`).

mod archive;
mod calls;
mod change;
mod check;
mod content;
mod history;
mod layout;
mod operate;
mod plan_content;
mod probation;
mod prove;
mod prove_content;
mod push;
mod quarantine;
mod rules;
mod state;
mod states;
mod strikes;
mod swap;
mod tidy;
mod verdict;
pub mod watch;

pub use archive::{Archive, ContentFiles, LiveContent, LiveModule, LiveSet};
pub use calls::{Calls, calls_loop, load_calls};
pub use change::{Breach, CONTENT, Change, Changes, Cost, Drift, Plan, Step, Subject, Watched};
pub use check::{Misfit, can_follow, fits, keeps_state, missing_content, out_of_scope};
pub use content::EarlierContent;
pub use history::HistoryEntry;
pub use layout::{Layout, Overlay};
pub use probation::probation_loop;
pub use prove::{ExportReport, Needs, Report};
pub use prove_content::{ContentReport, Proof};
pub use quarantine::Quarantine;
pub use state::{Event, Impossible, State};
pub use states::{StateExample, StateReport};
pub use strikes::{FailureRow, Strikes, strikes_loop};
pub use verdict::{Basis, Verdict};

use crate::server::Assembled;
use crate::store::{Store, StoreError};
use crate::zone::Zones;
use host_api::{Engine, Former, Generation, GenerationError, LoadError, Module, RulesError};
use layout::Earlier;
use serde::Serialize;
use sim::content::Content;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;

/// Entries of the history kept in memory; `reload.log` and the files put aside go back further.
const HISTORY: usize = 500;
/// Changes of changes that a slow listener may be behind.
const LISTENER_BACKLOG: usize = 1_024;
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
    #[error(
        "{label} was quarantined: {reason}; correct it and build it again: another build has another digest"
    )]
    Quarantined {
        /// Which.
        label: String,
        /// Why.
        reason: String,
    },
    /// There is nothing before the live module of this name that may run.
    #[error("there is no earlier version of `{0}` to go back to; push a good one")]
    NothingBefore(String),
    /// No module of this name is live.
    #[error("no script `{name}` is live{hint}; there are: {known}")]
    NotLive {
        /// As asked.
        name: String,
        /// A name that is close, as a question.
        hint: String,
        /// All names, and `content`.
        known: String,
    },
    /// It was taken out of the running world, and nothing came in its place.
    #[error("{0} rests: it kept failing, and there is no earlier version to go back to; push a repaired one")]
    Rests(String),
    /// What it was checked and proven against runs no longer.
    #[error("something else became live while {0} was proven; nothing was changed, push it again")]
    Overtaken(String),
    /// An instance could not be prepared.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A zone could not take it now, because the store does not answer or an earlier change is under
    /// way.
    #[error(
        "the zone {0} stands still or has not taken the change before; try again later, `lore status` shows how it does"
    )]
    Zone(String),
    /// The proof says no.
    #[error("the proof refuses {label}: {}; `lore plan` shows more, --skip-proof does without", why.join("; "))]
    Refused {
        /// Which.
        label: String,
        /// What it does wrong.
        why: Vec<String>,
    },
    /// There is nothing to compare it with: other questions are asked of it.
    #[error("{label} is of another kind than {live}; give it a name of its own")]
    OtherKind {
        /// Which.
        label: String,
        /// What is live under its name.
        live: String,
    },
    /// A canary in zones that are not there.
    #[error("there is no zone {asked}; there are: {known}; a share of them is 1% to 99%")]
    NoZone {
        /// As asked, each with a name that is close.
        asked: String,
        /// All names.
        known: String,
    },
    /// Content is one for all zones: characters take items and quests from one to another.
    #[error(
        "content cannot be tried in some zones only: characters carry items and quests between zones; push it with --hold, or to all"
    )]
    ContentCanary,
    /// What would be the other side of the canary is not trusted itself.
    #[error("{0} is still in its probation in all zones; wait until it is live, or roll it back first")]
    InProbation(String),
    /// State that its schema concerns cannot be migrated.
    #[error("{}; nothing was changed", why.join("; "))]
    State {
        /// By script: how many states, whose, and why.
        why: Vec<String>,
    },
    /// State that travels with characters cannot have another schema in some zones.
    #[error(
        "{0} has another state schema than the version before: characters carry quests and dialog flags between zones, so it cannot be tried in some only; push it with --hold, or to all"
    )]
    StateCanary(String),
    /// What is stored could not be looked at.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No change of this number.
    #[error("there is no change {0}; `lore changes` lists them")]
    NoChange(u64),
    /// It was pushed with --skip-proof, or its report is gone.
    #[error(
        "the change {0} has no proof: --skip-proof makes none, and old ones are dropped; `lore plan` makes one"
    )]
    NoProof(u64),
    /// It has gone another way.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// What was pushed could not be kept on disk.
    #[error(
        "the data folder cannot be written: {0}; make room or let the server write there, then push again"
    )]
    Archive(#[from] std::io::Error),
    /// A task of ours died.
    #[error("the pipeline hit a defect; the log of the server has more, report it")]
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

impl Author {
    /// Nobody: the pipeline itself.
    fn machine(why: String) -> Self {
        Self { who: "loreforge".to_owned(), why }
    }
}

/// A change that was taken.
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
    /// It is not asked: it kept failing and there is no earlier version, so that its fallbacks decide.
    pub resting: bool,
    /// The definitions that changed, one line each; of content only.
    pub rows: Vec<String>,
    /// Number of the change, if there is a record of it.
    pub change: Option<u64>,
    /// How far it has come.
    pub state: Option<State>,
    /// What its proof says, if there was one.
    pub proof: Option<Verdict>,
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
            resting: false,
            rows: Vec::new(),
            change: None,
            state: None,
            proof: None,
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
    layout: Layout,
    /// The generation each zone was given last, by its index.
    numbers: Vec<u64>,
    earlier: Earlier,
    /// Who is asked about state of schemas that are not live.
    former: Former,
    set: LiveSet,
    history: VecDeque<HistoryEntry>,
    /// What has run since the archive was tidied up.
    ran: tidy::Digests,
}

impl Live {
    /// Whether a digest may run.
    fn may_run(&self, digest: &str) -> bool {
        !self.set.quarantined.holds(digest)
    }

    /// Adds a line to the history that is kept in memory.
    fn remember(&mut self, entry: &HistoryEntry) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(entry.clone());
    }

    /// Lets a digest run no more.
    fn bar(&mut self, digest: String, why: String) {
        let set = &self.set;
        let mut reachable: BTreeSet<String> = self.layout.modules().map(Module::digest).collect();
        reachable.extend(set.earlier.values().flatten().cloned());
        reachable.extend(set.contents());
        reachable.extend(
            set.modules.values().flat_map(|live| [Some(live.digest.clone()), live.base.clone()]).flatten(),
        );
        self.set.quarantined.bar(digest, why, |digest| reachable.contains(digest));
    }
}

/// What a pipeline needs.
pub struct PipelineSetup {
    /// What loads modules.
    pub engine: Engine,
    /// Whom it changes.
    pub zones: Arc<Zones>,
    /// What it remembers.
    pub archive: Archive,
    /// Where characters are that are away.
    pub store: Store,
    /// What runs.
    pub assembled: Assembled,
    /// The definitions in force.
    pub content: Arc<Content>,
    /// Ticks for which a change is watched, unless its manifest asks for more.
    pub probation_ticks: u64,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// How long replay logs are kept.
    pub replay_keep: Duration,
}

/// The clonable front of the pipeline.
pub struct Pipeline {
    engine: Engine,
    zones: Arc<Zones>,
    archive: Arc<Archive>,
    store: Store,
    probation_ticks: u64,
    tick_ms: u32,
    replay_keep: Duration,
    /// Held by a push from its check to its end: they are judged one after the other. Nobody waits for it
    /// who holds `changing`.
    pushing: tokio::sync::Mutex<()>,
    /// Held while what runs changes and is written down. Not while a candidate is tried and proven, so
    /// that what fails in the running world is taken out meanwhile.
    changing: tokio::sync::Mutex<()>,
    live: Mutex<Live>,
    /// The live definitions, for those who wait for changes.
    content: tokio::sync::watch::Sender<Arc<Content>>,
    /// Every step of every change.
    steps: broadcast::Sender<Arc<Change>>,
    /// What the scripts of the running world have failed at.
    pub strikes: Strikes,
}

impl Pipeline {
    /// A pipeline for zones that run what was assembled.
    pub fn new(setup: PipelineSetup) -> Arc<Self> {
        let PipelineSetup {
            engine,
            zones,
            archive,
            store,
            assembled,
            content,
            probation_ticks,
            tick_ms,
            replay_keep,
        } = setup;
        let Assembled { layout, mut set, replaced, former, .. } = assembled;
        for change in set.changes.iter_mut().filter(|change| change.is_watched()) {
            for (_, zone) in zones.iter() {
                if let Some(seen) = change.watched.get_mut(&*zone.name) {
                    seen.count_from(zone.stats.tick.load(Relaxed) + 1);
                }
            }
        }
        let history = archive.recent(HISTORY).unwrap_or_else(|error| {
            tracing::warn!(%error, "the history of earlier runs cannot be read");
            VecDeque::new()
        });
        let mut earlier = Earlier::default();
        set.trusted.iter().for_each(|digest| earlier.trust(digest.clone()));
        replaced.into_iter().for_each(|module| earlier.remember(module));
        let numbers = zones.iter().map(|(_, zone)| zone.stats.generation.load(Relaxed)).collect();
        let ran = tidy::Digests::new();
        let live = Live { layout, numbers, earlier, former, set, history, ran };
        Arc::new(Self {
            engine,
            zones,
            archive: Arc::new(archive),
            store,
            probation_ticks,
            tick_ms,
            replay_keep,
            pushing: tokio::sync::Mutex::new(()),
            changing: tokio::sync::Mutex::new(()),
            live: Mutex::new(live),
            content: tokio::sync::watch::Sender::new(content),
            steps: broadcast::Sender::new(LISTENER_BACKLOG),
            strikes: Strikes::default(),
        })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The modules that are live in all zones but those that try another.
    pub fn generation(&self) -> Generation {
        self.live().layout.trunk.clone()
    }

    /// Milliseconds that a tick has.
    pub fn tick_ms(&self) -> u32 {
        self.tick_ms
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
        let owned = |(digest, why): (&str, &str)| (digest.to_owned(), why.to_owned());
        self.live().set.quarantined.iter().map(owned).collect()
    }

    /// Labels of the modules that rest in all zones but those that try another, and why.
    pub fn resting(&self) -> BTreeMap<String, String> {
        let live = self.live();
        let trunk = &live.layout.trunk;
        let why = |module: &Module| live.set.quarantined.why(&module.digest()).unwrap_or_default().to_owned();
        let resting = trunk.modules().filter(|module| trunk.rests(module));
        resting.map(|module| (module.label().to_owned(), why(module))).collect()
    }

    /// Changes, newest first.
    pub fn changes(&self) -> Vec<Change> {
        self.live().set.changes.iter().rev().cloned().collect()
    }

    /// The change of this number.
    pub fn change(&self, id: u64) -> Option<Change> {
        self.live().set.changes.find(id).cloned()
    }

    /// Told of every step of every change.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Change>> {
        self.steps.subscribe()
    }

    /// The change of this number when it is settled, or as it is after `patience`.
    pub async fn settled(&self, id: u64, patience: Duration) -> Option<Change> {
        let mut steps = self.listen();
        let settled = async {
            while !self.change(id)?.state.is_settled() {
                // Whether it was told or missed something: it is looked at anew.
                if let Err(broadcast::error::RecvError::Closed) = steps.recv().await {
                    break;
                }
            }
            self.change(id)
        };
        match tokio::time::timeout(patience, settled).await {
            Ok(change) => change,
            Err(_) => self.change(id),
        }
    }

    /// Lets something happen to a change and tells everybody.
    fn step(&self, id: u64, event: Event, author: &Author) -> Result<(), PushError> {
        let mut live = self.live();
        let change = live.set.changes.find_mut(id).ok_or(PushError::NoChange(id))?;
        change.take(event, author, now_ms())?;
        let change = Arc::new(change.clone());
        self.tell(&live, change);
        Ok(())
    }

    fn tell(&self, live: &Live, change: Arc<Change>) {
        let (state, last) = (change.state.name(), change.steps.last());
        let (who, why) = last.map_or(("", ""), |step| (&step.who, &step.why));
        tracing::info!(change = change.id, label = change.label, state, who, why, "a change goes on");
        metrics::counter!("reload_transitions_total", "state" => state).increment(1);
        for state in State::ALL.into_iter().filter(|state| !state.is_over()) {
            let here = live.set.changes.iter().filter(|change| change.state == state).count();
            metrics::gauge!("reload_changes", "state" => state.name()).set(here as f64);
        }
        // Nobody listening is no failure.
        let _ = self.steps.send(change);
    }

    /// Writes down what is live and how far the changes are, and a line for the history. What was done
    /// is done: a full disk must not undo it, but the operator must know.
    async fn save(&self, entry: Option<HistoryEntry>) {
        let set = {
            let mut live = self.live();
            let live = &mut *live;
            live.ran.extend(live.layout.modules().map(Module::digest));
            live.ran.insert(hex(self.content().digest));
            self.strikes.keep_only(&live.layout.modules().map(Module::label).collect());
            live.earlier.forget(&live.layout.trunk);
            live.set.trusted = live.earlier.trusted();
            live.set.remember(&live.former);
            live.set.earlier = live
                .set
                .modules
                .keys()
                .map(|script| (script.clone(), live.earlier.digests(script)))
                .collect();
            if let Some(entry) = &entry {
                live.remember(entry);
            }
            live.set.clone()
        };
        let archive = Arc::clone(&self.archive);
        let write = move || -> std::io::Result<()> {
            if let Some(entry) = &entry {
                archive.log(entry)?;
            }
            archive.set_live(&set)
        };
        if let Err(error) = blocking(write).await.and_then(|written| Ok(written?)) {
            tracing::error!(%error, "what is live could not be written down: a restart would bring back the version before");
        }
    }

    /// A line of the history about a change that swapped nothing.
    fn noted(&self, action: &str, id: u64, author: &Author) -> Option<HistoryEntry> {
        let live = self.live();
        let change = live.set.changes.find(id)?;
        Some(HistoryEntry {
            at_ms: now_ms(),
            generation: live.layout.trunk.number(),
            action: action.to_owned(),
            label: change.label.clone(),
            digest: change.digest.clone(),
            before: change.before.clone(),
            who: author.who.clone(),
            why: author.why.clone(),
            live_ms: 0.0,
        })
    }

    /// Writes down a swap.
    async fn record(&self, action: &str, pushed: &Pushed, digest: &str, author: &Author) {
        let entry = HistoryEntry {
            at_ms: now_ms(),
            generation: pushed.generation,
            action: action.to_owned(),
            label: pushed.label.clone(),
            digest: digest.to_owned(),
            before: pushed.before.clone(),
            who: author.who.clone(),
            why: author.why.clone(),
            live_ms: pushed.live_ms,
        };
        let (label, generation, live_ms) = (&pushed.label, pushed.generation, pushed.live_ms);
        tracing::info!(action, label, generation, live_ms, who = author.who, "a new generation is live");
        metrics::counter!("game_generation_swaps_total", "action" => action.to_owned()).increment(1);
        metrics::histogram!("game_push_to_live_seconds").record(live_ms / 1_000.0);
        self.save(Some(entry)).await;
    }
}

/// On a thread of its own, which zones and sockets go before.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PushError> {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("pipeline".to_owned());
    let spawned = thread.spawn(move || {
        host_api::give_way();
        // Who asked may have given up waiting.
        let _ = done.send(work());
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "the pipeline has no thread");
        return Err(PushError::Defect);
    }
    result.await.map_err(|_| {
        tracing::error!("the pipeline hit a defect");
        PushError::Defect
    })
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}

fn content_label(content: &Content) -> String {
    format!("content+{:08x}", content.digest >> 32)
}

fn millis(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
