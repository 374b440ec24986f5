//! Answers about chat lines and zones that their types allow and their rules do not.

use crate::fixture::{CONTEXT, Guest, engine};
use host_api::{FailureKind, Generation, Kind, Module, ScriptRules};
use sim::content::Weather;
use sim::rules::{Channel, Decree, Judgement, Line, Moment, Occasion, Origin, Rules};
use sim::{EntityId, def_id};

fn rules_of(guest: &Guest) -> ScriptRules {
    let engine = engine();
    let guests = [Guest::new(Kind::Ability), Guest::new(Kind::Combat), guest.clone()];
    let modules = guests.map(|guest| Module::load(&engine, &guest.bytes()).unwrap());
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

fn line(id: u32) -> Line {
    Line {
        id,
        sender: EntityId(3),
        sender_level: 1,
        channel: Channel::Zone,
        text: format!("line {id}"),
        flags: 0,
        hits: Vec::new(),
        strikes: 4,
        since_last_ticks: 10,
        repeats: 0,
        seed: 1,
    }
}

/// A chat guest that does `item` for line 7 only.
fn chat_for_seven(item: &str) -> Guest {
    let mut guest = Guest::new(Kind::Chat);
    guest.item.push_str(&format!("(if (i32.eq (local.get $id) (i32.const 7)) (then {item}))"));
    guest
}

#[test]
fn a_replacement_that_may_not_be_said_and_too_many_strikes_get_the_fallback() {
    let control = "(i32.store8 offset={out.ruling} (local.get $out) (i32.const 1))
        (i32.store offset={out.ruling+4} (local.get $out) (i32.const 32))
        (i32.store offset={out.ruling+8} (local.get $out) (i32.const 1))";
    let strikes = "(i32.store offset={out.strikes} (local.get $out) (i32.const 1001))";
    for (item, says) in [(control, "replacement of 1 bytes"), (strikes, "strikes is 1001")] {
        let mut rules = rules_of(&chat_for_seven(item));
        let lines: Vec<Line> = (5..10).map(line).collect();
        let mut answers = Vec::new();
        rules.judge(&CONTEXT, def_id("script/chat"), &lines, &mut answers);
        for (line, answer) in lines.iter().zip(&answers) {
            let failed = answer.origin == Origin::Fallback;
            assert_eq!(failed, line.id == 7);
            let strikes = if failed { 4 } else { 0 };
            assert_eq!(answer.value, Judgement { strikes, ..Judgement::fallback(line) });
        }
        let failures = rules.drain_failures();
        let [failure] = failures.as_slice() else { panic!("{failures:?}") };
        assert!(matches!(failure.kind, FailureKind::BadOutput(_)), "{failure}");
        assert!(failure.to_string().contains(says), "{failure}");
    }
}

#[test]
fn a_zone_is_neither_emptied_nor_frozen() {
    let nobody = Guest { item: String::new(), ..Guest::new(Kind::Zone) };
    let error = Module::load(&engine(), &nobody.bytes()).unwrap_err().to_string();
    assert!(error.contains("spawn-permille is 0, 100..=10,000 expected"), "{error}");

    let mut cold = Guest::new(Kind::Zone);
    cold.item.push_str(
        "(if (i32.eq (local.get $id) (i32.const 7))
           (then (i32.store offset={out.temperature-dc} (local.get $out) (i32.const -2731))))",
    );
    let mut rules = rules_of(&cold);
    let moment = |id| Moment {
        id,
        zone: CONTEXT.zone,
        occasion: Occasion::Hour,
        hour: 8,
        minute_of_day: 480,
        weather: Weather::Rain,
        temperature_dc: 90,
        spawn_permille: 700,
        noon_temperature_dc: 150,
        chances: vec![(Weather::Rain, 1)],
        population: 2,
        population_cap: 100,
        memory: 5,
        seed: 1,
    };
    let mut answers = Vec::new();
    rules.govern(&CONTEXT, def_id("script/zone"), &[moment(1), moment(7)], &mut answers);
    assert_eq!(answers[0].value.weather, Weather::Clear);
    assert_eq!((answers[1].origin, answers[1].value), (Origin::Fallback, Decree::fallback(&moment(7))));
}
