//! Limits of single functions of a script, and its share of a tick.

use crate::fixture::{CONTEXT, Guest, attacks, engine, rules_under};
use host_api::{
    BadOutput, Engine, Export, ExportLimits, ExportStats, FailureKind, Generation, Kind, Limits, LoadError,
    Module, ScriptFailure, ScriptRules,
};
use sim::content::Element;
use sim::rules::{Cast, Context, Origin, Pulse, Rules};
use sim::{DefId, EntityId, def_id};
use std::ops::Range;

/// An ability script that does `item` for every view of both its functions from id 100 on, so that its first
/// questions are easy, and has `casts` as limits of `plan-casts`.
fn ability(item: &str, casts: ExportLimits) -> Guest {
    let mut guest = Guest::new(Kind::Ability);
    guest.item = format!("(if (i32.ge_u (local.get $id) (i32.const 100)) (then {item}))");
    guest.manifest.limits.exports.insert("plan-casts".to_owned(), casts);
    guest
}

/// So many rounds of a loop; `fields` of the guest need `LEFT`.
fn work(rounds: u32) -> String {
    format!(
        "(global.set $left (i32.const {rounds}))
         (loop $again
            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
            (br_if $again (global.get $left)))"
    )
}

const LEFT: &str = "(global $left (mut i32) (i32.const 0))";

fn rules_of(engine: &Engine, ability: &Guest) -> ScriptRules {
    let modules =
        [&Guest::new(Kind::Combat), ability].map(|guest| Module::load(engine, &guest.bytes()).unwrap());
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

fn cast(id: u32) -> Cast {
    Cast {
        id,
        caster: EntityId(1),
        target: EntityId(2),
        ability: def_id("ability/test"),
        caster_level: 1,
        caster_is_npc: false,
        distance_mm: 1_000,
        health: 100,
        health_max: 100,
        mana: 10,
        energy: 10,
        cooldown_left_ticks: 0,
        since_last_action_ticks: 100,
        stunned: false,
        silenced: false,
        range_mm: 2_000,
        mana_cost: 0,
        energy_cost: 0,
        cooldown_ticks: 0,
        power_permille: 1_000,
        element: Element::Fire,
        status: DefId::NONE,
        status_ticks: 0,
        heal: 0,
        seed: 1,
    }
}

fn pulse(id: u32) -> Pulse {
    Pulse {
        id,
        source: EntityId(1),
        bearer: EntityId(2),
        status: def_id("status/test"),
        stacks: 1,
        age_ticks: 20,
        left_ticks: 20,
        health: 100,
        health_max: 100,
        strength: 1,
        element: Element::Fire,
        resistance_permille: 0,
        seed: 1,
    }
}

/// How many of these views `plan-casts` and `pulse-statuses` answer, and how they fail.
fn ask(rules: &mut ScriptRules, ids: Range<u32>) -> ([usize; 2], Vec<ScriptFailure>) {
    let (mut plans, mut outcomes) = (Vec::new(), Vec::new());
    rules.plan_casts(&CONTEXT, &ids.clone().map(cast).collect::<Vec<_>>(), &mut plans);
    rules.pulse_statuses(&CONTEXT, &ids.map(pulse).collect::<Vec<_>>(), &mut outcomes);
    let served = [
        plans.iter().filter(|answer| answer.origin != Origin::Fallback).count(),
        outcomes.iter().filter(|answer| answer.origin != Origin::Fallback).count(),
    ];
    (served, rules.drain_failures())
}

fn stats(rules: &ScriptRules, export: Export) -> ExportStats {
    rules.stats().find(|row| row.export == export).unwrap()
}

#[test]
fn one_function_runs_out_of_fuel_and_the_other_does_not() {
    // Some 120,000 for a view.
    let casts =
        ExportLimits { fuel_base: Some(50_000), fuel_per_item: Some(1_000), ..ExportLimits::default() };
    let mut guest = ability(&work(20_000), casts);
    guest.fields = LEFT.to_owned();
    guest.manifest.limits.fuel_per_item = Some(200_000);
    let mut rules = rules_of(&engine(), &guest);
    let (served, failures) = ask(&mut rules, 100..110);
    assert_eq!(served, [0, 10]);
    let short = |failure: &ScriptFailure| {
        failure.export == Export::PlanCasts && matches!(failure.kind, FailureKind::OutOfFuel { .. })
    };
    assert!(!failures.is_empty() && failures.iter().all(short), "{failures:?}");
    let (casts, pulses) = (stats(&rules, Export::PlanCasts), stats(&rules, Export::PulseStatuses));
    assert_eq!((casts.limits.fuel_base, casts.limits.fuel_per_item), (50_000, 1_000));
    assert_eq!((pulses.limits.fuel_base, pulses.limits.fuel_per_item), (300_000, 200_000));
    assert_eq!(casts.counters.fuel_peak_permille, 1_000);
    let of_call = pulses.counters.fuel * 1_000 / (300_000 + 10 * 200_000);
    assert_eq!((pulses.counters.calls, pulses.counters.fuel_peak_permille), (1, of_call));
    assert!(of_call > 100, "{pulses:?}");
}

#[test]
fn one_function_misses_its_deadline_and_the_other_does_not() {
    // Fuel ends nothing here, and the host waits for minutes: what a view takes is more than 10 ms anywhere.
    let limits =
        Limits { fuel_base: 1 << 40, fuel_per_call: 1 << 40, deadline_epochs: 100_000, ..Limits::default() };
    let casts = ExportLimits { deadline_ms: Some(10), ..ExportLimits::default() };
    let mut guest = ability(&work(200_000_000), casts);
    guest.fields = LEFT.to_owned();
    let mut rules = rules_of(&Engine::new(limits.clone(), None).unwrap(), &guest);
    let (served, failures) = ask(&mut rules, 100..101);
    assert_eq!(served, [0, 1]);
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure.export, Export::PlanCasts);
    assert!(matches!(failure.kind, FailureKind::Deadline { .. }), "{failure}");
    // A replay waits as long for everybody.
    let patient = Limits { manifest_deadlines: false, ..limits };
    let (served, _) = ask(&mut rules_of(&Engine::new(patient, None).unwrap(), &guest), 100..101);
    assert_eq!(served, [1, 1]);
}

