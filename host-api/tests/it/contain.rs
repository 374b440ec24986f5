//! Scripts that misbehave while they are live: what is served, what falls back, what is reported.

use crate::fixture::{CONTEXT, Guest, attacks, engine, resolve, rules_under, rules_with, unserved};
use host_api::{BadOutput, Counters, Engine, Export, FailureKind, Kind, Limits, ScriptFailure, ScriptRules};
use sim::def_id;
use sim::rules::{Context, Origin, Rules};
use std::time::{Duration, Instant};

const LOOP: &str = "(loop $again (br $again))";

fn only_failure(rules: &mut ScriptRules) -> ScriptFailure {
    let mut failures = rules.drain_failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures.remove(0)
}

fn counters(rules: &ScriptRules) -> Counters {
    rules.stats().find(|stats| stats.export == Export::Resolve).unwrap().counters
}

#[test]
fn a_sound_batch_is_one_call() {
    let mut rules = rules_with(&Guest::new(Kind::Combat));
    let attacks = attacks(100);
    let answers = resolve(&mut rules, &attacks);
    assert!(unserved(&attacks, &answers).is_empty());
    let stamp = rules.generation().module("combat").unwrap().stamp();
    assert!(answers.iter().all(|answer| answer.origin == Origin::Script(stamp)));
    let counters = counters(&rules);
    assert_eq!((counters.calls, counters.items, counters.fallbacks), (1, 100, 0));
    assert!(counters.fuel > 1_000);
    assert_eq!(rules.strikes("combat"), 0);
    assert!(resolve(&mut rules, &[]).is_empty());
}

#[test]
fn a_trap_on_one_of_a_hundred() {
    let mut rules = rules_with(&Guest::combat_for(137, "unreachable"));
    let attacks = attacks(100);
    for round in 1..=3 {
        let answers = resolve(&mut rules, &attacks);
        assert_eq!(unserved(&attacks, &answers), [137]);
        let failure = only_failure(&mut rules);
        assert!(failure.isolated);
        assert_eq!((failure.items.as_slice(), failure.item_count, failure.tick), ([137].as_slice(), 1, 7));
        assert_eq!(failure.export, Export::Resolve);
        assert!(failure.module.starts_with("combat@0.1.0+"));
        let FailureKind::Trap { message, frames } = &failure.kind else { panic!("{failure}") };
        assert!(message.contains("unreachable"), "{message}");
        assert_eq!(frames[0].function, "resolve");
        assert_eq!(rules.strikes("combat"), round);
        rules.restock();
    }
}

#[test]
fn two_culprits_of_different_kinds() {
    let mut guest = Guest::combat_for(100, "(drop (i32.div_u (i32.const 1) (i32.const 0)))");
    guest.item.push_str(&Guest::combat_for(163, LOOP).item);
    let mut rules = rules_with(&guest);
    let attacks = attacks(64);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [100, 163]);
    let mut names: Vec<_> = rules.drain_failures().iter().map(|failure| failure.kind.name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["out_of_fuel", "trap"]);
}

#[test]
fn an_endless_loop_for_one_of_a_thousand() {
    let mut rules = rules_with(&Guest::combat_for(777, LOOP));
    let attacks = attacks(1_000);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [777]);
    assert!(matches!(only_failure(&mut rules).kind, FailureKind::OutOfFuel { .. }));
}

#[test]
fn an_endless_loop_for_everyone_costs_a_bounded_amount() {
    let mut guest = Guest::combat("");
    guest.item.push_str(&format!("(if (i32.ge_u (local.get $id) (i32.const 100)) (then {LOOP}))"));
    let mut rules = rules_with(&guest);
    let attacks = attacks(100);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers).len(), 100);
    let limits = Limits::default();
    let counters = counters(&rules);
    assert!(counters.fuel <= limits.fuel_per_call + limits.fuel_isolation, "{counters:?}");
    assert!(counters.calls <= 1 + u64::from(limits.isolation_calls), "{counters:?}");
    let failures = rules.drain_failures();
    assert_eq!(failures.iter().map(|failure| failure.item_count).sum::<u32>(), 100);
    assert!(failures.iter().any(|failure| !failure.isolated));
    assert_eq!(rules.strikes("combat"), 1);
}

