//! Crafting and fees: what the script decides is checked, and everything changes hands together or not at all.

use super::trade::Wild;
use crate::content::Content;
use crate::ids::{DefId, EntityId, RequestId, def_id};
use crate::input::{Command, Input, Stack};
use crate::limits::CRAFTS_PER_TICK;
use crate::output::{FactKind, Output, Reason};
use crate::rules::{Attempt, Charge, Crafted, Fee, Service};
use crate::scenario::Scenario;
use expect_test::{Expect, expect};

const CLOAK: DefId = def_id("recipe/cloak");
const PELT: DefId = def_id("item/pelt");
const POTION: DefId = def_id("item/potion");

/// A hero with gold and four pelts beside the elder, in the field of a changed content.
fn crafter(change: impl FnOnce(&mut Content)) -> Scenario {
    let mut content = crate::scenario::content();
    change(&mut content);
    let mut scenario = Scenario::with(content);
    let hero = scenario.hero;
    let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
    state.gold = 50;
    state.inventory.insert(3, Stack { item: PELT, count: 4 });
    scenario
}

fn recipe(content: &mut Content) -> &mut crate::content::Recipe {
    content.recipes.get_mut(&CLOAK).expect("the recipe")
}

fn craft(scenario: &mut Scenario, count: u32) {
    scenario.command(Command::Craft { recipe: CLOAK, count });
    scenario.step();
}

fn check(scenario: &mut Scenario, expected: &Expect) {
    expected.assert_eq(&scenario.take_log());
}

