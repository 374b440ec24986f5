//! NPCs that belong to no row of the zone's plan.

use crate::content::Position;
use crate::entity::{EntityKind, SpawnedBy};
use crate::ids::{DefId, EntityId, def_id};
use crate::input::Command;
use crate::limits::SUMMONED_PER_SUMMONER;
use crate::scenario::Scenario;
use crate::world::World;
use std::sync::Arc;

const WOLF: DefId = def_id("npc/wolf");
const HUNT: SpawnedBy = SpawnedBy::Event(def_id("event/hunt"));
const HERE: (Position, u32) = (Position::units(40, 20), 2_000);

fn count(scenario: &Scenario, by: SpawnedBy) -> usize {
    scenario.world.summoned(by).count()
}

#[test]
fn who_is_called_comes_where_it_is_called_to_and_no_more_than_the_bound() {
    let mut scenario = Scenario::new();
    let came = scenario.world.summon(WOLF, 3, HERE, HUNT);
    assert_eq!(came.len(), 3);
    for id in came {
        let wolf = scenario.world.entity(id).expect("it came");
        assert!(wolf.at.distance_mm(HERE.0) <= 3_000, "{:?}", wolf.at);
        assert_eq!(wolf.level, 1, "as the template says");
    }
    scenario.world.summon(WOLF, u32::MAX, HERE, HUNT);
    assert_eq!(count(&scenario, HUNT), SUMMONED_PER_SUMMONER);
    assert_eq!(scenario.world.summon(WOLF, 1, HERE, HUNT), []);
    let other = SpawnedBy::Npc(EntityId(1));
    assert_eq!(scenario.world.summon(WOLF, 2, HERE, other).len(), 2, "each summoner has its own bound");
    assert_eq!(scenario.world.summon(def_id("npc/nobody"), 1, HERE, other), []);
}

#[test]
fn the_dead_and_the_dismissed_do_not_come_back() {
    let mut scenario = Scenario::new();
    let wolf = scenario.world.summon(WOLF, 1, (Position::units(23, 20), 0), HUNT)[0];
    scenario.world.summon(WOLF, 2, (Position::units(280, 100), 0), HUNT);
    for _ in 0..600 {
        scenario.command(Command::Attack { target: wolf });
        scenario.step();
    }
    assert!(scenario.take_log().contains("experience +40"), "a called wolf pays like any other");
    assert_eq!(count(&scenario, HUNT), 2, "gone for good");
    assert_eq!(scenario.world.dismiss(HUNT), 2);
    scenario.steps(100);
    assert_eq!(count(&scenario, HUNT), 0);
}

#[test]
fn who_is_called_survives_checkpoint_and_swap_unless_its_template_is_gone() {
    let mut scenario = Scenario::new();
    let wolf = scenario.world.summon(WOLF, 1, HERE, HUNT)[0];
    let before = scenario.world.digest();
    let restored = World::from_checkpoint(Arc::clone(scenario.world.content()), &scenario.world.checkpoint())
        .expect("restored");
    assert_eq!(restored.digest(), before);
    assert_eq!(restored.summoned(HUNT).map(|entity| entity.id).collect::<Vec<_>>(), [wolf]);

    let mut content = crate::scenario::content();
    content.npcs.get_mut(&WOLF).expect("a wolf").level = 3;
    scenario.world.swap_content(Arc::new(content.clone()));
    assert_eq!(scenario.world.entity(wolf).map(|wolf| wolf.level), Some(3));

    content.npcs.remove(&WOLF);
    for zone in content.zones.values_mut() {
        zone.spawns.retain(|row| row.npc != WOLF);
    }
    scenario.world.swap_content(Arc::new(content));
    assert!(scenario.world.despawned().contains(&wolf), "clients are told");
    let wolves =
        |entity: &&crate::entity::Entity| matches!(&entity.kind, EntityKind::Npc(m) if m.template == WOLF);
    assert_eq!(scenario.world.entities().filter(wolves).count(), 0);
}
