//! State that another version of a script has written: `migration` in `wit/`. Which module is asked,
//! under which limits, and what its answers must satisfy.
//!
//! What does not live here: where the state is kept (`sim::state`) and what a failed migration means
//! for a push (`runtime`).

use crate::bindings::migration::exports::lore::script::migration as wit;
use crate::engine::Engine;
use crate::failure::{BadOutput, FailureKind, clip};
use crate::generation::Generation;
use crate::instance::{Exports, Instance, Linked, ScriptState};
use crate::limits::{CallLimits, MESSAGE_BYTES, MigrationLimits, ModuleLimits};
use crate::module::Module;
use sim::DefId;
use sim::input::QuestProgress;
use sim::state::{Migrated, OldState, Schemas, StateValue};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::Component;

/// The interface, without its version.
const INTERFACE: &str = "lore:script/migration@";
/// States in one call at most: a tick's worth of fuel, unless each may have more.
const BATCH: usize = 256;
/// States that are asked about alone, after a batch failed, to find out which of them it fails on; each
/// takes an instance of its own.
const SUSPECTS: usize = 512;
/// Schemas of one script for which a module is remembered, the newest ones: what is older has long been
/// migrated, or its character does not come back.
const SCHEMAS: usize = 8;

/// What a module knows about state of other schemas.
pub(crate) struct Migration {
    linked: Linked,
    schema: u32,
}

/// From an older schema to the module's own, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From this one.
    Migrate(u32),
    /// To this one.
    Revert(u32),
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Migrate(_) => "migration.migrate",
            Self::Revert(_) => "migration.revert",
        }
    }

    fn limits(self, of: &MigrationLimits) -> &CallLimits {
        match self {
            Self::Migrate(_) => &of.migrate,
            Self::Revert(_) => &of.revert,
        }
    }
}

/// Why the interface is there and cannot be used.
pub(crate) enum Unusable {
    /// It has another shape.
    Shape(wasmtime::Error),
    /// A function of it fails without a state.
    Fails(&'static str, FailureKind),
}

impl Migration {
    /// Looks for the interface, and asks for the schema and about no states.
    ///
    /// # Errors
    /// It is there, but with another shape, or it fails.
    pub(crate) fn load(
        engine: &Engine,
        component: &Component,
        limits: &ModuleLimits,
    ) -> Result<Option<Self>, Unusable> {
        let exported = component.component_type();
        if !exported.exports(engine.wasmtime()).any(|(name, _)| name.starts_with(INTERFACE)) {
            return Ok(None);
        }
        let linked = Linked::state_owner(engine, component).map_err(Unusable::Shape)?;
        let fails = |function| move |failure| Unusable::Fails(function, failure);
        let allowed = |call: &CallLimits| engine.limits().allowance(call, 1);
        let mut instance = Instance::new(engine, &linked, limits).map_err(fails("migration.schema"))?;
        let (schema, _) = instance
            .run(allowed(&limits.migration.schema), |exports, store| owner(exports).call_schema(store));
        let schema = schema.map_err(fails("migration.schema"))?;
        for way in [Way::Migrate(0), Way::Revert(0)] {
            let allowed = allowed(way.limits(&limits.migration));
            let (answers, _) = instance.run(allowed, |exports, store| call(exports, store, way, &[]));
            let answers = answers.map_err(fails(way.name()))?;
            if !answers.is_empty() {
                let wrong = BadOutput::Length { views: 0, answers: answers.len() };
                return Err(fails(way.name())(FailureKind::BadOutput(wrong)));
            }
        }
        Ok(Some(Self { linked, schema }))
    }
}

fn owner(exports: &Exports) -> &wit::Guest {
    match exports {
        Exports::StateOwner(script) => script.lore_script_migration(),
        _ => unreachable!("a migration is asked of an instance that was linked for it"),
    }
}

type Answers = Vec<Result<wit::State, String>>;

fn call(
    exports: &Exports,
    store: &mut Store<ScriptState>,
    way: Way,
    states: &[wit::State],
) -> wasmtime::Result<Answers> {
    match way {
        Way::Migrate(from) => owner(exports).call_migrate(store, from, states),
        Way::Revert(to) => owner(exports).call_revert(store, to, states),
    }
}

impl Module {
    /// The schema of its state; 0 for a script that says nothing about it.
    pub fn schema(&self) -> u32 {
        self.migration().map_or(0, |migration| migration.schema)
    }

