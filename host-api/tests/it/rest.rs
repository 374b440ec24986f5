//! Modules at rest: they are there, and nobody asks them.

use crate::fixture::{Guest, attacks, engine, resolve, rules_under, unserved};
use host_api::{Counters, Engine, Export, Generation, Kind, Module, ScriptRules, prove};

fn load(engine: &Engine, guest: &Guest) -> Module {
    Module::load(engine, &guest.bytes()).unwrap()
}

fn is_combat(module: &Module) -> bool {
    module.kind() == Kind::Combat
}

#[test]
fn a_module_at_rest_keeps_its_place_until_another_takes_it() {
    let engine = engine();
    let (ability, combat) =
        (load(&engine, &Guest::new(Kind::Ability)), load(&engine, &Guest::new(Kind::Combat)));
    let awake = Generation::new(1, [ability.clone(), combat.clone()]).unwrap();
    assert!(!awake.modules().any(|module| awake.rests(module)));
    let resting = awake.resting(is_combat).numbered(2);
    assert_eq!((resting.number(), resting.modules().count()), (2, 2), "combat is required, and it is there");
    assert!(resting.rests(&combat) && !resting.rests(&ability));
    assert_eq!(resting.label(combat.stamp()), Some(combat.label()));

    let another = |mut guest: Guest| {
        guest.manifest.version = semver::Version::new(0, 2, 0);
        load(&engine, &guest)
    };
    let third = resting.with_module(3, another(Guest::new(Kind::Ability))).unwrap();
    assert!(third.rests(&combat), "another script's version wakes nobody");
    let repaired = another(Guest::new(Kind::Combat));
    let fourth = third.with_module(4, repaired).unwrap();
    assert!(!fourth.modules().any(|module| fourth.rests(module)));
    assert!(!fourth.rests(&combat), "it is not there any more");
}

#[test]
fn what_a_module_at_rest_is_asked_is_counted_and_nothing_else() {
    let engine = engine();
    let failing = Guest::combat("(if (i32.ge_u (local.get $id) (i32.const 100)) (then unreachable))");
    let modules = [load(&engine, &Guest::new(Kind::Ability)), load(&engine, &failing)];
    let generation = Generation::new(1, modules).unwrap().resting(is_combat);
    let mut rules = ScriptRules::new(&generation).unwrap();
    rules.limit_ticks();
    let attacks = attacks(100);
    for _ in 0..3 {
        assert_eq!(unserved(&attacks, &resolve(&mut rules, &attacks)).len(), 100);
        rules.restock();
    }
    assert!(rules.drain_failures().is_empty());
    assert_eq!(rules.strikes("combat"), 0);
    let stats = rules.stats().find(|stats| stats.export == Export::Resolve).unwrap();
    assert_eq!(stats.counters, Counters { items: 300, fallbacks: 300, ..Counters::default() });
}

#[test]
fn nothing_is_recorded_of_a_module_at_rest() {
    let engine = engine();
    let mut before = rules_under(&engine, &Guest::new(Kind::Combat));
    before.record(250);
    resolve(&mut before, &attacks(100));
    let generation = before.generation().numbered(2).resting(is_combat);
    let mut after = ScriptRules::new(&generation).unwrap();
    after.record(250);
    after.adopt_recording(before.take_recording());
    resolve(&mut after, &attacks(100));
    let combat = generation.module("combat").unwrap();
    let recorded = after.recording_of(Kind::Combat, combat.script(), usize::MAX);
    let proofs = prove(combat, combat, &[recorded]).unwrap();
    assert_eq!(proofs[0].views, 0);
}
