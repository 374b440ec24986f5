//! What clients rebuild from their frames is what the server has, whatever is lost, late or too much for them.

use super::*;
use crate::client::Client;
use proptest::prelude::*;
use protocol::prost::Message as _;
use protocol::v1::ServerFrame;
use protocol::v1::notification::Method;
use sim::content::Content;
use sim::input::{CharacterState, Command, Input};
use sim::native::NativeRules;
use sim::output::Output;
use sim::rng::Rng;
use sim::{CharacterId, NearList, RequestId, def_id};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

static CONTENT: LazyLock<Arc<Content>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
    Arc::new(crate::content::load(&folder).expect("the starter content").0)
});
/// Everybody hunts in the same wood.
const HUNTERS: i64 = 10;
/// Bytes a second of a client that cannot be told everything at once.
const POOR: i64 = 4_000;
/// Of one that can.
const RICH: i64 = 100_000_000;

/// A client as the tests play it: what it was told, put together by the types of the schema.
struct Player {
    view: View,
    client: Client,
    entities: BTreeMap<u64, v1::Entity>,
    own: v1::Own,
    ack: u32,
    /// Frames that wait to be acknowledged.
    unacknowledged: Vec<u64>,
    poor: bool,
}

impl Player {
    fn new(number: i64) -> Self {
        let (client, _) = Client::new(Encoding::ALL[number as usize % 2]);
        let mut view = View::new(0);
        let poor = number % 5 == 4;
        view.limit(if poor { POOR } else { RICH });
        let (entities, own) = (BTreeMap::new(), v1::Own::default());
        Self { view, client, entities, own, ack: 0, unacknowledged: Vec::new(), poor }
    }