#[test]
fn what_fuel_does_not_see_ends_at_the_deadline() {
    // Filling 30 MiB costs little fuel and milliseconds.
    let fill = "(loop $again
        (memory.fill (i32.const 65536) (i32.const 0) (i32.const 0x1e00000)) (br $again))";
    let mut guest = Guest::combat_for(101, fill);
    guest.fields = "(func $grow (drop (memory.grow (i32.const 500)))) (start $grow)".into();
    guest.manifest.limits.fuel_base = Some(10_000_000);
    let engine = Engine::new(Limits { deadline_epochs: 2, ..Limits::default() }, None).unwrap();
    let mut rules = rules_under(&engine, &guest);
    let attacks = attacks(4);
    let start = Instant::now();
    let answers = resolve(&mut rules, &attacks);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(unserved(&attacks, &answers).contains(&101));
    let failures = rules.drain_failures();
    assert!(
        failures.iter().all(|failure| matches!(
            failure.kind,
            FailureKind::Deadline { .. } | FailureKind::OutOfFuel { .. }
        ))
    );
}

#[test]
fn a_memory_bomb() {
    let grow = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))";
    let mut rules = rules_with(&Guest::combat_for(142, grow));
    let attacks = attacks(100);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [142]);
    let failure = only_failure(&mut rules);
    let FailureKind::OutOfMemory { asked, limit, .. } = failure.kind else { panic!("{failure}") };
    assert!(asked > limit && limit == 32 << 20, "{failure}");
}

#[test]
fn a_deep_recursion() {
    let mut guest = Guest::combat_for(105, "(call $deeper)");
    guest.fields = "(func $deeper (call $deeper) (call $deeper))".into();
    let mut rules = rules_with(&guest);
    let attacks = attacks(10);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [105]);
    let failure = only_failure(&mut rules);
    assert!(failure.to_string().contains("stack"), "{failure}");
}

#[test]
fn a_huge_list() {
    // The list claims to fill all of a memory grown to 20 MiB.
    let mut guest = Guest::combat("");
    guest.leave = "(if (i32.gt_u (local.get $len) (i32.const 1)) (then
        (drop (memory.grow (i32.const 320)))
        (local.set $answers (i32.const 0)) (local.set $len (i32.const 800000))))"
        .into();
    let mut rules = rules_with(&guest);
    let attacks = attacks(8);
    let answers = resolve(&mut rules, &attacks);
    // Single views are answered properly, so all of them are served in the end.
    assert!(unserved(&attacks, &answers).is_empty());
    let failure = only_failure(&mut rules);
    assert_eq!((failure.item_count, failure.isolated), (0, false));
    assert!(matches!(failure.kind, FailureKind::BadOutput(BadOutput::Encoding(_))), "{failure}");
    assert_eq!(rules.strikes("combat"), 1);
}

#[test]
fn a_list_outside_its_memory() {
    let mut guest = Guest::combat("");
    guest.leave = "(if (i32.eq (local.get $id) (i32.const 103)) (then
        (local.set $answers (i32.const 0x7ffffff0))))"
        .into();
    let mut rules = rules_with(&guest);
    let attacks = attacks(4);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [103]);
    assert!(matches!(only_failure(&mut rules).kind, FailureKind::BadOutput(BadOutput::Encoding(_))));
}

#[test]
fn a_wrong_length() {
    // One answer is missing whenever the last view is 109.
    let mut guest = Guest::combat("");
    guest.leave = "(if (i32.eq (local.get $id) (i32.const 109))
        (then (local.set $len (i32.sub (local.get $len) (i32.const 1)))))"
        .into();
    let mut rules = rules_with(&guest);
    let attacks = attacks(10);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [109]);
    let expected = FailureKind::BadOutput(BadOutput::Length { views: 1, answers: 0 });
    assert_eq!(only_failure(&mut rules).kind, expected);
}

#[test]
fn an_answer_for_an_entity_that_was_not_asked_about() {
    let mut rules = rules_with(&Guest::combat_for(150, "(i32.store (local.get $out) (i32.const 9999))"));
    let attacks = attacks(100);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [150]);
    let failure = only_failure(&mut rules);
    let expected = FailureKind::BadOutput(BadOutput::Id { asked: 150, answered: 9999 });
    assert_eq!((failure.kind, failure.isolated), (expected, true));
    // One call was enough.
    assert_eq!(counters(&rules).calls, 1);
    assert_eq!(rules.strikes("combat"), 1);
}

