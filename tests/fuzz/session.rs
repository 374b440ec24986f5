//! What is fuzzed of a connection, without its socket: decoding, and the session with everything that can happen to it.

use protocol::prost::Message as _;
use protocol::v1::response::Outcome;
use protocol::v1::{Done, ServerFrame};
use runtime::client::NO_REQUEST;
use runtime::client::frame::{Encoding, Frame, Numbered};
use runtime::client::limits::PENDING_REQUESTS;
use runtime::client::rpc::{self, Calls, Parsed, RpcError};
use runtime::gateway::session::{Action, Session, State};
use sim::RequestId;
use std::time::Duration;

/// The bytes are a frame in either encoding, and a conversation. The first bit of its first byte chooses the encoding,
/// the second whether sessions can be resumed. Then follow steps, by their byte modulo 8: a frame of the client (0, 1; its
/// length in two bytes, and its payload), a line that breaks and another one (2), time that passes (3; a byte, in 16 ms),
/// an answer to the oldest (4) or the newest (5) open request, a refusal of the oldest (6), the end of the token (7), after
/// which nothing comes. Requests of a session that is away are answered when the one on the line has none.
///
/// Whatever happens, no call is answered twice, calls with an id are answered once in the end, few wait at a time, and
/// nothing is asked of a zone for who is not in one. What a session tells is numbered without a gap, and who comes back
/// to it is told what was missed.
pub fn frame(bytes: &[u8]) {
    drop(rpc::decode_binary(bytes));
    drop(rpc::decode_text(&String::from_utf8_lossy(bytes)));
    let Some((first, mut rest)) = bytes.split_first() else { return };
    let mut conversation = Conversation::new(Encoding::ALL[usize::from(first & 1)], first & 2 != 0);
    while let Some(step) = take(&mut rest, 1) {
        match step[0] % 8 {
            0 | 1 => {
                let Some(length) = take(&mut rest, 2) else { break };
                let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
                let length = length.min(rest.len());
                let payload = take(&mut rest, length).unwrap_or_default();
                conversation.receive(payload);
            }
            2 => conversation.break_line(),
            3 => {
                let Some(time) = take(&mut rest, 1) else { break };
                conversation.now += Duration::from_millis(16 * u64::from(time[0]));
            }
            4 => conversation.answer(Which::Oldest, Ok(Outcome::Done(Done {}))),
            5 => conversation.answer(Which::Newest, Ok(Outcome::Done(Done {}))),
            6 => conversation.answer(Which::Oldest, Err(RpcError::Internal)),
            _ => break,
        }
        if conversation.is_flooded {
            break;
        }
    }
    if let Some(away) = conversation.away {
        away.end();
    }
    conversation.talk.end();
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// One of the open requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Oldest,
    Newest,
}

/// A client, its session, and the one it had on a line that broke.
struct Conversation {
    encoding: Encoding,
    is_resumable: bool,
    now: Duration,
    talk: Talk,
    away: Option<Talk>,
    is_flooded: bool,
}

/// A session, and what is known of it from outside.
struct Talk {
    session: Session,
    /// Whether what it tells is numbered.
    is_resumable: bool,
    /// What it must be in, by what it asked its driver for.
    state: State,
    /// What the driver was asked for and has not done, oldest first.
    open: Vec<Action>,
    newest: RequestId,
    /// Number of the newest message.
    seq: u64,
    /// Calls of `session.resume` in the frame that is received.
    resumes: usize,
    /// Calls up to this one are known, since the client came back.
    known: Option<u64>,
    /// Calls that have to be answered.
    asked: usize,
    answered: usize,
}

impl Conversation {
    fn new(encoding: Encoding, is_resumable: bool) -> Self {
        let talk = Talk::new(encoding, is_resumable);
        Self { encoding, is_resumable, now: Duration::ZERO, talk, away: None, is_flooded: false }
    }

    fn receive(&mut self, payload: &[u8]) {
        let mut actions = Vec::new();
        let talk = &mut self.talk;
        match self.encoding {
            Encoding::Json => {
                // The socket lets through nothing else.
                let text = String::from_utf8_lossy(payload);
                talk.expect(&rpc::decode_text(&text));
                talk.session.receive_text(&text, self.now, &mut actions);
            }
            Encoding::Proto => {
                talk.expect(&rpc::decode_binary(payload));
                talk.session.receive_binary(payload, self.now, &mut actions);
            }
        }
        for action in actions {
            self.is_flooded |= action == Action::Flood;
            talk.take_on(action);
        }
        talk.resumes = 0;
        talk.check();
    }

