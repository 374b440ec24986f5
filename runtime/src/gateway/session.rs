//! One client's conversation as a pure state machine: messages in, actions out; later answers in,
//! frames out. No socket, no clock (time is an argument), no zone.

mod ask;
mod recall;

use super::presence::Inquiry;
use crate::abuse::{Allowance, Policy};
use crate::client::NO_REQUEST;
use crate::client::frame::{Encoding, Frame, Numbered, response};
use crate::client::limits;
use crate::client::reliable::Reliable;
use crate::client::rpc::{self, Call, Calls, Id, RpcError};
use crate::zone::Ask;
use ask::ask;
use protocol::v1::call::Method;
use protocol::v1::response::Outcome;
use sim::{CharacterId, RequestId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Where a client stands between its welcome and its goodbye: `Authenticated` and `InWorld` are the states *authenticated*
/// and *in the world* of `docs/protocol.md`, the others the ways between them. While it is *connected* only, there is no
/// session yet; when it is *disconnecting*, nothing is asked of it any more: that is `gateway::connection`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Welcomed, without a character.
    Authenticated,
    /// `session.resume` is under way: another session may take the place of this one.
    Resuming,
    /// `world.join` is under way.
    Joining,
    /// Its character is in the world.
    InWorld(CharacterId),
    /// `world.leave` is under way.
    Leaving,
}

/// What the driver must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this frame.
    Send(Numbered),
    /// Bring the character into the world, then answer.
    Join {
        /// To answer.
        request: RequestId,
        /// Whom; not yet known to belong to the account.
        character: CharacterId,
    },
    /// Take the character out of the world, then answer.
    Leave {
        /// To answer.
        request: RequestId,
    },
    /// Go on with the session of another connection, then answer.
    Resume {
        /// To answer.
        request: RequestId,
        /// What names that session.
        token: String,
        /// The last of its messages that came through.
        seq: u64,
    },
    /// Nothing is left to do but to answer.
    Done {
        /// To answer.
        request: RequestId,
    },
    /// Hand this to the character's zone, which answers.
    Submit {
        /// To answer.
        request: RequestId,
        /// What.
        ask: Ask,
    },
    /// The client has taken in the frame of this tick.
    Ack {
        /// To answer.
        request: RequestId,
        /// Of its zone.
        tick: u64,
    },
    /// Answer with the tick of the zone and the time.
    Ping {
        /// To answer.
        request: RequestId,
        /// To repeat.
        nonce: Option<i64>,
    },
    /// Answer this without a zone.
    Inquire {
        /// To answer.
        request: RequestId,
        /// What.
        inquiry: Inquiry,
    },
    /// The connection goes on with this token, if it is good.
    Refresh {
        /// To answer.
        request: RequestId,
        /// Not yet looked at.
        token: String,
    },
    /// The client floods the server: close.
    Flood,
}

impl Action {
    /// The request that it is to answer.
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Join { request, .. }
            | Self::Leave { request }
            | Self::Resume { request, .. }
            | Self::Done { request }
            | Self::Submit { request, .. }
            | Self::Ack { request, .. }
            | Self::Ping { request, .. }
            | Self::Inquire { request, .. }
            | Self::Refresh { request, .. } => Some(*request),
            Self::Send(_) | Self::Flood => None,
        }
    }
}

/// The conversation with one client.
pub struct Session {
    encoding: Encoding,
    state: State,
    next_request: u64,
    pending: HashMap<RequestId, Pending>,
    batches: HashMap<u64, Batch>,
    /// What was sent; `None` if nobody can come back to the session.
    sent: Option<Reliable>,
    /// Greatest id of a call so far.
    last_id: Option<u64>,
    /// The same when the client last came back: such calls are known.
    known_ids: Option<u64>,
    was_resumed: bool,
    allowance: Allowance,
    refused: u32,
    refused_since: Duration,
    /// Whether its driver was told to close.
    is_flooded: bool,
}

/// A request that waits for its answer.
struct Pending {
    id: Id,
    /// Empty until its params were read.
    method: &'static str,
    batch: Option<u64>,
    /// Whether it is `session.resume`.
    is_resume: bool,
    received_at: Duration,
}

/// Answers of a batch, sent together when the last one is there.
struct Batch {
    open: usize,
    text: String,
    /// The first of its calls that has a number.
    first_id: Option<u64>,
}

impl Session {
    /// A session whose token was accepted, with the limits that are the default; it ends with its connection.
    pub fn new(encoding: Encoding) -> Self {
        Self::limited(encoding, Allowance::alone(Arc::new(Policy::default())))
    }

