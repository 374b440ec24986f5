//! What each client is sent after a tick: the delta from what it was told to what it sees now, or a snapshot.
//!
//! Every entity and event is written once per tick and encoding (changes of an entity once for every set of changed
//! members), and copied into the frames of those who see it; what nobody sees is not written. What a client was not
//! told, because its budget was spent, its connection is slow or a frame would be too long, stays due: it is told later,
//! as it is then. Only events are told now or never.

use super::blows::{Blows, actors};
use super::changes::ChangeLog;
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
use sim::{EntityId, NearList, World};
use std::cmp::Reverse;

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
    /// The last tick in which there was something new to be seen.
    latest: u64,
    /// Digest of the content, which says how far one sees.
    content: u64,
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
    zone: Span,
    lists: Lists,
    press: Press,
    pending: Vec<Pending>,
    /// Bytes of all that is pending.
    due: usize,
    /// Whether something is left to be told: not all was chosen, or too many left at once.
    is_left_out: bool,
    known: Vec<Known>,
    /// Events that compete for a place: how far away, and which.
    competing: Vec<(u32, u32)>,
}

/// An event of this tick.
struct Occurrence {
    /// `None` is told everywhere.
    at: Option<Position>,
    actors: [EntityId; 2],
    text: Span,
}

/// Where in the text an entity stands, once somebody needed it.
#[derive(Default)]
struct Entry {
    whole: Option<Span>,
    /// By the members that changed.
    updates: Vec<(Changes, Span)>,
}

/// A piece of [`Written::text`]; an empty one is nothing.
#[derive(Clone, Copy, Default)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn new(from: usize, to: usize) -> Self {
        Self { from: from as u32, to: to as u32 }
    }

    fn len(self) -> usize {
        (self.to - self.from) as usize
    }

    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.from as usize..self.to as usize]
    }
}

/// Something that a client could be told of one entity.
struct Pending {
    /// Place in the zone's order.
    index: u32,
    /// Place in what the client will know.
    slot: u32,
    /// The entity whole, or what changed of it.
    item: Span,
    /// On `lore.v1.proto`, if it is near enough to be told as one.
    movement: Option<(i32, i32)>,
    enters: bool,
}

impl Pending {
    fn bytes(&self) -> usize {
        let item = if self.item.len() > 0 { self.item.len() + 1 } else { 0 };
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
        let metres = u64::from(entity.at.distance_mm(sight.entity.at)) / 1_000;
        waits.clamp(1, 100) * weight * 1_000_000 / (metres + 10)
    }
}

impl Default for Replication {
    fn default() -> Self {
        let written = Encoding::ALL.map(|encoding| Written { encoding, ..Written::default() });
        Self {
            changes: ChangeLog::default(),
            latest: 0,
            content: 0,
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
        let content = world.content().digest;
        let is_other = std::mem::replace(&mut self.content, content) != content;
        self.latest = if is_other { world.tick() } else { self.latest.max(self.changes.latest()) };
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
        // Where nothing happens nobody is looked at.
        let is_still = view.settled.is_some_and(|settled| settled >= self.latest) && !view.needs_snapshot;
        if !is_still {
            let farther = u64::from(radius) * LEAVE_PERMILLE / 1_000;
            world.near(entity.at, u32::try_from(farther).unwrap_or(u32::MAX), &mut self.near);
        }
        self.events.within(entity.at, radius, &mut self.heard);
        let sight = Sight {
            entity,
            radius,
            near: (!is_still).then(|| self.near.as_slice()),
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
    /// Who is near, by their places in the zone's order; `None` if nobody has come, gone, moved or changed.
    near: Option<&'a [u32]>,
    /// Numbers of the events in it.
    heard: &'a [u32],
    changes: &'a ChangeLog,
    blows: &'a Blows,
    world: &'a World,
}

impl Sight<'_> {
    fn may_enter(&self, at: Position) -> bool {
        let (dx, dy) = (at.x_mm.abs_diff(self.entity.at.x_mm), at.y_mm.abs_diff(self.entity.at.y_mm));
        let square = |side: u32| u64::from(side) * u64::from(side);
        square(dx) + square(dy) <= square(self.radius)
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
        self.zone = Span::default();
    }

    fn put<M: serde::Serialize + protocol::prost::Message>(&mut self, message: &M) -> Span {
        let from = self.text.len();
        format::put(self.encoding, &mut self.text, message);
        Span::new(from, self.text.len())
    }

    fn snapshot(&mut self, view: &mut View, sight: &Sight<'_>, own: &v1::Own, ack: u32) -> Frame {
        let world = sight.world;
        if self.zone.len() == 0 {
            let from = self.text.len();
            format::zone(self.encoding, &mut self.text, &encode::zone(world));
            self.zone = Span::new(from, self.text.len());
        }
        self.lists.clear();
        view.known.clear();
        // The others enter with the deltas that follow.
        let left = TOLD_BYTES.saturating_sub(SNAPSHOT_BYTES + self.zone.len());
        self.tell_changes(view, sight, format::ENTITIES, left);
        let (zone, you) = (self.zone.of(&self.text), sight.entity.id.0);
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
            let text = self.events[*number as usize].text.of(&self.text);
            format::push(self.encoding, &mut self.lists.events, format::EVENTS, text);
        }
        let room = (allowance / 2).clamp(EVENT_BYTES.0, EVENT_BYTES.1);
        if self.lists.events.len() > room {
            self.leave_events_out(sight, room);
        }
        let told = FRAME_BYTES + self.lists.events.len();
        self.tell_changes(view, sight, format::ENTER, allowance.min(DELTA_BYTES).saturating_sub(told));
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
            let text = self.events[*number as usize].text.of(&self.text);
            format::push(self.encoding, &mut self.lists.events, format::EVENTS, text);
        }
        metrics::counter!("game_replication_events_left_out_total").increment(1);
    }

