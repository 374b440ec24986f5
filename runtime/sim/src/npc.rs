//! NPCs: when they stand where, what they perceive, and what their script's decisions may do.

use crate::combat::CastRequest;
use crate::content::{AbilityTarget, Content, Position};
use crate::entity::{Changes, Entity, EntityKind, NpcMind, SpawnedBy};
use crate::ids::{DefId, EntityId};
use crate::limits;
use crate::rng::{Purpose, Rng, fork};
use crate::rules::{Answer, Decision, NpcState, Perception, Rules};
use crate::state::Kept;
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// An NPC at peace thinks in every fifth tick, each in its own, one that fights in every tick.
const PEACE_INTERVAL: u64 = 5;

/// The place of one NPC in the zone's plan: who stands there, or when the next one comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct SpawnSlot {
    /// Index of its row in the zone's spawns.
    row: usize,
    entity: Option<EntityId>,
    due: u64,
}

impl World {
    pub(crate) fn plan_spawns(&mut self) {
        let due = self.tick + 1;
        let rows = self.content.zones[&self.zone].spawns.iter().enumerate();
        self.spawns = rows
            .flat_map(|(row, spawn)| (0..spawn.count).map(move |_| SpawnSlot { row, entity: None, due }))
            .collect();
    }

    /// Fits the plan to new definitions: NPCs whose row is unchanged stay, with new numbers.
    pub(crate) fn replan_spawns(&mut self, before: &Content) {
        let old_rows = &before.zones[&self.zone].spawns;
        let mut kept: BTreeMap<usize, Vec<SpawnSlot>> = BTreeMap::new();
        for slot in std::mem::take(&mut self.spawns) {
            if old_rows.get(slot.row) == self.definition().spawns.get(slot.row) {
                kept.entry(slot.row).or_default().push(slot);
            } else if let Some(entity) = slot.entity {
                self.despawn(entity);
            }
        }
        self.plan_spawns();
        for slot in &mut self.spawns {
            if let Some(old) = kept.get_mut(&slot.row).and_then(Vec::pop) {
                *slot = old;
            }
        }
        for (index, slot) in self.spawns.iter().enumerate() {
            let Some(entity) = slot.entity.and_then(|id| self.entities.entry_mut(id)) else { continue };
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            mind.spawned_by = SpawnedBy::Place(index as u32);
        }
    }

