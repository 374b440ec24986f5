//! Modules of several versions of the script interface in one generation.

use crate::fixture::{CONTEXT, Guest, attacks, engine, resolve, unserved};
use expect_test::expect;
use host_api::{Api, Generation, Kind, LoadError, Manifest, Module, ScriptRules};
use sim::content::Position;
use sim::rules::{Decision, NpcState, Origin, Perception, Rules};
use sim::{DefId, EntityId, def_id};

/// A mind that remembers `memory`.
fn mind(name: &str, api: Api, memory: u32) -> Guest {
    let mut guest = Guest::of(Kind::Npc, api);
    guest.manifest.name = name.to_owned();
    guest.item = format!("(i64.store offset={{out.memory}} (local.get $out) (i64.const {memory}))");
    guest
}

fn perception(id: u64) -> Perception {
    let at = Position { x_mm: 5, y_mm: 7 };
    Perception {
        id: EntityId(id),
        template: def_id("npc/test"),
        level: 1,
        state: NpcState::Idle,
        state_ticks: 0,
        memory: 0,
        health_permille: 1_000,
        at,
        home: at,
        distance_home_mm: 0,
        target: EntityId::NONE,
        target_at: at,
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
        seed: id,
    }
}

#[test]
fn every_kind_of_every_version_is_accepted() {
    let engine = engine();
    for api in Api::ALL {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.since() <= api) {
            let module = Module::load(&engine, &Guest::of(kind, api).bytes());
            let module = module.unwrap_or_else(|error| panic!("{kind} of {api}: {error}"));
            assert_eq!((module.kind(), module.api()), (kind, api));
        }
    }
}

#[test]
fn modules_of_two_versions_decide_in_one_generation() {
    let engine = engine();
    let guests = [
        Guest::of(Kind::Combat, Api::V0_1),
        Guest::of(Kind::Ability, Api::V0_2),
        mind("old", Api::V0_1, 1),
        mind("new", Api::V0_2, 2),
    ];
    let modules = guests.map(|guest| Module::load(&engine, &guest.bytes()).unwrap());
    let mut rules = ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap();
    let attacks = attacks(200);
    assert!(unserved(&attacks, &resolve(&mut rules, &attacks)).is_empty());
    for (name, memory) in [("old", 1), ("new", 2), ("old", 1)] {
        let views: Vec<Perception> = (1..=50).map(perception).collect();
        let mut answers = Vec::new();
        rules.think(&CONTEXT, def_id(&format!("script/{name}")), &views, &mut answers);
        let stamp = rules.generation().module(name).unwrap().stamp();
        for (view, answer) in views.iter().zip(&answers) {
            let expected = Decision { memory, destination: Position::default(), ..Decision::fallback(view) };
            assert_eq!((answer.value, answer.origin), (expected, Origin::Script(stamp)));
        }
    }
    assert!(rules.drain_failures().is_empty());
}

#[test]
fn only_the_newer_version_is_told_who_is_an_npc() {
    // Damage is what the field holds: 1 where the defender is an NPC.
    let told = "(i32.store offset={out.amount} (local.get $out)
        (i32.load8_u offset={in.defender-is-npc} (local.get $in)))";
    let engine = engine();
    let ability = Module::load(&engine, &Guest::new(Kind::Ability).bytes()).unwrap();
    let combat = Module::load(&engine, &Guest::combat(told).bytes()).unwrap();
    let mut rules = ScriptRules::new(&Generation::new(1, [ability, combat]).unwrap()).unwrap();
    let mut attacks = attacks(2);
    attacks[1].defender_is_npc = !attacks[0].defender_is_npc;
    let amounts: Vec<i32> = resolve(&mut rules, &attacks).iter().map(|answer| answer.value.amount).collect();
    assert_eq!(amounts, attacks.iter().map(|attack| i32::from(attack.defender_is_npc)).collect::<Vec<_>>());
}

#[test]
fn a_culprit_of_an_older_version_is_found_as_well() {
    let engine = engine();
    let mut old = Guest::of(Kind::Combat, Api::V0_1);
    old.item.push_str("(if (i32.eq (local.get $id) (i32.const 117)) (then unreachable))");
    let modules =
        [old, Guest::new(Kind::Ability)].map(|guest| Module::load(&engine, &guest.bytes()).unwrap());
    let mut rules = ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap();
    let attacks = attacks(40);
    assert_eq!(unserved(&attacks, &resolve(&mut rules, &attacks)), [117]);
    assert_eq!(rules.drain_failures().len(), 1);
}

fn refused(bytes: &[u8]) -> String {
    Module::load(&engine(), bytes).expect_err("the candidate was accepted").to_string()
}

#[test]
fn a_version_that_is_not_served() {
    for api in ["0.7", "1.0", "0.10", "", "0.1.0"] {
        let mut guest = Guest::new(Kind::Combat);
        guest.manifest.api = api.into();
        let said = refused(&guest.bytes());
        assert!(
            said.starts_with(&format!("combat is built for script API {api}, this server serves ")),
            "{said}"
        );
    }
    let mut guest = Guest::new(Kind::Combat);
    guest.manifest.api = "0.7".into();
    expect![[
        r#"combat is built for script API 0.7, this server serves 0.1 and 0.2; build it for 0.2 (`api = "0.2"` in its lore.toml, the files of 0.2 in `wit/`) or run it where 0.7 is served"#
    ]]
    .assert_eq(&refused(&guest.bytes()));
}

#[test]
fn an_export_of_another_version_than_the_manifest_says() {
    let old = Guest::of(Kind::Combat, Api::V0_1).component();
    assert_eq!(Api::exported(&old, Kind::Combat), Some(Api::V0_1));
    assert_eq!(Api::exported(&old, Kind::Npc), None);
    let bytes = Manifest::embed(&old, &Guest::new(Kind::Combat).manifest);
    expect![[
        r#"combat says it is built for script API 0.2, but exports `lore:script/combat@0.1.0`, which is of 0.1; set `api = "0.1"` in its lore.toml or build it against the files of 0.2 in `wit/`"#
    ]]
    .assert_eq(&refused(&bytes));
}

#[test]
fn an_older_name_with_the_records_of_today() {
    // Its export says 0.1, its records are those of 0.2.
    let new = Guest::new(Kind::Combat).component();
    let mut lies = new.clone();
    for at in 0..new.len() - 8 {
        if new[at..].starts_with(b"@0.2.0") {
            lies[at..at + 6].copy_from_slice(b"@0.1.0");
        }
    }
    let bytes = Manifest::embed(&lies, &Guest::of(Kind::Combat, Api::V0_1).manifest);
    let error = Module::load(&engine(), &bytes).expect_err("the candidate was accepted");
    assert!(matches!(error, LoadError::Smoke { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("expected record of 19 fields, found 22 fields"), "{said}");
}
