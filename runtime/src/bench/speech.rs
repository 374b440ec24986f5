//! What clients say to each kind of server, and what of its answers they look at.
//!
//! | | joins with | moves with | hears |
//! |---|---|---|---|
//! | lore | `world.join` of `lore.v1.proto` | `world.move`, with it `world.ack` | `world.delta` |
//! | raw | one byte | 12 bytes | the acknowledged number, then 14 bytes an entity |
//! | colyseus | its matchmaker, then one byte | a message of MessagePack | patches of its schema |

use super::raw;
use protocol::prost::Message as _;
use protocol::prost::encoding::decode_varint;
use protocol::v1;
use protocol::v1::call::Method;

/// Which server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The server under test.
    Lore,
    /// The room of [`super::raw`].
    Raw,
    /// The room of `bench/colyseus`.
    Colyseus,
}

/// What a frame was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Everything in sight: the client is in.
    Snapshot,
    /// What changed.
    Delta {
        /// Of the zone, where it is told.
        tick: Option<u64>,
        /// The last movement that counts, where that is told.
        ack: Option<u32>,
    },
    /// The client is elsewhere than it thought.
    Corrected(i32, i32),
    /// The answer with which the client has to go on.
    Answer(&'static [u8]),
    /// It may not come in.
    Refused(String),
    /// Something else.
    Other,
}

/// Numbers of fields of `frame.proto` and `world.proto`.
mod field {
    pub const RESPONSES: u64 = 1;
    pub const NOTIFICATIONS: u64 = 2;
    pub const ERROR: u64 = 2;
    pub const SNAPSHOT: u64 = 2;
    pub const DELTA: u64 = 3;
    pub const CORRECTED: u64 = 4;
    pub const TICK: u64 = 1;
    pub const ACK: u64 = 2;
    pub const X: u64 = 2;
    pub const Y: u64 = 3;
}

/// First bytes of Colyseus' messages.
mod colyseus {
    pub const JOIN_ROOM: u8 = 10;
    pub const ROOM_DATA: u8 = 13;
    pub const ROOM_STATE: u8 = 14;
    pub const ROOM_STATE_PATCH: u8 = 15;
}