#[test]
fn values_outside_their_range() {
    let kind = Guest::combat_for(101, "(i32.store8 offset={out.kind} (local.get $out) (i32.const 200))");
    let mut rules = rules_with(&kind);
    let attacks = attacks(4);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [101]);
    assert!(matches!(only_failure(&mut rules).kind, FailureKind::BadOutput(BadOutput::Encoding(_))));

    let amount = Guest::combat_for(102, "(i32.store offset={out.amount} (local.get $out) (i32.const -5))");
    let mut rules = rules_with(&amount);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [102]);
    let failure = only_failure(&mut rules).to_string();
    assert!(failure.contains("amount is -5, 0..=1,000,000 expected"), "{failure}");
}

#[test]
fn a_flood_of_log_lines() {
    let mut guest = Guest::combat("");
    guest.fields = "(data (i32.const 1024) \"spam\")".into();
    guest.item.push_str("(call $log (i32.const 1) (i32.const 1024) (i32.const 4))");
    let mut rules = rules_with(&guest);
    let attacks = attacks(500);
    let answers = resolve(&mut rules, &attacks);
    assert!(unserved(&attacks, &answers).is_empty());
    let counters = counters(&rules);
    assert_eq!((counters.log_lines, counters.log_dropped), (64, 436));
}

#[test]
fn the_order_of_a_batch_changes_nothing() {
    let mut guest = Guest::combat_for(120, "unreachable");
    guest.item.push_str(&Guest::combat_for(160, LOOP).item);
    // Too many culprits for the search: what is left unserved must not depend on the order either.
    guest.item.push_str("(if (i32.gt_u (local.get $id) (i32.const 170)) (then unreachable))");
    let forward = attacks(200);
    let mut shuffled = forward.clone();
    shuffled.reverse();
    shuffled.rotate_left(37);
    let mut answers: Vec<_> = resolve(&mut rules_with(&guest), &forward)
        .into_iter()
        .map(|answer| (answer.value, answer.origin))
        .collect();
    let mut others: Vec<_> = resolve(&mut rules_with(&guest), &shuffled)
        .into_iter()
        .map(|answer| (answer.value, answer.origin))
        .collect();
    answers.sort_by_key(|(outcome, _)| outcome.id);
    others.sort_by_key(|(outcome, _)| outcome.id);
    assert_eq!(answers, others);
    assert!(answers.iter().filter(|(_, origin)| *origin == Origin::Fallback).count() > 100);
}

#[test]
fn long_batches_take_several_calls() {
    let mut rules = rules_with(&Guest::combat_for(1_800, "unreachable"));
    let attacks = attacks(2_500);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [1_800]);
}

#[test]
fn a_module_gets_its_share_of_a_tick_and_no_more() {
    // A quarter of 50 ms: room for one call of ten views, which is entitled to 400,000.
    let limits = Limits { batch_items: 10, fuel_per_ms: 32_004, ..Limits::default() };
    let mut rules = rules_under(&Engine::new(limits, None).unwrap(), &Guest::new(Kind::Combat));
    let attacks = attacks(100);
    assert!(unserved(&attacks, &resolve(&mut rules, &attacks)).is_empty(), "nobody spoke of ticks");
    rules.limit_ticks();
    let served: Vec<u32> = attacks.iter().skip(10).map(|attack| attack.id).collect();
    assert_eq!(unserved(&attacks, &resolve(&mut rules, &attacks)), served);
    let failure = only_failure(&mut rules);
    assert_eq!((failure.item_count, failure.isolated), (90, false));
    assert!(matches!(failure.kind, FailureKind::OverShare { share: 400_050, .. }), "{failure}");
    assert_eq!(rules.strikes("combat"), 1);
    // Another question of the same tick finds nothing left, one of the next tick finds it whole.
    assert_eq!(unserved(&attacks, &resolve(&mut rules, &attacks)).len(), 100);
    let mut answers = Vec::new();
    rules.resolve(&Context { tick: CONTEXT.tick + 1, ..CONTEXT }, &attacks, &mut answers);
    assert_eq!(unserved(&attacks, &answers), served);
}

#[test]
fn an_endless_loop_for_everyone_ends_at_the_share_of_the_tick() {
    let mut guest = Guest::combat("");
    guest.item.push_str(&format!("(if (i32.ge_u (local.get $id) (i32.const 100)) (then {LOOP}))"));
    let mut rules = rules_with(&guest);
    rules.limit_ticks();
    let attacks = attacks(5_000);
    for _ in 0..20 {
        resolve(&mut rules, &attacks);
    }
    let (counters, share) = (counters(&rules), 80_000_000);
    assert!(counters.fuel <= share, "{counters:?}");
    assert_eq!((counters.items, counters.fallbacks), (100_000, 100_000));
}