    /// What `next` would read of states that this module has written, if it took its place: one answer each,
    /// or why there is none, with file and line.
    pub(crate) fn hand_over(&self, next: &Self, states: &[StateValue]) -> Vec<Result<StateValue, String>> {
        let (from, to) = (self.schema(), next.schema());
        let states: Vec<&StateValue> = states.iter().collect();
        match from.cmp(&to) {
            Ordering::Less => next.ask_about(Way::Migrate(from), &states, true),
            Ordering::Equal => states.into_iter().cloned().map(Ok).collect(),
            Ordering::Greater => self.ask_about(Way::Revert(to), &states, true),
        }
    }

    /// What this module reads of states that a version with an older schema has written: one answer each, or why
    /// there is none.
    pub(crate) fn bring_up(&self, from: u32, states: &[StateValue]) -> Vec<Result<StateValue, String>> {
        self.ask_about(Way::Migrate(from), &states.iter().collect::<Vec<_>>(), true)
    }

    /// Asks about states, in as many calls as that takes, and after a failed call about each alone: one
    /// answer each, or why there is none.
    fn ask_about(&self, way: Way, states: &[&StateValue], locate: bool) -> Vec<Result<StateValue, String>> {
        let mut answers = Vec::with_capacity(states.len());
        let mut suspects = SUSPECTS;
        let batch = self.engine().limits().batch(way.limits(&self.limits().migration));
        for batch in states.chunks(batch.min(BATCH)) {
            match self.ask_at_once(way, batch) {
                Ok(some) => answers.extend(some),
                Err(_) if batch.len() > 1 && suspects >= batch.len() => {
                    suspects -= batch.len();
                    answers.extend(batch.iter().map(|state| {
                        let alone = self.ask_at_once(way, &[*state]);
                        alone.map_err(|failure| self.told(way, failure, locate)).and_then(|mut one| {
                            one.pop().unwrap_or_else(|| Err("it was not answered".to_owned()))
                        })
                    }));
                }
                Err(failure) => {
                    let why = self.told(way, failure, locate);
                    answers.extend(batch.iter().map(|_| Err(why.clone())));
                }
            }
        }
        answers
    }

    fn told(&self, way: Way, mut failure: FailureKind, locate: bool) -> String {
        if locate {
            self.locate(&mut failure);
        }
        format!("{} {failure}", way.name())
    }

    fn ask_at_once(
        &self,
        way: Way,
        states: &[&StateValue],
    ) -> Result<Vec<Result<StateValue, String>>, FailureKind> {
        let Some(migration) = self.migration() else { return Err(FailureKind::NoModule) };
        let wire: Vec<wit::State> = states.iter().map(|state| lower(state)).collect();
        let mut instance = self.instance_of(&migration.linked)?;
        let allowed = self.engine().limits().allowance(way.limits(&self.limits().migration), wire.len());
        let (answers, _) = instance.run(allowed, |exports, store| call(exports, store, way, &wire));
        instance.publish_log(self.label(), way.name(), 0, self.log_budget());
        let answers = answers?;
        if answers.len() != states.len() {
            let (views, answers) = (states.len(), answers.len());
            return Err(FailureKind::BadOutput(BadOutput::Length { views, answers }));
        }
        Ok(states.iter().zip(answers).map(|(state, answer)| lift(state, answer)).collect())
    }
}

fn lower(state: &StateValue) -> wit::State {
    match state {
        StateValue::Quest { quest, progress } => wit::State::Quest(wit::QuestProgress {
            quest: quest.0,
            state: progress.state.into(),
            done: progress.done.clone(),
            memory: progress.memory,
        }),
        StateValue::Npc { template, memory } => {
            wit::State::Npc(wit::NpcMemory { template: template.0, memory: *memory })
        }
        StateValue::Dialog { dialog, flags, node } => {
            wit::State::Dialog(wit::DialogProgress { dialog: dialog.0, flags: *flags, node: node.0 })
        }
        StateValue::Encounter { encounter, phase, memory } => {
            let (encounter, phase, memory) = (encounter.0, *phase, *memory);
            wit::State::Encounter(wit::EncounterState { encounter, phase, memory })
        }
    }
}

/// The answer, if it is one about this state.
fn lift(asked: &StateValue, answer: Result<wit::State, String>) -> Result<StateValue, String> {
    let answer = answer.map_err(|why| clip(&why, MESSAGE_BYTES).to_owned())?;
    match (asked, answer) {
        (StateValue::Quest { quest, progress }, wit::State::Quest(now)) if now.quest == quest.0 => {
            if now.done.len() != progress.done.len() {
                let (have, want) = (now.done.len(), progress.done.len());
                return Err(format!("{have} counts of done objectives, {want} expected"));
            }
            let progress = QuestProgress { state: now.state.into(), done: now.done, memory: now.memory };
            Ok(StateValue::Quest { quest: *quest, progress })
        }
        (StateValue::Npc { template, .. }, wit::State::Npc(now)) if now.template == template.0 => {
            Ok(StateValue::Npc { template: *template, memory: now.memory })
        }
        (StateValue::Dialog { dialog, .. }, wit::State::Dialog(now)) if now.dialog == dialog.0 => {
            Ok(StateValue::Dialog { dialog: *dialog, flags: now.flags, node: DefId(now.node) })
        }
        (StateValue::Encounter { encounter, .. }, wit::State::Encounter(now))
            if now.encounter == encounter.0 =>
        {
            Ok(StateValue::Encounter { encounter: *encounter, phase: now.phase, memory: now.memory })
        }
        _ => Err("an answer about something else than was asked".to_owned()),
    }
}

/// Modules that have written state in a schema: who is asked when that state has to go back. One per
/// script and schema. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Former(Arc<BTreeMap<(DefId, u32), Module>>);

impl Former {
    /// With this module as the one that knows its schema; a module without one has nothing to add.
    #[must_use]
    pub fn with(&self, module: &Module) -> Self {
        let mut known = BTreeMap::clone(&self.0);
        if module.schema() > 0 {
            known.insert((module.script(), module.schema()), module.clone());
        }
        let mine = |(script, _): &&(DefId, u32)| *script == module.script();
        if known.keys().filter(mine).count() > SCHEMAS
            && let Some(oldest) = known.keys().find(mine).copied()
        {
            known.remove(&oldest);
        }
        Self(Arc::new(known))
    }

