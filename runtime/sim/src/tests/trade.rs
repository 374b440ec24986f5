//! Loot, levels and shops: what scripts decide is checked before it counts.

use crate::content::{Content, LootEntry, LootTable};
use crate::ids::{DefId, EntityId, def_id};
use crate::input::{Command, Stack};
use crate::native::NativeRules;
use crate::output::{Accepted, Output, PriceList};
use crate::rules::*;
use crate::scenario::Scenario;
use expect_test::{Expect, expect};

const POTION: DefId = def_id("item/potion");
const PELT: DefId = def_id("item/pelt");

fn check(scenario: &mut Scenario, expected: &Expect) {
    expected.assert_eq(&scenario.take_log());
}

/// The field with dearer things in it, and a hero with gold and pelts beside the elder.
fn customer() -> (Scenario, EntityId) {
    let mut content = crate::scenario::content();
    for (item, value) in [(POTION, 10), (PELT, 6), (def_id("item/sword"), 100)] {
        content.items.get_mut(&item).expect("an item").value = value;
    }
    let mut scenario = Scenario::with(content);
    let hero = scenario.hero;
    let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
    state.gold = 50;
    state.inventory.insert(3, Stack { item: PELT, count: 4 });
    let elder = scenario.nearest("npc/elder");
    (scenario, elder)
}