    /// The client goes on over another line, with a session of its own at first.
    fn break_line(&mut self) {
        // The driver resumes at once, or not at all.
        if self.talk.state == State::Resuming {
            return;
        }
        let lost = std::mem::replace(&mut self.talk, Talk::new(self.encoding, self.is_resumable));
        let may_return = self.is_resumable && !lost.session.is_unused();
        let over = if may_return { self.away.replace(lost) } else { Some(lost) };
        if let Some(over) = over {
            over.end();
        }
    }

    /// The driver has done what it was asked for, or could not.
    fn answer(&mut self, which: Which, result: Result<Outcome, RpcError>) {
        let is_idle = self.talk.open.is_empty();
        let talk = match &mut self.away {
            Some(away) if is_idle => away,
            _ => &mut self.talk,
        };
        if talk.open.is_empty() {
            return;
        }
        let place = if which == Which::Oldest { 0 } else { talk.open.len() - 1 };
        match (talk.open.remove(place), result) {
            (Action::Resume { request, seq, .. }, Ok(_)) => self.resume(request, seq),
            (Action::Resume { request, .. }, Err(error)) => talk.stay(request, error),
            (action, result) => talk.answer(&action, result),
        }
    }

    /// The session that is away goes on in the place of this one.
    fn resume(&mut self, request: RequestId, seq: u64) {
        let Some(mut begun) = self.away.take() else {
            return self.talk.stay(request, RpcError::Internal);
        };
        // Without all that was missed it is over.
        let Ok(missed) = begun.session.resume(seq) else {
            return self.talk.stay(request, RpcError::Internal);
        };
        let missed: Vec<u64> = missed.iter().map(|frame| read(frame).1).collect();
        assert_eq!(missed, (seq + 1..=begun.seq).collect::<Vec<_>>(), "all that was missed, in order");
        begun.known = begun.session.last_id();
        self.talk.reply(request, Ok(Outcome::Done(Done {})));
        std::mem::swap(self.talk.session.allowance(), begun.session.allowance());
        std::mem::replace(&mut self.talk, begun).end();
        self.talk.check();
    }
}

impl Talk {
    fn new(encoding: Encoding, is_resumable: bool) -> Self {
        let session = Session::new(encoding);
        Self {
            session: if is_resumable { session.resumable() } else { session },
            is_resumable,
            state: State::Authenticated,
            open: Vec::new(),
            newest: RequestId(0),
            seq: 0,
            resumes: 0,
            known: None,
            asked: 0,
            answered: 0,
        }
    }

    /// What a frame of the client has to be answered with.
    fn expect(&mut self, calls: &Calls<'_>) {
        self.asked += wanted(calls, self.known);
        self.resumes = resumes(calls);
    }

    fn take_on(&mut self, action: Action) {
        match &action {
            Action::Send(frame) => self.hear(frame),
            Action::Join { .. } => {
                assert_eq!(self.state, State::Authenticated, "one join at a time");
                self.state = State::Joining;
            }
            Action::Leave { .. } => {
                assert!(matches!(self.state, State::InWorld(_)), "nobody leaves from {:?}", self.state);
                self.state = State::Leaving;
            }
            Action::Resume { .. } => {
                assert_eq!(self.state, State::Authenticated, "nobody comes back to what goes on");
                self.state = State::Resuming;
            }
            Action::Submit { .. } | Action::Ack { .. } => {
                assert!(matches!(self.state, State::InWorld(_)), "a zone is asked in {:?}", self.state);
            }
            _ => {}
        }
        // Nobody waits for what a notification asked for.
        if let Some(request) = request(&action).filter(|request| *request != NO_REQUEST) {
            assert!(request > self.newest, "{request:?} after {:?}", self.newest);
            self.newest = request;
            self.open.push(action);
        }
    }

    /// A message for the client; one that it was sent before is no news.
    fn hear(&mut self, message: &Numbered) {
        let (answers, seq) = read(message);
        if (1..=self.seq).contains(&seq) {
            assert!(self.known.is_some(), "{seq} comes again for nobody");
            return;
        }
        self.answered += answers;
        // The answer to `session.resume` is about another session, also where it refuses at once: it has no number.
        if seq == 0 && self.resumes > 0 {
            self.resumes -= 1;
            return;
        }
        let is_numbered = self.is_resumable && self.state != State::Resuming;
        assert_eq!(seq, if is_numbered { self.seq + 1 } else { 0 }, "after {} in {:?}", self.seq, self.state);
        self.seq = self.seq.max(seq);
    }