    /// Tells of the entities in so many bytes, who enters under this number, and takes down what the client knows then.
    fn tell_changes(&mut self, view: &mut View, sight: &Sight<'_>, enter: u32, left: usize) {
        let Some(near) = sight.near else { return };
        self.compare(view, sight, near);
        self.choose(sight, left);
        self.tell(sight, enter);
        std::mem::swap(&mut view.known, &mut self.known);
        view.settled = (!self.is_left_out).then(|| sight.world.tick());
    }

    /// Merges what the client knows with what it sees, both in the order of ids: what is due of every entity, and
    /// who is out of sight.
    fn compare(&mut self, view: &View, sight: &Sight<'_>, near: &[u32]) {
        self.pending.clear();
        (self.due, self.is_left_out) = (0, false);
        self.known.clear();
        self.known.reserve(near.len());
        let mut known = &view.known[..];
        for index in near {
            let log = sight.changes.at(*index);
            while let [gone, rest @ ..] = known
                && gone.id < log.id()
            {
                self.leave(gone);
                known = rest;
            }
            let slot = self.known.len() as u32;
            let mut pending =
                Pending { index: *index, slot, item: Span::default(), movement: None, enters: false };
            if let [here, rest @ ..] = known
                && here.id == log.id()
            {
                known = rest;
                self.known.push(*here);
                let mut changes = log.since(here.sent);
                if log.steps != here.steps {
                    let is_own = here.id == sight.entity.id;
                    let way = log.steps.since(here.steps).filter(|_| !is_own);
                    match (self.encoding, way) {
                        (Encoding::Proto, Some(way)) => pending.movement = Some(way),
                        (Encoding::Proto, None) | (Encoding::Json, _) => changes.add(Changes::PLACE),
                    }
                }
                if changes != Changes::NONE {
                    pending.item = self.update(*index, changes, sight.world);
                } else if pending.movement.is_none() {
                    continue;
                }
            } else if sight.may_enter(log.at) {
                self.known.push(Known { id: log.id(), sent: NEVER, steps: log.steps });
                pending.item = self.whole(*index, sight.world);
                pending.enters = true;
            } else {
                continue;
            }
            self.due += pending.bytes();
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
            self.is_left_out = true;
        }
    }

    /// Keeps of what is due so many bytes. What does not fit stays due, and who may not enter yet is not known.
    fn choose(&mut self, sight: &Sight<'_>, left: usize) {
        if self.due <= left {
            return;
        }
        self.is_left_out = true;
        let tick = sight.world.tick();
        let (opponent, known) = (sight.opponent(), &self.known);
        self.pending.sort_by_cached_key(|pending| {
            let sent = known[pending.slot as usize].sent;
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
    fn tell(&mut self, sight: &Sight<'_>, enter: u32) {
        let tick = sight.world.tick();
        for pending in &self.pending {
            let known = &mut self.known[pending.slot as usize];
            if pending.item.len() > 0 {
                let (list, field) = match pending.enters {
                    true => (&mut self.lists.enter, enter),
                    false => (&mut self.lists.update, format::UPDATE),
                };
                format::push(self.encoding, list, field, pending.item.of(&self.text));
            }
            if let Some(way) = pending.movement {
                self.lists.moves.push(known.id, way);
            }
            (known.sent, known.steps) = (tick, sight.changes.at(pending.index).steps);
        }
        if self.is_left_out {
            self.known.retain(|known| known.sent != NEVER);
        }
    }

    fn whole(&mut self, index: u32, world: &World) -> Span {
        if let Some(span) = self.entities[index as usize].whole {
            return span;
        }
        let Some(entity) = world.entity_at(index) else { return Span::default() };
        let span = self.put(&encode::entity(entity, world));
        self.entities[index as usize].whole = Some(span);
        span
    }

    fn update(&mut self, index: u32, changes: Changes, world: &World) -> Span {
        let written = self.entities[index as usize].updates.iter();
        if let Some((_, span)) = written.clone().find(|(of, _)| *of == changes) {
            return *span;
        }
        let Some(entity) = world.entity_at(index) else { return Span::default() };
        let span = self.put(&encode::entity_update(entity, changes, world.content()));
        self.entities[index as usize].updates.push((changes, span));
        span
    }
}

/// Who is about to enter.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests;