#[test]
fn a_cost_is_counted_to_what_its_views_are_about() {
    let engine = engine();
    let modules = Kind::ALL.map(|kind| host_api::Module::load(&engine, &Guest::new(kind).bytes()).unwrap());
    let mut rules = ScriptRules::new(&host_api::Generation::new(1, modules).unwrap()).unwrap();
    let npc = |id: u64| sim::rules::Perception {
        id: sim::EntityId(id),
        template: def_id(if id.is_multiple_of(4) { "npc/bear" } else { "npc/wolf" }),
        ..perception()
    };
    let npcs: Vec<_> = (1..=40).map(npc).collect();
    let mut decisions = Vec::new();
    rules.think(&CONTEXT, def_id("script/npc"), &npcs, &mut decisions);
    resolve(&mut rules, &attacks(10));
    let stats: Vec<_> = rules.stats().collect();
    let think = stats.iter().find(|row| row.export == Export::Think).unwrap();
    let views = |name| {
        let found = think.subjects.iter().find(|part| part.subject == def_id(name));
        found.map(|part| (part.items, part.fuel))
    };
    let ((bears, bear_fuel), (wolves, wolf_fuel)) = (views("npc/bear").unwrap(), views("npc/wolf").unwrap());
    assert_eq!((bears, wolves, think.subjects.len()), (10, 30, 2));
    assert_eq!(bear_fuel + wolf_fuel, think.counters.fuel);
    assert!(wolf_fuel >= 3 * bear_fuel && bear_fuel > 0, "{:?}", think.subjects);
    let swings = stats.iter().find(|row| row.export == Export::Resolve).unwrap();
    assert_eq!(swings.subjects, [], "a swing is about nothing that has a name");
}

#[test]
fn a_script_that_is_not_live() {
    let mut rules = rules_with(&Guest::new(Kind::Combat));
    let mut answers = Vec::new();
    let npc = sim::rules::Perception { id: sim::EntityId(5), ..perception() };
    rules.think(&CONTEXT, def_id("script/ghost"), &[npc], &mut answers);
    assert_eq!(answers[0].origin, Origin::Fallback);
    assert_eq!(only_failure(&mut rules).kind, FailureKind::NoModule);
}

#[test]
fn npcs_quests_and_dialogs_are_answered_by_their_script() {
    let engine = engine();
    let modules = Kind::ALL.map(|kind| host_api::Module::load(&engine, &Guest::new(kind).bytes()).unwrap());
    let generation = host_api::Generation::new(1, modules).unwrap();
    let mut rules = ScriptRules::new(&generation).unwrap();
    let mut decisions = Vec::new();
    let npcs: Vec<_> =
        (1..=50).map(|id| sim::rules::Perception { id: sim::EntityId(id), ..perception() }).collect();
    rules.think(&CONTEXT, def_id("script/npc"), &npcs, &mut decisions);
    assert_eq!(decisions.len(), 50);
    assert!(decisions.iter().zip(&npcs).all(|(answer, npc)| answer.value.id == npc.id));
    assert!(decisions.iter().all(|answer| answer.origin != Origin::Fallback));
    assert!(rules.drain_failures().is_empty());
}

/// What an NPC sees that is alone.
pub fn perception() -> sim::rules::Perception {
    use sim::content::Position;
    use sim::{DefId, EntityId};
    sim::rules::Perception {
        id: EntityId(1),
        template: def_id("npc/wolf"),
        level: 1,
        state: sim::rules::NpcState::Idle,
        state_ticks: 0,
        memory: 0,
        health_permille: 1_000,
        at: Position::default(),
        home: Position::default(),
        distance_home_mm: 0,
        target: EntityId::NONE,
        target_at: Position::default(),
        target_distance_mm: 0,
        target_health_permille: 0,
        nearest: EntityId::NONE,
        nearest_distance_mm: 0,
        friends_fighting: 0,
        friends_idle: 0,
        stunned: false,
        ready_in_ticks: 0,
        aggro_mm: 0,
        leash_mm: 0,
        wander_mm: 0,
        reach_mm: 0,
        flee_below_permille: 0,
        basic: DefId::NONE,
        special: DefId::NONE,
        special_ready_in_ticks: 0,
        seed: 1,
    }
}
