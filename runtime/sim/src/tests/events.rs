//! World events: the hunt of the field, from its beginning to its ends.

use super::trade::Wild;
use crate::content::{Content, Position};
use crate::entity::SpawnedBy;
use crate::ids::{CharacterId, DefId, EntityId, def_id};
use crate::input::{Command, Input};
use crate::limits::SUMMONED_PER_SUMMONER;
use crate::native::NativeRules;
use crate::output::{FactKind, Output};
use crate::rules::Rules;
use crate::scenario::{FIELD, Scenario, character, content};
use crate::world::World;
use expect_test::expect;
use std::collections::BTreeMap;
use std::sync::Arc;

const HUNT: DefId = def_id("event/hunt");
const CREATURES: SpawnedBy = SpawnedBy::Event(HUNT);

/// Heroes stand where the hunt is; nothing else is near, and they are hard to kill.
fn field() -> Content {
    let mut content = content();
    let zone = content.zones.get_mut(&FIELD).expect("the field");
    zone.entrance = Position::units(250, 150);
    zone.spawns.clear();
    content.events.get_mut(&HUNT).expect("the hunt").radius_mm = 2_000;
    content.classes.values_mut().for_each(|class| class.base.health = 100_000);
    content
}

/// The hunt as `heroes` meet it from a given minute of the first day on.
struct Hunt {
    world: World,
    rules: Box<dyn Rules>,
    out: Output,
    /// `EventReward` and other facts of the last steps, as text.
    log: Vec<String>,
    request: u64,
}

impl Hunt {
    fn at(minute: u64, heroes: i64, content: Content) -> Self {
        let world = World::new(FIELD, Arc::new(content), 7, (minute - 480) * 100, 50);
        let mut hunt =
            Self { world, rules: Box::new(NativeRules), out: Output::default(), log: Vec::new(), request: 0 };
        hunt.step((1..=heroes).map(|id| Input::Enter(Box::new(character(id)))).collect());
        hunt
    }

    fn step(&mut self, mut inputs: Vec<Input>) {
        self.world.step(&mut inputs, &mut *self.rules, &mut self.out);
        for fact in &self.out.facts {
            match &fact.kind {
                FactKind::EventReward { rank, participants, experience, gold, items, .. } => {
                    self.log.push(format!(
                        "{} is {rank} of {participants}: {experience} experience, {gold} gold, {} items",
                        fact.character,
                        items.iter().map(|some| some.count).sum::<u32>()
                    ))
                }
                FactKind::EventEnded { success, participants, .. } => {
                    self.log.push(format!("ended: {success}, {participants}"));
                }
                _ => {}
            }
        }
    }

    fn wait(&mut self, ticks: u32) {
        (0..ticks).for_each(|_| self.step(Vec::new()));
    }

    fn creatures(&self) -> Vec<EntityId> {
        self.world.summoned(CREATURES).map(|entity| entity.id).collect()
    }

    fn stage(&self) -> u32 {
        self.world.running_events().next().map_or(0, |report| report.stage)
    }

    /// These heroes strike at the first creature until `done`.
    fn fight(&mut self, heroes: &[i64], done: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            let Some(target) = self.creatures().first().copied() else { return self.wait(1) };
            self.request += 1;
            let request = crate::ids::RequestId(self.request);
            let strike = |id: &i64| {
                let character = CharacterId(*id);
                Input::Command { character, request, command: Command::Attack { target } }
            };
            self.step(heroes.iter().map(strike).collect());
        }
        panic!("the fight has no end: stage {}, {} creatures", self.stage(), self.creatures().len());
    }

    fn win(&mut self, heroes: &[i64]) {
        self.fight(heroes, |hunt| hunt.stage() == 2);
        self.wait(210);
    }
}

