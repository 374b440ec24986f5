//! Recording what a zone asks, and replaying it on a candidate.

use crate::fixture::{Guest, attacks, engine, resolve, rules_under};
use host_api::{Engine, ExportProof, FailureKind, Kind, Module, Recording, Spread, prove};

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
