//! Bosses: phases with what they bring, and what is left when a fight is over.

use crate::content::{Content, Encounter, Phase};
use crate::entity::{EntityKind, Fight, SpawnedBy};
use crate::ids::{DefId, EntityId, def_id};
use crate::input::Command;
use crate::native::NativeRules;
use crate::output::Output;
use crate::rules::{Answer, Bout, BoutOccasion, Direction, Origin};
use crate::scenario::Scenario;
use crate::state::{Migrated, Schemas, StateKey, StateValue};
use crate::world::World;
use std::sync::Arc;

const SCRIPT: DefId = def_id("script/encounters");
const ALPHA: DefId = def_id("encounter/alpha");

fn phase(health_below_permille: u32, adds_count: u32) -> Phase {
    Phase {
        health_below_permille,
        after_ms: 0,
        power_permille: 1_500,
        adds: if adds_count > 0 { def_id("npc/whelp") } else { DefId::NONE },
        adds_count,
        ability: DefId::NONE,
        announcement: if adds_count > 0 { def_id("announcement/night_falls") } else { DefId::NONE },
    }
}

/// The wolf in the field leads a pack.
fn den() -> Content {
    let mut content = crate::scenario::content();
    let whelp = content.npcs[&def_id("npc/wolf")].clone();
    content.npcs.insert(def_id("npc/whelp"), crate::content::Npc { name: "whelp".into(), ..whelp });
    let alpha = content.npcs.get_mut(&def_id("npc/wolf")).expect("the wolf");
    (alpha.encounter, alpha.boss) = (ALPHA, true);
    alpha.stats.health = 300;
    let phases = vec![phase(700, 2), phase(300, 0)];
    let encounter = Encounter { name: "alpha".into(), script: SCRIPT, enrage_ms: 0, phases };
    content.encounters.insert(ALPHA, encounter);
    content
}

/// A hero who lasts, beside the boss.
fn fighting() -> (Scenario, EntityId) {
    let mut content = den();
    let class = content.classes.get_mut(&def_id("class/warrior")).expect("the warrior");
    (class.base.health, class.base.attack, class.base.accuracy) = (5_000, 30, 150);
    let mut scenario = Scenario::with(content);
    scenario.walk(44, 20);
    let boss = scenario.nearest("npc/wolf");
    (scenario, boss)
}

fn fight(world: &World, boss: EntityId) -> Option<&Fight> {
    match &world.entity(boss)?.kind {
        EntityKind::Npc(mind) => mind.fight.as_deref(),
        _ => None,
    }
}

fn phase_of(scenario: &Scenario, boss: EntityId) -> Option<u32> {
    fight(&scenario.world, boss).map(|fight| fight.course.value.phase)
}

fn adds(scenario: &Scenario, boss: EntityId) -> usize {
    scenario.world.summoned(SpawnedBy::Npc(boss)).count()
}

/// Strikes until the fight is in a phase.
fn strike_to(scenario: &mut Scenario, boss: EntityId, phase: u32) {
    for _ in 0..3_000 {
        if phase_of(scenario, boss) == Some(phase) {
            return;
        }
        scenario.command(Command::Attack { target: boss });
        scenario.step();
    }
    panic!("phase {phase} never came: {:?}", fight(&scenario.world, boss));
}

#[test]
fn a_fight_goes_through_its_phases_and_each_brings_what_is_its_own() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 0);
    assert_eq!(
        (adds(&scenario, boss), fight(&scenario.world, boss).expect("a fight").power_permille),
        (0, 1_000)
    );
    scenario.take_log();
    strike_to(&mut scenario, boss, 1);
    let log = scenario.take_log();
    assert_eq!(log.matches("night_falls").count(), 1, "{log}");
    assert_eq!(
        (adds(&scenario, boss), fight(&scenario.world, boss).expect("a fight").power_permille),
        (2, 1_500)
    );
    // They fight whom the boss fights.
    let hero = scenario.entity();
    for add in scenario.world.summoned(SpawnedBy::Npc(boss)) {
        let EntityKind::Npc(mind) = &add.kind else { panic!("an NPC") };
        assert!(mind.threat.contains_key(&hero));
    }
    strike_to(&mut scenario, boss, 2);
    assert!(adds(&scenario, boss) <= 2, "they come once");
}

#[test]
fn who_is_left_alone_is_as_before_and_its_adds_are_gone() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 1);
    // Behind the leash it gives up.
    scenario.walk(110, 20);
    scenario.steps(400);
    assert_eq!((fight(&scenario.world, boss), adds(&scenario, boss)), (None, 0));
    // The next fight begins anew.
    scenario.walk(44, 20);
    scenario.command(Command::Attack { target: boss });
    scenario.steps(40);
    assert_eq!(phase_of(&scenario, boss), Some(0));
}

