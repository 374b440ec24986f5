//! World events: what happens in a place of the zone for everybody near. Their script says when one begins,
//! which stage it is in, who comes and how it ends; here is what it is shown, and what becomes of its answer.
//! Who took part and what they are paid is in `reward`.

mod reward;

use crate::content::{Content, WorldEvent};
use crate::entity::SpawnedBy;
use crate::environment::minutes;
use crate::ids::{CharacterId, DefId, EntityId};
use crate::limits;
use crate::output::{Event, EventKind, EventReport, FactKind, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Course, EventMoment, EventOccasion, EventOutcome, Origin, Rules, StageView};
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// Where an event of the zone stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct EventState {
    /// From 1; 0 while it does not run.
    stage: u32,
    /// Tick the stage began.
    since: u64,
    /// Its creatures that died in this stage.
    kills: u32,
    /// Its creatures that came in this stage.
    spawned: u32,
    /// Who hurt its creatures since it began.
    parts: BTreeMap<CharacterId, Part>,
    /// Deaths that bring it about, since its last end.
    triggered: u32,
    /// Tick of its last end: the one thing that outlives the zone.
    ended: Option<u64>,
    /// The script's own number.
    memory: i64,
    /// What there is to decide in the next step.
    ask: Option<EventOccasion>,
}

/// What a character did for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Part {
    /// Health it took from creatures of the event.
    points: u64,
    /// Creatures it fought that died.
    kills: u32,
}

impl EventState {
    fn new(ended: Option<u64>) -> Self {
        Self { ended, ask: Some(EventOccasion::Started), ..Self::default() }
    }

    fn ask(&mut self, occasion: EventOccasion) {
        self.ask = Some(self.ask.map_or(occasion, |earlier| earlier.min(occasion)));
    }

    fn enter(&mut self, stage: u32, tick: u64) {
        (self.stage, self.since, self.kills, self.spawned) = (stage, tick, 0, 0);
    }
}

fn of_zone(content: &Content, zone: DefId) -> impl Iterator<Item = DefId> {
    content.events.iter().filter(move |(_, event)| event.zone == zone).map(|(id, _)| *id)
}

impl World {
    /// No event runs in a zone that starts.
    pub(crate) fn plan_events(&mut self) {
        self.events = of_zone(&self.content, self.zone).map(|id| (id, EventState::new(None))).collect();
    }

    /// When the events of the zone last ended, in a world in which nothing has happened yet: what of an
    /// earlier run still counts. Others are ignored.
    pub fn set_event_ends(&mut self, ends: &BTreeMap<DefId, u64>) {
        for (id, state) in &mut self.events {
            state.ended = ends.get(id).copied();
        }
    }

    /// Fits the events to new definitions: one that is gone from the zone has failed and its creatures
    /// leave, of one that is different the script is asked.
    pub(crate) fn replan_events(&mut self, before: &Content) {
        let mut old = std::mem::take(&mut self.events);
        for id in of_zone(&self.content, self.zone) {
            let mut state = old.remove(&id).unwrap_or_else(|| EventState::new(None));
            let definition = &self.content.events[&id];
            if before.events.get(&id) != Some(definition) {
                state.ask(EventOccasion::Changed);
                state.stage = state.stage.min(definition.stages.len() as u32);
            }
            self.events.insert(id, state);
        }
        for id in old.into_keys() {
            self.dismiss(SpawnedBy::Event(id));
        }
    }

    /// The events of these scripts are asked in the next step.
    pub(crate) fn ask_events(&mut self, changed: impl Fn(DefId) -> bool) {
        for (id, state) in &mut self.events {
            if self.content.events.get(id).is_some_and(|event| changed(event.script)) {
                state.ask(EventOccasion::Changed);
            }
        }
    }

    /// Asks the scripts about the events of the zone: all once a second, those with something to decide in
    /// the tick after it happened.
    pub(crate) fn conduct(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let second = self.tick.is_multiple_of(u64::from(self.ticks(1_000)));
        let mut by_script: BTreeMap<DefId, Vec<EventMoment>> = BTreeMap::new();
        for (id, state) in &self.events {
            let Some(definition) = self.content.events.get(id) else { continue };
            let over = state.stage > 0 && self.stage_ticks(state) == self.duration_ticks(definition, state);
            let occasion = state.ask.or(over.then_some(EventOccasion::StageOver));
            let Some(occasion) = occasion.or(second.then_some(EventOccasion::Second)) else { continue };
            let batch = by_script.entry(definition.script).or_default();
            batch.push(self.view_event(*id, state, definition, occasion, batch.len() as u32));
        }
        let (ctx, mut answers) = (self.context(), Vec::new());
        for (script, moments) in by_script {
            rules.conduct(&ctx, script, &moments, &mut answers);
            assert_eq!(answers.len(), moments.len(), "one course per moment");
            let mut won = Vec::new();
            for (moment, answer) in moments.iter().zip(&answers) {
                won.extend(self.take_course(moment, answer, out));
            }
            self.reward_events(script, won, rules, out);
        }
    }