    /// Gives all NPCs the numbers of the new definitions; who is in none of them leaves.
    pub(crate) fn refit_npcs(&mut self) {
        let mut gone = Vec::new();
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &entity.kind else { continue };
            let Some(npc) = self.content.npcs.get(&mind.template) else {
                gone.push(entity.id);
                continue;
            };
            entity.stats = npc.stats;
            entity.level = npc.level;
            entity.health = entity.health.min(npc.stats.health);
            entity.changes.add(Changes::LEVEL);
            entity.changes.add(Changes::HEALTH);
        }
        for id in gone {
            self.despawn(id);
        }
    }

    pub(crate) fn spawn_due(&mut self) {
        for index in 0..self.spawns.len() {
            let slot = &self.spawns[index];
            if slot.entity.is_none()
                && slot.due <= self.tick
                && self.entities.len() < limits::ENTITIES_PER_ZONE
            {
                let entity = self.spawn_planned(slot.row, index);
                self.spawns[index].entity = Some(entity);
            }
        }
    }

    fn spawn_planned(&mut self, row: usize, place: usize) -> EntityId {
        let spawn = &self.definition().spawns[row];
        let (template, at, radius_mm) = (spawn.npc, spawn.at, spawn.radius_mm);
        let mut rng = Rng(fork(self.seed, self.tick, place as u64, Purpose::Spawn));
        let home = self.scatter(at, radius_mm, &mut rng);
        self.spawn_npc(template, home, SpawnedBy::Place(place as u32))
    }

    /// A place of the zone at most `radius_mm` from `at` in each direction.
    pub(crate) fn scatter(&self, at: Position, radius_mm: u32, rng: &mut Rng) -> Position {
        let zone = self.definition();
        let mut spread =
            || rng.below(radius_mm.saturating_mul(2).saturating_add(1)) as i32 - radius_mm as i32;
        Position {
            x_mm: at.x_mm.saturating_add(spread()).clamp(0, zone.width_mm),
            y_mm: at.y_mm.saturating_add(spread()).clamp(0, zone.height_mm),
        }
    }

    /// Puts an NPC of a template that there is into the zone.
    pub(crate) fn spawn_npc(&mut self, template: DefId, home: Position, spawned_by: SpawnedBy) -> EntityId {
        let id = self.next_id();
        let npc = &self.content.npcs[&template];
        let mind = NpcMind {
            template,
            spawned_by,
            home,
            state: NpcState::Idle,
            state_since: self.tick,
            memory: Kept::new(0, self.schema_of(npc.script)),
            target: EntityId::NONE,
            destination: home,
            speed_permille: 0,
            threat: BTreeMap::new(),
            fight: None,
        };
        self.entities.push(Entity {
            id,
            kind: EntityKind::Npc(Box::new(mind)),
            at: home,
            level: npc.level,
            health: npc.stats.health,
            mana: npc.stats.mana,
            energy: npc.stats.energy,
            stats: npc.stats,
            statuses: Vec::new(),
            cooldowns: BTreeMap::new(),
            last_action: None,
            last_combat: None,
            changes: Changes::SPAWNED,
        });
        id
    }

    /// Frees the place of a dead NPC; the next one comes after the row's time.
    pub(crate) fn vacate(&mut self, place: u32) {
        let (tick, rows) = (self.tick, &self.content.zones[&self.zone].spawns);
        if let Some(slot) = self.spawns.get_mut(place as usize) {
            let respawn_ms = rows.get(slot.row).map_or(0, |row| row.respawn_ms);
            slot.entity = None;
            slot.due = tick + u64::from(self.sky.respawn_ms(respawn_ms).div_ceil(self.tick_ms)).max(1);
        }
    }

    /// Asks the scripts of all NPCs whose turn it is. A zone without characters does not think.
    pub(crate) fn think(&mut self, rules: &mut dyn Rules) {
        if self.characters.is_empty() {
            return;
        }
        let mut by_script: BTreeMap<DefId, [Vec<Perception>; 2]> = BTreeMap::new();
        for entity in self.entities.iter() {
            let EntityKind::Npc(mind) = &entity.kind else { continue };
            let fighting = mind.target != EntityId::NONE || !mind.threat.is_empty();
            let turn = fighting || (self.tick + entity.id.0).is_multiple_of(PEACE_INTERVAL);
            if turn
                && entity.is_alive()
                && let Some(npc) = self.content.npcs.get(&mind.template)
                && mind.memory.schema == self.schema_of(npc.script)
            {
                let crowd = by_script.entry(npc.script).or_default();
                crowd[usize::from(!fighting)].push(self.perceive(entity, mind));
            }
        }
        let ctx = self.context();
        let mut answers = Vec::new();
        for (script, [mut perceptions, peaceful]) in by_script {
            // Last, so that they are the first to wait where a script has used up its share of the tick.
            perceptions.extend(peaceful);
            rules.think(&ctx, script, &perceptions, &mut answers);
            assert_eq!(answers.len(), perceptions.len(), "one decision per perception");
            for (perception, answer) in perceptions.iter().zip(&answers) {
                self.obey(perception, answer);
            }
        }
    }

    fn perceive(&self, entity: &Entity, mind: &NpcMind) -> Perception {
        let npc = &self.content.npcs[&mind.template];
        let target = self.most_threatening(mind).and_then(|id| self.entities.entry(id));
        let (nearest, nearest_distance_mm) = self.nearest_enemy(entity, npc.hostile, npc.aggro_mm);
        let (friends_fighting, friends_idle) =
            if target.is_some() && npc.hostile { self.count_friends(entity) } else { (0, 0) };
        let ready = |ability: DefId| {
            let at = entity.cooldowns.get(&ability).copied().unwrap_or(0);
            at.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32
        };
        let gap = u64::from(self.ticks(limits::ACTION_GAP_MS));
        let next_action = entity.last_action.map_or(0, |at| at + gap);
        Perception {
            id: entity.id,
            template: mind.template,
            level: entity.level,
            state: mind.state,
            state_ticks: (self.tick - mind.state_since).min(u64::from(u32::MAX)) as u32,
            memory: mind.memory.value,
            health_permille: permille(entity),
            at: entity.at,
            home: mind.home,
            distance_home_mm: entity.at.distance_mm(mind.home),
            target: target.map_or(EntityId::NONE, |target| target.id),
            target_at: target.map_or(entity.at, |target| target.at),
            target_distance_mm: target.map_or(0, |target| entity.at.distance_mm(target.at)),
            target_health_permille: target.map_or(0, permille),
            nearest,
            nearest_distance_mm,
            friends_fighting,
            friends_idle,
            stunned: self.is_stunned(entity),
            ready_in_ticks: next_action.saturating_sub(self.tick) as u32,
            aggro_mm: npc.aggro_mm,
            leash_mm: npc.leash_mm,
            wander_mm: npc.wander_mm,
            reach_mm: self.content.abilities.get(&npc.basic).map_or(0, |ability| ability.range_mm),
            flee_below_permille: npc.flee_below_permille,
            basic: npc.basic,
            special: npc.special,
            special_ready_in_ticks: ready(npc.special),
            seed: fork(self.seed, self.tick, entity.id.0, Purpose::Think),
        }
    }

    /// The living enemy with the most threat; the elder one where two have the same.
    pub(crate) fn most_threatening(&self, mind: &NpcMind) -> Option<EntityId> {
        let alive = |id: &EntityId| self.entities.entry(*id).is_some_and(Entity::is_alive);
        let candidates = mind.threat.iter().filter(|(id, _)| alive(id));
        candidates.max_by_key(|(id, threat)| (**threat, std::cmp::Reverse(**id))).map(|(id, _)| *id)
    }

    fn nearest_enemy(&self, entity: &Entity, hostile: bool, aggro_mm: u32) -> (EntityId, u32) {
        let mut nearest = (u32::MAX, EntityId::NONE);
        if hostile && aggro_mm > 0 {
            self.grid.within(entity.at, aggro_mm, |point| {
                let candidate = (entity.at.distance_mm(point.at), point.id);
                if candidate < nearest
                    && self.entities.entry(point.id).is_some_and(|other| {
                        matches!(other.kind, EntityKind::Character(_)) && other.is_alive()
                    })
                {
                    nearest = candidate;
                }
            });
        }
        let (distance, id) = nearest;
        (id, if id == EntityId::NONE { 0 } else { distance })
    }

    /// Hostile NPCs are one side: whatever their template, they come to each other's help.
    /// Peaceful ones cannot be attacked and have nobody to call.
    fn is_hostile(&self, mind: &NpcMind) -> bool {
        self.content.npcs.get(&mind.template).is_some_and(|npc| npc.hostile)
    }

    /// Friends of a hostile NPC within call: how many fight, how many do not.
    fn count_friends(&self, entity: &Entity) -> (u32, u32) {
        let (mut fighting, mut idle) = (0, 0);
        self.grid.within(entity.at, limits::CALL_RANGE_MM, |point| {
            if point.id != entity.id
                && let Some(other) = self.entities.entry(point.id)
                && let EntityKind::Npc(friend) = &other.kind
                && other.is_alive()
                && self.is_hostile(friend)
            {
                if is_idle(friend) { idle += 1 } else { fighting += 1 }
            }
        });
        (fighting, idle)
    }

    /// Applies one decision, checked: a target must be one that was shown, a place in the zone, an
    /// ability the NPC's own.
    fn obey(&mut self, seen: &Perception, answer: &Answer<Decision>) {
        let decision = &answer.value;
        let (width, height) = (self.definition().width_mm, self.definition().height_mm);
        let tick = self.tick;
        let target = if decision.target == seen.target || decision.target == seen.nearest {
            decision.target
        } else {
            EntityId::NONE
        };
        let Some(entity) = self.entities.entry_mut(seen.id) else { return };
        let EntityKind::Npc(mind) = &mut entity.kind else { return };
        if mind.state != decision.state {
            mind.state = decision.state;
            mind.state_since = tick;
            entity.changes.add(Changes::STATE);
        }
        if mind.target != target {
            mind.target = target;
            entity.changes.add(Changes::STATE);
        }
        if decision.state == NpcState::ReturnHome {
            mind.threat.clear();
            mind.target = EntityId::NONE;
        } else if target != EntityId::NONE && mind.threat.len() < limits::THREAT_ENTRIES {
            mind.threat.entry(target).or_insert(1);
        }
        if mind.memory.value != decision.memory {
            mind.memory.change(decision.memory);
        }
        mind.destination = Position {
            x_mm: decision.destination.x_mm.clamp(0, width),
            y_mm: decision.destination.y_mm.clamp(0, height),
        };
        mind.speed_permille = decision.speed_permille.min(1_500);
        if target == EntityId::NONE {
            return;
        }
        if decision.call_for_help && self.content.npcs.get(&seen.template).is_some_and(|npc| npc.hostile) {
            self.call_friends(seen, target);
        }
        let ability = decision.ability;
        if ability != DefId::NONE && (ability == seen.basic || ability == seen.special) {
            let kind = self.content.abilities.get(&ability).map_or(AbilityTarget::Enemy, |a| a.target);
            let target = if kind == AbilityTarget::Enemy { target } else { seen.id };
            if self.check_target(seen.id, target, kind).is_ok() {
                self.scratch.casts.push(CastRequest { caster: seen.id, target, ability, reply_to: None });
            }
        }
    }

    /// Idle friends of a hostile NPC turn against `target`; those that fight go on as they do.
    fn call_friends(&mut self, caller: &Perception, target: EntityId) {
        let mut near = std::mem::take(&mut self.scratch.near);
        self.grid.within(caller.at, limits::CALL_RANGE_MM, |point| {
            if let Some(other) = self.entities.entry(point.id)
                && let EntityKind::Npc(friend) = &other.kind
                && point.id != caller.id
                && other.is_alive()
                && self.is_hostile(friend)
                && is_idle(friend)
            {
                near.push(point.id);
            }
        });
        for id in near.drain(..) {
            if let Some(Entity { kind: EntityKind::Npc(friend), .. }) = self.entities.entry_mut(id) {
                friend.threat.insert(target, 1);
            }
        }
        self.scratch.near = near;
    }
}

/// Has nobody to fight: neither chosen nor feared.
fn is_idle(mind: &NpcMind) -> bool {
    mind.target == EntityId::NONE && mind.threat.is_empty()
}

/// Health as a share of the most.
pub(crate) fn permille(entity: &Entity) -> u32 {
    let most = i64::from(entity.stats.health.max(1));
    (i64::from(entity.health) * 1_000 / most).clamp(0, 1_000) as u32
}
