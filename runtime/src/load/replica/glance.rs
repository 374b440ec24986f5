//! A look past the others: of the frames of every tick only what a bot needs that fights nobody. The messages are those of
//! the schema with most of their fields left out, in both encodings; what is left out costs next to nothing to skip.

use super::{Entity, Heard, Replica};
use crate::load::fault::{Fault, malformed};
use protocol::prost::Message as _;
use protocol::prost::encoding::{WireType, decode_key, decode_varint};
use protocol::v1;
use serde::Deserialize;

/// Numbers in the schema: `ServerFrame.notifications`,
const NOTIFICATIONS: u32 = 2;
/// `Notification.world_snapshot`,
const SNAPSHOT: u32 = 2;
/// `Notification.world_delta`.
const DELTA: u32 = 3;

/// Of a `WorldSnapshot`.
#[derive(Clone, PartialEq, protocol::prost::Message, Deserialize)]
#[prost(prost_path = "::protocol::prost")]
struct Snapshot {
    #[prost(uint64, tag = "1")]
    pub tick: u64,
    #[prost(message, optional, tag = "2")]
    pub zone: Option<v1::Zone>,
    #[prost(uint64, tag = "5")]
    pub you: u64,
    #[prost(uint32, tag = "6")]
    pub ack: u32,
    #[prost(message, repeated, tag = "8")]
    pub entities: Vec<Seen>,
}

/// Of a `WorldDelta`.
#[derive(Clone, PartialEq, protocol::prost::Message, Deserialize)]
#[prost(prost_path = "::protocol::prost")]
struct Delta {
    #[prost(uint64, tag = "1")]
    pub tick: u64,
    #[prost(uint32, optional, tag = "2")]
    pub ack: Option<u32>,
    #[prost(message, repeated, tag = "3")]
    #[serde(default)]
    pub enter: Vec<Seen>,
    #[prost(uint64, repeated, tag = "5")]
    #[serde(default)]
    pub leave: Vec<u64>,
}

/// Of an `Entity`.
#[derive(Clone, PartialEq, protocol::prost::Message, Deserialize)]
#[prost(prost_path = "::protocol::prost")]
struct Seen {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(sint32, optional, tag = "5")]
    pub x: Option<i32>,
    #[prost(sint32, optional, tag = "6")]
    pub y: Option<i32>,
    #[prost(sint32, optional, tag = "8")]
    pub hp: Option<i32>,
    #[prost(bool, optional, tag = "12")]
    pub hostile: Option<bool>,
}

impl Replica {
    /// `None` if the frame is to be looked at.
    pub(super) fn glance(&mut self, frame: &[u8], faults: &mut Vec<Fault>) -> Option<Result<Heard, Fault>> {
        if !self.looks_past_others {
            return None;
        }
        Some(match lone_notification(frame)? {
            // Whether it is of the time before is looked at with care.
            (DELTA, _) if self.is_resuming => return None,
            (DELTA, body) => Delta::decode(body)
                .map_err(|error| malformed("world.delta", &error))
                .and_then(|delta| self.glance_at_delta(delta, faults)),
            (SNAPSHOT, body) => Snapshot::decode(body)
                .map_err(|error| malformed("world.snapshot", &error))
                .and_then(|snapshot| self.glance_at_snapshot(snapshot, faults)),
            _ => return None,
        })
    }

