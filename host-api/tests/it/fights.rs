//! Bosses and duels: directions, terms and acts out of range are refused whole, and what then counts is the
//! declared fallback.

use crate::fixture::{CONTEXT, Guest, engine};
use expect_test::{Expect, expect};
use host_api::{Generation, Kind, Manifest, Module, Scope, ScriptRules};
use sim::rules::{
    Act, Answer, Bout, BoutOccasion, Direction, DuelistView, Move, Origin, Pairing, PhaseView, Rules, Terms,
    Turn,
};
use sim::{DefId, EntityId, def_id};

/// The sample of the first question has another id, so that a guest that fails for this one loads.
const ID: u32 = 7;
const SCRIPT: DefId = def_id("script/encounter");
const BITE: DefId = def_id("ability/bite");

/// A guest that writes `value` so many bytes behind the id of its answer to the view of these tests.
fn rules(behind_id: u32, value: u32) -> ScriptRules {
    let mut guest = Guest::new(Kind::Encounter);
    guest.item.push_str(&format!(
        "(if (i32.eq (local.get $id) (i32.const {ID}))
           (then (i32.store offset={{out.id+{behind_id}}} (local.get $out) (i32.const {value}))))"
    ));
    rules_of(&guest)
}

fn rules_of(guest: &Guest) -> ScriptRules {
    let engine = engine();
    let all = [Guest::new(Kind::Ability), Guest::new(Kind::Combat), guest.clone()];
    let modules = all.iter().map(|guest| Module::load(&engine, &guest.bytes()).unwrap());
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

fn bout() -> Bout {
    let phase = PhaseView {
        health_below_permille: 500,
        after_ticks: 0,
        power_permille: 1_000,
        adds: DefId::NONE,
        adds_count: 0,
        ability: DefId::NONE,
        announcement: DefId::NONE,
    };
    Bout {
        id: ID,
        encounter: def_id("encounter/alpha"),
        boss: EntityId(3),
        template: def_id("npc/alpha"),
        level: 5,
        occasion: BoutOccasion::Going,
        phase: 1,
        phases: vec![phase],
        phase_ticks: 5,
        fight_ticks: 10,
        health_permille: 400,
        fighters: 1,
        adds: 0,
        enrage_ticks: 0,
        basic: BITE,
        special: DefId::NONE,
        memory: 6,
        seed: 1,
    }
}

fn duelist(entity: u64) -> DuelistView {
    DuelistView {
        entity: EntityId(entity),
        is_npc: false,
        level: 5,
        health: 50,
        health_max: 60,
        mana: 0,
        energy: 0,
        accuracy: 50,
        evasion: 50,
    }
}

fn turn() -> Turn {
    let made = |ability, ready| Move {
        ability,
        power_permille: 1_000,
        heal: 0,
        mana_cost: 0,
        energy_cost: 0,
        cooldown_ticks: 0,
        cooldown_turns: 0,
        ready,
    };
    Turn {
        id: ID,
        round: 1,
        actor: duelist(1),
        foe: duelist(2),
        chosen: BITE,
        auto: false,
        timed_out: false,
        moves: vec![made(BITE, true), made(DefId(9), false)],
        memory: 6,
        seed: 1,
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
fn direction_is_refused(behind_id: u32, value: u32, why: Expect) {
    let mut rules = rules(behind_id, value);
    let mut answers = Vec::new();
    rules.direct(&CONTEXT, SCRIPT, &[bout()], &mut answers);
    let (direction, said) = refused(&mut rules, &mut answers);
    assert_eq!(direction, Direction::fallback(&bout()));
    assert_eq!((direction.phase, direction.memory, direction.summon), (1, 6, 0));
    why.assert_eq(&said);
}

#[test]
fn directions_out_of_range_change_nothing() {
    direction_is_refused(4, 2, expect!["answered badly: phase is 2, 0 up to the number of phases expected"]);
    direction_is_refused(8, 5_001, expect!["answered badly: power-permille is 5001, 100..=5,000 expected"]);
    direction_is_refused(12, 99, expect!["answered badly: speed-permille is 99, 100..=2,000 expected"]);
}

#[test]
fn terms_and_acts_out_of_range_are_those_that_are_certain() {
    let mut rules = rules(8, 6_000);
    let mut answers = Vec::new();
    let pair = Pairing { id: ID, challenger: duelist(1), opponent: duelist(2), turn_ticks: 300, seed: 1 };
    rules.open_duels(&CONTEXT, SCRIPT, &[pair], &mut answers);
    let (terms, said) = refused(&mut rules, &mut answers);
    assert_eq!(terms, Terms { id: ID, challenger_begins: false, turn_ticks: 300, memory: 0 });
    assert_eq!(said, "answered badly: turn-ticks is 6000, 20..=2,400 expected");

    let mut answers = Vec::new();
    rules.take_turns(&CONTEXT, SCRIPT, &[turn()], &mut answers);
    let (act, said) = refused(&mut rules, &mut answers);
    assert_eq!(act, Act { ability: BITE, ..Act::fallback(&turn()) }, "what was chosen is done");
    assert_eq!(said, "answered badly: power-permille is 6000, 0..=5,000 expected");

    // Known, but not ready.
    let mut rules = self::rules(4, 9);
    let mut answers = Vec::new();
    rules.take_turns(&CONTEXT, SCRIPT, &[Turn { chosen: DefId::NONE, ..turn() }], &mut answers);
    let (act, said) = refused(&mut rules, &mut answers);
    assert_eq!((act.ability, act.memory), (DefId::NONE, 6));
    assert_eq!(said, "answered badly: ability is 9, 0, or a move that is ready expected");
}

#[test]
fn a_stateless_script_remembers_nothing_of_a_fight() {
    let mut guest = Guest::new(Kind::Encounter);
    guest.manifest = Manifest { scope: Scope::Stateless, ..guest.manifest };
    let mut rules = rules_of(&guest);
    let mut answers = Vec::new();
    rules.direct(&CONTEXT, SCRIPT, &[bout()], &mut answers);
    assert!(matches!(answers[0].origin, Origin::Script(_)), "{:?}", rules.drain_failures());
    // Of these three answers an act alone has its memory here.
    guest.item.push_str("(i64.store offset=24 (local.get $out) (i64.const 5))");
    let error = Module::load(&engine(), &guest.bytes()).unwrap_err().to_string();
    assert!(error.contains("stateless"), "{error}");
}
