//! Characters: coming in, going out, what they are worth in a fight, levels, death and return.

use crate::chat::Voice;
use crate::content::Stats;
use crate::entity::{Changes, Entity, EntityKind, StatusInstance};
use crate::ids::{CharacterId, EntityId};
use crate::input::{CharacterState, Condition, StatusLeft};
use crate::inventory::Cause;
use crate::limits;
use crate::output::{Departure, DepartureKind, FactKind, Notice, Output, Reason, Rejection, Reply};
use crate::rules::{Occasion, Origin, Rules};
use crate::world::{Character, World};
use std::collections::{BTreeMap, BTreeSet};

/// Ticks without a blow until wounds begin to close, in milliseconds.
const OUT_OF_COMBAT_MS: u32 = 5_000;

impl World {
    /// Fighting numbers of a character: class, level and what it wears.
    fn stats_of(&self, state: &CharacterState) -> Stats {
        let mut stats = self.ladder.stats(state.class, state.level);
        for item in state.equipment.values() {
            if let Some(item) = self.content.items.get(item) {
                stats = stats.plus(&item.bonus, 1);
            }
        }
        stats.health = stats.health.max(1);
        stats
    }

    pub(crate) fn enter(&mut self, mut state: CharacterState, out: &mut Output) {
        let definition = self.definition();
        let full = self.characters.len() >= definition.population_cap as usize
            || self.entities.len() >= limits::ENTITIES_PER_ZONE;
        if full || self.characters.contains_key(&state.id) {
            let state = Box::new(state);
            out.departures.push(Departure { state, last_seq: 0, kind: DepartureKind::Refused });
            return;
        }
        let at = state.at.unwrap_or(definition.entrance);
        let at = crate::content::Position {
            x_mm: at.x_mm.clamp(0, definition.width_mm),
            y_mm: at.y_mm.clamp(0, definition.height_mm),
        };
        let max_speed = definition.max_speed_mm_s;
        let id = self.next_id();
        let stats = self.stats_of(&state);
        // Who logged out dead comes back alive at the entrance.
        let dead = state.health == Some(0);
        let health =
            if dead { stats.health } else { state.health.unwrap_or(stats.health).clamp(1, stats.health) };
        let at = if dead { self.definition().entrance } else { at };
        state.zone = self.zone;
        self.entities.push(Entity {
            id,
            kind: EntityKind::Character(state.id),
            at,
            level: state.level,
            health,
            mana: state.mana.unwrap_or(stats.mana).clamp(0, stats.mana),
            energy: stats.energy,
            stats,
            statuses: Vec::new(),
            cooldowns: BTreeMap::new(),
            last_action: None,
            last_combat: None,
            changes: Changes::SPAWNED,
        });
        self.note_visit(Occasion::Entered, id, state.level);
        let condition = state.condition.take();
        let voice = condition.as_ref().map_or_else(Voice::default, |c| Voice::resumed(c, self.tick));
        if let Some(condition) = condition.filter(|_| !dead) {
            self.resume(id, condition);
        }
        let character = Character {
            entity: id,
            last_seq: 0,
            credit_mm: crate::movement::full_credit_mm(max_speed),
            respawn_at: None,
            dialog: None,
            voice,
            places: BTreeSet::new(),
            state,
        };
        self.characters.insert(character.state.id, character);
    }

    /// Takes a character out of the zone. Where it is becomes a fact of this tick.
    pub(crate) fn depart(
        &mut self,
        id: CharacterId,
        kind: DepartureKind,
        out: &mut Output,
        redirect: impl FnOnce(&mut CharacterState),
    ) {
        self.leave_duels(id, out);
        let Some(character) = self.characters.get(&id) else { return };
        let mut state = self.kept(character);
        redirect(&mut state);
        let (entity, last_seq, level) = (character.entity, character.last_seq, character.state.level);
        self.note_visit(Occasion::Left, entity, level);
        self.despawn(entity);
        self.characters.remove(&id);
        for inquiry in self.inquiries.extract_if(.., |inquiry| inquiry.character == id) {
            if let Some(request) = inquiry.request {
                out.replies.push(Reply::new(id, request, Err(Rejection::NotInZone)));
            }
        }
        let at = state.at.unwrap_or(self.definition().entrance);
        let whereabouts = FactKind::Whereabouts {
            zone: state.zone,
            at,
            health: state.health.unwrap_or(1),
            mana: state.mana.unwrap_or(0),
        };
        let origin = self.content_origin();
        Self::fact(out, id, origin, None, whereabouts);
        out.departures.push(Departure { state: Box::new(state), last_seq, kind });
    }

