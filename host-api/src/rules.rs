//! The simulation's questions, answered by the modules of one generation.

use crate::call::{Failures, Slot, ask, fallback, rest};
use crate::convert::{
    Advance, Conduct, Converse, Craft, Direct, Fees, Govern, GrowStats, Judge, OpenDuels, PlanCasts,
    PulseStatuses, PunishDeaths, QuotePrices, RequireExperience, Resolve, Reward, RewardKills, RollLoot,
    TakeTurns, Think,
};
use crate::failure::{FailureKind, ScriptFailure};
use crate::generation::Generation;
use crate::manifest::Kind;
use crate::migration::Former;
use crate::record::{Laned, Recording};
use crate::stats::ExportStats;
use sim::DefId;
use sim::rules::{
    Act, Answer, Attack, Attempt, Bout, Cast, Charge, Context, Conversation, Course, Crafted, Deal, Decision,
    Decree, DialogReply, Direction, EventMoment, Fall, Fee, Gain, Grown, Growth, Haul, Inquiry, Judgement,
    Kill, LevelStep, Line, Merit, Moment, Outcome, Pairing, Perception, Plan, Prize, Pulse, PulseOutcome,
    QuestStep, Quote, Requirement, Rules, Spoils, Terms, Toll, Turn,
};
use std::collections::BTreeMap;

/// Implements [`Rules`] with one live instance per module. Belongs to one zone thread.
pub struct ScriptRules {
    generation: Generation,
    slots: Slots,
    recording: Recording,
    /// Views kept per module and export; 0 records nothing.
    record_views: usize,
    failures: Failures,
    /// Who knows state of schemas that are not live.
    former: Former,
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

impl ScriptRules {
    /// Prepares an instance and a spare of every module that does not rest. Takes about 60 µs a module;
    /// keep it off the tick.
    ///
    /// # Errors
    /// A module that loaded before can no longer be instantiated: the machine is out of memory.
    pub fn new(generation: &Generation) -> Result<Self, RulesError> {
        let mut slots = BTreeMap::new();
        for module in generation.modules() {
            let slot = match generation.rests(module) {
                true => Slot::resting(module.clone()),
                false => Slot::new(module.clone())
                    .map_err(|failure| RulesError { module: module.label().to_owned(), failure })?,
            };
            slots.insert((module.kind(), module.script()), slot);
        }
        Ok(Self {
            generation: generation.clone(),
            slots: Slots::new(slots),
            recording: Recording::default(),
            record_views: 0,
            failures: Failures::default(),
            former: Former::default(),
        })
    }

    /// Keeps the last `views` views of every module and export with their answers. What was
    /// recorded before is dropped; 0 turns it off.
    pub fn record(&mut self, views: usize) {
        self.recording = Recording::default();
        self.record_views = views;
    }

    /// Gives every module its share of a tick, as long as the context says it is
    /// ([`ModuleLimits::tick_share_percent`](crate::ModuleLimits)). For rules that are asked once per tick;
    /// elsewhere there is no tick to share.
    pub fn limit_ticks(&mut self) {
        self.slots.all.iter_mut().for_each(Slot::limit_ticks);
    }

    /// What was recorded. Clone it between ticks to replay it elsewhere.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// A copy of what one module was asked, at most so many views of each function, to replay it elsewhere.
    pub fn recording_of(&self, kind: Kind, script: DefId, most: usize) -> Recording {
        self.recording.of((kind, script), most)
    }

    /// Gives away what was recorded.
    pub fn take_recording(&mut self) -> Recording {
        std::mem::take(&mut self.recording)
    }

    /// Goes on with what the rules before, or those of an earlier run, have recorded, as far as their scripts
    /// are still there, do not rest and read state as those did, or can migrate it. What a newer schema was asked
    /// nobody reads any more.
    pub fn adopt_recording(&mut self, mut recording: Recording) {
        if self.record_views > 0 {
            recording.retain(|kind, script, schema| {
                let slot = self.slots.of(kind, script);
                slot.is_some_and(|slot| !slot.rests && slot.module.schema() >= schema)
            });
            self.recording = recording;
        }
    }

