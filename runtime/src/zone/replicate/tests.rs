//! What clients rebuild from their frames is what the server has, whatever is lost, late or too much for them.

use super::*;
use crate::client::Client;
use proptest::prelude::*;
use protocol::prost::Message as _;
use protocol::v1::ServerFrame;
use protocol::v1::notification::Method;
use sim::content::{Content, Element};
use sim::input::{CharacterState, Command, Input};
use sim::native::NativeRules;
use sim::output::{EventKind, Output};
use sim::rng::Rng;
use sim::rules::{HitKind, Origin};
use sim::{CharacterId, NearList, RequestId, def_id};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    events: Vec<v1::Event>,
    own: v1::Own,
    ack: u32,
    /// Frames on their way, and the ticks in which they arrive.
    line: VecDeque<(u64, Frame)>,
    /// Ticks a frame takes at most.
    delay: u32,
    /// Without a connection until this tick.
    away_until: u64,
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
        Self {
            view,
            client,
            entities: BTreeMap::new(),
            events: Vec::new(),
            own: v1::Own::default(),
            ack: 0,
            line: VecDeque::new(),
            delay: [0, 2, 6][number as usize % 3],
            away_until: 0,
            unacknowledged: Vec::new(),
            poor,
        }
    }

    /// The connection breaks: what is on its way either way is lost. Over another one, sooner or later, nothing that
    /// the client knew is good any more.
    fn lose_connection(&mut self, away_until: u64) {
        self.line.clear();
        self.unacknowledged.clear();
        self.view.begin_anew();
        self.away_until = away_until;
    }

    /// A frame arrives in its time, behind those before it.
    fn send(&mut self, tick: u64, frame: Frame, dice: &mut Rng) {
        let last = self.line.back().map_or(tick, |(due, _)| *due);
        self.line.push_back((last.max(tick + u64::from(dice.below(self.delay + 1))), frame));
    }

    fn hear_due(&mut self, tick: u64) {
        while let Some((_, frame)) = self.line.pop_front_if(|(due, _)| *due <= tick) {
            self.hear(frame);
        }
    }

    fn hear(&mut self, frame: Frame) {
        assert!(frame.len() <= TOLD_BYTES, "a frame of {} bytes", frame.len());
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
        self.events.extend(delta.events);
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
    let mut near = near.as_slice().iter().filter_map(|index| world.entity_at(*index));
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

/// A zone with so many hunters, each in the place of its number.
fn gathering(number: i64, place: impl Fn(i64) -> Position) -> World {
    let mut world = World::new(def_id("zone/greywood"), Arc::clone(&CONTENT), 7, 0, 50);
    let arrival = |id| CharacterState { at: Some(place(id)), ..hunter(id, &mut Rng(1)) };
    let mut inputs: Vec<Input> = (1..=number).map(|id| Input::Enter(Box::new(arrival(id)))).collect();
    world.step(&mut inputs, &mut NativeRules, &mut Output::default());
    world
}

/// Shows a tick to the first hunter.
fn show(replication: &mut Replication, world: &World, player: &mut Player, events: &[Event]) {
    replication.begin(
        world,
        events.iter().map(|event| (event, "native")),
        [player.client.encoding].into_iter(),
    );
    let me = world.character(CharacterId(1)).expect("it came first");
    let entity = world.entity(me.entity).expect("it is there");
    let frame = replication.frame(&mut player.view, player.client.encoding, entity, me.last_seq, world);
    player.hear(frame.expect("something to say"));
}

fn body(world: &World, id: i64) -> EntityId {
    world.character(CharacterId(id)).expect("in the zone").entity
}

fn swing(world: &World, attacker: i64, defender: i64) -> Event {
    let (attacker, defender) = (body(world, attacker), body(world, defender));
    let at = world.entity(attacker).expect("in the zone").at;
    let ability = def_id("ability/strike");
    let (hit, element) = (HitKind::Hit, Element::Physical);
    let kind = EventKind::Swing { attacker, defender, ability, hit, base: 1, raw: 1, amount: 1, element };
    Event { at: Some(at), origin: Origin::Fallback, kind }
}

#[test]
fn a_snapshot_of_a_crowd_holds_the_near_ones_and_the_others_follow() {
    let place = |id| Position { x_mm: 300_000 + id as i32 * 80, y_mm: 585_000 };
    let mut world = gathering(900, place);
    for encoding in Encoding::ALL {
        let mut replication = Replication::default();
        let mut player = Player::new(encoding as i64);
        player.view.limit(RICH);
        show(&mut replication, &world, &mut player, &[]);
        let met = player.entities.len();
        assert!((200..900).contains(&met) || encoding == Encoding::Proto, "{met} in a snapshot");
        for id in 1..=100 {
            assert!(player.entities.contains_key(&body(&world, id).0), "{id} stands near and is not there");
        }
        for _ in 0..20 {
            let (character, seq) = (CharacterId(1), world.tick() as u32);
            // Something to tell of in every tick.
            let to = Position { x_mm: 300_000 + seq as i32 % 2 * 100, y_mm: 585_000 };
            let command = Command::Move { seq, to };
            let mut inputs = vec![Input::Command { character, request: RequestId(0), command }];
            world.step(&mut inputs, &mut NativeRules, &mut Output::default());
            show(&mut replication, &world, &mut player, &[]);
        }
        player.is_up_to_date(&world, CharacterId(1));
    }
}

#[test]
fn of_too_many_events_the_own_and_the_near_ones_are_told() {
    let world = gathering(200, |id| Position { x_mm: 300_000 + id as i32 * 300, y_mm: 585_000 });
    for encoding in Encoding::ALL {
        let mut replication = Replication::default();
        let mut player = Player::new(encoding as i64);
        player.view.limit(RICH);
        show(&mut replication, &world, &mut player, &[]);
        // Everybody strikes the next one, five times; the farthest strikes the first.
        let strikes = (1..200).flat_map(|id| std::iter::repeat_n((id, id + 1), 5));
        let mut events: Vec<Event> = strikes.map(|(by, whom)| swing(&world, by, whom)).collect();
        events.push(swing(&world, 200, 1));
        show(&mut replication, &world, &mut player, &events);
        let told: Vec<(u64, u64)> = player.events.iter().map(blow).collect();
        assert!((50..900).contains(&told.len()), "{} events", told.len());
        let of = |by: i64, whom: i64| (body(&world, by).0, body(&world, whom).0);
        assert_eq!(told.last(), Some(&of(200, 1)), "the own one, in its order");
        for near in [of(1, 2), of(2, 3), of(3, 4)] {
            assert_eq!(told.iter().filter(|told| **told == near).count(), 5, "{near:?}");
        }
        assert!(!told.contains(&of(199, 200)), "far away, and of others");
    }
}

fn blow(event: &v1::Event) -> (u64, u64) {
    match &event.r#type {
        Some(v1::event::Type::Swing(swing)) => (swing.attacker, swing.defender),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whom_one_fights_is_told_of_before_those_who_stand_nearer() {
    const FOE: i64 = 40;
    let place = |id: i64| {
        let east = if id == FOE { 60_000 } else { 4_000 + id as i32 * 800 };
        let x_mm = if id == 1 { 300_000 } else { 300_000 + east };
        Position { x_mm, y_mm: 585_000 }
    };
    let mut world = gathering(FOE, place);
    let mut replication = Replication::default();
    let mut player = Player::new(0);
    player.view.limit(1);
    show(&mut replication, &world, &mut player, &[]);
    let step = |id: i64| {
        let at = place(id);
        let to = Position { x_mm: at.x_mm + 100, y_mm: at.y_mm };
        let (character, command) = (CharacterId(id), Command::Move { seq: 1, to });
        Input::Command { character, request: RequestId(0), command }
    };
    let mut inputs: Vec<Input> = (2..=FOE).map(step).collect();
    world.step(&mut inputs, &mut NativeRules, &mut Output::default());
    let events = [swing(&world, 1, FOE)];
    show(&mut replication, &world, &mut player, &events);
    let moved = |player: &Player, id: i64| {
        let known = &player.entities[&body(&world, id).0];
        known.x == Some(place(id).x_mm + 100)
    };
    assert!(moved(&player, FOE));
    assert!((2..FOE).all(|id| !moved(&player, id)), "there was room for one");
}

#[test]
fn where_nothing_happens_nobody_is_looked_at_and_nothing_is_missed() {
    let mut dice = Rng(11);
    let mut world = World::new(def_id("zone/downtown"), Arc::clone(&CONTENT), 7, 0, 50);
    let enter = |id: i64| {
        let at = Some(Position { x_mm: 200_000 + id as i32 * 1_000, y_mm: 100_000 });
        Input::Enter(Box::new(CharacterState { at, ..hunter(id, &mut Rng(1)) }))
    };
    let mut inputs = vec![enter(1), enter(2)];
    let mut replication = Replication::default();
    let mut player = Player::new(1);
    let (mut looked, mut rested) = (0, 0);
    for tick in 1..=600 {
        let (character, request) = (CharacterId(2), RequestId(0));
        if tick > 1 && dice.below(8) == 0 {
            let x_mm = 202_000 + dice.below(5) as i32 * 100;
            let command = Command::Move { seq: tick, to: Position { x_mm, y_mm: 100_000 } };
            inputs.push(Input::Command { character, request, command });
        }
        if tick > 1 && dice.below(30) == 0 {
            let character = CharacterId(3);
            let is_there = world.character(character).is_some();
            inputs.push(if is_there { Input::Leave { character } } else { enter(3) });
        }
        world.step(&mut inputs, &mut NativeRules, &mut Output::default());
        replication.begin(&world, std::iter::empty(), [player.client.encoding].into_iter());
        // Not every tick may be told.
        if dice.below(4) == 0 {
            continue;
        }
        let me = world.character(CharacterId(1)).expect("it came first");
        let entity = world.entity(me.entity).expect("it is there");
        let frame = replication.frame(&mut player.view, player.client.encoding, entity, me.last_seq, &world);
        frame.into_iter().for_each(|frame| player.hear(frame));
        player.is_up_to_date(&world, CharacterId(1));
        match player.view.settled == Some(world.tick()) {
            true => looked += 1,
            false => rested += 1,
        }
    }
    assert!(looked > 50 && rested > 150, "looked {looked} times, rested {rested}");
}

/// What hunters do in a tick: who is not there comes in now and then, the others play.
fn asked(world: &World, players: &mut BTreeMap<i64, Player>, tick: u32, dice: &mut Rng) -> Vec<Input> {
    let mut inputs = Vec::new();
    for id in 1..=HUNTERS {
        let character = CharacterId(id);
        if world.character(character).is_some() {
            inputs.extend(command(world, character, tick, dice));
        } else if dice.below(10) == 0 {
            inputs.push(Input::Enter(Box::new(hunter(id, dice))));
            players.insert(id, Player::new(id));
        }
    }
    inputs
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
        let mut inputs = match is_quiet {
            true => Vec::new(),
            false => asked(&world, &mut players, tick, &mut dice),
        };
        world.step(&mut inputs, &mut rules, &mut output);
        let spoken = players.values().map(|player| player.client.encoding);
        replication.begin(&world, output.events.iter().map(|event| (event, "native")), spoken);
        players.retain(|id, _| world.character(CharacterId(*id)).is_some());
        let now = world.tick();
        for (id, player) in &mut players {
            player.events.clear();
            if !is_quiet && dice.below(150) == 0 {
                player.lose_connection(now + u64::from(dice.below(40)));
            }
            // Acknowledgements come late, and not in their order.
            if player.unacknowledged.len() > 3 && dice.below(3) == 0 {
                let late = dice.below(player.unacknowledged.len() as u32) as usize;
                player.client.acknowledge(player.unacknowledged.swap_remove(late));
                player.unacknowledged.truncate(8);
            }
            if is_quiet {
                player.client.acknowledge(now);
                (player.delay, player.away_until) = (0, 0);
                if std::mem::take(&mut player.poor) {
                    player.view.limit(RICH);
                }
            }
            player.hear_due(now);
            // Nobody looks, the outbox is full, or too much is on its way.
            let is_stuck = player.away_until > now || (!is_quiet && dice.below(3) == 0);
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
                player.send(now, frame, &mut dice);
                player.hear_due(now);
            }
            // To look costs more than to play: now and then is enough.
            if !player.poor && player.line.is_empty() && dice.below(6) == 0 {
                player.is_up_to_date(&world, character);
                assert_eq!(player.ack, ack);
            }
        }
    }
    assert!(!players.is_empty(), "seed {seed}: nobody was there");
    assert!(players.values().all(|player| player.line.is_empty()));
    for (id, player) in &players {
        player.is_up_to_date(&world, CharacterId(*id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn replicas_are_what_the_server_has(seed in any::<u64>()) {
        hunt(seed, 300);
    }
}
