//! What is fuzzed of a connection, without its socket: decoding, and the session with everything that can happen to it.

use protocol::prost::Message as _;
use protocol::v1::response::Outcome;
use protocol::v1::{Done, ServerFrame};
use runtime::client::frame::{Encoding, Frame};
use runtime::client::limits::PENDING_REQUESTS;
use runtime::client::rpc::{self, Calls, RpcError};
use runtime::gateway::session::{Action, Session, State};
use sim::RequestId;
use std::time::Duration;

/// The bytes are a frame in either encoding, and a conversation. Its first byte chooses the encoding, then follow steps,
/// by their byte modulo 8: a frame of the client (0 to 2; its length in two bytes, and its payload), time that passes
/// (3; a byte, in 16 ms), an answer to the oldest (4) or the newest (5) open request, a refusal of the oldest (6), the
/// end of the token (7), after which nothing comes.
///
/// Whatever happens, no call is answered twice, calls with an id are answered once in the end, few wait at a time, and
/// nothing is asked of a zone for who is not in one.
pub fn frame(bytes: &[u8]) {
    drop(rpc::decode_binary(bytes));
    drop(rpc::decode_text(&String::from_utf8_lossy(bytes)));
    let Some((first, mut rest)) = bytes.split_first() else { return };
    let mut conversation = Conversation::new(Encoding::ALL[usize::from(first % 2)]);
    while let Some(step) = take(&mut rest, 1) {
        match step[0] % 8 {
            0..=2 => {
                let Some(length) = take(&mut rest, 2) else { break };
                let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
                let length = length.min(rest.len());
                let payload = take(&mut rest, length).unwrap_or_default();
                conversation.receive(payload);
            }
            3 => {
                let Some(time) = take(&mut rest, 1) else { break };
                conversation.now += Duration::from_millis(16 * u64::from(time[0]));
            }
            4 => conversation.answer(0, Ok(Outcome::Done(Done {}))),
            5 => conversation.answer(conversation.open.len().saturating_sub(1), Ok(Outcome::Done(Done {}))),
            6 => conversation.answer(0, Err(RpcError::Internal)),
            _ => break,
        }
        if conversation.is_flooded {
            break;
        }
    }
    conversation.end();
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// A session, and what is known of it from outside.
struct Conversation {
    encoding: Encoding,
    session: Session,
    now: Duration,
    /// What it must be in, by what it asked its driver for.
    state: State,
    /// What the driver was asked for and has not done, oldest first.
    open: Vec<Action>,
    newest: RequestId,
    /// Calls that have to be answered.
    asked: usize,
    answered: usize,
    is_flooded: bool,
}

impl Conversation {
    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            session: Session::new(encoding),
            now: Duration::ZERO,
            state: State::Connected,
            open: Vec::new(),
            newest: RequestId(0),
            asked: 0,
            answered: 0,
            is_flooded: false,
        }
    }

    fn receive(&mut self, payload: &[u8]) {
        let mut actions = Vec::new();
        match self.encoding {
            Encoding::Json => {
                // The socket lets through nothing else.
                let text = String::from_utf8_lossy(payload);
                self.asked += wanted(&rpc::decode_text(&text));
                self.session.receive_text(&text, self.now, &mut actions);
            }
            Encoding::Proto => {
                self.asked += wanted(&rpc::decode_binary(payload));
                self.session.receive_binary(payload, self.now, &mut actions);
            }
        }
        actions.into_iter().for_each(|action| self.take_on(action));
        self.check();
    }

    fn take_on(&mut self, action: Action) {
        match &action {
            Action::Send(frame) => self.answered += answers(frame),
            Action::Flood => self.is_flooded = true,
            Action::Join { .. } => {
                assert_eq!(self.state, State::Connected, "one join at a time");
                self.state = State::Joining;
            }
            Action::Leave { .. } => {
                assert!(matches!(self.state, State::Joined(_)), "nobody leaves from {:?}", self.state);
                self.state = State::Leaving;
            }
            Action::Submit { .. } | Action::Ack { .. } => {
                assert!(matches!(self.state, State::Joined(_)), "a zone is asked in {:?}", self.state);
            }
            _ => {}
        }
        if let Some(request) = request(&action) {
            assert!(request > self.newest, "{request:?} after {:?}", self.newest);
            self.newest = request;
            self.open.push(action);
        }
    }

    /// The driver has done what it was asked for, or could not.
    fn answer(&mut self, place: usize, result: Result<Outcome, RpcError>) {
        if place >= self.open.len() {
            return;
        }
        let action = self.open.remove(place);
        let state = match &action {
            Action::Join { character, .. } if result.is_ok() => State::Joined(*character),
            Action::Join { .. } | Action::Leave { .. } => State::Connected,
            _ => self.state,
        };
        if state != self.state {
            self.state = state;
            self.session.set_state(state);
        }
        let Some(request) = request(&action) else { return };
        if let Some(frame) = self.session.answer(request, result) {
            self.answered += answers(&frame);
        }
        assert_eq!(self.session.answer(request, Ok(Outcome::Done(Done {}))), None, "answered twice");
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.session.state(), self.state);
        let waiting =
            self.open.iter().filter_map(request).filter(|it| self.session.received_at(*it).is_some());
        assert!(waiting.count() <= PENDING_REQUESTS);
        assert!(self.answered <= self.asked, "{} answers to {} calls", self.answered, self.asked);
    }

    /// The token is no good any more.
    fn end(mut self) {
        self.answered += self.session.expire().iter().map(answers).sum::<usize>();
        assert_eq!(self.answered, self.asked, "every call with an id is answered in the end");
        assert_eq!(self.session.expire(), []);
        assert!(self.open.iter().filter_map(request).all(|it| self.session.received_at(it).is_none()));
    }
}

/// How many answers a frame of the client has to get: of what is no call nobody knows whether it wants one, of a call
/// all know.
fn wanted(calls: &Calls<'_>) -> usize {
    let (Calls::Each(calls) | Calls::Batch(calls)) = calls;
    let is_no_call = |error: &RpcError| matches!(error, RpcError::Parse(_) | RpcError::InvalidRequest(_));
    assert!(calls.iter().filter_map(|call| call.as_ref().err()).all(|(_, error)| is_no_call(error)));
    calls.iter().filter(|call| !matches!(call, Ok(call) if call.id.is_none())).count()
}

/// How many answers a frame of the server holds.
fn answers(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => match serde_json::from_str(text).expect("JSON") {
            serde_json::Value::Array(answers) => answers.len(),
            _ => 1,
        },
        Frame::Binary(bytes) => ServerFrame::decode(bytes.as_ref()).expect("a frame").responses.len(),
    }
}

/// Who has to be answered when this is done.
fn request(action: &Action) -> Option<RequestId> {
    if let Action::Join { request, .. }
    | Action::Leave { request }
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
