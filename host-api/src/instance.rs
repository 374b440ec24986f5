//! One live component: its store, its limits while it runs, its log. Knows how to be called once;
//! what to do about a failure is decided in `call`.

use crate::api::Api;
use crate::bindings::log::Level;
use crate::bindings::{
    self, ability, chat, combat, dialog, economy, encounter, event, loot, migration, npc, progression, quest,
    types, zone,
};
use crate::bulk::{self, Replies};
use crate::convert::Hook;
use crate::engine::Engine;
use crate::epochs::{Clock, Running};
use crate::failure::{BadOutput, FailureKind, LogFlood, clip};
use crate::limits::{Allowance, Limits, MESSAGE_BYTES, ModuleLimits};
use crate::log_budget::LogBudget;
use crate::manifest::Kind;
use crate::older::{Older, OlderExports};
use std::time::Instant;
use wasmtime::component::Component;
use wasmtime::{ResourceLimiter, Store};

/// A linked component of known kind: what is left to do is cheap and cannot mismatch.
#[derive(Clone)]
pub(crate) enum Linked {
    Combat(combat::CombatScriptPre<ScriptState>),
    Ability(ability::AbilityScriptPre<ScriptState>),
    Npc(npc::NpcScriptPre<ScriptState>),
    Quest(quest::QuestScriptPre<ScriptState>),
    Dialog(dialog::DialogScriptPre<ScriptState>),
    Loot(loot::LootScriptPre<ScriptState>),
    Progression(progression::ProgressionScriptPre<ScriptState>),
    Economy(economy::EconomyScriptPre<ScriptState>),
    Encounter(encounter::EncounterScriptPre<ScriptState>),
    Older(Older),
    Chat(chat::ChatScriptPre<ScriptState>),
    Zone(zone::ZoneScriptPre<ScriptState>),
    Event(event::EventScriptPre<ScriptState>),
    StateOwner(migration::StateOwnerPre<ScriptState>),
}

/// The typed exports of one instance.
pub(crate) enum Exports {
    Combat(combat::CombatScript),
    Ability(ability::AbilityScript),
    Npc(npc::NpcScript),
    Quest(quest::QuestScript),
    Dialog(dialog::DialogScript),
    Loot(loot::LootScript),
    Progression(progression::ProgressionScript),
    Economy(economy::EconomyScript),
    Encounter(encounter::EncounterScript),
    Older(OlderExports),
    Chat(chat::ChatScript),
    Zone(zone::ZoneScript),
    Event(event::EventScript),
    StateOwner(migration::StateOwner),
}

impl Linked {
    /// Links a component against the host's imports and checks its exports.
    ///
    /// # Errors
    /// An import or export is missing or has another type than `wit/` says.
    pub(crate) fn new(
        engine: &Engine,
        kind: Kind,
        api: Api,
        component: &Component,
    ) -> wasmtime::Result<Self> {
        let pre = engine.linker().instantiate_pre(component)?;
        if api != Api::CURRENT {
            return Ok(Self::Older(Older::new(pre, kind, api)?));
        }
        Ok(match kind {
            Kind::Combat => Self::Combat(combat::CombatScriptPre::new(pre)?),
            Kind::Ability => Self::Ability(ability::AbilityScriptPre::new(pre)?),
            Kind::Npc => Self::Npc(npc::NpcScriptPre::new(pre)?),
            Kind::Quest => Self::Quest(quest::QuestScriptPre::new(pre)?),
            Kind::Dialog => Self::Dialog(dialog::DialogScriptPre::new(pre)?),
            Kind::Chat => Self::Chat(chat::ChatScriptPre::new(pre)?),
            Kind::Zone => Self::Zone(zone::ZoneScriptPre::new(pre)?),
            Kind::Loot => Self::Loot(loot::LootScriptPre::new(pre)?),
            Kind::Progression => Self::Progression(progression::ProgressionScriptPre::new(pre)?),
            Kind::Economy => Self::Economy(economy::EconomyScriptPre::new(pre)?),
            Kind::Encounter => Self::Encounter(encounter::EncounterScriptPre::new(pre)?),
            Kind::Event => Self::Event(event::EventScriptPre::new(pre)?),
        })
    }

