//! State when a change brings another schema: all that the zones hold and what is stored is migrated on a
//! copy, off the tick, before anything depends on it.

use super::layout::Layout;
use super::{Pipeline, PushError, blocking};
use crate::zone::{Message, ZoneIndex, owner};
use host_api::{Former, Generation, Module};
use serde::{Deserialize, Serialize};
use sim::DefId;
use sim::content::Content;
use sim::state::{Migrated, OldState, Schemas, StateKey, StateValue};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long zones may take to hand over what they hold.
const PATIENCE: Duration = Duration::from_secs(2);
/// States at rest that are tried, of the newest characters; the others are migrated when theirs enters.
const STORED: usize = 2_000;
/// Errors and examples shown; the others are only counted.
const SHOWN: usize = 10;

/// What becomes of the state of one script.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StateReport {
    /// Name of the script.
    pub script: String,
    /// The schema it has.
    pub from: u32,
    /// The schema it gets.
    pub to: u32,
    /// States that zones hold.
    pub live: u64,
    /// Of them, those that get back what they were, because nobody has touched them since.
    pub restored: u64,
    /// States of characters that are away, in another schema than the new one.
    pub stored: u64,
    /// States that were migrated on a copy, in zones and at rest.
    pub tried: u64,
    /// Of them, those whose values change.
    pub changed: u64,
    /// Of them, those that could not be migrated.
    pub failed: u64,
    /// The first of these: whose they are, and why.
    pub errors: Vec<String>,
    /// The values that change most.
    pub examples: Vec<StateExample>,
}

/// A state before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateExample {
    /// Whose.
    pub owner: String,
    /// How far the two are apart.
    pub distance: u64,
    /// As it is.
    pub before: String,
    /// As it will be.
    pub after: String,
}

/// Everything was migrated on a copy.
#[derive(Default)]
pub(super) struct Trial {
    pub reports: Vec<StateReport>,
    /// Answers for what each zone holds.
    pub prepared: BTreeMap<ZoneIndex, Vec<Migrated>>,
}

impl Trial {
    /// Whether all of it could be migrated.
    pub(super) fn check(&self) -> Result<(), PushError> {
        let why = self.why();
        if why.is_empty() { Ok(()) } else { Err(PushError::State { why }) }
    }

    /// What could not be migrated, one line for each script and its first errors.
    pub(super) fn why(&self) -> Vec<String> {
        let failed = self.reports.iter().filter(|report| report.failed > 0);
        let lines = failed.map(|report| {
            let StateReport { script, from, to, failed, tried, errors, .. } = report;
            let errors = errors.join("; ");
            format!("{script}: {failed} of {tried} states cannot go from schema {from} to {to}: {errors}")
        });
        lines.collect()
    }
}

impl Pipeline {
    /// Migrates what the zones of a swap hold, and what is stored, on a copy.
    ///
    /// # Errors
    /// A zone or the store does not answer. What cannot be migrated stands in the reports.
    pub(super) async fn try_states(
        &self,
        changing: &[(ZoneIndex, Generation)],
        former: &Former,
    ) -> Result<Trial, PushError> {
        let (mut trial, mut asked) = (Trial::default(), Vec::new());
        let mut turns: BTreeMap<String, (Module, u32, u32)> = BTreeMap::new();
        for (index, generation) in changing {
            let zone = self.zones.handle(*index);
            let (layout, number) = {
                let live = self.live();
                (live.layout.clone(), live.set.generation)
            };
            let found = schema_changes(&layout.of(&zone.name, number)?, generation);
            if found.is_empty() {
                continue;
            }
            turns.extend(found.into_iter().map(|(module, from)| {
                let (name, to) = (module.name().to_owned(), module.schema());
                (name, (module, from, to))
            }));
            let (answer, states) = oneshot::channel();
            let message = Message::States { schemas: generation.schemas(), answer };
            let unready = || PushError::Zone(zone.name.to_string());
            zone.submit(message).map_err(|_| unready())?;
            asked.push((*index, generation.clone(), states));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let (content, mut live) = (self.content(), BTreeSet::new());
        for (index, generation, states) in asked {
            let unready = || PushError::Zone(self.zones.handle(index).name.to_string());
            let states = tokio::time::timeout_at(deadline, states).await;
            let states = states.ok().and_then(Result::ok).ok_or_else(unready)?;
            live.extend(states.iter().map(|state| state.key));
            let former = former.clone();
            let work = move || (generation.try_to_migrate(&former, &states), states);
            let (migrated, states) = blocking(work).await?;
            for (name, (module, from, to)) in &turns {
                let report = report_of(&mut trial.reports, name, *from, *to);
                report.add(&states, &migrated, module.script(), &content, true);
            }
            trial.prepared.insert(index, migrated);
        }
        let Some((_, generation)) = changing.first() else { return Ok(trial) };
        for (name, (module, from, to)) in turns {
            let stored = self.stored(&module, to, &content).await?;
            let report = report_of(&mut trial.reports, &name, from, to);
            report.stored = stored.count;
            let mut states = stored.newest;
            states.retain(|state| !live.contains(&state.key));
            let (generation, former) = (generation.clone(), former.clone());
            let work = move || (generation.try_to_migrate(&former, &states), states);
            let (migrated, states) = blocking(work).await?;
            report.add(&states, &migrated, module.script(), &content, false);
        }
        Ok(trial)
    }

    async fn stored(
        &self,
        module: &Module,
        schema: u32,
        content: &Content,
    ) -> Result<crate::store::StoredStates, PushError> {
        let script = module.script();
        let quests = content.quests.values().filter(|quest| quest.script == script);
        let quests: Vec<String> = quests.map(|quest| quest.name.clone()).collect();
        let dialogs = content.dialogs.values().filter(|dialog| dialog.script == script);
        let dialogs: Vec<String> = dialogs.map(|dialog| dialog.name.clone()).collect();
        Ok(self.store.states_to_migrate(script, schema, &quests, &dialogs, STORED).await?)
    }

    /// What a module would do with the state of the one whose place it takes.
    pub(super) async fn plan_states(&self, module: &Module) -> Result<Trial, PushError> {
        let (number, former) = (self.next_number(), self.live().former.with(module));
        let layout = self.live().layout.with_trunk(number, module.clone())?;
        let changing = self.changing_to(&layout, number)?;
        self.try_states(&changing, &former).await
    }

    /// Every zone with what it would run.
    fn changing_to(&self, layout: &Layout, number: u64) -> Result<Vec<(ZoneIndex, Generation)>, PushError> {
        let zones = self.zones.iter().map(|(index, zone)| Ok((index, layout.of(&zone.name, number)?)));
        zones.collect()
    }

    /// From now on this module may have written state: it is who knows it, also after a crash.
    pub(super) fn may_write(&self, module: &Module) {
        let mut live = self.live();
        live.former = live.former.with(module);
    }
}

/// Modules of `new` whose schema is another one than that of `old`, with the schema there.
fn schema_changes(old: &Generation, new: &Generation) -> Vec<(Module, u32)> {
    let before: Schemas = old.schemas();
    let schema = |script: DefId| before.get(&script).copied().unwrap_or(0);
    let changed = new.modules().filter(|module| module.schema() != schema(module.script()));
    changed.map(|module| (module.clone(), schema(module.script()))).collect()
}

fn report_of<'a>(all: &'a mut Vec<StateReport>, script: &str, from: u32, to: u32) -> &'a mut StateReport {
    let index = all.iter().position(|report| report.script == script).unwrap_or_else(|| {
        all.push(StateReport { script: script.to_owned(), from, to, ..StateReport::default() });
        all.len() - 1
    });
    &mut all[index]
}

