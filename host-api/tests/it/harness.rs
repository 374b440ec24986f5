//! Modules asked by hand, with views written as text.

use crate::fixture::{Guest, attacks, engine, resolve, rules_under};
use expect_test::expect;
use host_api::{Called, Domain, FailureKind, Harness, Kind, Limits, Module};
use serde_json::{Value, json};

const RESOLVE: &str = "combat.resolve";

fn harness(guest: &Guest) -> Harness {
    Harness::new(&Module::load(&engine(), &guest.bytes()).unwrap())
}

fn ask(harness: &mut Harness, function: &str, views: &[Value]) -> Called {
    let told = harness.context(function, &[]).unwrap();
    let views: Vec<_> = (1..).zip(views).map(|(id, v)| harness.view(function, id, &[v]).unwrap()).collect();
    harness.ask(function, &told, &views).unwrap()
}

#[test]
fn every_function_of_every_kind_answers_its_sample_and_nothing_at_all() {
    for kind in Kind::ALL {
        let mut harness = harness(&Guest::new(kind));
        let functions: Vec<String> = harness.functions().map(str::to_owned).collect();
        let exports: Vec<&str> = kind.exports().iter().map(|export| export.name()).collect();
        assert_eq!(functions, exports);
        for function in &functions {
            let sample = harness.sample(function).unwrap();
            let called = ask(&mut harness, function, &[sample.clone(), json!({})]);
            assert_eq!(called.outcome.unwrap().len(), 2, "{function}");
            assert!(called.fuel > 0);
            assert!(ask(&mut harness, function, &[]).outcome.unwrap().is_empty());
            // What is shown can be written: a view comes back as it was.
            let view = harness.view(function, 1, &[&sample]).unwrap();
            assert_eq!(harness.show(&view), sample);
            let clocked = harness.clock(function, &[view], 2).unwrap().unwrap();
            assert_eq!(clocked.views, 1);
        }
    }
}

#[test]
fn a_view_is_written_by_the_names_of_the_interface() {
    let mut harness = harness(&Guest::new(Kind::Quest));
    harness.learn(["npc/wolf".to_owned()]);
    let base = json!({"level": 3, "progress": {"state": "active", "memory": 7}});
    let trigger = json!({"happened": {"deed": "use-item", "subject": "npc/wolf", "amount": 1}});
    let over = json!({"progress": {"memory": -1, "objectives": [{"needed": 4}]}, "trigger": trigger,
        "seed": "0xffff_ffff_ffff_ffff"});
    let view = harness.view("quest.advance", 9, &[&base, &over]).unwrap();
    let shown = harness.show(&view);
    assert_eq!((&shown["id"], &shown["level"]), (&json!(9), &json!(3)));
    assert_eq!(shown["progress"]["state"], "active");
    assert_eq!(shown["progress"]["memory"], -1);
    assert_eq!(
        shown["progress"]["objectives"][0],
        json!({"deed": "kill", "subject": 0, "needed": 4, "done": 0})
    );
    assert_eq!(shown["trigger"], trigger);
    assert_eq!(shown["seed"], u64::MAX);
    let plain = harness.view("quest.advance", 9, &[&json!({"trigger": "turn-in"})]).unwrap();
    assert_eq!(harness.show(&plain)["trigger"], "turn-in");
    assert_eq!(harness.domain("quest.advance", "progress.memory").unwrap(), {
        Domain::Integer(i64::MIN.into(), i64::MAX.into())
    });
}

