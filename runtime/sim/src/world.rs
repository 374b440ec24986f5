//! The zone itself: all state, and the step.

use crate::content::Content;
use crate::entity::Entity;
use crate::ids::{CharacterId, DefId, EntityId};
use crate::input::{CharacterState, Input};
use crate::output::{Environment, Output};
use crate::rules::Rules;
use std::sync::Arc;

/// One zone and everything in it.
pub struct World {}

/// A character while it is in the zone.
pub struct Character {
    /// Its entity.
    pub entity: EntityId,
    /// What is kept of it. `level`, `experience`, `gold`, inventory and quests are current; place,
    /// health and mana are those of the entity.
    pub state: CharacterState,
    /// Sequence number of the last accepted movement.
    pub last_seq: u32,
}

impl World {
    /// An empty zone with its NPCs about to spawn. `tick` continues the count of an earlier run,
    /// so that the time of day goes on.
    ///
    /// # Panics
    /// If `zone` is not in `content`.
    pub fn new(zone: DefId, content: Arc<Content>, seed: u64, tick: u64, tick_ms: u32) -> Self {
        let _ = (zone, content, seed, tick, tick_ms);
        Self {}
    }

    /// One tick: admit inputs, let scripts decide, apply, derive. `out` is cleared first.
    pub fn step(&mut self, inputs: &mut Vec<Input>, rules: &mut dyn Rules, out: &mut Output) {
        let _ = (inputs, rules, out);
    }

    /// Replaces the definitions between two steps (part of a generation swap). Entities whose
    /// definition is gone leave with the next step.
    pub fn swap_content(&mut self, content: Arc<Content>) {
        let _ = content;
    }

    /// Ticks since the zone's first start.
    pub fn tick(&self) -> u64 {
        0
    }

    /// `zone/NAME`.
    pub fn zone(&self) -> DefId {
        DefId::NONE
    }

    /// Definitions in force.
    pub fn content(&self) -> &Arc<Content> {
        unimplemented!()
    }

    /// A number that two worlds share exactly when their whole state is the same.
    pub fn digest(&self) -> u64 {
        0
    }

    /// Characters in the zone.
    pub fn population(&self) -> usize {
        0
    }

    /// Time and sky.
    pub fn environment(&self) -> Environment {
        unimplemented!()
    }

    /// All entities, oldest first.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        std::iter::empty()
    }

    /// Entities that were in the zone before the last step and are no longer.
    pub fn despawned(&self) -> &[EntityId] {
        &[]
    }

    /// One entity.
    pub fn entity(&self, id: EntityId) -> Option<&Entity> {
        let _ = id;
        None
    }

    /// A character in the zone.
    pub fn character(&self, id: CharacterId) -> Option<&Character> {
        let _ = id;
        None
    }

    /// Whether `observer` is shown `subject` (both in the zone).
    /// Collects what the entity `observer` is shown into `out`, sorted by id, itself included.
    /// Uses the grid built at the end of the last step.
    pub fn visible(&self, observer: EntityId, out: &mut Vec<EntityId>) {
        let _ = (observer, out);
    }

    /// Everything kept of all characters in the zone, with current place, for checkpoints.
    pub fn checkpoint(&self) -> Vec<CharacterState> {
        Vec::new()
    }
}
