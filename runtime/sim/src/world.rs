//! The zone itself: all its state, the phases of a step, and what may be read between steps.

use crate::content::{Content, Position, Zone};
use crate::digest::Digest;
use crate::duel::Duels;
use crate::entities::Entities;
use crate::entity::{Changes, Entity, EntityKind};
use crate::environment::Sky;
use crate::event::EventState;
use crate::grid::Grid;
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::input::{CharacterState, Input};
use crate::levels::Ladder;
use crate::limits;
use crate::npc::SpawnSlot;
use crate::output::{Environment, Fact, FactKind, Notice, Output};
use crate::quest::PendingInquiry;
use crate::rng::{Purpose, fork};
use crate::rules::{Context, Origin, Rules};
use crate::state::Schemas;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Who is near a place, and what it takes to put many of them in order; meant to be used again and again.
#[derive(Clone, Debug, Default)]
pub struct NearList {
    list: Vec<u32>,
    /// A bit for every entity of the zone, all zero between two uses.
    marks: Vec<u64>,
}

impl NearList {
    /// So many are sorted as usual. For more it is cheaper to mark them among all.
    const FEW: usize = 48;

    /// Places in the order of [`World::entities`], of those near, in that order.
    pub fn as_slice(&self) -> &[u32] {
        &self.list
    }

    fn sort(&mut self, entities: usize) {
        if self.list.len() <= Self::FEW {
            return self.list.sort_unstable();
        }
        self.marks.resize(entities.div_ceil(64), 0);
        for index in self.list.drain(..) {
            self.marks[index as usize / 64] |= 1 << (index % 64);
        }
        for (word, marks) in (0_u32..).zip(&mut self.marks) {
            while *marks != 0 {
                self.list.push(word * 64 + marks.trailing_zeros());
                *marks &= *marks - 1;
            }
        }
    }
}

/// One zone and everything in it.
pub struct World {
    pub(crate) zone: DefId,
    pub(crate) content: Arc<Content>,
    pub(crate) seed: u64,
    pub(crate) tick: u64,
    pub(crate) tick_ms: u32,
    pub(crate) next_entity: u64,
    pub(crate) entities: Entities,
    pub(crate) characters: BTreeMap<CharacterId, Character>,
    pub(crate) spawns: Vec<SpawnSlot>,
    pub(crate) sky: Sky,
    pub(crate) duels: Duels,
    /// The events of the zone, running or not.
    pub(crate) events: BTreeMap<DefId, EventState>,
    /// What happened and concerns quests; asked of the quest scripts in the next step.
    pub(crate) inquiries: Vec<PendingInquiry>,
    /// What the scripts read and write.
    pub(crate) schemas: Schemas,
    /// Derived: rebuilt at the end of every step.
    pub(crate) grid: Grid,
    pub(crate) despawned: Vec<EntityId>,
    pub(crate) scratch: Scratch,
    /// Derived: what the progression script said last. Asked again when it may say otherwise.
    pub(crate) ladder: Ladder,
}

/// Buffers of one step, kept to avoid allocating. Empty between steps.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) casts: Vec<crate::combat::CastRequest>,
    pub(crate) talks: Vec<crate::dialog::PendingTalk>,
    pub(crate) lines: Vec<crate::chat::PendingLine>,
    pub(crate) trades: Vec<crate::shop::PendingTrade>,
    /// Prices that these trades ask for.
    pub(crate) prices: usize,
    pub(crate) deaths: Vec<crate::death::Death>,
    pub(crate) near: Vec<EntityId>,
    pub(crate) crafts: Vec<crate::craft::PendingCraft>,
    pub(crate) visits: Vec<crate::visit::Visit>,
    /// Whether the zone ends with this step.
    pub(crate) stopping: bool,
}

/// A character while it is in the zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Character {
    /// Its entity.
    pub entity: EntityId,
    /// What is kept of it. Level, experience, gold, inventory and quests are current; place, health
    /// and mana are those of the entity.
    pub state: CharacterState,
    /// Sequence number of the last movement looked at.
    pub last_seq: u32,
    /// Movement saved up, millimetres.
    pub(crate) credit_mm: u32,
    /// When it comes back to life.
    pub(crate) respawn_at: Option<u64>,
    /// The open conversation.
    pub(crate) dialog: Option<crate::dialog::OpenDialog>,
    /// How it speaks.
    pub(crate) voice: crate::chat::Voice,
    /// Named places it stands in.
    pub(crate) places: BTreeSet<DefId>,
}