#[test]
fn mistakes_are_named_with_their_place() {
    let mut harness = harness(&Guest::new(Kind::Quest));
    let mut says = |view: Value| harness.view("quest.advance", 1, &[&view]).unwrap_err().to_string();
    expect!["view: there is no field `levle`; there are id, character, level, required-level, prerequisites-met, repeatable, progress, trigger, seed"]
        .assert_eq(&says(json!({"levle": 1})));
    expect!["view.progress.state: there is no case `activ`; there are unavailable, available, active, complete, turned-in, failed, abandoned"]
        .assert_eq(&says(json!({"progress": {"state": "activ"}})));
    expect!["view.level: a whole number of 32 bits and this sign is expected, not -1"]
        .assert_eq(&says(json!({"level": -1})));
    expect!["view.repeatable: true or false is expected, not 1"].assert_eq(&says(json!({"repeatable": 1})));
    expect!["view.trigger.offer: no value with this case is expected, not 3"]
        .assert_eq(&says(json!({"trigger": {"offer": 3}})));
    let error = harness.function(Some("advnce")).unwrap_err().to_string();
    assert!(error.contains("no function `advnce`; it has quest.advance"), "{error}");
}

#[test]
fn fuel_is_that_of_a_zone_to_the_unit() {
    let (engine, guest) = (engine(), Guest::new(Kind::Combat));
    let mut rules = rules_under(&engine, &guest);
    rules.record(100);
    resolve(&mut rules, &attacks(100));
    let paid = rules.stats().find(|row| row.export.name() == RESOLVE).unwrap().counters.fuel;
    let mut harness = harness(&guest);
    let recorded = harness.recorded(rules.recording()).unwrap();
    assert_eq!(recorded.len(), 100);
    assert_eq!(recorded[0].function, RESOLVE);
    let views: Vec<Value> = recorded.iter().map(|call| call.view.clone()).collect();
    let told = harness.context(RESOLVE, &[&recorded[0].context]).unwrap();
    let views: Vec<_> = views.iter().map(|view| harness.view(RESOLVE, 1, &[view]).unwrap()).collect();
    assert_eq!(harness.ask(RESOLVE, &told, &views).unwrap().fuel, paid);
    assert_eq!(harness.clock(RESOLVE, &views, 1).unwrap().unwrap().fuel, paid);
}

#[test]
fn a_failure_is_told_with_its_log_and_the_next_call_is_served() {
    let guest = Guest::combat_for(2, "(call $log (i32.const 3) (i32.const 0) (i32.const 0)) unreachable");
    let mut harness = harness(&guest);
    let called = ask(&mut harness, RESOLVE, &[json!({}), json!({})]);
    assert!(matches!(called.outcome, Err(FailureKind::Trap { .. })), "{:?}", called.outcome);
    assert_eq!(called.log, [("error", String::new())]);
    let served = ask(&mut harness, RESOLVE, &[json!({"seed": 0x1_0007})]);
    assert_eq!(served.outcome.unwrap()[0]["amount"], 7);
}

#[test]
fn an_answer_to_another_view_is_no_answer() {
    let mut guest = Guest::combat("(i32.store (local.get $out) (i32.const 1))");
    guest.manifest.name = "confused".into();
    let mut harness = harness(&guest);
    let called = ask(&mut harness, RESOLVE, &[json!({}), json!({})]);
    let said = called.outcome.unwrap_err().to_string();
    assert_eq!(said, "answered badly: a decision for 1 where 2 was asked about; copy `id` from the view in its place");
}

#[test]
fn an_expensive_script_is_asked_about_few_views_at_once() {
    // Some 250,000 for each view: a hundred at once would be twice what one call may cost.
    let mut guest = Guest::combat(
        "(global.set $left (i32.const 50000))
         (loop $again
            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
            (br_if $again (global.get $left)))",
    );
    guest.fields = "(global $left (mut i32) (i32.const 0))".to_owned();
    guest.manifest.limits.fuel_base = Some(1_000_000);
    guest.manifest.limits.fuel_per_item = Some(1_000_000);
    let mut harness = harness(&guest);
    let called = ask(&mut harness, RESOLVE, &vec![json!({}); 100]);
    assert_eq!(called.outcome.unwrap().len(), 100);
    assert!(called.fuel > Limits::default().fuel_per_call, "{}", called.fuel);
    let view = harness.view(RESOLVE, 1, &[]).unwrap();
    let clocked = harness.clock(RESOLVE, &vec![view; 100], 1).unwrap().unwrap();
    assert_eq!((clocked.views, clocked.fuel), (100, called.fuel));
}
