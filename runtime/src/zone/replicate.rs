//! What each client is sent after a tick: the delta from what it was told to what it sees now, or a snapshot.
//!
//! Every entity and event is written once per tick and encoding (changes of an entity once for every set of changed
//! members), and copied into the frames of those who see it; what nobody sees is not written. What a client was not
//! told, because its budget was spent, its connection is slow or a frame would be too long, stays due: it is told later,
//! as it is then. Only events are told now or never.

use super::blows::{Blows, actors};
use super::changes::{ChangeLog, Steps};
use super::encode;
use super::events::EventIndex;
use super::format::{self, Lists, Press};
use super::view::{Known, View};
use crate::client::frame::{Encoding, Frame};
use crate::client::limits::TOLD_BYTES;
use protocol::v1;
use sim::content::Position;
use sim::entity::{Changes, Entity, EntityKind};
use sim::output::Event;
use sim::{EntityId, Near, NearList, World};
use std::cmp::Reverse;
use std::ops::Range;

/// By how much farther than it entered an entity must be to leave, permille: who walks along the edge of sight does
/// not flicker.
const LEAVE_PERMILLE: u64 = 1_100;
/// Bytes of a movement on `lore.v1.proto`, about: the difference of ids, and of both coordinates.
const MOVE_BYTES: usize = 4;
/// Bytes of a frame beside its lists, about.
const FRAME_BYTES: usize = 32;
/// Bytes of a snapshot beside the zone and the entities, at most.
const SNAPSHOT_BYTES: usize = 512;
/// Bytes of the entities and events of one delta: some movements are longer than [`MOVE_BYTES`], and the rest is for
/// [`LEAVE_BYTES`] and the head.
const DELTA_BYTES: usize = TOLD_BYTES / 2;
/// Bytes of those who leave in one delta, about.
const LEAVE_BYTES: usize = 4 * 1024;
/// Bytes of the events of one delta: half of what may be sent, but no less than a few and no more than a battle.
const EVENT_BYTES: (usize, usize) = (1_024, 16 * 1_024);
/// How much sooner than others those are told of with whom the own character has to do.
const INTERACTING: u64 = 8;

/// What is written in one tick, reused from tick to tick.
pub struct Replication {
    changes: ChangeLog,
    blows: Blows,
    events: EventIndex,
    near: NearList,
    /// Events in sight of a client.
    heard: Vec<u32>,
    /// One for each encoding.
    written: [Written; 2],
}

/// What is written in one encoding.
#[derive(Default)]
struct Written {
    encoding: Encoding,
    /// Whether somebody in the zone speaks it.
    is_spoken: bool,
    text: Vec<u8>,
    /// In the zone's order.
    entities: Vec<Entry>,
    events: Vec<Occurrence>,
    zone: Range<usize>,
    lists: Lists,
    press: Press,
    pending: Vec<Pending>,
    known: Vec<Known>,
    /// Events that compete for a place: how far away, and which.
    competing: Vec<(u32, u32)>,
}

/// An event of this tick.
struct Occurrence {
    /// `None` is told everywhere.
    at: Option<Position>,
    actors: [EntityId; 2],
    text: Range<usize>,
}

/// Where in the text an entity stands, once somebody needed it.
#[derive(Default)]
struct Entry {
    whole: Option<Range<usize>>,
    /// By the members that changed.
    updates: Vec<(Changes, Range<usize>)>,
}

/// Something that a client could be told of one entity.
struct Pending {
    /// Place in the zone's order.
    index: u32,
    /// Place in what the client will know.
    slot: usize,
    /// The entity whole, or what changed of it.
    item: Option<Range<usize>>,
    enters: bool,
    /// On `lore.v1.proto`, if it is near enough to be told as one.
    movement: Option<(i32, i32)>,
    /// Where it is.
    steps: Steps,
    square_mm2: u64,
}

impl Pending {
    fn bytes(&self) -> usize {
        let item = self.item.as_ref().map_or(0, |item| item.len() + 1);
        item + if self.movement.is_some() { MOVE_BYTES } else { 0 }
    }

