//! The entities of a zone in one list, oldest first.
//!
//! Ids only grow, so appending keeps the list sorted: lookups are binary searches, walks are linear
//! and their order is the order of birth on every machine.

use crate::entity::Entity;
use crate::ids::EntityId;
use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, Default, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Entities(Vec<Entity>);

impl Entities {
    fn index(&self, id: EntityId) -> Option<usize> {
        self.0.binary_search_by_key(&id, |entity| entity.id).ok()
    }

    pub(crate) fn entry(&self, id: EntityId) -> Option<&Entity> {
        self.index(id).map(|index| &self.0[index])
    }

    pub(crate) fn at(&self, index: u32) -> Option<&Entity> {
        self.0.get(index as usize)
    }

    pub(crate) fn entry_mut(&mut self, id: EntityId) -> Option<&mut Entity> {
        self.index(id).map(|index| &mut self.0[index])
    }

    /// Appends an entity.
    ///
    /// # Panics
    /// If its id is not greater than all before it: ids are handed out in one place, counting up.
    pub(crate) fn push(&mut self, entity: Entity) {
        assert!(self.0.last().is_none_or(|last| last.id < entity.id), "entity ids only grow");
        self.0.push(entity);
    }

    pub(crate) fn remove(&mut self, id: EntityId) -> Option<Entity> {
        self.index(id).map(|index| self.0.remove(index))
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Entity> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entity> {
        self.0.iter_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
