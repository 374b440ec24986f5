//! One small scenario per mechanic.

use crate::content::{Npc, Position, Spawn, Stats};
use crate::entity::EntityKind;
use crate::ids::{EntityId, def_id};
use crate::input::{Command, Input};
use crate::npc::permille;
use crate::scenario::Scenario;
use expect_test::{Expect, expect};

fn check(scenario: &mut Scenario, expected: &Expect) {
    expected.assert_eq(&scenario.take_log());
}

/// Fights the nearest wolf until it is dead.
fn kill_wolf(scenario: &mut Scenario) {
    let wolf = scenario.nearest("npc/wolf");
    for _ in 0..3_000 {
        let Some(at) = scenario.world.entity(wolf).map(|wolf| wolf.at) else { return };
        if scenario.at().distance_mm(at) <= 3_000 {
            scenario.command(Command::Attack { target: wolf });
        }
        scenario.step();
    }
    panic!("the wolf lives");
}

#[test]
fn a_wolf_attacks_and_its_death_pays() {
    let mut scenario = Scenario::new();
    scenario.walk(44, 20);
    kill_wolf(&mut scenario);
    let log = scenario.take_log();
    for expected in ["death", "experience +40 -> level 1 + 40", "item pelt +", "gold +"] {
        assert!(log.contains(expected), "{expected} in\n{log}");
    }
}

#[test]
fn actions_need_half_a_second_between_them() {
    let mut scenario = Scenario::new();
    scenario.walk(47, 20);
    scenario.steps(40);
    scenario.take_log();
    let wolf = scenario.nearest("npc/wolf");
    for _ in 0..11 {
        scenario.command(Command::Attack { target: wolf });
        scenario.step();
    }
    let log = scenario.take_log();
    assert_eq!(log.matches("ok Done").count(), 2, "{log}");
    for left in 1..10 {
        assert_eq!(log.matches(&format!("no too_soon for {left}\n")).count(), 1, "{log}");
    }
}