fn list(scenario: &mut Scenario, npc: EntityId) -> PriceList {
    let mut out = Output::default();
    let (character, request) = (scenario.hero, crate::RequestId(900));
    let command = Command::ListShop { npc };
    let mut inputs = vec![crate::input::Input::Command { character, request, command }];
    scenario.world.step(&mut inputs, scenario.rules.as_mut(), &mut out);
    match out.replies.pop().expect("a reply").result {
        Ok(Accepted::Prices(list)) => *list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shop_tells_its_prices_and_trades_at_them() {
    let (mut scenario, npc) = customer();
    let prices = list(&mut scenario, npc);
    let units = |prices: &[crate::output::Price]| -> Vec<u32> { prices.iter().map(|p| p.unit).collect() };
    assert_eq!((units(&prices.asks), units(&prices.pays)), (vec![12, 120], vec![3]));
    scenario.take_log();
    scenario.command(Command::Buy { npc, item: POTION, count: 3, price: Some(12) });
    scenario.command(Command::Sell { npc, slot: 3, count: 4, price: None });
    scenario.command(Command::Sell { npc, slot: 3, count: 1, price: None });
    scenario.step();
    check(
        &mut scenario,
        &expect![[r#"
            ok Traded { unit: 12, count: 3 }
            ok Traded { unit: 3, count: 4 }
            no empty_slot
            gold -36 -> 14
            item potion +3
            slot 0: 3
            item pelt -4
            slot 3: 0
            gold +12 -> 26
        "#]],
    );
}

#[test]
fn bad_trades_are_turned_down_and_change_nothing() {
    let (mut scenario, npc) = customer();
    let hero = scenario.hero;
    let before = scenario.world.character(hero).expect("in the zone").state.clone();
    let (me, wolf) = (scenario.entity(), scenario.nearest("npc/wolf"));
    let buy = |item, count, price| Command::Buy { npc, item, count, price };
    for command in [
        Command::ListShop { npc: EntityId(999) },
        Command::ListShop { npc: me },
        Command::ListShop { npc: wolf },
        buy(PELT, 1, None),
        buy(DefId(1), 1, None),
        buy(POTION, 0, None),
        buy(POTION, u32::MAX, None),
        buy(POTION, 5, None),
        buy(POTION, 1, Some(11)),
        Command::Sell { npc, slot: 3, count: 5, price: None },
        Command::Sell { npc, slot: 3, count: 0, price: None },
        Command::Sell { npc, slot: 30, count: 1, price: None },
        Command::Sell { npc, slot: 3, count: 1, price: Some(4) },
    ] {
        scenario.command(command);
        scenario.step();
    }
    check(
        &mut scenario,
        &expect![[r#"
            no no_target
            no wrong_target
            no wrong_target
            no not_for_sale
            no not_for_sale
            no bad_count
            no bad_count
            no not_enough_gold
            no price_changed
            no bad_count
            no bad_count
            no empty_slot
            no price_changed
        "#]],
    );
    assert_eq!(scenario.world.character(hero).expect("in the zone").state, before);
    scenario.walk(20, 30);
    scenario.command(buy(POTION, 1, None));
    scenario.step();
    assert_eq!(scenario.take_log(), "no out_of_range\n");
}

#[test]
fn a_full_bag_buys_nothing_and_two_purchases_do_not_spend_the_same_gold() {
    let (mut scenario, npc) = customer();
    let buy = Command::Buy { npc, item: POTION, count: 3, price: None };
    scenario.command(buy.clone());
    scenario.command(buy.clone());
    scenario.step();
    let log = scenario.take_log();
    assert!(log.starts_with("ok Traded { unit: 12, count: 3 }\nno not_enough_gold\n"), "{log}");
    let hero = scenario.hero;
    let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
    state.gold = 1_000;
    for slot in 0..32 {
        state.inventory.insert(slot, Stack { item: PELT, count: 5 });
    }
    scenario.command(buy);
    scenario.step();
    assert_eq!(scenario.take_log(), "no inventory_full\n");
}

#[test]
fn more_prices_than_a_tick_bears_are_put_off() {
    let (mut scenario, npc) = customer();
    for _ in 0..100 {
        scenario.command(Command::ListShop { npc });
    }
    scenario.step();
    let log = scenario.take_log();
    // Two goods and 32 slots each.
    assert_eq!((log.matches("ok Prices").count(), log.matches("no shop_busy").count()), (58, 42));
    scenario.command(Command::ListShop { npc });
    scenario.step();
    assert!(scenario.take_log().starts_with("ok Prices"));
}

/// Rules as a script might have them that knows no measure.
pub(super) struct Wild;

impl Rules for Wild {
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>) {
        NativeRules.plan_casts(ctx, casts, out);
    }
    fn resolve(&mut self, ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        NativeRules.resolve(ctx, attacks, out);
    }
    fn pulse_statuses(&mut self, ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        NativeRules.pulse_statuses(ctx, pulses, out);
    }
    fn think(&mut self, ctx: &Context, script: DefId, npcs: &[Perception], out: &mut Vec<Answer<Decision>>) {
        NativeRules.think(ctx, script, npcs, out);
    }
    fn advance(&mut self, ctx: &Context, script: DefId, asked: &[Inquiry], out: &mut Vec<Answer<QuestStep>>) {
        NativeRules.advance(ctx, script, asked, out);
    }
    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        NativeRules.converse(ctx, script, talks, out);
    }
    fn judge(&mut self, ctx: &Context, script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>) {
        NativeRules.judge(ctx, script, lines, out);
    }
    fn govern(&mut self, ctx: &Context, script: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>) {
        NativeRules.govern(ctx, script, moments, out);
    }
    fn conduct(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        moments: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        // In a stage that is not there, without end and with more than a zone can hold.
        wild(moments, out, |moment| Course {
            outcome: EventOutcome::Going,
            stage: if moment.stage == 0 && moment.due { 1 } else { 9 },
            spawn: u32::MAX,
            ..Course::fallback(moment)
        });
    }
    fn reward_merits(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        merits: &[Merit],
        out: &mut Vec<Answer<Prize>>,
    ) {
        wild(merits, out, |merit| Prize { id: merit.id, reward_permille: u32::MAX });
    }
    fn roll_loot(&mut self, _ctx: &Context, deaths: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        let piece = |row, count| Piece { row, count };
        let haul = |death: &Spoils| Haul {
            id: death.id,
            gold: u32::MAX,
            // Too many, of nothing, none at all, of a row that is not there; and one that is good.
            pieces: vec![piece(0, 3), piece(1, 1), piece(0, 0), piece(9, 1), piece(0, 2)],
        };
        wild(deaths, out, haul);
    }
    fn require_experience(
        &mut self,
        _ctx: &Context,
        steps: &[LevelStep],
        out: &mut Vec<Answer<Requirement>>,
    ) {
        wild(steps, out, |step| Requirement { id: step.id, experience: u64::from(step.level == 1) * 30 });
    }
    fn grow_stats(&mut self, _ctx: &Context, growths: &[Growth], out: &mut Vec<Answer<Grown>>) {
        wild(growths, out, |growth| {
            let mut stats = growth.base;
            stats.health = if growth.level == 1 { 500 } else { -5 };
            Grown { id: growth.id, stats }
        });
    }
    fn reward_kills(&mut self, _ctx: &Context, kills: &[Kill], out: &mut Vec<Answer<Gain>>) {
        wild(kills, out, |kill| Gain { id: kill.id, experience: 30 });
    }
    fn punish_deaths(&mut self, _ctx: &Context, falls: &[Fall], out: &mut Vec<Answer<Toll>>) {
        wild(falls, out, |fall| Toll { id: fall.id, experience: u64::MAX, respawn_ticks: u32::MAX });
    }
    fn quote_prices(&mut self, _ctx: &Context, deals: &[Deal], out: &mut Vec<Answer<Quote>>) {
        wild(deals, out, |deal| Quote { id: deal.id, agreed: true, unit: u32::MAX });
    }
    fn craft(&mut self, _ctx: &Context, attempts: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        let (successes, masterworks, extra, kept_permille) = (u32::MAX, u32::MAX, u32::MAX, u32::MAX);
        wild(attempts, out, |attempt| Crafted {
            id: attempt.id,
            successes,
            masterworks,
            extra,
            kept_permille,
        });
    }
    fn fees(&mut self, _ctx: &Context, charges: &[Charge], out: &mut Vec<Answer<Fee>>) {
        wild(charges, out, |charge| Fee { id: charge.id, gold: u32::MAX });
    }
    fn direct(&mut self, ctx: &Context, script: DefId, views: &[Bout], out: &mut Vec<Answer<Direction>>) {
        NativeRules.direct(ctx, script, views, out);
    }
    fn open_duels(&mut self, ctx: &Context, script: DefId, views: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        NativeRules.open_duels(ctx, script, views, out);
    }
    fn take_turns(&mut self, ctx: &Context, script: DefId, views: &[Turn], out: &mut Vec<Answer<Act>>) {
        NativeRules.take_turns(ctx, script, views, out);
    }
}

fn wild<V, T>(views: &[V], out: &mut Vec<Answer<T>>, decide: impl Fn(&V) -> T) {
    out.clear();
    out.extend(views.iter().map(|view| Answer { value: decide(view), origin: Origin::Fallback }));
}

/// Fights the nearest wolf until it is dead.
fn kill_wolf(scenario: &mut Scenario) {
    let wolf = scenario.nearest("npc/wolf");
    scenario.walk(44, 20);
    for _ in 0..3_000 {
        if scenario.world.entity(wolf).is_none() {
            return;
        }
        scenario.command(Command::Attack { target: wolf });
        scenario.step();
    }
    panic!("the wolf lives");
}

fn facts(log: &str) -> Vec<&str> {
    let told = |line: &&str| ["experience", "gold", "item"].iter().any(|kind| line.starts_with(kind));
    log.lines().filter(told).collect()
}

#[test]
fn what_a_script_says_without_measure_is_cut_to_its_bounds() {
    let (mut scenario, npc) = customer();
    scenario.rules = Box::new(Wild);
    scenario.world.rules_changed();
    scenario.step();
    let hero = scenario.entity();
    assert_eq!(scenario.world.entity(hero).expect("the hero").stats.health, 500);
    assert_eq!((scenario.world.experience_to_next(1), scenario.world.experience_to_next(2)), (30, 1));
    scenario.take_log();
    scenario.command(Command::Sell { npc, slot: 3, count: 1, price: None });
    scenario.step();
    let log = scenario.take_log();
    assert!(log.starts_with("ok Traded { unit: 1000000000, count: 1 }"), "{log}");
    kill_wolf(&mut scenario);
    // Ten times the most gold of a wolf, and the one good piece of five.
    let log = scenario.take_log();
    assert_eq!(facts(&log)[0], "experience +30 -> level 2 + 0", "{log}");
    assert!(log.contains("gold +50 -> "), "{log}");
    assert_eq!(facts(&log).iter().filter(|fact| fact.starts_with("item")).count(), 1, "{log}");
    assert!(log.contains("item pelt +2"), "{log}");
    let body = scenario.world.entity(hero).expect("the hero");
    assert_eq!((body.level, body.stats.health, body.health), (2, 1, 1), "never below 1");
}

#[test]
fn a_death_takes_no_more_than_there_is_and_ends_some_day() {
    let mut scenario = Scenario::new();
    scenario.rules = Box::new(Wild);
    let hero = scenario.hero;
    let character = scenario.world.characters.get_mut(&hero).expect("in the zone");
    (character.state.level, character.state.experience) = (3, 20);
    scenario.take_log();
    scenario.walk(200, 120);
    scenario.steps(1_200);
    let log = scenario.take_log();
    assert!(log.contains("experience -20 -> level 3 + 0"), "{log}");
    assert!(log.contains("notice Died { respawn_ticks: 72000 }"), "{log}");
}

#[test]
fn fallbacks_give_what_is_certain() {
    let spoils = |rows| Spoils {
        id: 7,
        looter: EntityId(1),
        looter_level: 1,
        luck_permille: 0,
        prey: EntityId(2),
        npc: def_id("npc/wolf"),
        npc_level: 1,
        boss: false,
        fighters: 1,
        gold_least: 2,
        gold_most: 5,
        tables: vec![TableView { table: def_id("loot/wolf"), rolls: 1 }],
        rows,
        seed: 1,
    };
    let row = |table, guaranteed, item, least| RowView {
        table,
        guaranteed,
        weight: 1,
        item,
        nested: 0,
        rarity: crate::content::Rarity::Common,
        least,
        most: 4,
    };
    let rows = vec![
        row(0, false, PELT, 1),
        row(0, true, PELT, 2),
        row(0, true, DefId::NONE, 1),
        row(1, true, POTION, 1),
        row(0, true, POTION, 0),
    ];
    let haul = Haul::fallback(&spoils(rows));
    assert_eq!(haul, Haul { id: 7, gold: 2, pieces: vec![Piece { row: 1, count: 2 }] });
}

#[test]
fn a_nested_table_is_shown_and_drawn_from() {
    let mut content: Content = crate::scenario::content();
    let row = |item, nested, count| LootEntry { item, nested, weight: 1, count };
    let bag = LootTable {
        name: "bag".into(),
        always: vec![row(POTION, DefId::NONE, (1, 1))],
        rolls: 0,
        entries: Vec::new(),
    };
    content.loot_tables.insert(def_id("loot/bag"), bag);
    let wolf = content.loot_tables.get_mut(&def_id("loot/wolf")).expect("the wolf's");
    wolf.always = vec![row(DefId::NONE, def_id("loot/bag"), (3, 3))];
    wolf.rolls = 0;
    let mut scenario = Scenario::with(content);
    kill_wolf(&mut scenario);
    let log = scenario.take_log();
    assert_eq!(log.matches("item potion +1").count(), 3, "{log}");
}
