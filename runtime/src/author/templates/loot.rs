//! What the dead leave.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "loot-script", path: "../../wit" });
}

use lore_sdk::Rng;
use wit::exports::lore::script::loot::{Context, Guest, Haul, Piece, Spoils};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn roll(_ctx: Context, deaths: Vec<Spoils>) -> Vec<Haul> {
        lore_sdk::each(&deaths, haul)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Some gold, what is guaranteed, and every other item of the NPC's own table one time in ten.
pub fn haul(spoils: &Spoils) -> Haul {
    let mut dice = Rng::new(spoils.seed);
    let gold = dice.between(spoils.gold_least as i32, spoils.gold_most as i32) as u32;
    let mut pieces = Vec::new();
    for (row, entry) in (0..).zip(&spoils.rows) {
        let drops = entry.guaranteed || dice.permille(100);
        if drops && entry.table == 0 && entry.item != 0 && pieces.len() < 64 {
            pieces.push(Piece { row, count: entry.most.max(1) });
        }
    }
    Haul { id: spoils.id, gold, pieces }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::loot::{Rarity, Row, Table};

    #[test]
    fn what_is_guaranteed_drops() {
        let row = |guaranteed, item: &str| Row {
            table: 0,
            guaranteed,
            weight: 1,
            item: lore_sdk::def_id(item),
            nested: 0,
            rarity: Rarity::Common,
            least: 1,
            most: 2,
        };
        let spoils = |seed| Spoils {
            id: 1,
            looter: 1,
            looter_level: 1,
            luck_permille: 0,
            prey: 2,
            npc: lore_sdk::def_id("npc/wolf"),
            npc_level: 1,
            boss: false,
            fighters: 1,
            gold_least: 1,
            gold_most: 3,
            tables: vec![Table { table: lore_sdk::def_id("loot/wolf"), rolls: 1 }],
            rows: vec![row(true, "item/wolf_pelt"), row(false, "item/wolf_fang")],
            seed,
        };
        let hauls: Vec<Haul> = (0..10_000).map(|seed| haul(&spoils(seed))).collect();
        assert!(hauls.iter().all(|haul| haul.pieces[0].row == 0 && (1..=3).contains(&haul.gold)));
        let fangs = hauls.iter().filter(|haul| haul.pieces.len() == 2).count();
        assert!((900..1_100).contains(&fangs), "{fangs}");
    }
}