    /// The same of `lore.v1.json`.
    pub(super) fn glance_at_text(
        &mut self,
        method: &str,
        params: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<Result<Heard, Fault>> {
        if !self.looks_past_others {
            return None;
        }
        Some(match method {
            "world.delta" if self.is_resuming => return None,
            "world.delta" => serde_json::from_str(params)
                .map_err(|error| malformed(method, &error))
                .and_then(|delta| self.glance_at_delta(delta, faults)),
            "world.snapshot" => serde_json::from_str(params)
                .map_err(|error| malformed(method, &error))
                .and_then(|snapshot| self.glance_at_snapshot(snapshot, faults)),
            _ => return None,
        })
    }

    fn glance_at_snapshot(&mut self, snapshot: Snapshot, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        let Snapshot { tick, zone, you, ack, entities } = snapshot;
        self.begin_snapshot(tick, zone, you, ack, faults)?;
        entities.iter().for_each(|entity| self.glance_at_entity(entity));
        Ok(Heard::Snapshot)
    }

    fn glance_at_delta(&mut self, delta: Delta, faults: &mut Vec<Fault>) -> Result<Heard, Fault> {
        let ticks = self.begin_delta(delta.tick, delta.ack, faults)?;
        for id in delta.leave {
            self.entities.remove(&id);
        }
        delta.enter.iter().for_each(|entity| self.glance_at_entity(entity));
        Ok(Heard::Delta { tick: delta.tick, ticks, events: Vec::new() })
    }

    fn glance_at_entity(&mut self, entity: &Seen) {
        let hostile = entity.hostile.unwrap_or_default();
        if hostile || entity.id == self.you {
            let Seen { id, x, y, hp, .. } = *entity;
            let kind = if hostile { v1::EntityKind::Npc } else { v1::EntityKind::Player };
            let (x, y, hp) = (x.unwrap_or_default(), y.unwrap_or_default(), hp.unwrap_or_default());
            self.entities.insert(id, Entity { id, kind, template: String::new(), x, y, hp, hostile });
        }
    }
}

/// The number and the bytes of the notification that is alone in a frame of `lore.v1.proto`; `None` for every other
/// frame.
fn lone_notification(frame: &[u8]) -> Option<(u32, &[u8])> {
    let (list, notification) = lone_field(frame)?;
    if list == NOTIFICATIONS { lone_field(notification) } else { None }
}

/// The number and the content of a field that is all of a message.
fn lone_field(mut message: &[u8]) -> Option<(u32, &[u8])> {
    let (number, kind) = decode_key(&mut message).ok()?;
    let length = decode_varint(&mut message).ok()?;
    (kind == WireType::LengthDelimited && length == message.len() as u64).then_some((number, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v1::notification::Method;

    const FIRST: &str = r#"{"jsonrpc":"2.0","method":"world.snapshot","params":{"tick":10,"zone":{"name":"downtown","title":"Downtown","width":400000,"height":400000,"max_speed":20000,"interest_radius":100000,"crossings":[]},"you":12,"ack":0,"self":{},"entities":[{"id":12,"kind":"player","name":"Ada","x":5,"y":6,"hp":100},{"id":13,"kind":"player","x":7,"y":8}]}}"#;

    fn update(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","method":"world.delta","params":{params}}}"#)
    }

    fn frame(methods: Vec<Method>) -> Vec<u8> {
        let notifications =
            methods.into_iter().map(|method| v1::Notification { method: Some(method) }).collect();
        v1::ServerFrame { notifications, ..v1::ServerFrame::default() }.encode_to_vec()
    }

    fn wolf() -> v1::Entity {
        v1::Entity {
            id: 33,
            kind: Some(v1::EntityKind::Npc.into()),
            name: Some("Grey Wolf".to_owned()),
            x: Some(-1_000),
            y: Some(900),
            hp: Some(60),
            hostile: Some(true),
            ..v1::Entity::default()
        }
    }

    fn delta() -> v1::WorldDelta {
        let swing = v1::Swing { attacker: 12, ..v1::Swing::default() };
        v1::WorldDelta {
            tick: 346,
            ack: Some(17),
            enter: vec![wolf()],
            update: vec![v1::Entity { id: 40, x: Some(1), ..v1::Entity::default() }],
            leave: vec![31, 300],
            events: vec![v1::Event { r#type: Some(v1::event::Type::Swing(swing)) }],
            ..v1::WorldDelta::default()
        }
    }

    #[test]
    fn a_glance_at_a_delta_sees_what_a_look_does_in_both_encodings() {
        let entity = Seen { id: 33, x: Some(-1_000), y: Some(900), hp: Some(60), hostile: Some(true) };
        let expected = Delta { tick: 346, ack: Some(17), enter: vec![entity], leave: vec![31, 300] };
        let bytes = frame(vec![Method::WorldDelta(delta())]);
        let (number, body) = lone_notification(&bytes).expect("it is alone");
        assert_eq!((number, Delta::decode(body).expect("decodes")), (DELTA, expected.clone()));
        let text = serde_json::to_string(&delta()).expect("JSON");
        assert_eq!(serde_json::from_str::<Delta>(&text).expect("reads"), expected);
    }

    #[test]
    fn a_glance_at_a_snapshot_sees_what_a_look_does_in_both_encodings() {
        let zone = v1::Zone { name: "downtown".to_owned(), width: 400_000, ..v1::Zone::default() };
        let snapshot = v1::WorldSnapshot {
            tick: 345,
            zone: Some(zone.clone()),
            environment: Some(v1::Environment { temperature: 12.5, ..v1::Environment::default() }),
            world_events: vec![v1::WorldEvent::default()],
            you: 12,
            ack: 3,
            entities: vec![wolf()],
            ..v1::WorldSnapshot::default()
        };
        let bytes = frame(vec![Method::WorldSnapshot(snapshot.clone())]);
        let (number, body) = lone_notification(&bytes).expect("it is alone");
        let seen = Snapshot::decode(body).expect("decodes");
        assert_eq!((number, seen.tick, seen.you, seen.ack), (SNAPSHOT, 345, 12, 3));
        assert_eq!((&seen.zone, seen.entities.len(), seen.entities[0].x), (&Some(zone), 1, Some(-1_000)));
        let text = serde_json::to_string(&snapshot).expect("JSON");
        assert_eq!(serde_json::from_str::<Snapshot>(&text).expect("reads"), seen);
    }

    #[test]
    fn only_a_notification_that_is_alone_is_glanced_at() {
        let death = || Method::CharacterDied(v1::CharacterDied { respawn_ms: 5 });
        assert_eq!(lone_notification(&frame(vec![death(), death()])), None);
        assert_eq!(lone_notification(&frame(Vec::new())), None);
        let answer = v1::Response { id: 7, outcome: Some(v1::response::Outcome::Done(v1::Done {})) };
        let answer = v1::ServerFrame { responses: vec![answer], ..v1::ServerFrame::default() };
        assert_eq!(lone_notification(&answer.encode_to_vec()), None);
        for end in 0..8 {
            assert_eq!(lone_notification(&frame(vec![Method::WorldDelta(delta())])[..end]), None);
        }
    }

    #[test]
    fn who_looks_past_others_knows_itself_and_its_foes() {
        let deltas = [
            r#"{"tick":11,"ack":0,"enter":[{"id":3,"kind":"npc","x":1,"y":2,"hp":9,"hostile":true},{"id":4,"kind":"player","x":1,"y":2}],"update":[{"id":12,"x":50}]}"#,
            r#"{"tick":13,"leave":[3,4]}"#,
        ];
        let mut replica = Replica::default();
        replica.look_past_others();
        let mut faults = Vec::new();
        let heard = replica.hear_text(FIRST, &mut faults);
        assert!(matches!(heard, Some(Heard::Snapshot)), "{heard:?}");
        assert_eq!(replica.own().map(|own| (own.x, own.y)), Some((5, 6)));
        replica.hear_text(&update(deltas[0]), &mut faults);
        let mut known: Vec<u64> = replica.entities.keys().copied().collect();
        known.sort_unstable();
        assert_eq!((known.as_slice(), replica.entities[&3].hostile), ([3, 12].as_slice(), true));
        let heard = replica.hear_text(&update(deltas[1]), &mut faults);
        assert!(matches!(heard, Some(Heard::Delta { tick: 13, ticks: 2, .. })), "{heard:?}");
        assert_eq!((replica.entities.len(), faults.len()), (1, 0), "{faults:?}");
        replica.hear_text(&update(deltas[1]), &mut faults);
        assert_eq!(faults, [Fault::TickBackwards { from: 13, to: 13 }]);
    }

    #[test]
    fn both_encodings_are_glanced_at_alike() {
        let enter = vec![v1::Entity { id: 3, x: Some(7), hostile: Some(true), ..v1::Entity::default() }];
        let told = [
            Method::WorldSnapshot(v1::WorldSnapshot {
                zone: Some(v1::Zone::default()),
                you: 1,
                ..v1::WorldSnapshot::default()
            }),
            Method::WorldDelta(v1::WorldDelta { tick: 4, enter, ..v1::WorldDelta::default() }),
            Method::CharacterDied(v1::CharacterDied { respawn_ms: 1 }),
        ];
        let (mut by_text, mut by_bytes) = (Replica::default(), Replica::default());
        let mut faults = Vec::new();
        for replica in [&mut by_text, &mut by_bytes] {
            replica.look_past_others();
        }
        for method in told {
            let params = serde_json::to_value(&method).expect("JSON");
            let text =
                format!(r#"{{"jsonrpc":"2.0","method":{},"params":{}}}"#, params["method"], params["params"]);
            let notifications = vec![v1::Notification { method: Some(method) }];
            let bytes = v1::ServerFrame { notifications, ..v1::ServerFrame::default() }.encode_to_vec();
            let heard = by_text.hear_text(&text, &mut faults);
            let also_heard = by_bytes.hear_binary(&bytes, &mut faults);
            assert_eq!(format!("{:?}", Vec::from_iter(heard)), format!("{also_heard:?}"));
        }
        assert_eq!((by_text.entities, faults), (by_bytes.entities, Vec::new()));
    }
}