    /// How much sooner than others it is told: near ones, those that wait for long, and those one has to do with.
    fn urgency(&self, sight: &Sight<'_>, opponent: Option<EntityId>, waits: u64) -> u64 {
        let Some(entity) = sight.world.entity_at(self.index) else { return 0 };
        if entity.id == sight.entity.id {
            return u64::MAX;
        }
        let is_concerned = opponent == Some(entity.id) || sight.concerns(entity);
        let weight = if is_concerned { INTERACTING } else { 1 };
        let metres = self.square_mm2.isqrt() / 1_000;
        waits.clamp(1, 100) * weight * 1_000_000 / (metres + 10)
    }
}

impl Default for Replication {
    fn default() -> Self {
        let written = Encoding::ALL.map(|encoding| Written { encoding, ..Written::default() });
        Self {
            changes: ChangeLog::default(),
            blows: Blows::default(),
            events: EventIndex::default(),
            near: NearList::default(),
            heard: Vec::new(),
            written,
        }
    }
}

impl Replication {
    /// Starts a tick: nothing is written but its events, in the encodings that members speak.
    pub fn begin<'a>(
        &mut self,
        world: &World,
        events: impl Iterator<Item = (&'a Event, &'a str)>,
        spoken: impl Iterator<Item = Encoding>,
    ) {
        self.written.iter_mut().for_each(|written| written.is_spoken = false);
        spoken.for_each(|encoding| self.written[encoding as usize].is_spoken = true);
        // Who comes when nobody is there gets a snapshot, and needs no changes from before.
        if !self.written.iter().any(|written| written.is_spoken) {
            return;
        }
        self.changes.take(world);
        self.blows.begin(world.tick());
        let entities = self.changes.len();
        for written in self.written.iter_mut().filter(|written| written.is_spoken) {
            written.begin(entities);
        }
        self.events.clear();
        for (event, by) in events {
            let actors = actors(event);
            self.blows.take(actors);
            if let Some(message) = encode::event(event, by, world.content()) {
                self.events.push(event.at);
                for written in self.written.iter_mut().filter(|written| written.is_spoken) {
                    let text = written.put(&message);
                    written.events.push(Occurrence { at: event.at, actors, text });
                }
            }
        }
        self.events.sort();
    }

    /// The frame for one client, if there is something to say that it may be sent now.
    pub fn frame(
        &mut self,
        view: &mut View,
        encoding: Encoding,
        entity: &Entity,
        ack: u32,
        world: &World,
    ) -> Option<Frame> {
        let tick = world.tick();
        let allowance = view.allowance(tick, world.tick_ms());
        let radius = world.content().zones.get(&world.zone()).map_or(0, |zone| zone.interest_radius_mm);
        let farther = u64::from(radius) * LEAVE_PERMILLE / 1_000;
        world.near(entity.at, u32::try_from(farther).unwrap_or(u32::MAX), &mut self.near);
        self.events.within(entity.at, radius, &mut self.heard);
        let sight = Sight {
            entity,
            radius,
            near: self.near.as_slice(),
            heard: &self.heard,
            changes: &self.changes,
            blows: &self.blows,
            world,
        };
        let written = &mut self.written[encoding as usize];
        let own = encode::own(entity);
        let frame = if view.needs_snapshot {
            Some(written.snapshot(view, &sight, &own, ack))
        } else {
            written.delta(view, &sight, &own, ack, allowance)
        };
        let frame = frame?;
        view.needs_snapshot = false;
        (view.ack, view.own) = (ack, Some(own));
        view.sent(tick, frame.len());
        Some(frame)
    }
}

/// What one client looks at.
struct Sight<'a> {
    entity: &'a Entity,
    /// Within which entities enter.
    radius: u32,
    near: &'a [Near],
    /// Numbers of the events in it.
    heard: &'a [u32],
    changes: &'a ChangeLog,
    blows: &'a Blows,
    world: &'a World,
}

impl Sight<'_> {
    fn may_enter(&self, near: &Near) -> bool {
        near.square_mm2 <= u64::from(self.radius) * u64::from(self.radius)
    }

    /// Whether the own character has to do with somebody: one is after the other, or there were blows or help between
    /// them lately.
    fn concerns(&self, other: &Entity) -> bool {
        let own = self.entity.id;
        let is_enemy = match &other.kind {
            EntityKind::Npc(mind) => mind.target == own || mind.threat.contains_key(&own),
            EntityKind::Character(_) | EntityKind::Item { .. } => false,
        };
        is_enemy || self.blows.between(own, other.id)
    }

    /// The opponent in a duel.
    fn opponent(&self) -> Option<EntityId> {
        match &self.entity.kind {
            EntityKind::Character(id) => self.world.duel_opponent(*id),
            EntityKind::Npc(_) | EntityKind::Item { .. } => None,
        }
    }
}