#[test]
fn what_succeeds_is_paid_used_up_and_made() {
    let mut scenario = crafter(|_| {});
    craft(&mut scenario, 2);
    check(
        &mut scenario,
        &expect![[r#"
            ok Crafted { made: 2, masterworks: 0, failed: 0, fee: 6 }
            gold -6 -> 44
            item pelt -4
            slot 3: 0
            item sword +2
            slot 0: 1
            slot 1: 1
        "#]],
    );
}

#[test]
fn what_fails_is_paid_and_leaves_some_over() {
    let mut scenario = crafter(|content| recipe(content).chance_permille = 0);
    craft(&mut scenario, 1);
    check(
        &mut scenario,
        &expect![[r#"
            ok Crafted { made: 0, masterworks: 0, failed: 1, fee: 3 }
            gold -3 -> 47
            item pelt -1
            slot 3: 3
        "#]],
    );
}

#[test]
fn what_turns_out_better_is_something_else() {
    let mut scenario = crafter(|content| {
        (recipe(content).masterwork, recipe(content).quality_permille) = (POTION, 1_000);
    });
    craft(&mut scenario, 2);
    let log = scenario.take_log();
    assert!(log.starts_with("ok Crafted { made: 0, masterworks: 2, failed: 0, fee: 6 }\n"), "{log}");
    assert!(log.contains("item potion +2") && !log.contains("sword"), "{log}");
}

#[test]
fn bad_attempts_are_turned_down_and_change_nothing() {
    let mut scenario = crafter(|_| {});
    let hero = scenario.hero;
    let before = scenario.world.character(hero).expect("in the zone").state.clone();
    scenario.command(Command::Craft { recipe: DefId(1), count: 1 });
    scenario.step();
    for count in [0, 101, 3] {
        craft(&mut scenario, count);
    }
    assert_eq!(scenario.world.character(hero).expect("in the zone").state, before);
    let state = |scenario: &mut Scenario, gold, level| {
        let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
        (state.gold, state.level) = (gold, level);
    };
    state(&mut scenario, 2, 1);
    craft(&mut scenario, 1);
    state(&mut scenario, 50, 0);
    craft(&mut scenario, 1);
    state(&mut scenario, 50, 1);
    scenario.walk(20, 30);
    craft(&mut scenario, 1);
    check(
        &mut scenario,
        &expect![[r#"
            no unknown_recipe
            no bad_count
            no bad_count
            no missing_ingredients
            no not_enough_gold
            no requirement
            no out_of_range
        "#]],
    );
    assert_eq!(scenario.world.character(hero).expect("in the zone").state.inventory, before.inventory);
}

#[test]
fn a_full_bag_makes_nothing_unless_what_is_used_up_makes_room() {
    let mut scenario = crafter(|_| {});
    let hero = scenario.hero;
    let inventory = |scenario: &mut Scenario, last| {
        let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
        state.inventory = (0..31).map(|slot| (slot, Stack { item: PELT, count: 5 })).collect();
        state.inventory.insert(31, Stack { item: PELT, count: last });
    };
    inventory(&mut scenario, 5);
    craft(&mut scenario, 1);
    assert_eq!(scenario.take_log(), "no inventory_full\n");
    inventory(&mut scenario, 2);
    craft(&mut scenario, 1);
    let log = scenario.take_log();
    assert!(log.contains("item pelt -2\nslot 31: 0\nitem sword +1\nslot 31: 1\n"), "{log}");
}

#[test]
fn two_attempts_do_not_use_up_the_same_things() {
    let mut scenario = crafter(|_| {});
    scenario.command(Command::Craft { recipe: CLOAK, count: 2 });
    craft(&mut scenario, 1);
    let log = scenario.take_log();
    assert!(log.starts_with("ok Crafted { made: 2,") && log.contains("\nno missing_ingredients\n"), "{log}");
}

#[test]
fn more_attempts_than_a_tick_bears_are_put_off() {
    let mut scenario = crafter(|_| {});
    for _ in 0..=CRAFTS_PER_TICK {
        scenario.command(Command::Craft { recipe: CLOAK, count: 1 });
    }
    scenario.step();
    let log = scenario.take_log();
    let count = |what: &str| log.matches(what).count();
    assert_eq!((count("ok Crafted"), count("no craft_busy")), (2, 1), "{log}");
    assert_eq!(count("no missing_ingredients"), CRAFTS_PER_TICK - 2);
}

#[test]
fn what_a_script_says_without_measure_is_cut_to_its_bounds() {
    let mut scenario = crafter(|_| {});
    scenario.rules = Box::new(Wild);
    craft(&mut scenario, 1);
    let log = scenario.take_log();
    // As much again on top, and no more than the fee of the content.
    assert!(log.starts_with("ok Crafted { made: 2, masterworks: 0, failed: 0, fee: 3 }\ngold -3"), "{log}");
    let mut scenario = crafter(|content| recipe(content).masterwork = POTION);
    scenario.rules = Box::new(Wild);
    craft(&mut scenario, 1);
    let log = scenario.take_log();
    assert!(log.starts_with("ok Crafted { made: 0, masterworks: 1, failed: 0, fee: 3 }"), "{log}");
}

#[test]
fn the_facts_say_what_for_and_on_whose_request() {
    let mut scenario = crafter(|_| {});
    let (character, request, mut out) = (scenario.hero, RequestId(900), Output::default());
    let command = Command::Craft { recipe: CLOAK, count: 1 };
    let mut inputs = vec![Input::Command { character, request, command }];
    scenario.world.step(&mut inputs, scenario.rules.as_mut(), &mut out);
    let reasons: Vec<Reason> = out
        .facts
        .iter()
        .filter_map(|fact| match fact.kind {
            FactKind::Gold { reason, .. } | FactKind::Item { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [Reason::Fee(Service::Crafting), Reason::Crafted(CLOAK), Reason::Crafted(CLOAK)]);
    assert!(out.facts.iter().all(|fact| fact.request == Some(request)), "{:?}", out.facts);
}

#[test]
fn who_left_in_the_same_tick_is_told_so() {
    let mut scenario = crafter(|_| {});
    let hero = scenario.hero;
    scenario.command(Command::Craft { recipe: CLOAK, count: 1 });
    scenario.leave(hero);
    scenario.step();
    assert!(scenario.take_log().starts_with("no not_in_zone\n"));
}

#[test]
fn fallbacks_are_what_the_content_says() {
    let attempt = |seed, count, masterwork| Attempt {
        id: 7,
        character: EntityId(1),
        level: 1,
        recipe: CLOAK,
        required_level: 1,
        product: PELT,
        rarity: crate::content::Rarity::Common,
        pieces: 1,
        masterwork,
        chance_permille: 300,
        quality_permille: 500,
        count,
        seed,
    };
    let (mut made, mut better) = (0, 0);
    for seed in 0..10_000 {
        let one = Crafted::fallback(&attempt(seed, 1, POTION));
        assert!(one.masterworks <= one.successes && one.successes <= 1 && one.extra == 0, "{one:?}");
        (made, better) = (made + one.successes, better + one.masterworks);
        // Of whole numbers nothing is left to the dice.
        assert_eq!(Crafted::fallback(&attempt(seed, 20, DefId::NONE)).successes, 6);
        assert_eq!(Crafted::fallback(&attempt(seed, 20, POTION)).masterworks, 3);
    }
    assert!((2_800..3_200).contains(&made) && (1_350..1_650).contains(&better), "{made} {better}");
    let charge = Charge {
        id: 7,
        service: Service::Respawn,
        character: EntityId(1),
        level: 1,
        subject: DefId::NONE,
        count: 1,
        amount: 20,
        balance: 5,
    };
    assert_eq!(Fee::fallback(&charge), Fee { id: 7, gold: 20 });
}

#[test]
fn the_dead_pay_for_their_return_what_they_have() {
    let mut scenario = crafter(|content| content.progression.respawn_fee = 10);
    let hero = scenario.hero;
    let mut returns = |gold, level| {
        let character = scenario.world.characters.get_mut(&hero).expect("in the zone");
        character.respawn_at = Some(0);
        (character.state.gold, character.state.level) = (gold, level);
        scenario.step();
        scenario.take_log()
    };
    // For nothing up to level five, then a tenth more for each.
    assert_eq!(returns(50, 5), "notice Respawned\ncorrected\n");
    assert_eq!(returns(50, 8), "notice Respawned\ncorrected\ngold -3 -> 47\n");
    assert_eq!(returns(2, 8), "notice Respawned\ncorrected\ngold -2 -> 0\n");
    assert_eq!(returns(0, 8), "notice Respawned\ncorrected\n");
}
