//! Duels: who may, how turns go, how they end, and what they leave alone.

use crate::content::Content;
use crate::ids::{CharacterId, DefId, DuelId, EntityId, def_id};
use crate::input::Command;
use crate::native::NativeRules;
use crate::output::{FactKind, Notice, Output};
use crate::rules::{Act, Answer, Context, Origin, Rules};
use crate::scenario::{FIELD, Scenario, content};
use crate::state::{Migrated, Schemas, StateKey, StateValue};
use crate::world::World;
use expect_test::expect;
use std::sync::Arc;

const REND: DefId = def_id("ability/rend");
const SCRIPT: DefId = def_id("script/encounters");

/// Two heroes beside each other; the first one is asked to act.
fn two() -> (Scenario, CharacterId, CharacterId) {
    two_in(content())
}

fn two_in(content: Content) -> (Scenario, CharacterId, CharacterId) {
    let mut scenario = Scenario::with(content);
    let first = scenario.hero;
    let second = scenario.enter(2);
    scenario.take_log();
    (scenario, first, second)
}

/// A duel between the two that has begun.
fn duelling() -> (Scenario, CharacterId, CharacterId) {
    let (mut scenario, first, second) = two();
    begin(&mut scenario, second);
    scenario.take_log();
    (scenario, first, second)
}

fn begin(scenario: &mut Scenario, second: CharacterId) {
    let first = scenario.hero;
    let target = scenario.body(second);
    scenario.command(Command::Challenge { target });
    scenario.step();
    as_who(scenario, second, Command::AcceptDuel { duel: DuelId(1) });
    scenario.hero = first;
    scenario.step();
}

fn as_who(scenario: &mut Scenario, who: CharacterId, command: Command) {
    scenario.hero = who;
    scenario.command(command);
}

/// Everybody leaves it to the script until it is over; at most a minute.
fn fight_on(scenario: &mut Scenario, both: [CharacterId; 2]) {
    for who in both {
        as_who(scenario, who, Command::AutoDuel { on: true });
    }
    scenario.hero = both[0];
    for _ in 0..1_300 {
        scenario.step();
        if scenario.log.contains("duel ") {
            return;
        }
    }
    panic!("the duel does not end: {}", scenario.log);
}

#[test]
fn the_two_of_a_duel_are_opponents_while_it_lasts() {
    let (mut scenario, first, second) = two();
    assert_eq!(scenario.world.duel_opponent(first), None);
    begin(&mut scenario, second);
    assert_eq!(scenario.world.duel_opponent(first), Some(scenario.body(second)));
    assert_eq!(scenario.world.duel_opponent(second), Some(scenario.body(first)));
    scenario.take_log();
    fight_on(&mut scenario, [first, second]);
    assert_eq!(scenario.world.duel_opponent(first), None);
}

