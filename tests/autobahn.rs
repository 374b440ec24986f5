//! The test cases of the Autobahn suite, by their numbers. Against `/v1/world/ws` a `system.ping` comes back with its id
//! (`lore.v1.json`) or its nonce (`lore.v1.proto`), and what is no call with an error; against `/debug/ws-echo`, which is
//! what the suite itself can be pointed at (CONTRIBUTING.md), every message comes back as it was, whatever was in it.
//! Sizes are scaled to the 16 KiB that a message may have.
//!
//! As in the suite a case is passed as OK, or as NON-STRICT: the standard leaves it open, or only the moment at which
//! the connection fails is later than it could be. The story prints the table.

mod cases;
mod utf8;

use crate::support::raw::{PROPER, upgrade};
use crate::support::world::{Setup, World};
use futures_util::StreamExt;
use protocol::prost::Message as _;
use protocol::v1::response::Outcome;
use protocol::v1::{Call, ClientFrame, ServerFrame, SystemPing, call};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a server is given that could fail a connection before the rest is there. Decides only between OK and
/// NON-STRICT.
const AT_ONCE: Duration = Duration::from_millis(300);
/// Cases that run at the same time.
const BESIDE: usize = 8;
/// The most bytes of a message.
const LIMIT: usize = 16 * 1024;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_BEGINS: u8 = 0x02;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Where a case is played.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    World,
    Echo,
}

/// What the client does.
#[derive(Clone)]
enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes, so many at a time.
    Chop(Vec<u8>, usize),
    /// Waits for what comes next.
    Hear,
    /// Looks whether the server fails the connection before the rest is sent.
    Watch,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    /// A ping came back with this id or nonce.
    Echo(Vec<u8>),
    /// What was sent is no call.
    Refused,
    Pong(Vec<u8>),
    /// With its code, if it has one.
    Close(Option<u16>),
    /// Anything else; also what the other endpoint sends back.
    Odd(u8, Vec<u8>),
}

/// One row of the table.
struct Case {
    number: String,
    what: String,
    subprotocol: &'static str,
    /// `Sec-WebSocket-Extensions` that is asked for.
    extensions: Option<&'static str>,
    steps: Vec<Step>,
    /// What passes as OK. Unless the connection ends with it, the client says goodbye and is answered.
    strict: Vec<Heard>,
    /// What passes as NON-STRICT.
    lenient: Option<Vec<Heard>>,
}

impl Case {
    fn new(number: impl Into<String>, what: impl Into<String>, steps: Vec<Step>, strict: Vec<Heard>) -> Self {
        let (number, what) = (number.into(), what.into());
        Self { number, what, subprotocol: "lore.v1.json", extensions: None, steps, strict, lenient: None }
    }

    fn or(self, lenient: Vec<Heard>) -> Self {
        Self { lenient: Some(lenient), ..self }
    }

    fn binary(self) -> Self {
        Self { subprotocol: "lore.v1.proto", ..self }
    }

    /// The same where everything comes back: messages themselves in the place of what answers them.
    fn echoed(&self) -> Self {
        let sent = messages(&self.steps);
        let back = |heard: &Vec<Heard>| {
            let mut sent = sent.iter();
            let one = |heard: &Heard| match heard {
                Heard::Echo(_) | Heard::Refused => {
                    let (opcode, payload) = sent.next().expect("a message for every answer");
                    Heard::Odd(*opcode, payload.clone())
                }
                other => other.clone(),
            };
            heard.iter().map(one).collect::<Vec<_>>()
        };
        Self {
            number: self.number.clone(),
            what: self.what.clone(),
            subprotocol: self.subprotocol,
            extensions: self.extensions,
            steps: self.steps.clone(),
            strict: back(&self.strict),
            lenient: self.lenient.as_ref().map(back),
        }
    }

    fn expected(&self) -> String {
        match self.strict.last() {
            Some(Heard::Close(Some(code))) => format!("close {code}"),
            Some(Heard::Close(None)) => "close without a code".to_owned(),
            Some(Heard::Refused) => "error answer".to_owned(),
            Some(Heard::Pong(_)) => "pong".to_owned(),
            _ if self.strict.is_empty() => "nothing".to_owned(),
            _ => "answer".to_owned(),
        }
    }
}

/// A frame of a client; `first` is its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A message in frames of these parts.
fn fragments(begins: u8, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = parts.len() - 1;
    let first = |place| match place {
        0 => begins,
        _ if place == last => ENDS,
        _ => GOES_ON,
    };
    parts.iter().enumerate().map(|(place, part)| frame(first(place), part)).collect()
}