    /// All of them.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.0.values()
    }

    fn module(&self, script: DefId, schema: u32) -> Option<&Module> {
        self.0.get(&(script, schema))
    }
}

impl Generation {
    /// The schemas its scripts read and write; those without one are left out.
    pub fn schemas(&self) -> Schemas {
        let stateful = self.modules().filter(|module| module.schema() > 0);
        stateful.map(|module| (module.script(), module.schema())).collect()
    }

    /// Asks for states in the schemas of this generation: its own modules about older ones, the modules of
    /// `former` about newer ones. One answer each, in order; those that need none are left out.
    pub fn migrate(&self, former: &Former, old: &[OldState]) -> Vec<Migrated> {
        self.migrate_as(former, old, false)
    }

    /// The same for a trial: failures say file and line, which takes milliseconds each.
    pub fn try_to_migrate(&self, former: &Former, old: &[OldState]) -> Vec<Migrated> {
        self.migrate_as(former, old, true)
    }

    fn migrate_as(&self, former: &Former, old: &[OldState], locate: bool) -> Vec<Migrated> {
        let mut groups: BTreeMap<(DefId, u32), Vec<usize>> = BTreeMap::new();
        for (index, state) in old.iter().enumerate() {
            groups.entry((state.script, state.from)).or_default().push(index);
        }
        let mut answers = BTreeMap::new();
        for ((script, from), indices) in groups {
            let live = self.modules().find(|module| module.script() == script);
            let to = live.map_or(0, Module::schema);
            if from == to {
                continue;
            }
            let (asked, way) = match from < to {
                true => (live, Way::Migrate(from)),
                false => (former.module(script, from), Way::Revert(to)),
            };
            let states: Vec<&StateValue> = indices.iter().map(|index| &old[*index].value).collect();
            let found = match asked {
                Some(module) => module.ask_about(way, &states, locate),
                None => {
                    let unknown = format!(
                        "no module is known any more that writes schema {from}; push a version of that schema or a later one"
                    );
                    vec![Err(unknown); states.len()]
                }
            };
            answers.extend(indices.into_iter().zip(found.into_iter().map(|answer| (to, answer))));
        }
        let migrated = answers.into_iter().map(|(index, (to, after))| {
            let OldState { key, script, from, value } = &old[index];
            Migrated { key: *key, script: *script, from: *from, to, before: value.clone(), after }
        });
        migrated.collect()
    }
}
