//! What each client is sent after a tick: the delta from what it knows to what it sees now, or a
//! snapshot. Every entity and event is written once per tick and encoding, and copied into the frames of those
//! who see it; what nobody sees is not written.

use super::encode;
use super::format;
use super::room::Member;
use crate::client::Outgoing;
use crate::client::frame::Encoding;
use protocol::v1;
use sim::content::Position;
use sim::entity::Entity;
use sim::output::Event;
use sim::{EntityId, World};
use std::ops::Range;

/// What is written in one tick, reused from tick to tick.
pub struct Replication {
    ids: Vec<EntityId>,
    visible: Vec<EntityId>,
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
    /// By place of the entity in [`Replication::ids`].
    entities: Vec<Entry>,
    events: Vec<(Option<Position>, Range<usize>)>,
    zone: Range<usize>,
    lists: format::Lists,
    frame: Vec<u8>,
}

/// Where in the text an entity stands, once somebody needed it.
#[derive(Clone, Default)]
struct Entry {
    whole: Option<Range<usize>>,
    update: Option<Range<usize>>,
}

impl Default for Replication {
    fn default() -> Self {
        let written = Encoding::ALL.map(|encoding| Written { encoding, ..Written::default() });
        Self { ids: Vec::new(), visible: Vec::new(), written }
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
        self.ids.clear();
        self.ids.extend(world.entities().map(|entity| entity.id));
        self.written.iter_mut().for_each(|written| written.begin(self.ids.len()));
        spoken.for_each(|encoding| self.written[encoding as usize].is_spoken = true);
        if !self.written.iter().any(|written| written.is_spoken) {
            return;
        }
        for (event, by) in events {
            if let Some(message) = encode::event(event, by, world.content()) {
                for written in self.written.iter_mut().filter(|written| written.is_spoken) {
                    let range = written.put(&message);
                    written.events.push((event.at, range));
                }
            }
        }
    }

    /// Entities of the tick.
    pub fn entities(&self) -> usize {
        self.ids.len()
    }

    /// Sends one client what it is due, unless its outbox has no room.
    /// True if it was sent or there was nothing to say.
    pub fn send(&mut self, member: &mut Member, entity: &Entity, ack: u32, world: &World) -> bool {
        self.visible.clear();
        world.visible(entity.id, &mut self.visible);
        if !member.client.has_room() {
            member.needs_snapshot = true;
            return false;
        }
        let written = &mut self.written[member.client.encoding as usize];
        let own = encode::own(entity);
        let frame = if member.needs_snapshot {
            member.needs_snapshot = false;
            Some(written.snapshot(&self.ids, &self.visible, entity, &own, ack, world))
        } else {
            written.delta(&self.ids, &self.visible, member, entity, &own, ack, world)
        };
        let Some(frame) = frame else { return true };
        member.ack = ack;
        member.own = Some(own);
        std::mem::swap(&mut member.known, &mut self.visible);
        member.client.tell(Outgoing::Frame(frame));
        true
    }
}

impl Written {
    fn begin(&mut self, entities: usize) {
        self.is_spoken = false;
        self.entities.clear();
        self.entities.resize(entities, Entry::default());
        self.text.clear();
        self.events.clear();
        self.zone = 0..0;
    }

    fn put<M: serde::Serialize + protocol::prost::Message>(&mut self, message: &M) -> Range<usize> {
        let from = self.text.len();
        format::put(self.encoding, &mut self.text, message);
        from..self.text.len()
    }

    fn snapshot(
        &mut self,
        ids: &[EntityId],
        visible: &[EntityId],
        entity: &Entity,
        own: &v1::Own,
        ack: u32,
        world: &World,
    ) -> crate::client::frame::Frame {
        if self.zone.is_empty() {
            let from = self.text.len();
            format::zone(self.encoding, &mut self.text, &encode::zone(world));
            self.zone = from..self.text.len();
        }
        self.lists.clear();
        for id in visible {
            if let Some(range) = self.whole(ids, *id, world) {
                let list = &mut self.lists.entities;
                format::push(self.encoding, list, format::ENTITIES, &self.text[range]);
            }
        }
        let zone = &self.text[self.zone.clone()];
        format::snapshot(self.encoding, &mut self.frame, zone, entity.id.0, ack, own, &self.lists.entities)
    }

    /// `None` if there is nothing to say.
    #[allow(clippy::too_many_arguments)]
    fn delta(
        &mut self,
        ids: &[EntityId],
        visible: &[EntityId],
        member: &Member,
        entity: &Entity,
        own: &v1::Own,
        ack: u32,
        world: &World,
    ) -> Option<crate::client::frame::Frame> {
        self.lists.clear();
        self.compare(ids, visible, &member.known, world);
        let radius = world.content().zones.get(&world.zone()).map_or(0, |zone| zone.interest_radius_mm);
        for (at, range) in &self.events {
            if at.is_none_or(|at| at.distance_mm(entity.at) <= radius) {
                let list = &mut self.lists.events;
                format::push(self.encoding, list, format::EVENTS, &self.text[range.clone()]);
            }
        }
        let ack = (ack != member.ack).then_some(ack);
        let own = match &member.own {
            Some(known) if known == own => None,
            Some(known) => Some(encode::own_update(own, known)),
            None => Some(*own),
        };
        if ack.is_none() && own.is_none() && self.lists.is_empty() {
            return None;
        }
        let (encoding, frame) = (self.encoding, &mut self.frame);
        Some(format::delta(encoding, frame, world.tick(), ack, own.as_ref(), &self.lists))
    }

    /// Merges what the client knows with what it sees; both are sorted.
    fn compare(&mut self, ids: &[EntityId], visible: &[EntityId], known: &[EntityId], world: &World) {
        let encoding = self.encoding;
        let mut known = known.iter().copied().peekable();
        for &id in visible {
            while let Some(gone) = known.next_if(|known| *known < id) {
                format::leave(encoding, &mut self.lists.leave, gone.0);
            }
            if known.next_if_eq(&id).is_none() {
                if let Some(range) = self.whole(ids, id, world) {
                    format::push(encoding, &mut self.lists.enter, format::ENTER, &self.text[range]);
                }
            } else if let Some(range) = self.update(ids, id, world) {
                format::push(encoding, &mut self.lists.update, format::UPDATE, &self.text[range]);
            }
        }
        for gone in known {
            format::leave(encoding, &mut self.lists.leave, gone.0);
        }
    }

    fn whole(&mut self, ids: &[EntityId], id: EntityId, world: &World) -> Option<Range<usize>> {
        let index = ids.binary_search(&id).ok()?;
        if let Some(range) = &self.entities[index].whole {
            return Some(range.clone());
        }
        let range = self.put(&encode::entity(world.entity(id)?, world));
        self.entities[index].whole = Some(range.clone());
        Some(range)
    }

    fn update(&mut self, ids: &[EntityId], id: EntityId, world: &World) -> Option<Range<usize>> {
        let index = ids.binary_search(&id).ok()?;
        if let Some(range) = &self.entities[index].update {
            return (!range.is_empty()).then(|| range.clone());
        }
        let entity = world.entity(id)?;
        let range = match encode::is_visible_change(entity.changes) {
            true => self.put(&encode::entity_update(entity, world.content())),
            false => 0..0,
        };
        self.entities[index].update = Some(range.clone());
        (!range.is_empty()).then_some(range)
    }
}
