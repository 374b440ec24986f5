//! One connection: the task that owns the socket, drives the session, and writes what the outbox
//! holds. A single task, so that the session needs no lock: a client that does not read also does
//! not get read.

use super::meter::{Excess, Metered};
use super::presence::{Attendance, is_input};
use super::session::{Action, Session, State};
use super::{Gateway, join};
use crate::abuse::{Allowance, Offence, Place, Policy};
use crate::auth::{AuthError, Claims};
use crate::client::frame::{Encoding, notification};
use crate::client::limits;
use crate::client::rpc::RpcError;
use crate::client::{Client, CloseReason, NO_REQUEST, Outgoing};
use crate::zone::{InboxError, Message as ZoneMessage};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::v1::notification::Method as Notice;
use protocol::v1::response::Outcome;
use protocol::v1::{Done, Pong, Refreshed, SessionWelcome, SystemReconnect};
use sim::{CharacterId, RequestId};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

type Socket = WebSocketStream<Metered<TokioIo<Upgraded>>>;

/// Why a connection ended: we close it, the client did, or it is gone already.
enum End {
    Close(CloseReason),
    Closed,
    Gone,
}

/// One client's socket and everything about it.
pub struct Connection {
    gateway: Arc<Gateway>,
    socket: Socket,
    client: Arc<Client>,
    outbox: mpsc::Receiver<Outgoing>,
    session: Session,
    claims: Claims,
    token: String,
    /// Ids of sessions whose tokens are refused from now on.
    revocations: broadcast::Receiver<Arc<str>>,
    policy: watch::Receiver<Arc<Policy>>,
    /// Held until the connection has ended.
    place: Arc<Place>,
    started: Instant,
    /// Something was heard since the last ping.
    alive: bool,
    told_to_reconnect: bool,
    joining: Option<(CharacterId, JoinHandle<bool>)>,
    attendance: Attendance,
    actions: Vec<Action>,
}

impl Connection {
    /// A connection whose token was accepted.
    pub fn new(
        gateway: Arc<Gateway>,
        socket: Socket,
        encoding: Encoding,
        claims: Claims,
        token: String,
        place: Arc<Place>,
    ) -> Self {
        let (client, outbox) = Client::new(encoding);
        let client = Arc::new(client);
        place.attach(&client);
        let mut policy = gateway.abuse.watch_policy();
        // Also what was replaced since the place was taken.
        policy.mark_changed();
        Self {
            revocations: gateway.auth.revocations(),
            attendance: Attendance::new(&gateway.presences),
            policy,
            gateway,
            socket,
            client,
            outbox,
            session: Session::limited(encoding, Allowance::of(Arc::clone(&place))),
            place,
            claims,
            token,
            started: Instant::now(),
            alive: true,
            told_to_reconnect: false,
            joining: None,
            actions: Vec::new(),
        }
    }

