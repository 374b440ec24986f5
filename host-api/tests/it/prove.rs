//! Recording what a zone asks, and replaying it on a candidate.

use crate::contain::perception;
use crate::fixture::{CONTEXT, Guest, attacks, engine, resolve, rules_under};
use crate::migration::{REFUSES, TRAPS, generation, guest};
use host_api::{
    Engine, ExportProof, FailureKind, Kind, Module, Recording, Rehearsal, ScriptRules, Spread, prove,
    rehearse,
};
use sim::rules::{Perception, Rules};
use sim::{EntityId, def_id};

/// What `live` was asked and answered, `rounds` times a hundred attacks, keeping `views`.
fn recording(engine: &Engine, live: &Guest, rounds: usize, views: usize) -> Recording {
    let mut rules = rules_under(engine, live);
    rules.record(views);
    for _ in 0..rounds {
        resolve(&mut rules, &attacks(100));
    }
    rules.recording().clone()
}

fn proof(engine: &Engine, candidate: &Guest, recordings: &[Recording]) -> ExportProof {
    let load = |guest: &Guest| Module::load(engine, &guest.bytes()).unwrap();
    let proofs = prove(&load(&Guest::new(Kind::Combat)), &load(candidate), recordings).unwrap();
    assert_eq!(proofs.len(), 1);
    proofs.into_iter().next().unwrap()
}

#[test]
fn the_live_module_repeats_itself() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    let recorded = recording(&engine, &live, 2, 4_096);
    let proof = proof(&engine, &live, &[recorded.clone(), recorded]);
    assert_eq!((proof.views, proof.differ, proof.unrepeated), (400, 0, 0));
    assert_eq!(proof.live.fuel, proof.candidate.fuel);
    assert!(proof.failures.is_empty());
}

#[test]
fn only_the_views_that_change_are_counted() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    let recorded = recording(&engine, &live, 1, 4_096);
    let other = Guest::combat_for(120, "(i32.store offset={out.amount} (local.get $out) (i32.const 9))");
    let proof = proof(&engine, &other, &[recorded]);
    assert_eq!((proof.views, proof.differ, proof.candidate.fallbacks), (100, 1, 0));
    assert!(proof.candidate.fuel > proof.live.fuel);
    let [worst] = proof.worst.as_slice() else { panic!("{:?}", proof.worst) };
    assert!(worst.view.contains("id: 120") && worst.candidate.contains("amount: 9"), "{worst:?}");
    let damage = &proof.measures[0];
    assert_eq!(damage.name, "damage");
    assert_ne!(damage.live, damage.candidate);
    // Seven times the id: 100 to 199.
    let spread = Spread { p5: 735.0, p50: 1_050.0, p95: 1_365.0, max: 1_393.0 };
    assert_eq!(damage.live_spread, spread);
}

#[test]
fn who_fails_where_the_other_does_not_is_told_from_who_fails_as_often() {
    let engine = engine();
    let recorded = recording(&engine, &Guest::new(Kind::Combat), 1, 4_096);
    let failing = |id| Module::load(&engine, &Guest::combat_for(id, "unreachable").bytes()).unwrap();
    let newly_failed = |live, candidate| {
        let recorded = std::slice::from_ref(&recorded);
        let proofs = prove(&failing(live), &failing(candidate), recorded).unwrap();
        assert_eq!(proofs[0].candidate.fallbacks, proofs[0].live.fallbacks);
        proofs[0].newly_failed
    };
    assert_eq!((newly_failed(137, 137), newly_failed(137, 140)), (0, 1));
}

#[test]
fn a_trap_on_a_rare_view_is_found_and_named() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    let recorded = recording(&engine, &live, 1, 4_096);
    let proof = proof(&engine, &Guest::combat_for(137, "unreachable"), &[recorded]);
    assert_eq!((proof.views, proof.candidate.fallbacks, proof.live.fallbacks), (100, 1, 0));
    assert_eq!(proof.failures.len(), 1);
    assert_eq!(proof.failures[0].items, [137]);
    assert!(matches!(proof.failures[0].kind, FailureKind::Trap { .. }));
}

#[test]
fn the_ring_keeps_no_more_than_it_may() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    for (views, kept) in [(0, 0), (30, 30), (150, 150), (4_096, 300)] {
        let recorded = recording(&engine, &live, 3, views);
        assert_eq!(proof(&engine, &live, &[recorded]).views, kept);
    }
}