impl Written {
    fn begin(&mut self, entities: usize) {
        self.entities.resize_with(entities, Entry::default);
        for entry in &mut self.entities {
            entry.whole = None;
            entry.updates.clear();
        }
        self.text.clear();
        self.events.clear();
        self.zone = 0..0;
    }

    fn put<M: serde::Serialize + protocol::prost::Message>(&mut self, message: &M) -> Range<usize> {
        let from = self.text.len();
        format::put(self.encoding, &mut self.text, message);
        from..self.text.len()
    }

    fn snapshot(&mut self, view: &mut View, sight: &Sight<'_>, own: &v1::Own, ack: u32) -> Frame {
        let world = sight.world;
        if self.zone.is_empty() {
            let from = self.text.len();
            format::zone(self.encoding, &mut self.text, &encode::zone(world));
            self.zone = from..self.text.len();
        }
        self.lists.clear();
        view.known.clear();
        self.compare(view, sight);
        // The others enter with the deltas that follow.
        self.choose(sight, TOLD_BYTES.saturating_sub(SNAPSHOT_BYTES + self.zone.len()));
        self.tell(world.tick(), format::ENTITIES);
        std::mem::swap(&mut view.known, &mut self.known);
        let (zone, you) = (&self.text[self.zone.clone()], sight.entity.id.0);
        format::snapshot(self.encoding, &mut self.press, zone, you, ack, own, &self.lists.enter)
    }

    /// `None` if there is nothing to say.
    fn delta(
        &mut self,
        view: &mut View,
        sight: &Sight<'_>,
        own: &v1::Own,
        ack: u32,
        allowance: usize,
    ) -> Option<Frame> {
        self.lists.clear();
        for number in sight.heard {
            let text = self.events[*number as usize].text.clone();
            format::push(self.encoding, &mut self.lists.events, format::EVENTS, &self.text[text]);
        }
        let room = (allowance / 2).clamp(EVENT_BYTES.0, EVENT_BYTES.1);
        if self.lists.events.len() > room {
            self.leave_events_out(sight, room);
        }
        self.compare(view, sight);
        let told = FRAME_BYTES + self.lists.events.len();
        self.choose(sight, allowance.min(DELTA_BYTES).saturating_sub(told));
        self.tell(sight.world.tick(), format::ENTER);
        std::mem::swap(&mut view.known, &mut self.known);
        let ack = (ack != view.ack).then_some(ack);
        let own = match &view.own {
            Some(known) if known == own => None,
            Some(known) => Some(encode::own_update(own, known)),
            None => Some(*own),
        };
        if ack.is_none() && own.is_none() && self.lists.is_empty() {
            return None;
        }
        let (encoding, press) = (self.encoding, &mut self.press);
        Some(format::delta(encoding, press, sight.world.tick(), ack, own.as_ref(), &self.lists))
    }

    /// Tells of more events than there is room for those of the whole zone, the own ones and the nearest.
    fn leave_events_out(&mut self, sight: &Sight<'_>, room: usize) {
        self.competing.clear();
        for number in sight.heard {
            let event = &self.events[*number as usize];
            let away = match event.at {
                Some(at) if !event.actors.contains(&sight.entity.id) => at.distance_mm(sight.entity.at),
                Some(_) | None => 0,
            };
            self.competing.push((away, *number));
        }
        self.competing.sort_unstable();
        let (events, mut spent) = (&self.events, 0);
        self.competing.retain(|(_, number)| {
            spent += events[*number as usize].text.len() + 1;
            spent <= room
        });
        self.competing.sort_unstable_by_key(|(_, number)| *number);
        self.lists.events.clear();
        for (_, number) in &self.competing {
            let text = &self.text[self.events[*number as usize].text.clone()];
            format::push(self.encoding, &mut self.lists.events, format::EVENTS, text);
        }
        metrics::counter!("game_replication_events_left_out_total").increment(1);
    }