impl Side {
    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lore => "lore",
            Self::Raw => "raw",
            Self::Colyseus => "colyseus",
        }
    }

    /// What to say to come in, once the socket is open; nothing where the server speaks first.
    pub fn join(self, character: i64) -> Option<Vec<u8>> {
        match self {
            Self::Lore => Some(calls(Some(1), Method::WorldJoin(v1::WorldJoin { character }))),
            Self::Raw => Some(vec![raw::JOIN]),
            Self::Colyseus => None,
        }
    }

    /// Puts a movement into `out`, which is cleared first.
    pub fn go(self, out: &mut Vec<u8>, seq: u32, (x, y): (i32, i32)) {
        out.clear();
        match self {
            Self::Lore => add(out, None, Method::WorldMove(v1::WorldMove { seq, x, y })),
            Self::Raw => {
                out.extend_from_slice(&seq.to_le_bytes());
                out.extend_from_slice(&x.to_le_bytes());
                out.extend_from_slice(&y.to_le_bytes());
            }
            Self::Colyseus => {
                // The type "m", then [seq, x, y]: uint32 and twice int32.
                out.extend_from_slice(&[colyseus::ROOM_DATA, 0xa1, b'm', 0x93, 0xce]);
                out.extend_from_slice(&seq.to_be_bytes());
                for number in [x, y] {
                    out.push(0xd2);
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
    }

    /// A use of the ability that every class of the run has; nothing where there are no rules for it.
    pub fn act(self) -> Option<Vec<u8>> {
        match self {
            Self::Lore => {
                let ability = "bench_drill".to_owned();
                Some(calls(None, Method::CombatUseSkill(v1::CombatUseSkill { ability, target: None })))
            }
            Self::Raw => Some(vec![raw::ACT]),
            Self::Colyseus => None,
        }
    }

    /// What the frame that begins like this is about.
    pub fn hear(self, front: &[u8]) -> Heard {
        match self {
            Self::Lore => lore(front).unwrap_or(Heard::Other),
            Self::Raw => {
                let ack = front.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
                Heard::Delta { tick: None, ack }
            }
            Self::Colyseus => match front.first() {
                Some(&colyseus::JOIN_ROOM) => Heard::Answer(&[colyseus::JOIN_ROOM]),
                Some(&colyseus::ROOM_STATE) => Heard::Snapshot,
                Some(&colyseus::ROOM_STATE_PATCH) => Heard::Delta { tick: None, ack: None },
                _ => Heard::Other,
            },
        }
    }
}

/// A line for everybody in the zone.
pub fn say(text: String) -> Vec<u8> {
    calls(None, Method::ChatSend(v1::ChatSend { text }))
}

/// Adds to what is said to our server, if anything, that the frame of this tick has come.
pub fn acknowledge(out: &mut Vec<u8>, tick: u64) {
    // Two messages of Protocol Buffers behind each other are one that has the lists of both.
    add(out, None, Method::WorldAck(v1::WorldAck { tick }));
}

fn calls(id: Option<u64>, method: Method) -> Vec<u8> {
    let mut out = Vec::new();
    add(&mut out, id, method);
    out
}

fn add(out: &mut Vec<u8>, id: Option<u64>, method: Method) {
    let calls = vec![v1::Call { id, method: Some(method) }];
    // A vector takes everything.
    let _ = v1::ClientFrame { calls }.encode(out);
}

/// One field at the front of a message: its number and, of a number, its value; of a message, its beginning.
enum Field<'a> {
    Number(u64, u64),
    Message(u64, &'a [u8]),
}

/// Takes a field off the front; `None` at the end of what is there, or at what is neither number nor message.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = decode_varint(bytes).ok()?;
    let value = decode_varint(bytes).ok()?;
    match key & 7 {
        0 => Some(Field::Number(key >> 3, value)),
        2 => {
            let length = usize::try_from(value).unwrap_or(usize::MAX).min(bytes.len());
            let all = *bytes;
            let (body, rest) = all.split_at(length);
            *bytes = rest;
            Some(Field::Message(key >> 3, body))
        }
        _ => None,
    }
}

fn lore(mut front: &[u8]) -> Option<Heard> {
    match next(&mut front)? {
        Field::Message(field::NOTIFICATIONS, mut notification) => match next(&mut notification)? {
            Field::Message(field::SNAPSHOT, _) => Some(Heard::Snapshot),
            Field::Message(field::DELTA, delta) => Some(delta_of(delta)),
            Field::Message(field::CORRECTED, body) => Some(corrected(body)),
            _ => None,
        },
        Field::Message(field::RESPONSES, mut response) => {
            while let Some(part) = next(&mut response) {
                if let Field::Message(field::ERROR, error) = part {
                    return Some(Heard::Refused(words(error)));
                }
            }
            None
        }
        _ => None,
    }
}

/// The tick and the acknowledgement come first.
fn delta_of(mut delta: &[u8]) -> Heard {
    let (mut tick, mut ack) = (None, None);
    while let Some(Field::Number(number, value)) = next(&mut delta) {
        match number {
            field::TICK => tick = Some(value),
            field::ACK => ack = Some(value as u32),
            _ => {}
        }
    }
    Heard::Delta { tick, ack }
}

fn corrected(mut body: &[u8]) -> Heard {
    // As prost has it: the sign is in the lowest bit.
    let signed = |value: u64| ((value >> 1) as i32) ^ -((value & 1) as i32);
    let (mut x, mut y) = (0, 0);
    while let Some(Field::Number(number, value)) = next(&mut body) {
        match number {
            field::X => x = signed(value),
            field::Y => y = signed(value),
            _ => {}
        }
    }
    Heard::Corrected(x, y)
}

/// What of an error's front can be read by people.
fn words(error: &[u8]) -> String {
    let text = String::from_utf8_lossy(error);
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v1::notification::Method as Notice;
    use protocol::v1::response::Outcome;

    fn told(method: Notice) -> Vec<u8> {
        let notifications = vec![v1::Notification { method: Some(method) }];
        v1::ServerFrame { notifications, ..v1::ServerFrame::default() }.encode_to_vec()
    }

    #[test]
    fn the_front_of_our_frames_is_understood() {
        let delta = v1::WorldDelta { tick: 300, ack: Some(7), ..v1::WorldDelta::default() };
        let heard = Side::Lore.hear(&told(Notice::WorldDelta(delta.clone())));
        assert_eq!(heard, Heard::Delta { tick: Some(300), ack: Some(7) });
        let delta = v1::WorldDelta { ack: None, leave: vec![1, 2], ..delta };
        let heard = Side::Lore.hear(&told(Notice::WorldDelta(delta)));
        assert_eq!(heard, Heard::Delta { tick: Some(300), ack: None });
        let snapshot = v1::WorldSnapshot { tick: 5, ..v1::WorldSnapshot::default() };
        assert_eq!(Side::Lore.hear(&told(Notice::WorldSnapshot(snapshot))), Heard::Snapshot);
        let corrected = v1::WorldCorrected { seq: 3, x: -500, y: 1_000 };
        assert_eq!(Side::Lore.hear(&told(Notice::WorldCorrected(corrected))), Heard::Corrected(-500, 1_000));
        let said = v1::SystemMessage { text: "hello".to_owned(), ..v1::SystemMessage::default() };
        assert_eq!(Side::Lore.hear(&told(Notice::SystemMessage(said))), Heard::Other);
    }

    #[test]
    fn a_refused_join_says_why() {
        let error = v1::Error { code: -32_011, message: "the zone is full".to_owned(), data: None };
        let responses = vec![v1::Response { id: 1, outcome: Some(Outcome::Error(error)) }];
        let frame = v1::ServerFrame { responses, ..v1::ServerFrame::default() }.encode_to_vec();
        let Heard::Refused(why) = Side::Lore.hear(&frame) else { panic!("refused") };
        assert!(why.contains("the zone is full"), "{why}");
    }

    #[test]
    fn a_movement_is_what_the_schema_says() {
        let mut out = vec![1, 2, 3];
        Side::Lore.go(&mut out, 9, (-5, 70_000));
        let frame = v1::ClientFrame::decode(out.as_slice()).expect("decodes");
        let expected = Method::WorldMove(v1::WorldMove { seq: 9, x: -5, y: 70_000 });
        let moved = v1::Call { id: None, method: Some(expected) };
        assert_eq!(frame.calls, std::slice::from_ref(&moved));
        acknowledge(&mut out, 345);
        let frame = v1::ClientFrame::decode(out.as_slice()).expect("decodes");
        let seen = Method::WorldAck(v1::WorldAck { tick: 345 });
        assert_eq!(frame.calls, [moved, v1::Call { id: None, method: Some(seen) }]);
        Side::Raw.go(&mut out, 9, (-5, 70_000));
        assert_eq!(out.len(), 12);
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_something_else() {
        for front in [&b""[..], b"\xff\xff\xff", b"\x12", b"\x12\x05\x0a", b"{\"jsonrpc\""] {
            assert_eq!(Side::Lore.hear(front), Heard::Other, "{front:?}");
        }
    }
}