    fn hear(&mut self, frame: Frame) {
        let told = match frame {
            Frame::Text(text) => {
                let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                value.as_object_mut().expect("an object").remove("jsonrpc");
                serde_json::from_value(value).expect("a notification")
            }
            Frame::Binary(bytes) => {
                let frame = ServerFrame::decode(bytes).expect("decodes");
                frame.notifications.into_iter().next().expect("one").method.expect("known")
            }
        };
        match told {
            Method::WorldSnapshot(snapshot) => {
                self.unacknowledged.push(snapshot.tick);
                (self.ack, self.own) = (snapshot.ack, snapshot.self_.expect("oneself"));
                self.entities = snapshot.entities.into_iter().map(|entity| (entity.id, entity)).collect();
            }
            Method::WorldDelta(delta) => self.change(delta),
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, delta: v1::WorldDelta) {
        self.unacknowledged.push(delta.tick);
        self.ack = delta.ack.unwrap_or(self.ack);
        if let Some(own) = delta.self_ {
            self.own.mana = own.mana.or(self.own.mana);
            self.own.mana_max = own.mana_max.or(self.own.mana_max);
            self.own.energy = own.energy.or(self.own.energy);
            self.own.energy_max = own.energy_max.or(self.own.energy_max);
        }
        for id in delta.leave {
            assert!(self.entities.remove(&id).is_some(), "{id} left and was not there");
        }
        for entity in delta.enter {
            assert!(self.entities.insert(entity.id, entity).is_none(), "it entered twice");
        }
        for update in delta.update {
            let known = self.entities.get_mut(&update.id).expect("an update of somebody in sight");
            known.x = update.x.or(known.x);
            known.y = update.y.or(known.y);
            known.level = update.level.or(known.level);
            known.hp = update.hp.or(known.hp);
            known.hp_max = update.hp_max.or(known.hp_max);
            known.state = update.state.or(known.state);
            known.target = update.target.or(known.target);
            known.statuses = update.statuses.or(known.statuses.take());
        }
        let moves = delta.moves.unwrap_or_default();
        let mut id = 0;
        for ((difference, dx), dy) in moves.ids.iter().zip(&moves.dx).zip(&moves.dy) {
            id += difference;
            let known = self.entities.get_mut(&id).expect("a move of somebody in sight");
            let go = |from: Option<i32>, way: i32| Some((from.expect("a place").div_euclid(20) + way) * 20);
            (known.x, known.y) = (go(known.x, *dx), go(known.y, *dy));
        }
    }

    /// That it knows what it should, to the last member, and places to the step.
    fn is_up_to_date(&self, world: &World, character: CharacterId) {
        let me = world.character(character).expect("in the world").entity;
        let me = world.entity(me).expect("somewhere");
        assert_eq!(self.own, encode::own(me));
        let radius = world.content().zones[&world.zone()].interest_radius_mm;
        let known: BTreeSet<u64> = self.entities.keys().copied().collect();
        for entity in world.entities() {
            let away = entity.at.distance_mm(me.at);
            if away < radius {
                assert!(
                    known.contains(&entity.id.0),
                    "{} is in sight at {away} and not known, {:?}",
                    entity.id,
                    entity.kind
                );
            } else if away > radius + radius / 10 + 1 {
                assert!(!known.contains(&entity.id.0), "{} is out of sight and known", entity.id);
            }
            let Some(mine) = self.entities.get(&entity.id.0) else { continue };
            let place = |entity: &v1::Entity| (entity.x().div_euclid(20), entity.y().div_euclid(20));
            let theirs = encode::entity(entity, world);
            assert_eq!(place(mine), place(&theirs), "{}", entity.id);
            let (x, y) = (mine.x, mine.y);
            assert_eq!(*mine, v1::Entity { x, y, ..theirs });
        }
        assert!(known.iter().all(|id| world.entity(EntityId(*id)).is_some()), "a ghost");
    }
}

fn hunter(id: i64, dice: &mut Rng) -> CharacterState {
    CharacterState {
        id: CharacterId(id),
        name: format!("Hunter{id}"),
        class: def_id(if id % 2 == 0 { "class/warrior" } else { "class/mage" }),
        level: 5,
        experience: 0,
        gold: 0,
        zone: def_id("zone/greywood"),
        at: Some(Position::units(200 + dice.below(150) as i32, 450 + dice.below(100) as i32)),
        health: None,
        mana: None,
        condition: None,
        inventory: BTreeMap::new(),
        equipment: BTreeMap::new(),
        quests: BTreeMap::new(),
        dialog_flags: BTreeMap::new(),
    }
}

/// What a hunter does in a tick: walks far or near, strikes at whoever is near, and now and then leaves.
fn command(world: &World, character: CharacterId, seq: u32, dice: &mut Rng) -> Option<Input> {
    let me = world.entity(world.character(character)?.entity)?;
    if dice.below(400) == 0 {
        return Some(Input::Leave { character });
    }
    let mut near = NearList::default();
    world.near(me.at, 20_000, &mut near);
    let mut near = near.as_slice().iter().filter_map(|near| world.entity_at(near.index));
    let beast = near.find(|it| matches!(it.kind, EntityKind::Npc(_)) && it.is_alive());
    let command = match (dice.below(4), beast) {
        (0, Some(beast)) => Command::Attack { target: beast.id },
        (1, Some(beast)) => Command::Move { seq, to: beast.at },
        _ => {
            let drift = |dice: &mut Rng| dice.below(1_801) as i32 - 900;
            Command::Move {
                seq,
                to: Position { x_mm: me.at.x_mm + drift(dice), y_mm: me.at.y_mm + drift(dice) },
            }
        }
    };
    Some(Input::Command { character, request: RequestId(0), command })
}

/// Plays a hunt; what every client was told in the end.
fn hunt(seed: u64, ticks: u32) {
    let mut dice = Rng(seed);
    let mut world = World::new(def_id("zone/greywood"), Arc::clone(&CONTENT), seed, 0, 50);
    let mut rules = NativeRules;
    let (mut replication, mut output) = (Replication::default(), Output::default());
    let mut players: BTreeMap<i64, Player> = BTreeMap::new();
    for tick in 1..=ticks {
        // In the end everybody has time to catch up.
        let is_quiet = tick + 60 > ticks;
        let mut inputs: Vec<Input> = Vec::new();
        for id in 1..=HUNTERS {
            let character = CharacterId(id);
            if world.character(character).is_none() {
                if !is_quiet && dice.below(10) == 0 {
                    inputs.push(Input::Enter(Box::new(hunter(id, &mut dice))));
                    players.insert(id, Player::new(id));
                }
            } else if !is_quiet {
                inputs.extend(command(&world, character, tick, &mut dice));
            }
        }
        world.step(&mut inputs, &mut rules, &mut output);
        let spoken = players.values().map(|player| player.client.encoding);
        replication.begin(&world, output.events.iter().map(|event| (event, "native")), spoken);
        players.retain(|id, _| world.character(CharacterId(*id)).is_some());
        for (id, player) in &mut players {
            // Acknowledgements come late, and not in their order.
            if player.unacknowledged.len() > 3 && dice.below(3) == 0 {
                let late = dice.below(player.unacknowledged.len() as u32) as usize;
                player.client.acknowledge(player.unacknowledged.swap_remove(late));
                player.unacknowledged.truncate(8);
            }
            if is_quiet {
                player.client.acknowledge(world.tick());
                if std::mem::take(&mut player.poor) {
                    player.view.limit(RICH);
                }
            }
            // The outbox is full, or too much is on its way.
            let is_stuck = !is_quiet && dice.below(3) == 0;
            if is_stuck || player.view.is_flooded(&player.client) {
                continue;
            }
            if dice.below(200) == 0 {
                player.view.needs_snapshot = true;
            }
            let character = CharacterId(*id);
            let me = world.character(character).expect("retained");
            let (entity, ack) = (world.entity(me.entity).expect("there"), me.last_seq);
            let encoding = player.client.encoding;
            if let Some(frame) = replication.frame(&mut player.view, encoding, entity, ack, &world) {
                player.hear(frame);
            }
            if !player.poor {
                player.is_up_to_date(&world, character);
                assert_eq!(player.ack, ack);
            }
        }
    }
    assert!(!players.is_empty(), "seed {seed}: nobody was there");
    for (id, player) in &players {
        player.is_up_to_date(&world, CharacterId(*id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn replicas_are_what_the_server_has(seed in any::<u64>()) {
        hunt(seed, 400);
    }
}