#[test]
fn adds_do_not_stay_long_behind_their_boss() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 1);
    for _ in 0..3_000 {
        if scenario.world.entity(boss).is_none() {
            break;
        }
        scenario.command(Command::Attack { target: boss });
        scenario.step();
    }
    assert!(scenario.world.entity(boss).is_none(), "the boss lives");
    scenario.walk(20, 180);
    scenario.steps(600);
    assert_eq!(adds(&scenario, boss), 0);
}

/// Answers the bouts by a closure, all else natively.
fn directed(world: &mut World, bout: &Bout, direction: Direction) -> Output {
    let mut out = Output::default();
    world.follow(bout, &Answer { value: direction, origin: Origin::Fallback }, &mut out);
    out
}

#[test]
fn what_a_script_says_without_measure_is_cut_to_its_bounds() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 1);
    let (_, bout) = scenario.world.view_bout(boss, BoutOccasion::Going).expect("a bout");
    assert_eq!((bout.phase, bout.adds, bout.fighters), (1, 2, 1));
    let wild = Direction {
        id: 0,
        phase: u32::MAX,
        power_permille: u32::MAX,
        speed_permille: 0,
        summon: u32::MAX,
        ability: def_id("ability/strike"),
        heal_permille: u32::MAX,
        dismiss: false,
        announcement: def_id("announcement/none"),
        memory: 9,
    };
    let out = directed(&mut scenario.world, &bout, wild);
    let now = fight(&scenario.world, boss).expect("a fight");
    assert_eq!((now.course.value.phase, now.course.value.memory), (2, 9));
    assert_eq!((now.power_permille, now.speed_permille), (5_000, 100));
    // The last phase calls nobody, the ability is not the boss's, nobody knows the announcement.
    assert_eq!((adds(&scenario, boss), scenario.world.scratch.casts.len()), (2, 0));
    assert_eq!(out.events.len(), 1, "it was healed: {out:?}");
    let entity = scenario.world.entity(boss).expect("the boss");
    assert_eq!(entity.health, entity.stats.health);
    for _ in 0..10 {
        directed(&mut scenario.world, &bout, Direction { phase: 1, ..wild });
    }
    assert_eq!(adds(&scenario, boss), crate::limits::SUMMONED_PER_SUMMONER);
    directed(&mut scenario.world, &bout, Direction { dismiss: true, summon: 0, ..wild });
    assert_eq!(adds(&scenario, boss), 0);
}

#[test]
fn other_content_is_asked_about_and_no_encounter_is_an_end() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 1);
    let mut content = Content::clone(scenario.world.content());
    content.encounters.get_mut(&ALPHA).expect("the encounter").phases = vec![phase(900, 0)];
    scenario.world.swap_content(Arc::new(content.clone()));
    scenario.step();
    assert_eq!(phase_of(&scenario, boss), Some(1), "it goes on in its phase");
    content.npcs.get_mut(&def_id("npc/wolf")).expect("the wolf").encounter = DefId::NONE;
    scenario.world.swap_content(Arc::new(content));
    scenario.step();
    assert_eq!((fight(&scenario.world, boss), adds(&scenario, boss)), (None, 0));
}

#[test]
fn a_fight_goes_on_from_a_checkpoint_and_in_another_schema() {
    let (mut scenario, boss) = fighting();
    strike_to(&mut scenario, boss, 1);
    let bytes = scenario.world.checkpoint();
    let mut restored =
        World::from_checkpoint(Arc::clone(scenario.world.content()), &bytes).expect("restored");
    for _ in 0..100 {
        restored.step(&mut Vec::new(), &mut NativeRules, &mut Output::default());
        scenario.step();
        assert_eq!(restored.digest(), scenario.world.digest());
    }
    let world = &mut scenario.world;
    let schemas = Schemas::from([(SCRIPT, 1)]);
    let old = world.old_states(&schemas);
    assert_eq!(old.len(), 1, "{old:?}");
    let memory = fight(world, boss).expect("a fight").course.value.memory;
    assert_eq!(old[0].key, StateKey::Fight(boss));
    assert_eq!(old[0].value, StateValue::Encounter { encounter: ALPHA, phase: 1, memory });
    // Beyond the last phase is the last phase.
    let after = StateValue::Encounter { encounter: ALPHA, phase: 7, memory: -3 };
    let (before, after) = (old[0].value.clone(), Ok(after));
    world.adopt(schemas, &[Migrated { key: old[0].key, script: SCRIPT, from: 0, to: 1, before, after }]);
    let course = fight(world, boss).expect("a fight").course.value;
    assert_eq!((course.phase, course.memory), (2, -3));
    world.adopt(Schemas::new(), &[]);
    let course = fight(world, boss).expect("a fight").course.value;
    assert_eq!((course.phase, course.memory), (1, memory), "nobody had touched it");
}