#[test]
fn it_begins_on_the_hour_goes_stage_by_stage_and_pays_who_took_part() {
    let mut hunt = Hunt::at(539, 3, field());
    assert_eq!((hunt.stage(), hunt.creatures().len()), (0, 0), "a minute too early");
    hunt.wait(120);
    assert_eq!((hunt.stage(), hunt.creatures().len()), (1, 4));
    hunt.win(&[1, 2]);
    assert_eq!((hunt.stage(), hunt.creatures().len()), (0, 0), "over, and its creatures gone");
    expect![[r#"
        ended: true, 2
        1 is 1 of 2: 72 experience, 12 gold, 2 items
        2 is 2 of 2: 50 experience, 8 gold, 1 items"#]]
    .assert_eq(&hunt.log.join("\n"));
    // What was said is what they have.
    let gold = |id| hunt.world.character(CharacterId(id)).expect("in the zone").state.gold;
    assert!(gold(1) >= 12 && gold(2) >= 8 && gold(3) == 0, "{} {} {}", gold(1), gold(2), gold(3));
    // Not again in the same hour, but in that of the next day.
    hunt.wait(1_000);
    assert_eq!(hunt.stage(), 0);
}

#[test]
fn enough_deaths_bring_it_about_but_not_before_it_has_rested() {
    let mut content = field();
    let rows = &crate::scenario::content().zones[&FIELD].spawns[2];
    let zone = content.zones.get_mut(&FIELD).expect("the field");
    zone.spawns.push(crate::content::Spawn { at: zone.entrance, radius_mm: 2_000, count: 2, ..rows.clone() });
    content.events.get_mut(&HUNT).expect("the hunt").schedule = None;
    let mut hunt = Hunt::at(480, 1, content);
    let strike = |hunt: &mut Hunt| {
        let wolf =
            hunt.world.entities().find(|entity| matches!(entity.kind, crate::entity::EntityKind::Npc(_)));
        let target = wolf.map_or(EntityId::NONE, |wolf| wolf.id);
        hunt.request += 1;
        let (character, request) = (CharacterId(1), crate::ids::RequestId(hunt.request));
        hunt.step(vec![Input::Command { character, request, command: Command::Attack { target } }]);
    };
    let mut deaths = 0;
    while hunt.stage() == 0 {
        strike(&mut hunt);
        let died =
            |event: &&crate::output::Event| matches!(event.kind, crate::output::EventKind::Death { .. });
        deaths += hunt.out.events.iter().filter(died).count();
        assert!(deaths < 20, "nothing begins");
    }
    assert!(deaths >= 5, "{deaths}");
    // Its own creatures do not count for the next one.
    hunt.win(&[1]);
    let ended = hunt.world.tick();
    for _ in 0..60 {
        assert_eq!(hunt.stage(), 0, "it rests since {ended}");
        hunt.wait(1);
    }
}

#[test]
fn a_stage_whose_time_is_over_is_a_failure_that_pays_nobody() {
    let mut hunt = Hunt::at(539, 1, field());
    hunt.wait(120);
    let first = hunt.creatures()[0];
    hunt.fight(&[1], |hunt| !hunt.creatures().contains(&first));
    hunt.wait(1_250);
    assert_eq!(
        (hunt.stage(), hunt.creatures().len(), hunt.log.join("; ").as_str()),
        (0, 0, "ended: false, 1")
    );
}

#[test]
fn who_has_left_is_not_paid_but_counts_and_what_does_not_fit_lies_on_the_ground() {
    let mut content = field();
    let reward = &mut content.events.get_mut(&HUNT).expect("the hunt").reward;
    reward.items[0] = crate::content::ItemCount { item: def_id("item/sword"), count: 40 };
    let mut hunt = Hunt::at(539, 2, content);
    hunt.wait(120);
    hunt.fight(&[1, 2], |hunt| hunt.stage() == 2);
    hunt.step(vec![Input::Leave { character: CharacterId(2) }]);
    hunt.wait(210);
    assert_eq!(hunt.log.len(), 2, "{:?}", hunt.log);
    assert!(hunt.log[1].starts_with("1 is ") && hunt.log[1].contains("of 2"), "{:?}", hunt.log);
    let mut lying = 0;
    for entity in hunt.world.entities() {
        if let crate::entity::EntityKind::Item { stack, .. } = &entity.kind {
            lying += if stack.item == def_id("item/sword") { stack.count } else { 0 };
        }
    }
    assert!(lying > 0, "forty swords do not fit");
}

#[test]
fn its_end_is_what_a_restart_remembers() {
    let begin = |ends: &BTreeMap<DefId, u64>| {
        let mut world = World::new(FIELD, Arc::new(field()), 7, (550 - 480) * 100, 50);
        world.set_event_ends(ends);
        let mut out = Output::default();
        (0..25).for_each(|_| world.step(&mut Vec::new(), &mut NativeRules, &mut out));
        world.running_events().count()
    };
    assert_eq!(begin(&BTreeMap::new()), 1, "in its hour");
    assert_eq!(begin(&BTreeMap::from([(HUNT, (541 - 480) * 100)])), 0, "it has ended in this hour");
    assert_eq!(begin(&BTreeMap::from([(HUNT, 100)])), 1, "that was an earlier one");
}

#[test]
fn other_content_goes_on_in_the_stage_and_none_ends_it() {
    let mut hunt = Hunt::at(539, 1, field());
    hunt.wait(120);
    hunt.fight(&[1], |hunt| hunt.stage() == 2);
    let mut longer = field();
    longer.events.get_mut(&HUNT).expect("the hunt").stages[1].duration_ms = 20_000;
    hunt.world.swap_content(Arc::new(longer));
    hunt.wait(250);
    assert_eq!(hunt.stage(), 2, "it lasts longer now");
    let mut none = field();
    none.events.clear();
    hunt.world.swap_content(Arc::new(none));
    assert_eq!((hunt.stage(), hunt.creatures().len()), (0, 0));
    hunt.wait(100);
    assert_eq!(hunt.log, Vec::<String>::new(), "nobody is paid");
}

#[test]
fn an_event_that_nobody_conducts_any_more_ends_and_no_script_fills_the_zone() {
    let mut hunt = Hunt::at(539, 1, field());
    hunt.rules = Box::new(Wild);
    hunt.wait(120);
    assert_eq!(hunt.creatures().len(), SUMMONED_PER_SUMMONER, "no more than there may be");
    // The time of its first stage, and a minute for its script to say what comes next.
    hunt.wait(2_420);
    assert_eq!(
        (hunt.stage(), hunt.creatures().len(), hunt.log.join("; ").as_str()),
        (0, 0, "ended: false, 0")
    );
}

#[test]
fn a_running_event_is_in_digest_and_checkpoint() {
    let mut hunt = Hunt::at(539, 2, field());
    hunt.wait(120);
    let first = hunt.creatures()[0];
    hunt.fight(&[1, 2], |hunt| !hunt.creatures().contains(&first));
    let bytes = hunt.world.checkpoint();
    let mut restored = World::from_checkpoint(Arc::clone(hunt.world.content()), &bytes).expect("restored");
    for _ in 0..1_300 {
        hunt.wait(1);
        restored.step(&mut Vec::new(), &mut NativeRules, &mut Output::default());
        assert_eq!(restored.digest(), hunt.world.digest(), "tick {}", hunt.world.tick());
    }
    assert_eq!(hunt.stage(), 0, "it has come to an end meanwhile");
}

#[test]
fn in_the_scenario_it_is_told_of() {
    let mut scenario = Scenario::with(field());
    scenario.steps(6_020);
    let log = scenario.take_log();
    assert!(log.contains("Going: stage 1, kills 0"), "{log}");
}