    fn stage_ticks(&self, state: &EventState) -> u32 {
        self.tick.saturating_sub(state.since).min(u64::from(u32::MAX)) as u32
    }

    /// Of the stage an event is in; 0 if it is in none.
    fn duration_ticks(&self, definition: &WorldEvent, state: &EventState) -> u32 {
        let stage = definition.stages.get((state.stage as usize).wrapping_sub(1));
        stage.map_or(0, |stage| self.ticks(stage.duration_ms))
    }

    /// Whether the schedule wants the event now: not again in an opening in which it has ended.
    fn is_due(&self, definition: &WorldEvent, state: &EventState) -> bool {
        let minute = |tick| minutes(tick, self.tick_ms);
        let opened = definition.schedule.and_then(|schedule| schedule.opened(minute(self.tick)));
        opened.is_some_and(|opened| state.ended.is_none_or(|ended| minute(ended) < opened))
    }

    fn view_event(
        &self,
        event: DefId,
        state: &EventState,
        definition: &WorldEvent,
        occasion: EventOccasion,
        id: u32,
    ) -> EventMoment {
        let ready = state.ended.map_or(0, |ended| ended + u64::from(self.ticks(definition.cooldown_ms)));
        let stages = definition.stages.iter().map(|stage| StageView {
            duration_ticks: self.ticks(stage.duration_ms),
            kills_needed: stage.kills,
            creatures: stage.crowd(),
            announcement: stage.announcement,
        });
        let mut nearby = 0;
        self.grid.within(definition.at, definition.radius_mm, |point| {
            let alive = self.entities.entry(point.id).is_some_and(crate::entity::Entity::is_alive);
            nearby += u32::from(alive && self.character_of(point.id).is_some());
        });
        let alive = if state.stage > 0 { self.summoned(SpawnedBy::Event(event)).count() as u32 } else { 0 };
        EventMoment {
            id,
            event,
            occasion,
            stage: state.stage,
            stages: stages.collect(),
            stage_ticks: if state.stage > 0 { self.stage_ticks(state) } else { 0 },
            due: self.is_due(definition, state),
            trigger_count: state.triggered,
            trigger_needed: definition.trigger.map_or(0, |trigger| trigger.count),
            cooldown_left_ticks: ready.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32,
            kills: state.kills,
            spawned: state.spawned,
            alive,
            participants: state.parts.len() as u32,
            nearby,
            on_success: definition.on_success,
            on_failure: definition.on_failure,
            memory: state.memory,
            seed: fork(self.seed, self.tick, event.0.into(), Purpose::Event),
        }
    }

    /// Does what the script says, checked; who took part in an event that has come to a good end.
    fn take_course(
        &mut self,
        moment: &EventMoment,
        answer: &Answer<Course>,
        out: &mut Output,
    ) -> Option<(DefId, BTreeMap<CharacterId, Part>)> {
        let (id, course, running) = (moment.event, &answer.value, moment.stage > 0);
        let (tick, overtime) = (self.tick, self.ticks(limits::EVENT_OVERTIME_MS));
        let state = self.events.get_mut(&id)?;
        state.ask = None;
        let begins = course.outcome == EventOutcome::Going && !running;
        let valid = course.answers(moment) && !(begins && moment.cooldown_left_ticks > 0);
        let mut outcome = if valid { course.outcome } else { Course::fallback(moment).outcome };
        let mut origin = answer.origin;
        if valid {
            state.memory = course.memory;
        }
        let mut told = running && moment.occasion == EventOccasion::Kill;
        if valid && outcome == EventOutcome::Going && course.stage != moment.stage {
            state.enter(course.stage, tick);
            told = true;
        }
        let stage = moment.stages.get((state.stage as usize).wrapping_sub(1));
        let too_long =
            stage.is_some_and(|s| (tick - state.since) as u32 > s.duration_ticks.saturating_add(overtime));
        if outcome == EventOutcome::Going && too_long {
            (outcome, origin) = (EventOutcome::Failure, Origin::Fallback);
        }
        if valid && course.dismiss {
            self.dismiss(SpawnedBy::Event(id));
        }
        let mut won = None;
        match outcome {
            EventOutcome::Going if valid => self.call_creatures(id, course.spawn),
            EventOutcome::Going | EventOutcome::Idle => {}
            EventOutcome::Success | EventOutcome::Failure => {
                let parts = self.end_event(id, outcome, origin, out);
                won = (outcome == EventOutcome::Success).then_some((id, parts));
                told = true;
            }
        }
        if valid && self.content.announcements.contains_key(&course.announcement) {
            let kind = EventKind::Announcement(course.announcement);
            out.events.push(Event { at: None, origin, kind });
        }
        if told {
            let kind = EventKind::World(self.report(id, outcome)?);
            out.events.push(Event { at: None, origin, kind });
        }
        won
    }

