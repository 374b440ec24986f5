//! State of another schema: what a module says about it is found out at load, it is asked under limits,
//! and one bad state does not take the others with it.

use crate::fixture::{Guest, engine};
use host_api::{Engine, ExportLimits, Former, Generation, Kind, Module};
use sim::state::{Migrated, OldState, StateKey, StateValue};
use sim::{DefId, EntityId, def_id};

/// A memory on which the guest traps, and one it has something to say about.
pub const TRAPS: i64 = -13;
pub const REFUSES: i64 = -14;

/// An NPC guest of this schema that adds `shift` to every memory; `enter` runs in every call.
pub fn guest(schema: u32, shift: i64, enter: &str) -> Guest {
    guest_of(Kind::Npc, schema, shift, enter)
}

/// The same of another kind whose states have their memory in the same place.
fn guest_of(kind: Kind, schema: u32, shift: i64, enter: &str) -> Guest {
    let mut guest = Guest::new(kind);
    guest.has_state = true;
    let turn = |function: &str| {
        // A state has 32 bytes: its case, and at 8 its record, of an NPC the memory at 8 of that. An answer
        // has its case, and at 8 the state, or the string.
        format!(
            r#"(func (export "lore:script/migration@0.2.0#{function}")
                (param $schema i32) (param $states i32) (param $len i32) (result i32)
                (local $i i32) (local $in i32) (local $out i32) (local $answers i32)
                {enter}
                (local.set $answers (call $alloc (i32.const 0) (i32.const 0) (i32.const 8)
                    (i32.mul (local.get $len) (i32.const 40))))
                (memory.fill (local.get $answers) (i32.const 0) (i32.mul (local.get $len) (i32.const 40)))
                (block $done (loop $next
                    (br_if $done (i32.eq (local.get $i) (local.get $len)))
                    (local.set $in (i32.add (local.get $states) (i32.mul (local.get $i) (i32.const 32))))
                    (local.set $out (i32.add (local.get $answers) (i32.mul (local.get $i) (i32.const 40))))
                    (if (i64.eq (i64.load offset=16 (local.get $in)) (i64.const {TRAPS}))
                        (then unreachable))
                    (if (i64.eq (i64.load offset=16 (local.get $in)) (i64.const {REFUSES}))
                        (then
                            (i32.store8 (local.get $out) (i32.const 1))
                            (i32.store offset=8 (local.get $out) (i32.const 64))
                            (i32.store offset=12 (local.get $out) (i32.const 8)))
                        (else
                            (memory.copy (i32.add (local.get $out) (i32.const 8)) (local.get $in) (i32.const 32))
                            (i64.store offset=24 (local.get $out)
                                (i64.add (i64.load offset=24 (local.get $out)) (i64.const {shift})))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $next)))
                (i32.store (i32.const 16) (local.get $answers))
                (i32.store (i32.const 20) (local.get $len))
                (i32.const 16))"#
        )
    };
    guest.fields = format!(
        r#"(data (i32.const 64) "too much")
        (func (export "lore:script/migration@0.2.0#schema") (result i32) {enter} (i32.const {schema}))
        {}{}"#,
        turn("migrate"),
        turn("revert")
    );
    guest
}

/// A generation with this module beside what every generation has.
pub fn generation(engine: &Engine, guest: &Guest) -> Generation {
    let load = |guest: &Guest| Module::load(engine, &guest.bytes()).unwrap();
    let modules = [load(&Guest::new(Kind::Ability)), load(&Guest::new(Kind::Combat)), load(guest)];
    Generation::new(1, modules).unwrap()
}

fn memories(from: u32, memories: impl IntoIterator<Item = i64>) -> Vec<OldState> {
    let old = |(index, memory)| OldState {
        key: StateKey::Npc(EntityId(index as u64)),
        script: def_id("script/npc"),
        value: StateValue::Npc { template: DefId(5), memory },
        from,
    };
    memories.into_iter().enumerate().map(old).collect()
}

fn after(migrated: &[Migrated]) -> Vec<Result<i64, String>> {
    let memory = |value: &StateValue| match value {
        StateValue::Npc { template: DefId(5), memory } => *memory,
        other => panic!("{other:?}"),
    };
    migrated.iter().map(|one| one.after.as_ref().map(memory).map_err(Clone::clone)).collect()
}