#[test]
fn a_duel_is_agreed_on_and_fought_to_its_end() {
    let (mut scenario, first, second) = two();
    let before = [first, second].map(|who| scenario.world.entity(scenario.body(who)).expect("a body").health);
    begin(&mut scenario, second);
    expect![[r#"
        ok Challenged { duel: DuelId(1) }
        ok Done
        round 1: 120 against 120
    "#]]
    .assert_eq(&scenario.take_log());
    fight_on(&mut scenario, [first, second]);
    let log = scenario.take_log();
    assert!(log.contains(", over\n"), "{log}");
    let ended = log.lines().find(|line| line.starts_with("duel ")).expect("an end");
    assert!(["duel won by health", "duel lost by health"].contains(&ended), "{log}");
    // Nothing of it is felt outside, and both may fight again.
    let after = [first, second].map(|who| scenario.world.entity(scenario.body(who)).expect("a body").health);
    assert_eq!(before, after);
    let target = scenario.body(second);
    scenario.command(Command::Challenge { target });
    scenario.step();
    assert!(scenario.take_log().starts_with("ok Challenged { duel: DuelId(2) }"));
}

#[test]
fn who_cannot_duel_is_told_why() {
    let (mut scenario, first, second) = two();
    let third = scenario.enter(3);
    scenario.take_log();
    let (me, other, wolf) = (scenario.body(first), scenario.body(second), scenario.nearest("npc/wolf"));
    for target in [EntityId(999), me, wolf] {
        scenario.command(Command::Challenge { target });
    }
    for command in [
        Command::AcceptDuel { duel: DuelId(1) },
        Command::DeclineDuel { duel: DuelId(1) },
        Command::DuelAct { duel: DuelId(1), ability: None },
        Command::AutoDuel { on: true },
        Command::Surrender,
        Command::Challenge { target: other },
        Command::Challenge { target: other },
        // One's own challenge is not for oneself to accept.
        Command::AcceptDuel { duel: DuelId(1) },
    ] {
        scenario.command(command);
    }
    scenario.step();
    as_who(&mut scenario, third, Command::Challenge { target: other });
    as_who(&mut scenario, third, Command::AcceptDuel { duel: DuelId(1) });
    scenario.step();
    as_who(&mut scenario, second, Command::AcceptDuel { duel: DuelId(1) });
    scenario.step();
    for command in [
        Command::DuelAct { duel: DuelId(7), ability: None },
        Command::DuelAct { duel: DuelId(1), ability: Some(def_id("ability/bite")) },
        Command::DuelAct { duel: DuelId(1), ability: Some(REND) },
    ] {
        // Whoever has the turn; the other is told that it is not its own.
        for who in [first, second] {
            as_who(&mut scenario, who, command.clone());
        }
    }
    scenario.hero = third;
    scenario.step();
    expect![[r#"
        no no_target
        no wrong_target
        no wrong_target
        no no_duel
        no no_duel
        no no_duel
        no no_duel
        no no_duel
        ok Challenged { duel: DuelId(1) }
        no duel_busy
        no no_duel
        no duel_busy
        no no_duel
        ok Done
        no no_duel
        no no_duel
        no not_your_turn
        no unknown_ability
        no not_your_turn
        ok Done
    "#]]
    .assert_eq(&without_notices(&scenario.take_log()));
}

fn without_notices(log: &str) -> String {
    let lines = log.lines().filter(|line| line.starts_with("ok") || line.starts_with("no "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_challenge_ends_by_no_by_time_and_by_leaving() {
    let (mut scenario, first, second) = two();
    let target = scenario.body(second);
    for answer in [Some(first), Some(second), None] {
        scenario.hero = first;
        scenario.command(Command::Challenge { target });
        scenario.step();
        let duel = DuelId(scenario.log.matches("ok Challenged").count() as u64);
        if let Some(who) = answer {
            as_who(&mut scenario, who, Command::DeclineDuel { duel });
        }
        scenario.hero = first;
        scenario.steps(41);
    }
    scenario.command(Command::Challenge { target });
    scenario.step();
    scenario.leave(second);
    scenario.step();
    let log = scenario.take_log();
    let ends: Vec<&str> = log.lines().filter(|line| line.starts_with("challenge")).collect();
    assert_eq!(
        ends,
        ["challenge declined", "challenge declined", "challenge expired", "challenge left"],
        "{log}"
    );
}

#[test]
fn turns_wait_for_their_choice_and_not_for_ever() {
    let (mut scenario, first, second) = duelling();
    let (_, duel) = scenario.world.duels.running().next().expect("a duel");
    let (actor, other) = if duel.actor == 0 { (first, second) } else { (second, first) };
    scenario.hero = actor;
    // Half a second passes between two actions, as everywhere.
    as_who(&mut scenario, actor, Command::DuelAct { duel: DuelId(1), ability: Some(REND) });
    scenario.step();
    assert_eq!(scenario.take_log(), "ok Done\n");
    scenario.steps(10);
    let log = scenario.take_log();
    assert!(log.starts_with("round 1: "), "{log}");
    // Rend costs energy of the duel and rests for a turn; the other dreams until its time is over.
    scenario.hero = other;
    scenario.steps(70);
    assert!(scenario.take_log().starts_with("round 2: "));
    let energy = scenario.world.entity(scenario.body(actor)).expect("a body").energy;
    assert_eq!(energy, 100, "not that of the world");
    let (_, duel) = scenario.world.duels.running().next().expect("a duel");
    assert_eq!(duel.sides[duel.actor].energy, 80);
}

#[test]
fn who_gives_up_goes_away_or_dies_has_lost() {
    let end = |how: fn(&mut Scenario, CharacterId)| {
        let (mut scenario, first, second) = duelling();
        how(&mut scenario, second);
        scenario.hero = first;
        scenario.steps(3);
        let log = scenario.take_log();
        log.lines().find(|line| line.starts_with("duel ")).unwrap_or("goes on").to_owned()
    };
    assert_eq!(end(|scenario, who| as_who(scenario, who, Command::Surrender)), "duel won by surrender");
    assert_eq!(end(Scenario::leave), "duel won by left");
    assert_eq!(
        end(|scenario, who| {
            // What is told on the way is told to the one who walks.
            scenario.hero = who;
            scenario.walk(20, 51);
        }),
        "duel lost by left"
    );
    assert_eq!(
        end(|scenario, who| {
            let body = scenario.body(who);
            let wolf = scenario.nearest("npc/wolf");
            scenario.world.wound(body, wolf, 1_000, Origin::Fallback);
        }),
        "duel won by died"
    );
    assert_eq!(end(|_, _| ()), "goes on");
}

#[test]
fn a_duel_has_an_end_even_if_nobody_acts() {
    let mut content = content();
    content.duel.longest_ms = 2_000;
    let (mut scenario, _, second) = two_in(content);
    begin(&mut scenario, second);
    scenario.steps(42);
    assert!(scenario.take_log().contains("duel drawn by time"));
}

#[test]
fn an_npc_that_duels_takes_every_challenge_and_acts_by_itself() {
    let (mut scenario, first, second) = two();
    let elder = scenario.nearest("npc/elder");
    for who in [first, second] {
        as_who(&mut scenario, who, Command::Challenge { target: elder });
        scenario.command(Command::AutoDuel { on: true });
    }
    scenario.hero = first;
    scenario.steps(1_000);
    let log = scenario.take_log();
    assert_eq!(log.matches("ok Challenged").count(), 2, "{log}");
    assert!(log.contains("duel won by health") || log.contains("duel lost by health"), "{log}");
    assert!(scenario.world.entity(elder).is_some_and(|elder| elder.health == elder.stats.health));
}

/// Rules as a script might have them that knows no measure.
struct Wild(NativeRules);

use crate::rules as r;

impl Rules for Wild {
    native! {
        plan_casts(: r::Cast => r::Plan),
        resolve(: r::Attack => r::Outcome),
        pulse_statuses(: r::Pulse => r::PulseOutcome),
        think(s: r::Perception => r::Decision),
        advance(s: r::Inquiry => r::QuestStep),
        converse(s: r::Conversation => r::DialogReply),
        judge(s: r::Line => r::Judgement),
        govern(s: r::Moment => r::Decree),
        conduct(s: r::EventMoment => r::Course),
        reward_merits(s: r::Merit => r::Prize),
        roll_loot(: r::Spoils => r::Haul),
        require_experience(: r::LevelStep => r::Requirement),
        grow_stats(: r::Growth => r::Grown),
        reward_kills(: r::Kill => r::Gain),
        punish_deaths(: r::Fall => r::Toll),
        quote_prices(: r::Deal => r::Quote),
        craft(: r::Attempt => r::Crafted),
        fees(: r::Charge => r::Fee),
        direct(s: r::Bout => r::Direction),
        open_duels(s: r::Pairing => r::Terms),
    }

    fn take_turns(&mut self, _: &Context, _: DefId, turns: &[r::Turn], out: &mut Vec<Answer<Act>>) {
        let wild = |turn: &r::Turn| Act {
            id: turn.id,
            ability: if turn.round == 1 { REND } else { def_id("ability/none") },
            power_permille: u32::MAX,
            cooldown_turns: u32::MAX,
            again: true,
            verdict: r::DuelVerdict::GoOn,
            memory: i64::MAX,
        };
        out.clear();
        out.extend(turns.iter().map(|turn| Answer { value: wild(turn), origin: Origin::Fallback }));
    }
}

#[test]
fn what_a_script_says_without_measure_is_cut_to_its_bounds() {
    let (mut scenario, _, second) = duelling();
    scenario.rules = Box::new(Wild(NativeRules));
    for who in [scenario.hero, second] {
        as_who(&mut scenario, who, Command::AutoDuel { on: true });
    }
    scenario.steps(200);
    let (_, duel) = scenario.world.duels.running().next().expect("a duel that goes on");
    // Rend was used once, at five times its power; what nobody has is a pass, and the same side acts on.
    let used: Vec<i32> =
        duel.log.iter().filter(|entry| entry.ability == REND).map(|entry| entry.amount).collect();
    assert_eq!(used.len(), 1, "{:?}", duel.log);
    assert!(used[0] <= 120 && duel.sides[duel.actor].cooldowns[&REND] <= 100);
    assert!(duel.log.iter().all(|entry| entry.actor == duel.actor));
}

#[test]
fn the_result_is_a_fact_of_both_with_the_turns_that_led_to_it() {
    let (mut scenario, first, second) = duelling();
    scenario.command(Command::Surrender);
    let mut out = Output::default();
    let (character, request) = (second, crate::RequestId(900));
    let mut inputs = vec![crate::input::Input::Command { character, request, command: Command::Surrender }];
    scenario.world.step(&mut inputs, scenario.rules.as_mut(), &mut out);
    let facts: Vec<_> = out.facts.iter().filter(|fact| matches!(fact.kind, FactKind::Duel { .. })).collect();
    assert_eq!(facts.len(), 2, "{facts:?}");
    // Who gave up hears of it after the commit; who won did not ask.
    let of = |who: CharacterId| facts.iter().find(|fact| fact.character == who).expect("a fact");
    assert_eq!((of(second).request, of(first).request), (Some(request), None));
    assert!(!out.notices.iter().any(|(_, notice)| matches!(notice, Notice::ChallengeEnded { .. })));
}

#[test]
fn a_duel_goes_on_from_a_checkpoint_and_in_another_schema() {
    let (mut scenario, first, second) = duelling();
    as_who(&mut scenario, first, Command::AutoDuel { on: true });
    as_who(&mut scenario, second, Command::AutoDuel { on: true });
    scenario.steps(30);
    let bytes = scenario.world.checkpoint();
    let mut restored =
        World::from_checkpoint(Arc::clone(scenario.world.content()), &bytes).expect("restored");
    let out = &mut Output::default();
    for _ in 0..100 {
        restored.step(&mut Vec::new(), &mut NativeRules, out);
        scenario.step();
        assert_eq!(restored.digest(), scenario.world.digest());
    }

    let world = &mut scenario.world;
    assert_eq!(world.zone(), FIELD);
    let schemas = Schemas::from([(SCRIPT, 1)]);
    let old = world.old_states(&schemas);
    assert_eq!(old.len(), 1, "{old:?}");
    assert_eq!((old[0].key, old[0].script), (StateKey::Duel(DuelId(1)), SCRIPT));
    let StateValue::Encounter { encounter: DefId::NONE, phase: 0, memory } = old[0].value else {
        panic!("{old:?}");
    };
    let turns = world.duels.running().next().expect("a duel").1.turns;
    // A script that cannot read it is not asked about it.
    world.adopt(schemas.clone(), &[]);
    scenario.steps(30);
    assert_eq!(scenario.world.duels.running().next().expect("a duel").1.turns, turns);
    let after = StateValue::Encounter { encounter: DefId::NONE, phase: 0, memory: memory + 256 };
    let migrated = Migrated {
        key: old[0].key,
        script: SCRIPT,
        from: 0,
        to: 1,
        before: old[0].value.clone(),
        after: Ok(after),
    };
    scenario.world.adopt(schemas, &[migrated]);
    let duel = scenario.world.duels.running().next().expect("a duel").1.memory.clone();
    assert_eq!((duel.value, duel.schema), (memory + 256, 1));
    scenario.steps(30);
    assert!(scenario.world.duels.running().next().is_none_or(|(_, duel)| duel.turns > turns));
}
