//! State goes from schema to schema and back, and what cannot is left alone.

use crate::DefId;
use crate::content::Position;
use crate::entity::EntityKind;
use crate::ids::def_id;
use crate::input::{Command, QuestProgress};
use crate::scenario::Scenario;
use crate::state::{Kept, Migrated, OldState, Schemas, StateKey, StateValue};
use crate::world::World;
use std::sync::Arc;

const HUNT: DefId = def_id("quest/hunt");
const QUESTS: DefId = def_id("script/quests");
const WOLF: DefId = def_id("script/wolf");

/// A hero with the quest accepted.
fn hunting() -> Scenario {
    let mut scenario = Scenario::new();
    scenario.command(Command::AcceptQuest { quest: HUNT });
    scenario.step();
    scenario.take_log();
    scenario
}

fn quest(scenario: &Scenario) -> Kept<QuestProgress> {
    scenario.world.character(scenario.hero).expect("the hero").state.quests[&HUNT].clone()
}

/// A module that counts in another way: ten more in every memory for every schema.
fn migrate(old: &[OldState], to: u32) -> Vec<Migrated> {
    let shift = |from: u32| 10 * (i64::from(to) - i64::from(from));
    let after = |old: &OldState| match old.value.clone() {
        StateValue::Quest { quest, progress } => {
            let memory = progress.memory + shift(old.from);
            StateValue::Quest { quest, progress: QuestProgress { memory, ..progress } }
        }
        StateValue::Npc { template, memory } => {
            StateValue::Npc { template, memory: memory + shift(old.from) }
        }
        StateValue::Encounter { encounter, phase, memory } => {
            StateValue::Encounter { encounter, phase, memory: memory + shift(old.from) }
        }
        dialog @ StateValue::Dialog { .. } => dialog,
    };
    let needed = old.iter().filter(|old| old.from != to);
    let migrated = needed.map(|old| Migrated {
        key: old.key,
        script: old.script,
        from: old.from,
        to,
        before: old.value.clone(),
        after: Ok(after(old)),
    });
    migrated.collect()
}

fn swap(world: &mut World, script: DefId, schema: u32) -> usize {
    let schemas = Schemas::from([(script, schema)]);
    let migrated = migrate(&world.old_states(&schemas), schema);
    world.adopt(schemas, &migrated);
    migrated.len()
}

#[test]
fn what_nobody_touched_gets_its_earlier_value_back_without_being_asked_about() {
    let mut scenario = hunting();
    let before = quest(&scenario);
    assert_eq!(before.schema, 0);
    assert_eq!(swap(&mut scenario.world, QUESTS, 1), 1);
    let migrated = quest(&scenario);
    assert_eq!((migrated.schema, migrated.value.memory), (1, 10));
    scenario.steps(20);
    // Further on, and all the way back: what it begins with is always what is stored.
    assert_eq!(swap(&mut scenario.world, QUESTS, 3), 1);
    assert_eq!(quest(&scenario).value.memory, 30);
    assert_eq!(swap(&mut scenario.world, QUESTS, 0), 0);
    assert_eq!(quest(&scenario), before);
}

#[test]
fn what_was_touched_since_goes_back_by_a_migration_only() {
    let mut scenario = hunting();
    swap(&mut scenario.world, QUESTS, 1);
    scenario.walk(44, 20);
    let wolf = scenario.nearest("npc/wolf");
    for _ in 0..3_000 {
        let Some(at) = scenario.world.entity(wolf).map(|wolf| wolf.at) else { break };
        if scenario.at().distance_mm(at) <= 3_000 {
            scenario.command(Command::Attack { target: wolf });
        }
        scenario.step();
    }
    let touched = quest(&scenario);
    assert_eq!((touched.schema, touched.value.done[0], touched.stored.is_none()), (1, 1, true));
    assert_eq!(swap(&mut scenario.world, QUESTS, 0), 1);
    let back = quest(&scenario);
    assert_eq!((back.schema, back.value.memory, back.value.done[0]), (0, 0, 1));
    // The store has it in the newer schema.
    assert_eq!(back.stored.expect("kept").schema, 1);
}

#[test]
fn what_could_not_be_migrated_is_shown_to_no_script_and_stays_as_it_is() {
    let mut scenario = hunting();
    let before = quest(&scenario);
    scenario.world.adopt(Schemas::from([(QUESTS, 1)]), &[]);
    scenario.command(Command::AbandonQuest { quest: HUNT });
    scenario.step();
    assert_eq!(scenario.take_log(), "no quest_state\n");
    assert_eq!(quest(&scenario), before);
    // An answer about another state than the one at hand is no answer.
    let mut wrong = migrate(&scenario.world.old_states(&Schemas::from([(QUESTS, 2)])), 2);
    let StateValue::Quest { progress, .. } = &mut wrong[0].before else { panic!("a quest") };
    progress.memory += 1;
    scenario.world.adopt(Schemas::from([(QUESTS, 2)]), &wrong);
    assert_eq!(quest(&scenario), before);
    scenario.world.adopt(Schemas::new(), &[]);
    scenario.command(Command::AbandonQuest { quest: HUNT });
    scenario.step();
    assert!(scenario.take_log().contains("quest Abandoned"));
}

#[test]
fn npcs_remember_across_schemas_and_new_ones_begin_in_theirs() {
    let mut scenario = hunting();
    let memories = |world: &World| -> Vec<(u32, i64)> {
        let memory = |kind: &EntityKind| match kind {
            EntityKind::Npc(mind) => Some((mind.memory.schema, mind.memory.value)),
            _ => None,
        };
        world.entities().filter_map(|entity| memory(&entity.kind)).collect()
    };
    let npcs = memories(&scenario.world).len();
    assert_eq!(swap(&mut scenario.world, WOLF, 2), npcs);
    assert_eq!(memories(&scenario.world), vec![(2, 20); npcs]);
    let bytes = scenario.world.checkpoint();
    let restored = World::from_checkpoint(Arc::clone(scenario.world.content()), &bytes).expect("restored");
    assert_eq!(restored.schemas(), scenario.world.schemas());
    assert_eq!(memories(&restored), memories(&scenario.world));
    assert_eq!(swap(&mut scenario.world, WOLF, 0), 0);
    assert_eq!(memories(&scenario.world), vec![(0, 0); npcs]);
    let mut fresh = World::new(crate::scenario::FIELD, Arc::clone(scenario.world.content()), 1, 0, 50);
    fresh.set_schemas(Schemas::from([(WOLF, 7)]));
    let out = &mut crate::output::Output::default();
    fresh.step(&mut Vec::new(), &mut crate::native::NativeRules, out);
    assert!(memories(&fresh).iter().all(|memory| *memory == (7, 0)));
}

#[test]
fn a_character_is_migrated_on_its_way_in() {
    let mut scenario = hunting();
    let mut state = scenario.world.character(scenario.hero).expect("the hero").state.clone();
    state.at = Some(Position::units(1, 1));
    swap(&mut scenario.world, QUESTS, 1);
    let old = scenario.world.old_states_of(&state);
    assert_eq!(old[0].key, StateKey::Quest { character: state.id, quest: HUNT });
    scenario.world.adopt_character(&mut state, &migrate(&old, 1));
    assert_eq!((state.quests[&HUNT].schema, state.quests[&HUNT].value.memory), (1, 10));
    assert_eq!(state.quests[&HUNT].stored.as_ref().expect("kept").schema, 0);
    assert_eq!(scenario.world.old_states_of(&state), []);
}