    /// The same for what any kind may export beside its own interface: `migration`.
    ///
    /// # Errors
    /// As for [`Linked::new`].
    pub(crate) fn state_owner(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let pre = engine.linker().instantiate_pre(component)?;
        Ok(Self::StateOwner(migration::StateOwnerPre::new(pre)?))
    }

    fn instantiate(&self, store: &mut Store<ScriptState>) -> wasmtime::Result<Exports> {
        Ok(match self {
            Self::Combat(pre) => Exports::Combat(pre.instantiate(store)?),
            Self::Ability(pre) => Exports::Ability(pre.instantiate(store)?),
            Self::Npc(pre) => Exports::Npc(pre.instantiate(store)?),
            Self::Quest(pre) => Exports::Quest(pre.instantiate(store)?),
            Self::Dialog(pre) => Exports::Dialog(pre.instantiate(store)?),
            Self::Loot(pre) => Exports::Loot(pre.instantiate(store)?),
            Self::Progression(pre) => Exports::Progression(pre.instantiate(store)?),
            Self::Economy(pre) => Exports::Economy(pre.instantiate(store)?),
            Self::Encounter(pre) => Exports::Encounter(pre.instantiate(store)?),
            Self::Older(older) => Exports::Older(older.instantiate(store)?),
            Self::Chat(pre) => Exports::Chat(pre.instantiate(store)?),
            Self::Zone(pre) => Exports::Zone(pre.instantiate(store)?),
            Self::Event(pre) => Exports::Event(pre.instantiate(store)?),
            Self::StateOwner(pre) => Exports::StateOwner(pre.instantiate(store)?),
        })
    }
}

/// What a call has cost, successful or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) fuel: u64,
    pub(crate) time_ns: u64,
    pub(crate) log_lines: u64,
    pub(crate) log_dropped: u64,
}

/// A store under limits with what `instantiate` makes in it.
///
/// # Errors
/// The start function failed, or the component needs more memory or tables than it may have.
pub(crate) fn prepare<T>(
    engine: &Engine,
    own: &ModuleLimits,
    instantiate: impl FnOnce(&mut Store<ScriptState>) -> wasmtime::Result<T>,
) -> Result<(Store<ScriptState>, T), FailureKind> {
    let limits = engine.limits();
    let mut store = Store::new(engine.wasmtime(), ScriptState::new(engine.clock(), limits, own));
    store.limiter(|state| &mut state.space);
    store.set_hostcall_fuel(limits.output_bytes);
    let _running = engine.clock().watch();
    store.set_epoch_deadline(limits.deadline_load_epochs);
    let made = store.set_fuel(limits.fuel_instantiate).and_then(|()| instantiate(&mut store));
    match made {
        Ok(made) => Ok((store, made)),
        Err(error) => Err(match store.data().failure(&error) {
            FailureKind::BadOutput(BadOutput::Encoding(message)) => FailureKind::Instantiate { message },
            kind => kind,
        }),
    }
}

/// Readies a store for a call; the clock runs until it is over, when what this returns is dropped.
///
/// # Errors
/// Its engine does not count fuel.
pub(crate) fn admit(store: &mut Store<ScriptState>, allowed: &Allowance) -> wasmtime::Result<Running> {
    store.data_mut().begin(allowed.log_lines);
    let running = store.data().clock.watch();
    store.set_epoch_deadline(allowed.deadline_epochs);
    store.set_hostcall_fuel(allowed.output_bytes);
    store.set_fuel(allowed.fuel)?;
    Ok(running)
}

