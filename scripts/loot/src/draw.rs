//! How loot is drawn.
//!
//! The dice of a death are rolled in this order: gold between its bounds, then the NPC's table.
//! A table gives its guaranteed rows in order, then one row for each of its rolls, by weight. A row
//! rolls how many; one that leads to another table draws from that so often, at most
//! [`DEPTH`] tables deep.
//!
//! **Luck** and **levels** change the weight of what is uncommon or rarer: by the looter's luck,
//! less [`PER_LEVEL`] permille for every level beyond [`CLOSE_LEVELS`] that it is above its prey.
//! The chances of the other rows follow from the sum. Guaranteed rows know neither.
//!
//! A haul has at most [`PIECES`] pieces and looks at no more than [`DRAWS`] rows, whatever the
//! tables say; what is beyond is not drawn.

use crate::wit::exports::lore::script::loot::{Haul, Piece, Rarity, Row, Spoils};
use lore_sdk::Rng;

/// Levels above its prey up to which a looter loses no luck.
pub const CLOSE_LEVELS: i64 = 5;
/// Luck lost per level beyond that, permille.
pub const PER_LEVEL: i64 = 100;
/// Least and most that luck and levels add to a weight, permille.
pub const BONUS: std::ops::RangeInclusive<i64> = -900..=9_000;
/// Tables inside tables.
pub const DEPTH: u32 = 4;
/// Rows looked at for one death.
pub const DRAWS: u32 = 256;
/// Pieces of one haul; the host accepts no more.
pub const PIECES: usize = 64;

/// What one death leaves.
pub fn haul(spoils: &Spoils) -> Haul {
    let mut draw =
        Draw { spoils, dice: Rng::new(spoils.seed), bonus: bonus(spoils), left: DRAWS, pieces: Vec::new() };
    let gold = within(&mut draw.dice, spoils.gold_least, spoils.gold_most);
    draw.table(0, 0);
    Haul { id: spoils.id, gold, pieces: draw.pieces }
}

/// What luck and levels add to the weight of what is uncommon or rarer, permille.
pub fn bonus(spoils: &Spoils) -> i64 {
    let above = i64::from(spoils.looter_level) - i64::from(spoils.npc_level);
    let beyond = (above - CLOSE_LEVELS).max(0);
    (i64::from(spoils.luck_permille) - PER_LEVEL * beyond).clamp(*BONUS.start(), *BONUS.end())
}

struct Draw<'a> {
    spoils: &'a Spoils,
    dice: Rng,
    bonus: i64,
    /// Rows that may still be looked at.
    left: u32,
    pieces: Vec<Piece>,
}

impl<'a> Draw<'a> {
    fn table(&mut self, table: u32, depth: u32) {
        let spoils = self.spoils;
        let Some(rolls) = spoils.tables.get(table as usize).map(|table| table.rolls) else { return };
        for (index, row) in spoils.rows.iter().enumerate() {
            if row.table == table && row.guaranteed {
                self.take(index, row, depth);
            }
        }
        for _ in 0..rolls {
            if self.left == 0 {
                return;
            }
            if let Some((index, row)) = self.pick(table) {
                self.take(index, row, depth);
            }
        }
    }

    /// A row that is not guaranteed, by weight.
    fn pick(&mut self, table: u32) -> Option<(usize, &'a Row)> {
        let (rows, bonus) = (&self.spoils.rows, self.bonus);
        let open = |row: &Row| row.table == table && !row.guaranteed;
        let total: u64 = rows.iter().filter(|row| open(row)).map(|row| weight(row, bonus)).sum();
        let mut left = u64::from(self.dice.below(total.min(u64::from(u32::MAX)) as u32));
        rows.iter().enumerate().filter(|(_, row)| open(row)).find(|(_, row)| {
            let weight = weight(row, bonus);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        })
    }

    fn take(&mut self, index: usize, row: &Row, depth: u32) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let count = within(&mut self.dice, row.least, row.most);
        if row.nested != 0 {
            for _ in 0..count {
                if self.left == 0 || depth == DEPTH {
                    return;
                }
                self.table(row.nested, depth + 1);
            }
        } else if row.item != 0 && count > 0 && self.pieces.len() < PIECES {
            self.pieces.push(Piece { row: index as u32, count });
        }
    }
}

fn weight(row: &Row, bonus: i64) -> u64 {
    let rare = matches!(row.rarity, Rarity::Uncommon | Rarity::Rare | Rarity::Epic);
    (i64::from(row.weight) * (1_000 + if rare { bonus } else { 0 }) / 1_000) as u64
}

/// `low`..=`high`; `low` when they are the wrong way round.
fn within(dice: &mut Rng, low: u32, high: u32) -> u32 {
    low + dice.below((high - low.min(high)).saturating_add(1))
}

#[cfg(test)]
mod tests;
