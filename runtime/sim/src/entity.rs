//! Entities: what stands in a zone, as scripts and clients may see it.

use crate::content::{ItemCount, Position, Stats};
pub use crate::encounter::{Course, Fight};
use crate::ids::{CharacterId, DefId, EntityId};
use crate::rules::NpcState;
use crate::state::Kept;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// One thing in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Entity {
    /// Never reused.
    pub id: EntityId,
    /// What it is.
    pub kind: EntityKind,
    /// Where.
    pub at: Position,
    /// 1 and up; 0 for things.
    pub level: u32,
    /// 0 is dead (things have none at all: 0 of 0).
    pub health: i32,
    /// Left mana.
    pub mana: i32,
    /// Left energy.
    pub energy: i32,
    /// Of class or template, level, equipment.
    pub stats: Stats,
    /// What lasts on it, oldest first.
    pub statuses: Vec<StatusInstance>,
    /// First tick at which each ability is ready again.
    pub cooldowns: BTreeMap<DefId, u64>,
    /// Tick of the last action; `None` before the first.
    pub last_action: Option<u64>,
    /// Tick of the last blow given or taken; regeneration waits for it.
    pub last_combat: Option<u64>,
    /// What changed in the last step, for replication.
    pub changes: Changes,
}

/// What an entity is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum EntityKind {
    /// A player's character; its state is in [`crate::World::character`].
    Character(CharacterId),
    /// An NPC.
    Npc(Box<NpcMind>),
    /// Something on the ground.
    Item {
        /// What.
        stack: ItemCount,
        /// Tick at which it disappears.
        until: u64,
    },
}

/// Whom an NPC came with: who fills its place again, and who sends it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum SpawnedBy {
    /// The place with this index in the zone's plan, which is filled again after its death.
    Place(u32),
    /// The event `event/NAME`.
    Event(DefId),
    /// Another NPC, which may be gone.
    Npc(EntityId),
}

/// What the host keeps for an NPC between the decisions of its script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct NpcMind {
    /// `npc/NAME`.
    pub template: DefId,
    /// Whom it came with.
    pub spawned_by: SpawnedBy,
    /// Where it belongs.
    pub home: Position,
    /// What it is doing.
    pub state: NpcState,
    /// Since when.
    pub state_since: u64,
    /// The script's own number.
    pub memory: Kept<i64>,
    /// Whom it fights, [`EntityId::NONE`] for nobody.
    pub target: EntityId,
    /// Where it walks.
    pub destination: Position,
    /// How fast, permille of its full speed.
    pub speed_permille: u32,
    /// Enemies and their threat.
    pub threat: BTreeMap<EntityId, i64>,
    /// Its fight, while it has one and its template an encounter.
    pub fight: Option<Box<Fight>>,
}

/// One status on one bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct StatusInstance {
    /// `status/NAME`.
    pub status: DefId,
    /// Who put it there.
    pub source: EntityId,
    /// How often.
    pub stacks: u32,
    /// Tick it began.
    pub since: u64,
    /// First tick it is gone.
    pub until: u64,
}

/// A set of changed properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Changes(pub u8);

impl Changes {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// It appeared in this step.
    pub const SPAWNED: Self = Self(1);
    /// Its place.
    pub const PLACE: Self = Self(1 << 1);
    /// Health or most health.
    pub const HEALTH: Self = Self(1 << 2);
    /// Mana, energy or their most.
    pub const RESOURCES: Self = Self(1 << 3);
    /// Statuses.
    pub const STATUSES: Self = Self(1 << 4);
    /// Level.
    pub const LEVEL: Self = Self(1 << 5);
    /// State or target of an NPC.
    pub const STATE: Self = Self(1 << 6);

    /// Whether any of `other` is in it.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Entity {
    /// Characters and NPCs with health left.
    pub fn is_alive(&self) -> bool {
        self.health > 0
    }
}