    /// A character as it is kept: its state with the place, health and mana of its entity.
    pub(crate) fn kept(&self, character: &Character) -> CharacterState {
        let mut state = character.state.clone();
        if let Some(entity) = self.entities.entry(character.entity) {
            state.at = Some(entity.at);
            state.health = Some(entity.health);
            state.mana = Some(entity.mana);
            state.condition = Some(self.condition(entity, &character.voice));
        }
        state.zone = self.zone;
        state
    }

    /// What goes along into another zone, in ticks from now: each zone counts its own.
    fn condition(&self, entity: &Entity, voice: &Voice) -> Condition {
        let left = |tick: u64| tick.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32;
        Condition {
            energy: entity.energy,
            cooldowns: entity.cooldowns.iter().map(|(ability, ready)| (*ability, left(*ready))).collect(),
            statuses: entity
                .statuses
                .iter()
                .map(|s| StatusLeft { status: s.status, stacks: s.stacks, ticks: left(s.until) })
                .collect(),
            strikes: voice.strikes,
            silent_ticks: voice.silent_ticks(self.tick),
        }
    }

    fn resume(&mut self, id: EntityId, condition: Condition) {
        let tick = self.tick;
        let Some(entity) = self.entities.entry_mut(id) else { return };
        entity.energy = condition.energy.clamp(0, entity.stats.energy);
        entity.cooldowns = condition
            .cooldowns
            .into_iter()
            .map(|(ability, left)| (ability, tick + u64::from(left)))
            .collect();
        let statuses = condition.statuses.into_iter().take(limits::STATUSES_PER_ENTITY);
        entity.statuses = statuses
            .map(|left| StatusInstance {
                status: left.status,
                // Who put it there stayed behind.
                source: EntityId::NONE,
                stacks: left.stacks,
                since: tick,
                until: tick + u64::from(left.ticks),
            })
            .collect();
    }

    /// Computes the fighting numbers of a character again, after a change of level or equipment.
    pub(crate) fn refresh_stats(&mut self, id: CharacterId) {
        let Some(character) = self.characters.get(&id) else { return };
        let stats = self.stats_of(&character.state);
        let level = character.state.level;
        let Some(entity) = self.entities.entry_mut(character.entity) else { return };
        if (entity.level, entity.stats) == (level, stats) {
            return;
        }
        entity.level = level;
        entity.health = entity.health.min(stats.health);
        entity.mana = entity.mana.min(stats.mana);
        entity.energy = entity.energy.min(stats.energy);
        entity.stats = stats;
        entity.changes.add(Changes::LEVEL);
        entity.changes.add(Changes::HEALTH);
        entity.changes.add(Changes::RESOURCES);
    }

    /// Gives health and mana; returns the health gained.
    pub(crate) fn restore(&mut self, id: EntityId, health: i32, mana: i32) -> i32 {
        let Some(entity) = self.entities.entry_mut(id).filter(|entity| entity.is_alive()) else { return 0 };
        let before = entity.health;
        entity.health = before.saturating_add(health).clamp(0, entity.stats.health);
        entity.mana = entity.mana.saturating_add(mana).clamp(0, entity.stats.mana);
        if health != 0 {
            entity.changes.add(Changes::HEALTH);
        }
        if mana != 0 {
            entity.changes.add(Changes::RESOURCES);
        }
        entity.health - before
    }