    /// The same with other limits.
    pub fn limited(encoding: Encoding, allowance: Allowance) -> Self {
        Self {
            encoding,
            state: State::Authenticated,
            next_request: 1,
            pending: HashMap::new(),
            batches: HashMap::new(),
            sent: None,
            last_id: None,
            known_ids: None,
            was_resumed: false,
            allowance,
            refused: 0,
            refused_since: Duration::ZERO,
            is_flooded: false,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The driver tells how a join or a leave ended, before it answers the request.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// What the client may do, for the driver: to replace its policy, and to settle what was counted.
    pub fn allowance(&mut self) -> &mut Allowance {
        &mut self.allowance
    }

    /// Takes one text frame and appends what to do about it. `now` counts from any fixed moment.
    pub fn receive_text(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        self.receive(rpc::decode_text(text), now, actions);
    }

    /// The same for a binary frame.
    pub fn receive_binary(&mut self, bytes: &[u8], now: Duration, actions: &mut Vec<Action>) {
        self.receive(rpc::decode_binary(bytes), now, actions);
    }

    fn receive(&mut self, calls: Calls<'_>, now: Duration, actions: &mut Vec<Action>) {
        let calls = match calls {
            Calls::Each(calls) => calls,
            Calls::Batch(calls) => return self.batch(calls, now, actions),
        };
        for call in calls {
            match call {
                Ok(call) => self.call(call, None, now, actions),
                Err((id, error)) => {
                    self.count_broken(now, actions);
                    let frame = response(self.encoding, &id, Err(error));
                    actions.push(Action::Send(self.number(frame, id.counted())));
                }
            }
        }
    }

    fn batch(&mut self, calls: Vec<rpc::Parsed<'_>>, now: Duration, actions: &mut Vec<Action>) {
        let number = self.next_request;
        self.next_request += 1;
        // The batch itself holds one place, so that it cannot end before its last call was read.
        self.batches.insert(number, Batch { open: 1, text: String::new(), first_id: None });
        for call in calls {
            match call {
                Ok(call) => self.call(call, Some(number), now, actions),
                Err((id, error)) => {
                    self.count_broken(now, actions);
                    if let Some(batch) = self.batches.get_mut(&number) {
                        batch.append(&id, &Err(error));
                    }
                }
            }
        }
        actions.extend(self.close_place(number).map(Action::Send));
    }

    fn call(&mut self, call: Call<'_>, batch: Option<u64>, now: Duration, actions: &mut Vec<Action>) {
        if let Some(id) = call.id.as_ref().and_then(Id::counted) {
            if self.is_known(id) {
                return self.repeat(id, now, actions);
            }
            self.last_id = self.last_id.max(Some(id));
        }
        let request = RequestId(self.next_request);
        self.next_request += 1;
        let full = self.pending.len() >= limits::PENDING_REQUESTS;
        if let Some(id) = call.id.clone() {
            if let Some(batch) = batch.and_then(|number| self.batches.get_mut(&number)) {
                batch.open += 1;
            }
            let is_resume = call.method == "session.resume";
            self.pending.insert(request, Pending { id, method: "", batch, is_resume, received_at: now });
        }
        let outcome = match self.allowance.take(&call.method, now) {
            Err(wait) => Err(RpcError::RateLimited(wait)),
            Ok(()) if full => Err(RpcError::Busy(Duration::from_millis(100))),
            Ok(()) if self.state == State::Resuming => {
                Err(RpcError::InvalidState("wait for the answer to `session.resume`"))
            }
            Ok(()) => self.carry_out(request, call, now),
        };
        if matches!(outcome, Err(RpcError::RateLimited(_))) {
            self.count_refusal(now, actions);
        }
        match outcome {
            Ok(action) => actions.push(action),
            Err(error) => actions.extend(self.answer(request, Err(error)).map(Action::Send)),
        }
    }

    fn carry_out(&mut self, request: RequestId, call: Call<'_>, now: Duration) -> Result<Action, RpcError> {
        let most = self.allowance.policy().size.of(&call.method) as usize;
        let read = match call.size() {
            size if size > most => {
                let why = format!("`params` has {size} bytes, must have at most {most} for this method");
                Err(RpcError::InvalidParams(why))
            }
            _ => call.read(),
        };
        let method = read.inspect_err(|_| self.allowance.count_malformed())?;
        if let Some(pending) = self.pending.get_mut(&request) {
            pending.method = method.name();
        }
        if let Method::WorldPositionBatch(batch) = &method {
            let more = batch.moves.len().clamp(1, limits::BATCH_MOVES) - 1;
            self.allowance.take_moves(more as u32, now).map_err(RpcError::RateLimited)?;
        }
        self.dispatch(request, method)
    }

    /// A call that cannot be read costs as much as any, and is remembered.
    fn count_broken(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.allowance.count_malformed();
        if self.allowance.take("", now).is_err() {
            self.count_refusal(now, actions);
        }
    }

    fn count_refusal(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let flood = &self.allowance.policy().flood;
        if now.saturating_sub(self.refused_since) > flood.window {
            self.refused = 0;
            self.refused_since = now;
        }
        self.refused += 1;
        // Another policy may allow fewer than there were already.
        if self.refused >= flood.calls && !self.is_flooded {
            self.is_flooded = true;
            actions.push(Action::Flood);
        }
    }

    fn dispatch(&mut self, request: RequestId, method: Method) -> Result<Action, RpcError> {
        match method {
            Method::WorldJoin(join) => {
                if self.state != State::Authenticated {
                    let why = "this connection has a character in the world; `world.leave` first";
                    return Err(RpcError::InvalidState(why));
                }
                self.state = State::Joining;
                Ok(Action::Join { request, character: CharacterId(join.character) })
            }
            Method::WorldLeave(_) => {
                self.require_in_world()?;
                self.state = State::Leaving;
                Ok(Action::Leave { request })
            }
            Method::WorldAck(ack) => {
                self.require_in_world()?;
                Ok(Action::Ack { request, tick: ack.tick })
            }
            Method::SystemPing(ping) => Ok(Action::Ping { request, nonce: ping.nonce }),
            method @ (Method::PresenceUpdate(_)
            | Method::PresenceSubscribe(_)
            | Method::PresenceUnsubscribe(_)
            | Method::PresenceQuery(_)
            | Method::SystemSubscribe(_)
            | Method::SystemUnsubscribe(_)) => {
                let inquiry = Inquiry::read(method)?;
                if inquiry.needs_character() {
                    self.require_in_world()?;
                }
                Ok(Action::Inquire { request, inquiry })
            }
            Method::AuthRefresh(it) => Ok(Action::Refresh { request, token: it.token }),
            Method::SessionResume(resume) => {
                self.begin_resume(request)?;
                Ok(Action::Resume { request, token: resume.token, seq: resume.seq })
            }
            Method::SessionAck(ack) => {
                self.acknowledge(ack.seq);
                Ok(Action::Done { request })
            }
            method => {
                let ask = ask(method)?;
                self.require_in_world()?;
                // Nobody is told that a notification was carried out.
                let request = if self.pending.contains_key(&request) { request } else { NO_REQUEST };
                Ok(Action::Submit { request, ask })
            }
        }
    }

    fn require_in_world(&self) -> Result<(), RpcError> {
        match self.state {
            State::InWorld(_) => Ok(()),
            State::Authenticated => Err(RpcError::InvalidState("join the world first: `world.join`")),
            State::Resuming => Err(RpcError::InvalidState("wait for the answer to `session.resume`")),
            State::Joining => Err(RpcError::InvalidState("wait for the answer to `world.join`")),
            State::Leaving => Err(RpcError::InvalidState("wait for the answer to `world.leave`")),
        }
    }

    /// Answers a request. Nothing to send for a notification, for a request answered before, and while
    /// other calls of the batch are open.
    pub fn answer(&mut self, request: RequestId, result: Result<Outcome, RpcError>) -> Option<Numbered> {
        let pending = self.pending.remove(&request)?;
        let Some(number) = pending.batch else {
            let frame = response(self.encoding, &pending.id, result);
            // The client compares a number with those of the session it comes back for.
            return Some(match pending.is_resume {
                true => frame.into(),
                false => self.number(frame, pending.id.counted()),
            });
        };
        self.batches.get_mut(&number)?.append(&pending.id, &result);
        self.close_place(number)
    }

    /// Answers everything that still waits, in the order it came.
    pub fn fail_all(&mut self, error: &RpcError) -> Vec<Numbered> {
        self.fail_since(Duration::ZERO, error)
    }

    /// The same for what was received at a moment or later. What is answered after that is answered no more.
    pub fn fail_since(&mut self, moment: Duration, error: &RpcError) -> Vec<Numbered> {
        let since = |(_, pending): &(&RequestId, &Pending)| pending.received_at >= moment;
        let mut open: Vec<RequestId> =
            self.pending.iter().filter(since).map(|(request, _)| *request).collect();
        open.sort_unstable();
        open.into_iter().filter_map(|request| self.answer(request, Err(error.clone()))).collect()
    }

    /// When a request that still waits was received.
    pub fn received_at(&self, request: RequestId) -> Option<Duration> {
        self.pending.get(&request).map(|pending| pending.received_at)
    }

    /// What the client calls a request that was received at a moment or later and still waits, and its method.
    pub fn named(&self, request: RequestId, moment: Duration) -> Option<(&Id, &'static str)> {
        let pending = self.pending.get(&request)?;
        (pending.received_at >= moment).then_some((&pending.id, pending.method))
    }

    fn close_place(&mut self, number: u64) -> Option<Numbered> {
        let batch = self.batches.get_mut(&number)?;
        batch.open -= 1;
        if batch.open > 0 {
            return None;
        }
        let batch = self.batches.remove(&number)?;
        if batch.text.is_empty() {
            return None;
        }
        Some(self.number(Frame::Text(format!("[{}]", batch.text).into()), batch.first_id))
    }
}

impl Batch {
    fn append(&mut self, id: &Id, result: &Result<Outcome, RpcError>) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.first_id = self.first_id.or(id.counted());
        rpc::write_response(&mut self.text, id, result);
    }
}

#[cfg(test)]
mod tests;