    /// From now on these are asked about state in a newer schema than that of the live module.
    pub fn know(&mut self, former: Former) {
        self.former = former;
    }

    /// Who is asked about such state.
    pub fn former(&self) -> &Former {
        &self.former
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
        self.slots.all.iter().find(|slot| slot.module.name() == name).map_or(0, |slot| slot.strikes)
    }

    /// Counters of every export of every module.
    pub fn stats(&self) -> impl Iterator<Item = ExportStats> {
        self.slots.all.iter().flat_map(|slot| {
            slot.accounts.iter().zip(&slot.module.limits().exports).map(move |(account, (_, limits))| {
                ExportStats {
                    label: slot.module.label().to_owned(),
                    kind: slot.module.kind(),
                    export: account.export,
                    counters: account.counters,
                    limits: *limits,
                    tick_fuel: slot.tick_fuel(),
                    subjects: account.subjects(),
                }
            })
        })
    }

    /// Makes new spare instances for those used up. Call it between ticks: it costs nothing when
    /// nothing failed, 30 µs for each module that did.
    pub fn restock(&mut self) {
        self.slots.all.iter_mut().for_each(Slot::restock);
    }

    /// Asks the one module of the hook's kind.
    fn ask_single<H: Laned>(&mut self, ctx: &Context, views: &[H::View], out: &mut Vec<Answer<H::Answer>>) {
        self.ask_at::<H>(ctx, self.slots.single[H::KIND as usize], DefId::NONE, views, out);
    }

    /// Asks the module `script` of the hook's kind.
    fn ask<H: Laned>(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[H::View],
        out: &mut Vec<Answer<H::Answer>>,
    ) {
        self.ask_at::<H>(ctx, self.slots.place(H::KIND, script), script, views, out);
    }

    /// Asks the module at this place if it is live and decides in this zone, else answers with fallbacks: those of
    /// a module at rest are no failure.
    fn ask_at<H: Laned>(
        &mut self,
        ctx: &Context,
        place: Option<usize>,
        wanted: DefId,
        views: &[H::View],
        out: &mut Vec<Answer<H::Answer>>,
    ) {
        out.clear();
        if views.is_empty() {
            return;
        }
        let (label, why) = match self.slots.at(place) {
            Some(slot) if slot.rests => return rest::<H>(slot, views, out),
            Some(slot) if slot.module.decides_in(ctx.zone) => {
                ask::<H>(slot, ctx, views, out, &mut self.failures);
                if self.record_views > 0 {
                    let state = (slot.module.script(), slot.module.schema());
                    H::tape_mut(&mut self.recording).push(state, self.record_views, ctx, views, out);
                }
                return;
            }
            Some(slot) => (slot.module.label().to_owned(), FailureKind::OutOfScope),
            None => (format!("{} script {:#010x}", H::KIND, wanted.0), FailureKind::NoModule),
        };
        out.extend(views.iter().map(fallback::<H>));
        let ids = views.iter().map(H::id);
        self.failures.push(ScriptFailure::new(&label, H::EXPORT, ctx.tick, why, ids, true));
    }
}

/// The modules of a zone, found without a search where there is one of its kind.
struct Slots {
    all: Vec<Slot>,
    /// Of each, in this order.
    keys: Vec<(Kind, DefId)>,
    /// Places of the modules of those kinds of which there is one.
    single: [Option<usize>; Kind::ALL.len()],
}

impl Slots {
    fn new(slots: BTreeMap<(Kind, DefId), Slot>) -> Self {
        let (keys, all): (Vec<_>, Vec<_>) = slots.into_iter().unzip();
        let mut single = [None; Kind::ALL.len()];
        for (place, (kind, _)) in keys.iter().enumerate().filter(|(_, (kind, _))| kind.is_single()) {
            single[*kind as usize] = Some(place);
        }
        Self { all, keys, single }
    }

