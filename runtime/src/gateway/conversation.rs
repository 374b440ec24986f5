//! What a client has on this server beside its socket, and keeps when that breaks: its session, what waits for it, its
//! character in the world. Nothing here waits for a socket: frames to be written are put into [`Conversation::out`].

use super::crowd::Membership;
use super::presence::Attendance;
use super::session::{Action, Session, State};
use super::{Gateway, join};
use crate::client::frame::{Encoding, Numbered};
use crate::client::rpc::RpcError;
use crate::client::{Client, CloseReason, NO_REQUEST, Outbox, Outgoing};
use crate::store::AccountId;
use crate::zone::{InboxError, Message as ZoneMessage};
use protocol::v1::response::Outcome;
use protocol::v1::{Done, Pong, Resumed};
use sim::{CharacterId, RequestId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use tracing::{Instrument as _, field};

/// One client's side of the server.
pub(super) struct Conversation {
    /// As it is called in `session.welcome` and in logs.
    pub name: String,
    pub account: AccountId,
    pub client: Arc<Client>,
    pub outbox: Outbox,
    pub session: Session,
    /// Finished frames for the socket, in order.
    pub out: VecDeque<Numbered>,
    /// The request that is being carried out, for the log of a defect in it.
    pub under_way: Option<RequestId>,
    /// Whose join is under way or done, and whether it is on its way into its zone.
    joining: Option<(CharacterId, JoinHandle<bool>)>,
    /// Whose presences it is told.
    pub attendance: Attendance,
    /// Among all that the operator speaks to.
    pub membership: Option<Membership>,
    epoch: Instant,
}

impl Conversation {
    /// Without a character; its clock counts from `epoch`.
    pub fn new(
        account: AccountId,
        encoding: Encoding,
        session: Session,
        attendance: Attendance,
        epoch: Instant,
    ) -> Self {
        let (client, outbox) = Client::new(encoding);
        Self {
            name: format!("{:016x}", rand::random::<u64>()),
            account,
            client: Arc::new(client),
            outbox,
            session,
            out: VecDeque::new(),
            under_way: None,
            joining: None,
            attendance,
            membership: None,
            epoch,
        }
    }

    /// The clock of its session, the same on every connection.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Who is in the world.
    pub fn character(&self) -> Option<CharacterId> {
        match self.session.state() {
            State::InWorld(character) => Some(character),
            _ => None,
        }
    }

    /// Its client has no connection: others see that nobody looks.
    pub fn lose_client(&mut self) {
        let character = self.character();
        self.attendance.lose(character);
    }

    /// Its client is back.
    pub fn regain_client(&mut self) {
        let character = self.character();
        self.attendance.regain(character);
    }

    /// Carries out what the session decided, all but what is about connections.
    pub async fn act(&mut self, gateway: &Arc<Gateway>, action: Action) {
        match action {
            Action::Send(frame) => self.out.push_back(frame),
            Action::Join { request, character } => {
                let (gateway, client) = (Arc::clone(gateway), Arc::clone(&self.client));
                let account = self.account;
                let id = self.session.named(request, Duration::ZERO).map(|(id, _)| field::display(id));
                let span =
                    tracing::error_span!("join", session = self.name, account = account.0, %character, id);
                let join = async move { join::join(&gateway, &client, account, character, request).await };
                self.joining = Some((character, tokio::spawn(join.instrument(span))));
            }
            Action::Leave { request } => {
                if let Some((character, _)) = self.joining {
                    self.submit_leave(gateway, character, request).await;
                }
            }
            Action::Submit { request, ask } => {
                let Some((character, _)) = self.joining else { return };
                let client = Arc::clone(&self.client);
                let zone = gateway.zones.handle(client.zone());
                if zone.submit(ZoneMessage::Ask { client, character, request, ask }).is_err() {
                    self.answer(request, Err(RpcError::Busy(Duration::from_millis(100))));
                }
            }
            Action::Ping { request, nonce } => {
                let pong = self.pong(gateway, nonce);
                self.answer(request, Ok(Outcome::Pong(pong)));
            }
            Action::Ack { request, tick } => {
                self.client.acknowledge(tick);
                self.answer(request, Ok(Outcome::Done(Done {})));
            }
            Action::Inquire { request, inquiry } => {
                let inquiry = inquiry.masked(&gateway.content.borrow().chat);
                let character = self.character();
                let result = self.attendance.answer(inquiry, character, &self.client);
                self.answer(request, result);
            }
            Action::Done { request } => self.answer(request, Ok(Outcome::Done(Done {}))),
            // Its connection sees to these.
            Action::Resume { .. } | Action::Refresh { .. } | Action::Flood => {}
        }
    }

    fn pong(&self, gateway: &Gateway, nonce: Option<i64>) -> Pong {
        let tick = match self.session.state() {
            State::InWorld(_) => {
                let zone = gateway.zones.handle(self.client.zone());
                Some(zone.stats.tick.load(Ordering::Relaxed))
            }
            _ => None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Pong { nonce, tick, server_time_ms: now.as_millis() as u64 }
    }

    /// Takes what the outbox held. [`Outgoing::Close`] is for the caller: once all before it is written.
    pub fn outgoing(&mut self, outgoing: Outgoing) -> Option<CloseReason> {
        match outgoing {
            Outgoing::Frame(frame) => self.out.push_back(frame.into()),
            // It goes before what is written next.
            Outgoing::Rest => {}
            Outgoing::Told(frame) => {
                let frame = self.session.tell(frame);
                self.out.push_back(frame);
            }
            Outgoing::Speech(lines) => {
                self.out.extend(lines.iter().map(|line| self.session.overhear(line.clone())));
            }
            Outgoing::Answer { request, result } => {
                self.answer(request, result.map(|outcome| *outcome));
            }
            Outgoing::Joined { request, character, joined } => {
                self.session.set_state(State::InWorld(character));
                self.answer(request, Ok(Outcome::Joined(*joined)));
            }
            Outgoing::NotJoined { request, error } => {
                self.session.set_state(State::Authenticated);
                self.joining = None;
                self.answer(request, Err(error));
            }
            Outgoing::Left { request } => {
                self.session.set_state(State::Authenticated);
                self.joining = None;
                self.answer(request, Ok(Outcome::Done(Done {})));
            }
            Outgoing::Close(reason) => return Some(reason),
        }
        None
    }

    /// The same while there is no socket: what must not be lost is kept by the session, nothing else.
    pub fn keep(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Frame(_) | Outgoing::Rest => {}
            outgoing => {
                if let Some(reason) = self.outgoing(outgoing) {
                    self.client.close(reason);
                }
            }
        }
        self.out.clear();
        self.outbox.settle(&self.client);
    }

    /// Answers a request.
    pub fn answer(&mut self, request: RequestId, result: Result<Outcome, RpcError>) {
        if let Some(received_at) = self.session.received_at(request) {
            let latency = self.now().saturating_sub(received_at);
            metrics::histogram!("websocket_message_latency_seconds").record(latency);
        }
        self.out.extend(self.session.answer(request, result));
    }

    /// What a client that comes back is told of it.
    pub fn resumed(&self, gateway: &Gateway, recovery: String) -> Resumed {
        let character = self.character().map(|character| character.0);
        let zone = character.map(|_| gateway.zones.handle(self.client.zone()).name.to_string());
        Resumed { session: self.name.clone(), recovery, character, zone, last_id: self.session.last_id() }
    }

    /// Takes the character out of the world, if it is in it or on its way.
    pub async fn leave(&mut self, gateway: &Gateway) {
        drop(self.membership.take());
        let Some((character, task)) = self.joining.take() else { return };
        // A join cannot be taken back half-way: the character might stay taken for ever.
        let entered = task.await.unwrap_or(false);
        if entered && self.session.state() != State::Leaving {
            self.submit_leave(gateway, character, NO_REQUEST).await;
        }
    }

    async fn submit_leave(&mut self, gateway: &Gateway, character: CharacterId, request: RequestId) {
        let client = Arc::clone(&self.client);
        let mut message = ZoneMessage::Leave { client, character, request };
        loop {
            match gateway.zones.handle(self.client.zone()).submit(message) {
                Ok(()) | Err((InboxError::Gone, _)) => return,
                Err((InboxError::Busy, returned)) => message = returned,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