#[test]
fn one_function_says_too_much_and_the_other_does_not() {
    // Room for one plan or two.
    let casts = ExportLimits { output_bytes: Some(100), ..ExportLimits::default() };
    let mut rules = rules_of(&engine(), &ability("", casts));
    let (served, failures) = ask(&mut rules, 100..110);
    assert_eq!(served, [10, 10], "asked again in parts");
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((failure.export, failure.item_count), (Export::PlanCasts, 0));
    assert!(matches!(failure.kind, FailureKind::BadOutput(BadOutput::Encoding(_))), "{failure}");
    assert_eq!(stats(&rules, Export::PulseStatuses).counters.failed_calls, 0);
}

#[test]
fn one_function_may_log_more_than_the_other() {
    let casts = ExportLimits { log_lines: Some(5), ..ExportLimits::default() };
    let mut guest = ability("(call $log (i32.const 1) (i32.const 1024) (i32.const 4))", casts);
    guest.fields = "(data (i32.const 1024) \"spam\")".to_owned();
    guest.manifest.limits.log_lines = Some(2);
    let mut rules = rules_of(&engine(), &guest);
    assert_eq!(ask(&mut rules, 100..110), ([10, 10], Vec::new()));
    let lines = |export| {
        let counters = stats(&rules, export).counters;
        (counters.log_lines, counters.log_dropped)
    };
    assert_eq!([lines(Export::PlanCasts), lines(Export::PulseStatuses)], [(5, 5), (2, 8)]);
}

#[test]
fn the_first_questions_are_asked_under_the_limits_of_their_function() {
    let casts = ExportLimits { fuel_base: Some(1), fuel_per_item: Some(1), ..ExportLimits::default() };
    let error = Module::load(&engine(), &ability("", casts).bytes()).unwrap_err();
    assert!(matches!(error, LoadError::Smoke { export: Export::PlanCasts, .. }), "{error}");
    let casts = ExportLimits { output_bytes: Some(1 << 21), ..ExportLimits::default() };
    let error = Module::load(&engine(), &ability("", casts).bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "ability: limits.plan-casts.output_bytes is 2097152, but at most 1048576 is given; lower it in the script's \
         manifest"
    );
    let mut foreign = ability("", ExportLimits::default());
    foreign.manifest.limits.exports.insert("resolve".to_owned(), ExportLimits::default());
    let error = Module::load(&engine(), &foreign.bytes()).unwrap_err().to_string();
    assert!(error.contains("limits.resolve limits nothing"), "{error}");
}

#[test]
fn a_share_of_the_tick_is_that_of_the_script_and_as_long_as_the_tick() {
    let limits = Limits { fuel_per_ms: 32_004, ..Limits::default() };
    let engine = Engine::new(limits, None).unwrap();
    // Ten views are entitled to 400,000.
    let attacks = attacks(10);
    let served = |percent, tick_ms| {
        let mut guest = Guest::new(Kind::Combat);
        guest.manifest.limits.tick_share_percent = percent;
        let mut rules = rules_under(&engine, &guest);
        rules.limit_ticks();
        let mut answers = Vec::new();
        rules.resolve(&Context { tick_ms, ..CONTEXT }, &attacks, &mut answers);
        let share = stats(&rules, Export::Resolve).tick_fuel;
        assert_eq!(share.peak, stats(&rules, Export::Resolve).counters.fuel);
        (answers.iter().all(|answer| answer.origin != Origin::Fallback), share.limit)
    };
    assert_eq!(served(None, 50), (true, Some(400_050)));
    assert_eq!(served(None, 40), (false, Some(320_040)));
    assert_eq!(served(Some(50), 40), (true, Some(640_080)));
    assert_eq!(served(Some(50), 20), (false, Some(320_040)));
    assert_eq!(served(Some(10), 50), (false, Some(160_000)));
}
