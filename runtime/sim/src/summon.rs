//! NPCs that no row of the zone's plan has: called by an event or by another NPC, gone for good when they
//! die or are sent away. Their templates are the content's like those of all others.

use crate::content::Position;
use crate::entity::{Entity, EntityKind, SpawnedBy};
use crate::ids::{DefId, EntityId};
use crate::limits::{ENTITIES_PER_ZONE, SUMMONED_PER_SUMMONER};
use crate::rng::{Purpose, Rng, fork};
use crate::world::World;

impl World {
    /// Calls up to `count` NPCs of `npc/NAME` into the zone, at most `radius_mm` from `at`; returns those
    /// that came. None beyond the bounds of the zone and the summoner, none of a template there is not.
    pub(crate) fn summon(
        &mut self,
        npc: DefId,
        count: u32,
        (at, radius_mm): (Position, u32),
        by: SpawnedBy,
    ) -> Vec<EntityId> {
        if !self.content.npcs.contains_key(&npc) {
            return Vec::new();
        }
        let own = SUMMONED_PER_SUMMONER.saturating_sub(self.summoned(by).count());
        let room = ENTITIES_PER_ZONE.saturating_sub(self.entities.len());
        let come = (count as usize).min(own).min(room);
        (0..come)
            .map(|_| {
                let mut rng = Rng(fork(self.seed, self.tick, self.next_entity, Purpose::Summon));
                let home = self.scatter(at, radius_mm, &mut rng);
                self.spawn_npc(npc, home, by)
            })
            .collect()
    }

    /// The NPCs somebody called that are still there, oldest first.
    pub(crate) fn summoned(&self, by: SpawnedBy) -> impl Iterator<Item = &Entity> {
        self.entities.iter().filter(move |entity| came_with(entity, by))
    }

    /// Sends away whom somebody called; returns how many left.
    pub(crate) fn dismiss(&mut self, by: SpawnedBy) -> usize {
        let leaving: Vec<EntityId> = self.summoned(by).map(|entity| entity.id).collect();
        for id in &leaving {
            self.despawn(*id);
        }
        leaving.len()
    }
}

fn came_with(entity: &Entity, by: SpawnedBy) -> bool {
    matches!(&entity.kind, EntityKind::Npc(mind) if mind.spawned_by == by)
}
