//! The committed corpus of the fuzz targets, through the same functions. See `tests/fuzz/Cargo.toml`.

use crate::live::root;
use proptest::prelude::*;
use protocol::prost::Message as _;
use protocol::v1::{Call, ClientFrame, call};

#[path = "fuzz/replay.rs"]
mod replay;
#[path = "fuzz/replica.rs"]
mod replica;
#[path = "fuzz/scripts.rs"]
mod scripts;
#[path = "fuzz/session.rs"]
mod session;

/// Runs every file of a target's corpus; a failure names the file.
fn run(target: &str, function: fn(&[u8])) {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{target}: {files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| function(&bytes)) {
            eprintln!("{}", file.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn modules() {
    run("module", scripts::module);
}

#[test]
fn manifests() {
    run("manifest", scripts::manifest);
}

#[test]
fn replay_logs() {
    run("replay", replay::read);
}

#[test]
fn frames_of_clients() {
    run("frame", session::frame);
}

#[test]
fn frames_of_servers() {
    run("delta", replica::delta);
}

/// Calls of every kind that a session tells apart, good and bad.
const CALLS: [(&str, &str); 15] = [
    ("world.join", r#"{"character":7}"#),
    ("world.leave", "{}"),
    ("world.move", r#"{"seq":1,"x":10500,"y":-20000}"#),
    ("world.ack", r#"{"tick":345}"#),
    ("combat.attack", r#"{"target":33}"#),
    ("chat.send", r#"{"text":"hello"}"#),
    ("quest.list", "{}"),
    ("inventory.drop", r#"{"slot":70000,"count":1}"#),
    ("state.sync", "{}"),
    ("presence.query", r#"{"characters":[7],"names":["Ada"]}"#),
    ("presence.update", r#"{"state":"busy"}"#),
    ("auth.refresh", r#"{"token":"eyJ0"}"#),
    ("system.ping", r#"{"nonce":5}"#),
    ("session.ack", r#"{"seq":3}"#),
    ("session.resume", r#"{"token":"t","seq":0}"#),
];

/// One thing that happens to a session.
#[derive(Clone, Debug)]
enum Event {
    /// The client calls, with or without an id.
    Calls(Vec<(Option<u64>, usize)>),
    /// Time passes, in 16 ms.
    Time(u8),
    /// Something is answered: 4 the oldest, 5 the newest, 6 the oldest with a refusal.
    Answered(u8),
    /// The line breaks, and the client comes back with a call, having heard so much.
    Back(u64, u64),
}

impl Event {
    /// As `session::frame` reads it, in JSON or Protocol Buffers.
    fn write(&self, is_proto: bool, out: &mut Vec<u8>) {
        match self {
            Self::Calls(calls) => {
                let call = |(id, which): &(Option<u64>, usize)| (*id, CALLS[*which].0, CALLS[*which].1);
                write_frame(is_proto, &calls.iter().map(call).collect::<Vec<_>>(), out);
            }
            Self::Time(time) => out.extend([3, *time]),
            Self::Answered(how) => out.push(*how),
            Self::Back(id, seq) => {
                out.push(2);
                let params = format!(r#"{{"token":"t","seq":{seq}}}"#);
                write_frame(is_proto, &[(Some(*id), "session.resume", params.as_str())], out);
                out.push(4);
            }
        }
    }
}

fn write_frame(is_proto: bool, calls: &[(Option<u64>, &str, &str)], out: &mut Vec<u8>) {
    let frame = if is_proto { proto_frame(calls) } else { json_frame(calls) };
    out.push(0);
    out.extend((frame.len() as u16).to_le_bytes());
    out.extend(frame);
}

fn json_frame(calls: &[(Option<u64>, &str, &str)]) -> Vec<u8> {
    let call = |(id, method, params): &(Option<u64>, &str, &str)| {
        let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
        format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{params}}}"#)
    };
    match calls {
        [one] => call(one).into_bytes(),
        several => format!("[{}]", several.iter().map(call).collect::<Vec<_>>().join(",")).into_bytes(),
    }
}

fn proto_frame(calls: &[(Option<u64>, &str, &str)]) -> Vec<u8> {
    let call = |(id, method, params): &(Option<u64>, &str, &str)| Call {
        id: *id,
        method: Some(call::Method::from_json(method, params).unwrap().unwrap()),
    };
    ClientFrame { calls: calls.iter().map(call).collect() }.encode_to_vec()
}

fn event() -> impl Strategy<Value = Event> {
    let call = (proptest::option::of(0..1_000_u64), 0..CALLS.len());
    prop_oneof![
        6 => proptest::collection::vec(call, 0..40).prop_map(Event::Calls),
        2 => any::<u8>().prop_map(Event::Time),
        6 => (4..=6_u8).prop_map(Event::Answered),
        2 => (0..1_000_u64, 0..40_u64).prop_map(|(id, seq)| Event::Back(id, seq)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_to_a_session_it_keeps_its_promises(
        is_proto in any::<bool>(), is_resumable in any::<bool>(),
        events in proptest::collection::vec(event(), 0..60)
    ) {
        let mut bytes = vec![u8::from(is_proto) | (u8::from(is_resumable) << 1)];
        events.iter().for_each(|event| event.write(is_proto, &mut bytes));
        session::frame(&bytes);
    }

    #[test]
    fn whatever_a_server_says_a_client_survives(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        replica::delta(&bytes);
    }
}
