//! Walking: what a client may claim, how NPCs get to where they want, and the ways between zones.

use crate::content::{Content, Deed, Position};
use crate::entity::{Changes, Entity, EntityKind};
use crate::ids::{CharacterId, DefId};
use crate::limits::{MOVE_CREDIT_MS, MOVE_TOLERANCE_PERMILLE, UNCHANGED_PERMILLE};
use crate::output::{DepartureKind, Notice, Output};
use crate::world::World;
use std::collections::BTreeSet;

/// Movement one tick of `tick_ms` allows at a speed, tolerance included.
fn credit_per_tick_mm(speed_mm_s: u32, tick_ms: u32) -> u32 {
    let tolerated = u64::from(speed_mm_s) * u64::from(1_000 + MOVE_TOLERANCE_PERMILLE) / 1_000;
    (tolerated * u64::from(tick_ms)).div_ceil(1_000) as u32
}

/// The most movement that can be saved up.
pub(crate) fn full_credit_mm(speed_mm_s: u32) -> u32 {
    credit_per_tick_mm(speed_mm_s, MOVE_CREDIT_MS)
}

/// Share of its full speed an entity's statuses leave it; 0 is rooted or stunned.
pub(crate) fn speed_permille(content: &Content, entity: &Entity) -> u32 {
    let statuses = entity.statuses.iter().filter_map(|instance| content.statuses.get(&instance.status));
    statuses.map(|status| if status.stun { 0 } else { status.speed_permille }).min().unwrap_or(1_000)
}

/// The place `step_mm` further on the straight way to `goal`.
fn toward(from: Position, goal: Position, step_mm: u32) -> Position {
    let distance = i64::from(from.distance_mm(goal));
    let step = i64::from(step_mm);
    if distance <= step {
        return goal;
    }
    let part = |from: i32, goal: i32| {
        (i64::from(from) + (i64::from(goal) - i64::from(from)) * step / distance) as i32
    };
    Position { x_mm: part(from.x_mm, goal.x_mm), y_mm: part(from.y_mm, goal.y_mm) }
}

impl World {
    pub(crate) fn save_movement_credit(&mut self) {
        let speed = self.definition().max_speed_mm_s;
        let most = full_credit_mm(speed);
        for character in self.characters.values_mut() {
            let Some(entity) = self.entities.entry(character.entity) else { continue };
            let allowed = u64::from(speed) * u64::from(speed_permille(&self.content, entity)) / 1_000;
            let gained = credit_per_tick_mm(allowed as u32, self.tick_ms);
            character.credit_mm = (character.credit_mm + gained).min(most);
        }
    }

    /// Accepts a movement or says where the character really is. Older sequence numbers are ignored.
    pub(crate) fn move_character(&mut self, id: CharacterId, seq: u32, to: Position, out: &mut Output) {
        let (width, height) = (self.definition().width_mm, self.definition().height_mm);
        let Some(character) = self.characters.get_mut(&id) else { return };
        if seq <= character.last_seq {
            return;
        }
        character.last_seq = seq;
        let Some(entity) = self.entities.entry_mut(character.entity) else { return };
        if entity.at == to {
            return;
        }
        let inside = (0..=width).contains(&to.x_mm) && (0..=height).contains(&to.y_mm);
        let distance = entity.at.distance_mm(to);
        let free = entity.is_alive() && speed_permille(&self.content, entity) > 0;
        if inside && free && distance <= character.credit_mm {
            character.credit_mm -= distance;
            entity.at = to;
            entity.changes.add(Changes::PLACE);
        } else {
            let at = entity.at;
            Self::notify(out, id, Notice::Corrected { seq, at });
        }
    }

    pub(crate) fn walk_npcs(&mut self) {
        let content = &self.content;
        let (width, height) = {
            let zone = &content.zones[&self.zone];
            (zone.width_mm, zone.height_mm)
        };
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &entity.kind else { continue };
            if !entity.is_alive() || mind.destination == entity.at || mind.speed_permille == 0 {
                continue;
            }
            let Some(npc) = content.npcs.get(&mind.template) else { continue };
            let share =
                u64::from(speed_permille(content, entity).min(1_000)) * u64::from(mind.speed_permille);
            let haste = mind.fight.as_ref().map_or(UNCHANGED_PERMILLE, |fight| fight.speed_permille);
            let speed = u64::from(npc.speed_mm_s) * share / 1_000_000 * u64::from(haste) / 1_000;
            let step = (speed * u64::from(self.tick_ms) / 1_000) as u32;
            if step == 0 {
                continue;
            }
            let next = toward(entity.at, mind.destination, step);
            entity.at = Position { x_mm: next.x_mm.clamp(0, width), y_mm: next.y_mm.clamp(0, height) };
            entity.changes.add(Changes::PLACE);
        }
    }

    /// Characters that walked into a named place, or into a way out of the zone.
    pub(crate) fn cross(&mut self, out: &mut Output) {
        let mut reached: Vec<(CharacterId, DefId)> = Vec::new();
        let mut crossed: Vec<(CharacterId, DefId, Position)> = Vec::new();
        let zone = &self.content.zones[&self.zone];
        for (id, character) in &mut self.characters {
            let Some(entity) = self.entities.entry(character.entity) else { continue };
            if !entity.changes.has(Changes::PLACE) && !entity.changes.has(Changes::SPAWNED) {
                continue;
            }
            let inside: BTreeSet<DefId> =
                zone.places.iter().filter(|(_, p)| p.area.contains(entity.at)).map(|(id, _)| *id).collect();
            reached.extend(inside.difference(&character.places).map(|place| (*id, *place)));
            character.places = inside;
            let way = zone.crossings.iter().find(|crossing| crossing.area.contains(entity.at));
            // Who arrives inside a crossing must be able to walk away from it.
            if let Some(way) = way
                && entity.is_alive()
                && entity.changes.has(Changes::PLACE)
            {
                crossed.push((*id, way.to, way.arrive));
            }
        }
        for (id, place) in reached {
            self.deed(id, Deed::Reach, place, 1);
        }
        for (id, to, arrive) in crossed {
            self.depart(id, DepartureKind::Crossed, out, |state| {
                state.zone = to;
                state.at = Some(arrive);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_at_the_goal_and_never_beyond() {
        let from = Position::units(0, 0);
        let goal = Position::units(3, 4);
        assert_eq!(toward(from, goal, 2_500), Position { x_mm: 1_500, y_mm: 2_000 });
        assert_eq!(toward(from, goal, 5_000), goal);
        assert_eq!(toward(from, goal, 9_000), goal);
        assert_eq!(toward(goal, goal, 0), goal);
    }
}