impl StateReport {
    fn add(&mut self, old: &[OldState], migrated: &[Migrated], script: DefId, content: &Content, live: bool) {
        let mine = old.iter().filter(|state| state.script == script);
        self.restored += mine.clone().filter(|state| state.from == self.to).count() as u64;
        if live {
            self.live += mine.count() as u64;
        }
        for one in migrated.iter().filter(|one| one.script == script) {
            self.tried += 1;
            match &one.after {
                Err(why) => {
                    self.failed += 1;
                    if self.errors.len() < SHOWN {
                        self.errors.push(format!("{}: {why}", named_owner(one.key, content)));
                    }
                }
                Ok(after) => {
                    let distance = distance(&one.before, after);
                    self.changed += u64::from(distance > 0);
                    let at = self.examples.partition_point(|kept| kept.distance >= distance);
                    if distance > 0 && at < SHOWN {
                        self.examples.truncate(SHOWN - 1);
                        let owner = named_owner(one.key, content);
                        let (before, after) = (shown(&one.before), shown(after));
                        self.examples.insert(at, StateExample { owner, distance, before, after });
                    }
                }
            }
        }
    }
}

/// Whose state, with the names of the content.
fn named_owner(key: StateKey, content: &Content) -> String {
    let quest = |id| content.quests.get(&id).map(|quest| &quest.name);
    let dialog = |id| content.dialogs.get(&id).map(|dialog| &dialog.name);
    match key {
        StateKey::Quest { character, quest: id } => match quest(id) {
            Some(name) => format!("character {character}, quest/{name}"),
            None => owner(key),
        },
        StateKey::Dialog { character, dialog: id } => match dialog(id) {
            Some(name) => format!("character {character}, dialog/{name}"),
            None => owner(key),
        },
        StateKey::Npc(_) | StateKey::Fight(_) | StateKey::Duel(_) => owner(key),
    }
}

fn shown(value: &StateValue) -> String {
    match value {
        StateValue::Quest { progress, .. } => {
            let (state, done) = (crate::store::quest_state_name(progress.state), &progress.done);
            format!("{state}, done {done:?}, memory {}", progress.memory)
        }
        StateValue::Npc { memory, .. } => format!("memory {memory}"),
        StateValue::Dialog { flags, node, .. } => format!("flags {flags:#x}, node {:#010x}", node.0),
        StateValue::Encounter { phase, memory, .. } => format!("phase {phase}, memory {memory}"),
    }
}

/// How far two states are apart; 0 only for equal ones.
fn distance(a: &StateValue, b: &StateValue) -> u64 {
    let apart = match (a, b) {
        (StateValue::Quest { progress: a, .. }, StateValue::Quest { progress: b, .. }) => {
            let done = a.done.iter().zip(&b.done).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
            let state = if a.state == b.state { 0 } else { 1_000 };
            a.memory.abs_diff(b.memory).saturating_add(done).saturating_add(state)
        }
        (StateValue::Npc { memory: a, .. }, StateValue::Npc { memory: b, .. }) => a.abs_diff(*b),
        (StateValue::Dialog { flags: a, .. }, StateValue::Dialog { flags: b, .. }) => {
            u64::from((a ^ b).count_ones())
        }
        (
            StateValue::Encounter { phase: p, memory: a, .. },
            StateValue::Encounter { phase: q, memory: b, .. },
        ) => a.abs_diff(*b).saturating_add(1_000 * u64::from(p.abs_diff(*q))),
        _ => 0,
    };
    if a == b { 0 } else { apart.max(1) }
}
