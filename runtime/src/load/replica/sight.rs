//! What is in sight: snapshots and deltas of the zone, taken in with care.

use super::{Entity, Heard, Replica};
use crate::load::fault::{Fault, malformed};
use protocol::v1::{self, WorldDelta, WorldSnapshot, Zone};

/// Millimetres of a step of movement.
const STEP_MM: i32 = 20;

impl Replica {
    pub(super) fn snapshot(
        &mut self,
        snapshot: WorldSnapshot,
        faults: &mut Vec<Fault>,
    ) -> Result<Heard, Fault> {
        let WorldSnapshot { tick, zone, you, ack, entities, .. } = snapshot;
        self.begin_snapshot(tick, zone, you, ack, faults)?;
        for entity in entities {
            let id = entity.id;
            if self.entities.insert(id, Entity::new(entity)).is_some() {
                faults.push(Fault::EnteredTwice(id));
            }
        }
        Ok(Heard::Snapshot)
    }

    /// All of a snapshot but its entities.
    pub(super) fn begin_snapshot(
        &mut self,
        tick: u64,
        zone: Option<Zone>,
        you: u64,
        ack: u32,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let zone = zone.ok_or_else(|| malformed("world.snapshot", &"it has no zone"))?;
        let same_zone = self.zone.as_ref().is_some_and(|known| known.name == zone.name);
        if same_zone && tick < self.tick {
            faults.push(Fault::TickBackwards { from: self.tick, to: tick });
        }
        self.acknowledge(ack.into(), faults);
        self.tick = tick;
        self.you = you;
        self.zone = Some(zone);
        self.entities.clear();
        (self.in_sync, self.is_resuming) = (true, false);
        Ok(())
    }

    pub(super) fn delta(&mut self, delta: WorldDelta, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        let ticks = self.begin_delta(delta.tick, delta.ack, faults)?;
        for id in delta.leave {
            if self.entities.remove(&id).is_none() {
                faults.push(Fault::UnknownEntity { what: "leave", id });
            }
        }
        for entity in delta.enter {
            let id = entity.id;
            if self.entities.insert(id, Entity::new(entity)).is_some() {
                faults.push(Fault::EnteredTwice(id));
            }
        }
        for update in delta.update {
            match self.entities.get_mut(&update.id) {
                Some(entity) => entity.update(&update),
                None => faults.push(Fault::UnknownEntity { what: "update", id: update.id }),
            }
        }
        if let Some(moves) = delta.moves {
            self.walk(&moves, faults);
        }
        let events = delta.events.into_iter().filter_map(|event| event.r#type).collect();
        Ok(Heard::Delta { tick: delta.tick, ticks, events })
    }

    /// Takes in movement: ids as differences, ways in steps.
    fn walk(&mut self, moves: &v1::Moves, faults: &mut Vec<Fault>) {
        if moves.ids.len() != moves.dx.len() || moves.ids.len() != moves.dy.len() {
            faults.push(malformed("world.delta", &"moves of different lengths"));
        }
        let mut id = 0_u64;
        for ((difference, dx), dy) in moves.ids.iter().zip(&moves.dx).zip(&moves.dy) {
            id = id.saturating_add(*difference);
            match self.entities.get_mut(&id) {
                Some(entity) => {
                    let go = |from: i32, steps: i32| {
                        from.div_euclid(STEP_MM).saturating_add(steps).saturating_mul(STEP_MM)
                    };
                    (entity.x, entity.y) = (go(entity.x, *dx), go(entity.y, *dy));
                }
                None => faults.push(Fault::UnknownEntity { what: "move", id }),
            }
        }
    }

    /// What every delta has; the ticks since the frame before.
    pub(super) fn begin_delta(
        &mut self,
        tick: u64,
        ack: Option<u32>,
        faults: &mut Vec<Fault>,
    ) -> Result<u64, Fault> {
        if !self.in_sync {
            return Err(Fault::DeltaWithoutSnapshot(tick));
        }
        if tick <= self.tick {
            faults.push(Fault::TickBackwards { from: self.tick, to: tick });
        }
        let ticks = tick.saturating_sub(self.tick);
        self.tick = tick;
        if let Some(ack) = ack {
            self.acknowledge(ack.into(), faults);
        }
        Ok(ticks)
    }

    fn acknowledge(&mut self, ack: u64, faults: &mut Vec<Fault>) {
        if ack < self.ack || ack > self.sent_seq {
            faults.push(Fault::WrongAck { ack, before: self.ack, sent: self.sent_seq });
        }
        self.ack = self.ack.max(ack.min(self.sent_seq));
    }
}