/// A component in its own store. Dead after a failed call: wasmtime refuses to enter it again.
pub(crate) struct Instance {
    store: Store<ScriptState>,
    exports: Exports,
}

impl Instance {
    /// Instantiates under limits.
    ///
    /// # Errors
    /// The start function failed, or the component needs more memory or tables than it may have.
    pub(crate) fn new(engine: &Engine, linked: &Linked, own: &ModuleLimits) -> Result<Self, FailureKind> {
        let (store, exports) = prepare(engine, own, |store| linked.instantiate(store))?;
        Ok(Self { store, exports })
    }

    /// Calls one export with one batch. Unless it is `clocked` the time of its cost is 0: reading the clock twice
    /// is a good part of what a call about one view takes.
    pub(crate) fn call<H: Hook>(
        &mut self,
        ctx: types::Context,
        views: &[H::View],
        allowed: Allowance,
        clocked: bool,
    ) -> (Result<Replies<H>, FailureKind>, Cost) {
        self.run_since(clocked.then(Instant::now), allowed, |exports, store| match exports {
            Exports::Older(older) => {
                let views: Vec<H::Wire> = views.iter().map(H::lower).collect();
                Ok(H::call_older(older.function(H::EXPORT), store, ctx, &views)?.into())
            }
            exports => bulk::ask::<H>(H::function(exports), store, ctx, views),
        })
    }

    /// The same with records of the interface in place of views.
    pub(crate) fn call_written<H: Hook>(
        &mut self,
        ctx: types::Context,
        records: &[H::Wire],
        allowed: Allowance,
        clocked: bool,
    ) -> (Result<Replies<H>, FailureKind>, Cost) {
        self.run_since(clocked.then(Instant::now), allowed, |exports, store| match exports {
            Exports::Older(older) => {
                Ok(H::call_older(older.function(H::EXPORT), store, ctx, records)?.into())
            }
            exports => bulk::ask_written::<H>(H::function(exports), store, ctx, records),
        })
    }

    /// Runs one call under its limits.
    pub(crate) fn run<R>(
        &mut self,
        allowed: Allowance,
        call: impl FnOnce(&Exports, &mut Store<ScriptState>) -> wasmtime::Result<R>,
    ) -> (Result<R, FailureKind>, Cost) {
        self.run_since(Some(Instant::now()), allowed, call)
    }

    fn run_since<R>(
        &mut self,
        start: Option<Instant>,
        allowed: Allowance,
        call: impl FnOnce(&Exports, &mut Store<ScriptState>) -> wasmtime::Result<R>,
    ) -> (Result<R, FailureKind>, Cost) {
        let outcome = admit(&mut self.store, &allowed)
            .and_then(|_running| call(&self.exports, &mut self.store))
            .map_err(|error| self.store.data().failure(&error));
        let log = &self.store.data().log;
        let fuel = allowed.fuel.saturating_sub(self.store.get_fuel().unwrap_or(0));
        let cost = Cost {
            fuel,
            time_ns: start.map_or(0, |start| u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)),
            log_lines: log.lines.len() as u64,
            log_dropped: log.dropped,
        };
        (outcome, cost)
    }

    /// Hands the lines of the last call to the log of the server, as far as `budget` allows; how many it
    /// did not.
    pub(crate) fn publish_log(&mut self, module: &str, export: &str, tick: u64, budget: &LogBudget) -> u64 {
        let log = &mut self.store.data_mut().log;
        let mut withheld = 0;
        for (level, line) in log.lines.drain(..) {
            // What nobody listens to takes no room from what somebody does.
            if !is_heard(level) {
                continue;
            }
            if !budget.take() {
                withheld += 1;
                continue;
            }
            match level {
                Level::Debug => tracing::debug!(target: "script", module, export, tick, "{line}"),
                Level::Info => tracing::info!(target: "script", module, export, tick, "{line}"),
                Level::Warn => tracing::warn!(target: "script", module, export, tick, "{line}"),
                Level::Error => tracing::error!(target: "script", module, export, tick, "{line}"),
            }
        }
        if log.dropped > 0 && budget.take() {
            let dropped = log.dropped;
            tracing::warn!(target: "script", module, export, tick, dropped, "log lines over the limit");
        }
        withheld
    }
}