    /// Merges what the client knows with what it sees, both in the order of ids: what is due of every entity, and
    /// who is out of sight.
    fn compare(&mut self, view: &View, sight: &Sight<'_>) {
        self.pending.clear();
        self.known.clear();
        let mut known = view.known.iter().peekable();
        for near in sight.near {
            let log = sight.changes.at(near.index);
            while let Some(gone) = known.next_if(|known| known.id < log.id()) {
                self.leave(gone);
            }
            let slot = self.known.len();
            let mut pending = Pending {
                index: near.index,
                slot,
                item: None,
                enters: false,
                movement: None,
                steps: log.steps,
                square_mm2: near.square_mm2,
            };
            if let Some(known) = known.next_if(|known| known.id == log.id()) {
                self.known.push(*known);
                let mut changes = log.since(known.sent);
                if log.steps != known.steps {
                    let is_own = known.id == sight.entity.id;
                    let way = log.steps.since(known.steps).filter(|_| !is_own);
                    match (self.encoding, way) {
                        (Encoding::Proto, Some(way)) => pending.movement = Some(way),
                        (Encoding::Proto, None) | (Encoding::Json, _) => changes.add(Changes::PLACE),
                    }
                }
                if changes == Changes::NONE && pending.movement.is_none() {
                    continue;
                }
                pending.item = self.update(near.index, changes, sight.world);
            } else if sight.may_enter(near) {
                self.known.push(Known { id: log.id(), sent: NEVER, steps: log.steps });
                pending.item = self.whole(near.index, sight.world);
                pending.enters = true;
            } else {
                continue;
            }
            self.pending.push(pending);
        }
        for gone in known {
            self.leave(gone);
        }
    }

    /// Somebody is out of sight. Of very many at once some stay known, and are told later.
    fn leave(&mut self, gone: &Known) {
        if self.lists.leave.len() < LEAVE_BYTES {
            format::leave(self.encoding, &mut self.lists.leave, gone.id.0);
        } else {
            self.known.push(*gone);
        }
    }

    /// Keeps of what is due so many bytes. What does not fit stays due, and who may not enter yet is not known.
    fn choose(&mut self, sight: &Sight<'_>, left: usize) {
        if self.pending.iter().map(Pending::bytes).sum::<usize>() <= left {
            return;
        }
        let tick = sight.world.tick();
        let (opponent, known) = (sight.opponent(), &self.known);
        self.pending.sort_by_cached_key(|pending| {
            let sent = known[pending.slot].sent;
            let waits = if sent == NEVER { 2 } else { tick.saturating_sub(sent) };
            Reverse(pending.urgency(sight, opponent, waits))
        });
        let mut spent = 0;
        let fits = self.pending.iter().position(|pending| {
            spent += pending.bytes();
            spent > left
        });
        // One at least, so that nothing waits for ever.
        self.pending.truncate(fits.unwrap_or(self.pending.len()).max(1));
        self.pending.sort_unstable_by_key(|pending| pending.index);
        metrics::counter!("game_replication_deferred_total").increment(1);
    }

    /// Puts what was chosen into the lists, who enters under this number, and takes down that it was told.
    fn tell(&mut self, tick: u64, enter: u32) {
        for pending in &self.pending {
            let known = &mut self.known[pending.slot];
            if let Some(item) = &pending.item {
                let (list, field) = match pending.enters {
                    true => (&mut self.lists.enter, enter),
                    false => (&mut self.lists.update, format::UPDATE),
                };
                format::push(self.encoding, list, field, &self.text[item.clone()]);
            }
            if let Some(way) = pending.movement {
                self.lists.moves.push(known.id, way);
            }
            (known.sent, known.steps) = (tick, pending.steps);
        }
        self.known.retain(|known| known.sent != NEVER);
    }

    fn whole(&mut self, index: u32, world: &World) -> Option<Range<usize>> {
        if let Some(range) = &self.entities[index as usize].whole {
            return Some(range.clone());
        }
        let range = self.put(&encode::entity(world.entity_at(index)?, world));
        self.entities[index as usize].whole = Some(range.clone());
        Some(range)
    }

    fn update(&mut self, index: u32, changes: Changes, world: &World) -> Option<Range<usize>> {
        if changes == Changes::NONE {
            return None;
        }
        let written = self.entities[index as usize].updates.iter();
        if let Some((_, range)) = written.clone().find(|(of, _)| *of == changes) {
            return Some(range.clone());
        }
        let range = self.put(&encode::entity_update(world.entity_at(index)?, changes, world.content()));
        self.entities[index as usize].updates.push((changes, range.clone()));
        Some(range)
    }
}

/// Who is about to enter.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests;
