//! What a script declares, what the operator grants, and how far a script reaches.

use crate::fixture::{CONTEXT, Guest, engine};
use expect_test::{Expect, expect};
use host_api::{
    Api, Capability, Engine, FailureKind, Generation, Grants, Kind, Limits, Module, Scope, ScriptRules,
};
use sim::def_id;
use sim::rules::{Context, Conversation, Origin, Rules};

#[allow(clippy::needless_pass_by_value)] // `expect!` reads best as a value
fn refused(engine: &Engine, guest: &Guest, says: Expect) {
    let error = Module::load(engine, &guest.bytes()).expect_err("the candidate was accepted");
    says.assert_eq(&error.to_string());
}

fn granting(grant: &[Capability]) -> Engine {
    Engine::granting(Grants::to_all(grant), Limits::default(), None).unwrap()
}

#[test]
fn what_is_imported_must_be_declared() {
    let mut guest = Guest::new(Kind::Combat);
    guest.manifest.capabilities.clear();
    refused(
        &engine(),
        &guest,
        expect![[
            r#"combat imports `lore:script/log@0.2.0` without declaring it; add `capabilities = ["log"]` to its lore.toml"#
        ]],
    );
    // Version 0.1 knew no capabilities: every script had the log.
    let mut old = Guest::of(Kind::Combat, Api::V0_1);
    old.manifest.capabilities.clear();
    Module::load(&engine(), &old.bytes()).unwrap();
}

#[test]
fn what_is_declared_must_be_granted() {
    let nothing = granting(&[]);
    refused(
        &nothing,
        &Guest::new(Kind::Combat),
        expect![[
            r#"combat needs the capability `log`, this server grants nothing; build it without, or ask who runs the server for `combat = ["log"]` in `[scripts.grant-to]` of its settings (`grant` in `[scripts]` is for all scripts)"#
        ]],
    );
    let mut old = Guest::of(Kind::Combat, Api::V0_1);
    old.manifest.capabilities.clear();
    let error = Module::load(&nothing, &old.bytes()).unwrap_err().to_string();
    assert!(error.starts_with("combat needs the capability `log`"), "{error}");
    Module::load(&granting(&[Capability::Log]), &old.bytes()).unwrap();
}

#[test]
fn a_grant_to_a_name_is_in_place_of_that_to_all() {
    let log = || vec![Capability::Log];
    let to = |all, combat| Grants { all, by_name: [("combat".to_owned(), combat)].into() };
    let load = |grants, kind| {
        let engine = Engine::granting(grants, Limits::default(), None).unwrap();
        Module::load(&engine, &Guest::new(kind).bytes()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(to(Vec::new(), log()), Kind::Combat), Ok(()));
    let error = load(to(Vec::new(), log()), Kind::Ability).unwrap_err();
    assert!(error.starts_with("ability needs the capability `log`, this server grants nothing"), "{error}");
    let error = load(to(log(), Vec::new()), Kind::Combat).unwrap_err();
    assert!(error.starts_with("combat needs the capability `log`, this server grants nothing"), "{error}");
    assert_eq!(load(to(log(), Vec::new()), Kind::Ability), Ok(()));
}

/// A dialog script of this scope that does `item` for every view.
fn dialog(scope: Scope, item: &str) -> Guest {
    let mut guest = Guest::new(Kind::Dialog);
    guest.manifest.scope = scope;
    guest.item.push_str(item);
    guest
}

fn rules(engine: &Engine, guest: &Guest) -> ScriptRules {
    let guests = [Guest::new(Kind::Combat), Guest::new(Kind::Ability), guest.clone()];
    let modules = guests.map(|guest| Module::load(engine, &guest.bytes()).unwrap());
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

fn converse(rules: &mut ScriptRules, zone: &str, ids: std::ops::Range<u32>) -> Vec<bool> {
    let views: Vec<Conversation> = ids
        .map(|id| Conversation {
            id,
            character: sim::EntityId(1),
            npc: sim::EntityId(2),
            npc_template: def_id("npc/test"),
            dialog: def_id("dialog/test"),
            level: 1,
            gold: 0,
            node: sim::DefId::NONE,
            choice: sim::DefId::NONE,
            flags: 0,
            quests: Vec::new(),
            items: Vec::new(),
            seed: 1,
        })
        .collect();
    let mut answers = Vec::new();
    let context = Context { zone: def_id(zone), ..CONTEXT };
    rules.converse(&context, def_id("script/dialog"), &views, &mut answers);
    answers.iter().map(|answer| answer.origin != Origin::Fallback).collect()
}

#[test]
fn a_script_of_some_zones_decides_in_these_alone() {
    let engine = engine();
    let mut guest = dialog(Scope::Zone, "");
    guest.manifest.zones = vec!["inn".into(), "cellar".into()];
    let mut rules = rules(&engine, &guest);
    assert_eq!(converse(&mut rules, "zone/inn", 1..4), [true; 3]);
    assert_eq!(converse(&mut rules, "zone/cellar", 1..2), [true]);
    assert!(rules.drain_failures().is_empty());
    assert_eq!(converse(&mut rules, "zone/street", 1..4), [false; 3]);
    let failures = rules.drain_failures();
    assert_eq!((failures.len(), failures[0].item_count, &failures[0].kind), (1, 3, &FailureKind::OutOfScope));
    // It did nothing wrong.
    assert_eq!(rules.strikes("dialog"), 0);
}

/// One action, `set-flag(1)`, in memory the host can read.
const SET_FLAG: &str = "(i32.store (i32.const 64) (i32.const 6)) (i32.store (i32.const 68) (i32.const 1))
    (i32.store offset={out.actions} (local.get $out) (i32.const 64))
    (i32.store offset={out.actions+4} (local.get $out) (i32.const 1))";

#[test]
fn a_stateless_script_remembers_nothing() {
    refused(
        &engine(),
        &dialog(Scope::Stateless, SET_FLAG),
        expect![
            "dialog: dialog.converse with a batch of 1 answered badly: it remembers something, but its scope is `stateless`; leave `memory` at 0 and set no flags, or change its scope; correct the script and push it again"
        ],
    );
    Module::load(&engine(), &dialog(Scope::World, SET_FLAG).bytes()).unwrap();
    for kind in [Kind::Npc, Kind::Quest] {
        let mut guest = Guest::new(kind);
        guest.manifest.scope = Scope::Stateless;
        Module::load(&engine(), &guest.bytes()).unwrap();
        guest.item.push_str("(i64.store offset={out.memory} (local.get $out) (i64.const 1))");
        let error = Module::load(&engine(), &guest.bytes()).unwrap_err().to_string();
        assert!(error.contains("it remembers something"), "{error}");
    }
}

#[test]
fn what_a_stateless_script_remembers_in_secret_does_not_count() {
    let engine = engine();
    let sometimes = format!("(if (i32.eq (local.get $id) (i32.const 7)) (then {SET_FLAG}))");
    let mut rules = rules(&engine, &dialog(Scope::Stateless, &sometimes));
    assert_eq!(converse(&mut rules, "zone/inn", 6..9), [true, false, true]);
    assert_eq!(rules.strikes("dialog"), 1);
}
