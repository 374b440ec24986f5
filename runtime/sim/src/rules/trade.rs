//! What is asked about loot, levels and prices, and what may be answered. Mirrors `wit/loot.wit`,
//! `wit/progression.wit` and `wit/economy.wit` field by field.

use crate::content::{Rarity, Stats};
use crate::ids::{DefId, EntityId};
use crate::limits;
use borsh::{BorshDeserialize, BorshSerialize};

/// See `loot.table`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct TableView {
    pub table: DefId,
    pub rolls: u32,
}

/// See `loot.row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct RowView {
    pub table: u32,
    pub guaranteed: bool,
    pub weight: u32,
    pub item: DefId,
    pub nested: u32,
    pub rarity: Rarity,
    pub least: u32,
    pub most: u32,
}

/// See `loot.spoils`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Spoils {
    pub id: u32,
    pub looter: EntityId,
    pub looter_level: u32,
    pub luck_permille: i32,
    pub prey: EntityId,
    pub npc: DefId,
    pub npc_level: u32,
    pub boss: bool,
    pub fighters: u32,
    pub gold_least: u32,
    pub gold_most: u32,
    pub tables: Vec<TableView>,
    pub rows: Vec<RowView>,
    pub seed: u64,
}

impl Spoils {
    /// Most gold that is accepted as an answer.
    pub fn gold_limit(&self) -> u32 {
        self.gold_most.saturating_mul(limits::LOOT_GOLD_TIMES)
    }

    /// The row of a piece, if the piece is accepted.
    pub fn row_of(&self, piece: Piece) -> Option<&RowView> {
        let row = self.rows.get(piece.row as usize)?;
        (row.item != DefId::NONE && (1..=row.most).contains(&piece.count)).then_some(row)
    }
}

/// See `loot.piece`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Piece {
    pub row: u32,
    pub count: u32,
}

/// See `loot.haul`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Haul {
    pub id: u32,
    pub gold: u32,
    pub pieces: Vec<Piece>,
}

impl Haul {
    /// Fallback: the least of what the NPC's own table guarantees, and the least gold.
    pub fn fallback(spoils: &Spoils) -> Self {
        let certain = |row: &RowView| row.table == 0 && row.guaranteed && row.item != DefId::NONE;
        let rows = spoils.rows.iter().enumerate().filter(|(_, row)| certain(row) && row.least > 0);
        let pieces = rows.map(|(index, row)| Piece { row: index as u32, count: row.least });
        let pieces = pieces.take(limits::LOOT_PIECES).collect();
        Self { id: spoils.id, gold: spoils.gold_least, pieces }
    }
}

/// See `progression.step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct LevelStep {
    pub id: u32,
    pub level: u32,
    pub top: u32,
    pub experience: u64,
}

/// See `progression.requirement`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Requirement {
    pub id: u32,
    pub experience: u64,
}

impl Requirement {
    /// Fallback: as the content has it.
    pub fn fallback(step: &LevelStep) -> Self {
        Self { id: step.id, experience: step.experience }
    }
}

/// See `progression.growth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Growth {
    pub id: u32,
    pub class: DefId,
    pub level: u32,
    pub base: Stats,
    pub per_level: Stats,
}

/// See `progression.grown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Grown {
    pub id: u32,
    pub stats: Stats,
}

impl Grown {
    /// Fallback: what the content adds per level, as often as there are levels above the first.
    pub fn fallback(growth: &Growth) -> Self {
        let times = growth.level.clamp(1, limits::LEVEL_MAX) as i32 - 1;
        Self { id: growth.id, stats: growth.base.plus(&growth.per_level, times) }
    }
}

/// See `progression.kill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Kill {
    pub id: u32,
    pub character: EntityId,
    pub level: u32,
    pub prey: EntityId,
    pub npc: DefId,
    pub npc_level: u32,
    pub boss: bool,
    pub experience: u32,
    pub fighters: u32,
    pub share_permille: u32,
    pub seed: u64,
}

/// See `progression.gain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Gain {
    pub id: u32,
    pub experience: u64,
}

impl Gain {
    /// Fallback: what the content says, divided by how many took part.
    pub fn fallback(kill: &Kill) -> Self {
        Self { id: kill.id, experience: u64::from(kill.experience / kill.fighters.max(1)) }
    }
}

/// See `progression.fall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Fall {
    pub id: u32,
    pub character: EntityId,
    pub level: u32,
    pub experience: u64,
    pub needed: u64,
    pub killer: DefId,
    pub loss_permille: u32,
    pub respawn_ticks: u32,
    pub seed: u64,
}

/// See `progression.toll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Toll {
    pub id: u32,
    pub experience: u64,
    pub respawn_ticks: u32,
}

impl Toll {
    /// Fallback: nothing is lost, and the return is when the content says.
    pub fn fallback(fall: &Fall) -> Self {
        Self { id: fall.id, experience: 0, respawn_ticks: fall.respawn_ticks }
    }
}

/// See `economy.side`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Side {
    Buy,
    Sell,
}

/// See `economy.deal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Deal {
    pub id: u32,
    pub side: Side,
    pub character: EntityId,
    pub level: u32,
    pub npc: EntityId,
    pub npc_template: DefId,
    pub shop: DefId,
    pub item: DefId,
    pub rarity: Rarity,
    pub value: u32,
    pub count: u32,
    pub permille: u32,
    pub seed: u64,
}

/// See `economy.quote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Quote {
    pub id: u32,
    pub agreed: bool,
    pub unit: u32,
}

impl Quote {
    /// Fallback: no deal.
    pub fn fallback(id: u32) -> Self {
        Self { id, agreed: false, unit: 0 }
    }
}
