//! What each client is sent after a tick: the delta from what it was told to what it sees now, or a snapshot.
//!
//! Every entity and event is written once per tick and encoding (changes of an entity once for every set of changed
//! members), and copied into the frames of those who see it; what nobody sees is not written. What a client was not
//! told, because its budget was spent or its connection is slow, stays due: it is told later, as it is then.

use super::changes::{ChangeLog, Steps};
use super::encode;
use super::events::EventIndex;
use super::format::{self, Lists};
use super::view::{Known, View};
use crate::client::frame::{Encoding, Frame};
use protocol::v1;
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
/// How much sooner than others who is after the own character is told of.
const INTERACTING: u64 = 8;

/// What is written in one tick, reused from tick to tick.
pub struct Replication {
    changes: ChangeLog,
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
    events: Vec<Range<usize>>,
    zone: Range<usize>,
    lists: Lists,
    frame: Vec<u8>,
    pending: Vec<Pending>,
    known: Vec<Known>,
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

    /// How much sooner than others it is told: near ones and those that wait for long.
    fn urgency(&self, own: EntityId, waits: u64, world: &World) -> u64 {
        let Some(entity) = world.entity_at(self.index) else { return 0 };
        if entity.id == own {
            return u64::MAX;
        }
        let is_after_me = matches!(&entity.kind, EntityKind::Npc(mind) if mind.target == own);
        let weight = if is_after_me { INTERACTING } else { 1 };
        let metres = self.square_mm2.isqrt() / 1_000;
        waits.clamp(1, 100) * weight * 1_000_000 / (metres + 10)
    }
}

impl Default for Replication {
    fn default() -> Self {
        let written = Encoding::ALL.map(|encoding| Written { encoding, ..Written::default() });
        Self {
            changes: ChangeLog::default(),
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
        let entities = self.changes.len();
        self.written.iter_mut().for_each(|written| written.begin(entities));
        self.events.clear();
        for (event, by) in events {
            if let Some(message) = encode::event(event, by, world.content()) {
                self.events.push(event.at);
                for written in self.written.iter_mut().filter(|written| written.is_spoken) {
                    let range = written.put(&message);
                    written.events.push(range);
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
    world: &'a World,
}

impl Sight<'_> {
    fn may_enter(&self, near: &Near) -> bool {
        near.square_mm2 <= u64::from(self.radius) * u64::from(self.radius)
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
        for near in sight.near.iter().filter(|near| sight.may_enter(near)) {
            let Some(range) = self.whole(near.index, world) else { continue };
            format::push(self.encoding, &mut self.lists.entities, format::ENTITIES, &self.text[range]);
            let log = sight.changes.at(near.index);
            view.known.push(Known { id: log.id(), sent: world.tick(), steps: log.steps });
        }
        let (zone, you) = (&self.text[self.zone.clone()], sight.entity.id.0);
        format::snapshot(self.encoding, &mut self.frame, zone, you, ack, own, &self.lists.entities)
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
        self.compare(view, sight);
        self.choose(sight, allowance);
        self.tell(sight.world.tick());
        std::mem::swap(&mut view.known, &mut self.known);
        for event in sight.heard {
            let range = self.events[*event as usize].clone();
            format::push(self.encoding, &mut self.lists.events, format::EVENTS, &self.text[range]);
        }
        let ack = (ack != view.ack).then_some(ack);
        let own = match &view.own {
            Some(known) if known == own => None,
            Some(known) => Some(encode::own_update(own, known)),
            None => Some(*own),
        };
        if ack.is_none() && own.is_none() && self.lists.is_empty() {
            return None;
        }
        let (encoding, frame) = (self.encoding, &mut self.frame);
        Some(format::delta(encoding, frame, sight.world.tick(), ack, own.as_ref(), &self.lists))
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
                format::leave(self.encoding, &mut self.lists.leave, gone.id.0);
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
            format::leave(self.encoding, &mut self.lists.leave, gone.id.0);
        }
    }

    /// Keeps of what is due what may be sent now. What does not fit stays due, and who may not enter yet is not known.
    fn choose(&mut self, sight: &Sight<'_>, allowance: usize) {
        let events: usize = sight.heard.iter().map(|event| self.events[*event as usize].len()).sum();
        let mut left = allowance.saturating_sub(FRAME_BYTES + events.min(allowance / 2));
        if self.pending.iter().map(Pending::bytes).sum::<usize>() <= left {
            return;
        }
        let tick = sight.world.tick();
        let (own, known) = (sight.entity.id, &self.known);
        self.pending.sort_by_cached_key(|pending| {
            let sent = known[pending.slot].sent;
            let waits = if sent == NEVER { 2 } else { tick.saturating_sub(sent) };
            Reverse(pending.urgency(own, waits, sight.world))
        });
        let mut spent = 0;
        let fits = self.pending.iter().position(|pending| {
            spent += pending.bytes();
            spent > left
        });
        // One at least, so that nothing waits for ever.
        left = fits.unwrap_or(self.pending.len()).max(1);
        self.pending.truncate(left);
        self.pending.sort_unstable_by_key(|pending| pending.index);
        metrics::counter!("game_replication_deferred_total").increment(1);
    }

    /// Puts what was chosen into the lists, and takes down that it was told.
    fn tell(&mut self, tick: u64) {
        for pending in &self.pending {
            let known = &mut self.known[pending.slot];
            if let Some(item) = &pending.item {
                let (list, field) = match pending.enters {
                    true => (&mut self.lists.enter, format::ENTER),
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
