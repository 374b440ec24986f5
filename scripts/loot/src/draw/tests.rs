//! Chances against what a designer would work out on paper, and bounds against nonsense.

use super::*;
use crate::wit::exports::lore::script::loot::Table;

const DEATHS: u64 = 100_000;
const SEED: u64 = 20_261_125;

fn row(table: u32, weight: u32, item: &str, rarity: Rarity) -> Row {
    let item = if item.is_empty() { 0 } else { lore_sdk::def_id(item) };
    Row { table, guaranteed: false, weight, item, nested: 0, rarity, least: 1, most: 1 }
}

fn spoils(rolls: u32, rows: Vec<Row>) -> Spoils {
    Spoils {
        id: 5,
        looter: 1,
        looter_level: 3,
        luck_permille: 0,
        prey: 2,
        npc: lore_sdk::def_id("npc/wolf"),
        npc_level: 3,
        boss: false,
        fighters: 1,
        gold_least: 2,
        gold_most: 5,
        tables: vec![Table { table: lore_sdk::def_id("loot/wolf"), rolls }],
        rows,
        seed: 0,
    }
}

/// How often a row drops, permille of the deaths.
fn permille_of(spoils: &Spoils, row: u32) -> i64 {
    let mut seeds = Rng::new(SEED);
    let mut count = 0;
    for _ in 0..DEATHS {
        let haul = haul(&Spoils { seed: seeds.next(), ..spoils.clone() });
        count += haul.pieces.iter().filter(|piece| piece.row == row).count() as i64;
    }
    count * 1_000 / DEATHS as i64
}

fn near(found: i64, expected: i64) {
    assert!((found - expected).abs() <= 6, "{found} for {expected} permille, seed {SEED}");
}

fn wolf() -> Spoils {
    let fang = row(0, 30, "item/fang", Rarity::Common);
    let cap = row(0, 10, "item/cap", Rarity::Uncommon);
    spoils(1, vec![row(0, 60, "", Rarity::Poor), fang, cap])
}

#[test]
fn rows_drop_by_their_weight() {
    near(permille_of(&wolf(), 1), 300);
    near(permille_of(&wolf(), 2), 100);
}

#[test]
fn luck_favours_what_is_uncommon_and_high_levels_spoil_it() {
    let lucky = Spoils { luck_permille: 1_000, ..wolf() };
    near(permille_of(&lucky, 2), 20 * 1_000 / 110);
    near(permille_of(&lucky, 1), 30 * 1_000 / 110);
    let high = Spoils { looter_level: 3 + 5 + 5, ..wolf() };
    near(permille_of(&high, 2), 5 * 1_000 / 95);
    assert_eq!(bonus(&Spoils { looter_level: 8, ..wolf() }), 0, "five levels cost nothing");
    assert_eq!(bonus(&Spoils { looter_level: 60, ..wolf() }), -900);
    assert_eq!(bonus(&Spoils { luck_permille: i32::MAX, ..wolf() }), 9_000);
}

#[test]
fn what_is_guaranteed_always_drops_and_gold_keeps_its_bounds() {
    let pelt = Row { guaranteed: true, least: 1, most: 2, ..row(0, 1, "item/pelt", Rarity::Common) };
    let spoils = spoils(0, vec![pelt]);
    let mut seeds = Rng::new(SEED);
    let (mut golds, mut counts) = ([0; 8], [0; 4]);
    for _ in 0..1_000 {
        let haul = haul(&Spoils { seed: seeds.next(), ..spoils.clone() });
        assert_eq!((haul.id, haul.pieces.len()), (5, 1));
        golds[haul.gold as usize] += 1;
        counts[haul.pieces[0].count as usize] += 1;
    }
    assert!(golds[2..6].iter().all(|times| *times > 150) && golds.iter().sum::<i32>() == 1_000, "{golds:?}");
    assert!(counts[1] > 400 && counts[2] > 400, "{counts:?}");
}

#[test]
fn a_row_can_lead_to_another_table() {
    let mut spoils = wolf();
    spoils.tables.push(Table { table: lore_sdk::def_id("loot/gems"), rolls: 1 });
    spoils.rows[2] = Row { nested: 1, item: 0, rarity: Rarity::Poor, least: 2, most: 2, ..spoils.rows[2] };
    spoils.rows.push(row(1, 3, "item/ruby", Rarity::Common));
    spoils.rows.push(row(1, 1, "item/pearl", Rarity::Common));
    near(permille_of(&spoils, 3), 150);
    near(permille_of(&spoils, 4), 50);
}

#[test]
fn tables_that_never_end_do_end() {
    let nested =
        Row { nested: 0, guaranteed: true, least: 1_000, most: 1_000, ..row(0, 1, "", Rarity::Poor) };
    let mut spoils = spoils(20, vec![Row { nested: 1, ..nested }, row(0, 1, "item/pelt", Rarity::Common)]);
    spoils.tables.push(Table { table: 1, rolls: 20 });
    spoils.rows.push(Row { table: 1, nested: 1, ..nested });
    spoils.rows.push(row(1, 1_000_000, "item/fang", Rarity::Epic));
    spoils.rows.push(row(9, 1, "item/lost", Rarity::Epic));
    let haul = haul(&spoils);
    assert!(haul.pieces.len() <= PIECES, "{}", haul.pieces.len());
    let nothing = Spoils { tables: Vec::new(), ..spoils };
    assert!(super::haul(&nothing).pieces.is_empty());
}
