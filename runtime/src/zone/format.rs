//! The frames of every tick, put together from parts that were written once for all who see them: as text of
//! `lore.v1.json`, as bytes of `lore.v1.proto`. A test reads both back with the types of the schema.

use super::changes::MoveList;
use crate::client::frame::{Encoding, Frame, to_json};
use protocol::prost::Message;
use protocol::prost::encoding::{self, WireType, encode_key, encode_varint};
use protocol::v1;
use serde::Serialize;
use std::io::Write as _;

/// Number of `WorldSnapshot.entities`.
pub const ENTITIES: u32 = 8;
/// Number of `WorldDelta.enter`.
pub const ENTER: u32 = 3;
/// Number of `WorldDelta.update`.
pub const UPDATE: u32 = 4;
/// Number of `WorldDelta.events`.
pub const EVENTS: u32 = 7;

/// Numbers of the fields that only this file writes.
mod number {
    pub const NOTIFICATIONS: u32 = 2;
    pub const WORLD_SNAPSHOT: u32 = 2;
    pub const WORLD_DELTA: u32 = 3;
    pub const SNAPSHOT_YOU: u32 = 5;
    pub const SNAPSHOT_ACK: u32 = 6;
    pub const SNAPSHOT_SELF: u32 = 7;
    pub const DELTA_TICK: u32 = 1;
    pub const DELTA_ACK: u32 = 2;
    pub const DELTA_LEAVE: u32 = 5;
    pub const DELTA_SELF: u32 = 6;
    pub const DELTA_MOVES: u32 = 8;
    pub const MOVES_IDS: u32 = 1;
    pub const MOVES_DX: u32 = 2;
    pub const MOVES_DY: u32 = 3;
}

/// The lists of one frame, as they grow.
#[derive(Default)]
pub struct Lists {
    /// Of a snapshot.
    pub entities: Vec<u8>,
    /// Of a delta, as the others.
    pub enter: Vec<u8>,
    /// Changed entities.
    pub update: Vec<u8>,
    /// Ids.
    pub leave: Vec<u8>,
    /// What could be seen.
    pub events: Vec<u8>,
    /// Who did nothing but move, on `lore.v1.proto`.
    pub moves: MoveList,
}

impl Lists {
    /// For the next frame.
    pub fn clear(&mut self) {
        for list in [&mut self.entities, &mut self.enter, &mut self.update, &mut self.leave, &mut self.events]
        {
            list.clear();
        }
        self.moves.clear();
    }

    /// Whether a delta has nothing to tell in them.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.enter, &self.update, &self.leave, &self.events];
        lists.iter().all(|list| list.is_empty()) && self.moves.ids.is_empty()
    }
}

/// Appends a message as it stands in a list: as JSON, or its length and bytes.
pub fn put<M: Serialize + Message>(encoding: Encoding, out: &mut Vec<u8>, message: &M) {
    match encoding {
        Encoding::Json => out.extend_from_slice(to_json(message).as_bytes()),
        // A `Vec` takes everything.
        Encoding::Proto => message.encode_length_delimited(out).unwrap_or_default(),
    }
}

/// Appends an item of a list: the field of this number.
pub fn push(encoding: Encoding, list: &mut Vec<u8>, field: u32, item: &[u8]) {
    match encoding {
        Encoding::Json if list.is_empty() => {}
        Encoding::Json => list.push(b','),
        Encoding::Proto => encode_key(field, WireType::LengthDelimited, list),
    }
    list.extend_from_slice(item);
}

/// Appends an id to the list of those who left.
pub fn leave(encoding: Encoding, list: &mut Vec<u8>, id: u64) {
    match encoding {
        Encoding::Json => {
            let comma = if list.is_empty() { "" } else { "," };
            text(list, format_args!("{comma}{id}"));
        }
        Encoding::Proto => encode_varint(id, list),
    }
}

/// Appends what of a snapshot is the same for everybody.
pub fn zone(encoding: Encoding, out: &mut Vec<u8>, shared: &v1::WorldSnapshot) {
    match encoding {
        Encoding::Json => {
            let (tick, zone) = (shared.tick, to_json(&shared.zone));
            let (environment, events) = (to_json(&shared.environment), to_json(&shared.world_events));
            let members = format_args!(
                r#""tick":{tick},"zone":{zone},"environment":{environment},"world_events":{events}"#
            );
            text(out, members);
        }
        // A `Vec` takes everything.
        Encoding::Proto => shared.encode(out).unwrap_or_default(),
    }
}