impl World {
    /// An empty zone whose NPCs spawn with the first step. `tick` continues the count of an earlier
    /// run, so that the time of day goes on.
    ///
    /// # Panics
    /// If `zone` is not in `content` or `tick_ms` is 0.
    pub fn new(zone: DefId, content: Arc<Content>, seed: u64, tick: u64, tick_ms: u32) -> Self {
        assert!(tick_ms > 0, "a tick takes time");
        let definition = &content.zones[&zone];
        let grid = Grid::new(definition.width_mm, definition.height_mm);
        let seed = fork(seed, 0, u64::from(zone.0), Purpose::Spawn);
        let ladder = Ladder::unasked(&content);
        let mut world = Self {
            zone,
            seed,
            tick,
            tick_ms,
            next_entity: 1,
            entities: Entities::default(),
            characters: BTreeMap::new(),
            spawns: Vec::new(),
            sky: Sky::at(definition, tick, tick_ms),
            duels: Duels::default(),
            events: BTreeMap::new(),
            inquiries: Vec::new(),
            schemas: Schemas::new(),
            grid,
            despawned: Vec::new(),
            scratch: Scratch::default(),
            ladder,
            content,
        };
        world.plan_spawns();
        world.plan_events();
        world
    }

    /// One tick: admit inputs, let scripts decide, apply what they answer, derive the rest.
    /// `out` is cleared first; `inputs` is emptied, but for what is beyond
    /// [`limits::INPUTS_PER_TICK`], which waits for the next step.
    pub fn step(&mut self, inputs: &mut Vec<Input>, rules: &mut dyn Rules, out: &mut Output) {
        self.begin(out);
        self.climb(rules);
        let admitted = inputs.len().min(limits::INPUTS_PER_TICK);
        for input in inputs.drain(..admitted) {
            self.admit(input, out);
        }
        self.govern(rules, out);
        self.run_timers(rules, out);
        self.direct(rules, out);
        self.conduct(rules, out);
        self.think(rules);
        self.walk_npcs();
        self.run_casts(rules, out);
        self.run_pulses(rules, out);
        self.bury(rules, out);
        self.run_dialogs(rules, out);
        self.run_chat(rules, out);
        self.run_trades(rules, out);
        self.run_crafts(rules, out);
        self.run_duels(rules, out);
        self.run_inquiries(rules, out);
        self.cross(out);
        self.attend(rules, out);
        self.forget_despawned();
        self.index();
    }

    fn begin(&mut self, out: &mut Output) {
        self.tick += 1;
        out.replies.clear();
        out.events.clear();
        out.facts.clear();
        out.notices.clear();
        out.departures.clear();
        self.despawned.clear();
        for entity in self.entities.iter_mut() {
            entity.changes = Changes::NONE;
        }
    }

    fn run_timers(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        self.spawn_due();
        self.respawn_due(rules, out);
        self.expire();
        self.regenerate();
        self.save_movement_credit();
    }

    /// Ground items and statuses whose time is over.
    fn expire(&mut self) {
        let tick = self.tick;
        let mut gone = std::mem::take(&mut self.scratch.near);
        for entity in self.entities.iter_mut() {
            if let EntityKind::Item { until, .. } = entity.kind
                && until <= tick
            {
                gone.push(entity.id);
            }
            let before = entity.statuses.len();
            entity.statuses.retain(|status| status.until > tick);
            if entity.statuses.len() != before {
                entity.changes.add(Changes::STATUSES);
            }
        }
        for id in gone.drain(..) {
            self.despawn(id);
        }
        self.scratch.near = gone;
    }

    pub(crate) fn index(&mut self) {
        self.grid.rebuild(self.entities.iter().map(|entity| (entity.id, entity.at)));
    }

    // --- what the phases share ---

    pub(crate) fn definition(&self) -> &Zone {
        &self.content.zones[&self.zone]
    }

    /// Milliseconds in ticks, rounded up so that a short time is never none.
    pub(crate) fn ticks(&self, ms: u32) -> u32 {
        ms.div_ceil(self.tick_ms)
    }

    pub(crate) fn context(&self) -> Context {
        Context {
            tick: self.tick,
            tick_ms: self.tick_ms,
            zone: self.zone,
            minute_of_day: self.sky.minute_of_day,
        }
    }

    pub(crate) fn content_origin(&self) -> Origin {
        Origin::Content(self.content.digest)
    }

    pub(crate) fn next_id(&mut self) -> EntityId {
        let id = EntityId(self.next_entity);
        self.next_entity += 1;
        id
    }

    pub(crate) fn despawn(&mut self, id: EntityId) -> Option<Entity> {
        let entity = self.entities.remove(id)?;
        self.despawned.push(id);
        Some(entity)
    }