/// The messages in what a client sends, as far as there is sense in it: opcode and payload.
fn messages(steps: &[Step]) -> Vec<(u8, Vec<u8>)> {
    let mut sent = Vec::new();
    for step in steps {
        if let Step::Send(bytes) | Step::Chop(bytes, _) = step {
            sent.extend_from_slice(bytes);
        }
    }
    let mut rest = sent.as_slice();
    let mut messages = Vec::new();
    let mut begun: Option<(u8, Vec<u8>)> = None;
    while let Some((first, payload)) = take_masked(&mut rest) {
        match (first & 0x0f, begun.take()) {
            (opcode @ 1..=2, _) => begun = Some((opcode, payload)),
            (0, Some((opcode, whole))) => begun = Some((opcode, [whole, payload].concat())),
            // Between two fragments.
            (_, other) => {
                begun = other;
                continue;
            }
        }
        if first & ENDS != 0 {
            messages.extend(begun.take());
        }
    }
    messages
}

/// The next frame of a client.
fn take_masked(rest: &mut &[u8]) -> Option<(u8, Vec<u8>)> {
    let (first, second) = (*rest.first()?, *rest.get(1)? & 0x7f);
    let (head, length) = match second {
        126 => (4, u64::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let (mask, masked) = rest.get(head..)?.split_at_checked(4)?;
    let (masked, after) = masked.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some((first, masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()))
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// The text that comes back as an echo of this; it stands in a JSON string as it is.
fn ping_text(id: &[u8]) -> Vec<u8> {
    [br#"{"jsonrpc":"2.0","method":"system.ping","id":""#, id, br#""}"#].concat()
}

/// The same with this length: blanks follow, which say nothing in JSON.
fn sized_text(id: &[u8], length: usize) -> Vec<u8> {
    let mut text = ping_text(id);
    assert!(text.len() <= length);
    text.resize(length, b' ');
    text
}

/// Binary that comes back as an echo of the nonce, with this length: a field that the schema does not have follows.
fn sized_binary(nonce: i64, length: usize) -> Vec<u8> {
    let method = Some(call::Method::SystemPing(SystemPing { nonce: Some(nonce) }));
    let mut bytes = ClientFrame { calls: vec![Call { id: Some(1), method }] }.encode_to_vec();
    // Field 1000, length-delimited, its length in three bytes.
    let rest = length - bytes.len() - 5;
    bytes.extend([0xc2, 0x3e, rest as u8 | 0x80, (rest >> 7) as u8 | 0x80, (rest >> 14) as u8]);
    bytes.resize(length, b'*');
    bytes
}

/// A connection, frame by frame.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    heard: Vec<Heard>,
}

impl Wire {
    async fn open(world: &World, endpoint: Endpoint, case: &Case) -> Self {
        let path = match endpoint {
            Endpoint::World => "/v1/world/ws",
            Endpoint::Echo => "/debug/ws-echo",
        };
        let path = format!("{path}?token={}", world.guest().await);
        let mut headers = vec![
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", case.subprotocol),
        ];
        headers.extend(case.extensions.map(|extensions| ("Sec-WebSocket-Extensions", extensions)));
        let (status, head, stream) = upgrade(&world.http, &path, &headers).await;
        assert_eq!(status, 101, "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(!head.contains("sec-websocket-extensions"), "nothing is compressed: {head}");
        // What is sent in pieces shall come in pieces.
        stream.set_nodelay(true).unwrap();
        let mut wire = Self { stream, buffer: Vec::new(), heard: Vec::new() };
        if endpoint == Endpoint::World {
            wire.hear_until(|heard| !heard.is_empty()).await;
            assert!(matches!(wire.heard.pop(), Some(Heard::Odd(1 | 2, _))), "the welcome comes first");
        }
        wire
    }

    /// The server may have closed already: who reads sees that.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// Reads until enough was heard or the connection is at its end. Can be given up at any moment.
    async fn hear_until(&mut self, enough: impl Fn(&[Heard]) -> bool) {
        let reading = async {
            while !enough(&self.heard) {
                if let Some((first, payload)) = self.take_frame() {
                    self.heard.push(understood(first, payload));
                } else if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                    return;
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("the server answers");
    }

    /// The next whole frame of what has come.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, second) = (*self.buffer.first()?, *self.buffer.get(1)?);
        assert!(second & 0x80 == 0, "a server does not mask");
        let (head, length) = match second {
            126 => (4, u64::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(self.buffer.get(2..10)?.try_into().unwrap())),
            short => (2, u64::from(short)),
        };
        let end = head + length as usize;
        let payload = self.buffer.get(head..end)?.to_vec();
        self.buffer.drain(..end);
        Some((first, payload))
    }

    fn is_closed(heard: &[Heard]) -> bool {
        matches!(heard.last(), Some(Heard::Close(_)))
    }

    /// Plays a case to the end of the connection. Whether the server failed it before all was sent.
    async fn play(&mut self, case: &Case) -> bool {
        let mut at_once = true;
        for step in &case.steps {
            match step {
                Step::Send(bytes) => self.send(bytes).await,
                Step::Chop(bytes, size) => {
                    for piece in bytes.chunks(*size) {
                        self.send(piece).await;
                    }
                }
                Step::Hear => {
                    let before = self.heard.len();
                    self.hear_until(|heard| heard.len() > before).await;
                }
                // Running out of time is an answer, too.
                Step::Watch => at_once = timeout(AT_ONCE, self.hear_until(Self::is_closed)).await.is_ok(),
            }
        }
        let ends = matches!(case.strict.last(), Some(Heard::Close(_)));
        if !ends {
            self.send(&close(1000, b"")).await;
        }
        self.hear_until(Self::is_closed).await;
        if ends {
            // An answer to the server's close frame; where it was one itself, nobody reads it any more.
            self.send(&close(1000, b"")).await;
        } else {
            assert_eq!(self.heard.pop(), Some(Heard::Close(Some(1000))), "{}: the goodbye", case.number);
        }
        // The connection is at its end, too, and nothing follows the close frame.
        self.hear_until(|_| false).await;
        at_once
    }
}

fn understood(first: u8, payload: Vec<u8>) -> Heard {
    let odd = |payload| Heard::Odd(first & 0x0f, payload);
    match first {
        TEXT => match serde_json::from_slice::<serde_json::Value>(&payload) {
            Ok(answer) if answer.get("error").is_some() => Heard::Refused,
            Ok(answer) if answer.get("result").is_some() => match answer["id"].as_str() {
                Some(id) => Heard::Echo(id.as_bytes().to_vec()),
                None => odd(payload),
            },
            _ => odd(payload),
        },
        BINARY => match ServerFrame::decode(payload.as_slice()).map(|mut frame| frame.responses.pop()) {
            Ok(Some(response)) => match response.outcome {
                Some(Outcome::Error(_)) => Heard::Refused,
                Some(Outcome::Pong(pong)) => {
                    Heard::Echo(pong.nonce.unwrap_or_default().to_string().into_bytes())
                }
                _ => odd(payload),
            },
            _ => odd(payload),
        },
        PONG => Heard::Pong(payload),
        CLOSE => Heard::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))),
        _ => odd(payload),
    }
}

/// The word of the table.
async fn grade(world: &World, endpoint: Endpoint, case: &Case) -> String {
    let mut wire = Wire::open(world, endpoint, case).await;
    let at_once = wire.play(case).await;
    if wire.heard == case.strict {
        return if at_once { "OK" } else { "NON-STRICT" }.to_owned();
    }
    if case.lenient.as_ref() == Some(&wire.heard) {
        return "NON-STRICT".to_owned();
    }
    let short = |heard: &[Heard]| format!("{heard:?}").chars().take(300).collect::<String>();
    format!("FAILED: heard {}, expected {}", short(&wire.heard), short(&case.strict))
}

fn all_cases() -> Vec<Case> {
    let mut cases = cases::framing();
    cases.extend(cases::pings());
    cases.extend(cases::reserved());
    cases.extend(cases::fragmentation());
    cases.extend(utf8::cases());
    cases.extend(cases::closes());
    cases.extend(cases::limits());
    cases.extend(cases::compression());
    cases
}

#[tokio::test]
async fn the_cases_of_autobahn_pass() {
    pass(&World::start(), Endpoint::World, &all_cases()).await;
}

#[tokio::test]
async fn the_cases_of_autobahn_pass_where_everything_comes_back() {
    let world = Setup::default().setting("LORE_WS_ECHO", "true").start();
    let cases: Vec<Case> = all_cases().iter().map(Case::echoed).collect();
    pass(&world, Endpoint::Echo, &cases).await;
    // Only who may play may have it, and only where it is asked for.
    assert_eq!(upgrade(&world.http, "/debug/ws-echo", &PROPER).await.0, 401);
    let world = World::start();
    let path = format!("/debug/ws-echo?token={}", world.guest().await);
    assert_eq!(upgrade(&world.http, &path, &PROPER).await.0, 404);
}

async fn pass(world: &World, endpoint: Endpoint, cases: &[Case]) {
    let grades = futures_util::stream::iter(cases).map(|case| grade(world, endpoint, case)).buffered(BESIDE);
    let grades: Vec<String> = grades.collect().await;
    let mut table = String::new();
    for (case, grade) in cases.iter().zip(&grades) {
        let expected = case.expected();
        writeln!(table, "{:<8} {grade:<10}  {expected:<20}  {}", case.number, case.what).unwrap();
    }
    let count = |word: &str| grades.iter().filter(|grade| grade.starts_with(word)).count();
    eprintln!("{table}{} cases: {} OK, {} NON-STRICT", cases.len(), count("OK"), count("NON-STRICT"));
    let failed: Vec<&str> = table.lines().filter(|line| line.contains("FAILED")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(cases.len() > 300, "{} cases", cases.len());
}
