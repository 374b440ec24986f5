//! The entities of a zone in one list, oldest first.
//!
//! Ids only grow, so appending keeps the list sorted: lookups are binary searches, walks are linear
//! and their order is the order of birth on every machine.

use crate::entity::Entity;
use crate::ids::EntityId;
use borsh::{BorshDeserialize, BorshSerialize};
use std::hash::{Hash, Hasher};
use std::io;

#[derive(Clone, Debug, Default)]
pub(crate) struct Entities {
    list: Vec<Entity>,
    /// Of the list, in its order: a search looks at these alone, which lie close together.
    ids: Vec<EntityId>,
}

impl From<Vec<Entity>> for Entities {
    fn from(list: Vec<Entity>) -> Self {
        let ids = list.iter().map(|entity| entity.id).collect();
        Self { list, ids }
    }
}

impl Hash for Entities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.list.hash(state);
    }
}

impl BorshSerialize for Entities {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.list.serialize(writer)
    }
}

impl BorshDeserialize for Entities {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Vec::deserialize_reader(reader).map(Self::from)
    }
}

impl Entities {
    fn index(&self, id: EntityId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    pub(crate) fn entry(&self, id: EntityId) -> Option<&Entity> {
        self.index(id).map(|index| &self.list[index])
    }

    pub(crate) fn at(&self, index: u32) -> Option<&Entity> {
        self.list.get(index as usize)
    }

    pub(crate) fn entry_mut(&mut self, id: EntityId) -> Option<&mut Entity> {
        self.index(id).map(|index| &mut self.list[index])
    }

    /// Appends an entity.
    ///
    /// # Panics
    /// If its id is not greater than all before it: ids are handed out in one place, counting up.
    pub(crate) fn push(&mut self, entity: Entity) {
        assert!(self.ids.last().is_none_or(|last| *last < entity.id), "entity ids only grow");
        self.ids.push(entity.id);
        self.list.push(entity);
    }

    pub(crate) fn remove(&mut self, id: EntityId) -> Option<Entity> {
        self.index(id).map(|index| {
            self.ids.remove(index);
            self.list.remove(index)
        })
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Entity> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entity> {
        self.list.iter_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}