    fn answer(&mut self, action: &Action, result: Result<Outcome, RpcError>) {
        let state = match action {
            Action::Join { character, .. } if result.is_ok() => State::InWorld(*character),
            Action::Join { .. } | Action::Leave { .. } => State::Authenticated,
            _ => self.state,
        };
        self.set_state(state);
        let Some(request) = request(action) else { return };
        self.reply(request, result);
        assert_eq!(self.session.answer(request, Ok(Outcome::Done(Done {}))), None, "answered twice");
        self.check();
    }

    /// Nothing was resumed: this session goes on.
    fn stay(&mut self, request: RequestId, error: RpcError) {
        self.reply(request, Err(error));
        self.set_state(State::Authenticated);
        self.check();
    }

    fn reply(&mut self, request: RequestId, result: Result<Outcome, RpcError>) {
        if let Some(frame) = self.session.answer(request, result) {
            self.hear(&frame);
        }
    }

    fn set_state(&mut self, state: State) {
        if state != self.state {
            self.state = state;
            self.session.set_state(state);
        }
    }

    fn check(&self) {
        assert_eq!(self.session.state(), self.state);
        let waiting =
            self.open.iter().filter_map(request).filter(|it| self.session.received_at(*it).is_some());
        assert!(waiting.count() <= PENDING_REQUESTS);
        assert!(self.answered <= self.asked, "{} answers to {} calls", self.answered, self.asked);
    }

    /// The token is no good any more, or the session is over.
    fn end(mut self) {
        let last = self.session.fail_all(&RpcError::SessionExpired);
        last.iter().for_each(|frame| self.hear(frame));
        assert_eq!(self.answered, self.asked, "every call with an id is answered in the end");
        assert_eq!(self.session.fail_all(&RpcError::SessionExpired), []);
        assert!(self.open.iter().filter_map(request).all(|it| self.session.received_at(it).is_none()));
    }
}

/// How many answers a frame of the client has to get; calls up to `known` were asked for before. Of what is no call
/// nobody knows whether it wants one; all that is wrong with a call is told by the session.
fn wanted(calls: &Calls<'_>, known: Option<u64>) -> usize {
    let (Calls::Each(calls) | Calls::Batch(calls)) = calls;
    let is_wanted = |call: &&Parsed<'_>| match call {
        Ok(call) => match &call.id {
            Some(id) => id.counted().is_none_or(|id| known.is_none_or(|known| id > known)),
            None => false,
        },
        Err((_, error)) => {
            assert!(matches!(error, RpcError::Parse(_) | RpcError::InvalidRequest(_)), "{error}");
            true
        }
    };
    calls.iter().filter(is_wanted).count()
}

/// How many calls of a frame ask to resume and are answered alone. In a batch, the number is that of all its answers.
fn resumes(calls: &Calls<'_>) -> usize {
    let Calls::Each(calls) = calls else { return 0 };
    calls.iter().flatten().filter(|call| call.id.is_some() && call.method == "session.resume").count()
}

/// How many answers a frame of the server holds, and its number, 0 without one.
fn read(message: &Numbered) -> (usize, u64) {
    let seq = |answer: &serde_json::Value| answer["seq"].as_u64().unwrap_or(0);
    match message.whole() {
        Frame::Text(text) => match serde_json::from_str(&text).expect("JSON") {
            serde_json::Value::Array(answers) => (answers.len(), answers.first().map_or(0, seq)),
            answer => (1, seq(&answer)),
        },
        Frame::Binary(bytes) => {
            let frame = ServerFrame::decode(bytes.as_ref()).expect("a frame");
            (frame.responses.len(), frame.seq)
        }
    }
}

/// Who has to be answered when this is done.
fn request(action: &Action) -> Option<RequestId> {
    if let Action::Join { request, .. }
    | Action::Leave { request }
    | Action::Resume { request, .. }
    | Action::Done { request }
    | Action::Submit { request, .. }
    | Action::Ack { request, .. }
    | Action::Refresh { request, .. }
    | Action::Ping { request, .. }
    | Action::Inquire { request, .. } = action
    {
        Some(*request)
    } else {
        None
    }
}