#[test]
fn impossible_movement_is_corrected_and_older_numbers_are_ignored() {
    let mut scenario = Scenario::new();
    scenario.command(Command::Move { seq: 5, to: Position::units(20, 23) });
    scenario.step();
    assert_eq!(scenario.at(), Position::units(20, 23));
    scenario.command(Command::Move { seq: 6, to: Position::units(90, 23) });
    scenario.command(Command::Move { seq: 4, to: Position::units(20, 24) });
    scenario.step();
    assert_eq!(scenario.at(), Position::units(20, 23));
    scenario.command(Command::Move { seq: 7, to: Position { x_mm: -1, y_mm: i32::MAX } });
    scenario.command(Command::Move { seq: 8, to: Position { x_mm: i32::MIN, y_mm: i32::MIN } });
    scenario.step();
    check(
        &mut scenario,
        &expect![[r#"
            corrected
            corrected
            corrected
        "#]],
    );
}

#[test]
fn speed_over_a_second_is_at_most_the_limit_and_its_tolerance() {
    let mut scenario = Scenario::new();
    let start = scenario.at();
    for seq in 1..=200 {
        let at = scenario.at();
        let to = Position { x_mm: at.x_mm, y_mm: at.y_mm + 600 };
        scenario.command(Command::Move { seq, to });
        scenario.step();
    }
    let walked = scenario.at().distance_mm(start);
    // 10 s at 10 m/s and 10 %, and what was saved up before.
    assert!((105_000..=114_500).contains(&walked), "{walked} mm");
}

#[test]
fn a_quest_goes_from_offer_to_reward() {
    let mut scenario = Scenario::new();
    let quest = def_id("quest/hunt");
    scenario.command(Command::TurnInQuest { quest });
    scenario.step();
    scenario.command(Command::AcceptQuest { quest });
    scenario.step();
    scenario.command(Command::AcceptQuest { quest });
    scenario.step();
    check(
        &mut scenario,
        &expect![[r#"
            no quest_state
            ok Done
            quest Active [0, 0]
            no quest_state
        "#]],
    );
    scenario.walk(44, 20);
    kill_wolf(&mut scenario);
    scenario.steps(2);
    scenario.command(Command::TurnInQuest { quest });
    scenario.step();
    let log = scenario.take_log();
    assert!(log.contains("quest Complete [1, 1]"), "{log}");
    assert!(log.ends_with("no out_of_range\n"), "{log}");
    scenario.walk(20, 20);
    scenario.take_log();
    scenario.command(Command::TurnInQuest { quest });
    scenario.step();
    let log = scenario.take_log();
    for expected in ["ok Done", "quest TurnedIn", "item pelt -1", "-> level 2 + 40", "item sword +1"] {
        assert!(log.contains(expected), "{expected} in\n{log}");
    }
}

#[test]
fn stuns_hold_and_bleeding_hurts() {
    let mut scenario = Scenario::new();
    scenario.walk(47, 20);
    let wolf = scenario.nearest("npc/wolf");
    let mut seen = (false, false);
    for _ in 0..400 {
        let Some(entity) = scenario.world.entity(wolf) else { break };
        seen.0 |= entity.statuses.iter().any(|s| s.status == def_id("status/stun"));
        seen.1 |= entity.statuses.iter().any(|s| s.status == def_id("status/bleed"));
        let ability = if scenario.world.tick().is_multiple_of(2) { "ability/bash" } else { "ability/rend" };
        scenario.command(Command::UseSkill { ability: def_id(ability), target: Some(wolf) });
        scenario.step();
    }
    assert_eq!(seen, (true, true), "{}", scenario.take_log());
}

#[test]
fn death_costs_experience_and_ends_at_the_entrance() {
    let mut scenario = Scenario::new();
    scenario.walk(200, 120);
    scenario.steps(1_200);
    let log = scenario.take_log();
    assert!(log.contains("died"), "{log}");
    assert!(log.contains("notice Respawned"), "{log}");
    assert_eq!(scenario.at(), Position::units(20, 20));
}

#[test]
fn things_are_dropped_picked_up_used_and_worn() {
    let mut scenario = Scenario::new();
    scenario.walk(44, 20);
    kill_wolf(&mut scenario);
    scenario.take_log();
    let slots = |s: &Scenario| s.world.character(s.hero).expect("in the zone").state.inventory.clone();
    let before = slots(&scenario);
    let count = before[&0].count;
    scenario.command(Command::Drop { slot: 0, count: count + 1 });
    scenario.step();
    scenario.command(Command::Drop { slot: 0, count });
    scenario.step();
    assert!(!slots(&scenario).contains_key(&0));
    let ground = scenario.world.entities().last().expect("the dropped item").id;
    scenario.command(Command::Interact { target: ground });
    scenario.command(Command::Interact { target: ground });
    scenario.step();
    assert_eq!(slots(&scenario), before);
    scenario.command(Command::Equip { slot: 0 });
    scenario.command(Command::UseItem { slot: 31 });
    scenario.step();
    let log = scenario.take_log();
    let answers: Vec<&str> = log.lines().filter(|l| l.starts_with("ok") || l.starts_with("no")).collect();
    expect![[r#"
        [
            "no bad_count",
            "ok Done",
            "ok PickedUp",
            "no no_target",
            "no wrong_item",
            "no empty_slot",
        ]
    "#]]
    .assert_debug_eq(&answers);
}

#[test]
fn a_crossing_takes_the_character_along() {
    let mut scenario = Scenario::new();
    scenario.walk(20, 195);
    let log = scenario.take_log();
    assert!(log.ends_with("departs: Crossed\n"), "{log}");
}

#[test]
fn commands_to_the_wrong_target_are_turned_down() {
    let mut scenario = Scenario::new();
    let elder = scenario.nearest("npc/elder");
    let me = scenario.entity();
    for target in [elder, me, EntityId(0), EntityId(u64::MAX)] {
        scenario.command(Command::Attack { target });
    }
    scenario.command(Command::Interact { target: me });
    scenario.command(Command::Interact { target: elder });
    scenario.command(Command::ChooseDialog { choice: def_id("x") });
    scenario.command(Command::Chat { text: " ".into() });
    scenario.command(Command::Chat { text: "hello".into() });
    scenario.step();
    check(
        &mut scenario,
        &expect![[r#"
            no wrong_target
            no wrong_target
            no no_target
            no no_target
            no wrong_target
            ok Greeting
            no no_dialog
            no bad_text
            ok Done
            elder: Well met.
            Hero1: hello
        "#]],
    );
}

#[test]
fn a_full_zone_refuses_and_changes_nothing() {
    let mut scenario = Scenario::new();
    let mut inputs: Vec<Input> =
        (2..=60).map(|id| Input::Enter(Box::new(crate::scenario::character(id)))).collect();
    let mut out = crate::output::Output::default();
    scenario.world.step(&mut inputs, scenario.rules.as_mut(), &mut out);
    assert_eq!(scenario.world.population(), 50);
    assert_eq!(out.departures.len(), 10);
}

#[test]
fn new_definitions_take_effect_and_what_is_unchanged_stays() {
    let mut scenario = Scenario::new();
    let elder = scenario.nearest("npc/elder");
    let mut content = crate::scenario::content();
    content.digest += 1;
    let zone = content.zones.get_mut(&crate::scenario::FIELD).expect("the field");
    zone.spawns[2].count = 5;
    content.npcs.get_mut(&def_id("npc/elder")).expect("the elder").greeting = "Go away.".into();
    scenario.world.swap_content(std::sync::Arc::new(content));
    scenario.step();
    assert_eq!(scenario.nearest("npc/elder"), elder, "unchanged rows keep their entities");
    assert_eq!(scenario.world.entities().count(), 1 + 1 + 1 + 5);
    scenario.command(Command::Interact { target: elder });
    scenario.step();
    assert!(scenario.take_log().contains("elder: Go away."));
}

/// An ogre with two wolves within call, a third out of it, and an elder beside them.
fn ogre_and_friends() -> Scenario {
    let mut content = crate::scenario::content();
    let wolf = content.npcs[&def_id("npc/wolf")].clone();
    let strong = Stats { health: 400, evasion: 0, ..wolf.stats };
    let ogre = Npc { name: "ogre".into(), aggro_mm: 0, stats: strong, ..wolf };
    content.npcs.insert(def_id("npc/ogre"), ogre);
    content.npcs.get_mut(&def_id("npc/wolf")).expect("the wolf").aggro_mm = 0;
    let spawn = |npc: &str, x, y| Spawn {
        npc: def_id(npc),
        at: Position::units(x, y),
        radius_mm: 0,
        count: 1,
        respawn_ms: 60_000,
    };
    content.zones.get_mut(&crate::scenario::FIELD).expect("the field").spawns = vec![
        spawn("npc/ogre", 60, 60),
        spawn("npc/wolf", 60, 78),
        spawn("npc/wolf", 45, 60),
        spawn("npc/elder", 60, 65),
        spawn("npc/wolf", 60, 85),
    ];
    Scenario::with(content)
}

#[test]
fn a_call_for_help_brings_hostile_npcs_of_every_template_within_call() {
    let mut scenario = ogre_and_friends();
    scenario.walk(60, 58);
    let ogre = scenario.nearest("npc/ogre");
    let me = scenario.entity();
    let enemies = |scenario: &Scenario| {
        let mut angry: Vec<(i32, i32)> = Vec::new();
        for entity in scenario.world.entities() {
            if let EntityKind::Npc(mind) = &entity.kind
                && entity.id != ogre
                && mind.threat.contains_key(&me)
            {
                angry.push((mind.home.x_mm / 1_000, mind.home.y_mm / 1_000));
            }
        }
        angry.sort_unstable();
        angry
    };
    let mut called_at = None;
    for _ in 0..2_000 {
        scenario.command(Command::Attack { target: ogre });
        scenario.step();
        let angry = enemies(&scenario);
        let Some(ogre) = scenario.world.entity(ogre) else { break };
        if !angry.is_empty() {
            assert_eq!(angry, [(45, 60), (60, 78)], "neither the elder nor the wolf 25 m away");
            called_at = Some(permille(ogre));
            break;
        }
    }
    let health = called_at.expect("the ogre called");
    assert!((1..500).contains(&health), "at {health} permille");
}

/// A hero with the quest done, back at its giver, with these slots filled with potions.
fn with_the_quest_done(full_slots: u16) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.command(Command::AcceptQuest { quest: def_id("quest/hunt") });
    scenario.walk(44, 20);
    kill_wolf(&mut scenario);
    scenario.walk(20, 20);
    let (hero, potion) = (scenario.hero, def_id("item/potion"));
    let state = &mut scenario.world.characters.get_mut(&hero).expect("in the zone").state;
    for slot in 0..full_slots {
        state.inventory.entry(slot).or_insert(crate::input::Stack { item: potion, count: 10 });
    }
    scenario.take_log();
    scenario
}

#[test]
fn a_reward_without_room_leaves_the_quest_as_it_was() {
    let quest = def_id("quest/hunt");
    let mut scenario = with_the_quest_done(32);
    // More pelts than are to be delivered: their slot does not become free.
    let hero = scenario.hero;
    scenario
        .world
        .characters
        .get_mut(&hero)
        .expect("in the zone")
        .state
        .inventory
        .get_mut(&0)
        .expect("pelts")
        .count = 5;
    let before = scenario.world.character(hero).expect("in the zone").state.clone();
    scenario.command(Command::TurnInQuest { quest });
    scenario.step();
    assert_eq!(scenario.take_log(), "no inventory_full\n");
    assert_eq!(scenario.world.character(hero).expect("in the zone").state, before);
}

#[test]
fn a_quest_turned_in_can_neither_be_abandoned_nor_turned_in_again() {
    let quest = def_id("quest/hunt");
    let mut scenario = with_the_quest_done(0);
    scenario.command(Command::TurnInQuest { quest });
    scenario.command(Command::TurnInQuest { quest });
    scenario.step();
    let log = scenario.take_log();
    assert_eq!(log.matches("experience +100").count(), 1, "{log}");
    assert!(log.contains("no quest_state"), "{log}");
    scenario.command(Command::AbandonQuest { quest });
    scenario.command(Command::AcceptQuest { quest });
    scenario.step();
    // One because it is done, the other because only one question per quest is under way.
    assert_eq!(scenario.take_log(), "no quest_state\nno quest_state\n");
    scenario.command(Command::AcceptQuest { quest });
    scenario.step();
    assert_eq!(scenario.take_log(), "no quest_state\n");
}

#[test]
fn cooldowns_and_statuses_cross_with_their_bearer() {
    let mut scenario = Scenario::new();
    let (hero, entity) = (scenario.hero, scenario.entity());
    let tick = scenario.world.tick();
    let body = scenario.world.entities.entry_mut(entity).expect("an entity");
    body.energy = 7;
    body.cooldowns.insert(def_id("ability/bash"), tick + 100);
    let until = tick + 60;
    let source = EntityId::NONE;
    let status = def_id("status/bleed");
    body.statuses.push(crate::entity::StatusInstance { status, source, stacks: 2, since: tick, until });
    let state = scenario.world.kept_characters().pop().expect("the hero");
    let mut other = crate::World::new(crate::scenario::FIELD, scenario.world.content().clone(), 1, 5_000, 50);
    let mut out = crate::output::Output::default();
    other.step(&mut vec![Input::Enter(Box::new(state))], scenario.rules.as_mut(), &mut out);
    let entity = other.character(hero).expect("arrived").entity;
    let body = other.entity(entity).expect("an entity");
    assert_eq!(body.energy, 7);
    assert_eq!(body.cooldowns[&def_id("ability/bash")], other.tick() + 100);
    assert_eq!((body.statuses[0].stacks, body.statuses[0].until), (2, other.tick() + 60));
}

#[test]
fn the_dead_are_not_healed() {
    let mut scenario = Scenario::new();
    let entity = scenario.entity();
    scenario.world.entities.entry_mut(entity).expect("an entity").health = 0;
    assert_eq!(scenario.world.restore(entity, 50, 50), 0);
    assert_eq!(scenario.world.entity(entity).expect("an entity").health, 0);
}