    fn place(&self, kind: Kind, script: DefId) -> Option<usize> {
        self.keys.binary_search(&(kind, script)).ok()
    }

    fn at(&mut self, place: Option<usize>) -> Option<&mut Slot> {
        self.all.get_mut(place?)
    }

    fn of(&self, kind: Kind, script: DefId) -> Option<&Slot> {
        self.all.get(self.place(kind, script)?)
    }
}

impl Rules for ScriptRules {
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>) {
        self.ask_single::<PlanCasts>(ctx, casts, out);
    }

    fn resolve(&mut self, ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        self.ask_single::<Resolve>(ctx, attacks, out);
    }

    fn pulse_statuses(&mut self, ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        self.ask_single::<PulseStatuses>(ctx, pulses, out);
    }

    fn think(&mut self, ctx: &Context, script: DefId, npcs: &[Perception], out: &mut Vec<Answer<Decision>>) {
        self.ask::<Think>(ctx, script, npcs, out);
    }

    fn advance(
        &mut self,
        ctx: &Context,
        script: DefId,
        inquiries: &[Inquiry],
        out: &mut Vec<Answer<QuestStep>>,
    ) {
        self.ask::<Advance>(ctx, script, inquiries, out);
    }

    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        self.ask::<Converse>(ctx, script, talks, out);
    }

    fn judge(&mut self, ctx: &Context, script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>) {
        self.ask::<Judge>(ctx, script, lines, out);
    }

    fn govern(&mut self, ctx: &Context, script: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>) {
        self.ask::<Govern>(ctx, script, moments, out);
    }

    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        moments: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        self.ask::<Conduct>(ctx, script, moments, out);
    }

    fn reward_merits(
        &mut self,
        ctx: &Context,
        script: DefId,
        merits: &[Merit],
        out: &mut Vec<Answer<Prize>>,
    ) {
        self.ask::<Reward>(ctx, script, merits, out);
    }

    fn roll_loot(&mut self, ctx: &Context, deaths: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        self.ask_single::<RollLoot>(ctx, deaths, out);
    }

    fn require_experience(&mut self, ctx: &Context, steps: &[LevelStep], out: &mut Vec<Answer<Requirement>>) {
        self.ask_single::<RequireExperience>(ctx, steps, out);
    }

    fn grow_stats(&mut self, ctx: &Context, growths: &[Growth], out: &mut Vec<Answer<Grown>>) {
        self.ask_single::<GrowStats>(ctx, growths, out);
    }

    fn reward_kills(&mut self, ctx: &Context, kills: &[Kill], out: &mut Vec<Answer<Gain>>) {
        self.ask_single::<RewardKills>(ctx, kills, out);
    }

    fn punish_deaths(&mut self, ctx: &Context, falls: &[Fall], out: &mut Vec<Answer<Toll>>) {
        self.ask_single::<PunishDeaths>(ctx, falls, out);
    }

    fn quote_prices(&mut self, ctx: &Context, deals: &[Deal], out: &mut Vec<Answer<Quote>>) {
        self.ask_single::<QuotePrices>(ctx, deals, out);
    }

    fn craft(&mut self, ctx: &Context, attempts: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        self.ask_single::<Craft>(ctx, attempts, out);
    }

    fn fees(&mut self, ctx: &Context, charges: &[Charge], out: &mut Vec<Answer<Fee>>) {
        self.ask_single::<Fees>(ctx, charges, out);
    }

    fn direct(&mut self, ctx: &Context, script: DefId, views: &[Bout], out: &mut Vec<Answer<Direction>>) {
        self.ask::<Direct>(ctx, script, views, out);
    }

    fn open_duels(&mut self, ctx: &Context, script: DefId, views: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        self.ask::<OpenDuels>(ctx, script, views, out);
    }

    fn take_turns(&mut self, ctx: &Context, script: DefId, views: &[Turn], out: &mut Vec<Answer<Act>>) {
        self.ask::<TakeTurns>(ctx, script, views, out);
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
