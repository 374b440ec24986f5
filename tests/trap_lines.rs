//! A script with a planted fault, built with lines: its failure names the author's file and line,
//! at the push that finds it and in the middle of a fight.

use crate::live::{Workshop, root};
use crate::support::starter;
use host_api::{FailureKind, Generation, LoadError, Module, ScriptFailure};
use sim::content::Element;
use sim::rules::{Attack, Context, HitKind, Origin, Rules};
use sim::{EntityId, def_id};

const FILE: &str = "src/formula.rs";
/// Where the faults are planted, and the line of it.
const BEFORE: &str = "    let mut dice = Rng::new(attack.seed);\n";

fn line_of_fault() -> u32 {
    let source = std::fs::read_to_string(root().join("scripts/combat").join(FILE)).unwrap();
    let at = source.find(BEFORE).expect("the formula rolls dice");
    1 + source[..at].matches('\n').count() as u32
}

/// A combat script whose formula begins with `fault`, built with lines.
fn faulty(fault: &str) -> Vec<u8> {
    let planted = format!("    {fault}\n{BEFORE}");
    Workshop::open().unwrap().with_lines().build("combat", "0.1.9", FILE, BEFORE, &planted).unwrap()
}

fn attack(id: u32, attack_power: i32) -> Attack {
    Attack {
        id,
        attacker: EntityId(1),
        defender: EntityId(2),
        element: Element::Physical,
        attacker_level: 1,
        defender_level: 1,
        attacker_is_npc: false,
        defender_is_npc: true,
        accuracy: 50,
        evasion: 50,
        distance_mm: 1_000,
        attack_power,
        weapon_damage: 5,
        power_permille: 1_000,
        critical_chance: 5,
        defence: 1,
        resistance_permille: 0,
        block_chance: 0,
        dodge_chance: 0,
        defender_health: 100,
        defender_health_max: 100,
        seed: u64::from(id),
    }
}

#[test]
fn a_trap_in_a_fight_names_the_authors_line_and_spares_the_others() {
    let Some(starter) = starter::generation() else { return };
    let bytes = faulty("if attack.attack_power == 4_711 { panic!(\"no such sword\"); }");
    let module = Module::load(starter::engine(), &bytes).unwrap();
    let generation: Generation = starter.with_module(2, module).unwrap();
    let mut rules = starter::rules(&generation);
    let attacks: Vec<Attack> = (0..100).map(|id| attack(id, if id == 37 { 4_711 } else { 20 })).collect();
    let ctx = Context { tick: 5, tick_ms: 50, zone: def_id("zone/greywood"), minute_of_day: 0 };
    let mut answers = Vec::new();
    rules.resolve(&ctx, &attacks, &mut answers);
    let fallbacks: Vec<usize> = (0..100).filter(|&i| answers[i].origin == Origin::Fallback).collect();
    assert_eq!(fallbacks, [37]);
    assert_eq!(answers[37].value.kind, HitKind::Miss);
    let mut failures: Vec<ScriptFailure> = rules.drain_failures();
    failures.iter_mut().for_each(|failure| generation.locate(failure));
    let culprit = failures.iter().find(|failure| failure.items == [37]).expect("the failure is reported");
    let said = culprit.to_string();
    assert!(matches!(culprit.kind, FailureKind::Trap { .. }), "{said}");
    assert!(said.starts_with("combat@0.1.9+") && said.contains("combat.resolve"), "{said}");
    assert!(said.contains(&format!("combat/src/formula.rs:{}", line_of_fault())), "{said}");
}

#[test]
fn an_endless_loop_is_refused_at_the_push_with_the_authors_line() {
    if !starter::can_build() {
        return;
    }
    let bytes = faulty("let mut spins = attack.seed; while spins != 1 { spins = std::hint::black_box(2); }");
    let error = Module::load(starter::engine(), &bytes).unwrap_err();
    assert!(matches!(error, LoadError::Smoke { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("combat: combat.resolve with a batch of 1 ran out of fuel"), "{said}");
    assert!(said.contains(&format!("combat/src/formula.rs:{}", line_of_fault())), "{said}");
}
