//! The simulation's questions, answered by the modules of one generation.

use crate::call::{Failures, Slot, ask, fallback};
use crate::convert::{Advance, Converse, Hook, PlanCasts, PulseStatuses, Resolve, Think};
use crate::failure::{FailureKind, ScriptFailure};
use crate::generation::Generation;
use crate::manifest::Kind;
use crate::record::{Recording, Tape};
use crate::stats::ExportStats;
use sim::DefId;
use sim::rules::{
    Answer, Attack, Cast, Context, Conversation, Decision, DialogReply, Inquiry, Outcome, Perception, Plan,
    Pulse, PulseOutcome, QuestStep, Rules,
};
use std::collections::BTreeMap;

/// Implements [`Rules`] with one live instance per module. Belongs to one zone thread.
pub struct ScriptRules {
    generation: Generation,
    slots: BTreeMap<(Kind, DefId), Slot>,
    /// Script of the only module of kind combat, and of kind ability.
    combat: DefId,
    ability: DefId,
    wires: Wires,
    recording: Recording,
    /// Views kept per module and export; 0 records nothing.
    record_views: usize,
    failures: Failures,
}

/// Why a generation cannot answer.
#[derive(Debug, thiserror::Error)]
#[error("{module} cannot be started: {failure}")]
pub struct RulesError {
    /// Label of the module.
    pub module: String,
    /// Why.
    pub failure: FailureKind,
}

/// Batches as the components see them; kept so that a call allocates nothing but its answers.
#[derive(Default)]
struct Wires {
    attacks: Vec<<Resolve as Hook>::Wire>,
    casts: Vec<<PlanCasts as Hook>::Wire>,
    pulses: Vec<<PulseStatuses as Hook>::Wire>,
    npcs: Vec<<Think as Hook>::Wire>,
    inquiries: Vec<<Advance as Hook>::Wire>,
    talks: Vec<<Converse as Hook>::Wire>,
}

impl ScriptRules {
    /// Prepares an instance and a spare of every module. Takes about 60 µs a module; keep it off
    /// the tick.
    ///
    /// # Errors
    /// A module that loaded before can no longer be instantiated: the machine is out of memory.
    pub fn new(generation: &Generation) -> Result<Self, RulesError> {
        let mut slots = BTreeMap::new();
        let mut single = BTreeMap::new();
        for module in generation.modules() {
            let slot = Slot::new(module.clone())
                .map_err(|failure| RulesError { module: module.label().to_owned(), failure })?;
            slots.insert((module.kind(), module.script()), slot);
            single.insert(module.kind(), module.script());
        }
        let only = |kind| single.get(&kind).copied().unwrap_or(DefId::NONE);
        Ok(Self {
            generation: generation.clone(),
            slots,
            combat: only(Kind::Combat),
            ability: only(Kind::Ability),
            wires: Wires::default(),
            recording: Recording::default(),
            record_views: 0,
            failures: Failures::default(),
        })
    }

    /// Keeps the last `views` views of every module and export with their answers. What was
    /// recorded before is dropped; 0 turns it off.
    pub fn record(&mut self, views: usize) {
        self.recording = Recording::default();
        self.record_views = views;
    }

    /// What was recorded. Clone it between ticks to replay it elsewhere.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// A copy of what one module was asked, to replay it elsewhere.
    pub fn recording_of(&self, kind: Kind, script: DefId) -> Recording {
        self.recording.of((kind, script))
    }

    /// Gives away what was recorded.
    pub fn take_recording(&mut self) -> Recording {
        std::mem::take(&mut self.recording)
    }

    /// Goes on with what the rules before have recorded, as far as their scripts are still there.
    pub fn adopt_recording(&mut self, mut recording: Recording) {
        if self.record_views > 0 {
            recording.retain(|kind, script| self.slots.contains_key(&(kind, script)));
            self.recording = recording;
        }
    }

    /// The generation that answers.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Failures since the last drain, oldest first. [`Generation::locate`] puts lines to them.
    pub fn drain_failures(&mut self) -> Vec<ScriptFailure> {
        self.failures.drain()
    }

