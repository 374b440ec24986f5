//! Answers about chat lines, zones and world events that their types allow and their rules do not.

use crate::fixture::{CONTEXT, Guest, engine};
use host_api::{FailureKind, Generation, Kind, Module, ScriptRules};
use sim::content::Weather;
use sim::rules::{
    Channel, Course, Decree, EventMoment, EventOccasion, Judgement, Line, Merit, Moment, Occasion, Origin,
    Prize, Rules, StageView,
};
use sim::{DefId, EntityId, def_id};

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
        character: EntityId::NONE,
        level: 0,
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

/// An event in the first of its two stages.
fn event_moment() -> EventMoment {
    let stage = StageView { duration_ticks: 600, kills_needed: 3, creatures: 4, announcement: DefId::NONE };
    EventMoment {
        id: 7,
        event: def_id("event/hunt"),
        occasion: EventOccasion::Second,
        stage: 1,
        stages: vec![stage, stage],
        stage_ticks: 20,
        due: true,
        trigger_count: 0,
        trigger_needed: 0,
        cooldown_left_ticks: 0,
        kills: 0,
        spawned: 4,
        alive: 4,
        participants: 1,
        nearby: 1,
        on_success: DefId::NONE,
        on_failure: DefId::NONE,
        memory: 5,
        seed: 1,
    }
}

#[test]
fn an_event_that_runs_is_in_one_of_its_stages_or_ends() {
    // By their places behind the id, because the record of a prize has no such fields.
    let set = |outcome: u32, stage: u32, spawn: u32| {
        format!(
            "(i32.store8 offset={{out.id+4}} (local.get $out) (i32.const {outcome}))
             (i32.store offset={{out.id+8}} (local.get $out) (i32.const {stage}))
             (i32.store offset={{out.id+12}} (local.get $out) (i32.const {spawn}))"
        )
    };
    for (outcome, stage, spawn, says) in [
        (0, 0, 0, "outcome (0 idle, 1 going, 2 success, 3 failure) is 0"),
        (1, 3, 0, "stage is 3, 1 to the number of stages expected"),
        (1, 0, 0, "stage is 0, 1 to the number of stages expected"),
        (1, 1, 65, "spawn is 65, 0..=64 expected"),
    ] {
        let mut guest = Guest::new(Kind::Event);
        guest.item.push_str(&format!(
            "(if (i32.eq (local.get $id) (i32.const 7)) (then {}))",
            set(outcome, stage, spawn)
        ));
        let mut rules = rules_of(&guest);
        let mut answers = Vec::new();
        rules.conduct(&CONTEXT, def_id("script/event"), &[event_moment()], &mut answers);
        let fallback = Course::fallback(&event_moment());
        assert_eq!((answers[0].origin, answers[0].value), (Origin::Fallback, fallback));
        let failures = rules.drain_failures();
        assert!(failures[0].to_string().contains(says), "{}", failures[0]);
    }
}

#[test]
fn a_prize_has_a_limit() {
    let mut guest = Guest::new(Kind::Event);
    // Behind the id: the share of a prize; of a course it is outcome.
    guest.item.push_str(
        "(if (i32.eq (local.get $id) (i32.const 7))
           (then (i32.store offset={out.id+4} (local.get $out) (i32.const 2001))))",
    );
    let mut rules = rules_of(&guest);
    let merit = Merit {
        id: 7,
        event: def_id("event/hunt"),
        character: EntityId(3),
        level: 2,
        points: 80,
        kills: 1,
        share_permille: 1_000,
        rank: 1,
        participants: 1,
        seed: 1,
    };
    let mut answers = Vec::new();
    rules.reward_merits(&CONTEXT, def_id("script/event"), &[merit], &mut answers);
    assert_eq!((answers[0].origin, answers[0].value), (Origin::Fallback, Prize::fallback(&merit)));
    let failures = rules.drain_failures();
    assert!(
        failures[0].to_string().contains("reward-permille is 2001, 0..=2,000 expected"),
        "{}",
        failures[0]
    );
}