#[test]
fn recording_changes_no_answer() {
    let (engine, live) = (engine(), Guest::combat_for(137, "unreachable"));
    let (mut plain, mut recorded) = (rules_under(&engine, &live), rules_under(&engine, &live));
    recorded.record(50);
    for _ in 0..3 {
        assert_eq!(resolve(&mut plain, &attacks(100)), resolve(&mut recorded, &attacks(100)));
    }
}

#[test]
fn what_was_recorded_goes_on_under_the_rules_that_come_after() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    let mut before = rules_under(&engine, &live);
    before.record(250);
    resolve(&mut before, &attacks(100));
    let mut after = rules_under(&engine, &Guest::combat_for(120, "nop"));
    after.record(250);
    after.adopt_recording(before.take_recording());
    resolve(&mut after, &attacks(100));
    let module = Module::load(&engine, &live.bytes()).unwrap();
    let kept = |rules: &host_api::ScriptRules, kind| {
        proof(&engine, &live, &[rules.recording_of(kind, module.script(), usize::MAX)]).views
    };
    assert_eq!((kept(&before, Kind::Combat), kept(&after, Kind::Combat)), (0, 200));
    assert_eq!(kept(&after, Kind::Npc), 0);
}

/// Does something when an NPC remembers this; what it remembers it goes on remembering.
fn when_it_remembers(memory: i64, what: &str) -> String {
    format!(
        "(i64.store offset={{out.memory}} (local.get $out) (i64.load offset={{in.memory}} (local.get $in)))
         (if (i64.eq (i64.load offset={{in.memory}} (local.get $in)) (i64.const {memory})) (then {what}))"
    )
}

/// What a script was asked about NPCs that remember this; their ids count from 1.
fn remembered(engine: &Engine, live: &Guest, memories: impl IntoIterator<Item = i64>) -> [Recording; 1] {
    let mut rules = ScriptRules::new(&generation(engine, live)).unwrap();
    rules.record(4_096);
    let npcs = memories.into_iter().zip(1..);
    let npcs = npcs.map(|(memory, id)| Perception { id: EntityId(id), memory, ..perception() });
    rules.think(&CONTEXT, def_id("script/npc"), &npcs.collect::<Vec<_>>(), &mut Vec::new());
    [rules.recording().clone()]
}

#[test]
fn a_candidate_of_another_schema_is_asked_what_it_would_read() {
    let engine = engine();
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let (one, mut two) = (guest(1, 0, ""), guest(2, 100, ""));
    let recorded = remembered(&engine, &one, (0..50).chain([TRAPS, REFUSES]));
    two.item = when_it_remembers(107, "unreachable");
    let wanders = "(i32.store8 offset={out.state} (local.get $out) (i32.const 1))";
    two.item.push_str(&when_it_remembers(109, wanders));

    let proofs = prove(&load(&one), &load(&two), &recorded).unwrap();
    let [think] = proofs.as_slice() else { panic!("{proofs:?}") };
    // What it remembers is another number in its schema, and no difference.
    assert_eq!((think.views, think.differ), (52, 1), "{think:?}");
    assert_eq!((think.newly_failed, think.unmigrated, think.candidate.fallbacks), (3, 2, 1));
    assert_eq!(think.failures[0].items, [8]);
    let [traps, refuses] = think.reasons.as_slice() else { panic!("{:?}", think.reasons) };
    assert!(traps.contains("migration.migrate trapped") && refuses == "too much", "{:?}", think.reasons);

    // Once the other schema is live, it is asked what it can read of what was before; not the other way round.
    let proofs = prove(&load(&two), &load(&two), &recorded).unwrap();
    let [think] = proofs.as_slice() else { panic!("{proofs:?}") };
    assert_eq!((think.views, think.differ, think.unmigrated, think.newly_failed), (50, 0, 0, 0), "{think:?}");
    assert_eq!(prove(&load(&one), &load(&one), &remembered(&engine, &two, 0..50)).unwrap()[0].views, 0);
}