    /// Lets creatures of the stage come, in its order and from its start again when all have come.
    fn call_creatures(&mut self, id: DefId, count: u32) {
        let (Some(definition), Some(state)) = (self.content.events.get(&id), self.events.get(&id)) else {
            return;
        };
        let Some(stage) = definition.stages.get((state.stage as usize).wrapping_sub(1)) else { return };
        let order: Vec<DefId> = stage
            .creatures
            .iter()
            .flat_map(|some| std::iter::repeat_n(some.npc, some.count as usize))
            .collect();
        let place = (definition.at, definition.radius_mm);
        let count = count.min(limits::SUMMONED_PER_SUMMONER as u32) as usize;
        let coming: Vec<DefId> = order
            .iter()
            .cycle()
            .skip(state.spawned as usize % order.len().max(1))
            .take(count)
            .copied()
            .collect();
        let mut came = 0;
        for same in coming.chunk_by(|a, b| a == b) {
            came += self.summon(same[0], same.len() as u32, place, SpawnedBy::Event(id)).len() as u32;
        }
        if let Some(state) = self.events.get_mut(&id) {
            state.spawned = state.spawned.saturating_add(came);
        }
    }

    /// The event is over: its creatures leave, its end is for ever.
    fn end_event(
        &mut self,
        id: DefId,
        outcome: EventOutcome,
        origin: Origin,
        out: &mut Output,
    ) -> BTreeMap<CharacterId, Part> {
        self.dismiss(SpawnedBy::Event(id));
        let tick = self.tick;
        let Some(state) = self.events.get_mut(&id) else { return BTreeMap::new() };
        let parts = std::mem::take(&mut state.parts);
        state.enter(0, tick);
        (state.triggered, state.ended) = (0, Some(tick));
        let kind = FactKind::EventEnded {
            event: id,
            success: outcome == EventOutcome::Success,
            participants: parts.len() as u32,
        };
        Self::fact(out, CharacterId::NOBODY, origin, None, kind);
        parts
    }

    fn report(&self, id: DefId, outcome: EventOutcome) -> Option<EventReport> {
        let (definition, state) = (self.content.events.get(&id)?, self.events.get(&id)?);
        let ends_in_ticks = self.duration_ticks(definition, state).saturating_sub(self.stage_ticks(state));
        Some(EventReport { event: id, stage: state.stage, kills: state.kills, ends_in_ticks, outcome })
    }

    /// The events that run, by id.
    pub fn running_events(&self) -> impl Iterator<Item = EventReport> {
        let running = self.events.iter().filter(|(_, state)| state.stage > 0);
        running.filter_map(|(id, _)| self.report(*id, EventOutcome::Going))
    }

    /// An NPC has died: it may have been of an event, or bring one about.
    pub(crate) fn count_death(&mut self, template: DefId, by: SpawnedBy, fighters: &[CharacterId]) {
        if let SpawnedBy::Event(id) = by {
            let Some(state) = self.events.get_mut(&id).filter(|state| state.stage > 0) else { return };
            state.kills = state.kills.saturating_add(1);
            state.ask(EventOccasion::Kill);
            for fighter in fighters {
                if let Some(part) = state.parts.get_mut(fighter) {
                    part.kills = part.kills.saturating_add(1);
                }
            }
            return;
        }
        for (id, state) in self.events.iter_mut().filter(|(_, state)| state.stage == 0) {
            let trigger = self.content.events.get(id).and_then(|event| event.trigger);
            if trigger.is_some_and(|trigger| trigger.npc == template) && !fighters.is_empty() {
                state.triggered = state.triggered.saturating_add(1);
            }
        }
    }

    /// A creature of an event was hurt.
    pub(crate) fn count_wound(&mut self, id: DefId, by: EntityId, lost: i32) {
        let Some(character) = self.character_of(by) else { return };
        let Some(state) = self.events.get_mut(&id).filter(|state| state.stage > 0) else { return };
        if state.parts.contains_key(&character) || state.parts.len() < limits::EVENT_PARTICIPANTS {
            let part = state.parts.entry(character).or_default();
            part.points = part.points.saturating_add(u64::from(lost.max(0).unsigned_abs()));
        }
    }
}