    /// NPCs stop thinking of who is gone.
    fn forget_despawned(&mut self) {
        if self.despawned.is_empty() {
            return;
        }
        let gone: BTreeSet<EntityId> = self.despawned.iter().copied().collect();
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            mind.threat.retain(|enemy, _| !gone.contains(enemy));
            if gone.contains(&mind.target) {
                mind.target = EntityId::NONE;
                entity.changes.add(Changes::STATE);
            }
        }
    }

    /// The character behind an entity, if it is one.
    pub(crate) fn character_of(&self, entity: EntityId) -> Option<CharacterId> {
        match self.entities.entry(entity)?.kind {
            EntityKind::Character(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn fact(
        out: &mut Output,
        character: CharacterId,
        origin: Origin,
        request: Option<RequestId>,
        kind: FactKind,
    ) {
        out.facts.push(Fact { character, origin, request, kind });
    }

    pub(crate) fn notify(out: &mut Output, character: CharacterId, notice: Notice) {
        out.notices.push((character, notice));
    }

    // --- what may be read between steps ---

    /// Replaces the definitions between two steps (part of a generation swap). NPCs whose template
    /// or spawn row is gone or different leave, those of a row to spawn anew; everything else goes on.
    ///
    /// # Panics
    /// If the zone itself is not in `content`: the reload pipeline refuses that.
    pub fn swap_content(&mut self, content: Arc<Content>) {
        let definition = &content.zones[&self.zone];
        self.grid = Grid::new(definition.width_mm, definition.height_mm);
        let (width, height) = (definition.width_mm, definition.height_mm);
        let sky = |zone: &Zone| (zone.script, zone.weather.clone(), zone.noon_temperature_dc);
        let other_sky = sky(self.definition()) != sky(&content.zones[&self.zone]);
        let before = std::mem::replace(&mut self.content, content);
        if other_sky {
            self.ask_again();
        }
        self.replan_spawns(&before);
        self.refit_npcs();
        self.replan_events(&before);
        for entity in self.entities.iter_mut() {
            entity.at.x_mm = entity.at.x_mm.min(width);
            entity.at.y_mm = entity.at.y_mm.min(height);
        }
        let old = &before.encounters;
        self.reopen_fights(|id, encounter| old.get(&id) != Some(encounter));
        self.rules_changed();
        self.forget_despawned();
        self.index();
    }

    /// Other rules or definitions hold from the next step on: what they say about levels is asked anew.
    pub(crate) fn rules_changed(&mut self) {
        self.ladder.stale = true;
    }

    /// Ticks since the zone's first start.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// Milliseconds per tick.
    pub fn tick_ms(&self) -> u32 {
        self.tick_ms
    }

    /// `zone/NAME`.
    pub fn zone(&self) -> DefId {
        self.zone
    }

    /// Definitions in force.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// A number that two worlds share exactly when their whole state is the same.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        self.zone.hash(&mut digest);
        self.content.digest.hash(&mut digest);
        self.seed.hash(&mut digest);
        self.tick.hash(&mut digest);
        self.tick_ms.hash(&mut digest);
        self.next_entity.hash(&mut digest);
        self.entities.hash(&mut digest);
        self.characters.hash(&mut digest);
        self.spawns.hash(&mut digest);
        self.sky.hash(&mut digest);
        self.duels.hash(&mut digest);
        self.events.hash(&mut digest);
        self.inquiries.hash(&mut digest);
        self.schemas.hash(&mut digest);
        digest.finish()
    }

    /// Characters in the zone.
    pub fn population(&self) -> usize {
        self.characters.len()
    }

    /// Time and sky.
    pub fn environment(&self) -> Environment {
        self.sky.environment()
    }

    /// All entities, oldest first.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.iter()
    }

    /// The entity at this place in the order of [`World::entities`].
    pub fn entity_at(&self, index: u32) -> Option<&Entity> {
        self.entities.at(index)
    }

    /// Entities that were in the zone before the last step and are no longer.
    pub fn despawned(&self) -> &[EntityId] {
        &self.despawned
    }

    /// One entity.
    pub fn entity(&self, id: EntityId) -> Option<&Entity> {
        self.entities.entry(id)
    }

    /// A character in the zone.
    pub fn character(&self, id: CharacterId) -> Option<&Character> {
        self.characters.get(&id)
    }

    /// All characters in the zone, by id.
    pub fn characters(&self) -> impl Iterator<Item = (CharacterId, &Character)> {
        self.characters.iter().map(|(id, character)| (*id, character))
    }

    /// Collects what `observer` is shown into `out` (cleared first), sorted by id, itself included.
    /// Uses the places at the end of the last step.
    pub fn visible(&self, observer: EntityId, out: &mut Vec<EntityId>) {
        out.clear();
        let Some(entity) = self.entities.entry(observer) else { return };
        self.grid.within(entity.at, self.definition().interest_radius_mm, |point| out.push(point.id));
        out.sort_unstable();
    }

    /// Collects everything within `radius_mm` of a place into `out`, in the order of [`World::entities`]. Uses the places
    /// at the end of the last step.
    pub fn near(&self, centre: Position, radius_mm: u32, out: &mut NearList) {
        out.list.clear();
        self.grid.within(centre, radius_mm, |point| out.list.push(point.index));
        out.sort(self.entities.len());
    }

    /// Everything kept of all characters in the zone, with their current place, health and mana.
    pub fn kept_characters(&self) -> Vec<CharacterState> {
        self.characters.values().map(|character| self.kept(character)).collect()
    }
}