#[test]
fn a_module_without_migration_has_schema_0() {
    let module = Module::load(&engine(), &Guest::new(Kind::Npc).bytes()).unwrap();
    assert_eq!(module.schema(), 0);
}

#[test]
fn older_state_is_migrated_and_newer_state_reverted_by_who_wrote_it() {
    let engine = engine();
    let two = generation(&engine, &guest(2, 100, ""));
    assert_eq!(two.schemas(), [(def_id("script/npc"), 2)].into());
    let migrated = two.migrate(&Former::default(), &memories(1, 0..1_000));
    assert_eq!(after(&migrated), (100..1_100).map(Ok).collect::<Vec<_>>()[..]);
    assert!(migrated.iter().all(|one| (one.from, one.to) == (1, 2)));
    assert_eq!(two.migrate(&Former::default(), &memories(2, [7])), []);

    let one = generation(&engine, &guest(1, 1, ""));
    let unknown = after(&one.migrate(&Former::default(), &memories(2, [7])));
    assert!(unknown[0].as_ref().unwrap_err().contains("schema 2"), "{unknown:?}");
    let former = Former::default().with(two.module("npc").unwrap());
    assert_eq!(after(&one.migrate(&former, &memories(2, [7]))), [Ok(107)]);
}

#[test]
fn one_bad_state_does_not_take_the_others_with_it() {
    let two = generation(&engine(), &guest(2, 100, ""));
    let answers = after(&two.try_to_migrate(&Former::default(), &memories(1, [1, TRAPS, 3, REFUSES])));
    assert_eq!((&answers[0], &answers[2]), (&Ok(101), &Ok(103)));
    assert!(answers[1].as_ref().unwrap_err().contains("migration.migrate trapped"), "{answers:?}");
    assert_eq!(answers[3], Err("too much".to_owned()));
}

#[test]
fn a_migration_that_never_ends_is_refused_at_load() {
    let endless = guest(2, 0, "(loop $again (br $again))");
    let error = Module::load(&engine(), &endless.bytes()).unwrap_err().to_string();
    assert!(error.contains("npc: migration.schema without a state ran out of fuel"), "{error}");
}

#[test]
fn migration_has_limits_of_its_own() {
    let engine = engine();
    let load = |function: &str, schema: bool| {
        let mut guest = if schema { guest(2, 100, "") } else { Guest::new(Kind::Npc) };
        let little = ExportLimits { fuel_base: Some(1), fuel_per_item: Some(1), ..ExportLimits::default() };
        guest.manifest.limits.exports.insert(function.to_owned(), little);
        Module::load(&engine, &guest.bytes()).map_err(|error| error.to_string())
    };
    for function in ["migrate", "revert"] {
        let error = load(function, true).unwrap_err();
        let says = format!("npc: migration.{function} without a state ran out of fuel");
        assert!(error.contains(&says), "{error}");
    }
    let error = load("migrate", false).unwrap_err();
    assert!(error.contains("limits.migrate limits nothing"), "{error}");
}

#[test]
fn a_bound_number_of_schemas_is_remembered() {
    let engine = engine();
    let mut former = Former::default();
    for schema in 1..20 {
        former = former.with(&Module::load(&engine, &guest(schema, 0, "").bytes()).unwrap());
    }
    let schemas: Vec<u32> = former.modules().map(Module::schema).collect();
    assert_eq!(schemas, [12, 13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn the_phase_of_a_boss_goes_along_with_its_memory() {
    let two = generation(&engine(), &guest_of(Kind::Encounter, 2, 100, ""));
    let script = def_id("script/encounter");
    assert_eq!(two.schemas(), [(script, 2)].into());
    let state =
        |encounter, phase, memory| StateValue::Encounter { encounter: DefId(encounter), phase, memory };
    let old =
        [(StateKey::Fight(EntityId(4)), state(8, 3, 7)), (StateKey::Duel(sim::DuelId(4)), state(0, 0, -100))];
    let old = old.map(|(key, value)| OldState { key, script, value, from: 1 });
    let after: Vec<_> = two.migrate(&Former::default(), &old).into_iter().map(|one| one.after).collect();
    assert_eq!(after, [Ok(state(8, 3, 107)), Ok(state(0, 0, 0))]);
}