    /// Failures that were not drained in time.
    pub fn failures_dropped(&self) -> u64 {
        self.failures.dropped()
    }

    /// Calls of the module with this name that failed, wholly or for some views.
    pub fn strikes(&self, name: &str) -> u64 {
        self.slots.values().find(|slot| slot.module.name() == name).map_or(0, |slot| slot.strikes)
    }

    /// Counters of every export of every module.
    pub fn stats(&self) -> impl Iterator<Item = ExportStats> {
        self.slots.values().flat_map(|slot| {
            slot.counters.iter().map(|&(export, counters)| ExportStats {
                label: slot.module.label().to_owned(),
                kind: slot.module.kind(),
                export,
                counters,
            })
        })
    }

    /// Makes new spare instances for those used up. Call it between ticks: it costs nothing when
    /// nothing failed, 30 µs for each module that did.
    pub fn restock(&mut self) {
        self.slots.values_mut().for_each(Slot::restock);
    }
}

/// Asks the module `(kind, script)` if it is live, else answers with fallbacks.
#[allow(clippy::too_many_arguments)] // the pieces of one call; a struct would be made and unmade here
fn ask_module<H: Hook>(
    slots: &mut BTreeMap<(Kind, DefId), Slot>,
    failures: &mut Failures,
    wire: &mut Vec<H::Wire>,
    (tape, record_views): (&mut Tape<H>, usize),
    module: (Kind, DefId),
    ctx: &Context,
    views: &[H::View],
    out: &mut Vec<Answer<H::Answer>>,
) {
    out.clear();
    if views.is_empty() {
        return;
    }
    if let Some(slot) = slots.get_mut(&module) {
        ask::<H>(slot, ctx, views, wire, out, failures);
        return tape.push(module.1, record_views, ctx, views, out);
    }
    out.extend(views.iter().map(fallback::<H>));
    let (kind, script) = module;
    let label = format!("{kind} script {:#010x}", script.0);
    let ids = views.iter().map(H::id);
    failures.push(ScriptFailure::new(&label, H::EXPORT, ctx.tick, FailureKind::NoModule, ids, true));
}

impl Rules for ScriptRules {
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let module = (Kind::Ability, self.ability);
        ask_module::<PlanCasts>(
            slots,
            failures,
            &mut wires.casts,
            (&mut recording.casts, *record_views),
            module,
            ctx,
            casts,
            out,
        );
    }

    fn resolve(&mut self, ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let module = (Kind::Combat, self.combat);
        ask_module::<Resolve>(
            slots,
            failures,
            &mut wires.attacks,
            (&mut recording.attacks, *record_views),
            module,
            ctx,
            attacks,
            out,
        );
    }

    fn pulse_statuses(&mut self, ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let module = (Kind::Ability, self.ability);
        ask_module::<PulseStatuses>(
            slots,
            failures,
            &mut wires.pulses,
            (&mut recording.pulses, *record_views),
            module,
            ctx,
            pulses,
            out,
        );
    }

    fn think(&mut self, ctx: &Context, script: DefId, npcs: &[Perception], out: &mut Vec<Answer<Decision>>) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let tape = (&mut recording.npcs, *record_views);
        ask_module::<Think>(slots, failures, &mut wires.npcs, tape, (Kind::Npc, script), ctx, npcs, out);
    }

    fn advance(
        &mut self,
        ctx: &Context,
        script: DefId,
        inquiries: &[Inquiry],
        out: &mut Vec<Answer<QuestStep>>,
    ) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let module = (Kind::Quest, script);
        ask_module::<Advance>(
            slots,
            failures,
            &mut wires.inquiries,
            (&mut recording.inquiries, *record_views),
            module,
            ctx,
            inquiries,
            out,
        );
    }

    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        let Self { slots, failures, wires, recording, record_views, .. } = self;
        let module = (Kind::Dialog, script);
        ask_module::<Converse>(
            slots,
            failures,
            &mut wires.talks,
            (&mut recording.talks, *record_views),
            module,
            ctx,
            talks,
            out,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_can_be_moved_to_the_thread_of_a_zone() {
        fn is_send<T: Send>() {}
        is_send::<ScriptRules>();
    }
}
