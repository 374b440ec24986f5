//! What each client is sent after a tick: the delta from what it knows to what it sees now, or a
//! snapshot. Every entity and event is encoded once per tick and copied into the frames of those
//! who see it; what nobody sees is not encoded.

use super::encode::{self, OwnView};
use super::room::Member;
use crate::client::Outgoing;
use sim::content::Position;
use sim::entity::Entity;
use sim::output::Event;
use sim::{EntityId, World};
use std::fmt::Write as _;
use std::ops::Range;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Text of one tick, reused from tick to tick.
#[derive(Default)]
pub struct Replication {
    ids: Vec<EntityId>,
    encoded: Vec<Encoded>,
    text: String,
    events: Vec<(Option<Position>, Range<usize>)>,
    zone: Range<usize>,
    visible: Vec<EntityId>,
    frame: String,
    lists: Lists,
}

/// Where in `text` an entity stands, once somebody needed it.
#[derive(Clone, Default)]
struct Encoded {
    whole: Option<Range<usize>>,
    update: Option<Range<usize>>,
}

/// The arrays of one delta, as they grow.
#[derive(Default)]
struct Lists {
    enter: String,
    update: String,
    leave: String,
    events: String,
}

impl Replication {
    /// Starts a tick: nothing is encoded but its events.
    pub fn begin<'a>(&mut self, world: &World, events: impl Iterator<Item = (&'a Event, &'a str)>) {
        self.ids.clear();
        self.ids.extend(world.entities().map(|entity| entity.id));
        self.encoded.clear();
        self.encoded.resize(self.ids.len(), Encoded::default());
        self.text.clear();
        self.events.clear();
        self.zone = 0..0;
        for (event, by) in events {
            let from = self.text.len();
            encode::event(&mut self.text, event, by, world.content());
            if self.text.len() > from {
                self.events.push((event.at, from..self.text.len()));
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
        self.frame.clear();
        if member.needs_snapshot {
            self.snapshot(entity, ack, world);
            member.needs_snapshot = false;
        } else if !self.delta(member, entity, ack, world) {
            return true;
        }
        member.ack = ack;
        member.own = Some(OwnView::of(entity));
        std::mem::swap(&mut member.known, &mut self.visible);
        member.client.tell(Outgoing::Frame(Utf8Bytes::from(self.frame.as_str())));
        true
    }

    fn snapshot(&mut self, entity: &Entity, ack: u32, world: &World) {
        if self.zone.is_empty() {
            let from = self.text.len();
            encode::zone(&mut self.text, world);
            self.zone = from..self.text.len();
        }
        let tick = world.tick();
        let _ = write!(
            self.frame,
            r#"{{"jsonrpc":"2.0","method":"world.snapshot","params":{{"tick":{tick},{},"you":{},"ack":{ack},"self":"#,
            &self.text[self.zone.clone()],
            entity.id
        );
        OwnView::of(entity).write(&mut self.frame, None);
        self.frame.push_str(r#","entities":["#);
        for index in 0..self.visible.len() {
            if let Some(range) = self.whole(self.visible[index], world) {
                if !self.frame.ends_with('[') {
                    self.frame.push(',');
                }
                self.frame.push_str(&self.text[range]);
            }
        }
        self.frame.push_str("]}}");
    }

    /// False if there is nothing to say.
    fn delta(&mut self, member: &Member, entity: &Entity, ack: u32, world: &World) -> bool {
        self.compare(&member.known, world);
        self.lists.events.clear();
        let radius = world.content().zones.get(&world.zone()).map_or(0, |zone| zone.interest_radius_mm);
        for (at, range) in &self.events {
            if at.is_none_or(|at| at.distance_mm(entity.at) <= radius) {
                push(&mut self.lists.events, &self.text[range.clone()]);
            }
        }
        let own = OwnView::of(entity);
        let own_changed = member.own != Some(own);
        let lists = &self.lists;
        let arrays = [
            ("enter", &lists.enter),
            ("update", &lists.update),
            ("leave", &lists.leave),
            ("events", &lists.events),
        ];
        if ack == member.ack && !own_changed && arrays.iter().all(|(_, list)| list.is_empty()) {
            return false;
        }
        let frame = &mut self.frame;
        let _ =
            write!(frame, r#"{{"jsonrpc":"2.0","method":"world.delta","params":{{"tick":{}"#, world.tick());
        if ack != member.ack {
            let _ = write!(frame, r#","ack":{ack}"#);
        }
        if own_changed {
            frame.push_str(r#","self":"#);
            own.write(frame, member.own.as_ref());
        }
        for (name, list) in arrays {
            if !list.is_empty() {
                let _ = write!(frame, r#","{name}":[{list}]"#);
            }
        }
        frame.push_str("}}");
        true
    }

    /// Merges what the client knows with what it sees; both are sorted.
    fn compare(&mut self, known: &[EntityId], world: &World) {
        self.lists.enter.clear();
        self.lists.update.clear();
        self.lists.leave.clear();
        let mut known = known.iter().copied().peekable();
        for index in 0..self.visible.len() {
            let id = self.visible[index];
            while let Some(gone) = known.next_if(|known| *known < id) {
                leave(&mut self.lists.leave, gone);
            }
            if known.next_if_eq(&id).is_none() {
                if let Some(range) = self.whole(id, world) {
                    push(&mut self.lists.enter, &self.text[range]);
                }
            } else if let Some(range) = self.update(id, world) {
                push(&mut self.lists.update, &self.text[range]);
            }
        }
        for gone in known {
            leave(&mut self.lists.leave, gone);
        }
    }

    fn whole(&mut self, id: EntityId, world: &World) -> Option<Range<usize>> {
        let index = self.ids.binary_search(&id).ok()?;
        if let Some(range) = &self.encoded[index].whole {
            return Some(range.clone());
        }
        let from = self.text.len();
        encode::entity(&mut self.text, world.entity(id)?, world);
        self.encoded[index].whole = Some(from..self.text.len());
        self.encoded[index].whole.clone()
    }

    fn update(&mut self, id: EntityId, world: &World) -> Option<Range<usize>> {
        let index = self.ids.binary_search(&id).ok()?;
        if let Some(range) = &self.encoded[index].update {
            return (!range.is_empty()).then(|| range.clone());
        }
        let entity = world.entity(id)?;
        let from = self.text.len();
        if encode::is_visible_change(entity.changes) {
            encode::entity_update(&mut self.text, entity, world.content());
        }
        let range = from..self.text.len();
        self.encoded[index].update = Some(range.clone());
        (!range.is_empty()).then_some(range)
    }
}

fn push(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(item);
}

fn leave(list: &mut String, id: EntityId) {
    let comma = if list.is_empty() { "" } else { "," };
    let _ = write!(list, "{comma}{id}");
}