#[test]
fn a_new_schema_goes_on_with_what_was_recorded_in_the_one_before() {
    let engine = engine();
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let (one, two) = (guest(1, 0, ""), guest(2, 100, ""));
    let swap = |guest: &Guest, recorded: Recording| {
        let mut rules = ScriptRules::new(&generation(&engine, guest)).unwrap();
        rules.record(4_096);
        rules.adopt_recording(recorded);
        rules
    };
    let [recorded] = remembered(&engine, &one, 0..50);
    let mut after = swap(&two, recorded);
    let npc = Perception { id: EntityId(1), memory: 7, ..perception() };
    after.think(&CONTEXT, def_id("script/npc"), &[npc], &mut Vec::new());
    let views = |live: &Guest, rules: &ScriptRules| {
        prove(&load(live), &load(live), &[rules.recording().clone()]).unwrap()[0].views
    };
    assert_eq!(views(&two, &after), 51);
    // Taken back, it has what it was asked before, and nothing of what it cannot read.
    let back = swap(&one, after.take_recording());
    assert_eq!(views(&one, &back), 50);
}

#[test]
fn a_candidate_of_an_older_schema_is_asked_what_the_live_one_takes_back() {
    let engine = engine();
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let (mut one, two) = (guest(1, 0, ""), guest(2, 100, ""));
    one.item = when_it_remembers(107, "unreachable");
    let proofs = prove(&load(&two), &load(&one), &remembered(&engine, &two, 0..50)).unwrap();
    assert_eq!((proofs[0].views, proofs[0].newly_failed, proofs[0].unmigrated), (50, 1, 0));
}

#[test]
fn of_the_same_schema_what_it_remembers_is_compared_too() {
    let engine = engine();
    let (one, mut other) = (guest(1, 0, ""), guest(1, 0, ""));
    other.item = when_it_remembers(-1, "nop");
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let proofs = prove(&load(&one), &load(&other), &remembered(&engine, &one, 0..50)).unwrap();
    assert_eq!((proofs[0].views, proofs[0].differ), (50, 49));
}

#[test]
fn made_up_views_find_what_little_was_recorded_does_not() {
    let (engine, good) = (engine(), Guest::new(Kind::Combat));
    let high = "(i32.gt_u (i32.load offset={in.attacker-level} (local.get $in)) (i32.const 30))";
    let bad = Guest::combat(&format!("(if {high} (then unreachable))"));
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let recorded = [recording(&engine, &good, 1, 20)];
    assert_eq!(prove(&load(&good), &load(&bad), &recorded).unwrap()[0].newly_failed, 0);

    let asked = |live: Option<&Guest>, candidate: &Guest, recorded: &[Recording]| -> Rehearsal {
        let live = live.map(load);
        let mut all = rehearse(live.as_ref(), &load(candidate), recorded, 100).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    };
    let found = asked(Some(&good), &bad, &recorded);
    assert!(found.views == 500 && found.newly_failed > 100, "{found:?}");
    assert!(matches!(found.failures[0].kind, FailureKind::Trap { .. }), "{found:?}");
    assert!(asked(None, &bad, &[]).newly_failed > 100, "a first version has nobody before it");
    assert_eq!(asked(Some(&bad), &bad, &recorded).newly_failed, 0);
    let fine = asked(Some(&good), &good, &recorded);
    assert_eq!((fine.newly_failed, fine.failures.len()), (0, 0));
    assert!(rehearse(None, &load(&bad), &recorded, 0).unwrap().is_empty(), "enough is enough");
}

#[test]
fn no_kind_fails_at_what_is_made_up_unless_it_answers_badly() {
    let engine = engine();
    for kind in Kind::ALL {
        let module = Module::load(&engine, &Guest::new(kind).bytes()).unwrap();
        for found in rehearse(None, &module, &[], 100).unwrap() {
            // This guest says of every event that it rests.
            let bad = found.export.name() == "event.conduct";
            assert_eq!(found.newly_failed > 0, bad, "{found:?}");
        }
    }
}

#[test]
fn what_was_recorded_goes_on_in_another_run() {
    let (engine, live) = (engine(), Guest::new(Kind::Combat));
    let saved = recording(&engine, &live, 3, 4_096).save(64).unwrap();
    let mut rules = rules_under(&engine, &live);
    rules.record(4_096);
    rules.adopt_recording(Recording::load(&saved).unwrap());
    let kept = |rules: &ScriptRules| proof(&engine, &live, &[rules.recording().clone()]);
    let proof = kept(&rules);
    assert_eq!((proof.views, proof.differ, proof.unrepeated), (64, 0, 0));
    resolve(&mut rules, &attacks(100));
    assert_eq!(kept(&rules).views, 164);
}