    /// Runs the connection to its end, and takes its character out of the world.
    pub async fn run(mut self) {
        metrics::counter!("websocket_connections_total").increment(1);
        metrics::gauge!("websocket_active_connections").increment(1.0);
        let membership = self.gateway.crowd.join(&self.client);
        let end = match self.welcome().await {
            Ok(()) => self.converse().await,
            Err(end) => end,
        };
        drop(membership);
        self.leave_world().await;
        if let End::Closed = end {
            let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, linger(&mut self.socket)).await;
        }
        if let End::Close(reason) = end {
            let (code, _) = reason.code();
            metrics::counter!("websocket_closed_total", "code" => code.to_string()).increment(1);
            if reason == CloseReason::Token {
                let answers = self.session.expire().into_iter().map(|frame| Ok(frame.into()));
                let mut answers = futures_util::stream::iter(answers);
                // A failed write shows again when the close frame is written.
                let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, self.socket.send_all(&mut answers)).await;
            }
            close(&mut self.socket, reason).await;
        }
        metrics::gauge!("websocket_active_connections").decrement(1.0);
        metrics::histogram!("websocket_connection_duration_seconds").record(self.started.elapsed());
    }

    async fn welcome(&mut self) -> Result<(), End> {
        let session = format!("{:016x}", rand::random::<u64>());
        let welcome = SessionWelcome {
            session,
            server: concat!("loreforge/", env!("CARGO_PKG_VERSION")).to_owned(),
            tick_ms: self.gateway.tick_ms,
            account: self.claims.account.0,
            heartbeat_ms: self.gateway.heartbeat.as_millis() as u64,
            max_message_bytes: limits::MESSAGE_BYTES as u64,
        };
        self.notify(Notice::SessionWelcome(welcome)).await
    }

    async fn converse(&mut self) -> End {
        let gateway = Arc::clone(&self.gateway);
        let client = Arc::clone(&self.client);
        let mut heartbeat = tokio::time::interval(gateway.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut token_check = tokio::time::interval(limits::TOKEN_CHECK);
        token_check.reset();
        let mut expires_at = self.claims.expires_at;
        let expiry = tokio::time::sleep(time_until(expires_at));
        tokio::pin!(expiry);
        loop {
            if expires_at != self.claims.expires_at {
                expires_at = self.claims.expires_at;
                expiry.as_mut().reset(tokio::time::Instant::now() + time_until(expires_at));
            }
            let result = tokio::select! {
                reason = client.closed() => Err(End::Close(reason)),
                () = gateway.closing.cancelled() => Err(End::Close(CloseReason::Restart)),
                message = self.socket.next() => self.received(message).await,
                Some(outgoing) = self.outbox.recv() => self.forward(outgoing).await,
                () = self.attendance.due(), if self.attendance.listens() => self.tell_presences().await,
                _ = heartbeat.tick() => self.beat().await,
                () = &mut expiry => Err(End::Close(CloseReason::Token)),
                _ = token_check.tick() => self.check_token(),
                revoked = self.revocations.recv() => self.revoked(revoked),
                Ok(()) = self.policy.changed() => {
                    self.take_policy();
                    Ok(())
                }
                () = gateway.draining.cancelled(), if !self.told_to_reconnect => self.reconnect().await,
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn received(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.alive = true;
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                let now = self.place.now();
                metrics::counter!("websocket_received_bytes_total").increment(message.len() as u64);
                let mut actions = std::mem::take(&mut self.actions);
                match (self.client.encoding, &message) {
                    (Encoding::Json, Message::Text(text)) => {
                        self.session.receive_text(text, now, &mut actions)
                    }
                    (Encoding::Proto, Message::Binary(bytes)) => {
                        self.session.receive_binary(bytes, now, &mut actions);
                    }
                    (encoding, _) => return Err(self.broken(CloseReason::Unsupported(encoding))),
                }
                self.session.allowance().settle();
                for action in actions.drain(..) {
                    if is_input(&action) {
                        self.attendance.input(self.character(), now);
                    }
                    self.act(action).await?;
                }
                self.actions = actions;
                self.flush().await
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            // tungstenite has queued the answer; a flush sends it.
            Some(Ok(Message::Close(_))) => {
                let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, self.socket.flush()).await;
                Err(End::Closed)
            }
            Some(Err(Error::Capacity(_))) => Err(self.broken(CloseReason::TooBig)),
            Some(Err(Error::Utf8(_))) => Err(self.broken(CloseReason::InvalidText)),
            Some(Err(Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ))) => Err(End::Gone),
            Some(Err(Error::Protocol(_))) => Err(self.broken(CloseReason::Protocol)),
            Some(Err(Error::Io(error))) if Excess::of(&error).is_some() => Err(self.flood()),
            Some(Err(_)) | None => Err(End::Gone),
        }
    }

    /// The frames are not what they should be.
    fn broken(&self, reason: CloseReason) -> End {
        self.place.offend(Offence::Breach, 1);
        End::Close(reason)
    }

    /// There is too much of something.
    fn flood(&self) -> End {
        self.place.offend(Offence::Flood, 1);
        End::Close(CloseReason::Policy)
    }

    async fn act(&mut self, action: Action) -> Result<(), End> {
        match action {
            Action::Send(frame) => self.feed(frame).await,
            Action::Flood => Err(self.flood()),
            Action::Refresh { request, token } => {
                let refreshed = self.refresh(token);
                self.answer(request, refreshed).await
            }
            Action::Join { request, character } => {
                let (gateway, client) = (Arc::clone(&self.gateway), Arc::clone(&self.client));
                let account = self.claims.account;
                let task =
                    tokio::spawn(
                        async move { join::join(&gateway, &client, account, character, request).await },
                    );
                self.joining = Some((character, task));
                Ok(())
            }
            Action::Leave { request } => {
                if let Some((character, _)) = self.joining {
                    self.submit_leave(character, request).await;
                }
                Ok(())
            }
            Action::Submit { request, ask } => {
                let Some((character, _)) = self.joining else { return Ok(()) };
                let client = Arc::clone(&self.client);
                let zone = self.gateway.zones.handle(client.zone());
                match zone.submit(ZoneMessage::Ask { client, character, request, ask }) {
                    Ok(()) => Ok(()),
                    Err(_) => self.answer(request, Err(RpcError::Busy(Duration::from_millis(100)))).await,
                }
            }
            Action::Ack { request, tick } => {
                self.client.acknowledge(tick);
                self.answer(request, Ok(Outcome::Done(Done {}))).await
            }
            Action::Inquire { request, inquiry } => {
                let result = self.attendance.answer(inquiry, self.character(), &self.client);
                self.answer(request, result).await
            }
            Action::Ping { request, nonce } => {
                let pong = self.pong(nonce);
                self.answer(request, Ok(Outcome::Pong(pong))).await
            }
        }
    }

    /// Who is in the world.
    fn character(&self) -> Option<CharacterId> {
        match self.session.state() {
            State::Joined(character) => Some(character),
            _ => None,
        }
    }

    /// The connection goes on with another token of the same account, which ends no sooner.
    fn refresh(&mut self, token: String) -> Result<Outcome, RpcError> {
        let claims = match self.gateway.auth.verify(&token) {
            Ok(claims) => claims,
            Err(AuthError::Expired) => {
                return Err(RpcError::Unauthorized("this token has expired; get another"));
            }
            Err(AuthError::Revoked) => {
                return Err(RpcError::Unauthorized("this token was revoked; log in again"));
            }
            Err(AuthError::Invalid) => {
                self.place.offend(Offence::BadToken, 1);
                return Err(RpcError::Unauthorized("this is no access token; log in"));
            }
        };
        if claims.account != self.claims.account {
            let why = "this token is of another account; open a connection for that";
            return Err(RpcError::Unauthorized(why));
        }
        if claims.expires_at < self.claims.expires_at {
            return Err(RpcError::Unauthorized("this token ends before the one in use; get a newer one"));
        }
        let expires_in_ms = time_until(claims.expires_at).as_millis() as u64;
        (self.claims, self.token) = (claims, token);
        Ok(Outcome::Refreshed(Refreshed { expires_in_ms }))
    }

    fn take_policy(&mut self) {
        let policy = Arc::clone(&self.policy.borrow_and_update());
        self.socket.get_mut().set_policy(Arc::clone(&policy));
        self.session.allowance().set_policy(policy);
    }

    fn pong(&self, nonce: Option<i64>) -> Pong {
        let tick = match self.session.state() {
            State::Joined(_) => {
                let zone = self.gateway.zones.handle(self.client.zone());
                Some(zone.stats.tick.load(std::sync::atomic::Ordering::Relaxed))
            }
            _ => None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Pong { nonce, tick, server_time_ms: now.as_millis() as u64 }
    }

    /// Sends what the outbox holds, all of it that is there, with one flush.
    async fn forward(&mut self, first: Outgoing) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Frame(frame) => self.feed(frame).await?,
                Outgoing::Answer { request, result } => {
                    self.answer(request, result.map(|outcome| *outcome)).await?;
                }
                Outgoing::Joined { request, character, joined } => {
                    self.session.set_state(State::Joined(character));
                    self.answer(request, Ok(Outcome::Joined(*joined))).await?;
                }
                Outgoing::NotJoined { request, error } => {
                    self.session.set_state(State::Connected);
                    self.joining = None;
                    self.answer(request, Err(error)).await?;
                }
                Outgoing::Left { request } => {
                    self.session.set_state(State::Connected);
                    self.joining = None;
                    self.answer(request, Ok(Outcome::Done(Done {}))).await?;
                }
                Outgoing::Close(reason) => {
                    self.flush().await?;
                    return Err(End::Close(reason));
                }
            }
            next = self.outbox.try_recv().ok();
        }
        self.attendance.walk(self.character(), self.client.zone(), &self.gateway.zones);
        match self.client.take_corrections() {
            0 => {}
            count => self.place.offend(Offence::Corrected, count),
        }
        self.flush().await
    }

    async fn answer(&mut self, request: RequestId, result: Result<Outcome, RpcError>) -> Result<(), End> {
        if let Some(received_at) = self.session.received_at(request) {
            let latency = self.place.now().saturating_sub(received_at);
            metrics::histogram!("websocket_message_latency_seconds").record(latency);
        }
        match self.session.answer(request, result) {
            Some(frame) => self.feed(frame).await,
            None => Ok(()),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.alive) {
            return Err(End::Close(CloseReason::Heartbeat));
        }
        self.attendance.look_idle(self.character(), self.started.elapsed(), self.gateway.away_after);
        self.feed(Message::Ping(Bytes::new())).await?;
        self.flush().await
    }

    async fn tell_presences(&mut self) -> Result<(), End> {
        match self.attendance.changes() {
            Some(notice) => self.notify(notice).await,
            None => Ok(()),
        }
    }

    fn check_token(&self) -> Result<(), End> {
        self.gateway.auth.verify(&self.token).map(drop).map_err(|_| End::Close(CloseReason::Token))
    }

    fn revoked(&self, session: Result<Arc<str>, broadcast::error::RecvError>) -> Result<(), End> {
        match session {
            Ok(session) if *session == *self.claims.session => Err(End::Close(CloseReason::Token)),
            Ok(_) => Ok(()),
            // Some were missed: ask.
            Err(broadcast::error::RecvError::Lagged(_)) => self.check_token(),
            Err(broadcast::error::RecvError::Closed) => Err(End::Close(CloseReason::Restart)),
        }
    }

    async fn reconnect(&mut self) -> Result<(), End> {
        self.told_to_reconnect = true;
        let reconnect = SystemReconnect { reason: "shutdown".to_owned(), after_ms: 1_000 };
        self.notify(Notice::SystemReconnect(reconnect)).await
    }

    async fn notify(&mut self, notice: Notice) -> Result<(), End> {
        self.feed(notification(self.client.encoding, notice)).await?;
        self.flush().await
    }

    /// Puts a frame into the socket's buffer; waits only when that is full.
    async fn feed(&mut self, message: impl Into<Message>) -> Result<(), End> {
        let message = message.into();
        metrics::counter!("websocket_sent_bytes_total").increment(message.len() as u64);
        let client = Arc::clone(&self.client);
        written(&client, self.socket.feed(message)).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        let client = Arc::clone(&self.client);
        written(&client, self.socket.flush()).await
    }

    /// Takes the character out of the world, if it is in it or on its way.
    async fn leave_world(&mut self) {
        let Some((character, task)) = self.joining.take() else { return };
        // A join cannot be taken back half-way: the character might stay taken for ever.
        let entered = task.await.unwrap_or(false);
        if entered && self.session.state() != State::Leaving {
            self.submit_leave(character, NO_REQUEST).await;
        }
    }

    async fn submit_leave(&mut self, character: CharacterId, request: RequestId) {
        let client = Arc::clone(&self.client);
        let mut message = ZoneMessage::Leave { client, character, request };
        loop {
            match self.gateway.zones.handle(self.client.zone()).submit(message) {
                Ok(()) | Err((InboxError::Gone, _)) => return,
                Err((InboxError::Busy, returned)) => message = returned,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits for a write, but not for ever, and not when the connection is to be closed.
async fn written(client: &Client, write: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    tokio::select! {
        biased;
        result = write => result.map_err(|_| End::Gone),
        reason = client.closed() => Err(End::Close(reason)),
        () = tokio::time::sleep(limits::WRITE_TIMEOUT) => Err(End::Close(CloseReason::TooSlow)),
    }
}

/// Says why, then reads what is still on its way: a socket closed with unread bytes is reset, and
/// the reset overtakes the close frame.
async fn close(socket: &mut Socket, reason: CloseReason) {
    let (code, text) = reason.code();
    let frame = CloseFrame { code: code.into(), reason: text.into() };
    let farewell = async {
        if socket.close(Some(frame)).await.is_err() {
            return;
        }
        let stream = socket.get_mut().unmetered();
        let mut rest = [0; 1024];
        let mut left = 64 * limits::MESSAGE_BYTES;
        while let Ok(read @ 1..) = stream.read(&mut rest).await {
            left = left.saturating_sub(read);
            // The answering close frame is a handful of bytes at the end of a read.
            if left == 0 || read < 16 {
                break;
            }
        }
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, farewell).await;
}

/// The client has said goodbye and was answered: ends our side, and reads what comes behind its goodbye, so that the
/// socket is not reset before it has read the answer.
async fn linger(socket: &mut Socket) {
    let stream = socket.get_mut().unmetered();
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = [0; 1024];
    let mut left = 64 * limits::MESSAGE_BYTES;
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}

fn time_until(unix_seconds: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0)).saturating_sub(now)
}
