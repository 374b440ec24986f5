//! Loot, levels, prices, fees and crafting: answers out of range are refused whole, and what then counts is the
//! declared fallback; a generation may be without these kinds.

use crate::fixture::{CONTEXT, Guest, engine};
use expect_test::{Expect, expect};
use host_api::{Generation, GenerationError, Kind, Module, ScriptRules};
use sim::content::{Rarity, Stats};
use sim::rules::{
    Answer, Attempt, Charge, Crafted, Deal, Fall, Fee, Gain, Grown, Growth, Haul, Kill, LevelStep, Origin,
    Piece, Quote, Requirement, RowView, Rules, Service, Side, Spoils, TableView, Toll,
};
use sim::{DefId, EntityId, def_id};

/// The sample of the first question has another id, so that a guest that fails for this one loads.
const ID: u32 = 7;

fn rules(guests: &[Guest]) -> ScriptRules {
    let engine = engine();
    let needed = [Guest::new(Kind::Ability), Guest::new(Kind::Combat)];
    let modules = needed.iter().chain(guests).map(|guest| Module::load(&engine, &guest.bytes()).unwrap());
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

/// A guest that does `item` for the view with the id of these tests.
fn guest(kind: Kind, item: &str, fields: &str) -> Guest {
    let mut guest = Guest::new(kind);
    guest.item.push_str(&format!("(if (i32.eq (local.get $id) (i32.const {ID})) (then {item}))"));
    guest.fields = fields.into();
    guest
}

fn spoils() -> Spoils {
    let row = |guaranteed, item| RowView {
        table: 0,
        guaranteed,
        weight: 1,
        item,
        nested: 0,
        rarity: Rarity::Common,
        least: 2,
        most: 4,
    };
    Spoils {
        id: ID,
        looter: EntityId(1),
        looter_level: 3,
        luck_permille: 0,
        prey: EntityId(2),
        npc: def_id("npc/wolf"),
        npc_level: 3,
        boss: false,
        fighters: 1,
        gold_least: 1,
        gold_most: 3,
        tables: vec![TableView { table: def_id("loot/wolf"), rolls: 1 }],
        rows: vec![row(true, def_id("item/pelt")), row(false, DefId::NONE)],
        seed: 5,
    }
}

fn kill() -> Kill {
    Kill {
        id: ID,
        character: EntityId(1),
        level: 3,
        prey: EntityId(2),
        npc: def_id("npc/wolf"),
        npc_level: 3,
        boss: false,
        experience: 90,
        fighters: 2,
        share_permille: 500,
        seed: 5,
    }
}

fn fall() -> Fall {
    Fall {
        id: ID,
        character: EntityId(1),
        level: 3,
        experience: 50,
        needed: 450,
        killer: DefId::NONE,
        loss_permille: 50,
        respawn_ticks: 100,
        seed: 5,
    }
}

fn deal() -> Deal {
    Deal {
        id: ID,
        side: Side::Buy,
        character: EntityId(1),
        level: 3,
        npc: EntityId(2),
        npc_template: def_id("npc/tobin"),
        shop: def_id("shop/trader"),
        item: def_id("item/pelt"),
        rarity: Rarity::Common,
        value: 3,
        count: 1,
        permille: 1_200,
        seed: 5,
    }
}

/// The one answer, which must be the fallback, and why.
fn refused<T>(rules: &mut ScriptRules, answers: &mut Vec<Answer<T>>) -> (T, String) {
    let answer = answers.pop().unwrap();
    assert_eq!(answer.origin, Origin::Fallback);
    let failures = rules.drain_failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    (answer.value, failures[0].kind.to_string())
}

#[allow(clippy::needless_pass_by_value)] // `expect!` reads best as a value
fn loot_is_refused(item: &str, fields: &str, why: Expect) {
    let mut rules = rules(&[guest(Kind::Loot, item, fields)]);
    let mut answers = Vec::new();
    rules.roll_loot(&CONTEXT, &[spoils()], &mut answers);
    let (haul, said) = refused(&mut rules, &mut answers);
    // What is guaranteed, at its least.
    assert_eq!(haul, Haul { id: ID, gold: 1, pieces: vec![Piece { row: 0, count: 2 }] });
    why.assert_eq(&said);
}

#[test]
fn loot_that_no_table_has_is_refused() {
    let pieces = |count: u32| {
        format!(
            "(i32.store offset={{out.pieces}} (local.get $out) (i32.const 1024))
             (i32.store offset={{out.pieces+4}} (local.get $out) (i32.const {count}))"
        )
    };
    let gold = "(i32.store offset={out.gold} (local.get $out) (i32.const 31))";
    loot_is_refused(gold, "", expect!["answered badly: gold is 31, at most ten times gold-most expected"]);
    loot_is_refused(
        &pieces(1),
        r#"(data (i32.const 1024) "\09\00\00\00\01\00\00\00")"#,
        expect!["answered badly: row of a piece is 9, the index of a row with an item expected"],
    );
    loot_is_refused(
        &pieces(1),
        r#"(data (i32.const 1024) "\01\00\00\00\01\00\00\00")"#,
        expect!["answered badly: row of a piece is 1, the index of a row with an item expected"],
    );
    loot_is_refused(
        &pieces(1),
        r#"(data (i32.const 1024) "\00\00\00\00\05\00\00\00")"#,
        expect!["answered badly: count of a piece is 5, 1 up to `most` of its row expected"],
    );
    loot_is_refused(&pieces(65), "", expect!["answered badly: 65 pieces, at most 64 expected"]);
}

#[test]
fn levels_out_of_range_are_those_of_the_content() {
    // Behind every id: experience, or mana and energy of the stats.
    let wild = guest(Kind::Progression, "(i64.store offset={out.id+8} (local.get $out) (i64.const -1))", "");
    let mut rules = rules(&[wild]);
    let why = "answered badly: experience is 9223372036854775807, 0..=1,000,000,000,000 expected";
    let mut answers = Vec::new();
    let step = LevelStep { id: ID, level: 2, top: 20, experience: 250 };
    rules.require_experience(&CONTEXT, &[step], &mut answers);
    assert_eq!(refused(&mut rules, &mut answers), (Requirement { id: ID, experience: 250 }, why.to_owned()));
    let mut answers = Vec::new();
    rules.reward_kills(&CONTEXT, &[kill()], &mut answers);
    assert_eq!(refused(&mut rules, &mut answers), (Gain { id: ID, experience: 45 }, why.to_owned()));
    let mut answers = Vec::new();
    rules.punish_deaths(&CONTEXT, &[fall()], &mut answers);
    let toll = Toll { id: ID, experience: 0, respawn_ticks: 100 };
    assert_eq!(refused(&mut rules, &mut answers), (toll, why.to_owned()));

    let strong =
        guest(Kind::Progression, "(i32.store offset={out.id+8} (local.get $out) (i32.const 1000001))", "");
    let mut rules = self::rules(&[strong]);
    let base = Stats { health: 100, ..Stats::default() };
    let per_level = Stats { health: 10, ..Stats::default() };
    let growth = Growth { id: ID, class: def_id("class/mage"), level: 3, base, per_level };
    let mut answers = Vec::new();
    rules.grow_stats(&CONTEXT, &[growth], &mut answers);
    let stats = Stats { health: 120, ..Stats::default() };
    let why = "answered badly: mana is 1000001, -1,000,000..=1,000,000 expected";
    assert_eq!(refused(&mut rules, &mut answers), (Grown { id: ID, stats }, why.to_owned()));
}

#[test]
fn a_price_out_of_range_is_no_deal() {
    let dear = "(i32.store offset={out.unit} (local.get $out) (i32.const 1000000001))
                (i32.store8 offset={out.agreed} (local.get $out) (i32.const 1))";
    let mut rules = rules(&[economist("quote-prices", dear)]);
    let mut answers = Vec::new();
    rules.quote_prices(&CONTEXT, &[deal()], &mut answers);
    let why = "answered badly: unit is 1000000001, 0..=1,000,000,000 expected";
    let none = Quote { id: ID, agreed: false, unit: 0 };
    assert_eq!(refused(&mut rules, &mut answers), (none, why.to_owned()));
}

/// A script of prices that does `item` in one of its functions.
fn economist(function: &'static str, item: &str) -> Guest {
    let mut guest = Guest::new(Kind::Economy);
    guest.items.insert(function, format!("(if (i32.eq (local.get $id) (i32.const {ID})) (then {item}))"));
    guest
}

fn attempt(masterwork: DefId) -> Attempt {
    Attempt {
        id: ID,
        character: EntityId(1),
        level: 3,
        recipe: def_id("recipe/cloak"),
        required_level: 1,
        product: def_id("item/cloak"),
        rarity: Rarity::Common,
        pieces: 2,
        masterwork,
        chance_permille: 1_000,
        quality_permille: 0,
        count: 3,
        seed: 5,
    }
}

#[allow(clippy::needless_pass_by_value)] // `expect!` reads best as a value
fn crafting_is_refused(masterwork: DefId, numbers: [(&str, u32); 2], why: Expect) {
    let set = |(field, number): (&str, u32)| {
        format!("(i32.store offset={{out.{field}}} (local.get $out) (i32.const {number}))")
    };
    let mut rules = rules(&[economist("craft", &numbers.map(set).concat())]);
    let mut answers = Vec::new();
    rules.craft(&CONTEXT, &[attempt(masterwork)], &mut answers);
    let (crafted, said) = refused(&mut rules, &mut answers);
    // What the content promises.
    assert_eq!(crafted, Crafted { id: ID, successes: 3, masterworks: 0, extra: 0, kept_permille: 0 });
    why.assert_eq(&said);
}

#[test]
fn more_than_was_tried_cannot_be_made() {
    let fine = def_id("item/fine_cloak");
    crafting_is_refused(
        fine,
        [("successes", 4), ("extra", 0)],
        expect!["answered badly: successes is 4, 0..=`count` expected"],
    );
    crafting_is_refused(
        fine,
        [("successes", 2), ("masterworks", 3)],
        expect!["answered badly: masterworks is 3, 0..=`successes`, without a masterwork 0, expected"],
    );
    crafting_is_refused(
        DefId::NONE,
        [("successes", 2), ("masterworks", 1)],
        expect!["answered badly: masterworks is 1, 0..=`successes`, without a masterwork 0, expected"],
    );
    crafting_is_refused(
        fine,
        [("successes", 2), ("extra", 5)],
        expect!["answered badly: extra is 5, at most as many pieces as the other successes give expected"],
    );
    crafting_is_refused(
        fine,
        [("successes", 2), ("kept-permille", 1_001)],
        expect!["answered badly: kept-permille is 1001, 0..=1,000 expected"],
    );
}

#[test]
fn a_fee_is_no_more_than_the_content_says() {
    let dear = "(i32.store offset={out.gold} (local.get $out) (i32.const 21))";
    let mut rules = rules(&[economist("fees", dear)]);
    let charge = Charge {
        id: ID,
        service: Service::Respawn,
        character: EntityId(1),
        level: 3,
        subject: DefId::NONE,
        count: 1,
        amount: 20,
        balance: 1_000,
    };
    let mut answers = Vec::new();
    rules.fees(&CONTEXT, &[charge], &mut answers);
    let why = "answered badly: gold is 21, 0..=`amount` expected";
    assert_eq!(refused(&mut rules, &mut answers), (Fee { id: ID, gold: 20 }, why.to_owned()));
}

#[test]
fn a_generation_can_be_without_them_and_has_one_of_each_at_most() {
    let mut rules = rules(&[]);
    let mut answers = Vec::new();
    rules.quote_prices(&CONTEXT, &[deal()], &mut answers);
    let (quote, said) = refused(&mut rules, &mut answers);
    let why = "no module of this name is live; push the script that the content names";
    assert_eq!((quote, said.as_str()), (Quote::fallback(ID), why));

    let engine = engine();
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let mut other = Guest::new(Kind::Loot);
    other.manifest.name = "more-loot".into();
    let modules = [Guest::new(Kind::Ability), Guest::new(Kind::Combat), Guest::new(Kind::Loot), other];
    let error = Generation::new(1, modules.iter().map(load)).unwrap_err();
    assert!(matches!(error, GenerationError::SameKind { kind: Kind::Loot, .. }), "{error}");
}