    /// Experience, with the levels it makes.
    pub(crate) fn gain_experience(&mut self, id: CharacterId, gained: u64, cause: Cause, out: &mut Output) {
        let Some(character) = self.characters.get_mut(&id) else { return };
        let state = &mut character.state;
        let before = state.level;
        let top = self.ladder.top();
        state.experience = state.experience.saturating_add(gained);
        while state.level < top && state.experience >= self.ladder.to_next(state.level) {
            state.experience -= self.ladder.to_next(state.level);
            state.level += 1;
        }
        if state.level >= top {
            state.experience = 0;
        }
        let kind = FactKind::Experience {
            delta: gained.min(i64::MAX as u64) as i64,
            reason: cause.reason,
            level: state.level,
            experience: state.experience,
        };
        let (levelled, entity) = (state.level > before, character.entity);
        Self::fact(out, id, cause.origin, cause.request, kind);
        if levelled {
            self.refresh_stats(id);
            self.restore(entity, i32::MAX, i32::MAX);
        }
    }

    /// What a death takes: no more than there is of the level, never the level itself.
    pub(crate) fn lose_experience(&mut self, id: CharacterId, lost: u64, origin: Origin, out: &mut Output) {
        let Some(character) = self.characters.get_mut(&id) else { return };
        let state = &mut character.state;
        let lost = lost.min(state.experience).min(i64::MAX as u64);
        if lost > 0 {
            state.experience -= lost;
            let kind = FactKind::Experience {
                delta: -(lost as i64),
                reason: Reason::Death,
                level: state.level,
                experience: state.experience,
            };
            Self::fact(out, id, origin, None, kind);
        }
    }

    pub(crate) fn respawn_due(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let (tick, entrance) = (self.tick, self.definition().entrance);
        let mut returned = Vec::new();
        for (id, character) in &mut self.characters {
            if character.respawn_at.is_none_or(|at| at > tick) {
                continue;
            }
            character.respawn_at = None;
            let Some(entity) = self.entities.entry_mut(character.entity) else { continue };
            entity.at = entrance;
            entity.health = entity.stats.health;
            entity.mana = entity.stats.mana;
            entity.energy = entity.stats.energy;
            entity.last_combat = None;
            entity.changes.add(Changes::PLACE);
            entity.changes.add(Changes::HEALTH);
            entity.changes.add(Changes::RESOURCES);
            // The first says that it is not the client's fault that it is elsewhere.
            Self::notify(out, *id, Notice::Respawned);
            Self::notify(out, *id, Notice::Corrected { seq: character.last_seq, at: entrance });
            returned.push(*id);
        }
        self.charge_returns(&returned, rules, out);
    }

    /// Once a second, each entity in its own tick of that second.
    pub(crate) fn regenerate(&mut self) {
        let second = u64::from(self.ticks(1_000));
        let calm = u64::from(self.ticks(OUT_OF_COMBAT_MS));
        for entity in self.entities.iter_mut() {
            if !(self.tick + entity.id.0).is_multiple_of(second) || !entity.is_alive() {
                continue;
            }
            let fighting = entity.last_combat.is_some_and(|at| at + calm > self.tick);
            let (health, mana, energy) = match &entity.kind {
                EntityKind::Character(id) => {
                    let class =
                        self.characters.get(id).and_then(|c| self.content.classes.get(&c.state.class));
                    let Some(class) = class else { continue };
                    let health = if fighting { 0 } else { class.health_regen_permille };
                    (health, class.mana_regen_permille, class.energy_regen_permille)
                }
                EntityKind::Npc(mind) if mind.target == EntityId::NONE => (100, 100, 100),
                EntityKind::Npc(_) | EntityKind::Item { .. } => (0, 20, 50),
            };
            let grow = |now: &mut i32, most: i32, permille: u32| {
                let gain = ((i64::from(most) * i64::from(permille) + 999) / 1_000) as i32;
                let before = *now;
                *now = now.saturating_add(gain).min(most);
                *now != before
            };
            if grow(&mut entity.health, entity.stats.health, health) {
                entity.changes.add(Changes::HEALTH);
            }
            let mana = grow(&mut entity.mana, entity.stats.mana, mana);
            let energy = grow(&mut entity.energy, entity.stats.energy, energy);
            if mana || energy {
                entity.changes.add(Changes::RESOURCES);
            }
        }
    }
}
