//! What the dead leave: `loot.roll`.

use super::{Hook, call_export, same_id};
use crate::bindings::loot::exports::lore::script::loot as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::LOOT_PIECES;
use sim::rng::Rng;
use sim::rules::{Haul, Piece, RowView, Spoils};

pub(crate) struct RollLoot;

impl Hook for RollLoot {
    const EXPORT: Export = Export::RollLoot;
    type View = Spoils;
    type Answer = Haul;
    type Wire = wit::Spoils;
    type Reply = wit::Haul;

    call_export!(Loot, lore_script_loot, func_roll);

    fn sample() -> Spoils {
        samples::spoils()
    }

    fn vary(view: &mut Spoils, number: u32, dice: &mut Rng) {
        made_up::spoils(view, number, dice);
    }

    fn id(view: &Spoils) -> u64 {
        view.id.into()
    }

    fn subject(view: &Spoils) -> DefId {
        view.npc
    }

    fn lower(view: &Spoils) -> wit::Spoils {
        let tables = view.tables.iter();
        wit::Spoils {
            id: view.id,
            looter: view.looter.0,
            looter_level: view.looter_level,
            luck_permille: view.luck_permille,
            prey: view.prey.0,
            npc: view.npc.0,
            npc_level: view.npc_level,
            boss: view.boss,
            fighters: view.fighters,
            gold_least: view.gold_least,
            gold_most: view.gold_most,
            tables: tables.map(|table| wit::Table { table: table.table.0, rolls: table.rolls }).collect(),
            rows: view.rows.iter().map(lower_row).collect(),
            seed: view.seed,
        }
    }

    fn lift(view: &Spoils, reply: wit::Haul) -> Result<Haul, BadOutput> {
        same_id(view.id, reply.id)?;
        if reply.gold > view.gold_limit() {
            let (what, value) = ("gold", reply.gold.into());
            return Err(BadOutput::Number { what, value, expected: "at most ten times gold-most" });
        }
        if reply.pieces.len() > LOOT_PIECES {
            let (what, len) = ("pieces", reply.pieces.len());
            return Err(BadOutput::List { what, len, expected: format!("at most {LOOT_PIECES}") });
        }
        let lift = |piece: wit::Piece| {
            let piece = Piece { row: piece.row, count: piece.count };
            let bad = |what, value: u32, expected| BadOutput::Number { what, value: value.into(), expected };
            match view.rows.get(piece.row as usize) {
                Some(row) if row.item.some().is_some() => match view.row_of(piece) {
                    Some(_) => Ok(piece),
                    None => Err(bad("count of a piece", piece.count, "1 up to `most` of its row")),
                },
                _ => Err(bad("row of a piece", piece.row, "the index of a row with an item")),
            }
        };
        let pieces = reply.pieces.into_iter().map(lift).collect::<Result<_, _>>()?;
        Ok(Haul { id: reply.id, gold: reply.gold, pieces })
    }

    fn fallback(view: &Spoils) -> Haul {
        Haul::fallback(view)
    }

    fn measure(answer: &Haul) -> impl IntoIterator<Item = (&'static str, f64)> {
        let count: u64 = answer.pieces.iter().map(|piece| u64::from(piece.count)).sum();
        [("gold", answer.gold.into()), ("drops", answer.pieces.len() as f64), ("items", count as f64)]
    }

    fn distance(a: &Haul, b: &Haul) -> u64 {
        let pieces = a.pieces.len().abs_diff(b.pieces.len()) as u64;
        u64::from(a != b) + u64::from(a.gold.abs_diff(b.gold)) + pieces
    }
}

fn lower_row(row: &RowView) -> wit::Row {
    wit::Row {
        table: row.table,
        guaranteed: row.guaranteed,
        weight: row.weight,
        item: row.item.0,
        nested: row.nested,
        rarity: row.rarity.into(),
        least: row.least,
        most: row.most,
    }
}