/// A frame with `world.snapshot`; `frame` is its buffer.
pub fn snapshot(
    encoding: Encoding,
    frame: &mut Vec<u8>,
    zone: &[u8],
    you: u64,
    ack: u32,
    own: &v1::Own,
    entities: &[u8],
) -> Frame {
    frame.clear();
    match encoding {
        Encoding::Json => {
            frame.extend_from_slice(br#"{"jsonrpc":"2.0","method":"world.snapshot","params":{"#);
            frame.extend_from_slice(zone);
            text(frame, format_args!(r#","you":{you},"ack":{ack},"self":"#));
            put(encoding, frame, own);
            frame.extend_from_slice(br#","entities":["#);
            frame.extend_from_slice(entities);
            frame.extend_from_slice(b"]}}");
            text_frame(frame)
        }
        Encoding::Proto => {
            frame.extend_from_slice(zone);
            encoding::uint64::encode(number::SNAPSHOT_YOU, &you, frame);
            encoding::uint32::encode(number::SNAPSHOT_ACK, &ack, frame);
            push_message(frame, number::SNAPSHOT_SELF, own);
            frame.extend_from_slice(entities);
            binary_frame(number::WORLD_SNAPSHOT, frame)
        }
    }
}

/// A frame with `world.delta`; `frame` is its buffer.
pub fn delta(
    encoding: Encoding,
    frame: &mut Vec<u8>,
    tick: u64,
    ack: Option<u32>,
    own: Option<&v1::Own>,
    lists: &Lists,
) -> Frame {
    frame.clear();
    match encoding {
        Encoding::Json => {
            text(frame, format_args!(r#"{{"jsonrpc":"2.0","method":"world.delta","params":{{"tick":{tick}"#));
            if let Some(ack) = ack {
                text(frame, format_args!(r#","ack":{ack}"#));
            }
            if let Some(own) = own {
                frame.extend_from_slice(br#","self":"#);
                put(encoding, frame, own);
            }
            let named = [
                ("enter", &lists.enter),
                ("update", &lists.update),
                ("leave", &lists.leave),
                ("events", &lists.events),
            ];
            for (name, list) in named.into_iter().filter(|(_, list)| !list.is_empty()) {
                text(frame, format_args!(r#","{name}":["#));
                frame.extend_from_slice(list);
                frame.push(b']');
            }
            frame.extend_from_slice(b"}}");
            text_frame(frame)
        }
        Encoding::Proto => {
            encoding::uint64::encode(number::DELTA_TICK, &tick, frame);
            if let Some(ack) = ack {
                encoding::uint32::encode(number::DELTA_ACK, &ack, frame);
            }
            if let Some(own) = own {
                push_message(frame, number::DELTA_SELF, own);
            }
            frame.extend_from_slice(&lists.enter);
            frame.extend_from_slice(&lists.update);
            if !lists.leave.is_empty() {
                encode_key(number::DELTA_LEAVE, WireType::LengthDelimited, frame);
                encode_varint(lists.leave.len() as u64, frame);
                frame.extend_from_slice(&lists.leave);
            }
            frame.extend_from_slice(&lists.events);
            if !lists.moves.ids.is_empty() {
                push_moves(frame, &lists.moves);
            }
            binary_frame(number::WORLD_DELTA, frame)
        }
    }
}

fn push_message<M: Serialize + Message>(out: &mut Vec<u8>, field: u32, message: &M) {
    encode_key(field, WireType::LengthDelimited, out);
    put(Encoding::Proto, out, message);
}

fn push_moves(out: &mut Vec<u8>, moves: &MoveList) {
    let packed =
        [(number::MOVES_IDS, &moves.ids), (number::MOVES_DX, &moves.dx), (number::MOVES_DY, &moves.dy)];
    let length = |(field, list): &(u32, &Vec<u8>)| {
        encoding::key_len(*field) + encoding::encoded_len_varint(list.len() as u64) + list.len()
    };
    encode_key(number::DELTA_MOVES, WireType::LengthDelimited, out);
    encode_varint(packed.iter().map(length).sum::<usize>() as u64, out);
    for (field, list) in packed {
        encode_key(field, WireType::LengthDelimited, out);
        encode_varint(list.len() as u64, out);
        out.extend_from_slice(list);
    }
}

/// Appends formatted text; a `Vec` takes everything.
fn text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn text_frame(frame: &[u8]) -> Frame {
    // It is UTF-8: put together from JSON texts.
    Frame::Text(String::from_utf8_lossy(frame).as_ref().into())
}

/// The notification of this number, in a frame of its own.
fn binary_frame(method: u32, body: &[u8]) -> Frame {
    let length = |bytes: usize| encoding::encoded_len_varint(bytes as u64);
    let inner = encoding::key_len(method) + length(body.len()) + body.len();
    let mut frame = Vec::with_capacity(encoding::key_len(number::NOTIFICATIONS) + length(inner) + inner);
    encode_key(number::NOTIFICATIONS, WireType::LengthDelimited, &mut frame);
    encode_varint(inner as u64, &mut frame);
    encode_key(method, WireType::LengthDelimited, &mut frame);
    encode_varint(body.len() as u64, &mut frame);
    frame.extend_from_slice(body);
    Frame::Binary(frame.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::v1::notification::Method;

    /// A frame as the schema understands it.
    fn read(frame: &Frame) -> Method {
        match frame {
            Frame::Text(text) => {
                let mut value: serde_json::Value = serde_json::from_str(text).expect("JSON");
                let version = value.as_object_mut().expect("an object").remove("jsonrpc");
                assert_eq!(version, Some("2.0".into()));
                serde_json::from_value(value).expect("a notification")
            }
            Frame::Binary(bytes) => {
                let mut frame = v1::ServerFrame::decode(bytes.as_ref()).expect("decodes");
                assert!(frame.responses.is_empty() && frame.notifications.len() == 1);
                frame.notifications.remove(0).method.expect("known")
            }
        }
    }

    fn entity() -> impl Strategy<Value = v1::Entity> {
        let name = || proptest::option::of("[a-zA-Z\"\\\\é ]{0,12}");
        let state = proptest::option::of(1..7_i32);
        let statuses = proptest::option::of(proptest::collection::vec(("[a-z]{0,8}", 0..9_u32), 0..3));
        let figures = (any::<u64>(), any::<Option<i32>>(), any::<Option<i32>>(), any::<Option<u32>>());
        (figures, name(), state, statuses, any::<Option<u64>>(), any::<Option<bool>>()).prop_map(
            |((id, x, hp, level), name, state, statuses, target, hostile)| v1::Entity {
                id,
                name,
                x,
                hp,
                level,
                state,
                target,
                hostile,
                statuses: statuses.map(|list| v1::Statuses {
                    list: list.into_iter().map(|(name, stacks)| v1::Status { name, stacks }).collect(),
                }),
                ..v1::Entity::default()
            },
        )
    }

    fn event() -> impl Strategy<Value = v1::Event> {
        (any::<u64>(), any::<i32>(), "[a-z@.+0-9]{0,20}", 1..6_i32).prop_map(|(attacker, amount, by, hit)| {
            let swing = v1::Swing { attacker, amount, by, hit, element: 1, ..v1::Swing::default() };
            v1::Event { r#type: Some(v1::event::Type::Swing(swing)) }
        })
    }

    proptest! {
        #[test]
        fn a_delta_says_the_same_in_both_encodings(
            tick in any::<u64>(),
            ack in any::<Option<u32>>(),
            mana in any::<Option<Option<i32>>>(),
            enter in proptest::collection::vec(entity(), 0..4),
            update in proptest::collection::vec(entity(), 0..4),
            gone in proptest::collection::vec(any::<u64>(), 0..4),
            events in proptest::collection::vec(event(), 0..4),
        ) {
            let own = mana.map(|mana| v1::Own { mana, ..v1::Own::default() });
            for encoding in Encoding::ALL {
                let mut lists = Lists::default();
                let mut item = Vec::new();
                for (list, field, of) in [(&mut lists.enter, ENTER, &enter), (&mut lists.update, UPDATE, &update)] {
                    for entity in of {
                        item.clear();
                        put(encoding, &mut item, entity);
                        push(encoding, list, field, &item);
                    }
                }
                for event in &events {
                    item.clear();
                    put(encoding, &mut item, event);
                    push(encoding, &mut lists.events, EVENTS, &item);
                }
                gone.iter().for_each(|id| leave(encoding, &mut lists.leave, *id));
                let frame = delta(encoding, &mut Vec::new(), tick, ack, own.as_ref(), &lists);
                let (enter, update, leave, events) = (enter.clone(), update.clone(), gone.clone(), events.clone());
                let moves = None;
                let expected = v1::WorldDelta { tick, ack, enter, update, leave, self_: own, events, moves };
                prop_assert_eq!(read(&frame), Method::WorldDelta(expected));
            }
        }

        #[test]
        fn a_snapshot_says_the_same_in_both_encodings(
            you in 1..u64::MAX,
            ack in any::<u32>(),
            entities in proptest::collection::vec(entity(), 0..4),
        ) {
            let zone_of = v1::Zone { name: "downtown".to_owned(), width: 400_000, ..v1::Zone::default() };
            let event = v1::WorldEvent { name: "moon \"x\"".to_owned(), ..v1::WorldEvent::default() };
            let shared = v1::WorldSnapshot {
                tick: 7,
                zone: Some(zone_of),
                environment: Some(v1::Environment { temperature: 12.5, ..v1::Environment::default() }),
                world_events: vec![event],
                ..v1::WorldSnapshot::default()
            };
            let own = v1::Own { mana: Some(0), energy: Some(100), ..v1::Own::default() };
            for encoding in Encoding::ALL {
                let (mut text, mut list) = (Vec::new(), Vec::new());
                zone(encoding, &mut text, &shared);
                for entity in &entities {
                    let mut item = Vec::new();
                    put(encoding, &mut item, entity);
                    push(encoding, &mut list, ENTITIES, &item);
                }
                let frame = snapshot(encoding, &mut Vec::new(), &text, you, ack, &own, &list);
                let expected = v1::WorldSnapshot { you, ack, self_: Some(own), entities: entities.clone(), ..shared.clone() };
                prop_assert_eq!(read(&frame), Method::WorldSnapshot(expected));
            }
        }
    }
}
