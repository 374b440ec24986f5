//! Ids: newtypes over numbers, none of which means anything outside its own kind.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// An entity of one zone. Counted up from 1, never reused while the zone runs; 0 means "none".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct EntityId(pub u64);

impl EntityId {
    /// "No entity", as scripts see it.
    pub const NONE: Self = Self(0);

    /// `None` for [`EntityId::NONE`].
    pub fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// A character of an account: the key of its row in the store of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct CharacterId(pub i64);

/// A challenge, and the duel it becomes. Counted up from 1 in each zone, never reused while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct DuelId(pub u64);

impl CharacterId {
    /// "No character": whose the facts of a zone itself are. No row of the store has this key.
    pub const NOBODY: Self = Self(0);
}

/// Names one request of one client, so that its reply finds the way back. Chosen by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct RequestId(pub u64);

/// The first eight bytes of a module's content digest: which code decided something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct ModuleStamp(pub u64);

/// A definition of the content, the hash of `kind/name` ([`def_id`]); 0 means "none".
///
/// Hashes instead of indices: ids stay the same when content is added or reloaded, and scripts
/// compute them at compile time. The content loader refuses a set in which two names collide.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct DefId(pub u32);

impl DefId {
    /// "No definition", as scripts see it.
    pub const NONE: Self = Self(0);

    /// `None` for [`DefId::NONE`].
    pub fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// The id of a definition: FNV-1a, 32 bit, of its kind and name, such as `npc/wolf`.
pub const fn def_id(name: &str) -> DefId {
    let bytes = name.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    DefId(hash)
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CharacterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DuelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