fn is_heard(level: Level) -> bool {
    match level {
        Level::Debug => tracing::enabled!(target: "script", tracing::Level::DEBUG),
        Level::Info => tracing::enabled!(target: "script", tracing::Level::INFO),
        Level::Warn => tracing::enabled!(target: "script", tracing::Level::WARN),
        Level::Error => tracing::enabled!(target: "script", tracing::Level::ERROR),
    }
}

/// What a store carries for its script.
pub(crate) struct ScriptState {
    clock: Clock,
    space: Space,
    log: Log,
}

impl ScriptState {
    fn new(clock: Clock, limits: &Limits, own: &ModuleLimits) -> Self {
        Self {
            clock,
            space: Space {
                memory_limit: own.memory_bytes,
                table_limit: limits.table_elements,
                core_instances: limits.core_instances,
                memory_bytes: 0,
                refused: None,
            },
            log: Log {
                lines: Vec::new(),
                dropped: 0,
                bytes: 0,
                lines_written: limits.log_lines_written.into(),
                bytes_written: limits.log_bytes_written as u64,
                line_limit: limits.log_lines as usize,
                byte_limit: limits.log_line_bytes.min(2 * MESSAGE_BYTES),
            },
        }
    }

    /// Forgets the call before; the next one may write so many log lines.
    fn begin(&mut self, log_lines: usize) {
        self.space.refused = None;
        self.log.lines.clear();
        self.log.line_limit = log_lines;
        self.log.dropped = 0;
        self.log.bytes = 0;
    }

    /// The lines of the last call.
    pub(crate) fn take_log(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.log.lines)
    }

    /// What went wrong in the last call.
    pub(crate) fn failure(&self, error: &wasmtime::Error) -> FailureKind {
        FailureKind::of(error, self.space.refused, self.space.memory_limit).explained(self.log.last_error())
    }
}

/// The lines of one call.
struct Log {
    lines: Vec<(Level, String)>,
    dropped: u64,
    /// Of all lines, the dropped ones too.
    bytes: u64,
    /// Beyond these it is a flood.
    lines_written: u64,
    bytes_written: u64,
    line_limit: usize,
    byte_limit: usize,
}

impl Log {
    /// The last line, if it is of an error: panics, thrown values and failed checks write one before they
    /// trap.
    fn last_error(&self) -> Option<&str> {
        self.lines.last().filter(|(level, _)| *level == Level::Error).map(|(_, line)| line.as_str())
    }
}

impl bindings::log::Host for ScriptState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let log = &mut self.log;
        if log.lines.len() < log.line_limit {
            log.lines.push((level, clip(&message, log.byte_limit).to_owned()));
        } else {
            log.dropped += 1;
        }
        log.bytes += message.len() as u64;
        let (lines, bytes) = (log.lines.len() as u64 + log.dropped, log.bytes);
        if lines > log.lines_written || bytes > log.bytes_written {
            return Err(LogFlood { lines, bytes }.into());
        }
        Ok(())
    }
}

/// How much room the instances of one store take, and what was refused.
struct Space {
    memory_limit: usize,
    table_limit: usize,
    core_instances: usize,
    /// Of all memories of the store.
    memory_bytes: usize,
    /// Size the script's memory would have had, if it asked for too much in this call.
    refused: Option<u64>,
}

impl ResourceLimiter for Space {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused = Some(total as u64);
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_limit)
    }

    fn instances(&self) -> usize {
        self.core_instances
    }

    fn tables(&self) -> usize {
        self.core_instances
    }

    fn memories(&self) -> usize {
        self.core_instances
    }
}
