//! Modules asked by hand, with views written as text.

use crate::fixture::{Guest, attacks, engine, resolve, rules_under};
use expect_test::expect;
use host_api::{Called, Domain, FailureKind, Harness, Kind, Limits, Module};
use serde_json::{Value, json};
use std::fmt::Write as _;

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
    assert_eq!(
        said,
        "answered badly: a decision for 1 where 2 was asked about; copy `id` from the view in its place"
    );
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

#[test]
fn what_comes_back_and_what_tells_time_follows_from_the_types() {
    let mut table = String::new();
    for kind in Kind::ALL {
        let harness = harness(&Guest::new(kind));
        for function in harness.functions() {
            let sequel = harness.sequel(function, function).unwrap();
            let (state, clocks) = (sequel.state().join(" "), sequel.clocks().collect::<Vec<_>>().join(" "));
            if !state.is_empty() || !clocks.is_empty() {
                writeln!(table, "{function}: state [{state}], time [{clocks}]").unwrap();
            }
        }
    }
    expect![[r#"
        ability.plan-casts: state [], time [cooldown-left-ticks since-last-action-ticks]
        ability.pulse-statuses: state [], time [age-ticks left-ticks]
        npc.think: state [state target memory], time [state-ticks ready-in-ticks special-ready-in-ticks]
        quest.advance: state [progress.state progress.objectives[].done progress.memory], time []
        dialog.converse: state [node flags], time []
        chat.judge: state [strikes], time [since-last-ticks]
        zone.govern: state [weather temperature-dc spawn-permille memory], time [hour minute-of-day]
        encounter.direct: state [phase memory], time [phase-ticks fight-ticks]
        encounter.take-turns: state [memory], time []
        event.conduct: state [stage memory], time [stage-ticks cooldown-left-ticks]
    "#]]
    .assert_eq(&table);
    // What a duel begins with is remembered in its turns.
    let harness = harness(&Guest::new(Kind::Encounter));
    let opened = harness.sequel("encounter.open-duels", "encounter.take-turns").unwrap();
    assert_eq!(opened.state(), ["memory"]);
    assert!(harness.sequel("encounter.direct", "encounter.nothing").is_err());
}

#[test]
fn an_answer_is_shown_in_the_next_view() {
    let after = |kind: Kind, function: &str, view: &Value, answer: &Value, ticks: u64| {
        let mut harness = harness(&Guest::new(kind));
        let view = harness.view(function, 1, &[view]).unwrap();
        let mut view = harness.show(&view);
        let sequel = harness.sequel(function, function).unwrap();
        sequel.take_over(&mut view, answer);
        sequel.advance(&mut view, ticks, ticks / 100);
        view
    };

    // A quest: inside a record, and item by item. What is beyond the list is nowhere.
    let objectives = json!([{"needed": 4, "done": 1}, {"needed": 2}]);
    let view = json!({"level": 3, "progress": {"state": "active", "objectives": objectives}});
    let answer = json!({"id": 1, "state": "complete", "done": [4, 2, 9], "reward-permille": 5, "memory": -3});
    let next = after(Kind::Quest, "quest.advance", &view, &answer, 1);
    assert_eq!((&next["level"], &next["trigger"]), (&json!(3), &json!("offer")));
    assert_eq!((&next["progress"]["state"], &next["progress"]["memory"]), (&json!("complete"), &json!(-3)));
    let done: Vec<&Value> =
        next["progress"]["objectives"].as_array().unwrap().iter().map(|one| &one["done"]).collect();
    assert_eq!(done, [&json!(4), &json!(2)]);

    // A dialog: the node, and a bit for every flag that was set.
    let answer = json!({"id": 1, "node": 77, "choices": [5],
        "actions": [{"take-gold": 3}, "rest", {"set-flag": 0}, {"set-flag": 63}, {"set-flag": 64}]});
    let next = after(Kind::Dialog, "dialog.converse", &json!({"flags": 2, "gold": 9}), &answer, 1);
    assert_eq!((&next["node"], &next["gold"]), (&json!(77), &json!(9)));
    assert_eq!(next["flags"], (1_u64 << 63) | 3);

    // A boss: the time of a phase begins with it, the time of the fight goes on.
    let view = json!({"phase": 1, "phase-ticks": 90, "fight-ticks": 400, "enrage-ticks": 6_000});
    let bout = |phase: u32| after(Kind::Encounter, "encounter.direct", &view, &json!({"phase": phase}), 40);
    let ticks =
        |view: &Value| [&view["phase-ticks"], &view["fight-ticks"], &view["enrage-ticks"]].map(Value::as_u64);
    assert_eq!(ticks(&bout(2)), [Some(40), Some(440), Some(6_000)]);
    assert_eq!(ticks(&bout(1)), [Some(130), Some(440), Some(6_000)]);

    // What runs out stops at nothing; what began with the line before begins anew.
    let view = json!({"state": "flee", "state-ticks": 9, "ready-in-ticks": 3, "special-ready-in-ticks": 60});
    let next = after(Kind::Npc, "npc.think", &view, &json!({"state": "flee", "memory": 5}), 40);
    assert_eq!((&next["state-ticks"], &next["memory"]), (&json!(49), &json!(5)));
    assert_eq!((&next["ready-in-ticks"], &next["special-ready-in-ticks"]), (&json!(0), &json!(20)));
    let view = json!({"since-last-ticks": u32::MAX, "strikes": 1});
    let next = after(Kind::Chat, "chat.judge", &view, &json!({"strikes": 2}), 30);
    assert_eq!((&next["since-last-ticks"], &next["strikes"]), (&json!(30), &json!(2)));

    // A zone: over midnight.
    let view = json!({"hour": 47, "minute-of-day": 1_430, "weather": "rain"});
    let next = after(Kind::Zone, "zone.govern", &view, &json!({"weather": "fog"}), 2_000);
    assert_eq!(
        (&next["hour"], &next["minute-of-day"], &next["weather"]),
        (&json!(48), &json!(10), &json!("fog"))
    );

    // A cast holds no state: what it costs is the content's.
    let view = json!({"mana-cost": 10, "cooldown-left-ticks": 8, "since-last-action-ticks": 20});
    let next = after(Kind::Ability, "ability.plan-casts", &view, &json!({"mana-cost": 5}), 4);
    assert_eq!((&next["mana-cost"], &next["cooldown-left-ticks"]), (&json!(10), &json!(4)));
    assert_eq!(next["since-last-action-ticks"], 4);
}

#[test]
fn a_path_leads_through_lists() {
    let harness = harness(&Guest::new(Kind::Quest));
    let domain = |path: &str| harness.domain("quest.advance", path);
    assert_eq!(domain("progress.objectives").unwrap(), Domain::List(Box::new(Domain::Other)));
    assert_eq!(domain("progress.objectives.needed").unwrap(), Domain::Integer(0, u32::MAX.into()));
    assert!(domain("progress.objectives.nedeed").is_err());
}
