//! Death: rewards for the killers, a grave for the NPC, a wait for the character.

use crate::content::Position;
use crate::entity::{Changes, Entity, EntityKind, NpcMind};
use crate::ids::{CharacterId, DefId, EntityId};
use crate::inventory::Cause;
use crate::limits;
use crate::output::{Event, EventKind, FactKind, Notice, Output, Reason};
use crate::rng::{Purpose, Rng, fork};
use crate::rules::Origin;
use crate::world::World;

/// Somebody whose health reached 0 in this step.
pub(crate) struct Death {
    pub(crate) entity: EntityId,
    pub(crate) killer: EntityId,
    pub(crate) origin: Origin,
}

impl World {
    /// What deaths bring: rewards for the killers, a grave for the NPC, a wait for the character.
    pub(crate) fn bury(&mut self, out: &mut Output) {
        let mut deaths = std::mem::take(&mut self.scratch.deaths);
        for death in deaths.drain(..) {
            let Some(entity) = self.entities.entry_mut(death.entity) else { continue };
            entity.statuses.clear();
            entity.changes.add(Changes::STATUSES);
            let at = entity.at;
            let kind = EventKind::Death { entity: death.entity, killer: death.killer };
            out.events.push(Event { at: Some(at), origin: death.origin, kind });
            match entity.kind.clone() {
                EntityKind::Character(id) => self.bury_character(id, &death, out),
                EntityKind::Npc(mind) => {
                    self.reward(&mind, death.entity, at, out);
                    self.vacate(mind.spawn);
                    self.despawn(death.entity);
                }
                EntityKind::Item { .. } => {}
            }
        }
        self.scratch.deaths = deaths;
    }

    fn bury_character(&mut self, id: CharacterId, death: &Death, out: &mut Output) {
        let killer = match self.entities.entry(death.killer).map(|killer| &killer.kind) {
            Some(EntityKind::Npc(mind)) => mind.template,
            _ => DefId::NONE,
        };
        let respawn_ticks = self.ticks(self.content.progression.respawn_ms);
        let Some(character) = self.characters.get_mut(&id) else { return };
        character.respawn_at = Some(self.tick + u64::from(respawn_ticks));
        let ended_dialog = character.dialog.take().is_some();
        for entity in self.entities.iter_mut() {
            if let EntityKind::Npc(mind) = &mut entity.kind {
                mind.threat.remove(&death.entity);
            }
        }
        Self::fact(out, id, death.origin, None, FactKind::Died { killer });
        self.lose_experience(id, death.origin, out);
        if ended_dialog {
            Self::notify(out, id, Notice::DialogEnded);
        }
        Self::notify(out, id, Notice::Died { respawn_ticks });
    }

    /// Experience and credit for everybody who took part, gold and loot for who did most.
    fn reward(&mut self, mind: &NpcMind, prey: EntityId, at: Position, out: &mut Output) {
        let template = mind.template;
        let mut fighters: Vec<(CharacterId, EntityId, i64)> = mind
            .threat
            .iter()
            .filter_map(|(entity, threat)| Some((self.character_of(*entity)?, *entity, *threat)))
            .collect();
        fighters.sort_by_key(|(_, entity, threat)| (std::cmp::Reverse(*threat), *entity));
        let Some(&(looter, _, _)) = fighters.first() else { return };
        let Some(npc) = self.content.npcs.get(&template) else { return };
        let (level, experience, gold, loot) = (npc.level, npc.experience, npc.gold, npc.loot);
        let origin = self.content_origin();
        for (id, _, _) in &fighters {
            let character_level = self.characters.get(id).map_or(level, |c| c.state.level);
            let gained = share(experience, level, character_level, fighters.len() as u64);
            if gained > 0 {
                let cause = Cause { origin, request: None, reason: Reason::Kill(template) };
                self.gain_experience(*id, gained, cause, out);
            }
            self.deed(*id, crate::content::Deed::Kill, template, 1);
        }
        let cause = Cause { origin, request: None, reason: Reason::Loot(template) };
        let mut rng = Rng(fork(self.seed, self.tick, prey.0, Purpose::Loot));
        let coins = rng.within(gold.0, gold.1);
        self.change_gold(looter, i64::from(coins), cause, out);
        for (item, count) in self.roll_loot(loot, &mut rng) {
            let left = self.give_items(looter, item, count, cause, out);
            if left > 0 {
                self.spawn_ground_item(item, left, at);
            }
        }
    }

    fn roll_loot(&self, table: DefId, rng: &mut Rng) -> Vec<(DefId, u32)> {
        let Some(table) = self.content.loot_tables.get(&table) else { return Vec::new() };
        let mut drops: Vec<(DefId, u32)> =
            table.always.iter().map(|entry| (entry.item, rng.within(entry.count.0, entry.count.1))).collect();
        let total: u32 = table.entries.iter().map(|entry| entry.weight).sum();
        for _ in 0..table.rolls {
            let mut left = rng.below(total);
            for entry in &table.entries {
                if left < entry.weight {
                    drops.push((entry.item, rng.within(entry.count.0, entry.count.1)));
                    break;
                }
                left -= entry.weight;
            }
        }
        drops.retain(|(item, count)| *item != DefId::NONE && *count > 0);
        drops
    }

    /// Puts an item on the ground; false when the zone is full.
    pub(crate) fn spawn_ground_item(&mut self, item: DefId, count: u32, at: Position) -> bool {
        let litter = self.entities.iter().filter(|e| matches!(e.kind, EntityKind::Item { .. })).count();
        if self.entities.len() >= limits::ENTITIES_PER_ZONE || litter >= limits::GROUND_ITEMS_PER_ZONE {
            return false;
        }
        let id = self.next_id();
        let until = self.tick + u64::from(self.ticks(limits::GROUND_ITEM_MS));
        self.entities.push(Entity {
            id,
            kind: EntityKind::Item { stack: crate::content::ItemCount { item, count }, until },
            at,
            level: 0,
            health: 0,
            mana: 0,
            energy: 0,
            stats: crate::content::Stats::default(),
            statuses: Vec::new(),
            cooldowns: std::collections::BTreeMap::new(),
            last_action: None,
            last_combat: None,
            changes: Changes::SPAWNED,
        });
        true
    }
}

/// Experience of one of `fighters`: less for easy prey (a tenth per level, at least a tenth), more
/// for hard prey (at most half as much again), divided by how many took part.
fn share(experience: u32, prey_level: u32, own_level: u32, fighters: u64) -> u64 {
    let percent = (100 + 10 * (i64::from(prey_level) - i64::from(own_level))).clamp(10, 150) as u64;
    (u64::from(experience) * percent / 100).div_ceil(fighters.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experience_follows_the_difference_of_levels() {
        assert_eq!(share(100, 5, 5, 1), 100);
        assert_eq!(share(100, 5, 20, 1), 10);
        assert_eq!(share(100, 20, 5, 1), 150);
        assert_eq!(share(100, 5, 5, 3), 34);
    }
}
