//! When what of every entity changed last, so that any client can be told what is new since it was told last,
//! however long ago that is. Kept from step to step for the whole zone, once for all clients.

use protocol::prost::encoding::encode_varint;
use sim::content::Position;
use sim::entity::{Changes, Entity};
use sim::{EntityId, World};

/// Millimetres of a step, the unit in which movement is told.
pub const STEP_MM: i32 = 20;
/// Steps beyond which a movement is told as the place it led to: 100 m.
pub const FARTHEST_STEPS: u32 = 100_000 / STEP_MM as u32;

/// What clients are told of an entity after it entered, but for its place.
const TOLD: [Changes; 4] = [Changes::LEVEL, Changes::HEALTH, Changes::STATE, Changes::STATUSES];

/// A place in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// East.
    pub x: i32,
    /// North.
    pub y: i32,
}

impl Steps {
    /// Of a place: rounded down, as the schema says at [`Moves`].
    pub fn of(at: Position) -> Self {
        Self { x: at.x_mm.div_euclid(STEP_MM), y: at.y_mm.div_euclid(STEP_MM) }
    }

    /// The way from `before`, unless it is too far to be told as one.
    pub fn since(self, before: Self) -> Option<(i32, i32)> {
        let far = self.x.abs_diff(before.x).max(self.y.abs_diff(before.y));
        (far <= FARTHEST_STEPS).then(|| (self.x - before.x, self.y - before.y))
    }
}

/// One entity; in one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Log {
    id: EntityId,
    /// The last of `changed`.
    latest: u64,
    /// Where it is.
    pub steps: Steps,
    /// The same, to the millimetre.
    pub at: Position,
    /// Ticks, in the order of [`TOLD`].
    changed: [u64; TOLD.len()],
}

impl Log {
    fn new(id: EntityId, tick: u64) -> Self {
        let changed = [tick; TOLD.len()];
        Self { id, latest: tick, steps: Steps::default(), at: Position::default(), changed }
    }

    /// Whether something is new.
    fn take(&mut self, entity: &Entity, tick: u64) -> bool {
        for (changed, told) in self.changed.iter_mut().zip(TOLD) {
            if entity.changes.has(told) {
                *changed = tick;
                self.latest = tick;
            }
        }
        let has_moved = self.at != entity.at;
        (self.at, self.steps) = (entity.at, Steps::of(entity.at));
        has_moved || self.latest == tick
    }

    /// Which entity.
    pub fn id(&self) -> EntityId {
        self.id
    }

    /// What has changed after a tick.
    pub fn since(&self, tick: u64) -> Changes {
        let mut changes = Changes::NONE;
        if self.latest <= tick {
            return changes;
        }
        for (changed, told) in self.changed.iter().zip(TOLD) {
            if *changed > tick {
                changes.add(told);
            }
        }
        changes
    }
}

/// All entities of a zone, in its order.
#[derive(Default)]
pub struct ChangeLog {
    entities: Vec<Log>,
    before: Vec<Log>,
    latest: u64,
}

impl ChangeLog {
    /// Takes in what the last step has changed.
    pub fn take(&mut self, world: &World) {
        let tick = world.tick();
        std::mem::swap(&mut self.entities, &mut self.before);
        self.entities.clear();
        let mut is_new = false;
        let mut before = self.before.iter().peekable();
        for entity in world.entities() {
            // Both are in the order of ids; what was passed over is gone.
            while before.next_if(|log| log.id < entity.id).is_some() {
                is_new = true;
            }
            let known = before.next_if(|log| log.id == entity.id).copied();
            let mut log = known.unwrap_or_else(|| Log::new(entity.id, tick));
            is_new |= log.take(entity, tick);
            self.entities.push(log);
        }
        if is_new || before.next().is_some() {
            self.latest = tick;
        }
    }

    /// The last tick in which something was new in the zone: somebody came, went, moved or changed.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// The entity at this place in the zone's order.
    pub fn at(&self, index: u32) -> &Log {
        &self.entities[index as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entities.len()
    }
}

/// Movements for one client as they are told: varints, ids as differences.
#[derive(Clone, Debug, Default)]
pub struct MoveList {
    last: u64,
    /// `Moves.ids`, packed; so are the others.
    pub ids: Vec<u8>,
    /// `Moves.dx`.
    pub dx: Vec<u8>,
    /// `Moves.dy`.
    pub dy: Vec<u8>,
}

impl MoveList {
    /// For the next frame.
    pub fn clear(&mut self) {
        self.last = 0;
        for list in [&mut self.ids, &mut self.dx, &mut self.dy] {
            list.clear();
        }
    }

    /// Adds an entity with a greater id than all before.
    pub fn push(&mut self, id: EntityId, (dx, dy): (i32, i32)) {
        put_varint(&mut self.ids, id.0 - self.last);
        put_varint(&mut self.dx, zigzag(dx));
        put_varint(&mut self.dy, zigzag(dy));
        self.last = id.0;
    }
}

fn put_varint(list: &mut Vec<u8>, value: u64) {
    // Nearly all of them.
    if value < 0x80 {
        list.push(value as u8);
    } else {
        encode_varint(value, list);
    }
}

/// A `sint32` as it is written.
fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::prost::Message as _;
    use protocol::prost::encoding::{WireType, encode_key};
    use protocol::v1::Moves;

    #[test]
    fn movements_are_told_as_the_schema_says() {
        let ways = [(3, (0, -1)), (4, (5_000, -5_000)), (900, (63, -64)), (1 << 40, (i32::MIN, i32::MAX))];
        let mut list = MoveList::default();
        for _ in 0..2 {
            list.clear();
            ways.iter().for_each(|(id, way)| list.push(EntityId(*id), *way));
        }
        let mut frame = Vec::new();
        for (field, packed) in [(1, &list.ids), (2, &list.dx), (3, &list.dy)] {
            encode_key(field, WireType::LengthDelimited, &mut frame);
            encode_varint(packed.len() as u64, &mut frame);
            frame.extend_from_slice(packed);
        }
        let moves = Moves::decode(frame.as_slice()).expect("decodes");
        assert_eq!(moves.ids, [3, 1, 896, (1 << 40) - 900]);
        assert_eq!(moves.dx, ways.map(|(_, (dx, _))| dx));
        assert_eq!(moves.dy, ways.map(|(_, (_, dy))| dy));
    }

    #[test]
    fn places_are_rounded_down_and_far_ways_are_none() {
        let steps = |x_mm, y_mm| Steps::of(Position { x_mm, y_mm });
        assert_eq!(steps(19, 20), Steps { x: 0, y: 1 });
        assert_eq!(steps(-1, -20), Steps { x: -1, y: -1 });
        assert_eq!(steps(1_000, 0).since(steps(0, 40)), Some((50, -2)));
        assert_eq!(steps(100_000, 0).since(steps(0, 0)), Some((5_000, 0)));
        assert_eq!(steps(100_020, 0).since(steps(0, 0)), None);
    }
}
